//! Many sessions on few connections, with an optional journal from which a killed process resumes them.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use crate::arguments::MAX_ARGUMENT_BYTES;
use crate::format::Actor;
use crate::journal::{
    Call, Journal, JournalError, JournalFailure, Record, fingerprint, snapshot_text,
};
use crate::recover::{self, Recovered, StateKey};
use crate::reply::{ErrorKind, Reply};
use crate::session::Session;
use crate::snapshot::Snapshot;
use crate::state::{State, StateError};

/// Many sessions under names, of any worlds and states, on a bounded number of connections.
///
/// Calls are serial within a session and parallel across sessions: any number of threads may share one
/// `Sessions`. A session that is not in use may be parked: its connection goes to another one, and it
/// comes back at its next call as if nothing had happened. The least recently used one is parked first.
///
/// With a journal ([`Sessions::journal_to`]), a call is written before its reply is returned, and
/// [`Sessions::recover`] brings every session back after the process was killed.
///
/// ```
/// use practicum_world::{Actor, Request, Sessions, StateSpec, World, WorldFiles};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut files = WorldFiles::new();
/// # files.insert("world.toml", "format = 1\nname = \"lamp\"\ntitle = \"A lamp\"\nclock = \"2026-03-02T09:00:00Z\"\n");
/// # files.insert("schema.sql", "CREATE TABLE lamps (name TEXT PRIMARY KEY, lit INTEGER NOT NULL) STRICT;");
/// # files.insert("data.toml", "[[table]]\nname = \"lamps\"\nrows = 0\n");
/// # files.insert("tools/light.toml", "name = \"light\"\ndescription = \"Light a lamp.\"\n[input]\ntype = \"object\"\nrequired = [\"name\"]\nproperties.name = { type = \"string\" }\n[[step]]\nrun = \"INSERT INTO lamps VALUES (:name, 1)\"\n[[step]]\nreturn = \"SELECT lit FROM lamps WHERE name = :name\"\n");
/// let world = World::from_files(&files)?;
/// let state = world.state(&StateSpec::empty())?;
///
/// let sessions = Sessions::new(64);
/// let (journal, written) = journal();
/// sessions.journal_to(journal)?;
/// sessions.open("monday", &state, 7)?;
/// let call = Request {
///     id: Some("call-1"),
///     actor: Actor::Agent,
///     tool: "light",
///     arguments: r#"{"name": "desk"}"#,
/// };
/// let reply = sessions.call("monday", &call)?;
/// assert!(reply.is_ok());
/// // The same request again is the same call, not a second one.
/// assert_eq!(sessions.call("monday", &call)?, reply);
///
/// // The process is killed; all that is left is what it wrote.
/// drop(sessions);
/// let bytes = written.lock().unwrap().clone();
/// let recovered = Sessions::recover(64, [&bytes[..]], |_| Some(state.clone()))?;
/// assert_eq!(recovered.calls, 1);
/// let lamps = recovered.sessions.with("monday", |session| {
///     session.query("SELECT name FROM lamps", &[])
/// })??;
/// assert_eq!(lamps.len(), 1);
/// # Ok(())
/// # }
/// # type Written = std::sync::Arc<std::sync::Mutex<Vec<u8>>>;
/// # fn journal() -> (Box<dyn std::io::Write + Send>, Written) {
/// #     struct Shared(Written);
/// #     impl std::io::Write for Shared {
/// #         fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
/// #             self.0.lock().unwrap().extend_from_slice(bytes);
/// #             Ok(bytes.len())
/// #         }
/// #         fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
/// #     }
/// #     let written = Written::default();
/// #     (Box::new(Shared(written.clone())), written)
/// # }
/// ```
#[derive(Debug)]
pub struct Sessions {
    slots: RwLock<HashMap<Arc<str>, Arc<Slot>>>,
    pool: Pool,
    journal: Mutex<Option<Journal>>,
}

/// A call to one of many sessions.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Under which a call that is sent again is recognised; the last 8 of a session are remembered.
    pub id: Option<&'a str>,
    /// Who calls.
    pub actor: Actor,
    /// The tool's name.
    pub tool: &'a str,
    /// The arguments as JSON text.
    pub arguments: &'a str,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// No session has this name.
    #[error("there is no session {0:?}; it was never opened, or is closed")]
    Unknown(String),
    /// A session has this name already.
    #[error("there is a session {0:?} already; close it first, or take another name")]
    Taken(String),
    /// A session could not be opened, parked or woken.
    #[error(transparent)]
    State(#[from] StateError),
    /// The journal cannot be written or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<JournalFailure> for SessionsError {
    fn from(failure: JournalFailure) -> Self {
        match failure {
            JournalFailure::Journal(error) => Self::Journal(error),
            JournalFailure::State(error) => Self::State(error),
        }
    }
}

