//! Episodes of one world: every task, every reference agent, appended record by record.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use practicum_task::{Kind, Task};
use practicum_world::{Sampler, State, StateError, StateSpec, World};
use serde::{Deserialize, Serialize};

use crate::agents::Reference;
use crate::episode::{EpisodeLimits, Keep, run_episode};
use crate::trajectory::Trajectory;

/// Which agents act, and of whom the whole trajectory is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Names of the reference agents.
    pub agents: Vec<String>,
    /// Agents of whom messages and state changes are kept; of the others only how it ended.
    pub keep: Vec<String>,
    /// The seed of the agents.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            agents: Reference::ALL
                .iter()
                .map(|agent| agent.name().to_string())
                .collect(),
            keep: vec!["gold".into(), "noisy-gold".into()],
            seed: 1,
        }
    }
}

/// Why episodes could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// An agent's name is not known.
    #[error("there is no reference agent {0:?}; there are: {1}")]
    UnknownAgent(String, String),
    /// A file cannot be read or written.
    #[error(
        "cannot use {path}: {source}; what was finished is kept, and the run goes on from there"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A state cannot be made.
    #[error("world {world}: {source}")]
    State {
        /// The world.
        world: String,
        /// Why.
        source: StateError,
    },
}

/// How the agents fared in one world, or in many together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Episodes that ended.
    pub episodes: usize,
    /// Whole trajectories that were kept.
    pub trajectories: usize,
    /// By agent.
    pub agents: BTreeMap<String, Score>,
    /// Failures by whose fault they are.
    pub faults: BTreeMap<String, usize>,
}

/// Passed of tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Episodes that passed.
    pub passed: usize,
    /// Episodes that count for this agent.
    pub tried: usize,
}

impl Score {
    /// The share that passed; 0 when none was tried.
    pub fn rate(self) -> f64 {
        if self.tried == 0 {
            0.0
        } else {
            self.passed as f64 / self.tried as f64
        }
    }

    /// Wilson's interval at 95 % (Wilson 1927).
    pub fn interval(self) -> (f64, f64) {
        if self.tried == 0 {
            return (0.0, 1.0);
        }
        let n = self.tried as f64;
        let z = 1.959_963_984_540_054_f64;
        let p = self.rate();
        let centre = p + z * z / (2.0 * n);
        let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        // At the ends the bound is exact, and rounding must not hide it.
        let lower = if self.passed == 0 {
            0.0
        } else {
            (centre - spread) / scale
        };
        let upper = if self.passed == self.tried {
            1.0
        } else {
            (centre + spread) / scale
        };
        (lower, upper)
    }
}

impl Summary {
    /// Adds another world's.
    pub fn add(&mut self, other: &Self) {
        self.episodes += other.episodes;
        self.trajectories += other.trajectories;
        for (name, score) in &other.agents {
            let own = self.agents.entry(name.clone()).or_default();
            own.passed += score.passed;
            own.tried += score.tried;
        }
        for (name, count) in &other.faults {
            *self.faults.entry(name.clone()).or_default() += count;
        }
    }

    fn count(&mut self, trajectory: &Trajectory) {
        self.episodes += 1;
        if !trajectory.messages.is_empty() {
            self.trajectories += 1;
        }
        // The yes-man is counted where there is something to say yes to.
        let counts = trajectory.agent != Reference::YesMan.name()
            || [Kind::Declined, Kind::Impossible]
                .iter()
                .any(|kind| kind.name() == trajectory.kind);
        let score = self.agents.entry(trajectory.agent.clone()).or_default();
        if counts {
            score.tried += 1;
            score.passed += usize::from(trajectory.verdict.passed);
        }
        if let Some(fault) = trajectory.fault {
            let name = serde_json::to_value(fault)
                .ok()
                .and_then(|value| value.as_str().map(str::to_string))
                .unwrap_or_default();
            *self.faults.entry(name).or_default() += 1;
        }
    }
}

