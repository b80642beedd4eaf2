//! The benchmark's own files: questions with their functions, and answers.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use super::category::{CATEGORIES, Category, Family};
use super::verdict::{Refusal, Verdict};
use super::{agent, normal, special};

/// The benchmark's data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No file of a category is there.
    #[error(
        "no ACEBench data in {folder}: neither there nor in its data_{language} or data_all/data_{language} are files named data_normal_*.json"
    )]
    NoData {
        /// The folder that was named.
        folder: PathBuf,
        /// The language that was asked for.
        language: String,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{path}, line {line}: {what}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Questions and answers do not belong together.
    #[error("{path} does not answer the questions beside it: {what}")]
    Mismatch {
        /// The file of answers.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// One item: what is asked, as far as scoring needs it, and the answer.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) functions: Json,
    pub(crate) question: String,
    pub(crate) time: String,
    pub(crate) profile: String,
    answer: Json,
    milestones: Json,
}

impl Item {
    /// The dialogue that the item is a turn of: the last number but one of its id.
    pub(crate) fn dialogue(&self) -> Option<&str> {
        self.id.rsplit('_').nth(1)
    }
}

#[derive(Deserialize)]
struct QuestionLine {
    id: String,
    function: Json,
    #[serde(default)]
    question: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    profile: String,
}

#[derive(Deserialize)]
struct AnswerLine {
    id: String,
    ground_truth: Json,
    #[serde(default)]
    mile_stone: Json,
}

/// A model's answer to one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The item's category.
    pub category: Category,
    /// The item's id.
    pub id: String,
    /// Text for normal and special categories, the end state for agent categories.
    pub result: Json,
    /// Agent categories: the calls that were made, each as text.
    pub process: Option<Json>,
}

/// The benchmark: items with their answers.
#[derive(Debug)]
pub struct Benchmark {
    items: BTreeMap<Category, Vec<Item>>,
    places: HashMap<(Category, String), usize>,
}

impl Benchmark {
    /// Reads the data in a folder: a checkout of the benchmark, or what its `data_all` holds, or one language's files.
    /// The language is `en` or `zh`. Categories without a file are left out.
    pub fn read(folder: &Path, language: &str) -> Result<Self, DataError> {
        let named = format!("data_{language}");
        let places = [
            folder.join("data_all").join(&named),
            folder.join(&named),
            folder.to_owned(),
        ];
        for place in places {
            let benchmark = Self::read_files(&place)?;
            if !benchmark.items.is_empty() {
                return Ok(benchmark);
            }
        }
        Err(DataError::NoData {
            folder: folder.to_owned(),
            language: language.to_owned(),
        })
    }

    fn read_files(folder: &Path) -> Result<Self, DataError> {
        let mut benchmark = Self {
            items: BTreeMap::new(),
            places: HashMap::new(),
        };
        for category in CATEGORIES {
            let file = format!("data_{}.json", category.name());
            let questions = folder.join(&file);
            if !questions.is_file() {
                continue;
            }
            let items = read_items(&questions, &folder.join("possible_answer").join(&file))?;
            for (place, item) in items.iter().enumerate() {
                benchmark.places.insert((category, item.id.clone()), place);
            }
            benchmark.items.insert(category, items);
        }
        Ok(benchmark)
    }

    /// The categories that the data has.
    pub fn categories(&self) -> impl Iterator<Item = Category> {
        self.items.keys().copied()
    }

    /// The ids of a category's items, in the files' order.
    pub fn ids(&self, category: Category) -> impl Iterator<Item = &str> {
        self.items(category).iter().map(|item| item.id.as_str())
    }

    /// The right answer of an item, as the data has it (`ground_truth`).
    pub fn ground_truth(&self, category: Category, id: &str) -> Option<&Json> {
        Some(&self.item(category, id)?.answer)
    }

    /// The milestones of an agent item, as the data has them (`mile_stone`).
    pub fn milestones(&self, category: Category, id: &str) -> Option<&Json> {
        Some(&self.item(category, id)?.milestones)
    }

    pub(crate) fn items(&self, category: Category) -> &[Item] {
        self.items.get(&category).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn item(&self, category: Category, id: &str) -> Option<&Item> {
        let place = self.places.get(&(category, id.to_owned()))?;
        self.items(category).get(*place)
    }

    /// Judges an answer as the official scorer does; `None` if the data has no such item.
    pub fn score(&self, answer: &Answer) -> Option<Verdict> {
        let item = self.item(answer.category, &answer.id)?;
        let check =
            |dialogue| normal::check(&answer.result, &item.functions, &item.answer, dialogue);
        Some(match answer.category.family() {
            Family::Normal => Verdict::of(check(false)),
            Family::Dialogue => Verdict::of(check(true)),
            Family::Special => Verdict::of(special::check(
                answer.category,
                &answer.result,
                &item.answer,
            )),
            Family::Agent => agent_verdict(answer, item),
        })
    }
}

fn agent_verdict(answer: &Answer, item: &Item) -> Verdict {
    let end = agent::check_end_state(&answer.result, &item.answer);
    // The process matters only where the end state does not already say it all.
    let process = match end {
        Ok(()) => Ok(1.0),
        Err(Refusal::Stops(_)) => Ok(0.0),
        Err(_) => agent::process(answer.process.as_ref(), &item.milestones),
    };
    match process {
        Ok(share) => Verdict {
            process: Some(share),
            ..Verdict::of(end)
        },
        Err(stops) => Verdict {
            process: Some(0.0),
            ..Verdict::of(Err(stops))
        },
    }
}

fn read_items(questions: &Path, answers: &Path) -> Result<Vec<Item>, DataError> {
    let lines: Vec<QuestionLine> = read_lines(questions)?;
    let answered: Vec<AnswerLine> = read_lines(answers)?;
    let mismatch = |what| DataError::Mismatch {
        path: answers.to_owned(),
        what,
    };
    if lines.len() != answered.len() {
        return Err(mismatch(format!(
            "{} answers to {} questions",
            answered.len(),
            lines.len()
        )));
    }
    lines
        .into_iter()
        .zip(answered)
        .map(|(question, answer)| {
            if question.id != answer.id {
                return Err(mismatch(format!(
                    "{} stands where {} belongs",
                    answer.id, question.id
                )));
            }
            Ok(Item {
                id: question.id,
                functions: question.function,
                question: question.question,
                time: question.time,
                profile: question.profile,
                answer: answer.ground_truth,
                milestones: answer.mile_stone,
            })
        })
        .collect()
}

fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, DataError> {
    let text = read_text(path)?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| DataError::Line {
                path: path.to_owned(),
                line: at + 1,
                what: error.to_string(),
            })
        })
        .collect()
}

/// A file's text.
pub(crate) fn read_text(path: &Path) -> Result<String, DataError> {
    fs::read_to_string(path).map_err(|source| DataError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
