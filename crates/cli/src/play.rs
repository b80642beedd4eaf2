//! `practicum play WORLD`: a terminal session in which a person calls tools by hand.

use std::path::PathBuf;

use practicum_rollout::TemplateUser;
use practicum_task::Task;
use practicum_world::{
    Actor, Agreement, Outcome, Session, StateSpec, Tool, Transcript, World, schema_type, verify,
};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Editor, Helper};
use serde_json::{Map, Value};

use crate::error::{CommandError, Result, io_error};
use crate::progress::line;

/// Arguments of `practicum play`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the world.
    world: PathBuf,
    /// Size of the generated state, or the name of a state of `data.toml`.
    #[arg(long, default_value = "medium")]
    size: String,
    /// Seed of the generated state.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play this task as the agent.
    #[arg(long)]
    task: Option<String>,
    /// File of tasks; that of the run which made the world unless given.
    #[arg(long)]
    tasks: Option<PathBuf>,
}

struct Names(Vec<String>);

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        text: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = &text[..position];
        if typed.contains(' ') {
            return Ok((position, Vec::new()));
        }
        let fitting = self
            .0
            .iter()
            .filter(|name| name.starts_with(typed))
            .cloned()
            .collect();
        Ok((0, fitting))
    }
}

impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}

type Input = Editor<Names, DefaultHistory>;

/// Plays until the person leaves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let world = World::load(&arguments.world).map_err(|error| {
        for problem in error.problems() {
            line(&problem.to_string());
        }
        CommandError::user(format!("{}: {error}", arguments.world.display()))
    })?;
    let task = match &arguments.task {
        Some(id) => Some(find_task(arguments, &world, id)?),
        None => None,
    };
    let spec = task.as_ref().map_or_else(
        || StateSpec::generated(&arguments.size, arguments.seed),
        |task| task.state.clone(),
    );
    let seed = task.as_ref().map_or(arguments.seed, |task| task.seed);
    let mut session = world
        .state(&spec)
        .and_then(|state| state.session(seed))
        .map_err(|error| CommandError::user(error.to_string()))?;
    // Who plays a task is the agent; who tries a world holds every party's tools.
    let alone = task.is_none();
    let held = |tool: &Tool| alone || tool.actor == Actor::Agent;
    let mut names: Vec<String> = world
        .tools()
        .iter()
        .filter(|tool| held(tool))
        .map(|tool| tool.name.clone())
        .collect();
    names.extend(["help", "diff", "reset", "say", "finish", "quit"].map(String::from));
    let mut input: Input = Editor::new()
        .map_err(|error| CommandError::work(format!("no terminal to read from: {error}")))?;
    input.set_helper(Some(Names(names)));

    line(&format!("{}: {}", world.file().title, world.file().summary));
    line("Type a tool's name (Tab completes), `help`, `diff`, `reset` or `quit`.");
    let mut user = task.as_ref().map(TemplateUser::new);
    let mut agreements: Vec<Agreement> = Vec::new();
    if let (Some(task), Some(user)) = (&task, &user) {
        let policy = world.policy_text().trim();
        if !policy.is_empty() {
            line(&format!("\n{policy}\n"));
        }
        line(&format!("user: {}", user.opening()));
        line("`say TEXT` talks to the user, `finish` ends the task.");
        let _ = task;
    }
    loop {
        let text = match input.readline("> ") {
            Ok(text) => text,
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Ok(()),
            Err(error) => return Err(CommandError::work(error.to_string())),
        };
        let text = text.trim();
        let _ = input.add_history_entry(text);
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "" => {}
            "quit" | "exit" => return Ok(()),
            "help" => help(&world, rest.trim(), alone),
            "diff" => show_diff(&mut session)?,
            "reset" => {
                session
                    .reset(seed)
                    .map_err(|error| CommandError::work(error.to_string()))?;
                agreements.clear();
                user = task.as_ref().map(TemplateUser::new);
                line("back at the initial state");
            }
            "say" => match &mut user {
                Some(user) => {
                    let turn = user
                        .hear(rest, &mut session)
                        .map_err(|error| CommandError::work(error.to_string()))?;
                    agreements.extend(turn.agreement);
                    match turn.reply {
                        Some(reply) => line(&format!("user: {reply}")),
                        None => line("user: I give up."),
                    }
                }
                None => line("There is no user here; play a task with --task ID."),
            },
            "finish" => {
                if let Some(task) = &task {
                    return finish(&mut session, task, agreements, &mut input);
                }
                line("There is no task here; play one with --task ID.");
            }
            name => match world.tool(name).filter(|tool| held(tool)) {
                Some(tool) => {
                    call(&mut session, tool, rest.trim(), &mut input)?;
                    if alone {
                        show_violations(&session);
                    }
                }
                None => line(&format!("there is no tool {name:?}; `help` lists them")),
            },
        }
    }
}

