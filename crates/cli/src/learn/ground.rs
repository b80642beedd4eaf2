//! What a model learns from and is judged on: worlds, their tasks, and the demonstrations that fit it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use practicum_learn::{Demonstration, Form, LanguageModel, Length, demonstrate};
use practicum_task::{Kind, Task};
use practicum_world::{Draws, World};
use rayon::prelude::*;

use super::options::Options;
use crate::error::{CommandError, Result};
use crate::stages::Context;
use crate::stages::task::{load, worlds};

/// A world with tasks of which each has a demonstration that fits the model.
pub(crate) struct Place {
    pub(crate) world: World,
    pub(crate) tasks: Vec<Task>,
    pub(crate) demonstrations: Vec<Demonstration>,
    /// Tasks without one, by reason.
    pub(crate) dropped: BTreeMap<String, usize>,
}

impl Place {
    /// The demonstration of a task, by the task's number.
    pub(crate) fn demonstration_of(&self, task: usize) -> Option<&Demonstration> {
        let id = &self.tasks.get(task)?.id;
        self.demonstrations.iter().find(|own| own.task == *id)
    }
}

/// A world needs so many demonstrations to be of use.
const LEAST: usize = 8;

/// Loads a model for the CPU.
pub(crate) fn model(path: &Path) -> Result<LanguageModel> {
    LanguageModel::load(path).map_err(|error| {
        CommandError::user(error.to_string())
            .hint("docs/learning.md says how to get a small model with one download")
    })
}

fn place(path: &Path, form: &Form<'_>, options: &Options, seed: u64) -> Result<Place> {
    let world = load(path)?;
    let task_options = practicum_task::Options {
        per_world: options.tasks_per_world,
        kinds: BTreeMap::from([
            (Kind::Write, 0.4),
            (Kind::Lookup, 0.25),
            (Kind::Count, 0.15),
            (Kind::Declined, 0.1),
            (Kind::Impossible, 0.1),
        ]),
        seed,
        ..practicum_task::Options::default()
    };
    let failed = |error: &dyn std::fmt::Display| {
        CommandError::work(format!("world {}: {error}", path.display()))
    };
    let (tasks, _) =
        practicum_task::generate(&world, &task_options).map_err(|error| failed(&error))?;
    let found =
        demonstrate(form, &world, &tasks, options.max_tokens).map_err(|error| failed(&error))?;
    let tasks = tasks
        .into_iter()
        .filter(|task| found.kept.iter().any(|own| own.task == task.id))
        .collect();
    Ok(Place {
        world,
        tasks,
        demonstrations: found.kept,
        dropped: found.dropped,
    })
}

fn places(paths: &[PathBuf], form: &Form<'_>, options: &Options, seed: u64) -> Result<Vec<Place>> {
    paths
        .par_iter()
        .map(|path| place(path, form, options, seed))
        .collect()
}

/// The worlds that are held out.
pub(crate) fn held_out(
    context: &Context,
    form: &Form<'_>,
    options: &Options,
) -> Result<Vec<Place>> {
    let (folder, _) = context.folder.finished("author")?;
    let paths: Vec<PathBuf> = worlds(&folder)?
        .into_iter()
        .filter(|(name, _)| options.holds_out(name))
        .map(|(_, path)| path)
        .collect();
    if paths.is_empty() {
        return Err(
            CommandError::user("[learn.worlds]: held_out names no world of the run")
                .hint("the worlds are the folders in author/worlds of the run"),
        );
    }
    places(
        &paths,
        form,
        options,
        context.recipe.seed.wrapping_add(7_919),
    )
}

