//! A conversation of agent and user over an environment, without input and output: it is given what each
//! says, says who is next, and ends as the official program's do.

use practicum_chat::{Message, Role as ChatRole, ToolCall};
use practicum_world::State;
use serde::{Deserialize, Serialize};

use super::domain::Domain;
use super::environment::{Environment, EnvironmentError, Requestor, Role};
use super::results::{GREETING, ToolReply, TrajectoryMessage, Utterance};
use super::score::Termination;
use super::task::Task;

/// What a conversation may take. The defaults are the official program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Steps: a message of one party is one, and so are the replies to all of its calls.
    pub steps: usize,
    /// Calls that fail.
    pub errors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 200,
            errors: 10,
        }
    }
}

/// A conversation that goes on, or has ended.
#[derive(Debug)]
pub struct Conversation {
    environment: Environment,
    limits: Limits,
    messages: Vec<TrajectoryMessage>,
    next: Requestor,
    steps: usize,
    errors: usize,
    ending: Option<Termination>,
}

/// Texts that end a conversation wherever the user says them: satisfied, handed over, out of the scenario.
const STOP_WORDS: [&str; 3] = ["###STOP###", "###TRANSFER###", "###OUT-OF-SCOPE###"];

impl Conversation {
    /// A conversation in which the agent has greeted and the user is next.
    ///
    /// # Errors
    /// When the task's environment cannot be made.
    pub fn begin(
        domain: Domain,
        state: &State,
        task: &Task,
        limits: Limits,
    ) -> Result<Self, EnvironmentError> {
        let mut environment = Environment::of_task(domain, state, task, Role::Live)?;
        environment.synchronise()?;
        Ok(Self {
            environment,
            limits,
            messages: vec![TrajectoryMessage::Assistant(Utterance::text(GREETING))],
            next: Requestor::User,
            steps: 0,
            errors: 0,
            ending: None,
        })
    }

    /// Who speaks next.
    pub fn next(&self) -> Requestor {
        self.next
    }

    /// Why it ended; None while it goes on.
    pub fn ending(&self) -> Option<Termination> {
        self.ending
    }

    /// Ends it from outside.
    pub fn end(&mut self, reason: Termination) {
        self.ending.get_or_insert(reason);
    }

    /// Everything that was said and called.
    pub fn into_messages(self) -> Vec<TrajectoryMessage> {
        self.messages
    }

    /// Everything that was said and called.
    pub fn messages(&self) -> &[TrajectoryMessage] {
        &self.messages
    }

    /// Takes the message of whoever is next, and answers its calls.
    pub fn take(&mut self, said: Utterance) {
        let speaker = self.next;
        let calls = said.calls().to_vec();
        self.steps += 1;
        if speaker == Requestor::User && calls.is_empty() {
            let text = said.content.as_deref().unwrap_or_default();
            if STOP_WORDS.iter().any(|word| text.contains(word)) {
                self.ending = Some(Termination::UserStop);
            }
        }
        self.messages.push(match speaker {
            Requestor::Assistant => TrajectoryMessage::Assistant(said),
            Requestor::User => TrajectoryMessage::User(said),
        });
        for call in &calls {
            let output = self
                .environment
                .respond(call.requestor, &call.name, &call.arguments);
            self.errors += usize::from(output.error);
            let reply = ToolReply::to(call, &output);
            self.messages.push(TrajectoryMessage::Tool(reply));
        }
        if calls.is_empty() {
            self.next = match speaker {
                Requestor::Assistant => Requestor::User,
                Requestor::User => Requestor::Assistant,
            };
        } else {
            self.steps += 1;
        }
        // A limit that is reached with the user's last word counts all the same.
        if self.steps >= self.limits.steps {
            self.ending = Some(Termination::MaxSteps);
        }
        if self.errors >= self.limits.errors {
            self.ending = Some(Termination::TooManyErrors);
        }
    }

    /// The conversation as one party knows it: its own messages and calls, what the other said. The user's
    /// model plays its part as an assistant does.
    pub fn seen_by(&self, party: Requestor, instructions: &str) -> Vec<Message> {
        let mut seen = vec![Message::text(ChatRole::System, instructions)];
        for message in &self.messages {
            let (speaker, said) = match message {
                TrajectoryMessage::System(_) => continue,
                TrajectoryMessage::Assistant(said) => (Requestor::Assistant, said),
                TrajectoryMessage::User(said) => (Requestor::User, said),
                TrajectoryMessage::Tool(reply) => {
                    if reply.requestor == party {
                        let call = ToolCall::new(reply.id.clone(), "", "");
                        let content = reply.content.clone().unwrap_or_default();
                        let mut own = Message::reply(&call, content);
                        own.name = None;
                        seen.push(own);
                    }
                    continue;
                }
            };
            let content = said.content.clone().unwrap_or_default();
            if speaker == party {
                let mut own = Message::text(ChatRole::Assistant, content);
                own.tool_calls = said
                    .calls()
                    .iter()
                    .map(|call| {
                        let arguments = serde_json::Value::Object(call.arguments.clone());
                        ToolCall::new(call.id.clone(), call.name.clone(), arguments.to_string())
                    })
                    .collect();
                seen.push(own);
            } else if said.calls().is_empty() {
                seen.push(Message::text(ChatRole::User, content));
            }
        }
        seen
    }
}
