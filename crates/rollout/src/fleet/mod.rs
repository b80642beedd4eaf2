//! Thousands of episodes of one model at one time, each made once, whatever happens in between.

mod ground;
mod held;
mod progress;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use practicum_client::{Client, ClientError, Clock, Usage};
use practicum_task::Task;
use practicum_world::StateError;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

pub use self::ground::Ground;
use self::ground::{Chore, States, is_provable};
use self::held::Held;
pub use self::progress::{Progress, RunFile};
use self::progress::{write_status, write_whole};
use crate::dialogue::{Dialogue, MOST_ERRORS};
use crate::episode::{EpisodeLimits, Keep};
use crate::log::{Brief, Key, LogError, TrajectoryLog};
use crate::model::ModelAgent;
use crate::trajectory::{Ending, Fault, Trajectory, TurnRecord};
use crate::user::ModelVoice;

/// How episodes are run.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Attempts at each task.
    pub attempts: u32,
    /// Episodes at one time.
    pub concurrency: usize,
    /// Sessions that keep their connection while the model thinks: about a megabyte each, and a wake less
    /// in each turn. The others are parked meanwhile.
    pub connections: usize,
    /// What an episode may take.
    pub limits: EpisodeLimits,
    /// Calls in a row that fail.
    pub errors: usize,
    /// Tokens of an episode's replies.
    pub tokens: Option<u64>,
    /// An episode's time.
    pub time: Option<Duration>,
    /// How often an episode is begun that the infrastructure ends.
    pub tries: u32,
    /// Price of a million tokens of prompts, and of replies.
    pub prices: Option<(f64, f64)>,
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self {
            attempts: 1,
            concurrency: 256,
            connections: 512,
            limits: EpisodeLimits::default(),
            errors: MOST_ERRORS,
            tokens: None,
            time: None,
            tries: 3,
            prices: None,
        }
    }
}

/// Why a run stopped before its end. What was finished is in its folder.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A task of another world.
    #[error("task {task} belongs to the world {own}, not to {world}")]
    Stranger {
        /// The task.
        task: String,
        /// Its world.
        own: String,
        /// The world that it was given to.
        world: String,
    },
    /// A task's world has changed since the task was proven.
    #[error(
        "world {world} is not the one that task {task} was proven on: make its tasks again, or use the world of that run"
    )]
    Changed {
        /// The world.
        world: String,
        /// The task.
        task: String,
    },
    /// Two tasks with one id.
    #[error("two tasks are called {0}")]
    Twice(String),
    /// The folder holds another run.
    #[error("{folder} holds a run of another kind: its {what} differs; choose another folder")]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        what: String,
    },
    /// Another process works in the folder.
    #[error("another process works in {0}")]
    Busy(PathBuf),
    /// The endpoint cannot be used.
    #[error("the endpoint cannot be used: {0}")]
    Client(ClientError),
    /// A state cannot be made.
    #[error("world {world}: {reason}")]
    State {
        /// The world.
        world: String,
        /// Why.
        reason: String,
    },
    /// A log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file cannot be used.
    #[error("a file of the run cannot be used: {0}")]
    Io(#[from] io::Error),
}

/// One model on many tasks.
#[derive(Debug)]
pub struct Fleet {
    client: Client,
    agent: ModelAgent,
    grounds: Vec<Ground>,
    options: FleetOptions,
    clock: ClockOf,
    /// How many more sessions may keep their connection while the model thinks.
    seats: AtomicUsize,
    states: Mutex<States>,
    /// A model that words what the user says, and its endpoint.
    voice: Option<(ModelVoice, Client)>,
}

struct ClockOf(Clock);

impl std::fmt::Debug for ClockOf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clock")
    }
}

/// Why an episode has no verdict.
enum NoVerdict {
    /// The infrastructure: begin it again.
    Infrastructure(String),
    /// The budget is spent.
    Spent,
    /// The whole run must stop.
    Stop(FleetError),
}

