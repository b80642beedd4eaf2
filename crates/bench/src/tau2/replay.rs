//! Replays lists of calls and says, for each, what the official evaluator says.

use std::collections::BTreeMap;

use practicum_world::State;
use serde::{Deserialize, Serialize};

use super::data::{Benchmark, DataError};
use super::domain::Domain;
use super::environment::Output;
use super::score::{
    ActionCheck, EnvironmentScore, GoldEnd, Replaying, action_checks, environment_score, gold_end,
    live_outputs,
};
use super::task::{Action, Task};

/// One line of input: calls to make in a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplayLine {
    /// The domain's name.
    pub domain: String,
    /// The task's id.
    pub task_id: String,
    /// The calls, in order.
    pub actions: Vec<Action>,
}

/// What came of a line.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// The line's domain.
    pub domain: String,
    /// The line's task.
    pub task_id: String,
    /// The domain is not ported; nothing else is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unsupported: bool,
    /// Why there is no score: a function that the task names failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What each call gave.
    pub outputs: Vec<Output>,
    /// The score of the databases and the assertions.
    #[serde(flatten)]
    pub environment: Option<EnvironmentScore>,
    /// Of each call of gold, whether it was made.
    pub action_checks: Vec<ActionCheck>,
    /// 1 when all were.
    pub action_reward: Option<f64>,
}

/// Why a line was not replayed.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is not what a line should be.
    #[error("not a line of actions: {0}")]
    Malformed(String),
    /// There is no such task.
    #[error("{domain} has no task {task:?}")]
    NoTask {
        /// The domain.
        domain: &'static str,
        /// The id.
        task: String,
    },
    /// The domain's data cannot be used.
    #[error("{0}")]
    Data(String),
}

/// Replays lines; keeps what they share.
#[derive(Debug)]
pub struct Replayer {
    benchmark: Benchmark,
    domains: BTreeMap<Domain, Result<Loaded, String>>,
}

#[derive(Debug)]
struct Loaded {
    state: State,
    tasks: BTreeMap<String, Task>,
    gold: BTreeMap<String, GoldEnd>,
}

impl Loaded {
    fn of(benchmark: &Benchmark, domain: Domain) -> Result<Self, DataError> {
        let tasks = benchmark.tasks(domain)?;
        Ok(Self {
            state: benchmark.state(domain)?,
            tasks: tasks
                .into_iter()
                .map(|task| (task.id.clone(), task))
                .collect(),
            gold: BTreeMap::new(),
        })
    }
}

impl Replayer {
    /// A replayer over the user's copy of the benchmark.
    pub fn new(benchmark: Benchmark) -> Self {
        Self {
            benchmark,
            domains: BTreeMap::new(),
        }
    }

    /// Replays one line of JSON.
    ///
    /// # Errors
    /// When it is no line of actions, or names a task that is not there.
    pub fn replay_text(&mut self, line: &str) -> Result<Replayed, LineError> {
        let line: ReplayLine =
            serde_json::from_str(line).map_err(|error| LineError::Malformed(error.to_string()))?;
        self.replay(line)
    }

    /// Replays one line.
    ///
    /// # Errors
    /// When it names a task that is not there, or the domain's data cannot be used.
    pub fn replay(&mut self, line: ReplayLine) -> Result<Replayed, LineError> {
        let mut replayed = Replayed {
            domain: line.domain,
            task_id: line.task_id,
            unsupported: false,
            error: None,
            outputs: Vec::new(),
            environment: None,
            action_checks: Vec::new(),
            action_reward: None,
        };
        let Some(domain) = Domain::of_name(&replayed.domain) else {
            replayed.unsupported = true;
            return Ok(replayed);
        };
        let benchmark = &self.benchmark;
        let loaded = self
            .domains
            .entry(domain)
            .or_insert_with(|| Loaded::of(benchmark, domain).map_err(|error| error.to_string()));
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(message) => return Err(LineError::Data(message.clone())),
        };
        let Some(task) = loaded.tasks.get(&replayed.task_id) else {
            return Err(LineError::NoTask {
                domain: domain.name(),
                task: replayed.task_id,
            });
        };
        let state = &loaded.state;
        let score = live_outputs(domain, state, task, &line.actions).and_then(|outputs| {
            let gold = match loaded.gold.get(&task.id) {
                Some(known) => known.clone(),
                None => gold_end(domain, state, task)?,
            };
            loaded.gold.insert(task.id.clone(), gold.clone());
            let score = environment_score(
                domain,
                state,
                task,
                &line.actions,
                &outputs,
                &gold,
                Replaying::Strict,
            );
            replayed.outputs = outputs;
            score
        });
        match score {
            Ok(score) => replayed.environment = Some(score),
            Err(error) => replayed.error = Some(error.to_string()),
        }
        let gold = task
            .evaluation_criteria
            .as_ref()
            .and_then(|criteria| criteria.actions.as_deref())
            .unwrap_or_default();
        replayed.action_checks = action_checks(gold, &line.actions);
        let made = replayed.action_checks.iter().all(|check| check.0);
        replayed.action_reward = Some(if made { 1.0 } else { 0.0 });
        Ok(replayed)
    }
}
