//! Splits by world: no world's tasks on both sides, no twin of a world either, and a report of what two
//! sides still share.

use std::collections::{BTreeMap, BTreeSet};

use practicum_world::{Draws, World};
use serde::Serialize;

use crate::task::Task;
use crate::variety::masked_intent;
use crate::words::words;

/// Words of a run of text that counts as copied.
const RUN: usize = 8;
/// Share of tools, or of columns, from which on two worlds are twins: they go to the same side.
const TWINS: f64 = 0.5;

/// What a world and its tasks are known by, in hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// The world's name.
    pub world: String,
    /// Table and column names.
    pub columns: BTreeSet<u64>,
    /// Tools: the words of their names and their parameters' names.
    pub tools: BTreeSet<u64>,
    /// Runs of eight words of tool descriptions and of requests, told values masked.
    pub texts: BTreeSet<u64>,
}

/// What two sides share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overlap {
    /// One side and the other.
    pub sides: [String; 2],
    /// Worlds of which one is on each side and that share half of their tools or columns: none, unless
    /// the sides were given.
    pub twins: Vec<[String; 2]>,
    /// Tools that both sides have.
    pub tools: usize,
    /// Columns that both sides have.
    pub columns: usize,
    /// Runs of eight words that both sides have.
    pub texts: usize,
    /// Runs of eight words of the smaller side.
    pub texts_of_smaller: usize,
}

fn hash(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

impl Fingerprint {
    /// Of a world and its tasks.
    pub fn of<'a>(world: &World, tasks: impl IntoIterator<Item = &'a Task>) -> Self {
        let mut own = Self {
            world: world.name().to_string(),
            ..Self::default()
        };
        for table in &world.schema().tables {
            let name = words(&table.name).join(" ");
            for column in &table.columns {
                let column = words(&column.name).join(" ");
                own.columns.insert(hash(&format!("{name}.{column}")));
            }
        }
        for tool in world.tools() {
            let parameters = tool.parameters().iter();
            own.add_tool(
                &tool.name,
                parameters.map(|parameter| parameter.name.as_str()),
                &tool.description,
            );
        }
        for task in tasks {
            own.add_text(&masked_intent(task));
        }
        own
    }

    /// Adds a tool.
    pub fn add_tool<'a>(
        &mut self,
        name: &str,
        parameters: impl Iterator<Item = &'a str>,
        description: &str,
    ) {
        let mut parameters: Vec<String> = parameters.map(|own| words(own).join(" ")).collect();
        parameters.sort();
        let name = words(name).join(" ");
        self.tools
            .insert(hash(&format!("{name}({})", parameters.join(","))));
        self.add_text(description);
    }

    /// Adds the runs of eight words of a text; shorter ones have none.
    pub fn add_text(&mut self, text: &str) {
        let words: Vec<String> = text
            .split_whitespace()
            .map(|word| {
                word.trim_matches(|character: char| !character.is_alphanumeric())
                    .to_lowercase()
            })
            .filter(|word| !word.is_empty())
            .collect();
        for run in words.windows(RUN) {
            self.texts.insert(hash(&run.join(" ")));
        }
    }

    /// True when two worlds are so alike that practice in one is practice in the other.
    pub fn is_twin(&self, other: &Self) -> bool {
        let alike = |a: &BTreeSet<u64>, b: &BTreeSet<u64>| {
            let smaller = a.len().min(b.len());
            smaller > 0 && a.intersection(b).count() as f64 >= TWINS * smaller as f64
        };
        alike(&self.tools, &other.tools) || alike(&self.columns, &other.columns)
    }
}

