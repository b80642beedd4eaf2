//! Worlds and tasks from folders and files.

use std::path::{Path, PathBuf};

use practicum_task::Task;
use practicum_world::World;

use crate::error::{CommandError, Result, io_error};
use crate::progress::line;

/// The worlds of these folders and the tasks of these files.
pub(crate) fn load(worlds: &[PathBuf], tasks: &[PathBuf]) -> Result<(Vec<World>, Vec<Task>)> {
    let mut loaded = Vec::new();
    for folder in folders(worlds)? {
        loaded.push(world(&folder)?);
    }
    let mut read = Vec::new();
    for path in tasks {
        let is_tasks = |path: &Path| path.extension().is_some_and(|own| own == "jsonl");
        for path in below(path, |path| path.is_file() && is_tasks(path))? {
            read.extend(self::tasks(&path)?);
        }
    }
    Ok((loaded, read))
}

/// The folders of worlds that these are or hold.
pub(crate) fn folders(worlds: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let is_world = |path: &Path| path.join("world.toml").is_file();
    let found: Result<Vec<_>> = worlds.iter().map(|path| below(path, is_world)).collect();
    Ok(found?.concat())
}

/// The path itself, where it is one of these or no folder; else those in it, sorted.
fn below(path: &Path, is: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    if is(path) || !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let failed = |error: std::io::Error| io_error(path, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is(&path) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(
            CommandError::user(format!("there is nothing to serve in {}", path.display()))
                .hint("name a world's folder, with world.toml in it, and files of tasks, *.jsonl"),
        );
    }
    Ok(found)
}

fn world(folder: &Path) -> Result<World> {
    World::load(folder).map_err(|error| {
        for problem in error.problems() {
            line(&problem.to_string());
        }
        CommandError::user(format!("{}: {error}", folder.display()))
            .hint(format!("`practicum check {}` says more", folder.display()))
    })
}

fn tasks(path: &Path) -> Result<Vec<Task>> {
    let text = std::fs::read_to_string(path).map_err(|error| io_error(path, &error))?;
    let lines = text.lines().enumerate();
    let tasks = lines.filter(|(_, own)| !own.trim().is_empty());
    tasks
        .map(|(at, own)| {
            serde_json::from_str(own).map_err(|error| {
                CommandError::user(format!(
                    "{}, line {}: no task: {error}",
                    path.display(),
                    at + 1
                ))
            })
        })
        .collect()
}
