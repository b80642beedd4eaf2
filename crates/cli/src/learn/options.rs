//! The part `[learn]` of a recipe.

use std::collections::BTreeMap;
use std::path::PathBuf;

use practicum_learn::{FormOptions, Length, PlayOptions, TrainOptions};
use serde::{Deserialize, Serialize};

use crate::error::{CommandError, Result};
use crate::recipe::Recipe;

/// How a small model learns and is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    /// The model: a Hugging Face folder or a GGUF file, relative to the recipe.
    pub(crate) model: PathBuf,
    /// Longest demonstration; tasks whose demonstration is longer are for larger models.
    pub(crate) max_tokens: usize,
    pub(crate) prompt: FormOptions,
    /// Shares of the lengths.
    pub(crate) mixture: BTreeMap<Length, f64>,
    /// Tasks that are generated for each world.
    pub(crate) tasks_per_world: usize,
    pub(crate) worlds: Worlds,
    pub(crate) stage: Stages,
    pub(crate) eval: Eval,
    pub(crate) curve: Curve,
}

/// Which worlds are for what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Worlds {
    /// Worlds of the run that no model sees in training: names, or beginnings that end in `*`.
    pub(crate) held_out: Vec<String>,
    /// Training worlds, drawn from the others; sources of specs take turns.
    pub(crate) train: usize,
    /// More worlds to draw from, as folders relative to the recipe.
    pub(crate) more: Vec<PathBuf>,
    /// Worlds of the vertical, as folders relative to the recipe.
    pub(crate) vertical: Vec<PathBuf>,
    /// Tasks that are generated for each of them.
    pub(crate) vertical_tasks: usize,
}

/// The two stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stages {
    pub(crate) general: Stage,
    pub(crate) vertical: Stage,
    /// Models that are trained on as many tokens, to be compared with: `wrong`, `one-world`.
    pub(crate) controls: Vec<String>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stage {
    /// Demonstrations.
    pub(crate) trajectories: usize,
    /// Share of the stage before that is seen again.
    pub(crate) replay: f64,
    pub(crate) train: TrainOptions,
}

/// How models are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Eval {
    /// Tasks of held-out worlds, the same number of each.
    pub(crate) tasks: usize,
    /// Tasks of the vertical that were not trained on.
    pub(crate) vertical_tasks: usize,
    /// `free`, `guided`.
    pub(crate) modes: Vec<String>,
    /// Every mode also on versions of the tasks in which tools and parameters have other names.
    pub(crate) perturbed: bool,
    /// Attempts at each task; more than one needs a temperature above 0.
    pub(crate) attempts: u32,
    pub(crate) play: PlayOptions,
    /// Threads, each with its own episodes; the weights are shared.
    pub(crate) workers: usize,
}

/// How episodes are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) guided: bool,
    pub(crate) perturbed: bool,
}

impl Mode {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match (self.guided, self.perturbed) {
            (false, false) => "free",
            (true, false) => "guided",
            (false, true) => "free, perturbed",
            (true, true) => "guided, perturbed",
        }
    }
}

impl Eval {
    /// The modes that are asked for.
    pub(crate) fn modes(&self) -> Vec<Mode> {
        let versions = [false, true]
            .into_iter()
            .take(1 + usize::from(self.perturbed));
        versions
            .flat_map(|perturbed| {
                self.modes.iter().map(move |mode| Mode {
                    guided: mode == "guided",
                    perturbed,
                })
            })
            .collect()
    }
}

/// The scaling curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Curve {
    /// Numbers of training worlds.
    pub(crate) worlds: Vec<usize>,
    /// Each seed draws other worlds, other demonstrations and another order.
    pub(crate) seeds: Vec<u64>,
    /// Training tokens of every point.
    pub(crate) tokens: usize,
    /// Held-out tasks.
    pub(crate) tasks: usize,
    pub(crate) train: TrainOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            max_tokens: 384,
            prompt: FormOptions::default(),
            mixture: BTreeMap::from([
                (Length::OneCall, 0.4),
                (Length::TwoCall, 0.3),
                (Length::ThreeCall, 0.15),
                (Length::Refuse, 0.15),
            ]),
            tasks_per_world: 100,
            worlds: Worlds::default(),
            stage: Stages::default(),
            eval: Eval::default(),
            curve: Curve::default(),
        }
    }
}

