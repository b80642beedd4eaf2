//! Who holds which episode by a socket: one at a time, the newest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The sockets that hold an episode.
#[derive(Debug, Default)]
pub(crate) struct Attachments(Mutex<BTreeMap<String, Attached>>);

#[derive(Debug)]
struct Attached {
    leave: Arc<Notify>,
    /// The episode is to be closed when the socket leaves.
    closing: bool,
}

/// One socket's hold on an episode.
#[derive(Debug, Clone)]
pub(crate) struct Hold(Arc<Notify>);

impl Hold {
    /// Resolves when another socket has taken the episode over.
    pub(crate) async fn lost(&self) {
        self.0.notified().await;
    }
}

impl Attachments {
    /// Holds an episode. Whoever held it is told to leave: a client that comes back must not wait for the
    /// server to notice that its old socket is dead.
    pub(crate) fn attach(&self, id: &str) -> Hold {
        let leave = Arc::new(Notify::new());
        let attached = Attached {
            leave: Arc::clone(&leave),
            closing: false,
        };
        if let Some(before) = self.lock().insert(id.into(), attached) {
            before.leave.notify_one();
        }
        Hold(leave)
    }

    /// Lets go of an episode. True when somebody has asked meanwhile to close it; None when the episode is
    /// another socket's by now.
    pub(crate) fn detach(&self, id: &str, hold: &Hold) -> Option<bool> {
        let mut attached = self.lock();
        if !Arc::ptr_eq(&attached.get(id)?.leave, &hold.0) {
            return None;
        }
        attached.remove(id).map(|own| own.closing)
    }

    /// Asks to close an episode when its socket leaves; false when no socket holds it.
    pub(crate) fn close_later(&self, id: &str) -> bool {
        let mut attached = self.lock();
        let own = attached.get_mut(id);
        own.map(|own| own.closing = true).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Attached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