impl From<StateError> for NoVerdict {
    fn from(error: StateError) -> Self {
        Self::Infrastructure(format!("session: {error}"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a run's records go, and how far it is.
struct Books {
    log: TrajectoryLog,
    faults: TrajectoryLog,
    progress: Mutex<Progress>,
    stopped: Mutex<Option<FleetError>>,
    halted: AtomicBool,
    next: AtomicUsize,
    pending: Vec<(usize, usize, u32)>,
}

/// An attempt that the infrastructure ended for good.
#[derive(Serialize)]
struct FaultLine<'a> {
    task: &'a str,
    attempt: u32,
    fault: Fault,
    reason: &'a str,
}

impl Fleet {
    /// One model on many tasks.
    ///
    /// # Errors
    /// When a world is not the one that its tasks were proven on, or two tasks have one id.
    pub fn new(
        client: Client,
        agent: ModelAgent,
        grounds: Vec<Ground>,
        options: FleetOptions,
        clock: Clock,
    ) -> Result<Self, FleetError> {
        let mut seen = BTreeSet::new();
        for ground in &grounds {
            for chore in &ground.tasks {
                let task = &chore.task;
                if task.world_digest != ground.world.digest() {
                    return Err(FleetError::Changed {
                        world: task.world.clone(),
                        task: task.id.clone(),
                    });
                }
                if !seen.insert(&task.id) {
                    return Err(FleetError::Twice(task.id.clone()));
                }
            }
        }
        Ok(Self {
            client,
            agent,
            seats: AtomicUsize::new(options.connections),
            grounds,
            options,
            clock: ClockOf(clock),
            states: Mutex::default(),
            voice: None,
        })
    }

    /// With a model that words what the user says, behind an endpoint of its own or the agent's.
    #[must_use]
    pub fn with_voice(mut self, voice: ModelVoice, client: Client) -> Self {
        self.voice = Some((voice, client));
        self
    }

    /// Runs every attempt that has no verdict in the folder yet, and writes each as it ends:
    /// `trajectories.jsonl`, `faults.jsonl`, `run.json`, `status.json`. `each` sees how far it is, about
    /// once a second.
    ///
    /// # Errors
    /// When the endpoint or the folder cannot be used. What was finished is in the folder, and the same run
    /// goes on from there.
    pub async fn run(
        self: Arc<Self>,
        folder: &Path,
        mut each: impl FnMut(&Progress),
    ) -> Result<Progress, FleetError> {
        fs::create_dir_all(folder)?;
        let guard = File::create(folder.join("lock"))?;
        if guard.try_lock().is_err() {
            return Err(FleetError::Busy(folder.to_path_buf()));
        }
        self.claim(folder)?;
        let books = Arc::new(self.books(folder)?);
        let begun = (self.clock.0)();
        let workers = self
            .options
            .concurrency
            .clamp(1, books.pending.len().max(1));
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            let (fleet, books) = (Arc::clone(&self), Arc::clone(&books));
            tasks.spawn(async move { fleet.work(&books).await });
        }
        let mut tick = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                joined = tasks.join_next() => match joined {
                    None => break,
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        let reason = format!("an episode broke: {error}");
                        books.stop(FleetError::Io(io::Error::other(reason)));
                    }
                },
                _ = tick.tick() => {
                    let progress = self.progress(&books, begun, false);
                    write_status(folder, &progress)?;
                    each(&progress);
                }
            }
        }
        let progress = self.progress(&books, begun, true);
        write_status(folder, &progress)?;
        each(&progress);
        match lock(&books.stopped).take() {
            Some(error) => Err(error),
            None => Ok(progress),
        }
    }

    /// Says what the folder is for, or compares.
    fn claim(&self, folder: &Path) -> Result<(), FleetError> {
        let own = RunFile {
            model: self.agent.record(),
            limits: self.options.limits,
            errors: self.options.errors,
            tokens: self.options.tokens,
            voice: self.voice.as_ref().map(|(voice, _)| voice.clone()),
            worlds: self
                .grounds
                .iter()
                .map(|ground| (ground.world.name().into(), ground.world.digest().into()))
                .collect(),
        };
        let path = folder.join("run.json");
        if !path.exists() {
            let text = serde_json::to_string_pretty(&own).map_err(io::Error::from)?;
            return Ok(write_whole(&path, text.as_bytes())?);
        }
        let there: RunFile = serde_json::from_slice(&fs::read(&path)?).map_err(io::Error::from)?;
        let differs = if there.model != own.model {
            "model, sampling or seed"
        } else if there.voice != own.voice {
            "user's voice"
        } else if (there.limits, there.errors, there.tokens) != (own.limits, own.errors, own.tokens)
        {
            "limit"
        } else if there.worlds != own.worlds {
            "list of worlds"
        } else {
            return Ok(());
        };
        Err(FleetError::OtherRun {
            folder: folder.to_path_buf(),
            what: differs.into(),
        })
    }

    fn books(&self, folder: &Path) -> Result<Books, FleetError> {
        let mut progress = Progress::default();
        let (log, done) =
            TrajectoryLog::open(&folder.join("trajectories.jsonl"), |brief: Brief| {
                progress.count(brief.verdict.passed, brief.fault, brief.usage);
            })?;
        // Faults of an earlier process are history: what they stand for is tried again.
        let faults_path = folder.join("faults.jsonl");
        if faults_path.exists() {
            fs::remove_file(&faults_path)?;
        }
        let (faults, _) = TrajectoryLog::open(&faults_path, |_| {})?;
        let mut pending = Vec::new();
        for (at, ground) in self.grounds.iter().enumerate() {
            for (number, chore) in ground.tasks.iter().enumerate() {
                // Attempts at one task follow each other: they share their prompt's beginning.
                for attempt in 0..self.options.attempts {
                    progress.total += 1;
                    let key = Key {
                        task: chore.task.id.clone(),
                        attempt,
                    };
                    if !done.contains(&key) {
                        pending.push((at, number, attempt));
                    }
                }
            }
        }
        Ok(Books {
            log,
            faults,
            progress: Mutex::new(progress),
            stopped: Mutex::new(None),
            halted: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            pending,
        })
    }

    fn progress(&self, books: &Books, begun: Duration, over: bool) -> Progress {
        let spent = self.client.spent();
        Progress {
            replies: spent.completions,
            failed_tries: spent.failures,
            seconds: (self.clock.0)().saturating_sub(begun).as_secs_f64(),
            spent: self.client.is_spent(),
            over,
            ..lock(&books.progress).clone()
        }
    }

    /// One episode after the other, until none is left.
    async fn work(&self, books: &Books) {
        loop {
            if books.halted.load(Ordering::Relaxed) || self.client.is_spent() {
                return;
            }
            let number = books.next.fetch_add(1, Ordering::Relaxed);
            let Some((ground, task, attempt)) = books.pending.get(number) else {
                return;
            };
            lock(&books.progress).in_flight += 1;
            let ground_number = *ground;
            let (ground, chore) = (&self.grounds[*ground], &self.grounds[*ground].tasks[*task]);
            let mut reason = String::new();
            for tried in 0..self.options.tries.max(1) {
                if tried > 0 {
                    lock(&books.progress).begun_again += 1;
                }
                let played = self.play(ground_number, ground, chore, *attempt).await;
                match played {
                    Ok(trajectory) => {
                        reason.clear();
                        match books.log.append(&trajectory) {
                            Ok(()) => {
                                let mut progress = lock(&books.progress);
                                progress.here += 1;
                                progress.count(
                                    trajectory.verdict.passed,
                                    trajectory.fault,
                                    trajectory.usage,
                                );
                                progress.count_voice(&trajectory.user);
                            }
                            Err(error) => books.stop(error.into()),
                        }
                        break;
                    }
                    Err(NoVerdict::Infrastructure(own)) => reason = own,
                    Err(NoVerdict::Spent) => {
                        reason.clear();
                        break;
                    }
                    Err(NoVerdict::Stop(error)) => {
                        reason.clear();
                        books.stop(error);
                        break;
                    }
                }
            }
            if !reason.is_empty() {
                let line = FaultLine {
                    task: &chore.task.id,
                    attempt: *attempt,
                    fault: Fault::Infrastructure,
                    reason: &reason,
                };
                if let Err(error) = books.faults.append(&line) {
                    books.stop(error.into());
                }
                let kind = reason.split(':').next().unwrap_or(&reason).to_string();
                *lock(&books.progress)
                    .infrastructure
                    .entry(kind)
                    .or_default() += 1;
            }
            lock(&books.progress).in_flight -= 1;
        }
    }

    async fn play(
        &self,
        number: usize,
        ground: &Ground,
        chore: &Chore,
        attempt: u32,
    ) -> Result<Trajectory, NoVerdict> {
        let task = &chore.task;
        let begun = (self.clock.0)();
        let made = lock(&self.states).get((number, task.state.clone()));
        let state = match made.get_or_init(|| {
            ground
                .world
                .state(&task.state)
                .map_err(|error| error.to_string())
        }) {
            Ok(state) => state.clone(),
            Err(reason) => {
                return Err(NoVerdict::Stop(FleetError::State {
                    world: ground.world.name().into(),
                    reason: reason.clone(),
                }));
            }
        };
        let mut held = Held::open(&state, task.seed, &self.seats)?;
        let mut dialogue = held.with(|session| {
            Dialogue::begin(session, task, self.options.limits, Keep::Trajectory)
        })?;
        dialogue = dialogue.with_errors(self.options.errors);
        let opening = task.intent.clone();
        self.voiced(&mut dialogue, task, attempt, "", &opening)
            .await?;
        let mut turns: Vec<TurnRecord> = Vec::new();
        let mut usage = Usage::default();
        loop {
            let seed = self.agent.seed_of(&task.id, attempt, turns.len());
            let view = self.agent.view(dialogue.messages(), &ground.tools);
            let messages = view.as_deref().unwrap_or(dialogue.messages());
            let request = self.agent.request(messages, &ground.tools_text, seed);
            held.rest()?;
            let asked = self.client.chat(&request);
            let answered = match self.left(begun) {
                Some(left) => timeout(left, asked).await.map_err(|_| {
                    NoVerdict::Infrastructure(Ending::TimeLimit.name().replace('_', " "))
                })?,
                None => asked.await,
            };
            let exchange = match answered {
                Ok(exchange) => exchange,
                Err(ClientError::ContextLength(_)) => {
                    dialogue.end(Ending::ContextLimit);
                    break;
                }
                Err(ClientError::Budget(_)) => return Err(NoVerdict::Spent),
                Err(error) if error.is_final() => {
                    return Err(NoVerdict::Stop(FleetError::Client(error)));
                }
                Err(error) => {
                    return Err(NoVerdict::Infrastructure(format!(
                        "{}: {error}",
                        error.kind()
                    )));
                }
            };
            let mut completion = exchange.completion;
            usage.add(completion.usage);
            let mut record = TurnRecord {
                message: dialogue.messages().len(),
                seed,
                finish: std::mem::take(&mut completion.finish),
                usage: completion.usage,
                took_ms: millis(exchange.took),
                failures: exchange.failures,
                raw: None,
                logprobs: completion.logprobs.take(),
                token_ids: completion.token_ids.take(),
                prompt_token_ids: completion.prompt_token_ids.take(),
            };
            let (turn, raw) = self.agent.speech.turn(completion);
            record.raw = raw;
            turns.push(record);
            let said = self.voice.is_some().then(|| turn.content.clone());
            let heard = held.with(|session| dialogue.take(session, task, turn))?;
            if let (Some(said), Some(answer)) = (&said, &heard.user) {
                held.rest()?;
                self.voiced(&mut dialogue, task, attempt, said, answer)
                    .await?;
            }
            if heard.ending.is_some() {
                break;
            }
            if self
                .options
                .tokens
                .is_some_and(|most| usage.completion >= most)
            {
                dialogue.end(Ending::TokenLimit);
                break;
            }
        }
        let mut episode = held.with(|session| dialogue.judge(session, task))?;
        if episode.fault == Some(Fault::Agent) && !is_provable(&state, chore)? {
            episode.fault = Some(Fault::World);
            episode.evidence = Some("gold no longer passes on a fresh session".into());
        }
        let mut trajectory = episode.trajectory(task, &self.agent.model, "model", attempt);
        trajectory.turns = turns;
        trajectory.task_digest = Some(chore.digest.clone());
        trajectory.model = Some(self.agent.record());
        trajectory.cost = self.options.prices.map(|(prompt, completion)| {
            (usage.prompt as f64 * prompt + usage.completion as f64 * completion) / 1e6
        });
        trajectory.usage = Some(usage);
        trajectory.took_ms = Some(millis((self.clock.0)().saturating_sub(begun)));
        Ok(trajectory)
    }

    /// What the user says, in the voice's words where there is one.
    async fn voiced(
        &self,
        dialogue: &mut Dialogue,
        task: &Task,
        attempt: u32,
        heard: &str,
        template: &str,
    ) -> Result<(), NoVerdict> {
        let Some((voice, client)) = &self.voice else {
            return Ok(());
        };
        // Another seed than the agent's at the same place.
        let place = dialogue.messages().len() | 1 << 20;
        let seed = self.agent.seed_of(&task.id, attempt, place);
        let worded = voice.word(client, &task.slots, heard, template, seed).await;
        match worded {
            Ok(worded) => dialogue.voice(worded),
            // What the user has to say is too long for the model: the template says it.
            Err(ClientError::ContextLength(_)) => {}
            Err(ClientError::Budget(_)) => return Err(NoVerdict::Spent),
            Err(error) if error.is_final() => {
                return Err(NoVerdict::Stop(FleetError::Client(error)));
            }
            Err(error) => {
                return Err(NoVerdict::Infrastructure(format!(
                    "voice, {}: {error}",
                    error.kind()
                )));
            }
        }
        Ok(())
    }

    fn left(&self, begun: Duration) -> Option<Duration> {
        let time = self.options.time?;
        Some(time.saturating_sub((self.clock.0)().saturating_sub(begun)))
    }
}

impl Books {
    fn stop(&self, error: FleetError) {
        self.halted.store(true, Ordering::Relaxed);
        lock(&self.stopped).get_or_insert(error);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
