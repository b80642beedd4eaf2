//! How much the wordings of tasks differ.

use std::collections::BTreeSet;

use crate::task::Task;

/// How much the intents of some tasks differ, with the values masked that the user tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variety {
    /// Tasks that were looked at.
    pub tasks: usize,
    /// Different intents after masking.
    pub distinct: usize,
    /// Different runs of three words, divided by all runs of three words.
    pub distinct_3: f64,
}

impl Variety {
    /// Of these tasks.
    pub fn of<'a>(tasks: impl IntoIterator<Item = &'a Task>) -> Self {
        let masked: Vec<String> = tasks.into_iter().map(masked_intent).collect();
        let mut all = 0_usize;
        let mut different: BTreeSet<[&str; 3]> = BTreeSet::new();
        for intent in &masked {
            let words: Vec<&str> = intent.split_whitespace().collect();
            for run in words.windows(3) {
                all += 1;
                different.insert([run[0], run[1], run[2]]);
            }
        }
        let distinct: BTreeSet<&String> = masked.iter().collect();
        Self {
            tasks: masked.len(),
            distinct: distinct.len(),
            distinct_3: if all == 0 {
                0.0
            } else {
                different.len() as f64 / all as f64
            },
        }
    }

    /// Different intents for each hundred tasks.
    pub fn per_hundred(&self) -> f64 {
        100.0 * self.distinct as f64 / self.tasks.max(1) as f64
    }
}

/// An intent with every value that the user tells replaced by `_`.
pub fn masked_intent(task: &Task) -> String {
    let mut said: Vec<&str> = task.slots.iter().map(|slot| slot.said.as_str()).collect();
    // A value that holds another one goes first.
    said.sort_by_key(|said| std::cmp::Reverse(said.len()));
    let mut intent = task.intent.clone();
    for value in said.into_iter().filter(|value| !value.is_empty()) {
        intent = masked(&intent, value);
    }
    intent
}

/// A text with each occurrence of a value as whole words replaced by `_`.
fn masked(text: &str, value: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(value) {
        let (head, tail) = (&rest[..at], &rest[at + value.len()..]);
        let inside = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        out.push_str(head);
        if inside(head.chars().next_back()) || inside(tail.chars().next()) {
            out.push_str(value);
        } else {
            out.push('_');
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_as_whole_words() {
        assert_eq!(masked("1 of 12, 1", "1"), "_ of 12, _");
        assert_eq!(masked("Ana and Anabel", "Ana"), "_ and Anabel");
    }
}
