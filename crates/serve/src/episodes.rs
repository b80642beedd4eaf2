//! Many episodes at one time: sessions with what was said in them, until each ends and is judged.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use data_encoding::BASE64;
use practicum_rollout::{Ending, EpisodeLimits, Fault, TemplateUser, system_message, tools_of};
use practicum_task::Task;
use practicum_world::{
    Actor, CallError, ErrorKind, Outcome, Reply, Request, Session, Sessions, SessionsError,
    StateError, Verdict, World, verify,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::catalogue::{Catalogue, Start, StartError, Wanted};
use crate::story::{Ended, Note, Said, Story};

/// Episodes under ids, of the worlds and tasks of a [`Catalogue`].
///
/// What an agent can do in an episode is [`Episodes::act`]: call the world's tools, `say` something to the
/// user, `finish`. It is judged when it has ended, never before. Acts are serial within an episode and
/// parallel across episodes; any number of threads may share one `Episodes`.
///
/// With a journal ([`Episodes::journal_to`]), every act is written before its reply is returned, and
/// [`Episodes::recover`] brings the episodes back after the process was killed.
#[derive(Debug)]
pub struct Episodes {
    catalogue: Catalogue,
    sessions: Sessions,
    limits: EpisodeLimits,
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
}

/// What came back from a journal.
#[derive(Debug)]
pub struct RecoveredEpisodes {
    /// The episodes, as they were.
    pub episodes: Episodes,
    /// Calls that were made again.
    pub calls: usize,
    /// Sessions that could not be brought back: name and reason.
    pub lost: Vec<(String, String)>,
}

/// What an agent does.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Under which an act that is sent again is recognised: it is answered as before, and not done twice. Of
    /// calls to the world's tools, the last 8 ids of a session are remembered.
    pub request: Option<&'a str>,
    /// A tool of the world, `say` or `finish`.
    pub tool: &'a str,
    /// The arguments as JSON text.
    pub arguments: &'a str,
}

/// What an agent sees of its act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The reply.
    pub reply: Reply,
    /// How the episode ended, if it has.
    pub ended: Option<Ending>,
    /// True for the act that ended it, also when that is sent again.
    pub last: bool,
    /// The world's name.
    pub world: String,
}

/// What an episode is now, for who runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// The episode's id.
    pub id: String,
    /// Where it started.
    #[serde(flatten)]
    pub start: Start,
    /// Calls so far.
    pub calls: usize,
    /// Messages to the user so far.
    pub turns: usize,
    /// How it ended, if it has.
    pub ended: Option<Ending>,
}

/// What an agent is told first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opening {
    /// The system message: the world's policy and the time.
    pub system: String,
    /// The user's request; None without a task.
    pub user: Option<String>,
    /// The tools as a model reads them, `say` and `finish` last.
    pub tools: Vec<Value>,
}

/// What verification says of an episode that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// How it ended.
    pub ending: Ending,
    /// 1 or 0; None where the failure is not the agent's: the world broke, or the verifier could not decide.
    pub reward: Option<f64>,
    /// Whose fault it is, when it did not pass.
    pub fault: Option<Fault>,
    /// The verdict, clause by clause.
    pub verdict: Verdict,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum EpisodesError {
    /// No episode has this id.
    #[error("there is no session {0:?}; it was never begun, was closed, or was idle for too long")]
    Unknown(String),
    /// The id is in use.
    #[error("there is a session {0:?} already; take another id")]
    Taken(String),
    /// Not an id.
    #[error("{0:?} is no id: 1 to 64 letters, digits, dashes and underscores")]
    BadId(String),
    /// It cannot be judged yet.
    #[error("the episode has not ended: a verdict is given after `finish`")]
    NotEnded,
    /// There is nothing to judge it by.
    #[error("the episode has no task, so there is no verdict")]
    NoTask,
    /// It cannot start so.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A session failed.
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    /// SQLite failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A snapshot is not of what is offered here.
    #[error("the snapshot is of something that is not served here: {0}")]
    Snapshot(String),
}

impl EpisodesError {
    /// True for what is neither the caller's doing nor the agent's: it is never a reward.
    pub fn is_infrastructure(&self) -> bool {
        match self {
            Self::Sessions(SessionsError::State(_) | SessionsError::Journal(_))
            | Self::State(_)
            | Self::Start(StartError::State(StateError::Sql(_))) => true,
            Self::Unknown(_)
            | Self::Taken(_)
            | Self::BadId(_)
            | Self::NotEnded
            | Self::NoTask
            | Self::Start(_)
            | Self::Sessions(_)
            | Self::Snapshot(_) => false,
        }
    }
}

