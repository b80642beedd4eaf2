//! The session of an episode, live or parked.

use std::sync::atomic::{AtomicUsize, Ordering};

use practicum_world::{Session, Snapshot, State, StateError};

/// An episode's session. While the model thinks it is parked: a few kilobytes, and its connection serves
/// others; unless it has a seat, which spares parking and waking.
pub(super) struct Held<'a> {
    place: Place,
    /// Seats that are left, where this session has one.
    seats: Option<&'a AtomicUsize>,
}

pub(super) enum Place {
    Live(Box<Session>),
    Parked(Snapshot),
}

impl<'a> Held<'a> {
    pub(super) fn open(
        state: &State,
        seed: u64,
        seats: &'a AtomicUsize,
    ) -> Result<Self, StateError> {
        let session = state.session(seed)?;
        let taken = seats.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        Ok(Self {
            place: Place::Live(Box::new(session)),
            seats: taken.is_ok().then_some(seats),
        })
    }

    /// Does something with the session, which is woken if it was parked.
    pub(super) fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Session) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut woken = match &mut self.place {
            Place::Live(session) => return act(session),
            Place::Parked(snapshot) => Box::new(snapshot.session()?),
        };
        let done = act(&mut woken);
        self.place = Place::Live(woken);
        done
    }

    /// Nothing will be done with it for a while.
    pub(super) fn rest(&mut self) -> Result<(), StateError> {
        if self.seats.is_none()
            && let Place::Live(session) = &mut self.place
        {
            let snapshot = session.snapshot()?;
            // The session is dropped here, and its connection goes back to its state.
            self.place = Place::Parked(snapshot);
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(seats) = self.seats {
            seats.fetch_add(1, Ordering::Relaxed);
        }
    }
}
