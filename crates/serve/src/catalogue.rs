//! What a server has to offer: worlds, tasks, and the initial states in use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use practicum_task::Task;
use practicum_world::{State, StateError, StateSpec, World};
use serde::{Deserialize, Serialize};

/// Names that every episode offers beside the world's tools.
pub const OWN_TOOLS: [&str; 2] = ["say", "finish"];

/// Initial states that are kept for the next episode; a state in use is kept by its sessions.
const KEPT_STATES: usize = 64;

/// Worlds, tasks and initial states.
#[derive(Debug)]
pub struct Catalogue {
    worlds: BTreeMap<String, World>,
    tasks: Vec<Arc<Task>>,
    by_id: BTreeMap<String, usize>,
    by_world: BTreeMap<String, Vec<usize>>,
    /// The most recently used one last.
    states: Mutex<Vec<State>>,
}

/// Worlds and tasks that cannot be offered together.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Nothing to serve.
    #[error("there is no world to serve")]
    Empty,
    /// Two worlds of one name.
    #[error("two worlds are named {0:?}; serve them apart, or rename one")]
    SameWorld(String),
    /// Two tasks of one id.
    #[error("two tasks have the id {0:?}; serve them apart")]
    SameTask(String),
    /// A tool has a name that episodes need.
    #[error("world {world:?} has a tool {tool:?}, a name that every served episode has; rename it")]
    OwnTool {
        /// The world.
        world: String,
        /// The tool.
        tool: String,
    },
    /// A task of a world that is not there.
    #[error("task {task:?} is of world {world:?}, which is not served; add its folder")]
    NoWorld {
        /// The task.
        task: String,
        /// Its world.
        world: String,
    },
    /// A task that was proven on another version of its world.
    #[error("task {0:?} was proven on other files of its world; make the tasks anew")]
    OtherWorld(String),
}

/// What someone asks for who begins an episode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// A task's id. Its world, state and seed follow from it.
    pub task: Option<String>,
    /// A world's name, for an episode without a task.
    pub world: Option<String>,
    /// Size of the generated state or name of a state, for an episode without a task; `medium` unless given.
    pub size: Option<String>,
    /// The seed: of the state and the session without a task; of the draw of a task when nothing is named.
    pub seed: Option<u64>,
}

/// Where an episode starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The world's name.
    pub world: String,
    /// The task's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The initial state.
    pub state: StateSpec,
    /// The seed of the session's ids and draws.
    pub seed: u64,
}

/// Why an episode cannot start so.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No such task.
    #[error("there is no task {0:?}; the list of tasks has them all")]
    NoTask(String),
    /// No such world.
    #[error("there is no world {0:?}; the list of worlds has them all")]
    NoWorld(String),
    /// A task decides all else.
    #[error("a task brings its world, state and seed: leave out `world` and `size`")]
    TaskDecides,
    /// The state cannot be made.
    #[error(transparent)]
    State(#[from] StateError),
}

