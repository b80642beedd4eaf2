//! How much the wordings of tasks differ.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

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
        let mut wordings = Wordings::default();
        for task in tasks {
            wordings.note(task);
        }
        wordings.variety()
    }

    /// Different intents for each hundred tasks.
    pub fn per_hundred(&self) -> f64 {
        100.0 * self.distinct as f64 / self.tasks.max(1) as f64
    }
}

/// The wordings of tasks that come one by one.
#[derive(Debug, Clone, Default)]
pub struct Wordings {
    counts: BTreeMap<String, usize>,
    /// Runs of three words: all, and hashes of the different ones.
    runs: usize,
    different: BTreeSet<u64>,
}

impl Wordings {
    /// Counts one task's.
    pub fn note(&mut self, task: &Task) {
        let masked = masked_intent(task);
        let words: Vec<&str> = masked.split_whitespace().collect();
        for run in words.windows(3) {
            let mut hasher = DefaultHasher::new();
            run.hash(&mut hasher);
            self.runs += 1;
            self.different.insert(hasher.finish());
        }
        *self.counts.entry(masked).or_default() += 1;
    }

    /// How much they differ.
    pub fn variety(&self) -> Variety {
        Variety {
            tasks: self.counts.values().sum(),
            distinct: self.counts.len(),
            distinct_3: if self.runs == 0 {
                0.0
            } else {
                self.different.len() as f64 / self.runs as f64
            },
        }
    }

    /// The wording that most tasks share, and how many do.
    pub fn commonest(&self) -> Option<(&str, usize)> {
        let most = self.counts.iter().max_by_key(|(_, count)| **count);
        most.map(|(wording, count)| (wording.as_str(), *count))
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
