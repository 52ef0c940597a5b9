//! What this process knows about objects that are being written, or were written badly.
//!
//! A dropped writer may still have a burst of bytes on its way to the file. Whoever comes next for the same object (a
//! resumed upload, a final sync, a delete) first fences the writers before it and waits until their bursts have ended,
//! so that late bytes never land in an object that somebody else has cut or made durable.
//!
//! A failed sync is told once by the kernel, which then takes the lost pages for clean: the next sync of the same file
//! succeeds. So an object whose sync failed is remembered as damaged until it is deleted or started anew, and can be
//! neither continued nor made durable. Only a failing disk makes this set grow.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use holdfast_model::ObjectKey;

use crate::writer::Pipe;

/// Open pipes and damaged objects of one store.
#[derive(Debug, Default)]
pub(crate) struct Live {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    pipes: HashMap<ObjectKey, Vec<Weak<Pipe>>>,
    damaged: HashSet<ObjectKey>,
}

impl Live {
    /// Enters a pipe, and returns those that were there before it.
    pub(crate) fn enter(&self, pipe: &Arc<Pipe>) -> Vec<Arc<Pipe>> {
        let mut known = self.lock();
        let same_object = known.pipes.entry(pipe.key().clone()).or_default();
        let earlier = same_object.iter().filter_map(Weak::upgrade).collect();
        same_object.push(Arc::downgrade(pipe));
        earlier
    }

    /// Forgets the pipes of an object that are gone.
    pub(crate) fn leave(&self, key: &ObjectKey) {
        let mut known = self.lock();
        if let Some(same_object) = known.pipes.get_mut(key) {
            same_object.retain(|pipe| pipe.strong_count() > 0);
            if same_object.is_empty() {
                known.pipes.remove(key);
            }
        }
    }

    /// Takes an object away from its writers: what they write from now on is refused. Returns when their last bytes
    /// have been written or dropped.
    pub(crate) async fn fence(&self, key: &ObjectKey) {
        let writers: Vec<_> = match self.lock().pipes.get(key) {
            Some(same_object) => same_object.iter().filter_map(Weak::upgrade).collect(),
            None => return,
        };
        fence_all(writers).await;
    }

    /// Remembers that bytes of this object may be lost.
    pub(crate) fn mark_damaged(&self, key: &ObjectKey) {
        self.lock().damaged.insert(key.clone());
    }

    /// The object is gone or starts anew.
    pub(crate) fn forget_damage(&self, key: &ObjectKey) {
        self.lock().damaged.remove(key);
    }

    /// An error if bytes of this object may be lost.
    pub(crate) fn check_undamaged(&self, key: &ObjectKey) -> io::Result<()> {
        if self.lock().damaged.contains(key) {
            return Err(io::Error::other(
                "an earlier sync of it failed, so some of its bytes may be lost; start it anew",
            ));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