/// The agents of the options.
///
/// # Errors
/// When a name is not known.
pub fn agents(options: &Options) -> Result<Vec<Reference>, RolloutError> {
    options
        .agents
        .iter()
        .chain(&options.keep)
        .map(|name| {
            Reference::parse(name).ok_or_else(|| {
                let known: Vec<&str> = Reference::ALL.iter().map(|agent| agent.name()).collect();
                RolloutError::UnknownAgent(name.clone(), known.join(", "))
            })
        })
        .collect::<Result<Vec<_>, _>>()
        .map(|mut all| {
            all.truncate(options.agents.len());
            all
        })
}

/// Runs every task of a world with every agent, and writes one record a line to `path`. Records that a
/// run before this one has finished stay; the run goes on behind them.
///
/// # Errors
/// When a state cannot be made or the file cannot be written. What was finished is in the file.
pub fn run_world(
    world: &World,
    tasks: &[Task],
    options: &Options,
    path: &Path,
) -> Result<Summary, RolloutError> {
    let failed = |source| RolloutError::File {
        path: path.to_path_buf(),
        source,
    };
    let agents = agents(options)?;
    let mut summary = Summary::default();
    let done = recover(path, &mut summary).map_err(failed)?;
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    let mut out = BufWriter::new(file);
    let mut states: BTreeMap<StateSpec, (State, Sampler)> = BTreeMap::new();
    let mut number = 0;
    for task in tasks {
        for agent in &agents {
            number += 1;
            if number <= done {
                continue;
            }
            let ground = |source| RolloutError::State {
                world: world.name().to_string(),
                source,
            };
            if !states.contains_key(&task.state) {
                let state = world.state(&task.state).map_err(ground)?;
                let sampler = Sampler::new(&state).map_err(ground)?;
                states.insert(task.state.clone(), (state, sampler));
            }
            let Some((state, sampler)) = states.get(&task.state) else {
                continue;
            };
            let keep = if options.keep.iter().any(|name| name == agent.name()) {
                Keep::Trajectory
            } else {
                Keep::Verdict
            };
            let mut acting = agent
                .agent(state, sampler, task, options.seed)
                .map_err(ground)?;
            let mut session = state.session(task.seed).map_err(ground)?;
            let episode = run_episode(
                &mut session,
                task,
                acting.as_mut(),
                EpisodeLimits::default(),
                keep,
            )
            .map_err(ground)?;
            let trajectory = episode.trajectory(task, agent.name(), "oracle", 0);
            summary.count(&trajectory);
            let mut line =
                serde_json::to_vec(&trajectory).map_err(|error| failed(io::Error::other(error)))?;
            line.push(b'\n');
            out.write_all(&line).map_err(failed)?;
        }
        // A task's records reach the file together.
        out.flush().map_err(failed)?;
    }
    Ok(summary)
}

/// Counts the whole records of a file that a run left behind, and cuts off a half-written last one.
fn recover(path: &Path, summary: &mut Summary) -> io::Result<usize> {
    if !path.exists() {
        return Ok(0);
    }
    let mut whole = 0u64;
    let mut count = 0;
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = String::new();
    loop {
        line.clear();
        let read = match reader.read_line(&mut line) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => break,
            Err(error) => return Err(error),
        };
        if read == 0 || !line.ends_with('\n') {
            break;
        }
        let Ok(trajectory) = serde_json::from_str::<Trajectory>(&line) else {
            break;
        };
        summary.count(&trajectory);
        whole += read as u64;
        count += 1;
    }
    if fs::metadata(path)?.len() != whole {
        OpenOptions::new().write(true).open(path)?.set_len(whole)?;
    }
    Ok(count)
}

/// Reads the trajectories of a file one by one.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub fn read_trajectories(
    path: &Path,
    mut each: impl FnMut(Trajectory),
) -> Result<(), RolloutError> {
    let failed = |source| RolloutError::File {
        path: path.to_path_buf(),
        source,
    };
    for line in BufReader::new(File::open(path).map_err(failed)?).lines() {
        let line = line.map_err(failed)?;
        let trajectory = serde_json::from_str(&line)
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        each(trajectory);
    }
    Ok(())
}
