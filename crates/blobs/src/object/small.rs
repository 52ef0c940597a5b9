//! What is small and the service's own: marks that lie in a bucket beside the objects. It refuses to know what they say.

use bytes::Bytes;
use holdfast_model::StoreError;

use super::{
    bucket::Condition,
    refusal::{Meaning, Refusal},
    store::{BucketStore, PROBE_NAME, Shared},
};

/// Most of them that are listed: of each storage account there is one.
const MAX_LISTED: usize = 100_000;

impl BucketStore {
    /// Something small of the service's own that lies beside the objects; `None` when it is not there.
    ///
    /// # Errors
    /// The store failed.
    pub async fn small(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let read = self.shared.bucket.get_small(&self.shared.names.own(name)).await;
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(refusal) if refusal.meaning() == Meaning::Missing => Ok(None),
            Err(refusal) => Err(refusal.into_error(format!("read {name}"))),
        }
    }

    /// Writes something small of the service's own, unless something has the name: whether nothing had.
    ///
    /// # Errors
    /// The store failed.
    pub async fn put_small(&self, name: &str, bytes: Bytes) -> Result<bool, StoreError> {
        let own = self.shared.names.own(name);
        let put = self.shared.bucket.put(&own, bytes.into(), Condition::Absent).await;
        match put {
            Ok(()) => Ok(true),
            Err(refusal) if refusal.meaning() == Meaning::Exists => Ok(false),
            Err(refusal) => Err(refusal.into_error(format!("wrote {name}"))),
        }
    }

    /// Removes something small of the service's own; that it is not there is a success.
    ///
    /// # Errors
    /// The store failed.
    pub async fn remove_small(&self, name: &str) -> Result<(), StoreError> {
        let removed = self.shared.bucket.delete(&self.shared.names.own(name)).await;
        removed.map_err(|refusal| refusal.into_error(format!("removed {name}")))
    }

    /// What is small, the service's own and begins so; what lies in folders below is none of it.
    ///
    /// # Errors
    /// The store failed, or lists more than there can be.
    pub async fn list_small(&self, beginning: &str) -> Result<Vec<String>, StoreError> {
        let listed = self.names_beginning(beginning).await;
        listed.map_err(|refusal| refusal.into_error(format!("listed {beginning}*")))
    }

    async fn names_beginning(&self, beginning: &str) -> Result<Vec<String>, Refusal> {
        let Shared { bucket, names, .. } = &*self.shared;
        let (own, mut found, mut from) = (names.own(beginning), Vec::new(), None);
        loop {
            let page = bucket.list(&own, from.as_deref()).await?;
            let listed = page.entries.iter();
            let small = listed.filter_map(|entry| entry.name.strip_prefix(names.prefix()));
            found.extend(small.filter(|name| !name.contains('/')).map(str::to_owned));
            if found.len() > MAX_LISTED {
                return Err(Refusal::Answer(format!("it lists more than {MAX_LISTED} names")));
            }
            from = page.next;
            if from.is_none() {
                return Ok(found);
            }
        }
    }

    /// The name of something that lies below the prefix, whoever put it there; a probe that was cut off is nothing.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find_anything(&self) -> Result<Option<String>, StoreError> {
        let found = self.first_name().await;
        found.map_err(|refusal| refusal.into_error("looked whether anything lies below the prefix"))
    }

    async fn first_name(&self) -> Result<Option<String>, Refusal> {
        let Shared { bucket, names, .. } = &*self.shared;
        // Consoles make a folder visible by an object of the prefix's own name.
        let (folder, probe) = (names.prefix(), names.own(PROBE_NAME));
        let mut from = None;
        loop {
            let page = bucket.list(folder, from.as_deref()).await?;
            let mut listed = page.entries.into_iter().map(|entry| entry.name);
            let found = listed.find(|name| name != folder && !name.starts_with(&probe));
            from = page.next;
            if found.is_some() || from.is_none() {
                return Ok(found);
            }
        }
    }

    /// Something small of a store whose prefix this one's lies in: that prefix, and what was read. What may not be read
    /// counts as not there.
    ///
    /// # Errors
    /// The store failed.
    pub async fn small_above(&self, name: &str) -> Result<Option<(String, Bytes)>, StoreError> {
        for names in self.shared.names.above() {
            match self.shared.bucket.get_small(&names.own(name)).await {
                Ok(bytes) => return Ok(Some((names.prefix().trim_end_matches('/').to_owned(), bytes))),
                Err(refusal) if matches!(refusal.meaning(), Meaning::Missing | Meaning::Denied) => {}
                Err(refusal) => return Err(refusal.into_error(format!("looked for {name} above the prefix"))),
            }
        }
        Ok(None)
    }
}