#[derive(Debug)]
struct Slot {
    held: Mutex<Held>,
    /// When it was last used, in turns of the pool's counter.
    used: AtomicU64,
}

impl Slot {
    fn new(place: Place, notes: Vec<String>) -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::new(Held { place, notes }),
            used: AtomicU64::new(0),
        })
    }
}

#[derive(Debug)]
struct Held {
    place: Place,
    notes: Vec<String>,
}

#[derive(Debug)]
enum Place {
    Live(Box<Session>),
    Parked(Snapshot),
    Closed,
}

/// Which sessions hold a connection, and which connections wait for the next one.
#[derive(Debug)]
struct Pool {
    most: usize,
    turn: AtomicU64,
    /// Threads that wait until some session can be parked.
    waiting: AtomicUsize,
    freed: Condvar,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    live: Vec<Arc<Slot>>,
    idle: Vec<(State, usize)>,
}

impl Connections {
    fn count(&self) -> usize {
        self.live.len() + self.idle.iter().map(|(_, count)| count).sum::<usize>()
    }

    /// Takes an idle connection of a state out of the books.
    fn take_idle(&mut self, state: &State) -> bool {
        let Some(at) = self.idle.iter().position(|(own, _)| own.is(state)) else {
            return false;
        };
        self.idle[at].1 -= 1;
        if self.idle[at].1 == 0 {
            self.idle.swap_remove(at);
        }
        true
    }

    fn add_idle(&mut self, state: &State) {
        match self.idle.iter_mut().find(|(own, _)| own.is(state)) {
            Some((_, count)) => *count += 1,
            None => self.idle.push((state.clone(), 1)),
        }
    }

    /// Closes an idle connection of any state.
    fn drop_idle(&mut self) -> bool {
        let Some((state, _)) = self.idle.first() else {
            return false;
        };
        let state = state.clone();
        state.drop_idle();
        self.take_idle(&state)
    }

    /// Parks the session that was not used for longest, of those that nobody uses now.
    fn park_one(&mut self) -> bool {
        // Each read once: other threads use sessions meanwhile, and a sort whose keys change may panic.
        self.live
            .sort_by_cached_key(|slot| slot.used.load(Ordering::Relaxed));
        let mut freed = None;
        for (at, slot) in self.live.iter().enumerate() {
            let Ok(mut held) = slot.held.try_lock() else {
                continue;
            };
            let Place::Live(session) = &mut held.place else {
                continue;
            };
            let state = session.state().clone();
            let Ok(snapshot) = session.snapshot() else {
                continue;
            };
            held.place = Place::Parked(snapshot);
            freed = Some((at, state));
            break;
        }
        let Some((at, state)) = freed else {
            return false;
        };
        self.live.remove(at);
        self.add_idle(&state);
        true
    }

    fn remove(&mut self, slot: &Arc<Slot>) {
        if let Some(at) = self.live.iter().position(|own| Arc::ptr_eq(own, slot)) {
            self.live.swap_remove(at);
        }
    }
}

/// One thread's turn with a session: while it lasts, nobody else has it.
struct Turn<'a> {
    slot: &'a Arc<Slot>,
    held: Option<MutexGuard<'a, Held>>,
    pool: &'a Pool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        if self.pool.waiting.load(Ordering::SeqCst) > 0 {
            // Under the lock: a thread that found this session busy is waiting by then.
            let connections = lock(&self.pool.connections);
            self.pool.freed.notify_all();
            drop(connections);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn touch(&self, slot: &Slot) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        slot.used.store(turn, Ordering::Relaxed);
    }

    /// Makes room for one more connection at a state, and enters the slot as its holder.
    fn make_room(&self, slot: &Arc<Slot>, state: &State) {
        let mut connections = lock(&self.connections);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        loop {
            if connections.take_idle(state) || connections.count() < self.most {
                break;
            }
            if connections.drop_idle() || connections.park_one() {
                continue;
            }
            connections = self
                .freed
                .wait(connections)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        connections.live.push(Arc::clone(slot));
    }

    /// Notes that a session gave its connection back.
    fn gave_back(&self, slot: &Arc<Slot>, state: &State) {
        let mut connections = lock(&self.connections);
        connections.remove(slot);
        connections.add_idle(state);
        self.freed.notify_all();
    }
}

