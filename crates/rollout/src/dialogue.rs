//! An episode without input and output: it is given what the agent says and calls, turn by turn, and
//! answers for world and user. Whoever drives it decides where the turns come from.

use practicum_chat::{Message, Role, ToolCall};
use practicum_task::Task;
use practicum_world::{ErrorKind, Outcome, Session, StateError, Transcript, verify};
use serde::Deserialize;

use crate::attribution::{Evidence, attribute};
use crate::episode::{Episode, EpisodeLimits, Keep, system_message};
use crate::trajectory::{Ending, StepRecord};
use crate::user::{TemplateUser, UserMemory, UserRecord, Worded};

/// One turn of an agent: calls, or something that it says to the user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Turn {
    /// What is said. Beside calls it is thinking aloud, and the user does not hear it.
    pub content: String,
    /// What was thought.
    pub reasoning: Option<String>,
    /// The calls; their ids are given anew.
    pub calls: Vec<ToolCall>,
}

/// What came of a turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// The replies to the calls that were made: the text, and whether it succeeded.
    pub replies: Vec<(String, bool)>,
    /// What the user answered.
    pub user: Option<String>,
    /// How the episode ended, if it has.
    pub ending: Option<Ending>,
}

/// An episode that goes on.
#[derive(Debug)]
pub struct Dialogue {
    limits: EpisodeLimits,
    errors: usize,
    keep: Keep,
    messages: Vec<Message>,
    steps: Vec<StepRecord>,
    user: Vec<UserRecord>,
    last_lines: Vec<String>,
    memory: UserMemory,
    transcript: Transcript,
    evidence: Evidence,
    turns: usize,
    calls: usize,
    /// Calls in a row that failed.
    failed: usize,
    ending: Option<Ending>,
}

#[derive(Deserialize)]
struct Finish {
    outcome: Outcome,
    #[serde(default)]
    answer: Option<String>,
}

/// Calls in a row that fail, after which an agent will not find its way back.
pub(crate) const MOST_ERRORS: usize = 20;

