//! A session at one instant, as a few bytes: to fork it, to park it, to keep it.

mod bring_back;
mod bytes;
mod content;
mod rows;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::execute::Shown;
use crate::reply::Reply;
use crate::session::Session;
use crate::state::{State, StateError};

pub(crate) use bring_back::bring_back;
pub(crate) use content::Content;
pub(crate) use rows::{Restoring, RowTexts};

/// A session at one instant, as bytes: what differs from the initial state, and the calls so far.
///
/// A snapshot holds no connection. Sessions made from one are independent of each other and of the
/// session that it was taken of, and go on as that one would have: same rows in the same order, same
/// ids, same draws, same clock.
#[derive(Debug, Clone)]
pub struct Snapshot {
    state: State,
    bytes: Arc<[u8]>,
}

/// What a session remembers beside its database, lent for writing.
pub(crate) struct Memory<'a> {
    pub(crate) observed: &'a BTreeSet<(usize, Shown)>,
    pub(crate) kept: &'a VecDeque<(String, Reply)>,
}

/// Why a snapshot's bytes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// They are no snapshot.
    #[error("these bytes are no snapshot of a session: {0}")]
    Damaged(&'static str),
    /// They belong to another world, another version of it, or another initial state.
    #[error("the snapshot was taken of another {0}")]
    Foreign(&'static str),
}

impl Snapshot {
    /// The initial state that it starts from.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The snapshot as bytes, for [`State::snapshot`].
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A session at this instant.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn session(&self) -> Result<Session, StateError> {
        let mut session = self.state.session(0)?;
        session.restore(self)?;
        Ok(session)
    }

    pub(crate) fn content(&self) -> Result<Content, StateError> {
        Ok(Content::decode(&self.state, &self.bytes)?)
    }
}

impl State {
    /// A snapshot from its bytes.
    ///
    /// # Errors
    /// When they are damaged, or of another world or state.
    pub fn snapshot(&self, bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        Content::decode(self, bytes)?;
        Ok(Snapshot {
            state: self.clone(),
            bytes: bytes.into(),
        })
    }
}

impl Session {
    /// This session at this instant.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn snapshot(&mut self) -> Result<Snapshot, StateError> {
        self.ensure_live()?;
        let state = self.state().clone();
        let (live, memory) = self.parts()?;
        let bytes = content::encode(&state, live, self.seed(), self.log(), &memory)?.into();
        Ok(Snapshot { state, bytes })
    }

    /// Gives the connection back and keeps the session as bytes; [`Snapshot::session`] wakes it up.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn park(mut self) -> Result<Snapshot, StateError> {
        self.snapshot()
    }

    /// Another session at this instant; both go on independently.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn fork(&mut self) -> Result<Self, StateError> {
        self.snapshot()?.session()
    }
}
