//! What is served, as a package of OpenEnv: manifest, worlds, tasks, image, and an oracle.

use std::path::{Path, PathBuf};

use practicum_serve::openenv_manifest;
use practicum_task::{Task, propose};
use practicum_world::{World, WorldFiles};
use serde_json::{Value, json};

use super::catalogue;
use crate::error::{CommandError, Result, io_error};
use crate::progress::line;

/// Plays every task's gold over the REST API.
const ORACLE: &str = include_str!("oracle.py");

/// Serves the package's folder.
const IMAGE: &str = "\
# `practicum` is the release binary for Linux, copied beside this file.
FROM debian:stable-slim
COPY practicum /usr/local/bin/
COPY worlds /worlds
COPY tasks.jsonl /
EXPOSE 8000
# Others than this machine connect: give the token as PRACTICUM_TOKEN.
CMD [\"practicum\", \"serve\", \"/worlds\", \"--tasks\", \"/tasks.jsonl\", \"--address\", \"0.0.0.0:8000\"]
";

/// Writes the package. A folder that is there is left as it is.
pub(super) fn write(
    folder: &Path,
    worlds_folders: &[PathBuf],
    worlds: Vec<World>,
    tasks: Vec<Task>,
) -> Result<()> {
    if folder.exists() {
        return Err(
            CommandError::user(format!("{} is there already", folder.display()))
                .hint("name another folder with --package, or remove this one"),
        );
    }
    if tasks.is_empty() {
        return Err(
            CommandError::user("a package needs tasks: its oracle plays them")
                .hint("name files of tasks with --tasks"),
        );
    }
    let catalogue = catalogue(worlds, tasks)?;
    let mut plans = Vec::new();
    let mut lines = String::new();
    for task in catalogue.tasks() {
        let world = catalogue
            .world(&task.world)
            .ok_or_else(|| CommandError::work(format!("there is no world {:?}", task.world)))?;
        plans.push(json!({"task": task.id, "acts": acts(world, task)?}));
        let text = serde_json::to_string(task.as_ref())
            .map_err(|error| CommandError::work(error.to_string()))?;
        lines.push_str(&text);
        lines.push('\n');
    }
    for own in worlds_folders {
        // By its real path: `.` has no name.
        let real = own.canonicalize().map_err(|error| io_error(own, &error))?;
        let Some(name) = real.file_name() else {
            return Err(CommandError::user(format!("{} has no name", own.display())));
        };
        let place = folder.join("worlds").join(name);
        if place.exists() {
            return Err(CommandError::user(format!(
                "two worlds' folders are named {}; rename one",
                name.display()
            )));
        }
        WorldFiles::read(own)
            .and_then(|files| files.write(&place))
            .map_err(|error| CommandError::work(error.to_string()))?;
    }
    let manifest = openenv_manifest(&catalogue, "oracle.py");
    for (name, text) in [
        ("openenv.yaml", manifest.as_str()),
        ("oracle.py", ORACLE),
        ("oracle.json", &Value::from(plans).to_string()),
        ("tasks.jsonl", &lines),
        ("Dockerfile", IMAGE),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| io_error(&path, &error))?;
    }
    line(&format!("Wrote a package to {}", folder.display()));
    line("Try:");
    line(&format!(
        "  practicum serve {0}/worlds --tasks {0}/tasks.jsonl",
        folder.display()
    ));
    line(&format!("  python3 {}/oracle.py", folder.display()));
    Ok(())
}

/// The acts that pass a task: gold's calls, each change proposed to the user before it is made, and the end.
fn acts(world: &World, task: &Task) -> Result<Vec<Value>> {
    let mut acts = Vec::new();
    for call in &task.gold {
        let tool = world.tool(&call.tool).ok_or_else(|| {
            CommandError::work(format!(
                "task {} calls {:?}, which is no tool",
                task.id, call.tool
            ))
        })?;
        if call.writes {
            let text = propose(world, task, tool, &call.arguments);
            acts.push(json!({"tool": "say", "arguments": {"text": text}}));
        }
        acts.push(json!({"tool": call.tool, "arguments": call.arguments}));
    }
    let finish = json!({"outcome": task.expectation.outcome, "answer": task.answer});
    acts.push(json!({"tool": "finish", "arguments": finish}));
    Ok(acts)
}
