//! What an agent asks for: which of the things that the user knows, or of those that the world knows and
//! the user does not.

use std::collections::BTreeSet;

use practicum_task::Slot;
use practicum_world::{ColumnRef, World};

use super::fields::{by_name, phrases, singular, words};

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Positions of slots.
    pub(crate) slots: Vec<usize>,
    /// What the world knows and the user does not, in the agent's words.
    pub(crate) unknown: Vec<String>,
    /// Slots between which the words do not decide.
    pub(crate) unclear: Vec<usize>,
}

impl Asked {
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.unknown.is_empty() && self.unclear.is_empty()
    }

    pub(crate) fn add(&mut self, other: Self) {
        for slot in other.slots {
            if !self.slots.contains(&slot) {
                self.slots.push(slot);
            }
        }
        self.unclear.extend(other.unclear);
        for unknown in other.unknown {
            if !self.unknown.contains(&unknown) {
                self.unknown.push(unknown);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Slot(usize),
    Column(ColumnRef),
}

/// A phrase, and what it may stand for.
struct Phrase {
    words: Vec<String>,
    target: Target,
    /// The slot's own name, not another way to say it.
    own: bool,
    /// Of the column, or of the column that the slot stands for.
    table: Option<usize>,
}

/// The phrases for everything that the user or the world knows.
pub(crate) struct Index<'a> {
    slots: &'a [Slot],
    phrases: Vec<Phrase>,
    /// A table's noun, and its position.
    nouns: Vec<(Vec<String>, usize)>,
    column_of: Vec<Option<ColumnRef>>,
}

/// Words that neither ask nor name.
const FILLERS: &[&str] = &["the", "of", "a", "an", "your", "my", "this", "that", "for"];

fn plain(text: &str) -> Vec<String> {
    words(text)
        .into_iter()
        .filter(|word| !FILLERS.contains(&word.as_str()))
        .collect()
}

impl<'a> Index<'a> {
    pub(crate) fn new(world: &World, slots: &'a [Slot]) -> Self {
        let schema = world.schema();
        let mut phrases_of: Vec<Phrase> = Vec::new();
        let mut nouns = Vec::new();
        let column_of: Vec<Option<ColumnRef>> = slots
            .iter()
            .map(|slot| schema.resolve(&slot.about))
            .collect();
        for (table, definition) in schema.tables.iter().enumerate() {
            let mut noun = words(&definition.name);
            if let Some(last) = noun.last_mut() {
                *last = singular(last);
            }
            for (column, own) in definition.columns.iter().enumerate() {
                let at = ColumnRef { table, column };
                let known: Vec<usize> = (0..slots.len())
                    .filter(|slot| column_of[*slot] == Some(at))
                    .collect();
                for phrase in phrases(&own.name) {
                    let mut full = noun.clone();
                    full.extend(phrase.iter().cloned());
                    for words in [phrase, full] {
                        if known.is_empty() {
                            phrases_of.push(Phrase {
                                words: words.clone(),
                                target: Target::Column(at),
                                own: false,
                                table: Some(table),
                            });
                        }
                        for slot in &known {
                            phrases_of.push(Phrase {
                                words: words.clone(),
                                target: Target::Slot(*slot),
                                own: false,
                                table: Some(table),
                            });
                        }
                    }
                }
            }
            nouns.push((noun, table));
        }
        for (at, slot) in slots.iter().enumerate() {
            let table = column_of[at].map(|column| column.table);
            phrases_of.push(Phrase {
                words: by_name(plain(&slot.name)),
                target: Target::Slot(at),
                own: true,
                table,
            });
            let mut own = Vec::new();
            // `email of the customer` is the `customer email`, too; and an argument's name says it as well.
            if let Some((what, whose)) = slot.name.split_once(" of the ") {
                own.push(plain(&format!("{whose} {what}")));
                if column_of[at].is_none() {
                    own.extend(phrases(&what.replace(' ', "_")));
                }
            } else if column_of[at].is_none() {
                own.extend(phrases(&slot.name.replace(' ', "_")));
            }
            let argument = slot.about.rsplit(['.', '/']).next().unwrap_or_default();
            own.push(by_name(plain(argument)));
            for words in own {
                if !words.is_empty() {
                    phrases_of.push(Phrase {
                        words,
                        target: Target::Slot(at),
                        own: false,
                        table,
                    });
                }
            }
        }
        Self {
            slots,
            phrases: phrases_of,
            nouns,
            column_of,
        }
    }

    /// What names of parameters or columns ask for: `email`, `get_order.order_id`, `customers.email`.
    pub(crate) fn named(&self, world: &World, names: &[String]) -> Asked {
        let mut asked = Asked::default();
        for name in names {
            let (whose, last) = name
                .rsplit_once('.')
                .map_or((None, name.as_str()), |(a, b)| (Some(a), b));
            // The columns that tools' parameters of that name stand for.
            let tools = world.tools().iter();
            let columns: BTreeSet<ColumnRef> = tools
                .filter(|tool| whose.is_none_or(|whose| whose == tool.name))
                .filter_map(|tool| tool.flow.column_of(last, world.schema()))
                .chain(world.schema().resolve(name))
                .collect();
            let mut slots: Vec<usize> = (0..self.slots.len())
                .filter(|at| {
                    let about = &self.slots[*at].about;
                    about == name
                        || self.column_of[*at].is_some_and(|own| columns.contains(&own))
                        || whose.is_none() && about.rsplit(['.', '/']).next() == Some(last)
                })
                .collect();
            // The very argument: what it is found by may be of the same column.
            let mut exact = slots.iter().filter(|at| self.slots[**at].about == *name);
            if let (Some(at), None) = (exact.next(), exact.next()) {
                slots = vec![*at];
            }
            match slots.len() {
                0 => asked.unknown.push(words(last).join(" ")),
                1 => asked.slots.append(&mut slots),
                // Two readers' cities: the name does not decide.
                _ => asked.unclear.append(&mut slots),
            }
        }
        asked.slots.dedup();
        asked
    }

    /// What a sentence that asks for something asks for.
    pub(crate) fn asked(&self, sentence: &str) -> Asked {
        let said = words(sentence);
        let singulars: Vec<String> = said.iter().map(|word| singular(word)).collect();
        let tables: BTreeSet<usize> = self
            .nouns
            .iter()
            .filter(|(noun, _)| find(&singulars, noun, &[]).is_some())
            .map(|(_, table)| *table)
            .collect();
        let mut asked = Asked::default();
        let mut taken = vec![false; said.len()];
        // The longest phrase that occurs says the most; then what is left of the sentence.
        let mut found: Vec<(usize, Vec<usize>, &Phrase)> = self
            .phrases
            .iter()
            .filter_map(|phrase| {
                let places = find(&said, &phrase.words, FILLERS)
                    .or_else(|| find(&singulars, &phrase.words, FILLERS))?;
                Some((phrase.words.len(), places, phrase))
            })
            .collect();
        found.sort_by_key(|(length, places, _)| (std::cmp::Reverse(*length), places[0]));
        let mut at = 0;
        while at < found.len() {
            let (length, places) = (found[at].0, found[at].1.clone());
            let same: Vec<&Phrase> = found[at..]
                .iter()
                .take_while(|(own, own_places, _)| *own == length && *own_places == places)
                .map(|(_, _, phrase)| *phrase)
                .collect();
            at += same.len();
            if places.iter().any(|place| taken[*place]) {
                continue;
            }
            // A table's noun says whose it is, unless that is all that was said.
            let named: Vec<&Phrase> = same
                .iter()
                .copied()
                .filter(|phrase| phrase.table.is_some_and(|table| tables.contains(&table)))
                .collect();
            let exact: Vec<&Phrase> = same.iter().copied().filter(|phrase| phrase.own).collect();
            let meant = match (exact.is_empty(), named.is_empty()) {
                (false, _) => &exact,
                (true, false) => &named,
                (true, true) => &same,
            };
            for place in &places {
                taken[*place] = true;
            }
            let mut slots: Vec<usize> = meant
                .iter()
                .filter_map(|phrase| match phrase.target {
                    Target::Slot(slot) => Some(slot),
                    Target::Column(_) => None,
                })
                .collect();
            slots.sort_unstable();
            slots.dedup();
            let own = if slots.len() > 2 {
                Asked {
                    unclear: slots,
                    ..Asked::default()
                }
            } else if slots.is_empty() {
                let words: Vec<&str> = places.iter().map(|place| said[*place].as_str()).collect();
                Asked {
                    unknown: vec![words.join(" ")],
                    ..Asked::default()
                }
            } else {
                Asked {
                    slots,
                    ..Asked::default()
                }
            };
            asked.add(own);
        }
        if asked.is_empty() {
            asked.add(self.by_noun(&tables));
        }
        if !asked.slots.is_empty() {
            // A word beside what is known, as in `the order and your email`, is no second question.
            asked.unknown.retain(|unknown| unknown.contains(' '));
        }
        asked
    }

    /// "Which order?": all that the user knows of orders.
    fn by_noun(&self, tables: &BTreeSet<usize>) -> Asked {
        let slots: Vec<usize> = (0..self.slots.len())
            .filter(|slot| {
                self.column_of[*slot].is_some_and(|column| tables.contains(&column.table))
            })
            .collect();
        let unknown = if slots.is_empty() {
            self.nouns
                .iter()
                .filter(|(_, table)| tables.contains(table))
                .map(|(noun, _)| noun.join(" "))
                .collect()
        } else {
            Vec::new()
        };
        Asked {
            slots,
            unknown,
            ..Asked::default()
        }
    }

    /// A word of the world occurs: a column's or a table's.
    pub(crate) fn is_about_the_world(&self, text: &str) -> bool {
        let said: Vec<String> = words(text).iter().map(|word| singular(word)).collect();
        self.nouns
            .iter()
            .any(|(noun, _)| find(&said, noun, &[]).is_some())
            || self
                .phrases
                .iter()
                .any(|phrase| find(&said, &phrase.words, FILLERS).is_some())
    }
}

/// Where the words of a phrase stand in a sentence, one after the other; fillers between them do not count.
fn find(said: &[String], phrase: &[String], fillers: &[&str]) -> Option<Vec<usize>> {
    let (first, rest) = phrase.split_first()?;
    'starts: for start in 0..said.len() {
        if said[start] != *first {
            continue;
        }
        let mut places = vec![start];
        let mut at = start + 1;
        for word in rest {
            while said
                .get(at)
                .is_some_and(|own| own != word && fillers.contains(&own.as_str()))
            {
                at += 1;
            }
            if said.get(at) != Some(word) {
                continue 'starts;
            }
            places.push(at);
            at += 1;
        }
        return Some(places);
    }
    None
}