impl Catalogue {
    /// What is to be served.
    ///
    /// # Errors
    /// When names collide, or a task does not fit its world.
    pub fn new(worlds: Vec<World>, tasks: Vec<Task>) -> Result<Self, CatalogueError> {
        let mut by_name = BTreeMap::new();
        for world in worlds {
            let name = world.name().to_string();
            if let Some(tool) = OWN_TOOLS.iter().find(|own| world.tool(own).is_some()) {
                return Err(CatalogueError::OwnTool {
                    world: name,
                    tool: (*tool).into(),
                });
            }
            if by_name.insert(name.clone(), world).is_some() {
                return Err(CatalogueError::SameWorld(name));
            }
        }
        if by_name.is_empty() {
            return Err(CatalogueError::Empty);
        }
        let mut by_id = BTreeMap::new();
        let mut by_world: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, task) in tasks.iter().enumerate() {
            let world = by_name
                .get(&task.world)
                .ok_or_else(|| CatalogueError::NoWorld {
                    task: task.id.clone(),
                    world: task.world.clone(),
                })?;
            if world.digest() != task.world_digest {
                return Err(CatalogueError::OtherWorld(task.id.clone()));
            }
            by_world.entry(task.world.clone()).or_default().push(at);
            if by_id.insert(task.id.clone(), at).is_some() {
                return Err(CatalogueError::SameTask(task.id.clone()));
            }
        }
        Ok(Self {
            worlds: by_name,
            tasks: tasks.into_iter().map(Arc::new).collect(),
            by_id,
            by_world,
            states: Mutex::default(),
        })
    }

    /// The worlds, by name.
    pub fn worlds(&self) -> impl Iterator<Item = &World> {
        self.worlds.values()
    }

    /// The world of a name.
    pub fn world(&self, name: &str) -> Option<&World> {
        self.worlds.get(name)
    }

    /// The tasks, in the order in which they were given.
    pub fn tasks(&self) -> &[Arc<Task>] {
        &self.tasks
    }

    /// The tasks of a world, in that order.
    pub fn tasks_of(&self, world: &str) -> impl Iterator<Item = &Arc<Task>> {
        let own = self.by_world.get(world);
        own.into_iter().flatten().map(|at| &self.tasks[*at])
    }

    /// The task of an id.
    pub fn task(&self, id: &str) -> Option<&Arc<Task>> {
        self.by_id.get(id).map(|at| &self.tasks[*at])
    }

    /// Where an episode starts that is asked for so. With neither task nor world, the seed draws a task: it
    /// is the task's number, counted round; where there are no tasks, it draws a world in the same way.
    ///
    /// # Errors
    /// When there is no such task or world.
    pub fn start(&self, wanted: &Wanted) -> Result<Start, StartError> {
        let seed = wanted.seed.unwrap_or_default();
        let drawn = |count: usize| usize::try_from(seed % count.max(1) as u64).unwrap_or_default();
        let task = match &wanted.task {
            Some(id) => Some(
                self.task(id)
                    .ok_or_else(|| StartError::NoTask(id.clone()))?,
            ),
            None if wanted.world.is_none() => self.tasks.get(drawn(self.tasks.len())),
            None => None,
        };
        if let Some(task) = task {
            if wanted.world.is_some() || wanted.size.is_some() {
                return Err(StartError::TaskDecides);
            }
            return Ok(Start {
                world: task.world.clone(),
                task: Some(task.id.clone()),
                state: task.state.clone(),
                seed: task.seed,
            });
        }
        let world = match &wanted.world {
            Some(name) => self.worlds.get(name),
            None => self.worlds.values().nth(drawn(self.worlds.len())),
        };
        let world =
            world.ok_or_else(|| StartError::NoWorld(wanted.world.clone().unwrap_or_default()))?;
        let size = wanted.size.as_deref().unwrap_or("medium");
        Ok(Start {
            world: world.name().into(),
            task: None,
            state: StateSpec::generated(size, seed),
            seed,
        })
    }

    /// An initial state; made when it is not at hand.
    ///
    /// # Errors
    /// When there is no such world, or the state cannot be made.
    pub fn state(&self, world: &str, spec: &StateSpec) -> Result<State, StartError> {
        let world = self
            .world(world)
            .ok_or_else(|| StartError::NoWorld(world.into()))?;
        let is = |state: &State| state.world().name() == world.name() && state.spec() == spec;
        {
            let mut states = self.kept();
            if let Some(at) = states.iter().position(&is) {
                let state = states.remove(at);
                states.push(state.clone());
                return Ok(state);
            }
        }
        // Others need not wait for it; two may make the same state at one time, and one of them is kept.
        let state = world.state(spec)?;
        let mut states = self.kept();
        if let Some(own) = states.iter().find(|own| is(own)) {
            return Ok(own.clone());
        }
        if states.len() >= KEPT_STATES {
            states.remove(0);
        }
        states.push(state.clone());
        Ok(state)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