/// An episode at one instant, to begin others there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeSnapshot {
    story: Story,
    /// [`practicum_world::Snapshot::bytes`] in base64.
    session: String,
}

#[derive(Debug)]
struct Entry {
    /// None once it is closed.
    held: Mutex<Option<Held>>,
    /// When it was last used, in milliseconds of the caller's clock.
    used: AtomicU64,
    /// When its acts so far are paid for, in microseconds of the caller's clock.
    paid: AtomicU64,
}

impl Entry {
    fn new(held: Option<Held>, now: Duration) -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::new(held),
            used: AtomicU64::new(millis(now)),
            paid: AtomicU64::new(0),
        })
    }
}

#[derive(Debug)]
struct Held {
    /// Each reset is a session of its own.
    generation: u32,
    story: Story,
}

impl Held {
    fn session(&self, id: &str) -> String {
        session_name(id, self.generation)
    }
}

/// Ids have no dot, so that a session's name tells both parts.
fn session_name(id: &str, generation: u32) -> String {
    format!("{id}.{generation}")
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn lock(entry: &Entry) -> MutexGuard<'_, Option<Held>> {
    entry.held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(now: Duration) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

impl Episodes {
    /// No episodes yet; their sessions may hold `connections` connections at one time.
    pub fn new(catalogue: Catalogue, connections: usize, limits: EpisodeLimits) -> Self {
        Self {
            catalogue,
            sessions: Sessions::new(connections),
            limits,
            entries: RwLock::default(),
        }
    }

    /// Brings back the episodes of a journal, as [`Sessions::recover`] does. They come back as if each had
    /// been used at the clock's zero.
    ///
    /// # Errors
    /// When the journal cannot be read, or SQLite fails.
    pub fn recover<R: BufRead>(
        catalogue: Catalogue,
        connections: usize,
        limits: EpisodeLimits,
        parts: impl IntoIterator<Item = R>,
    ) -> Result<RecoveredEpisodes, EpisodesError> {
        let recovered = Sessions::recover(connections, parts, |key| {
            let world = catalogue
                .worlds()
                .find(|world| world.digest() == key.world)?;
            catalogue.state(world.name(), &key.spec).ok()
        })?;
        let (sessions, calls, mut lost) = (recovered.sessions, recovered.calls, recovered.lost);
        let mut found: BTreeMap<String, Held> = BTreeMap::new();
        for name in sessions.names() {
            let own = match told(&catalogue, &name, &sessions.notes(&name)?) {
                Ok(own) => own,
                Err(reason) => {
                    lost.push((name.clone(), reason));
                    None
                }
            };
            let Some((id, held)) = own else {
                sessions.close(&name)?;
                continue;
            };
            // A reset that was cut short leaves two: the newer one was whole, so it counts.
            match found.get(&id) {
                Some(known) if known.generation > held.generation => sessions.close(&name)?,
                Some(known) => {
                    sessions.close(&known.session(&id))?;
                    found.insert(id, held);
                }
                None => {
                    found.insert(id, held);
                }
            }
        }
        let entries = found
            .into_iter()
            .map(|(id, held)| (id, Entry::new(Some(held), Duration::ZERO)));
        Ok(RecoveredEpisodes {
            episodes: Self {
                entries: RwLock::new(entries.collect()),
                catalogue,
                sessions,
                limits,
            },
            calls,
            lost,
        })
    }

    /// Begins a part of the journal, as [`Sessions::journal_to`] does.
    ///
    /// # Errors
    /// When the journal cannot be written, or SQLite fails.
    pub fn journal_to(&self, journal: Box<dyn Write + Send>) -> Result<(), EpisodesError> {
        Ok(self.sessions.journal_to(journal)?)
    }

    /// What is offered.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The ids of all episodes, sorted.
    pub fn ids(&self) -> Vec<String> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.keys().cloned().collect()
    }

    /// How many episodes there are.
    pub fn len(&self) -> usize {
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// How many databases are open for them.
    pub fn connections(&self) -> usize {
        self.sessions.connections()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins an episode under an id that nobody can guess: who knows it can act.
    ///
    /// # Errors
    /// When the id is in use, or what is wanted is not there.
    pub fn begin(&self, id: &str, wanted: &Wanted, now: Duration) -> Result<(), EpisodesError> {
        let entry = self.enter(id, now)?;
        let mut held = lock(&entry);
        match self.open(id, 0, wanted) {
            Ok(own) => {
                *held = Some(own);
                Ok(())
            }
            Err(error) => {
                self.forget(id);
                Err(error)
            }
        }
    }

    /// Another episode under the same id; the one before is gone.
    ///
    /// # Errors
    /// When there is no such episode, or what is wanted is not there; the one before is then as it was.
    pub fn reset(&self, id: &str, wanted: &Wanted, now: Duration) -> Result<(), EpisodesError> {
        self.during(id, now, |held| {
            let next = self.open(id, held.generation + 1, wanted)?;
            let before = held.session(id);
            *held = next;
            Ok(self.sessions.close(&before)?)
        })
    }

    /// Another episode at the instant at which this one is.
    ///
    /// # Errors
    /// When there is no such episode, or the fork's id is in use.
    pub fn fork(&self, id: &str, fork: &str, now: Duration) -> Result<(), EpisodesError> {
        self.during(id, now, |held| {
            let of = held.session(id);
            self.beside(fork, now, held.story.clone(), |name| {
                Ok(self.sessions.fork(&of, name)?)
            })
        })
    }

    /// What an episode is now.
    ///
    /// # Errors
    /// When there is no such episode.
    pub fn view(&self, id: &str, now: Duration) -> Result<View, EpisodesError> {
        self.during(id, now, |held| {
            let calls = self
                .sessions
                .with(&held.session(id), |session| session.log().len())?;
            Ok(View {
                id: id.into(),
                start: held.story.start.clone(),
                calls,
                turns: held.story.said.len(),
                ended: held.story.ended.as_ref().map(|ended| ended.ending),
            })
        })
    }

    /// What an agent is told first.
    ///
    /// # Errors
    /// When there is no such episode.
    pub fn opening(&self, id: &str, now: Duration) -> Result<Opening, EpisodesError> {
        self.during(id, now, |held| {
            let start = &held.story.start;
            let world = self
                .catalogue
                .world(&start.world)
                .ok_or_else(|| StartError::NoWorld(start.world.clone()))?;
            Ok(Opening {
                system: system_message(world),
                user: self
                    .task(start)?
                    .map(|task| TemplateUser::new(task).opening()),
                tools: tools(world),
            })
        })
    }

    /// Does what an agent wants. What is wrong with the act itself is told in the reply.
    ///
    /// # Errors
    /// When there is no such episode, or its session or the journal fails.
    pub fn act(
        &self,
        id: &str,
        act: &Act<'_>,
        now: Duration,
    ) -> Result<Observation, EpisodesError> {
        self.during(id, now, |held| {
            let over = held.story.ended.is_some();
            let (reply, last) = match self.before(id, held, act)? {
                Some(before) => before,
                None if over => (refused("The episode is over: begin another one."), false),
                None => {
                    let reply = match act.tool {
                        "say" => self.say(id, held, act)?,
                        "finish" => self.finish(id, held, act)?,
                        _ => self.call(id, held, act)?,
                    };
                    (reply, held.story.ended.is_some())
                }
            };
            Ok(Observation {
                reply,
                ended: held.story.ended.as_ref().map(|ended| ended.ending),
                last,
                world: held.story.start.world.clone(),
            })
        })
    }

    /// Judges an episode that has ended.
    ///
    /// # Errors
    /// When there is no such episode, it has not ended or has no task, or SQLite fails.
    pub fn judge(&self, id: &str, now: Duration) -> Result<Judgement, EpisodesError> {
        self.during(id, now, |held| {
            let ended = held.story.ended.as_ref().ok_or(EpisodesError::NotEnded)?;
            let task = self.task(&held.story.start)?.ok_or(EpisodesError::NoTask)?;
            let transcript = held.story.transcript();
            let (verdict, broken) = self.sessions.with(&held.session(id), |session| {
                let broken = session
                    .log()
                    .iter()
                    .any(|record| record.error == Some(ErrorKind::Fault));
                verify(session, &transcript, &task.expectation).map(|verdict| (verdict, broken))
            })??;
            let fault = (!verdict.passed).then_some(if broken {
                Fault::World
            } else if verdict.fault.is_some() {
                Fault::Verifier
            } else {
                Fault::Agent
            });
            Ok(Judgement {
                ending: ended.ending,
                reward: match fault {
                    None | Some(Fault::Agent) => verdict.reward(),
                    Some(_) => None,
                },
                fault,
                verdict,
            })
        })
    }

    /// Closes an episode; its session's connection serves the next one.
    ///
    /// # Errors
    /// When there is no such episode, or the journal cannot be written.
    pub fn close(&self, id: &str) -> Result<(), EpisodesError> {
        let entry = self.entry(id)?;
        let mut held = lock(&entry);
        let own = held
            .as_ref()
            .ok_or_else(|| EpisodesError::Unknown(id.into()))?;
        self.sessions.close(&own.session(id))?;
        *held = None;
        self.forget(id);
        Ok(())
    }

    /// Closes the episodes that nobody has used since `since`, but none that is in use, and gives their ids.
    pub fn close_idle(&self, since: Duration) -> Vec<String> {
        let idle: Vec<(String, Arc<Entry>)> = {
            let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
            let of_old = entries
                .iter()
                .filter(|(_, entry)| entry.used.load(Ordering::Relaxed) < millis(since));
            of_old
                .map(|(id, entry)| (id.clone(), Arc::clone(entry)))
                .collect()
        };
        let mut closed = Vec::new();
        for (id, entry) in idle {
            let Ok(mut held) = entry.held.try_lock() else {
                continue;
            };
            // It may have been used just now.
            if entry.used.load(Ordering::Relaxed) >= millis(since) {
                continue;
            }
            if let Some(own) = &*held
                && self.sessions.close(&own.session(&id)).is_ok()
            {
                *held = None;
                self.forget(&id);
                closed.push(id);
            }
        }
        closed
    }

    /// Says that somebody still holds an episode.
    pub fn touch(&self, id: &str, now: Duration) {
        if let Ok(entry) = self.entry(id) {
            entry.used.store(millis(now), Ordering::Relaxed);
        }
    }

    /// How long an act must wait so that an episode makes `rate` acts a second at most, with as many at
    /// once; None when that is longer than `most`.
    pub fn pace(&self, id: &str, now: Duration, rate: u32, most: Duration) -> Option<Duration> {
        let Ok(entry) = self.entry(id) else {
            return Some(Duration::ZERO);
        };
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (now, step) = (micros(now), 1_000_000 / u64::from(rate.max(1)));
        let after = |paid: u64| paid.max(now).saturating_add(step);
        // What was not used in the last second is saved up.
        let wait = |paid: u64| after(paid).saturating_sub(now.saturating_add(1_000_000));
        let paid = entry
            .paid
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |paid| {
                (wait(paid) <= micros(most)).then(|| after(paid))
            });
        paid.ok().map(|paid| Duration::from_micros(wait(paid)))
    }

    /// An episode at this instant, to begin others there, here or on another server.
    ///
    /// # Errors
    /// When there is no such episode, or SQLite fails.
    pub fn snapshot(&self, id: &str, now: Duration) -> Result<EpisodeSnapshot, EpisodesError> {
        self.during(id, now, |held| {
            let name = held.session(id);
            let session = self.sessions.with(&name, Session::snapshot)??;
            Ok(EpisodeSnapshot {
                story: held.story.clone(),
                session: BASE64.encode(session.bytes()),
            })
        })
    }

    /// Begins an episode at the instant of a snapshot. Snapshots say what was done: they are taken only from
    /// who gave them.
    ///
    /// # Errors
    /// When the id is in use, or the snapshot is not of a world, task and state that are offered here.
    pub fn restore(
        &self,
        id: &str,
        snapshot: &EpisodeSnapshot,
        now: Duration,
    ) -> Result<(), EpisodesError> {
        let start = &snapshot.story.start;
        self.task(start)?;
        let state = self.catalogue.state(&start.world, &start.state)?;
        let bytes = BASE64
            .decode(snapshot.session.as_bytes())
            .map_err(|error| EpisodesError::Snapshot(error.to_string()))?;
        let session = state
            .snapshot(&bytes)
            .map_err(|error| EpisodesError::Snapshot(error.to_string()))?;
        self.beside(id, now, snapshot.story.clone(), |name| {
            Ok(self.sessions.restore(name, &session)?)
        })
    }

    /// Enters an episode that goes on from another one's story.
    fn beside(
        &self,
        id: &str,
        now: Duration,
        story: Story,
        open: impl FnOnce(&str) -> Result<(), EpisodesError>,
    ) -> Result<(), EpisodesError> {
        let entry = self.enter(id, now)?;
        let mut entered = lock(&entry);
        let name = session_name(id, 0);
        let done = open(&name).and_then(|()| {
            let noted = self.noted(&name, &Note::Story(story.clone()));
            if noted.is_err() {
                // Without a story, nobody would find the session again.
                self.sessions.close(&name)?;
            }
            noted
        });
        match done {
            Ok(()) => {
                *entered = Some(Held {
                    generation: 0,
                    story,
                });
            }
            Err(_) => self.forget(id),
        }
        done
    }

    /// The reply to an act that was done before under the same request id, and whether it was the last.
    fn before(
        &self,
        id: &str,
        held: &Held,
        act: &Act<'_>,
    ) -> Result<Option<(Reply, bool)>, EpisodesError> {
        let Some(request) = act.request else {
            return Ok(None);
        };
        let is = |own: &Option<String>| own.as_deref() == Some(request);
        if let Some(ended) = held.story.ended.as_ref().filter(|own| is(&own.request)) {
            return Ok(Some((ended.reply(), true)));
        }
        if let Some(said) = held.story.said.iter().find(|said| is(&said.request)) {
            return Ok(Some((said.reply(), false)));
        }
        let kept = self
            .sessions
            .with(&held.session(id), |session| session.kept(request).cloned())?;
        Ok(kept.map(|reply| (reply, false)))
    }

    fn call(&self, id: &str, held: &mut Held, act: &Act<'_>) -> Result<Reply, EpisodesError> {
        let name = held.session(id);
        let calls = self.sessions.with(&name, |session| session.log().len())?;
        if calls >= self.limits.calls {
            return self.end(id, held, act, Ending::CallLimit, None, None);
        }
        let request = Request {
            id: act.request,
            actor: Actor::Agent,
            tool: act.tool,
            arguments: act.arguments,
        };
        Ok(self.sessions.call(&name, &request)?)
    }

    fn say(&self, id: &str, held: &mut Held, act: &Act<'_>) -> Result<Reply, EpisodesError> {
        let Say { text, asks } = match serde_json::from_str(act.arguments) {
            Ok(said) => said,
            Err(error) => return Ok(invalid(&error)),
        };
        let Some(task) = self.task(&held.story.start)? else {
            return Ok(refused("There is no user here: the session has no task."));
        };
        if held.story.said.len() >= self.limits.turns {
            return self.end(id, held, act, Ending::TurnLimit, None, Some(text));
        }
        let name = held.session(id);
        let mut user = TemplateUser::resume(task, held.story.memory());
        let turn = self
            .sessions
            .with(&name, |session| user.hear_asking(&text, &asks, session))??;
        // A claim in words ends nothing here: the agent has `finish` for that.
        let Some(reply) = turn.reply else {
            let ending = turn.ending.unwrap_or(Ending::UserGaveUp);
            return self.end(id, held, act, ending, None, Some(text));
        };
        let agreement = turn.agreement;
        let said = Said {
            request: act.request.map(Into::into),
            reply,
            agreement,
            memory: user.memory().clone(),
        };
        self.noted(&name, &Note::Said(said.clone()))?;
        let reply = said.reply();
        held.story.said.push(said);
        Ok(reply)
    }

    fn finish(&self, id: &str, held: &mut Held, act: &Act<'_>) -> Result<Reply, EpisodesError> {
        match serde_json::from_str(act.arguments) {
            Ok(Finish { outcome, answer }) => self.end(
                id,
                held,
                act,
                Ending::Finished,
                Some(outcome),
                Some(answer.unwrap_or_default()),
            ),
            Err(error) => Ok(invalid(&error)),
        }
    }

    fn end(
        &self,
        id: &str,
        held: &mut Held,
        act: &Act<'_>,
        ending: Ending,
        outcome: Option<Outcome>,
        answer: Option<String>,
    ) -> Result<Reply, EpisodesError> {
        let ended = Ended {
            request: act.request.map(Into::into),
            ending,
            outcome,
            answer: answer.unwrap_or_default(),
        };
        self.noted(&held.session(id), &Note::Ended(ended.clone()))?;
        let reply = ended.reply();
        held.story.ended = Some(ended);
        Ok(reply)
    }

    fn task(&self, start: &Start) -> Result<Option<&Task>, StartError> {
        let Some(id) = &start.task else {
            return Ok(None);
        };
        match self.catalogue.task(id) {
            Some(task) => Ok(Some(task)),
            None => Err(StartError::NoTask(id.clone())),
        }
    }

    fn open(&self, id: &str, generation: u32, wanted: &Wanted) -> Result<Held, EpisodesError> {
        let start = self.catalogue.start(wanted)?;
        let state = self.catalogue.state(&start.world, &start.state)?;
        let name = session_name(id, generation);
        self.sessions.open(&name, &state, start.seed)?;
        let story = Story::new(start);
        if let Err(error) = self.noted(&name, &Note::Story(story.clone())) {
            self.sessions.close(&name)?;
            return Err(error);
        }
        Ok(Held { generation, story })
    }

    fn noted(&self, name: &str, note: &Note) -> Result<(), EpisodesError> {
        let text = serde_json::to_string(note)
            .map_err(|error| SessionsError::Journal(std::io::Error::from(error).into()))?;
        Ok(self.sessions.note(name, &text)?)
    }

    fn enter(&self, id: &str, now: Duration) -> Result<Arc<Entry>, EpisodesError> {
        if !is_id(id) {
            return Err(EpisodesError::BadId(id.into()));
        }
        let entry = Entry::new(None, now);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.contains_key(id) {
            return Err(EpisodesError::Taken(id.into()));
        }
        entries.insert(id.into(), Arc::clone(&entry));
        Ok(entry)
    }

    fn forget(&self, id: &str) {
        self.entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }

    fn entry(&self, id: &str) -> Result<Arc<Entry>, EpisodesError> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(id)
            .cloned()
            .ok_or_else(|| EpisodesError::Unknown(id.into()))
    }

    fn during<T>(
        &self,
        id: &str,
        now: Duration,
        act: impl FnOnce(&mut Held) -> Result<T, EpisodesError>,
    ) -> Result<T, EpisodesError> {
        let entry = self.entry(id)?;
        entry.used.store(millis(now), Ordering::Relaxed);
        let mut held = lock(&entry);
        act(held
            .as_mut()
            .ok_or_else(|| EpisodesError::Unknown(id.into()))?)
    }
}

