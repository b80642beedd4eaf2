//! The dynamic half of the checker: what can only be seen by running the tools.

mod example;
mod hostile;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arguments::cut;
use crate::format::Actor;
use crate::problem::{Problem, Problems, Severity};
use crate::program::Step;
use crate::sql::TableKind;
use crate::state::StateSpec;
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
        let mut check = Check::new(self);
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

impl<'a> Check<'a> {
    fn new(world: &'a World) -> Self {
        Self {
            world,
            problems: Problems(world.warnings().to_vec()),
            tools: world
                .tools()
                .iter()
                .map(|tool| ToolCheck {
                    name: tool.name.clone(),
                    read_only: tool.effects.read_only,
                    guards: tool.guards.len(),
                    ..ToolCheck::default()
                })
                .collect(),
            fired: vec![BTreeSet::new(); world.tools().len()],
            changed: vec![false; world.tools().len()],
            seen: vec![Seen::default(); world.tools().len()],
        }
    }

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
