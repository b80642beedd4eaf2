//! Worlds with their tasks, and the states that these begin from.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, OnceLock};

use practicum_task::Task;
use practicum_world::{State, StateError, StateSpec, World};
use serde_json::Value;
use serde_json::value::RawValue;

use super::FleetError;
use crate::agents::Reference;
use crate::episode::{EpisodeLimits, Keep, run_episode, tools_of};

/// A world and its tasks.
#[derive(Debug)]
pub struct Ground {
    pub(super) world: World,
    pub(super) tools: Vec<Value>,
    pub(super) tools_text: Box<RawValue>,
    pub(super) tasks: Vec<Chore>,
}

#[derive(Debug)]
pub(super) struct Chore {
    pub(super) task: Task,
    pub(super) digest: String,
    /// Gold still passes; found out when somebody fails.
    provable: OnceLock<bool>,
}

impl Ground {
    /// A world and its tasks.
    ///
    /// # Errors
    /// When a task is another world's.
    pub fn new(world: World, tasks: Vec<Task>) -> Result<Self, FleetError> {
        if let Some(stranger) = tasks.iter().find(|task| task.world != world.name()) {
            return Err(FleetError::Stranger {
                task: stranger.id.clone(),
                own: stranger.world.clone(),
                world: world.name().to_string(),
            });
        }
        let tools = tools_of(&world);
        let text = serde_json::to_string(&tools).map_err(io::Error::from)?;
        let tasks = tasks.into_iter().map(|task| {
            let text = serde_json::to_string(&task).map_err(io::Error::from)?;
            Ok(Chore {
                digest: blake3::hash(text.as_bytes()).to_hex()[..16].to_string(),
                task,
                provable: OnceLock::new(),
            })
        });
        Ok(Self {
            tools_text: RawValue::from_string(text).map_err(io::Error::from)?,
            tasks: tasks.collect::<Result<_, FleetError>>()?,
            world,
            tools,
        })
    }
}

/// Gold passes on a fresh session; tried once for each task.
pub(super) fn is_provable(state: &State, chore: &Chore) -> Result<bool, StateError> {
    if let Some(known) = chore.provable.get() {
        return Ok(*known);
    }
    let task = &chore.task;
    let mut session = state.session(task.seed)?;
    let mut gold = Reference::oracle(state.world(), task);
    let limits = EpisodeLimits::default();
    let episode = run_episode(&mut session, task, gold.as_mut(), limits, Keep::Verdict)?;
    Ok(*chore.provable.get_or_init(|| episode.verdict.passed))
}

/// A state that is made by whoever needs it first.
pub(super) type Made = OnceLock<Result<State, String>>;

/// States that are kept beside those that episodes use. One takes as long to make as a thousand calls.
pub(super) const KEPT_STATES: usize = 256;

/// The initial states of the tasks, and when each was last asked for.
#[derive(Debug, Default)]
pub(super) struct States {
    made: HashMap<(usize, StateSpec), (Arc<Made>, u64)>,
    turn: u64,
}

impl States {
    pub(super) fn get(&mut self, key: (usize, StateSpec)) -> Arc<Made> {
        self.turn += 1;
        if let Some((made, used)) = self.made.get_mut(&key) {
            *used = self.turn;
            return Arc::clone(made);
        }
        if self.made.len() >= KEPT_STATES {
            // Those that nobody uses, the half that was not asked for the longest.
            let newest = self.turn.saturating_sub(KEPT_STATES as u64 / 2);
            self.made
                .retain(|_, (made, used)| Arc::strong_count(made) > 1 || *used >= newest);
        }
        let made = Arc::new(Made::new());
        self.made.insert(key, (Arc::clone(&made), self.turn));
        made
    }
}