fn find_task(arguments: &Arguments, world: &World, id: &str) -> Result<Task> {
    // A run keeps worlds in <run>/author/worlds/<world> and tasks in <run>/task/<world>.jsonl.
    let path = arguments.tasks.clone().or_else(|| {
        let run = arguments.world.parent()?.parent()?.parent()?;
        Some(run.join("task").join(format!("{}.jsonl", world.name())))
    });
    let path = path.ok_or_else(|| CommandError::user("name the file of tasks with --tasks"))?;
    let text = std::fs::read_to_string(&path).map_err(|error| io_error(&path, &error))?;
    let mut known = Vec::new();
    for own in text.lines() {
        let task: Task = serde_json::from_str(own)
            .map_err(|error| CommandError::user(format!("{}: {error}", path.display())))?;
        if task.id == id {
            return Ok(task);
        }
        if known.len() < 5 {
            known.push(task.id);
        }
    }
    Err(
        CommandError::user(format!("{} has no task {id:?}", path.display()))
            .hint(format!("it begins with: {}", known.join(", "))),
    )
}

fn help(world: &World, name: &str, alone: bool) {
    match world.tool(name) {
        Some(tool) => {
            line(&format!("{}: {}", tool.name, tool.description));
            for parameter in tool.parameters() {
                let description = parameter
                    .schema
                    .get("description")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let choices = parameter.choices().map_or_else(String::new, |choices| {
                    format!(" one of {}", Value::from(choices))
                });
                let mark = if parameter.required {
                    "required"
                } else {
                    "optional"
                };
                line(&format!(
                    "  {} ({}, {mark}){choices} {description}",
                    parameter.name,
                    parameter.kind()
                ));
            }
        }
        None => {
            for tool in world.tools_of(Actor::Agent) {
                let kind = if tool.effects.read_only {
                    "reads "
                } else {
                    "writes"
                };
                let short: String = tool.description.chars().take(80).collect();
                line(&format!("  {kind} {:<32} {short}", tool.name));
            }
            for (actor, whose) in [
                (Actor::User, "user's"),
                (Actor::Setup, "setup"),
                (Actor::Verifier, "verify"),
            ] {
                for tool in world.tools_of(actor).filter(|_| alone) {
                    let short: String = tool.description.chars().take(80).collect();
                    line(&format!("  {whose} {:<32} {short}", tool.name));
                }
            }
            line("`help TOOL` shows its arguments; `TOOL {json}` calls it at once.");
        }
    }
}

fn call(session: &mut Session, tool: &Tool, given: &str, input: &mut Input) -> Result<()> {
    let before = lines(session)?;
    let reply = if given.is_empty() {
        let Some(arguments) = form(tool, input)? else {
            return Ok(());
        };
        session.call_as(tool.actor, &tool.name, &Value::Object(arguments))
    } else {
        session.call_text_as(tool.actor, &tool.name, given)
    };
    match reply.value() {
        Some(value) => line(&serde_json::to_string_pretty(&value).unwrap_or_default()),
        None => line(&reply.content()),
    }
    for change in lines(session)? {
        if !before.contains(&change) {
            line(&format!("  changed: {change}"));
        }
    }
    Ok(())
}

/// The rules that the last call violated, for the writer of a world.
fn show_violations(session: &Session) {
    let last = session.log().last();
    for rule in last.iter().flat_map(|record| &record.violations) {
        line(&format!(
            "  against the rule: {}",
            session.world().rules()[*rule].id
        ));
    }
}

/// Asks for each argument; an empty answer leaves an optional one out.
fn form(tool: &Tool, input: &mut Input) -> Result<Option<Map<String, Value>>> {
    let mut arguments = Map::new();
    for parameter in tool.parameters() {
        let mark = if parameter.required {
            ""
        } else {
            " (optional)"
        };
        let prompt = format!("  {}{mark}: ", parameter.name);
        let text = match input.readline(&prompt) {
            Ok(text) => text,
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => return Ok(None),
            Err(error) => return Err(CommandError::work(error.to_string())),
        };
        let text = text.trim();
        if text.is_empty() && !parameter.required {
            continue;
        }
        let value = match schema_type(&parameter.schema) {
            Some("string") | None => Value::from(text),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        };
        arguments.insert(parameter.name.clone(), value);
    }
    Ok(Some(arguments))
}

fn lines(session: &mut Session) -> Result<Vec<String>> {
    let diff = session
        .diff()
        .map_err(|error| CommandError::work(error.to_string()))?;
    Ok(diff.lines(session.world()))
}

fn show_diff(session: &mut Session) -> Result<()> {
    let lines = lines(session)?;
    if lines.is_empty() {
        line("nothing has changed");
    }
    for own in lines {
        line(&own);
    }
    Ok(())
}

fn finish(
    session: &mut Session,
    task: &Task,
    agreements: Vec<Agreement>,
    input: &mut Input,
) -> Result<()> {
    let names: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
    let ask = |prompt: &str, input: &mut Input| -> Result<String> {
        match input.readline(prompt) {
            Ok(text) => Ok(text.trim().to_string()),
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => Ok(String::new()),
            Err(error) => Err(CommandError::work(error.to_string())),
        }
    };
    let outcome = ask(&format!("  outcome ({}): ", names.join(", ")), input)?;
    let answer = ask("  answer: ", input)?;
    let transcript = Transcript {
        answer,
        outcome: Outcome::parse(&outcome),
        agreements,
    };
    let verdict = verify(session, &transcript, &task.expectation)
        .map_err(|error| CommandError::work(error.to_string()))?;
    for clause in &verdict.clauses {
        let mark = if clause.passed { "ok    " } else { "failed" };
        line(&format!("  {mark} {} {}", clause.name, clause.detail));
    }
    line(if verdict.passed {
        "passed"
    } else {
        "not passed"
    });
    Ok(())
}