impl Sessions {
    /// No sessions yet; they may hold `connections` connections (at least 1) at one time.
    pub fn new(connections: usize) -> Self {
        Self {
            slots: RwLock::default(),
            pool: Pool {
                most: connections.max(1),
                turn: AtomicU64::new(0),
                waiting: AtomicUsize::new(0),
                freed: Condvar::new(),
                connections: Mutex::default(),
            },
            journal: Mutex::new(None),
        }
    }

    /// Brings back the sessions of a journal, in the parts that were begun one after the other. An unfinished
    /// last line of a part is dropped: it was never acknowledged. `states` gives the initial state that a
    /// record names; sessions whose state is not given, or whose calls are answered differently now, are
    /// listed as lost.
    ///
    /// The sessions come back without a journal: begin a new part with [`Sessions::journal_to`], and
    /// remove the old ones when that has returned.
    ///
    /// # Errors
    /// When a part cannot be read or is damaged in the middle, or SQLite fails.
    pub fn recover<R: BufRead>(
        connections: usize,
        parts: impl IntoIterator<Item = R>,
        states: impl FnMut(&StateKey) -> Option<State>,
    ) -> Result<Recovered, SessionsError> {
        recover::recover(Self::new(connections), parts, states)
    }

    /// Begins a part of the journal: from now on, what happens is written to `journal` before it is
    /// acknowledged; first of all, what every session is now. When this returns, earlier parts are no longer
    /// needed; until then, [`Sessions::recover`] needs both.
    ///
    /// Records are written whole, each with one `write_all` and one `flush`. A file without a buffer
    /// outlives the process that wrote it; to outlive the machine, `flush` must reach the disk.
    ///
    /// # Errors
    /// When the journal cannot be written, or SQLite fails.
    pub fn journal_to(&self, journal: Box<dyn Write + Send>) -> Result<(), SessionsError> {
        {
            let mut current = lock(&self.journal);
            let mut next = Journal::new(journal);
            if self.is_empty() {
                next.write(&Record::Whole)?;
            }
            *current = Some(next);
        }
        for name in self.names() {
            let Some(slot) = self.slot(&name) else {
                continue;
            };
            let mut turn = self.turn(&slot);
            let Some(held) = &mut turn.held else { continue };
            let Held { place, notes } = &mut **held;
            match place {
                Place::Closed => {}
                Place::Live(session) => self.write_at(&name, session, notes)?,
                Place::Parked(snapshot) => self.write_snapshot(&name, snapshot, notes)?,
            }
        }
        self.write(|| Record::Whole)
    }

    /// Opens a session of a state; `seed` decides its ids and random draws.
    ///
    /// # Errors
    /// When the name is taken, the journal cannot be written, or SQLite fails.
    pub fn open(&self, name: &str, state: &State, seed: u64) -> Result<(), SessionsError> {
        let slot = Slot::new(Place::Closed, Vec::new());
        let mut turn = self.turn(&slot);
        self.enter(name, &slot)?;
        let opened = (|| {
            self.pool.make_room(&slot, state);
            let session = state.session(seed).inspect_err(|_| {
                lock(&self.pool.connections).remove(&slot);
            })?;
            if let Some(held) = &mut turn.held {
                held.place = Place::Live(Box::new(session));
            }
            self.write_with_state(state, |state| Record::Open {
                session: name.into(),
                state,
                seed,
            })
        })();
        if opened.is_err() {
            self.leave(name, &mut turn);
        }
        opened
    }

    /// Makes a call. A session that is in use by another thread is waited for.
    ///
    /// # Errors
    /// When there is no such session, it cannot be woken, or the journal cannot be written. An error of the
    /// call itself is a [`Reply`].
    pub fn call(&self, name: &str, request: &Request<'_>) -> Result<Reply, SessionsError> {
        self.during(name, |session, notes| {
            if let Some(id) = request.id
                && let Some(reply) = session.kept(id)
            {
                return Ok(reply.clone());
            }
            let reply = make(session, request);
            if may_be_made_again(request, &reply) {
                self.write(|| {
                    Record::Call(Call {
                        session: name.into(),
                        request: request.id.map(str::to_string),
                        actor: request.actor,
                        tool: request.tool.into(),
                        arguments: request.arguments.into(),
                        reply: fingerprint(&reply),
                    })
                })?;
            } else {
                self.write_at(name, session, notes)?;
            }
            Ok(reply)
        })
    }

