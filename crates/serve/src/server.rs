//! Episodes for asynchronous callers, with a bounded number of places and a queue for them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::catalogue::Wanted;
use crate::episodes::{Episodes, EpisodesError};

/// How many episodes there may be, and how long one waits for a place.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Episodes at one time.
    pub episodes: usize,
    /// Requests that may wait for a place at one time.
    pub queue: usize,
    /// How long one waits.
    pub wait: Duration,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            episodes: 10_000,
            queue: 10_000,
            wait: Duration::from_mins(1),
        }
    }
}

/// Episodes, a clock and a source of ids. Whatever may take long runs beside the asynchronous threads.
#[derive(Clone)]
pub struct Server {
    episodes: Arc<Episodes>,
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    ids: Arc<dyn Fn() -> String + Send + Sync>,
    capacity: Capacity,
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("episodes", &self.episodes.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("all {0} places are taken, and none became free in time: close sessions, or try again")]
    Full(usize),
    #[error("the request was broken off")]
    BrokenOff,
    #[error("the body: {0}")]
    Body(serde_json::Error),
    #[error("the answer: {0}")]
    Answer(serde_json::Error),
    #[error(transparent)]
    Episodes(#[from] EpisodesError),
}

/// One that waits; it no longer does when it is dropped, also by a client that went away.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Server {
    /// Serves episodes. `clock` gives the time since some start; `ids` gives ids that nobody can guess.
    pub fn new(
        episodes: Episodes,
        capacity: Capacity,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
        ids: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        let free = capacity.episodes.saturating_sub(episodes.len());
        Self {
            episodes: Arc::new(episodes),
            clock: Arc::new(clock),
            ids: Arc::new(ids),
            capacity,
            places: Arc::new(Semaphore::new(free.min(Semaphore::MAX_PERMITS))),
            waiting: Arc::default(),
        }
    }

    /// The episodes.
    pub fn episodes(&self) -> &Arc<Episodes> {
        &self.episodes
    }

    /// Requests that wait for a place now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Closes episodes that nobody has used for this long, and says how many.
    pub async fn close_idle(&self, idle: Duration) -> usize {
        let since = (self.clock)().saturating_sub(idle);
        let closed = self.run(move |episodes, _| Ok(episodes.close_idle(since).len()));
        let closed = closed.await.unwrap_or_default();
        self.places.add_permits(closed);
        closed
    }

    /// Does something with the episodes, which may take long.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Episodes, Duration) -> Result<T, EpisodesError> + Send + 'static,
    ) -> Result<T, ServerError> {
        let (episodes, now) = (Arc::clone(&self.episodes), (self.clock)());
        let done = tokio::task::spawn_blocking(move || work(&episodes, now)).await;
        Ok(done.map_err(|_| ServerError::BrokenOff)??)
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
        let places = Arc::clone(&self.places);
        self.run(move |episodes, _| {
            episodes.close(&id)?;
            places.add_permits(1);
            Ok(())
        })
        .await
    }

    async fn place(
        &self,
        work: impl FnOnce(&Episodes, &str, Duration) -> Result<(), EpisodesError> + Send + 'static,
    ) -> Result<String, ServerError> {
        let permit = self.permit().await?;
        let id = (self.ids)();
        self.run(move |episodes, now| {
            work(episodes, &id, now)?;
            // The episode has the place until it is closed.
            permit.forget();
            Ok(id)
        })
        .await
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, ServerError> {
        let full = ServerError::Full(self.capacity.episodes);
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        let before = self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        if before >= self.capacity.queue {
            return Err(full);
        }
        let permit = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout(self.capacity.wait, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(full),
        }
    }
}