/// The side of each world, by position in `shares`. Twins stay together; sides are filled in the order
/// that the seed gives, each up to its share of the worlds.
pub fn split(prints: &[Fingerprint], shares: &[f64], seed: u64) -> Vec<usize> {
    // The worlds that hang together, by the first of them.
    let mut group: Vec<usize> = (0..prints.len()).collect();
    for a in 0..prints.len() {
        for b in 0..a {
            if prints[a].is_twin(&prints[b]) {
                let (from, to) = (group[a].max(group[b]), group[a].min(group[b]));
                for own in &mut group {
                    if *own == from {
                        *own = to;
                    }
                }
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (world, own) in group.iter().enumerate() {
        groups.entry(*own).or_default().push(world);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    Draws::new(seed, &["split"]).shuffle(&mut groups);
    // What is largest is placed while there is room for it.
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let sum: f64 = shares.iter().sum();
    let mut sides = vec![0; prints.len()];
    let mut filled = vec![0.0; shares.len()];
    for worlds in groups {
        let room = |side: usize| shares[side] / sum * prints.len() as f64 - filled[side];
        let side = (0..shares.len())
            .max_by(|a, b| room(*a).total_cmp(&room(*b)).then(b.cmp(a)))
            .unwrap_or(0);
        if let Some(own) = filled.get_mut(side) {
            *own += worlds.len() as f64;
        }
        for world in worlds {
            sides[world] = side;
        }
    }
    sides
}

/// What each two sides share. `sides` gives for each world its side, `names` the sides' names.
pub fn overlaps(prints: &[Fingerprint], sides: &[usize], names: &[&str]) -> Vec<Overlap> {
    let of = |side: usize| {
        let worlds = prints.iter().zip(sides);
        worlds
            .filter(|(_, own)| **own == side)
            .map(|(print, _)| print)
            .collect::<Vec<_>>()
    };
    let all = |worlds: &[&Fingerprint], which: fn(&Fingerprint) -> &BTreeSet<u64>| {
        worlds
            .iter()
            .flat_map(|print| which(print).iter().copied())
            .collect::<BTreeSet<u64>>()
    };
    let mut found = Vec::new();
    for a in 0..names.len() {
        for b in a + 1..names.len() {
            let (own, other) = (of(a), of(b));
            let shared = |which: fn(&Fingerprint) -> &BTreeSet<u64>| {
                all(&own, which).intersection(&all(&other, which)).count()
            };
            let twins = own
                .iter()
                .flat_map(|own| {
                    let twins = other.iter().filter(|other| own.is_twin(other));
                    twins.map(|other| [own.world.clone(), other.world.clone()])
                })
                .collect();
            let texts = |print: &[&Fingerprint]| all(print, |own| &own.texts).len();
            found.push(Overlap {
                sides: [names[a].to_string(), names[b].to_string()],
                twins,
                tools: shared(|print| &print.tools),
                columns: shared(|print| &print.columns),
                texts: shared(|print| &print.texts),
                texts_of_smaller: texts(&own).min(texts(&other)),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(world: &str, tools: &[u64]) -> Fingerprint {
        Fingerprint {
            world: world.into(),
            tools: tools.iter().copied().collect(),
            ..Fingerprint::default()
        }
    }

    #[test]
    fn twins_stay_on_one_side() {
        let prints = [
            print("a", &[1, 2, 3]),
            print("b", &[4, 5]),
            print("c", &[2, 3, 9]),
            print("d", &[7]),
            print("e", &[8]),
            print("f", &[10, 11]),
        ];
        for seed in 0..8 {
            let sides = split(&prints, &[0.7, 0.3], seed);
            assert_eq!(sides[0], sides[2]);
            assert!(sides.contains(&0) && sides.contains(&1), "{sides:?}");
            assert_eq!(sides, split(&prints, &[0.7, 0.3], seed));
            let overlaps = overlaps(&prints, &sides, &["train", "eval"]);
            assert!(overlaps[0].twins.is_empty() && overlaps[0].tools == 0);
        }
        let apart = overlaps(&prints, &[0, 0, 1, 1, 1, 1], &["train", "eval"]);
        assert_eq!(apart[0].twins, [["a".to_string(), "c".to_string()]]);
        assert_eq!(apart[0].tools, 2);
    }
}
