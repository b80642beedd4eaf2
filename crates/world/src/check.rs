//! The dynamic half of the checker: what can only be seen by running the tools.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::format::Actor;
use crate::problem::{Problem, Problems, Severity};
use crate::program::Tool;
use crate::reply::{ErrorKind, Reply};
use crate::rng::Draws;
use crate::sample::Sampler;
use crate::session::Session;
use crate::sql::TableKind;
use crate::state::{State, StateError, StateSpec};
use crate::world::World;

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
            fuzz: 40,
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
}

impl Check<'_> {
    fn file_of(&self, tool: usize) -> String {
        self.world.tools()[tool].file.clone()
    }

    fn error(&mut self, tool: usize, message: impl Into<String>, arguments: &Value) {
        let file = self.file_of(tool);
        let known = |problem: &Problem| problem.file == file && problem.example.is_some();
        // One example a tool and kind of failure is enough.
        if self
            .problems
            .0
            .iter()
            .filter(|problem| known(problem))
            .count()
            >= 3
        {
            return;
        }
        self.problems
            .0
            .push(
                Problem::error(file, "", message).with_example(crate::arguments::cut(&format!(
                    "{} {arguments}",
                    self.world.tools()[tool].name
                ))),
            );
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
        let output = crate::arguments::output_validator(&tool.output).ok();
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
            self.tools[at].tried += 1;
            self.look(at, &mut session, &reply, &arguments)?;
            if reply.is_ok() {
                self.tools[at].succeeded += 1;
                if let (Some(value), Some(output)) = (reply.value(), &output)
                    && !value.is_null()
                    && let Err(error) = output.validate(&value)
                {
                    self.error(
                        at,
                        format!("the result does not meet [output]: {error}"),
                        &arguments,
                    );
                }
                if attempt % 8 == 0 {
                    // Once more on the changed state: guards on what was done already fire here.
                    let reply = session.call_as(tool.actor, &tool.name, &arguments);
                    self.look(at, &mut session, &reply, &arguments)?;
                }
            }
        }
        Ok(())
    }

    /// What must hold after any call.
    fn look(
        &mut self,
        at: usize,
        session: &mut Session,
        reply: &Reply,
        arguments: &Value,
    ) -> Result<(), StateError> {
        let tool = &self.world.tools()[at];
        match &reply.result {
            Err(error) => {
                if error.kind == ErrorKind::Fault {
                    self.error(at, format!("the call ended as {error}"), arguments);
                }
                if error.kind == ErrorKind::Refused && error.guard.is_none() {
                    let message = format!(
                        "no guard foresees this: {}; add a require or reject with a message",
                        error.message
                    );
                    let file = self.file_of(at);
                    if !self.problems.0.iter().any(|known| {
                        known.file == file && known.message.starts_with("no guard foresees")
                    }) {
                        self.problems.0.push(
                            Problem::warning(file, "", message)
                                .with_example(crate::arguments::cut(&arguments.to_string())),
                        );
                    }
                }
                self.fired[at].extend(error.guard);
            }
            Ok(_) => {
                let diff = session.diff()?;
                if !diff.is_empty() {
                    self.changed[at] = true;
                    if tool.effects.read_only {
                        self.error(
                            at,
                            "it is proven read-only but changed the state",
                            arguments,
                        );
                    }
                }
                let broken =
                    session.query("SELECT 1 FROM pragma_foreign_key_check LIMIT 1", &[])?;
                if !broken.is_empty() {
                    self.error(at, "a foreign key points nowhere after the call", arguments);
                }
            }
        }
        Ok(())
    }

    /// Calls a tool with hostile arguments: a typed error or a success, and never a changed state after
    /// an error.
    fn fuzz(
        &mut self,
        state: &State,
        sampler: &Sampler,
        at: usize,
        options: &CheckOptions,
    ) -> Result<(), StateError> {
        let tool = &self.world.tools()[at];
        let mut draws = Draws::new(options.seed, &["fuzz", self.world.name(), &tool.name]);
        let mut session = state.session(options.seed)?;
        for _ in 0..options.fuzz {
            session.reset(options.seed)?;
            let arguments = hostile(tool, sampler, &mut draws);
            let reply = session.call_as(tool.actor, &tool.name, &arguments);
            let kind = reply.result.as_ref().err().map(|error| error.kind);
            if kind == Some(ErrorKind::Fault) {
                self.error(
                    at,
                    format!("a hostile call ended as {}", reply.content()),
                    &arguments,
                );
            }
            if kind.is_some() && !session.diff()?.is_empty() {
                self.error(at, "a failed call changed the state", &arguments);
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
            let first = first.call_as(tool.actor, &tool.name, arguments).content();
            let second = second.call_as(tool.actor, &tool.name, arguments).content();
            if first != second {
                self.error(
                    *at,
                    format!(
                        "two runs gave different replies: {} and {}",
                        crate::arguments::cut(&first),
                        crate::arguments::cut(&second)
                    ),
                    arguments,
                );
            }
        }
        let [first, second] = &mut sessions;
        if first.diff()? != second.diff()? {
            self.problems.error(
                "",
                "",
                "two runs of the same calls ended in different states",
            );
        }
        Ok(())
    }

    fn finish(&mut self) {
        for at in 0..self.tools.len() {
            let tool = &self.world.tools()[at];
            let file = self.file_of(at);
            self.tools[at].guards_fired = self.fired[at].len();
            if !matches!(tool.actor, Actor::Agent | Actor::User) {
                continue;
            }
            if self.tools[at].succeeded == 0 && self.tools[at].tried > 0 {
                self.problems.error(
                    &file,
                    "",
                    format!(
                        "no call of {} succeeded; generated data has nothing that it applies to, or a guard refuses everything",
                        self.tools[at].tried
                    ),
                );
            } else if !tool.effects.read_only && !self.changed[at] && self.tools[at].tried > 0 {
                self.problems.error(
                    &file,
                    "",
                    "it writes, but no successful call changed the state",
                );
            }
            for (guard, definition) in tool.guards.iter().enumerate() {
                if !self.fired[at].contains(&guard) && self.tools[at].tried > 0 {
                    self.problems.warning(
                        &file,
                        &definition.place,
                        format!(
                            "its guard never fired ({:?}); a test in tests/ that makes it fire would show that it works",
                            definition.error
                        ),
                    );
                }
            }
        }
    }
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

/// Arguments that no honest caller would send.
fn hostile(tool: &Tool, sampler: &Sampler, draws: &mut Draws) -> Value {
    let mut arguments = sampler.arguments(tool, 0.8, draws);
    let odd: Vec<Value> = vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(9_223_372_036_854_775_807_i64),
        json!(18_446_744_073_709_551_615_u64),
        json!(1e300),
        json!(-0.0),
        json!(""),
        json!(" "),
        json!("now"),
        json!("'; DROP TABLE orders; --"),
        json!("\" OR 1=1 --"),
        json!("a\u{0}b"),
        json!("\u{202e}\u{1f600}e\u{301}"),
        json!("x".repeat(100_000)),
        json!("%_%_%"),
        json!([]),
        json!([[[[[[]]]]]]),
        json!({"$ref": "#"}),
        json!({"a": {"b": {"c": [1, 2, {"d": null}]}}}),
    ];
    match draws.below(8) {
        0 => return odd[draws.below(odd.len())].clone(),
        1 => {
            arguments.insert("unexpected".into(), odd[draws.below(odd.len())].clone());
        }
        2 => {
            let names: Vec<String> = arguments.keys().cloned().collect();
            if let Some(name) = draws.pick(&names) {
                arguments.remove(name);
            }
        }
        _ => {
            let names: Vec<&str> = tool
                .parameters()
                .iter()
                .map(|parameter| parameter.name.as_str())
                .collect();
            if let Some(name) = draws.pick(&names) {
                arguments.insert((*name).to_string(), odd[draws.below(odd.len())].clone());
            }
        }
    }
    Value::Object(arguments)
}