    /// Lends a session: to judge it, to look into it, to make many calls. What changes it is in the journal
    /// when this returns. `look` must not use this `Sessions`: it has the session and a connection, and
    /// would wait for itself.
    ///
    /// # Errors
    /// When there is no such session, it cannot be woken, or the journal cannot be written.
    pub fn with<T>(
        &self,
        name: &str,
        look: impl FnOnce(&mut Session) -> T,
    ) -> Result<T, SessionsError> {
        self.during(name, |session, notes| {
            let before = session.revision();
            let seen = look(session);
            if session.revision() != before {
                self.write_at(name, session, notes)?;
            }
            Ok(seen)
        })
    }

    /// Back to the initial state, with a new seed for ids and draws. Notes stay.
    ///
    /// # Errors
    /// When there is no such session, it cannot be woken, or the journal cannot be written.
    pub fn reset(&self, name: &str, seed: u64) -> Result<(), SessionsError> {
        self.during(name, |session, _| {
            session.reset(seed)?;
            self.write(|| Record::Reset {
                session: name.into(),
                seed,
            })
        })
    }

    /// Another session at the instant at which this one is, under a name of its own. It has no notes.
    ///
    /// # Errors
    /// When there is no such session, the new name is taken, SQLite fails, or the journal cannot be written.
    pub fn fork(&self, name: &str, fork: &str) -> Result<(), SessionsError> {
        let slot = self.slot_of(name)?;
        let mut turn = self.turn(&slot);
        let snapshot = match turn.held.as_mut().map(|held| &mut held.place) {
            Some(Place::Live(session)) => session.snapshot()?,
            Some(Place::Parked(snapshot)) => snapshot.clone(),
            Some(Place::Closed) | None => return Err(SessionsError::Unknown(name.into())),
        };
        self.restore(fork, &snapshot)
    }

    /// Opens a session at the instant of a snapshot. It has no notes.
    ///
    /// # Errors
    /// When the name is taken, or the journal cannot be written.
    pub fn restore(&self, name: &str, snapshot: &Snapshot) -> Result<(), SessionsError> {
        let slot = Slot::new(Place::Parked(snapshot.clone()), Vec::new());
        let mut turn = self.turn(&slot);
        self.enter(name, &slot)?;
        let written = self.write_snapshot(name, snapshot, &[]);
        if written.is_err() {
            self.leave(name, &mut turn);
        }
        written
    }

    /// Adds a note to a session: what the program that runs it must find again after a restart. A session
    /// is not changed by it.
    ///
    /// # Errors
    /// When there is no such session, or the journal cannot be written.
    pub fn note(&self, name: &str, text: &str) -> Result<(), SessionsError> {
        let slot = self.slot_of(name)?;
        let mut turn = self.turn(&slot);
        match &mut turn.held {
            Some(held) if !matches!(held.place, Place::Closed) => {
                held.notes.push(text.into());
                self.write(|| Record::Note {
                    session: name.into(),
                    text: text.into(),
                })
            }
            _ => Err(SessionsError::Unknown(name.into())),
        }
    }

    /// The notes of a session, in order.
    ///
    /// # Errors
    /// When there is no such session.
    pub fn notes(&self, name: &str) -> Result<Vec<String>, SessionsError> {
        let slot = self.slot_of(name)?;
        let turn = self.turn(&slot);
        match &turn.held {
            Some(held) if !matches!(held.place, Place::Closed) => Ok(held.notes.clone()),
            _ => Err(SessionsError::Unknown(name.into())),
        }
    }

    /// Closes a session; its connection serves the next one.
    ///
    /// # Errors
    /// When there is no such session, or the journal cannot be written.
    pub fn close(&self, name: &str) -> Result<(), SessionsError> {
        let slot = self.slot_of(name)?;
        let mut turn = self.turn(&slot);
        match &turn.held {
            Some(held) if !matches!(held.place, Place::Closed) => {}
            _ => return Err(SessionsError::Unknown(name.into())),
        }
        self.write(|| Record::Close {
            session: name.into(),
        })?;
        self.leave(name, &mut turn);
        Ok(())
    }

    /// The names of all sessions, sorted.
    pub fn names(&self) -> Vec<String> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = slots.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many connections are open: those of sessions that are not parked, and those that wait for one.
    pub fn connections(&self) -> usize {
        lock(&self.pool.connections).count()
    }