/// Training worlds: drawn from those that are not held out, with enough demonstrations.
pub(crate) fn training(
    context: &Context,
    form: &Form<'_>,
    options: &Options,
    count: usize,
    seed: u64,
) -> Result<Vec<Place>> {
    let (folder, _) = context.folder.finished("author")?;
    let mut paths: Vec<PathBuf> = worlds(&folder)?
        .into_iter()
        .filter(|(name, _)| !options.holds_out(name))
        .map(|(_, path)| path)
        .chain(options.worlds.more.iter().cloned())
        .collect();
    Draws::new(seed, &["training worlds"]).shuffle(&mut paths);
    let paths = by_turns(paths)?;
    let mut chosen: Vec<Place> = Vec::new();
    for some in paths.chunks(4) {
        if chosen.len() >= count {
            break;
        }
        let found = places(some, form, options, seed)?;
        chosen.extend(
            found
                .into_iter()
                .filter(|place| place.demonstrations.len() >= LEAST),
        );
    }
    chosen.truncate(count);
    if chosen.len() < count {
        return Err(CommandError::user(format!(
            "{count} training worlds are wanted, and {} can be used",
            chosen.len()
        ))
        .hint("ingest more specs, or hold out fewer worlds"));
    }
    Ok(chosen)
}

/// Sources of specs take turns, so that few worlds come from many of them.
fn by_turns(paths: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let mut sources: Vec<(String, usize)> = Vec::new();
    let mut numbered: Vec<(usize, usize, PathBuf)> = Vec::new();
    for path in paths {
        let world = load(&path)?;
        let source = source_of(&world);
        let at = match sources.iter().position(|(own, _)| *own == source) {
            Some(at) => at,
            None => {
                sources.push((source, 0));
                sources.len() - 1
            }
        };
        numbered.push((sources[at].1, at, path));
        sources[at].1 += 1;
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, _, path)| path).collect())
}

/// Who wrote the specs that a world was made from; a world written by hand is its own source.
fn source_of(world: &World) -> String {
    let sources = world.file().provenance.get("sources");
    sources
        .and_then(|own| own.as_array()?.first()?.as_str()?.split(' ').next())
        .unwrap_or_else(|| world.name())
        .to_string()
}

/// The vertical's worlds.
pub(crate) fn vertical(
    context: &Context,
    form: &Form<'_>,
    options: &Options,
) -> Result<Vec<Place>> {
    // Some of its tasks are judged and the others trained on, and few worlds have to give them all.
    let options = Options {
        tasks_per_world: options.worlds.vertical_tasks,
        ..options.clone()
    };
    let seed = context.recipe.seed;
    places(&options.worlds.vertical, form, &options, seed)
}

/// So many tasks of several worlds: worlds take turns, and of each the length is taken that is furthest behind its share.
pub(crate) fn choose(
    places: &[Place],
    count: usize,
    shares: &BTreeMap<Length, f64>,
) -> Vec<(usize, usize)> {
    let mut left: Vec<BTreeMap<Length, Vec<usize>>> = places
        .iter()
        .map(|place| {
            let mut lengths: BTreeMap<Length, Vec<usize>> = BTreeMap::new();
            for (at, task) in place.tasks.iter().enumerate().rev() {
                lengths.entry(Length::of(task)).or_default().push(at);
            }
            lengths
        })
        .collect();
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    let mut made: BTreeMap<Length, usize> = BTreeMap::new();
    while chosen.len() < count && left.iter().any(|own| !own.is_empty()) {
        for (place, own) in left.iter_mut().enumerate() {
            if chosen.len() == count {
                break;
            }
            let behind = |length: Length| {
                let share = shares.get(&length).copied().unwrap_or(0.0);
                share * (chosen.len() + 1) as f64 - made.get(&length).copied().unwrap_or(0) as f64
            };
            let lengths = own.keys().copied();
            let Some(length) = lengths.max_by(|a, b| behind(*a).total_cmp(&behind(*b))) else {
                continue;
            };
            let tasks = own.entry(length).or_default();
            chosen.extend(tasks.pop().map(|task| (place, task)));
            if tasks.is_empty() {
                own.remove(&length);
            }
            *made.entry(length).or_default() += 1;
        }
    }
    chosen
}

/// All demonstrations of several worlds.
pub(crate) fn all(places: &[Place]) -> Vec<Demonstration> {
    places
        .iter()
        .flat_map(|place| place.demonstrations.iter().cloned())
        .collect()
}
