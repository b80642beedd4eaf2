//! Verdicts add up: rates per category with intervals, and the official overall scores.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::category::{CATEGORIES, Category, Family};
use super::data::{Answer, Benchmark};
use super::verdict::Verdict;

/// What the official summary gives each group of categories (`generate_result_csv`).
const NORMAL_WEIGHT: f64 = 0.578;
const SPECIAL_WEIGHT: f64 = 0.2676;
const AGENT_WEIGHT: f64 = 0.1545;

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How many are right.
    pub correct: usize,
    /// Of how many.
    pub total: usize,
}

impl Count {
    /// The share that is right; 0 of none.
    pub fn rate(self) -> f64 {
        if self.total == 0 {
            0.0
        } else {
            self.correct as f64 / self.total as f64
        }
    }

    /// Wilson's interval at 95 % (Wilson 1927); everything where there is nothing.
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        if self.total == 0 {
            return (0.0, 1.0);
        }
        let total = self.total as f64;
        let rate = self.rate();
        let scale = 1.0 + Z * Z / total;
        let middle = (rate + Z * Z / (2.0 * total)) / scale;
        let half = Z * (rate * (1.0 - rate) / total + Z * Z / (4.0 * total * total)).sqrt() / scale;
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

/// What a category's verdicts add up to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CategoryScore {
    /// Right items of all; items without an answer are not right.
    pub items: Count,
    /// In categories of dialogues: dialogues of which all turns are right.
    pub dialogues: Option<Count>,
    /// In agent categories: the mean share of milestones.
    pub process: Option<f64>,
    /// Items without an answer.
    pub unanswered: usize,
    /// Answers on which the official scorer stops with an exception; it then has no score for the category.
    pub official_stops: usize,
    /// The accuracy that goes into the official summary, rounded as there.
    pub accuracy: f64,
}

impl CategoryScore {
    /// What the accuracy counts: dialogues where there are some, else items.
    pub fn counted(&self) -> Count {
        self.dialogues.unwrap_or(self.items)
    }
}

/// The official overall scores, each rounded to three digits. Categories that were not run count 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overall {
    /// The mean of the twelve normal categories.
    pub normal: f64,
    /// The mean of the three special categories.
    pub special: f64,
    /// The mean of the two agent categories' end states.
    pub agent: f64,
    /// 0.578 normal + 0.2676 special + 0.1545 agent.
    pub overall: f64,
}

/// A model's scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorecard {
    categories: BTreeMap<Category, CategoryScore>,
}

impl Scorecard {
    /// Adds verdicts up. Categories without any answer are not run.
    pub fn new(benchmark: &Benchmark, verdicts: &[(Answer, Verdict)]) -> Self {
        let mut by_item: HashMap<(Category, &str), &Verdict> = HashMap::new();
        for (answer, verdict) in verdicts {
            by_item
                .entry((answer.category, &answer.id))
                .or_insert(verdict);
        }
        let categories = benchmark
            .categories()
            .filter_map(|category| {
                let verdicts: Vec<Option<&Verdict>> = benchmark
                    .ids(category)
                    .map(|id| by_item.get(&(category, id)).copied())
                    .collect();
                let run = verdicts.iter().any(Option::is_some);
                run.then(|| (category, category_score(benchmark, category, &verdicts)))
            })
            .collect();
        Self { categories }
    }

    /// The categories that were run, in the official order.
    pub fn categories(&self) -> impl Iterator<Item = (Category, &CategoryScore)> {
        CATEGORIES
            .into_iter()
            .filter_map(|category| Some((category, self.categories.get(&category)?)))
    }

    /// The categories that were not run.
    pub fn missing(&self) -> impl Iterator<Item = Category> {
        CATEGORIES
            .into_iter()
            .filter(|category| !self.categories.contains_key(category))
    }

    /// The official overall scores.
    pub fn overall(&self) -> Overall {
        let mean = |families: &[Family]| {
            let accuracies: Vec<f64> = CATEGORIES
                .into_iter()
                .filter(|category| families.contains(&category.family()))
                .map(|category| {
                    self.categories
                        .get(&category)
                        .map_or(0.0, |score| score.accuracy)
                })
                .collect();
            rounded(accuracies.iter().sum::<f64>() / accuracies.len() as f64)
        };
        let normal = mean(&[Family::Normal, Family::Dialogue]);
        let special = mean(&[Family::Special]);
        let agent = mean(&[Family::Agent]);
        Overall {
            normal,
            special,
            agent,
            overall: rounded(
                special * SPECIAL_WEIGHT + normal * NORMAL_WEIGHT + agent * AGENT_WEIGHT,
            ),
        }
    }
}

/// As an object: `overall`, and `categories` by their official names.
impl Serialize for Scorecard {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let categories: BTreeMap<&str, &CategoryScore> = self
            .categories
            .iter()
            .map(|(category, score)| (category.name(), score))
            .collect();
        let mut object = serializer.serialize_struct("Scorecard", 2)?;
        object.serialize_field("overall", &self.overall())?;
        object.serialize_field("categories", &categories)?;
        object.end()
    }
}

fn category_score(
    benchmark: &Benchmark,
    category: Category,
    verdicts: &[Option<&Verdict>],
) -> CategoryScore {
    let valid = |verdict: Option<&Verdict>| verdict.is_some_and(|verdict| verdict.valid);
    let items = Count {
        correct: verdicts.iter().filter(|verdict| valid(**verdict)).count(),
        total: verdicts.len(),
    };
    let family = category.family();
    let dialogues = (family == Family::Dialogue).then(|| {
        let turns = benchmark
            .items(category)
            .iter()
            .map(super::data::Item::dialogue);
        let mut dialogues: Vec<(Option<&str>, bool)> = Vec::new();
        for (dialogue, verdict) in turns.zip(verdicts.iter().copied()) {
            match dialogues.last_mut() {
                Some((last, right)) if *last == dialogue => *right &= valid(verdict),
                _ => dialogues.push((dialogue, valid(verdict))),
            }
        }
        Count {
            correct: dialogues.iter().filter(|(_, right)| *right).count(),
            total: dialogues.len(),
        }
    });
    let process = (family == Family::Agent).then(|| {
        let share =
            |verdict: Option<&Verdict>| verdict.and_then(|verdict| verdict.process).unwrap_or(0.0);
        rounded(verdicts.iter().copied().map(share).sum::<f64>() / verdicts.len() as f64)
    });
    let counted = dialogues.unwrap_or(items);
    CategoryScore {
        items,
        dialogues,
        process,
        unanswered: verdicts.iter().filter(|verdict| verdict.is_none()).count(),
        official_stops: verdicts
            .iter()
            .flatten()
            .filter(|verdict| verdict.official_stops)
            .count(),
        accuracy: match family {
            // The official scorer rounds all but these.
            Family::Special => counted.rate(),
            _ => rounded(counted.rate()),
        },
    }
}

/// Python's `round(value, 3)`.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.3}").parse().unwrap_or(value)
}
