//! Who is writing which object right now, in this process.
//!
//! A dropped writer may still have a burst of bytes on its way to the file. Whoever comes next for the same object (a
//! resumed upload, a final sync, a delete) first fences the writers before it and waits until their bursts have ended,
//! so that late bytes never land in an object that somebody else has cut or made durable.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use holdfast_registry::ports::ObjectKey;

use crate::writer::Pipe;

/// The pipes that are open, by object.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pipes: Mutex<HashMap<ObjectKey, Vec<Weak<Pipe>>>>,
}

impl Live {
    /// Enters a pipe, and returns those that were there before it.
    pub(crate) fn enter(&self, pipe: &Arc<Pipe>) -> Vec<Arc<Pipe>> {
        let mut pipes = self.lock();
        let same_object = pipes.entry(pipe.key().clone()).or_default();
        let earlier = same_object.iter().filter_map(Weak::upgrade).collect();
        same_object.push(Arc::downgrade(pipe));
        earlier
    }

    /// Forgets the pipes of an object that are gone.
    pub(crate) fn leave(&self, key: &ObjectKey) {
        let mut pipes = self.lock();
        if let Some(same_object) = pipes.get_mut(key) {
            same_object.retain(|pipe| pipe.strong_count() > 0);
            if same_object.is_empty() {
                pipes.remove(key);
            }
        }
    }

    /// Takes an object away from its writers: what they write from now on is refused. Returns when their last bytes
    /// have been written or dropped.
    pub(crate) async fn fence(&self, key: &ObjectKey) {
        let writers: Vec<_> = match self.lock().get(key) {
            Some(same_object) => same_object.iter().filter_map(Weak::upgrade).collect(),
            None => return,
        };
        fence_all(writers).await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Vec<Weak<Pipe>>>> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fences these writers and waits until none of them touches its file any more.
pub(crate) async fn fence_all(writers: Vec<Arc<Pipe>>) {
    for writer in &writers {
        writer.fence();
    }
    for writer in &writers {
        writer.settled().await;
    }
}