/// The episode that a session's name and notes tell of; None for one that was never acknowledged.
fn told(
    catalogue: &Catalogue,
    name: &str,
    notes: &[String],
) -> Result<Option<(String, Held)>, String> {
    let (id, generation) = name
        .rsplit_once('.')
        .and_then(|(id, generation)| Some((id, generation.parse().ok()?)))
        .ok_or("its name is not one that this program gives")?;
    let Some(story) = Story::read(notes).map_err(|error| format!("its notes: {error}"))? else {
        return Ok(None);
    };
    match &story.start.task {
        Some(task) if catalogue.task(task).is_none() => Err(format!("there is no task {task:?}")),
        _ => Ok(Some((id.into(), Held { generation, story }))),
    }
}

impl Said {
    fn reply(&self) -> Reply {
        Reply {
            result: Ok(json!({"user": self.reply}).to_string()),
        }
    }
}

impl Ended {
    fn reply(&self) -> Reply {
        match self.ending {
            Ending::Finished => Reply {
                result: Ok(json!({"ended": self.ending}).to_string()),
            },
            Ending::UserGaveUp => Reply {
                result: Ok(json!({"user": null, "ended": self.ending}).to_string()),
            },
            Ending::TurnLimit => limit("The episode is over: too many messages to the user."),
            Ending::CallLimit => limit("The episode is over: too many calls."),
            _ => limit("The episode is over."),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Say {
    text: String,
    /// What it asks for, by the names of parameters: the structured door.
    #[serde(default)]
    asks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finish {
    outcome: Outcome,
    #[serde(default)]
    answer: Option<String>,
}

/// The tools of an episode of a world as a model reads them, `say` and `finish` last.
pub(crate) fn tools(world: &World) -> Vec<Value> {
    let mut tools = tools_of(world);
    tools.insert(tools.len().saturating_sub(1), say_tool());
    tools
}

/// The tool by which an agent talks to the user.
fn say_tool() -> Value {
    json!({
        "type": "function",
        "function": {
            "name": "say",
            "description": "Say something to the user and get the user's reply.",
            "parameters": {
                "type": "object",
                "required": ["text"],
                "properties": {
                    "text": {"type": "string", "description": "What the user reads."},
                    "asks": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Names of the tools' parameters whose values are asked for, if the text asks for any."
                    }
                }
            }
        }
    })
}

fn failed(kind: ErrorKind, message: String) -> Reply {
    Reply {
        result: Err(CallError {
            kind,
            message,
            guard: None,
        }),
    }
}

fn refused(message: &str) -> Reply {
    failed(ErrorKind::Refused, message.into())
}

fn limit(message: &str) -> Reply {
    failed(ErrorKind::Limit, message.into())
}

fn invalid(error: &serde_json::Error) -> Reply {
    failed(ErrorKind::InvalidArguments, error.to_string())
}
