//! The dynamic half of the checker: what can only be seen by running the tools.

mod example;
mod hostile;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::arguments::cut;
use crate::cell::Row;
use crate::format::Actor;
use crate::problem::{Problem, Problems, Severity};
use crate::program::{Step, Tool};
use crate::reply::{ErrorKind, Reply};
use crate::rng::Draws;
use crate::sample::Sampler;
use crate::session::Session;
use crate::sql::{Table, TableKind};
use crate::state::{State, StateError, StateSpec, all_rows_query};
use crate::world::World;

/// Length of the huge string among hostile arguments.
const MAX_HOSTILE_BYTES: usize = 100_000;
/// Examples of one tool and one kind of failure.
const MAX_EXAMPLES: usize = 3;
/// Successful hostile calls after which other tools read what was stored.
const POISONED: usize = 6;

/// What a check found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckReport {
    /// The world's name.
    pub world: String,
    /// The digest of the files that were checked.
    pub digest: String,
    /// All findings, errors first.
    pub problems: Vec<Problem>,
    /// How each tool fared.
    pub tools: Vec<ToolCheck>,
}

impl CheckReport {
    /// True when the world can be used.
    pub fn passed(&self) -> bool {
        !self
            .problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }
}

/// How one tool fared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCheck {
    /// The tool.
    pub name: String,
    /// It is proven to write nothing.
    pub read_only: bool,
    /// Calls that were tried with arguments found by query.
    pub tried: usize,
    /// Calls that succeeded.
    pub succeeded: usize,
    /// Guards that fired, of all guards.
    pub guards_fired: usize,
    /// All guards.
    pub guards: usize,
}

/// How hard to try.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// Sizes of the generated states to try on.
    pub sizes: Vec<String>,
    /// The seed of states and arguments.
    pub seed: u64,
    /// Calls per tool with arguments found by query.
    pub tries: usize,
    /// Calls per tool with hostile arguments.
    pub fuzz: usize,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            sizes: vec!["small".into()],
            seed: 1,
            tries: 80,
            fuzz: 80,
        }
    }
}

impl World {
    /// Runs every tool on generated states and reports what the static half cannot see.
    pub fn check(&self, options: &CheckOptions) -> CheckReport {
        let mut check = Check {
            world: self,
            problems: Problems(self.warnings().to_vec()),
            tools: self
                .tools()
                .iter()
                .map(|tool| ToolCheck {
                    name: tool.name.clone(),
                    read_only: tool.effects.read_only,
                    guards: tool.guards.len(),
                    ..ToolCheck::default()
                })
                .collect(),
            fired: vec![BTreeSet::new(); self.tools().len()],
            changed: vec![false; self.tools().len()],
            seen: vec![Seen::default(); self.tools().len()],
        };
        check.tables_are_read();
        check.data_file_tests();
        for size in &options.sizes {
            if let Err(error) = check.run_on(size, options) {
                check
                    .problems
                    .error("data.toml", format!("size {size}"), error.to_string());
            }
        }
        // What cannot be made would fail the task that names it.
        for own in &self.data().state {
            let spec = StateSpec::generated(&own.name, options.seed);
            if let Err(error) = self.state(&spec) {
                let place = format!("state {:?}", own.name);
                check.problems.error("data.toml", place, error.to_string());
            }
        }
        check.finish();
        let mut problems = check.problems.0;
        problems.sort();
        problems.dedup();
        CheckReport {
            world: self.name().to_string(),
            digest: self.digest().to_string(),
            problems,
            tools: check.tools,
        }
    }
}

struct Check<'a> {
    world: &'a World,
    problems: Problems,
    tools: Vec<ToolCheck>,
    /// Guards that fired, by tool.
    fired: Vec<BTreeSet<usize>>,
    /// Tools that changed the state at least once.
    changed: Vec<bool>,
    /// Calls to show, by tool.
    seen: Vec<Seen>,
}

/// Calls of one tool that a finding may show.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// The first arguments with which it succeeded.
    success: Option<Value>,
    /// How often it was refused, where and with which words, and the first arguments.
    refusals: BTreeMap<(String, String), (usize, Value)>,
}

impl Seen {
    /// The most frequent refusal: where, the reply, the arguments.
    fn usual_refusal(&self) -> Option<(&str, &str, &Value)> {
        self.refusals
            .iter()
            .max_by_key(|(_, (count, _))| *count)
            .map(|((place, message), (_, arguments))| (&**place, &**message, arguments))
    }
}

