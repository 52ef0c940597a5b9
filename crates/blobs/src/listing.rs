//! Listing a store's objects one shard after the other, so that no more than a shard of them is in memory.

use std::{io, ops::RangeInclusive, path::Path};

use crate::{failure::attempted, layout::Layout};
use holdfast_model::{ObjectInfo, StoreError};

/// A listing, and where it stands.
pub(crate) struct Listing {
    layout: Layout,
    shards: RangeInclusive<u8>,
    foreign: u64,
}

impl Listing {
    pub(crate) fn of(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            shards: 0..=u8::MAX,
            foreign: 0,
        }
    }

    /// The objects of the next shard; `None` after the last one. Blocks.
    pub(crate) fn next_shard(&mut self) -> Result<Option<Vec<ObjectInfo>>, StoreError> {
        let Some(number) = self.shards.next() else {
            self.warn_of_foreign_files();
            return Ok(None);
        };
        let shard = self.layout.numbered_shard(number);
        let listed = self.list(number, &shard);
        listed
            .map(Some)
            .map_err(attempted(format!("listed {}", shard.display())))
    }

    fn list(&mut self, number: u8, shard: &Path) -> io::Result<Vec<ObjectInfo>> {
        let mut objects = Vec::new();
        for entry in shard.read_dir()? {
            let entry = entry?;
            let key = entry.file_name().to_str().and_then(|name| Layout::key_of(number, name));
            match (key, entry.metadata()) {
                (Some(key), Ok(metadata)) if metadata.is_file() => objects.push(ObjectInfo {
                    key,
                    size_bytes: metadata.len(),
                }),
                // Deleted since the folder was read.
                (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
                (Some(_), Err(error)) => return Err(error),
                _ => self.foreign += 1,
            }
        }
        Ok(objects)
    }

    fn warn_of_foreign_files(&self) {
        if self.foreign > 0 {
            tracing::warn!(
                store.root = %self.layout.root().display(),
                store.foreign_files = self.foreign,
                "the store holds files that are not objects; they are left alone"
            );
        }
    }
}
