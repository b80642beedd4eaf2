//! `practicum task make | show | stats | prove`: tasks for people to read, to count and to prove again.

mod difficulty;
mod stats;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use practicum_task::{
    Examination, Examiner, Fate, Fingerprint, GoldCall, Length, Options, Reason, Report, Task,
    Told, difficulty, overlaps,
};
use practicum_world::{Actor, World};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::error::{CommandError, Result, io_error};
use crate::progress::{Progress, line, result};
use crate::stages::task::{load, make_for, read_tasks};

/// What can be done with tasks that are there.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make tasks for worlds that are there: `<out>/<world>.jsonl`.
    Make(Make),
    /// Print a task as a person would want to read it.
    Show(Show),
    /// Count the tasks of files or of a run.
    Stats(Stats),
    /// Hold the difficulty score against how reference runs do.
    Difficulty(Difficulty),
    /// Say which worlds go to which side, and what the sides share.
    Split(Split),
    /// Prove tasks again, against their worlds as they are now.
    Prove(Prove),
}

/// Where tasks and their worlds are.
#[derive(Debug, clap::Args)]
pub(crate) struct Places {
    /// Folder of the task's world; that of the run which made the tasks unless given.
    #[arg(long)]
    world: Option<PathBuf>,
}

/// Arguments of `practicum task make`.
#[derive(Debug, clap::Args)]
pub(crate) struct Make {
    /// Folders of worlds.
    #[arg(required = true)]
    worlds: Vec<PathBuf>,
    /// Folder for the tasks.
    #[arg(long)]
    out: PathBuf,
    /// Tasks wanted for each world.
    #[arg(long, default_value_t = 300)]
    per_world: usize,
    /// Number of states for each world.
    #[arg(long, default_value_t = 3)]
    states: usize,
    /// Shares of the numbers of calls of gold: `1-4=0.6,5-10=0.3,11-20=0.1`; as they come unless given.
    #[arg(long, value_delimiter = ',')]
    lengths: Vec<String>,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the report as one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Arguments of `practicum task show`.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The task's id, such as `bank-00012`.
    id: String,
    /// A run's folder, or a file of tasks.
    #[arg(long = "in", default_value = "out")]
    within: PathBuf,
    #[command(flatten)]
    places: Places,
    /// Print the runs of the proof one by one, not only those that matter.
    #[arg(long)]
    all: bool,
}

