//! A model's answers: one file of JSON lines, or a model's folder in the official layout of results.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use super::category::Category;
use super::data::{Answer, Benchmark, DataError};

/// What was read.
#[derive(Debug, Default)]
pub struct Answers {
    /// The answers, in the order of the files.
    pub answers: Vec<Answer>,
    /// What could not be used, and why; everything else was read.
    pub problems: Vec<AnswerProblem>,
    /// What a reader of the scores should know.
    pub notes: Vec<String>,
}

/// A line or file that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerProblem {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; `None` for the whole file.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub what: String,
}

impl std::fmt::Display for AnswerProblem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, ", line {line}")?;
        }
        write!(formatter, ": {}", self.what)
    }
}

/// One line of the file of answers.
#[derive(Deserialize)]
struct FileLine {
    category: String,
    id: String,
    model_result: Json,
    #[serde(default)]
    process: Option<Json>,
}

/// One line of an official file of results.
#[derive(Deserialize)]
struct OfficialLine {
    id: String,
    result: Json,
    #[serde(default)]
    process: Option<Json>,
}

/// Reads a model's answers to a benchmark.
///
/// A file holds one object per line: `category`, `id`, `model_result`, and for agent categories `process`. A folder
/// holds the official files, `data_<category>_result.json`.
pub fn read_answers(path: &Path, benchmark: &Benchmark) -> Result<Answers, DataError> {
    if path.is_dir() {
        read_folder(path, benchmark)
    } else {
        read_file(path, benchmark)
    }
}

/// A file's lines that are UTF-8, numbered from 1, without the blank ones.
fn lines_of(
    path: &Path,
    problems: &mut Vec<AnswerProblem>,
) -> Result<Vec<(usize, String)>, DataError> {
    let bytes = fs::read(path).map_err(|source| DataError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let mut lines = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match std::str::from_utf8(line) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => lines.push((at + 1, line.to_owned())),
            Err(_) => problems.push(AnswerProblem {
                path: path.to_owned(),
                line: Some(at + 1),
                what: "it is not UTF-8: write the file as UTF-8".into(),
            }),
        }
    }
    Ok(lines)
}

fn read_file(path: &Path, benchmark: &Benchmark) -> Result<Answers, DataError> {
    let mut read = Answers::default();
    let mut seen = HashSet::new();
    for (line, text) in lines_of(path, &mut read.problems)? {
        let mut problem = |what: String| {
            read.problems.push(AnswerProblem {
                path: path.to_owned(),
                line: Some(line),
                what,
            });
        };
        let found: FileLine = match serde_json::from_str(&text) {
            Ok(found) => found,
            Err(error) => {
                problem(format!(
                    "{error}: write one JSON object with category, id and model_result per line"
                ));
                continue;
            }
        };
        let Some(category) = Category::of(&found.category) else {
            problem(format!(
                "there is no category {:?}: categories are named as in the data's files, such as normal_atom_bool",
                found.category
            ));
            continue;
        };
        let answer = Answer {
            category,
            id: found.id,
            result: found.model_result,
            process: found.process,
        };
        if benchmark.ground_truth(category, &answer.id).is_none() {
            problem(format!(
                "{} has no item {:?}: check the id and the data's folder",
                found.category, answer.id
            ));
        } else if !seen.insert((category, answer.id.clone())) {
            problem(format!(
                "{:?} is answered again: only its first answer counts",
                answer.id
            ));
        } else {
            read.answers.push(answer);
        }
    }
    Ok(read)
}

fn read_folder(folder: &Path, benchmark: &Benchmark) -> Result<Answers, DataError> {
    let mut read = Answers::default();
    let mut files = 0;
    for category in benchmark.categories() {
        let path = folder.join(format!("data_{}_result.json", category.name()));
        if path.is_file() {
            files += 1;
            read_official(&path, category, benchmark, &mut read)?;
        }
    }
    if files == 0 {
        read.problems.push(AnswerProblem {
            path: folder.to_owned(),
            line: None,
            what: "no file data_<category>_result.json: name the model's own folder, such as \
                   result_all/result_en/<model>"
                .into(),
        });
    }
    let model = folder.file_name().map(|name| name.to_string_lossy());
    if model.is_some_and(|model| model.contains("FC")) {
        read.notes.push(
            "the official scorer reads no normal answer of a model with FC in its name; they are read here".into(),
        );
    }
    Ok(read)
}

/// Official results stand in the order of the questions; their ids are not looked at.
fn read_official(
    path: &Path,
    category: Category,
    benchmark: &Benchmark,
    read: &mut Answers,
) -> Result<(), DataError> {
    let lines = lines_of(path, &mut read.problems)?;
    let ids: Vec<&str> = benchmark.ids(category).collect();
    if lines.len() != ids.len() {
        read.problems.push(AnswerProblem {
            path: path.to_owned(),
            line: None,
            what: format!(
                "{} results for {} questions, which the official scorer refuses: results are paired by their place. \
                 Finish the run, or give the answers as JSON lines with category, id and model_result",
                lines.len(),
                ids.len()
            ),
        });
        return Ok(());
    }
    let mut strangers = 0;
    for ((line, text), id) in lines.into_iter().zip(ids) {
        match serde_json::from_str::<OfficialLine>(&text) {
            Ok(found) => {
                strangers += usize::from(found.id != id);
                read.answers.push(Answer {
                    category,
                    id: id.to_owned(),
                    result: found.result,
                    process: found.process,
                });
            }
            Err(error) => read.problems.push(AnswerProblem {
                path: path.to_owned(),
                line: Some(line),
                what: format!("{error}: a line of results has id and result"),
            }),
        }
    }
    if strangers > 0 {
        read.notes.push(format!(
            "{}: {strangers} results stand at the place of another item; as in the official scorer, the place counts",
            path.display()
        ));
    }
    Ok(())
}
