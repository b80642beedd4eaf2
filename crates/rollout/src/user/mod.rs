//! The simulated user: a ledger decides what is told, a template words it.
//!
//! The request says everything; what is asked for again is told again, and what the user has no value for
//! is answered honestly with "I don't have that". A proposal that names in full what the user wants is
//! agreed to, one that names it in part is corrected. The user never looks at the state: it ends on what was
//! said.

mod acts;
mod ask;
mod fields;
mod voice;

use practicum_task::{Slot, Task, agreement, is_proposal, second_thoughts, users_call};
use practicum_world::{Actor, Agreement, Answer, Outcome, Session, StateError};
use serde::{Deserialize, Serialize};

use self::acts::{Sentence, claim, closes, is_general, sentences};
use self::ask::{Asked, Index};
pub use self::voice::{ModelVoice, Refusal, Worded};
use crate::trajectory::Ending;

/// A user who holds a ledger and words it by template.
#[derive(Debug)]
pub struct TemplateUser<'a> {
    intent: &'a str,
    slots: &'a [Slot],
    task: &'a Task,
    memory: UserMemory,
}

/// What a user remembers of a conversation: all that must be kept to go on with it after a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserMemory {
    turns: usize,
    /// Positions of the wishes that were agreed to.
    agreed: Vec<usize>,
    /// What the user's own tool showed, to be told next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
    /// How often each slot was told again, by position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    told: Vec<usize>,
    /// Turns that only asked how to help.
    #[serde(default, skip_serializing_if = "is_zero")]
    general: usize,
    /// The user has asked whether it is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    asked_whether_done: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's form
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What the user makes of a message of the agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserTurn {
    /// What the user answers; None when the user leaves without a word.
    pub reply: Option<String>,
    /// What was agreed to.
    pub agreement: Option<Agreement>,
    /// The outcome that the message claims in words.
    pub claim: Option<Outcome>,
    /// How the user ends the episode.
    pub ending: Option<Ending>,
    /// What the message was understood as.
    pub acts: Vec<String>,
    /// Positions of the slots that were told.
    pub told: Vec<usize>,
    /// What the user should not have done.
    pub fault: Option<String>,
}

/// What the user understood of a message, and told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// Position of the agent's message; of the request itself, where a model words it.
    pub message: usize,
    /// What it was understood as.
    pub acts: Vec<String>,
    /// Positions in the task's slots of what was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<usize>,
    /// What a model's voice made of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Worded>,
}

/// The agent's turns after which the user gives up.
const PATIENCE: usize = 12;
/// The user gives up when one thing is asked for once more than this.
const REPEATS: usize = 3;
/// Turns of "how can I help?" that the user does not mind.
const FREE: usize = 2;

impl<'a> TemplateUser<'a> {
    /// The user of a task.
    pub fn new(task: &'a Task) -> Self {
        Self::resume(task, UserMemory::default())
    }

    /// The user of a task in the middle of a conversation.
    pub fn resume(task: &'a Task, memory: UserMemory) -> Self {
        Self {
            intent: &task.intent,
            slots: &task.slots,
            task,
            memory,
        }
    }

    /// What the user remembers now.
    pub fn memory(&self) -> &UserMemory {
        &self.memory
    }

    /// What the user remembers, for later.
    pub fn into_memory(self) -> UserMemory {
        self.memory
    }

    /// The first message: the request.
    pub fn opening(&self) -> String {
        self.intent.to_string()
    }