impl Check<'_> {
    fn file_of(&self, tool: usize) -> String {
        self.world.tools()[tool].file.clone()
    }

    fn shown(&self, tool: usize, arguments: &Value) -> String {
        cut(&format!("{} {arguments}", self.world.tools()[tool].name))
    }

    /// Notes a failure with its example. A few of one kind are enough: those whose messages are equal up
    /// to the first colon.
    fn note(
        &mut self,
        severity: Severity,
        tool: usize,
        place: &str,
        message: &str,
        arguments: &Value,
    ) {
        let file = self.file_of(tool);
        let kind = |message: &str| message.split(':').next().unwrap_or_default().to_string();
        let known = self.problems.0.iter().filter(|problem| {
            problem.file == file
                && problem.example.is_some()
                && kind(&problem.message) == kind(message)
        });
        let most = if severity == Severity::Error {
            MAX_EXAMPLES
        } else {
            1
        };
        if known.count() >= most {
            return;
        }
        let problem = match severity {
            Severity::Error => Problem::error(file, place, message),
            Severity::Warning => Problem::warning(file, place, message),
        };
        let example = self.shown(tool, arguments);
        self.problems.0.push(problem.with_example(example));
    }

    fn error(&mut self, tool: usize, place: &str, message: impl AsRef<str>, arguments: &Value) {
        self.note(Severity::Error, tool, place, message.as_ref(), arguments);
    }

    fn tables_are_read(&mut self) {
        for (at, table) in self.world.schema().tables.iter().enumerate() {
            if table.kind == TableKind::FullText || self.world.is_log(at) {
                continue;
            }
            let read = self
                .world
                .tools()
                .iter()
                .any(|tool| tool.effects.reads.iter().any(|column| column.table == at));
            if !read {
                self.problems.warning(
                    "schema.sql",
                    &table.name,
                    "no tool reads this table; a read-only tool for it would let tasks ask about it",
                );
            }
        }
    }

    fn data_file_tests(&mut self) {
        for result in self.world.run_tests() {
            for (at, tool) in self.world.tools().iter().enumerate() {
                let fired = result.fired.iter().filter(|(name, _)| *name == tool.name);
                self.fired[at].extend(fired.map(|(_, guard)| *guard));
                self.tools[at].succeeded += usize::from(result.succeeded.contains(&tool.name));
                self.changed[at] |= result.changed.contains(&tool.name);
            }
            for failure in result.failures {
                self.problems.error(&result.file, &result.name, failure);
            }
        }
    }

    fn run_on(&mut self, size: &str, options: &CheckOptions) -> Result<(), StateError> {
        let spec = StateSpec::generated(size, options.seed);
        let state = self.world.state(&spec)?;
        let again = self.world.state(&spec)?;
        if state.digest()? != again.digest()? {
            self.problems.error(
                "data.toml",
                format!("size {size}"),
                "the same seed gave two different states",
            );
        }
        let sampler = Sampler::new(&state)?;
        for tool in 0..self.world.tools().len() {
            self.probe(&state, &sampler, tool, options)?;
        }
        self.wander(&state, options)?;
        for tool in 0..self.world.tools().len() {
            self.fuzz(&state, &sampler, tool, options)?;
        }
        self.repeat(&state, &sampler, options)
    }

    /// Calls a tool with arguments found by query.
    fn probe(
        &mut self,
        state: &State,
        sampler: &Sampler,
        at: usize,
        options: &CheckOptions,
    ) -> Result<(), StateError> {
        let tool = &self.world.tools()[at];
        let mut draws = Draws::new(options.seed, &["check", self.world.name(), &tool.name]);
        let mut session = state.session(options.seed)?;
        for attempt in 0..options.tries {
            session.reset(options.seed)?;
            let optional = [0.0, 0.3, 0.7, 1.0][attempt % 4];
            let mut arguments = sampler.arguments(tool, optional, &mut draws);
            if attempt % 4 == 3 {
                estrange(tool, sampler, &mut arguments, attempt / 4, &mut draws);
            }
            let arguments = Value::Object(arguments);
            let reply = session.call_as(tool.actor, &tool.name, &arguments);
            self.look(at, &mut session, &reply, &arguments)?;
            if reply.is_ok() && attempt % 8 == 0 {
                // Once more on the changed state: guards on what was done already fire here.
                let reply = session.call_as(tool.actor, &tool.name, &arguments);
                self.look(at, &mut session, &reply, &arguments)?;
            }
        }
        Ok(())
    }

    /// Calls all tools in turn on one session, with arguments from the rows of now: some tools apply only
    /// to what others have made, and some guards fire only after them.
    fn wander(&mut self, state: &State, options: &CheckOptions) -> Result<(), StateError> {
        let tools = self.world.tools();
        let unseen = |check: &Self, at: usize| {
            let fired = check.fired[at].len() < tools[at].guards.len();
            fired || check.seen[at].success.is_none() || check.tools[at].succeeded == 0
        };
        for walk in 0..4_u64 {
            if !(0..tools.len()).any(|at| unseen(self, at)) {
                return Ok(());
            }
            let path = walk.to_string();
            let mut draws = Draws::new(options.seed, &["wander", self.world.name(), &path]);
            let mut session = state.session(options.seed ^ walk)?;
            for _ in 0..4 {
                for maker in 0..tools.len() {
                    let sampler = Sampler::of_session(&mut session)?;
                    let makes = !tools[maker].effects.read_only;
                    for at in 0..tools.len() {
                        if !(at == maker && makes || unseen(self, at)) {
                            continue;
                        }
                        let tool = &tools[at];
                        let arguments = sampler.arguments(tool, draws.unit(), &mut draws);
                        let arguments = Value::Object(arguments);
                        let before = session.diff()?;
                        let reply = session.call_as(tool.actor, &tool.name, &arguments);
                        self.look_since(at, &mut session, &reply, &arguments, &before.changes)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What must hold after a call on a fresh session.
    fn look(
        &mut self,
        at: usize,
        session: &mut Session,
        reply: &Reply,
        arguments: &Value,
    ) -> Result<(), StateError> {
        self.look_since(at, session, reply, arguments, &[])
    }

    /// What must hold after a call before which these rows were changed.
    fn look_since(
        &mut self,
        at: usize,
        session: &mut Session,
        reply: &Reply,
        arguments: &Value,
        before: &[crate::diff::RowChange],
    ) -> Result<(), StateError> {
        let tool = &self.world.tools()[at];
        self.tools[at].tried += 1;
        match &reply.result {
            Err(error) => {
                let place = session.stopped_at();
                match error.kind {
                    ErrorKind::Fault => {
                        self.error(
                            at,
                            &place,
                            format!("the call ended as a fault: {}", error.message),
                            arguments,
                        );
                    }
                    ErrorKind::Refused if error.guard.is_none() => {
                        let message = format!(
                            "no guard foresees this: {}; add a require or reject with a message",
                            error.message
                        );
                        self.note(Severity::Warning, at, &place, &message, arguments);
                    }
                    _ => {}
                }
                self.fired[at].extend(error.guard.filter(|_| !place.is_empty()));
                let seen = &mut self.seen[at].refusals;
                let known = seen.len();
                let key = (place, reply.content());
                if known < 64 || seen.contains_key(&key) {
                    seen.entry(key).or_insert_with(|| (0, arguments.clone())).0 += 1;
                }
            }
            Ok(_) => {
                self.tools[at].succeeded += 1;
                self.seen[at]
                    .success
                    .get_or_insert_with(|| arguments.clone());
                let diff = session.diff()?;
                if diff.changes != before {
                    self.changed[at] = true;
                    // What runs after every call writes where it likes.
                    if tool.effects.read_only && self.world.0.after_call.is_empty() {
                        self.error(
                            at,
                            "",
                            "it is proven read-only but changed the state",
                            arguments,
                        );
                    }
                }
                self.foreign_keys_hold(at, session, arguments)?;
                self.result_meets_output(at, reply, arguments);
            }
        }
        Ok(())
    }

    fn foreign_keys_hold(
        &mut self,
        at: usize,
        session: &mut Session,
        arguments: &Value,
    ) -> Result<(), StateError> {
        let text = "SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1";
        if let Some(row) = session.query(text, &[])?.first() {
            let place = writing_step(&self.world.tools()[at].steps).unwrap_or_default();
            let message = format!(
                "a foreign key points nowhere after the call: from {} to {}",
                row[0], row[1]
            );
            self.error(at, &place, message, arguments);
        }
        Ok(())
    }

    fn result_meets_output(&mut self, at: usize, reply: &Reply, arguments: &Value) {
        let tool = &self.world.tools()[at];
        let (Some(value), Ok(output)) = (
            reply.value().filter(|value| !value.is_null()),
            crate::arguments::output_validator(&tool.output),
        ) else {
            return;
        };
        if let Err(error) = output.validate(&value) {
            let path = error.instance_path().to_string();
            let place = format!("output{}", path.replace('/', "."));
            let message = format!(
                "the result does not meet [output]: {}",
                cut(&error.to_string())
            );
            self.error(at, &place, message, arguments);
        }
    }

    /// Calls a tool with hostile arguments: a typed error or a success, never a changed state after an
    /// error, and nothing stored at which another tool breaks.
    fn fuzz(
        &mut self,
        state: &State,
        sampler: &Sampler,
        at: usize,
        options: &CheckOptions,
    ) -> Result<(), StateError> {
        let tool = &self.world.tools()[at];
        let mut draws = Draws::new(options.seed, &["fuzz", self.world.name(), &tool.name]);
        let calls = hostile::hostile(tool, sampler, options.fuzz, &mut draws);
        let mut session = state.session(options.seed)?;
        let untouched = rows_of(&mut session)?;
        let mut failed: Vec<Value> = Vec::new();
        let mut poisoned = 0;
        for arguments in calls {
            let reply = session.call_as(tool.actor, &tool.name, &arguments);
            let kind = reply.result.as_ref().err().map(|error| error.kind);
            if let Err(error) = &reply.result
                && error.kind == ErrorKind::Fault
            {
                let place = session.stopped_at();
                let example = example::smallest(&arguments, |smaller| {
                    session.reset(options.seed).is_ok()
                        && is_fault(&session.call_as(tool.actor, &tool.name, smaller))
                });
                let message = format!("a hostile call ended as a fault: {}", error.message);
                self.error(at, &place, message, &example);
                session.reset(options.seed)?;
            }
            if kind.is_some() {
                if !session.diff()?.is_empty() {
                    self.error(at, "", "a failed call changed the state", &arguments);
                    session.reset(options.seed)?;
                }
                failed.push(arguments);
                continue;
            }
            if !session.diff()?.is_empty() {
                poisoned += 1;
                if poisoned <= POISONED {
                    self.readers(at, &mut session, &arguments, &mut draws)?;
                }
                session.reset(options.seed)?;
            }
        }
        // The log of changed rows says that failed calls changed nothing: so do the rows themselves.
        session.reset(options.seed)?;
        for arguments in &failed {
            session.call_as(tool.actor, &tool.name, arguments);
        }
        if rows_of(&mut session)? != untouched {
            let culprit = failed.iter().find(|arguments| {
                session.reset(options.seed).is_ok()
                    && !session.call_as(tool.actor, &tool.name, arguments).is_ok()
                    && rows_of(&mut session).is_ok_and(|rows| rows != untouched)
            });
            let example = culprit.cloned().unwrap_or_default();
            self.error(at, "", "failed calls changed the state", &example);
        }
        Ok(())
    }

    /// Calls the tools that read what a hostile call has stored: none may break at it.
    fn readers(
        &mut self,
        writer: usize,
        session: &mut Session,
        stored: &Value,
        draws: &mut Draws,
    ) -> Result<(), StateError> {
        let sampler = Sampler::of_session(session)?;
        let tools = self.world.tools();
        let changed = session.diff()?.changes;
        for (at, tool) in tools.iter().enumerate() {
            let reads = |table: usize| {
                tool.effects
                    .reads
                    .iter()
                    .any(|column| column.table == table)
            };
            let about: Vec<_> = changed
                .iter()
                .filter_map(|change| {
                    let table = self.world.schema().table(&change.table)?;
                    let [key] = &change.key[..] else { return None };
                    (change.after.is_some() && reads(table)).then(|| (table, key.clone()))
                })
                .collect();
            if about.is_empty() || !tool.effects.read_only {
                continue;
            }
            let arguments = Value::Object(sampler.arguments_about(tool, 0.0, &about, draws));
            let reply = session.call_as(tool.actor, &tool.name, &arguments);
            if let Err(error) = &reply.result
                && error.kind == ErrorKind::Fault
            {
                let place = session.stopped_at();
                let message = format!(
                    "it ends as a fault on what {} may store: {}; after {}",
                    tools[writer].name,
                    error.message,
                    self.shown(writer, stored)
                );
                self.error(at, &place, message, &arguments);
            }
        }
        Ok(())
    }

    /// The same calls on two sessions give the same bytes.
    fn repeat(
        &mut self,
        state: &State,
        sampler: &Sampler,
        options: &CheckOptions,
    ) -> Result<(), StateError> {
        let mut draws = Draws::new(options.seed, &["repeat", self.world.name()]);
        let mut calls: Vec<(usize, Value)> = Vec::new();
        for _ in 0..3 {
            for (at, tool) in self.world.tools().iter().enumerate() {
                let arguments = sampler.arguments(tool, 0.5, &mut draws);
                calls.push((at, Value::Object(arguments)));
            }
        }
        let mut sessions = [state.session(5)?, state.session(5)?];
        for (at, arguments) in &calls {
            let tool = &self.world.tools()[*at];
            let [first, second] = &mut sessions;
            let replies = [first, second].map(|session| {
                let reply = session.call_as(tool.actor, &tool.name, arguments);
                (reply.content(), session.stopped_at())
            });
            if replies[0] != replies[1] {
                let place = match (&replies[0].1, writing_step(&tool.steps)) {
                    (place, _) if !place.is_empty() => place.clone(),
                    (_, Some(step)) => step,
                    _ => String::new(),
                };
                let message = format!(
                    "two runs gave different replies: {} and {}",
                    cut(&replies[0].0),
                    cut(&replies[1].0)
                );
                self.error(*at, &place, message, arguments);
            }
            let [first, second] = &mut sessions;
            if first.diff()? != second.diff()? {
                let place = writing_step(&tool.steps).unwrap_or_default();
                self.error(
                    *at,
                    &place,
                    "two runs of the same call left different states",
                    arguments,
                );
                return Ok(());
            }
        }
        Ok(())
    }

    fn finish(&mut self) {
        for at in 0..self.tools.len() {
            let tool = &self.world.tools()[at];
            let file = self.file_of(at);
            self.tools[at].guards_fired = self.fired[at].len();
            if !matches!(tool.actor, Actor::Agent | Actor::User) || self.tools[at].tried == 0 {
                continue;
            }
            let seen = &self.seen[at];
            if self.tools[at].succeeded == 0 {
                let usual = seen.usual_refusal();
                let problem = Problem::error(
                    &file,
                    usual.map_or("", |(place, ..)| place),
                    format!(
                        "no call of {} succeeded; generated data has nothing that it applies to, or a guard refuses everything",
                        self.tools[at].tried
                    ),
                );
                let example = usual.map(|(_, reply, arguments)| {
                    format!("{} gives {}", self.shown(at, arguments), cut(reply))
                });
                self.problems.0.push(Problem { example, ..problem });
            } else if !tool.effects.read_only && !self.changed[at] && seen.success.is_some() {
                let problem = Problem::error(
                    &file,
                    writing_step(&tool.steps).unwrap_or_default(),
                    "it writes, but no successful call changed the state",
                );
                let example = seen
                    .success
                    .as_ref()
                    .map(|arguments| self.shown(at, arguments));
                self.problems.0.push(Problem { example, ..problem });
            }
            for (guard, definition) in tool.guards.iter().enumerate() {
                if self.fired[at].contains(&guard) {
                    continue;
                }
                let problem = Problem::warning(
                    &file,
                    &definition.place,
                    format!(
                        "its guard never fired ({:?}); a test in tests/ that makes it fire would show that it works",
                        definition.error
                    ),
                );
                let example = self.seen[at]
                    .success
                    .as_ref()
                    .map(|arguments| format!("{} passes it", self.shown(at, arguments)));
                self.problems.0.push(Problem { example, ..problem });
            }
        }
    }
}

fn is_fault(reply: &Reply) -> bool {
    matches!(&reply.result, Err(error) if error.kind == ErrorKind::Fault)
}

/// All rows of a session, by table.
fn rows_of(session: &mut Session) -> Result<Vec<Vec<Row>>, StateError> {
    let world = session.world().clone();
    let tables = world.schema().tables.iter();
    tables
        .map(|table: &Table| session.query(&all_rows_query(table), &[]))
        .collect()
}

/// The first step that writes: `step 3`.
fn writing_step(steps: &[Step]) -> Option<String> {
    steps.iter().enumerate().find_map(|(at, step)| match step {
        Step::Run { .. } => Some(format!("step {}", at + 1)),
        Step::ForEach { steps, .. } => {
            writing_step(steps).map(|inner| format!("step {}, inner {inner}", at + 1))
        }
        _ => None,
    })
}

/// Replaces one argument by a value that the state does not hold.
fn estrange(
    tool: &Tool,
    sampler: &Sampler,
    arguments: &mut Map<String, Value>,
    turn: usize,
    draws: &mut Draws,
) {
    let given: Vec<String> = arguments.keys().cloned().collect();
    if let Some(name) = given.get(turn % given.len().max(1))
        && let Some(parameter) = tool
            .parameters()
            .iter()
            .find(|parameter| parameter.name == *name)
    {
        arguments.insert(name.clone(), sampler.stranger(parameter, draws));
    }
}
