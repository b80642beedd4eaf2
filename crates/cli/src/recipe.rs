//! A recipe: one TOML file that describes a whole run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{CommandError, Result};

/// One TOML file that describes a whole run. What is left out takes its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// Name of the run; the run's folder is `out/<name>` unless `--out` says otherwise.
    pub(crate) name: String,
    /// The seed of everything that is drawn.
    #[serde(default = "one")]
    pub(crate) seed: u64,
    /// Threads; all of the machine's when absent. The result does not depend on it.
    #[serde(default)]
    pub(crate) threads: Option<usize>,
    pub(crate) ingest: Ingest,
    #[serde(default)]
    pub(crate) graph: practicum_graph::Options,
    #[serde(default)]
    pub(crate) author: Author,
    #[serde(default)]
    pub(crate) task: practicum_task::Options,
    #[serde(default)]
    pub(crate) rollout: practicum_rollout::Options,
    #[serde(default)]
    pub(crate) export: Export,
    /// How a small model learns, with the feature `learn`; `docs/learning.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) learn: Option<toml::Table>,
    /// The folder of the recipe.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

fn one() -> u64 {
    1
}

/// Where specs come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ingest {
    /// Files, folders and archives, relative to the recipe.
    pub(crate) specs: Vec<PathBuf>,
    #[serde(default)]
    pub(crate) limits: practicum_corpus::Limits,
    #[serde(default)]
    pub(crate) filters: practicum_corpus::Filters,
}

/// How domains become worlds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Author {
    /// Least confidence of an operation that is taken, 0 to 1.
    pub(crate) confidence: f64,
    /// Fewest tools of a world.
    pub(crate) min_tools: usize,
    /// Fewest tables of a world.
    pub(crate) min_tables: usize,
    /// Most worlds, the ones with the most tools first; all when absent.
    pub(crate) max_worlds: Option<usize>,
}

impl Default for Author {
    fn default() -> Self {
        let options = practicum_author::Options::default();
        Self {
            confidence: options.confidence,
            min_tools: options.min_tools,
            min_tables: options.min_tables,
            max_worlds: None,
        }
    }
}

/// What the data set is written as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Export {
    /// `trl` (JSON lines), `parquet`.
    pub(crate) formats: Vec<String>,
}

impl Default for Export {
    fn default() -> Self {
        Self {
            formats: vec!["trl".into(), "parquet".into()],
        }
    }
}

impl Recipe {
    /// Reads a recipe; its paths become absolute or relative to the current folder.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            CommandError::user(format!(
                "cannot read the recipe {}: {error}",
                path.display()
            ))
            .hint("recipes that come with the project are in recipes/")
        })?;
        let mut recipe: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            CommandError::user(format!(
                "{}, line {line}: {}",
                path.display(),
                error.message().trim()
            ))
            .hint("the keys of a recipe are described in docs/recipes.md")
        })?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if recipe.name.is_empty() || !recipe.name.bytes().all(plain) {
            return Err(CommandError::user(format!(
                "{}: the name {:?} is to be a folder's name: letters, digits, - and _",
                path.display(),
                recipe.name
            )));
        }
        for format in &recipe.export.formats {
            if !["trl", "parquet"].contains(&format.as_str()) {
                return Err(CommandError::user(format!(
                    "{}: there is no export format {format:?}; there are: trl, parquet",
                    path.display()
                )));
            }
        }
        practicum_rollout::agents(&recipe.rollout)
            .map_err(|error| CommandError::user(format!("{}: {error}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        recipe.folder = folder.to_path_buf();
        for spec in &mut recipe.ingest.specs {
            if spec.is_relative() {
                *spec = folder.join(&*spec);
            }
        }
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block of docs/recipes.md shows every key with its default.
    #[test]
    fn the_documented_recipe_is_the_default_one() {
        let page = include_str!("../../../docs/recipes.md");
        let block = page
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap();
        let documented: Recipe = toml::from_str(block).unwrap();
        let bare: Recipe =
            toml::from_str("name = \"example\"\n[ingest]\nspecs = [\"../specs\"]\n").unwrap();
        assert_eq!(documented, bare);

        // No key is left out: each one of the bare recipe stands in the block.
        let keys = |value: &toml::Value| -> Vec<String> {
            fn walk(prefix: &str, value: &toml::Value, keys: &mut Vec<String>) {
                match value {
                    toml::Value::Table(table) => {
                        for (key, inner) in table {
                            walk(&format!("{prefix}.{key}"), inner, keys);
                        }
                    }
                    _ => keys.push(prefix.to_string()),
                }
            }
            let mut keys = Vec::new();
            walk("", value, &mut keys);
            keys
        };
        let mut shown = keys(&toml::from_str(block).unwrap());
        let mut all = keys(&toml::Value::try_from(&bare).unwrap());
        shown.sort();
        all.sort();
        assert_eq!(shown, all);
    }
}