impl Default for Worlds {
    fn default() -> Self {
        Self {
            held_out: Vec::new(),
            train: 12,
            more: Vec::new(),
            vertical: Vec::new(),
            vertical_tasks: 400,
        }
    }
}

impl Default for Stages {
    fn default() -> Self {
        Self {
            general: Stage::default(),
            vertical: Stage {
                trajectories: 96,
                replay: 0.25,
                train: TrainOptions {
                    learning_rate: 1e-4,
                    ..TrainOptions::default()
                },
            },
            controls: vec!["wrong".into(), "one-world".into()],
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            trajectories: 320,
            replay: 0.0,
            train: TrainOptions::default(),
        }
    }
}

impl Default for Eval {
    fn default() -> Self {
        Self {
            tasks: 60,
            vertical_tasks: 32,
            modes: vec!["free".into(), "guided".into()],
            perturbed: false,
            attempts: 1,
            play: PlayOptions::default(),
            workers: 1,
        }
    }
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            worlds: vec![1, 8],
            seeds: vec![1, 2],
            tokens: 40_000,
            tasks: 100,
            train: TrainOptions::default(),
        }
    }
}

impl Options {
    /// Of a recipe.
    pub(crate) fn of(recipe: &Recipe) -> Result<Self> {
        let Some(table) = &recipe.learn else {
            return Err(
                CommandError::user("the recipe has no part [learn]").hint("see docs/learning.md")
            );
        };
        let mut options: Self = table.clone().try_into().map_err(|error: toml::de::Error| {
            CommandError::user(format!("[learn]: {}", error.message().trim()))
                .hint("the keys of [learn] are described in docs/learning.md")
        })?;
        let wrong = |what: &str| Err(CommandError::user(format!("[learn]: {what}")));
        if options.eval.modes.is_empty()
            || options
                .eval
                .modes
                .iter()
                .any(|mode| mode != "free" && mode != "guided")
        {
            return wrong("modes are \"free\" and \"guided\"");
        }
        let controls = &options.stage.controls;
        if controls
            .iter()
            .any(|name| name != "wrong" && name != "one-world")
        {
            return wrong("controls are \"wrong\" and \"one-world\"");
        }
        if options.eval.workers == 0 || options.eval.attempts == 0 {
            return wrong("workers and attempts must be at least 1");
        }
        options.model = recipe.folder.join(&options.model);
        let worlds = &mut options.worlds;
        for path in worlds.more.iter_mut().chain(&mut worlds.vertical) {
            *path = recipe.folder.join(&*path);
        }
        Ok(options)
    }

    /// Whether a world is held out.
    pub(crate) fn holds_out(&self, world: &str) -> bool {
        self.worlds
            .held_out
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => world.starts_with(beginning),
                None => world == pattern,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last block of docs/learning.md shows every key with its default.
    #[test]
    fn the_documented_part_is_the_default_one() {
        let page = include_str!("../../../../docs/learning.md");
        let block = page
            .rsplit("```toml\n")
            .next()
            .and_then(|rest| rest.split("```").next())
            .unwrap();
        let documented: toml::Table = toml::from_str(block).unwrap();
        let table = documented["learn"].as_table().unwrap().clone();
        let mut options: Options = table.clone().try_into().unwrap();
        options.model = PathBuf::new();
        options.worlds.held_out.clear();
        options.worlds.vertical.clear();
        options.worlds.more.clear();
        assert_eq!(options, Options::default());

        // Every key stands in the block; the parts `train` of the vertical and the curve are the general one's.
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
        let shown = keys(&toml::Value::Table(table));
        for key in keys(&toml::Value::try_from(Options::default()).unwrap()) {
            let general = key
                .replace("stage.vertical.train", "stage.general.train")
                .replace("curve.train", "stage.general.train");
            assert!(
                shown.contains(&key) || shown.contains(&general) || key.ends_with("general.replay"),
                "{key}"
            );
        }
    }
}
