//! Episodes for asynchronous callers, with a bounded number of places and a queue for them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use practicum_rollout::Fault;
use practicum_world::World;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::catalogue::Wanted;
use crate::episodes::{Act, Episodes, EpisodesError, Judgement, Observation};
use crate::metrics::{Closed, Metrics};
use crate::openenv::Attachments;
use crate::seal::Seal;

/// How many episodes there may be, how long one waits for a place, and when a place is taken back.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Episodes at one time.
    pub episodes: usize,
    /// Requests that may wait for a place at one time.
    pub queue: usize,
    /// How long one waits. Clients give up after a minute, most of them.
    pub wait: Duration,
    /// How long an episode is kept that nobody uses. An open socket is use.
    pub idle: Duration,
    /// How long one is kept whose socket broke off, or whose beginning nobody saw: for who comes back.
    pub lease: Duration,
    /// Acts per second and episode, and how many may come at once. Who is faster waits.
    pub rate: u32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            episodes: 10_000,
            queue: 10_000,
            wait: Duration::from_secs(45),
            idle: Duration::from_mins(30),
            lease: Duration::from_mins(2),
            rate: 1_000,
        }
    }
}

/// Who comes too fast is held back for this long at most, and then told.
const MAX_HELD_BACK: Duration = Duration::from_secs(5);

/// Episodes, a clock and a source of ids. Whatever may take long runs beside the asynchronous threads.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    episodes: Arc<Episodes>,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    ids: Box<dyn Fn() -> String + Send + Sync>,
    capacity: Capacity,
    places: Arc<Semaphore>,
    /// Episodes that came back from a journal beyond the places: their end gives no place back.
    beyond: AtomicUsize,
    waiting: AtomicUsize,
    metrics: Metrics,
    /// Agents' handles, and the episodes that they stand for.
    handles: RwLock<BTreeMap<String, String>>,
    seal: Seal,
    attachments: Attachments,
    stopping: watch::Sender<bool>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("episodes", &self.shared.episodes.len())
            .field("capacity", &self.shared.capacity)
            .finish_non_exhaustive()
    }
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("all {0} places are taken, and none became free in time: close sessions, or try again")]
    Full(usize),
    #[error("too many acts: a session may make {0} a second")]
    TooFast(u32),
    #[error("the request was broken off")]
    BrokenOff,
    #[error("the body: {0}")]
    Body(serde_json::Error),
    #[error("the answer: {0}")]
    Answer(serde_json::Error),
    #[error("this is no snapshot that this server gave: {0}")]
    Snapshot(String),
    #[error(transparent)]
    Episodes(#[from] EpisodesError),
}

impl ServerError {
    /// True for what is neither the client's doing nor the agent's.
    pub(crate) fn is_infrastructure(&self) -> bool {
        match self {
            Self::BrokenOff | Self::Answer(_) => true,
            Self::Episodes(error) => error.is_infrastructure(),
            Self::Full(_) | Self::TooFast(_) | Self::Body(_) | Self::Snapshot(_) => false,
        }
    }
}

/// An act that outlives the request that it came with.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnedAct {
    pub(crate) request: Option<String>,
    pub(crate) tool: String,
    /// JSON text.
    pub(crate) arguments: String,
}

/// One that waits; it no longer does when it is dropped, also by a client that went away.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What an agent knows of its episode. It can act by it, and nothing else: an episode's id, by which one
/// forks and judges, does not follow from it.
pub(crate) fn handle_of(id: &str) -> String {
    let key = blake3::derive_key("practicum 2026 handle of an agent", id.as_bytes());
    blake3::hash(&key).to_hex()[..32].to_string()
}

/// So much of an id as a log may tell: who knows the whole can act.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

impl Server {
    /// Serves episodes. `clock` gives the time since some start; `ids` gives ids that nobody can guess.
    pub fn new(
        episodes: Episodes,
        capacity: Capacity,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
        ids: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        let begun = episodes.len();
        let free = capacity.episodes.saturating_sub(begun);
        let metrics = Metrics::new(episodes.catalogue().worlds().map(World::name));
        // What a lease takes off the time of the last use must not be before the clock's zero.
        let clock = move || clock().saturating_add(capacity.idle);
        let known = episodes.ids();
        for id in &known {
            episodes.touch(id, clock());
        }
        let handles = known.into_iter().map(|id| (handle_of(&id), id));
        Self {
            shared: Arc::new(Shared {
                handles: RwLock::new(handles.collect()),
                seal: Seal::new(&ids()),
                episodes: Arc::new(episodes),
                clock: Box::new(clock),
                ids: Box::new(ids),
                capacity,
                places: Arc::new(Semaphore::new(free.min(Semaphore::MAX_PERMITS))),
                beyond: AtomicUsize::new(begun.saturating_sub(capacity.episodes)),
                waiting: AtomicUsize::new(0),
                metrics,
                attachments: Attachments::default(),
                stopping: watch::Sender::new(false),
            }),
        }
    }

