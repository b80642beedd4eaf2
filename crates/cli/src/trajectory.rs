//! `practicum trajectory`: look into records of episodes, compare two, do them again.

mod export;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use practicum_chat::Role;
use practicum_rollout::{Trajectory, read_trajectories, replay};
use practicum_task::Task;
use practicum_world::{State, StateSpec, World};
use serde_json::{Value, json};

use export::{Export, Why};

use crate::error::{CommandError, Result};
use crate::progress::{line, result};
use crate::rollout::{load_worlds, tasks_of};

/// What to do with trajectories.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// One episode as text: what was said, called and changed, and the verdict.
    Show(Show),
    /// Where two episodes part.
    Diff(Diff),
    /// Send trajectories through the funnel, and write what is left as training data.
    Export(Box<Export>),
    /// Why the funnel dropped a trajectory.
    Why(Why),
    /// Make the calls of all episodes again: replies and verdicts must agree.
    Replay(Again),
    /// Judge all episodes anew, after a change of the verifier or of the tasks: which verdicts move, and why.
    Reverify(Again),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The file of trajectories.
    file: PathBuf,
    /// The trajectory's id, or a part of it; the first one of the file unless given.
    id: Option<String>,
    /// The whole record as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The file of trajectories.
    file: PathBuf,
    /// The one.
    one: String,
    /// The other.
    other: String,
    /// The other's file, where that is another one.
    #[arg(long)]
    with: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Again {
    /// The file of trajectories.
    file: PathBuf,
    /// Folders of the worlds, or folders that hold such.
    #[arg(required = true)]
    worlds: Vec<PathBuf>,
    /// The tasks; `tasks.jsonl` beside the trajectories unless given.
    #[arg(long, num_args = 1..)]
    tasks: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Show(arguments) => show(arguments),
        Command::Diff(arguments) => diff(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Why(arguments) => export::why(arguments),
        Command::Replay(arguments) => again(arguments, true),
        Command::Reverify(arguments) => again(arguments, false),
    }
}

fn each(file: &Path, mut each: impl FnMut(Trajectory)) -> Result<()> {
    read_trajectories(file, &mut each).map_err(|error| {
        CommandError::user(error.to_string())
            .hint("name a file of trajectories, such as `trajectories.jsonl` of a run")
    })
}

/// The trajectory of an id; a part of it is enough where only one has it.
fn find(file: &Path, id: Option<&str>) -> Result<Trajectory> {
    let (mut exact, mut partly, mut others) = (None, None, 0);
    each(file, |own| {
        let wanted = id.unwrap_or_default();
        if own.id == wanted {
            exact = Some(own);
        } else if own.id.contains(wanted) {
            if partly.is_some() {
                others += 1;
            } else {
                partly = Some(own);
            }
        }
    })?;
    let unclear = id.is_some() && others > 0 && exact.is_none();
    match exact.or(partly) {
        Some(found) if !unclear => Ok(found),
        Some(found) => Err(CommandError::user(format!(
            "{} trajectories have {:?} in their id, such as {}; name one in full",
            others + 1,
            id.unwrap_or_default(),
            found.id
        ))),
        None => Err(CommandError::user(format!(
            "{} holds no trajectory {:?}",
            file.display(),
            id.unwrap_or_default()
        ))),
    }
}

fn show(arguments: &Show) -> Result<()> {
    let own = find(&arguments.file, arguments.id.as_deref())?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&own)
            .map_err(|error| CommandError::work(error.to_string()))?;
        result(&text);
        return Ok(());
    }
    result(&describe(&own));
    Ok(())
}

fn describe(own: &Trajectory) -> String {
    let mut text = format!(
        "{} ({}, {}, attempt {})\n",
        own.id, own.kind, own.source, own.attempt
    );
    if let Some(usage) = own.usage {
        text.push_str(&format!(
            "{} replies, {} + {} tokens, {} ms\n",
            own.turns.len(),
            usage.prompt,
            usage.completion,
            own.took_ms.unwrap_or_default()
        ));
    }
    let mut steps = own.steps.iter();
    for (at, message) in own.messages.iter().enumerate() {
        let who = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "agent",
            Role::Tool => "reply",
        };
        if let Some(thought) = &message.reasoning_content {
            text.push_str(&format!("{at:>3} {who:>6}  ({thought})\n"));
        }
        if !message.content.is_empty() {
            text.push_str(&format!("{at:>3} {who:>6}  {}\n", message.content));
        }
        for call in &message.tool_calls {
            text.push_str(&format!(
                "{at:>3} {who:>6}  {}({})\n",
                call.function.name, call.function.arguments
            ));
        }
        if message.role == Role::Tool
            && message.name.as_deref() != Some("finish")
            && let Some(step) = steps.next()
        {
            for change in &step.changes {
                text.push_str(&format!("           ~ {change}\n"));
            }
            if let Some(progress) = step.progress {
                text.push_str(&format!("           {:.0} % there\n", 100.0 * progress));
            }
        }
        for heard in own.user.iter().filter(|heard| heard.message == at) {
            text.push_str(&format!("           heard as: {}\n", heard.acts.join(", ")));
        }
    }
    text.push_str(&format!(
        "ended: {}; {}\n",
        own.ending.name(),
        if own.verdict.passed {
            "passed"
        } else {
            "failed"
        }
    ));
    for failure in own.verdict.failures() {
        text.push_str(&format!("  {failure}\n"));
    }
    if let Some(fault) = own.fault {
        text.push_str(&format!("  fault: {}", fault.name()));
        if let Some(evidence) = &own.evidence {
            text.push_str(&format!(" ({evidence})"));
        }
        text.push('\n');
    }
    text
}