    /// Enters a session that has no connection yet.
    pub(crate) fn parked(
        &self,
        name: &str,
        snapshot: Snapshot,
        notes: Vec<String>,
    ) -> Result<(), SessionsError> {
        self.enter(name, &Slot::new(Place::Parked(snapshot), notes))
    }

    fn enter(&self, name: &str, slot: &Arc<Slot>) -> Result<(), SessionsError> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if slots.contains_key(name) {
            return Err(SessionsError::Taken(name.into()));
        }
        slots.insert(name.into(), Arc::clone(slot));
        Ok(())
    }

    /// Takes a session out, whatever it is.
    fn leave(&self, name: &str, turn: &mut Turn<'_>) {
        self.slots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        let Some(held) = &mut turn.held else { return };
        if let Place::Live(session) = std::mem::replace(&mut held.place, Place::Closed) {
            let state = session.state().clone();
            drop(session);
            self.pool.gave_back(turn.slot, &state);
        }
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    fn slot_of(&self, name: &str) -> Result<Arc<Slot>, SessionsError> {
        self.slot(name)
            .ok_or_else(|| SessionsError::Unknown(name.into()))
    }

    fn turn<'a>(&'a self, slot: &'a Arc<Slot>) -> Turn<'a> {
        Turn {
            slot,
            held: Some(lock(&slot.held)),
            pool: &self.pool,
        }
    }

    fn during<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut Session, &[String]) -> Result<T, SessionsError>,
    ) -> Result<T, SessionsError> {
        let slot = self.slot_of(name)?;
        let mut turn = self.turn(&slot);
        let (session, notes) = self.awake(name, &slot, &mut turn)?;
        act(session, notes)
    }

    /// The session with a connection, and its notes.
    fn awake<'t>(
        &self,
        name: &str,
        slot: &Arc<Slot>,
        turn: &'t mut Turn<'_>,
    ) -> Result<(&'t mut Session, &'t [String]), SessionsError> {
        let unknown = || SessionsError::Unknown(name.into());
        self.pool.touch(slot);
        let Held { place, notes } = &mut **turn.held.as_mut().ok_or_else(unknown)?;
        if let Place::Parked(snapshot) = place {
            self.pool.make_room(slot, snapshot.state());
            let session = snapshot.session().inspect_err(|_| {
                lock(&self.pool.connections).remove(slot);
            })?;
            *place = Place::Live(Box::new(session));
        }
        match place {
            Place::Live(session) => Ok((session, notes)),
            _ => Err(unknown()),
        }
    }

    fn write(&self, record: impl FnOnce() -> Record) -> Result<(), SessionsError> {
        match &mut *lock(&self.journal) {
            Some(journal) => Ok(journal.write(&record())?),
            None => Ok(()),
        }
    }

    fn write_with_state(
        &self,
        state: &State,
        record: impl FnOnce(usize) -> Record,
    ) -> Result<(), SessionsError> {
        let mut journal = lock(&self.journal);
        if let Some(journal) = &mut *journal {
            let number = journal.number(state)?;
            journal.write(&record(number))?;
        }
        Ok(())
    }

    /// Writes where a session is now.
    fn write_at(
        &self,
        name: &str,
        session: &mut Session,
        notes: &[String],
    ) -> Result<(), SessionsError> {
        if lock(&self.journal).is_none() {
            return Ok(());
        }
        self.write_snapshot(name, &session.snapshot()?, notes)
    }

    fn write_snapshot(
        &self,
        name: &str,
        snapshot: &Snapshot,
        notes: &[String],
    ) -> Result<(), SessionsError> {
        self.write_with_state(snapshot.state(), |state| Record::At {
            session: name.into(),
            state,
            snapshot: snapshot_text(snapshot.bytes()),
            notes: notes.to_vec(),
        })
    }
}

/// False for a call of which the journal keeps the effect instead: text without bound, and what failed
/// for a reason outside the world.
fn may_be_made_again(request: &Request<'_>, reply: &Reply) -> bool {
    let failed = matches!(&reply.result, Err(error) if error.kind == ErrorKind::Fault);
    !failed && request.tool.len() + request.arguments.len() <= MAX_ARGUMENT_BYTES
}

/// Makes a call as a [`Request`] says.
pub(crate) fn make(session: &mut Session, request: &Request<'_>) -> Reply {
    match request.id {
        Some(id) => session.call_once(id, request.actor, request.tool, request.arguments),
        None => session.call_text_as(request.actor, request.tool, request.arguments),
    }
}