    /// Seals snapshots with a secret of the caller's, so that another server with the same secret takes
    /// them; without one, a snapshot is good for the server that gave it. Called before the server is shared.
    pub fn seal_with(&mut self, secret: &str) {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.seal = Seal::new(secret);
        }
    }

    /// The episodes.
    pub fn episodes(&self) -> &Arc<Episodes> {
        &self.shared.episodes
    }

    /// What this server allows.
    pub fn capacity(&self) -> &Capacity {
        &self.shared.capacity
    }

    /// Requests that wait for a place now.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::SeqCst)
    }

    /// Closes episodes that nobody used for too long, and says how many.
    pub async fn close_idle(&self) -> usize {
        let since = (self.shared.clock)().saturating_sub(self.shared.capacity.idle);
        let closed = self.run(move |episodes, _| Ok(episodes.close_idle(since)));
        let closed = closed.await.unwrap_or_default();
        for id in &closed {
            self.shared.forget(id);
            self.metrics().closed(Closed::Idle);
            tracing::info!(session = short(id), "closed: nobody used it");
        }
        self.shared.give_places(closed.len());
        closed.len()
    }

    /// Tells sockets to leave after what they are doing now; nothing new is begun over them.
    pub fn stop(&self) {
        self.shared.stopping.send_replace(true);
    }

    /// Waits until nobody is served any more.
    pub(crate) async fn left(&self) {
        self.shared.stopping.closed().await;
    }

    /// Becomes true when the server is to stop. Who serves somebody holds one.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.shared.stopping.subscribe()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    pub(crate) fn attachments(&self) -> &Attachments {
        &self.shared.attachments
    }

    pub(crate) fn seal(&self) -> &Seal {
        &self.shared.seal
    }

    /// The episode that an agent's handle stands for.
    pub(crate) fn of_handle(&self, handle: &str) -> Option<String> {
        let handles = self.shared.handles.read();
        let handles = handles.unwrap_or_else(PoisonError::into_inner);
        handles.get(handle).cloned()
    }

    /// Says that somebody holds an episode: from now on, it is kept for the whole idle time.
    pub(crate) fn touch(&self, id: &str) {
        self.shared.episodes.touch(id, (self.shared.clock)());
    }

    /// Says that who held an episode is gone: only the lease is left, unless somebody comes back.
    pub(crate) fn let_go(&self, id: &str) {
        self.shared.episodes.touch(id, self.shared.leased());
    }

    /// Does something with the episodes, which may take long.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Episodes, Duration) -> Result<T, EpisodesError> + Send + 'static,
    ) -> Result<T, ServerError> {
        let (episodes, now) = (Arc::clone(&self.shared.episodes), (self.shared.clock)());
        let done = tokio::task::spawn_blocking(move || work(&episodes, now)).await;
        let done = match done {
            Ok(done) => done.map_err(ServerError::from),
            Err(_) => Err(ServerError::BrokenOff),
        };
        done.inspect_err(|error| {
            if error.is_infrastructure() {
                self.metrics().infrastructure();
                tracing::error!(%error, "a request failed");
            }
        })
    }

    /// Does what an agent wants.
    pub(crate) async fn act(&self, id: &str, act: OwnedAct) -> Result<Observation, ServerError> {
        let rate = self.shared.capacity.rate;
        let held_back = self
            .shared
            .episodes
            .pace(id, (self.shared.clock)(), rate, MAX_HELD_BACK);
        match held_back {
            Some(Duration::ZERO) => {}
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(ServerError::TooFast(rate)),
        }
        let begun = (self.shared.clock)();
        let own = id.to_string();
        let seen = self
            .run(move |episodes, now| {
                let act = Act {
                    request: act.request.as_deref(),
                    tool: &act.tool,
                    arguments: &act.arguments,
                };
                episodes.act(&own, &act, now)
            })
            .await?;
        let took = (self.shared.clock)().saturating_sub(begun);
        self.metrics().acted(&seen.world, &seen.reply, took);
        if seen.last {
            tracing::info!(session = short(id), world = seen.world, ended = ?seen.ended, "ended");
        }
        Ok(seen)
    }

    /// Judges an episode that has ended.
    pub(crate) async fn judge(&self, id: &str) -> Result<Judgement, ServerError> {
        let own = id.to_string();
        let judged = self
            .run(move |episodes, now| Ok((episodes.judge(&own, now)?, episodes.view(&own, now)?)));
        let (judged, view) = judged.await?;
        self.metrics().judged(&view.start.world, judged.fault);
        if let Some(fault @ (Fault::World | Fault::Verifier)) = judged.fault {
            tracing::warn!(
                session = short(id),
                world = view.start.world,
                ?fault,
                "not scored"
            );
        }
        Ok(judged)
    }

    /// Begins an episode as soon as there is a place, and gives its id.
    pub(crate) async fn begin(&self, wanted: Wanted) -> Result<String, ServerError> {
        self.place(move |episodes, id, now| episodes.begin(id, &wanted, now))
            .await
    }

    /// Forks an episode as soon as there is a place, and gives the fork's id.
    pub(crate) async fn fork(&self, of: String) -> Result<String, ServerError> {
        self.place(move |episodes, id, now| episodes.fork(&of, id, now))
            .await
    }

    /// Closes an episode; its place goes to the next one.
    pub(crate) async fn close(&self, id: String) -> Result<(), ServerError> {
        let shared = Arc::clone(&self.shared);
        let own = id.clone();
        self.run(move |episodes, _| {
            // This goes on when the client has gone away meanwhile.
            episodes.close(&own)?;
            shared.forget(&own);
            shared.give_places(1);
            shared.metrics.closed(Closed::Asked);
            Ok(())
        })
        .await?;
        tracing::info!(session = short(&id), "closed");
        Ok(())
    }

    /// Makes an episode by `work` as soon as there is a place.
    pub(crate) async fn place(
        &self,
        work: impl FnOnce(&Episodes, &str, Duration) -> Result<(), EpisodesError> + Send + 'static,
    ) -> Result<String, ServerError> {
        let permit = self.permit().await?;
        let id = (self.shared.ids)();
        let shared = Arc::clone(&self.shared);
        // This goes on when the client has gone away meanwhile. Then only the lease is left: nobody knows the id.
        let made = self.run(move |episodes, now| {
            work(episodes, &id, now)?;
            episodes.touch(&id, shared.leased());
            // The episode has the place until it is closed.
            permit.forget();
            let handles = shared.handles.write();
            let mut handles = handles.unwrap_or_else(PoisonError::into_inner);
            handles.insert(handle_of(&id), id.clone());
            drop(handles);
            let start = episodes.view(&id, shared.leased())?.start;
            shared.metrics.begun(&start.world);
            Ok((id, start))
        });
        let (id, start) = made.await?;
        self.touch(&id);
        tracing::info!(
            session = short(&id),
            world = start.world,
            task = start.task,
            "begun"
        );
        Ok(id)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, ServerError> {
        let shared = &self.shared;
        let full = ServerError::Full(shared.capacity.episodes);
        if let Ok(permit) = Arc::clone(&shared.places).try_acquire_owned() {
            return Ok(permit);
        }
        let before = shared.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&shared.waiting);
        if before >= shared.capacity.queue {
            shared.metrics.turned_away();
            return Err(full);
        }
        let permit = Arc::clone(&shared.places).acquire_owned();
        match tokio::time::timeout(shared.capacity.wait, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                shared.metrics.turned_away();
                Err(full)
            }
        }
    }
}

impl Shared {
    /// A last use so long ago that only the lease is left of the idle time.
    fn leased(&self) -> Duration {
        let gone = self.capacity.idle.saturating_sub(self.capacity.lease);
        (self.clock)().saturating_sub(gone)
    }

    fn forget(&self, id: &str) {
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        handles.remove(&handle_of(id));
    }

    fn give_places(&self, count: usize) {
        for _ in 0..count {
            let owed = self
                .beyond
                .try_update(Ordering::SeqCst, Ordering::SeqCst, |own| own.checked_sub(1));
            if owed.is_err() {
                self.places.add_permits(1);
            }
        }
    }
}