fn diff(arguments: &Diff) -> Result<()> {
    let one = find(&arguments.file, Some(&arguments.one))?;
    let file = arguments.with.as_ref().unwrap_or(&arguments.file);
    let other = find(file, Some(&arguments.other))?;
    if one.task != other.task {
        line(&format!(
            "note: these are two tasks: {} and {}",
            one.task, other.task
        ));
    }
    let lines = |own: &Trajectory| -> Vec<String> {
        let mut bare = own.clone();
        (bare.turns, bare.usage) = (Vec::new(), None);
        describe(&bare)
            .lines()
            .skip(1)
            .map(str::to_string)
            .collect()
    };
    let (ours, theirs) = (lines(&one), lines(&other));
    let common = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    result(&format!("--- {}\n+++ {}", one.id, other.id));
    result(&format!("  the same for {common} lines"));
    for own in &ours[common.saturating_sub(1)..common] {
        result(&format!("  {own}"));
    }
    for own in &ours[common..] {
        result(&format!("- {own}"));
    }
    for own in &theirs[common..] {
        result(&format!("+ {own}"));
    }
    Ok(())
}

/// Tasks by id: those that are given, or those beside the trajectories.
fn tasks_beside(file: &Path, given: &[PathBuf]) -> Result<BTreeMap<String, Task>> {
    let beside = [file.with_file_name("tasks.jsonl")];
    let files = if given.is_empty() { &beside[..] } else { given };
    Ok(tasks_of(files)?
        .into_iter()
        .map(|task| (task.id.clone(), task))
        .collect())
}

/// The worlds' states, each made once.
struct States<'a> {
    worlds: BTreeMap<&'a str, &'a World>,
    made: BTreeMap<(String, StateSpec), State>,
}

impl<'a> States<'a> {
    fn new(worlds: &'a [World]) -> Self {
        Self {
            worlds: worlds.iter().map(|world| (world.name(), world)).collect(),
            made: BTreeMap::new(),
        }
    }

    fn of(&mut self, own: &Trajectory) -> Result<State> {
        let key = (own.world.clone(), own.state.clone());
        if let Some(state) = self.made.get(&key) {
            return Ok(state.clone());
        }
        let world = self.worlds.get(own.world.as_str()).ok_or_else(|| {
            CommandError::user(format!(
                "there are trajectories of the world {}, but no such world is given",
                own.world
            ))
        })?;
        let state = world
            .state(&own.state)
            .map_err(|error| CommandError::work(format!("world {}: {error}", own.world)))?;
        self.made.insert(key, state.clone());
        Ok(state)
    }
}

fn again(arguments: &Again, strict: bool) -> Result<()> {
    let worlds = load_worlds(&arguments.worlds)?;
    let tasks = tasks_beside(&arguments.file, &arguments.tasks)?;
    let mut states = States::new(&worlds);
    let (mut all, mut skipped, mut calls) = (0usize, 0usize, 0usize);
    let (mut differences, mut moved) = (Vec::new(), Vec::new());
    let mut failure = None;
    each(&arguments.file, |own| {
        if failure.is_some() {
            return;
        }
        let mut one = || -> Result<()> {
            let Some(task) = tasks.get(&own.task) else {
                skipped += 1;
                return Ok(());
            };
            let state = states.of(&own)?;
            let replayed = replay(&state, task, &own)
                .map_err(|error| CommandError::work(format!("{}: {error}", own.id)))?;
            let Some(replayed) = replayed else {
                skipped += 1;
                return Ok(());
            };
            all += 1;
            calls += replayed.calls;
            for difference in &replayed.differences {
                differences.push(json!({
                    "id": own.id,
                    "message": difference.message,
                    "tool": difference.tool,
                    "before": difference.before,
                    "now": difference.now,
                }));
            }
            let why = replayed.moved(&own);
            if !why.is_empty() {
                moved.push(json!({"id": own.id, "why": why}));
            }
            Ok(())
        };
        failure = one().err();
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    let wrong = differences.len() + moved.len();
    if arguments.json {
        let report = json!({
            "trajectories": all,
            "skipped": skipped,
            "calls": calls,
            "differences": differences,
            "moved": moved,
        });
        result(&report.to_string());
    } else {
        for own in differences.iter().take(20) {
            result(&format!(
                "{} message {}: {} is answered differently\n  before {}\n  now    {}",
                text(&own["id"]),
                own["message"],
                text(&own["tool"]),
                text(&own["before"]),
                text(&own["now"])
            ));
        }
        for own in &moved {
            let why: Vec<&str> = own["why"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|why| why.as_str())
                .collect();
            result(&format!("{}: {}", text(&own["id"]), why.join("; ")));
        }
        result(&format!(
            "{all} trajectories, {calls} calls: {} answered differently, {} verdicts moved; {skipped} skipped (no task, or only a verdict)",
            differences.len(),
            moved.len()
        ));
    }
    if strict && wrong > 0 {
        return Err(
            CommandError::work("the record and the world do not agree").hint(
                "the world, the tasks or the program have changed since; `reverify` says what that means for the verdicts",
            ),
        );
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