    /// Hears a message and answers it; a claim that the matter is settled, with no question beside it, ends
    /// the conversation.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn hear(&mut self, said: &str, session: &mut Session) -> Result<UserTurn, StateError> {
        if let Some(agreement) = self.agree(said, session)? {
            return Ok(UserTurn {
                reply: Some(Self::YES.into()),
                agreement: Some(agreement),
                acts: vec!["propose".into()],
                ..UserTurn::default()
            });
        }
        let world = session.world().clone();
        let index = Index::new(&world, self.slots);
        Ok(self.respond(said, &index))
    }

    /// Hears a message that says beside its text what it asks for: names of parameters of the world's tools, or of
    /// columns. Nothing is guessed from the words; a proposal is read as ever. None without any.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn hear_asking(
        &mut self,
        said: &str,
        asks: &[String],
        session: &mut Session,
    ) -> Result<UserTurn, StateError> {
        if asks.is_empty() || is_proposal(said) {
            return self.hear(said, session);
        }
        self.memory.turns += 1;
        if self.memory.turns > PATIENCE {
            return Ok(gave_up("patience"));
        }
        let world = session.world().clone();
        let asked = Index::new(&world, self.slots).named(&world, asks);
        Ok(self.tell(said, &asked))
    }

    /// Does with a tool of the user's own what the agent asks for, or gives the agreement to a proposal that
    /// names in full something that the user wants; what the user says then is [`Self::YES`]. None for everything else. Of the
    /// session only the ids that it made and the number of calls are asked, never its state.
    ///
    /// # Errors
    /// When SQLite fails.
    fn agree(
        &mut self,
        said: &str,
        session: &mut Session,
    ) -> Result<Option<Agreement>, StateError> {
        let world = session.world().clone();
        if let Some((tool, arguments)) = users_call(&world, self.task, said, &session.minted()) {
            let reply = session.call_as(Actor::User, &tool, &arguments);
            self.memory.seen = Some(reply.content());
            return Ok(None);
        }
        if !is_proposal(said) {
            return Ok(None);
        }
        let made = session.diff()?.made(&world);
        let calls = session.log().len();
        let found = agreement(&world, self.task, said, &made, calls, &self.memory.agreed);
        Ok(found.map(|(wish, agreement)| {
            self.memory.turns += 1;
            self.memory.agreed.push(wish);
            agreement
        }))
    }

    /// What the user says to a proposal that is agreed to.
    pub const YES: &'static str = "Yes, please go ahead.";

    fn respond(&mut self, said: &str, index: &Index<'_>) -> UserTurn {
        self.memory.turns += 1;
        if self.memory.turns > PATIENCE {
            return gave_up("patience");
        }
        if let Some(seen) = self.memory.seen.take() {
            return plain("use a tool", format!("I did that. What I see: {seen}"));
        }
        if let Some(news) = second_thoughts(self.task, said) {
            return plain("propose what is no longer wanted", news.to_string());
        }
        let sentences = sentences(said);
        let open: Vec<&Sentence<'_>> = sentences
            .iter()
            .filter(|own| own.asks && !closes(own.text) && !is_general(own.text))
            .collect();
        let answer = Answer::new(said);
        let mentioned = self
            .slots
            .iter()
            .any(|slot| answer.mentions(&slot.value, slot.kind));
        let mut asked = Asked::default();
        for sentence in &open {
            let proposes = is_proposal(sentence.text)
                && !acts::asks_for_something(sentence.text)
                // "Can you confirm the date?" names no date.
                && (mentioned || !sentence.text.to_lowercase().contains("confirm the"));
            if !proposes {
                asked.add(index.asked(sentence.text));
            }
        }
        if !asked.is_empty() {
            return self.tell(said, &asked);
        }
        if is_proposal(said) {
            return UserTurn {
                reply: Some(self.correct(said)),
                acts: vec!["propose".into()],
                ..UserTurn::default()
            };
        }
        if open.is_empty() && sentences.iter().any(|own| is_general(own.text)) {
            self.memory.general += 1;
            if self.memory.general <= FREE {
                self.memory.turns -= 1;
            }
            return plain("general", format!("As I said: {}", self.intent));
        }
        // What answers a question holds a number or a word of the world; gibberish does not.
        let states = self.wants_to_know()
            && (said.bytes().any(|byte| byte.is_ascii_digit()) || index.is_about_the_world(said));
        if let Some(outcome) = claim(said, &sentences, states) {
            return UserTurn {
                reply: Some("Thank you, that is all.".into()),
                claim: Some(outcome),
                ending: Some(Ending::UserLeft),
                acts: vec![format!("claim {}", outcome.name())],
                ..UserTurn::default()
            };
        }
        if !open.is_empty() {
            return self.choose(said, index);
        }
        if said.trim().is_empty() {
            return plain(
                "nothing",
                format!("I'm not sure what you need. As I said: {}", self.intent),
            );
        }
        if self.memory.asked_whether_done || acts::waits(said) {
            return plain("inform", "Please go on.".into());
        }
        self.memory.asked_whether_done = true;
        plain("inform", "Is it done?".into())
    }

    /// The user asked a question, and wants nothing changed.
    fn wants_to_know(&self) -> bool {
        !self.task.expectation.facts.is_empty() && !self.task.gold.iter().any(|call| call.writes)
    }

    /// Tells what was asked for, and says honestly what the user has no value for.
    fn tell(&mut self, said: &str, asked: &Asked) -> UserTurn {
        let answer = Answer::new(said);
        let mut parts = Vec::new();
        for at in &asked.slots {
            if self.memory.told.len() <= *at {
                self.memory.told.resize(*at + 1, 0);
            }
            self.memory.told[*at] += 1;
            if self.memory.told[*at] > REPEATS {
                return gave_up("asked again and again");
            }
            let slot = &self.slots[*at];
            let yes = if answer.mentions(&slot.value, slot.kind) {
                "Yes, the"
            } else {
                "The"
            };
            parts.push(format!("{yes} {} is {}.", slot.name, slot.said));
        }
        if asked.slots.is_empty() && !asked.unclear.is_empty() {
            let names: Vec<&str> = asked
                .unclear
                .iter()
                .map(|at| self.slots[*at].name.as_str())
                .collect();
            let ask = format!("Which do you mean: the {}?", names.join(", or the "));
            return plain("ask unclear", ask);
        }
        for unknown in &asked.unknown {
            parts.push(format!("I don't have the {unknown}."));
        }
        if asked.slots.is_empty() {
            parts.push(format!("As I said: {}", self.intent));
        }
        let acts = asked
            .slots
            .iter()
            .map(|at| format!("ask {}", self.slots[*at].name))
            .chain(asked.unknown.iter().map(|own| format!("ask unknown {own}")));
        UserTurn {
            reply: Some(parts.join(" ")),
            acts: acts.collect(),
            told: asked.slots.clone(),
            ..UserTurn::default()
        }
    }

    /// What is said to a proposal that is not what the user wants, or not all of it.
    fn correct(&self, said: &str) -> String {
        let answer = Answer::new(said);
        let (named, missing): (Vec<&Slot>, Vec<&Slot>) = self
            .slots
            .iter()
            .partition(|slot| answer.mentions(&slot.value, slot.kind));
        if named.is_empty() || missing.is_empty() {
            return format!(
                "What exactly would you do? Please name every detail. As I said: {}",
                self.intent
            );
        }
        let missing: Vec<String> = missing
            .iter()
            .map(|slot| format!("the {} is {}", slot.name, slot.said))
            .collect();
        format!(
            "Not yet: {}. Please name every detail. As I said: {}",
            missing.join(", and "),
            self.intent
        )
    }

    /// A question that names nothing that is known: among what it offers may be what the user wants.
    fn choose(&self, said: &str, index: &Index<'_>) -> UserTurn {
        let answer = Answer::new(said);
        let offered: Vec<usize> = (0..self.slots.len())
            .filter(|at| {
                let slot = &self.slots[*at];
                answer.mentions(&slot.value, slot.kind)
            })
            .collect();
        if !offered.is_empty() {
            let parts: Vec<String> = offered
                .iter()
                .map(|at| format!("The {} is {}.", self.slots[*at].name, self.slots[*at].said))
                .collect();
            return UserTurn {
                reply: Some(parts.join(" ")),
                acts: vec!["offer".into()],
                told: offered,
                ..UserTurn::default()
            };
        }
        if index.is_about_the_world(said) {
            return plain(
                "ask unknown",
                format!("I don't have that. As I said: {}", self.intent),
            );
        }
        plain(
            "other",
            format!("I'm not sure what you need. As I said: {}", self.intent),
        )
    }
}

fn plain(act: &str, reply: String) -> UserTurn {
    UserTurn {
        reply: Some(reply),
        acts: vec![act.into()],
        ..UserTurn::default()
    }
}

fn gave_up(why: &str) -> UserTurn {
    UserTurn {
        ending: Some(Ending::UserGaveUp),
        acts: vec![format!("gives up: {why}")],
        ..UserTurn::default()
    }
}