/// Arguments of `practicum task stats`.
#[derive(Debug, clap::Args)]
pub(crate) struct Stats {
    /// Files of tasks, or runs' folders.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    places: Places,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Arguments of `practicum task difficulty`.
#[derive(Debug, clap::Args)]
pub(crate) struct Difficulty {
    /// Files of tasks, or runs' folders.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    places: Places,
    /// Tasks of each world that are played; all when 0.
    #[arg(long, default_value_t = 200)]
    most: usize,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Arguments of `practicum task prove`.
#[derive(Debug, clap::Args)]
pub(crate) struct Prove {
    /// Files of tasks, or runs' folders.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    places: Places,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Arguments of `practicum task split`.
#[derive(Debug, clap::Args)]
pub(crate) struct Split {
    /// Files of tasks, or runs' folders.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    places: Places,
    /// The sides and their shares of the worlds.
    #[arg(long, value_delimiter = ',', default_value = "train=0.8,eval=0.2")]
    sides: Vec<String>,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Make(arguments) => make(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Stats(arguments) => stats::run(arguments),
        Command::Difficulty(arguments) => difficulty::run(arguments),
        Command::Split(arguments) => split(arguments),
        Command::Prove(arguments) => prove(arguments),
    }
}

fn make(arguments: &Make) -> Result<()> {
    let options = Options {
        per_world: arguments.per_world,
        states: arguments.states,
        seed: arguments.seed,
        lengths: parse_lengths(&arguments.lengths)?,
        ..Options::default()
    };
    std::fs::create_dir_all(&arguments.out).map_err(|error| io_error(&arguments.out, &error))?;
    let worlds = arguments
        .worlds
        .par_iter()
        .map(|folder| load(folder))
        .collect::<Result<Vec<_>>>()?;
    let carried: Vec<_> = worlds.par_iter().map(practicum_task::carried).collect();
    let shares = practicum_task::balanced(&options, &carried);
    let progress = Progress::new("task", false);
    let (all, done) = (worlds.len(), AtomicUsize::new(0));
    let reports = worlds
        .into_par_iter()
        .zip(shares)
        .map(|(world, kinds)| {
            let options = Options {
                kinds,
                ..options.clone()
            };
            let path = arguments.out.join(format!("{}.jsonl", world.name()));
            let report = make_for(&world, &options, &path)?;
            progress.at(done.fetch_add(1, Ordering::Relaxed) + 1, all);
            Ok((world.name().to_string(), report))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut total = Report::default();
    for (name, report) in &reports {
        total.add(report);
        line(&format!(
            "{name}: {} tasks proven of {} goals",
            report.proven, report.tried
        ));
    }
    progress.done(&format!(
        "{} tasks in {out}; `practicum task stats {out}/*.jsonl --world FOLDER` says more",
        total.proven,
        out = arguments.out.display()
    ));
    line(&format!(
        "{} tasks; before the filter {:.2} % of mutants killed, {:.2} % of variants accepted; of those that never gate {:.2} % killed",
        total.proven,
        100.0 * total.kill_rate_before(),
        100.0 * total.acceptance_rate_before(),
        100.0 * total.beyond_kill_rate(),
    ));
    let covered = &total.coverage;
    line(&format!(
        "{} of {} tools and {} of {} connected pairs in some gold; {} tools can be in none",
        covered.tools_used,
        covered.tools,
        covered.pairs_used,
        covered.pairs,
        covered.out_of_reach.len()
    ));
    for length in &options.lengths {
        let made: usize = total
            .lengths
            .range(length.least..=length.most)
            .map(|(_, count)| count)
            .sum();
        line(&format!(
            "{} to {} calls: {:.1} % of the tasks",
            length.least,
            length.most,
            100.0 * made as f64 / total.proven.max(1) as f64
        ));
    }
    if arguments.json {
        let worlds: BTreeMap<&String, &Report> = reports
            .iter()
            .map(|(name, report)| (name, report))
            .collect();
        result(&json!({"total": total, "worlds": worlds}).to_string());
    }
    Ok(())
}

/// `5-10=0.3`: from five to ten calls, three in ten.
fn parse_lengths(texts: &[String]) -> Result<Vec<Length>> {
    let parse = |text: &String| {
        let (range, share) = text.split_once('=')?;
        let (least, most) = range.split_once('-').unwrap_or((range, range));
        let length = Length {
            least: least.trim().parse().ok()?,
            most: most.trim().parse().ok()?,
            share: share.trim().parse().ok()?,
        };
        (length.least <= length.most && length.share > 0.0).then_some(length)
    };
    texts
        .iter()
        .map(|text| {
            parse(text).ok_or_else(|| {
                CommandError::user(format!("{text} is no number of calls with its share"))
                    .hint("write --lengths 1-4=0.6,5-10=0.3,11-20=0.1")
            })
        })
        .collect()
}

/// The files of tasks at a place: the file itself, or those of the runs below a folder.
fn task_files(place: &Path) -> Result<Vec<PathBuf>> {
    let missing = || {
        CommandError::user(format!("there are no tasks in {}", place.display()))
            .hint("give a file of tasks, or the folder of a run that has come as far as `task`")
    };
    if place.is_file() {
        return Ok(vec![place.to_path_buf()]);
    }
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        paths.sort();
        paths
    };
    let mut folders = vec![place.to_path_buf(), place.join("task")];
    folders.extend(list(place).into_iter().map(|run| run.join("task")));
    for folder in &folders {
        let mut files = list(folder);
        files.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
        // A run's folder holds files of other things, too.
        files.retain(|path| folder != place || read_tasks(path).is_ok());
        if !files.is_empty() {
            return Ok(files);
        }
    }
    Err(missing())
}

/// The world of a file of tasks: as given, or that of the run in which the file lies.
fn world_of(file: &Path, name: &str, places: &Places) -> Result<World> {
    if let Some(folder) = &places.world {
        // One world, or the folder that holds the worlds.
        let own = folder.join(name);
        let own = if own.join("world.toml").is_file() {
            own
        } else {
            folder.clone()
        };
        let world = load(&own)?;
        if world.name() != name {
            return Err(CommandError::user(format!(
                "{} is the world {}, and the task is of {name}",
                own.display(),
                world.name()
            )));
        }
        return Ok(world);
    }
    let run = file.parent().and_then(Path::parent);
    let folder = run.map(|run| run.join("author").join("worlds").join(name));
    match folder {
        Some(folder) if folder.join("world.toml").is_file() => load(&folder),
        _ => Err(
            CommandError::user(format!("the world {name} is not beside {}", file.display()))
                .hint("give its folder with --world"),
        ),
    }
}

fn show(arguments: &Show) -> Result<()> {
    for file in task_files(&arguments.within)? {
        let tasks = read_tasks(&file)?;
        let Some(task) = tasks.iter().find(|task| task.id == arguments.id) else {
            continue;
        };
        let world = world_of(&file, &task.world, &arguments.places)?;
        let examination = Examiner::new(&world)
            .examine(task)
            .map_err(|error| CommandError::work(error.to_string()))?;
        result(&page(&world, task, &examination, arguments.all));
        return Ok(());
    }
    Err(CommandError::user(format!(
        "there is no task {} in {}",
        arguments.id,
        arguments.within.display()
    ))
    .hint("`practicum task stats` lists the worlds; ids count up from <world>-00000"))
}

/// A task in words.
fn page(world: &World, task: &Task, examination: &Examination, all: bool) -> String {
    let mut text = format!(
        "{} · {} · {} · state {} {}, seed {} · difficulty {:.1}\n",
        task.id,
        task.kind.name(),
        world.file().title,
        task.state.size,
        task.state.seed,
        task.seed,
        difficulty(task)
    );
    if task.world_digest != world.digest() {
        text.push_str("The world has changed since the task was proven.\n");
    }
    text.push_str(&format!("\n  \"{}\"\n", task.intent));
    if !task.slots.is_empty() {
        text.push_str("\nThe user knows\n");
        for slot in &task.slots {
            let when = match slot.told {
                Told::AtStart => "",
                Told::IfAsked => "   (told if asked)",
                Told::AtProposal => "   (told when the agent proposes what was wanted first)",
            };
            text.push_str(&format!("  {}: {}{when}\n", slot.name, slot.said));
        }
    }
    if let Some(thoughts) = &task.second_thoughts {
        text.push_str(&format!(
            "\nThe user wanted {} {} first, then says: \"{}\"\n",
            thoughts.argument, thoughts.first, thoughts.says
        ));
    }
    text.push_str("\nGold\n");
    for (at, call) in task.gold.iter().enumerate() {
        call_lines(&mut text, task, at, call);
        let reply = examination.replies.get(at).and_then(Option::as_ref);
        let reply = reply.map_or_else(|| "fails".to_string(), Value::to_string);
        text.push_str(&format!("       -> {}\n", shortened(&reply)));
    }
    if !task.temptation.is_empty() {
        text.push_str("\nTempting and wrong\n");
        for call in &task.temptation {
            let arguments = Value::Object(call.arguments.clone());
            text.push_str(&format!("  {} {arguments}\n", call.tool));
        }
    }
    text.push_str(&format!(
        "\nThe right outcome is {}; gold says: \"{}\"\n",
        task.expectation.outcome.name(),
        task.answer
    ));
    for fact in &task.expectation.facts {
        text.push_str(&format!(
            "  asked: {} = {} (seen in {} rows; {} other values would be wrong)\n",
            fact.about,
            fact.value,
            fact.support.len(),
            fact.others.len()
        ));
    }
    section(&mut text, "What gold changes", &examination.changes);
    for (at, end) in examination.ends.iter().enumerate() {
        if examination.ends.len() > 1 {
            section(&mut text, &format!("Accepted end {}", at + 1), end);
        }
    }
    trials(&mut text, examination, all);
    section(&mut text, "Problems", &examination.problems());
    text.trim_end().to_string()
}

fn call_lines(text: &mut String, task: &Task, at: usize, call: &GoldCall) {
    let by = if call.actor == Actor::User {
        "   (made by the user)"
    } else {
        ""
    };
    text.push_str(&format!("  {}. {}{by}\n", at + 1, call.tool));
    for (name, value) in &call.arguments {
        let why = call
            .determined
            .iter()
            .find(|why| why.argument == *name)
            .map_or_else(String::new, |why| reason(task, &why.by));
        let others = call.accepted(name).len() - 1;
        let any = if others > 0 {
            format!("; {others} others will do as well")
        } else {
            String::new()
        };
        text.push_str(&format!("       {name} = {value}   {why}{any}\n"));
    }
}

fn reason(task: &Task, by: &Reason) -> String {
    let name = |slot: &usize| {
        task.slots
            .get(*slot)
            .map_or_else(String::new, |slot| slot.name.clone())
    };
    match by {
        Reason::Told(slot) => format!("told: {}", name(slot)),
        Reason::Parts(slots) => {
            let names: Vec<String> = slots.iter().map(name).collect();
            format!("told: {}", names.join(", "))
        }
        Reason::Shown {
            call,
            place,
            minted,
        } => {
            let minted = if *minted { ", made in the session" } else { "" };
            format!("shown by call {} at {place}{minted}", call + 1)
        }
    }
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    text.push_str(&format!("\n{title}\n"));
    for own in lines {
        text.push_str(&format!("  {own}\n"));
    }
}

fn trials(text: &mut String, examination: &Examination, all: bool) {
    let mut counts: BTreeMap<Fate, usize> = BTreeMap::new();
    for trial in &examination.trials {
        *counts.entry(trial.fate).or_default() += 1;
    }
    let counted: Vec<String> = counts
        .iter()
        .map(|(fate, count)| format!("{count} {}", fate.name()))
        .collect();
    text.push_str(&format!("\nProof: {}\n", counted.join(", ")));
    let mut seen: BTreeMap<(&str, Fate), usize> = BTreeMap::new();
    for trial in &examination.trials {
        // One of each is enough to see what was tried.
        let known = seen.entry((trial.name, trial.fate)).or_default();
        *known += 1;
        if !all && *known > 1 {
            continue;
        }
        let gates = if trial.gates { "" } else { " (does not gate)" };
        text.push_str(&format!(
            "  {:<10} {}{gates}: {}\n",
            trial.fate.name(),
            trial.name,
            shortened(&trial.differs)
        ));
        if let Some(failure) = trial.failures.first() {
            text.push_str(&format!("             {}\n", shortened(failure)));
        }
    }
}

/// A line that a person still reads.
fn shortened(text: &str) -> String {
    const MOST: usize = 300;
    if text.chars().count() <= MOST {
        return text.to_string();
    }
    let head: String = text.chars().take(MOST).collect();
    format!("{head}...")
}

fn prove(arguments: &Prove) -> Result<()> {
    let (mut count, mut moved) = (0_usize, 0_usize);
    let mut problems: Vec<(String, Vec<String>)> = Vec::new();
    let mut fates: BTreeMap<&str, usize> = BTreeMap::new();
    for place in &arguments.files {
        for file in task_files(place)? {
            let tasks = read_tasks(&file)?;
            let mut examiners: BTreeMap<String, (World, Examiner)> = BTreeMap::new();
            for task in &tasks {
                if !examiners.contains_key(&task.world) {
                    let world = world_of(&file, &task.world, &arguments.places)?;
                    let examiner = Examiner::new(&world);
                    examiners.insert(task.world.clone(), (world, examiner));
                }
                let Some((world, examiner)) = examiners.get_mut(&task.world) else {
                    continue;
                };
                count += 1;
                moved += usize::from(task.world_digest != world.digest());
                // A state that cannot be made any more is a change of its world, too.
                let found = match examiner.examine(task) {
                    Ok(examination) => {
                        for trial in &examination.trials {
                            *fates.entry(trial.fate.name()).or_default() += 1;
                        }
                        examination.problems()
                    }
                    Err(error) => vec![error.to_string()],
                };
                if !found.is_empty() {
                    problems.push((task.id.clone(), found));
                }
            }
        }
    }
    if arguments.json {
        let failed: BTreeMap<&String, &Vec<String>> =
            problems.iter().map(|(id, found)| (id, found)).collect();
        result(
            &json!({
                "tasks": count,
                "of_changed_worlds": moved,
                "trials": fates,
                "failed": failed,
            })
            .to_string(),
        );
    } else {
        for (id, found) in &problems {
            for problem in found {
                line(&format!("{id}: {}", shortened(problem)));
            }
        }
        line(&format!(
            "{} of {count} tasks hold; {moved} are of worlds that have changed since; runs of the proof: {fates:?}",
            count - problems.len()
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(CommandError::work(format!(
            "{} of {count} tasks no longer hold",
            problems.len()
        ))
        .hint("`practicum task show ID` shows one in full; make them again with `practicum task RECIPE`"))
    }
}

/// Sides by world, never by task: one JSON object.
fn split(arguments: &Split) -> Result<()> {
    let mut names = Vec::new();
    let mut shares = Vec::new();
    for side in &arguments.sides {
        let parsed = side
            .split_once('=')
            .and_then(|(name, share)| Some((name, share.parse::<f64>().ok()?)))
            .filter(|(_, share)| *share > 0.0);
        let Some((name, share)) = parsed else {
            return Err(
                CommandError::user(format!("{side} is no side with its share"))
                    .hint("write --sides train=0.8,eval=0.2"),
            );
        };
        names.push(name);
        shares.push(share);
    }
    let mut prints = Vec::new();
    let mut counts = Vec::new();
    for place in &arguments.files {
        for file in task_files(place)? {
            let mut by_world: BTreeMap<String, Vec<Task>> = BTreeMap::new();
            for task in read_tasks(&file)? {
                by_world.entry(task.world.clone()).or_default().push(task);
            }
            for (name, tasks) in by_world {
                let world = world_of(&file, &name, &arguments.places)?;
                prints.push(Fingerprint::of(&world, &tasks));
                counts.push(tasks.len());
            }
        }
    }
    let sides = practicum_task::split(&prints, &shares, arguments.seed);
    let mut all: BTreeMap<&str, (Vec<&str>, usize)> = BTreeMap::new();
    for ((print, side), count) in prints.iter().zip(&sides).zip(&counts) {
        let own = all.entry(names[*side]).or_default();
        own.0.push(&print.world);
        own.1 += count;
    }
    let all: BTreeMap<&str, Value> = all
        .into_iter()
        .map(|(name, (worlds, tasks))| (name, json!({"worlds": worlds, "tasks": tasks})))
        .collect();
    result(&json!({"sides": all, "shared": overlaps(&prints, &sides, &names)}).to_string());
    Ok(())
}
