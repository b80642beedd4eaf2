//! What worlds and tasks share with benchmarks: data of a benchmark is never training data.
//!
//! An evaluation set is a folder of files. Each JSON object with a name and parameters is a tool; every text
//! in JSON, JSON Lines and TOML and every paragraph of other text files is a text. tau2-bench defines its
//! tools in program text: where its data are found, the ported domains give the tools and columns.

use std::path::{Path, PathBuf};

use practicum_task::Fingerprint;
use practicum_world::LoadError;
use serde::Serialize;
use serde_json::Value;

use crate::tau2::{Benchmark, Domain};

/// From this share of its runs of eight words on, a world with its tasks repeats an evaluation set.
pub const REPEATED: f64 = 0.01;
/// Files above this many bytes are databases; they are not read.
const LARGEST: u64 = 64 << 20;

/// Why an evaluation set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationSetError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing in the folder is of a form that is known.
    #[error("{} holds no JSON, TOML, Markdown or text", .0.display())]
    Empty(PathBuf),
    /// A ported domain is broken.
    #[error(transparent)]
    World(#[from] LoadError),
}

/// What one world with its tasks shares with one evaluation set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shared {
    /// The world.
    pub world: String,
    /// The evaluation set.
    pub set: String,
    /// Tools of the world, and how many of them the set has, by the words of names and parameters.
    pub tools: [usize; 2],
    /// Columns of the world, and how many of them the set has.
    pub columns: [usize; 2],
    /// Runs of eight words of the world and its tasks, and how many of them the set has.
    pub texts: [usize; 2],
    /// Half of the smaller one's tools or columns are the other's, or [`REPEATED`] of the texts are.
    pub overlaps: bool,
}

impl Shared {
    /// Compares a world's fingerprint with a set's.
    pub fn of(world: &Fingerprint, set: &Fingerprint) -> Self {
        let count = |own: &std::collections::BTreeSet<u64>, other| {
            [own.len(), own.intersection(other).count()]
        };
        let texts = count(&world.texts, &set.texts);
        Self {
            world: world.world.clone(),
            set: set.world.clone(),
            tools: count(&world.tools, &set.tools),
            columns: count(&world.columns, &set.columns),
            texts,
            overlaps: world.is_twin(set) || texts[1] as f64 > REPEATED * texts[0] as f64,
        }
    }

    /// One less the largest of the three shares: 1 where nothing is shared.
    pub fn distance(&self) -> f64 {
        let share = |counts: [usize; 2]| counts[1] as f64 / counts[0].max(1) as f64;
        1.0 - share(self.tools)
            .max(share(self.columns))
            .max(share(self.texts))
    }
}

/// The fingerprints of the evaluation sets in a folder: one of its files, and one per ported domain where the
/// folder holds tau2-bench's data.
///
/// # Errors
/// When nothing in it can be read.
pub fn evaluation_sets(folder: &Path) -> Result<Vec<Fingerprint>, EvaluationSetError> {
    let mut own = Fingerprint {
        world: folder
            .file_name()
            .map_or_else(|| ".".into(), |name| name.to_string_lossy().into_owned()),
        ..Fingerprint::default()
    };
    let mut read = 0;
    add_folder(&mut own, folder, &mut read)?;
    if read == 0 {
        return Err(EvaluationSetError::Empty(folder.to_path_buf()));
    }
    let mut sets = vec![own];
    if Benchmark::open(folder).is_ok() {
        for domain in Domain::ALL {
            let mut print = Fingerprint::of(&domain.world()?, []);
            // Its descriptions are ours; what the benchmark says is in the folder's own print.
            print.texts.clear();
            sets.push(print);
        }
    }
    Ok(sets)
}

