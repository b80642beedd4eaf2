//! The simulated user: a ledger decides what is told, a template words it.
//!
//! The simple form: the request says everything; a question about something that was told is answered
//! from the ledger, another honestly with "I don't have that". A proposal that names in full what the user
//! wants is agreed to. The user never looks at the state.

use practicum_task::{Slot, Task, agreement, is_proposal, second_thoughts, users_call};
use practicum_world::{Actor, Agreement, Session, StateError};
use serde::{Deserialize, Serialize};

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
}

/// The agent's turns after which the user gives up.
const PATIENCE: usize = 12;

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

    /// The first message: the request.
    pub fn opening(&self) -> String {
        self.intent.to_string()
    }

    /// The agreement to a proposal that names in full something that the user wants; what the user says
    /// then is [`Self::YES`]. None for everything else, which [`Self::answer`] answers. Of the session
    /// only the ids that it made and the number of calls are asked, never its state.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn agree(
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

    /// The answer to something that the agent says; None when the user gives up.
    pub fn answer(&mut self, said: &str) -> Option<String> {
        self.memory.turns += 1;
        if self.memory.turns > PATIENCE {
            return None;
        }
        if let Some(seen) = self.memory.seen.take() {
            return Some(format!("I did that. What I see: {seen}"));
        }
        if let Some(news) = second_thoughts(self.task, said) {
            return Some(news.to_string());
        }
        let words = words(said);
        let asked: Vec<&Slot> = self
            .slots
            .iter()
            .filter(|slot| {
                let name = self::words(&slot.name);
                !name.is_empty() && name.iter().all(|word| words.contains(word))
            })
            .collect();
        if !asked.is_empty() {
            let told: Vec<String> = asked
                .iter()
                .map(|slot| format!("The {} is {}.", slot.name, slot.said))
                .collect();
            return Some(told.join(" "));
        }
        if is_proposal(said) {
            return Some(format!(
                "What exactly would you do? Please name every detail. As I said: {}",
                self.intent
            ));
        }
        if said.contains('?') {
            return Some(format!("I don't have that. As I said: {}", self.intent));
        }
        Some("Please go on.".into())
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty() && !["the", "of", "a", "an"].contains(word))
        .map(str::to_lowercase)
        .collect()
}