impl Dialogue {
    /// Begins on a session, which is reset first. The system message and the request are said.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn begin(
        session: &mut Session,
        task: &Task,
        limits: EpisodeLimits,
        keep: Keep,
    ) -> Result<Self, StateError> {
        session.reset(task.seed)?;
        let mut dialogue = Self {
            limits,
            errors: MOST_ERRORS,
            keep,
            messages: Vec::new(),
            steps: Vec::new(),
            user: Vec::new(),
            last_lines: Vec::new(),
            memory: UserMemory::default(),
            transcript: Transcript::default(),
            evidence: Evidence::default(),
            turns: 0,
            calls: 0,
            failed: 0,
            ending: None,
        };
        if keep == Keep::Trajectory {
            let system = system_message(session.world());
            dialogue.messages.push(Message::text(Role::System, system));
            let opening = TemplateUser::new(task).opening();
            dialogue.messages.push(Message::text(Role::User, opening));
        }
        Ok(dialogue)
    }

    /// Ends it after this many calls in a row that failed.
    #[must_use]
    pub fn with_errors(mut self, errors: usize) -> Self {
        self.errors = errors.max(1);
        self
    }

    /// Everything so far, as a model reads it.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Takes a turn of the agent.
    ///
    /// # Errors
    /// When SQLite fails: an infrastructure fault, never scored.
    pub fn take(
        &mut self,
        session: &mut Session,
        task: &Task,
        turn: Turn,
    ) -> Result<Heard, StateError> {
        let heard = if turn.calls.is_empty() {
            self.say(session, task, turn)?
        } else {
            self.call(session, task, turn)?
        };
        self.ending = self.ending.or(heard.ending);
        Ok(heard)
    }

    /// Ends it from outside: out of time, out of tokens.
    pub fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    /// The agent leaves with an answer and without an outcome.
    pub(crate) fn leave(&mut self, answer: String) {
        if self.keep == Keep::Trajectory {
            self.messages
                .push(Message::text(Role::Assistant, answer.as_str()));
        }
        self.transcript.outcome = None;
        self.transcript.answer = answer;
        self.end(Ending::Finished);
    }

    /// Replaces the words of the user's last message by others that say the same.
    pub fn reword(&mut self, words: &str) {
        if let Some(last) = self.messages.last_mut()
            && last.role == Role::User
        {
            words.clone_into(&mut last.content);
        }
    }

    /// Lets the user say its last message in a voice's words, and keeps what the voice made of it.
    pub fn voice(&mut self, worded: Worded) {
        self.reword(&worded.text);
        let last = self.messages.len().saturating_sub(1);
        match self.user.last_mut() {
            Some(record) if record.message + 1 == last => record.voice = Some(worded),
            _ => self.user.push(UserRecord {
                message: last,
                acts: vec!["request".into()],
                told: Vec::new(),
                voice: Some(worded),
            }),
        }
    }

    fn say(&mut self, session: &mut Session, task: &Task, turn: Turn) -> Result<Heard, StateError> {
        self.turns += 1;
        let at = self.messages.len();
        if self.keep == Keep::Trajectory {
            self.messages.push(Message {
                reasoning_content: turn.reasoning,
                ..Message::text(Role::Assistant, turn.content.as_str())
            });
        }
        self.transcript.answer.clone_from(&turn.content);
        if self.turns > self.limits.turns {
            return Ok(Heard {
                ending: Some(Ending::TurnLimit),
                ..Heard::default()
            });
        }
        let mut user = TemplateUser::resume(task, std::mem::take(&mut self.memory));
        let answer = user.hear(&turn.content, session)?;
        self.memory = user.into_memory();
        self.transcript.agreements.extend(answer.agreement);
        self.transcript.outcome = answer.claim;
        self.evidence.user = self.evidence.user.take().or(answer.fault);
        let user = answer.reply;
        if self.keep == Keep::Trajectory {
            self.user.push(UserRecord {
                message: at,
                acts: answer.acts,
                told: answer.told,
                voice: None,
            });
            if let Some(text) = &user {
                self.messages.push(Message::text(Role::User, text.as_str()));
            }
        }
        Ok(Heard {
            replies: Vec::new(),
            ending: answer.ending,
            user,
        })
    }

    fn call(
        &mut self,
        session: &mut Session,
        task: &Task,
        turn: Turn,
    ) -> Result<Heard, StateError> {
        let mut heard = Heard::default();
        let at = self.messages.len();
        let kept = self.keep == Keep::Trajectory;
        if kept {
            self.messages.push(Message {
                content: turn.content.clone(),
                reasoning_content: turn.reasoning,
                ..Message::calls(Vec::new())
            });
        }
        for mut call in turn.calls {
            // Nine letters and digits: what the strictest chat template accepts as an id.
            call.id = format!("call{:05}", self.calls);
            let function = &call.function;
            let (content, ok) = if function.name == "finish" {
                match read_finish(&function.arguments) {
                    Ok(finish) => {
                        self.transcript.outcome = Some(finish.outcome);
                        self.transcript.answer = finish.answer.unwrap_or_default();
                        heard.ending = Some(Ending::Finished);
                        if kept {
                            self.messages[at].tool_calls.push(call);
                        }
                        break;
                    }
                    Err(error) => (
                        serde_json::json!({
                            "error": {"type": "invalid_arguments", "message": error}
                        })
                        .to_string(),
                        false,
                    ),
                }
            } else {
                if self.calls >= self.limits.calls {
                    heard.ending = Some(Ending::CallLimit);
                    break;
                }
                let reply = session.call_text(&function.name, &function.arguments);
                if let Err(error) = &reply.result
                    && error.kind == ErrorKind::Fault
                {
                    let evidence = format!("{}: {}", function.name, error.message);
                    self.evidence.world.get_or_insert(evidence);
                }
                (reply.content(), reply.is_ok())
            };
            let finishing = function.name == "finish";
            self.calls += 1;
            self.failed = if ok { 0 } else { self.failed + 1 };
            if kept {
                self.messages[at].tool_calls.push(call.clone());
                self.messages.push(Message::reply(&call, content.as_str()));
                if !finishing {
                    self.step(session, task, &content, ok)?;
                }
            }
            heard.replies.push((content, ok));
            if self.failed >= self.errors {
                heard.ending = Some(Ending::ErrorLimit);
                break;
            }
        }
        // A turn of which nothing was done leaves no trace but its words.
        if kept && self.messages[at].tool_calls.is_empty() && self.messages[at].content.is_empty() {
            self.messages.truncate(at);
        }
        Ok(heard)
    }

    fn step(
        &mut self,
        session: &mut Session,
        task: &Task,
        content: &str,
        ok: bool,
    ) -> Result<(), StateError> {
        let lines = if ok {
            session.diff()?.lines(session.world())
        } else {
            self.last_lines.clone()
        };
        let (mut changes, mut progress) = (Vec::new(), None);
        if lines != self.last_lines {
            changes.clone_from(&lines);
            let wanted = task.expectation.ends.first();
            let wanted = wanted.map_or(0, |end| end.diff.relevant(session.world()).count());
            if wanted > 0 {
                let so_far = verify(session, &Transcript::default(), &task.expectation)?;
                let missing = so_far.missing.len().min(wanted);
                progress = Some((wanted - missing) as f64 / wanted as f64);
            }
        }
        self.last_lines = lines;
        if let Some(logged) = session.log().last() {
            self.steps.push(StepRecord {
                call: logged.clone(),
                reply: content.to_string(),
                changes,
                progress,
            });
        }
        Ok(())
    }

    /// Judges it. One that nothing has ended counts as given up by its user.
    ///
    /// # Errors
    /// When SQLite fails: an infrastructure fault, never scored.
    pub fn judge(mut self, session: &mut Session, task: &Task) -> Result<Episode, StateError> {
        let verdict = verify(session, &self.transcript, &task.expectation)?;
        if !verdict.passed
            && verdict.fault.is_none()
            && verify(session, &self.transcript, &task.expectation)? != verdict
        {
            self.evidence.verifier = Some("a second verification disagrees".into());
        }
        if let Some(fault) = &verdict.fault {
            self.evidence.verifier = Some(fault.clone());
        }
        let (fault, evidence) = attribute(&verdict, self.evidence);
        Ok(Episode {
            ending: self.ending.unwrap_or(Ending::UserGaveUp),
            verdict,
            fault,
            evidence,
            transcript: self.transcript,
            messages: self.messages,
            steps: self.steps,
            user: self.user,
        })
    }
}

fn read_finish(arguments: &str) -> Result<Finish, String> {
    serde_json::from_str(arguments)
        .map_err(|error| format!("finish takes an outcome and an answer: {error}"))
}
