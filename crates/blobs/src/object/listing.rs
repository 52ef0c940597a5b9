//! Every object of a store, in the order of keys, complete or not: the listing of the names and the one of uploads that are
//! under way are read side by side, a page of each at a time, and a key that is in both is told once. It refuses to
//! remember what it told.

use std::{collections::VecDeque, sync::Arc};

use futures_util::stream::{self, BoxStream, StreamExt as _};
use holdfast_model::{ObjectInfo, ObjectKey, StoreError};

use super::{
    bucket::{Entry, Page},
    refusal::Refusal,
    store::Shared,
};

/// Which of the two.
#[derive(Debug, Clone, Copy)]
enum Of {
    Names,
    Uploads,
}

/// One of the two listings.
struct Source {
    of: Of,
    page: VecDeque<Entry>,
    next: Next,
}

enum Next {
    First,
    From(String),
    End,
}

/// Both.
struct Listing {
    shared: Arc<Shared>,
    names: Source,
    uploads: Source,
}

/// All objects of a store.
pub(super) fn objects(shared: &Arc<Shared>) -> BoxStream<'static, Result<ObjectInfo, StoreError>> {
    let listing = Listing {
        shared: Arc::clone(shared),
        names: Source::new(Of::Names),
        uploads: Source::new(Of::Uploads),
    };
    stream::try_unfold(listing, |mut listing| async move {
        let next = listing.next().await;
        let next = next.map_err(|refusal| refusal.into_error("listed the objects of the store"))?;
        Ok(next.map(|object| (object, listing)))
    })
    .boxed()
}

impl Listing {
    async fn next(&mut self) -> Result<Option<ObjectInfo>, Refusal> {
        let of_names = self.names.peek(&self.shared).await?;
        let of_uploads = self.uploads.peek(&self.shared).await?;
        let Some(key) = of_names.iter().chain(&of_uploads).min().cloned() else {
            return Ok(None);
        };
        let (mut complete, mut beside) = (None, 0);
        for source in [&mut self.names, &mut self.uploads] {
            while source.peek(&self.shared).await?.as_ref() == Some(&key) {
                let Some(entry) = source.page.pop_front() else { break };
                let is_object = self
                    .shared
                    .names
                    .parse(&entry.name)
                    .is_some_and(|named| !named.is_beside);
                match (source.of, is_object) {
                    (Of::Names, true) => complete = Some(entry.size_bytes),
                    _ => beside += entry.size_bytes,
                }
            }
        }
        let size_bytes = complete.unwrap_or(beside);
        Ok(Some(ObjectInfo { key, size_bytes }))
    }
}

impl Source {
    fn new(of: Of) -> Self {
        Self {
            of,
            page: VecDeque::new(),
            next: Next::First,
        }
    }

    /// The key of the next entry that is one of ours.
    async fn peek(&mut self, shared: &Shared) -> Result<Option<ObjectKey>, Refusal> {
        loop {
            while let Some(entry) = self.page.front() {
                if let Some(named) = shared.names.parse(&entry.name) {
                    return Ok(Some(named.key));
                }
                self.page.pop_front();
            }
            let from = match &self.next {
                Next::First => None,
                Next::From(from) => Some(from.as_str()),
                Next::End => return Ok(None),
            };
            let Page { entries, next } = self.read(shared, from).await?;
            self.page = entries.into();
            self.next = next.map_or(Next::End, Next::From);
        }
    }

    async fn read(&self, shared: &Shared, from: Option<&str>) -> Result<Page, Refusal> {
        let prefix = shared.names.objects();
        match self.of {
            Of::Names => shared.bucket.list(&prefix, from).await,
            Of::Uploads => shared.bucket.list_unfinished(&prefix, from).await,
        }
    }
}
