//! The simulated user: a ledger decides what is told, a template words it.
//!
//! The simple form: the request says everything; a question about something that was told is answered
//! from the ledger, another honestly with "I don't have that". The user never looks at the state.

use practicum_task::{Slot, Task};

/// A user who holds a ledger and words it by template.
#[derive(Debug)]
pub struct TemplateUser<'a> {
    intent: &'a str,
    slots: &'a [Slot],
    turns: usize,
}

/// The agent's turns after which the user gives up.
const PATIENCE: usize = 12;

impl<'a> TemplateUser<'a> {
    /// The user of a task.
    pub fn new(task: &'a Task) -> Self {
        Self {
            intent: &task.intent,
            slots: &task.slots,
            turns: 0,
        }
    }

    /// The first message: the request.
    pub fn opening(&self) -> String {
        self.intent.to_string()
    }

    /// The answer to something that the agent says; None when the user gives up.
    pub fn answer(&mut self, said: &str) -> Option<String> {
        self.turns += 1;
        if self.turns > PATIENCE {
            return None;
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