fn add_folder(
    print: &mut Fingerprint,
    folder: &Path,
    read: &mut usize,
) -> Result<(), EvaluationSetError> {
    let failed = |path: &Path, source| EvaluationSetError::Read {
        path: path.to_path_buf(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(|source| failed(folder, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| failed(folder, source))?;
        let (path, kind) = (entry.path(), entry.file_type());
        let kind = kind.map_err(|source| failed(&path, source))?;
        if kind.is_dir() {
            add_folder(print, &path, read)?;
            continue;
        }
        let extension = path.extension().and_then(|own| own.to_str());
        let known = ["json", "jsonl", "toml", "md", "txt"];
        let length = entry.metadata().map_or(0, |own| own.len());
        if !kind.is_file() || length > LARGEST || !extension.is_some_and(|own| known.contains(&own))
        {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|source| failed(&path, source))?;
        add_file(
            print,
            extension.unwrap_or_default(),
            &String::from_utf8_lossy(&bytes),
        );
        *read += 1;
    }
    Ok(())
}

fn add_file(print: &mut Fingerprint, extension: &str, text: &str) {
    let values: Vec<Value> = match extension {
        // One value, one after the other, or one per line, whichever name the file goes by.
        "json" | "jsonl" => serde_json::Deserializer::from_str(text)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|_| {
                let lines = text.lines();
                lines
                    .filter_map(|line| serde_json::from_str(line).ok())
                    .collect()
            }),
        "toml" => toml::from_str::<toml::Table>(text)
            .ok()
            .and_then(|table| serde_json::to_value(table).ok())
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    if values.is_empty() {
        for paragraph in text.split("\n\n") {
            print.add_text(paragraph);
        }
    }
    for value in &values {
        add_value(print, value);
    }
}

/// Adds the tools and texts of a value. JSON's own limit on depth holds here.
fn add_value(print: &mut Fingerprint, value: &Value) {
    match value {
        Value::String(text) => print.add_text(text),
        Value::Array(elements) => elements.iter().for_each(|own| add_value(print, own)),
        Value::Object(members) => {
            let parameters = members
                .get("parameters")
                .or_else(|| members.get("input_schema"))
                .and_then(|own| own.get("properties"))
                .and_then(Value::as_object);
            if let (Some(Value::String(name)), Some(parameters)) = (members.get("name"), parameters)
            {
                print.add_tool(name, parameters.keys().map(String::as_str), "");
            }
            members.values().for_each(|own| add_value(print, own));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: &str = r#"{"question": "Which of the two gardens has more old trees in it?", "function": [
        {"name": "count_trees", "description": "Count.", "parameters": {"properties": {"garden": {}}}}]}"#;

    fn world(tools: &[(&str, &str)], text: &str) -> Fingerprint {
        let mut print = Fingerprint::default();
        for (name, parameter) in tools {
            print.add_tool(name, [*parameter].into_iter(), "");
        }
        print.add_text(text);
        print
    }

    #[test]
    fn tools_and_texts_of_a_set_are_found_in_a_world() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("inner")).expect("a folder");
        std::fs::write(
            folder.path().join("inner/tasks.json"),
            format!("{TOOL}\n{TOOL}"),
        )
        .expect("a file");
        std::fs::write(
            folder.path().join("rules.md"),
            "Never give away what a guest told you before.",
        )
        .expect("a file");
        let sets = evaluation_sets(folder.path()).expect("it is read");
        assert_eq!(sets.len(), 1);

        let apart = world(
            &[("list_trees", "garden"), ("count_trees", "city")],
            "Something else altogether, said in more than eight words.",
        );
        let shared = Shared::of(&apart, &sets[0]);
        assert!(!shared.overlaps && shared.tools == [2, 0] && shared.texts[1] == 0);
        assert!((shared.distance() - 1.0).abs() < f64::EPSILON);

        let twin = world(&[("count_trees", "garden"), ("plant_tree", "garden")], "");
        assert!(Shared::of(&twin, &sets[0]).overlaps);
        for copied in [
            "Please: which of the two gardens has more old trees in it?",
            "NEVER give away what a guest told you before!",
        ] {
            let shared = Shared::of(&world(&[], copied), &sets[0]);
            assert!(shared.overlaps && shared.texts[1] > 0, "{copied}");
        }
    }

    #[test]
    fn a_folder_without_text_is_no_set() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = evaluation_sets(folder.path()).expect_err("it is empty");
        assert!(error.to_string().contains("holds no JSON"), "{error}");
    }
}
