//! A store in a folder of this machine (layout.rs draws it).
//!
//! Durable means: the file's data and length by `fdatasync`, its name by `fsync` of its folder; only then does `put` or
//! `complete` answer. The async threads never wait for the disk: what may block runs on tokio's blocking threads.
//! One process at a time owns a folder; making sure of that is the server's business.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    ops::Range,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use holdfast_model::{BlobWriter, Blobs, Checkpoint, Content, ObjectInfo, ObjectKey, StoreError, Timestamp};
use tokio::sync::{Mutex, Semaphore};
use uuid::Uuid;

use crate::{
    failure::{attempted, on_object},
    layout::{FILE_MODE, Layout, sync_file},
    listing::Listing,
    live::{Live, fence_all},
    reading::{Opened, open_cached, open_waiting, read_waiting},
    standing::Standing,
    writer::{FileWriter, Preparation},
};

/// Background syncs at once in the whole store; more only make a disk's queue longer.
const BACKGROUND_SYNCS: usize = 2;
/// What a probe writes and reads back.
const PROBE: &[u8] = b"holdfast was here\n";

/// Objects as files in a folder.
#[derive(Debug)]
pub struct FilesystemStore {
    layout: Layout,
    live: Arc<Live>,
    syncs: Arc<Semaphore>,
    /// Which opening of the store this is: what an earlier one wrote a power cut may have taken.
    opening: Uuid,
    /// Held while a probe runs, so that many at once do not fill the blocking threads.
    probing: Arc<Mutex<()>>,
    /// The same for probes that only read: one that cannot write yet must not hold them up.
    probing_reading: Arc<Mutex<()>>,
}

impl FilesystemStore {
    /// Opens the store in this folder, making what is missing of it. Blocks: call it at start-up.
    ///
    /// # Errors
    /// When a folder can't be made or made durable.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, StoreError> {
        let layout = Layout::new(root.as_ref());
        layout.create().map_err(attempted(format!(
            "made the folders of the store {}",
            layout.root().display()
        )))?;
        Ok(Self {
            layout,
            live: Arc::default(),
            syncs: Arc::new(Semaphore::new(BACKGROUND_SYNCS)),
            opening: Uuid::new_v4(),
            probing: Arc::default(),
            probing_reading: Arc::default(),
        })
    }

    /// Opens a store that must be there: one that is gone is not made anew, for its objects are missed. Blocks.
    ///
    /// # Errors
    /// When there is no such folder, or as [`FilesystemStore::open`].
    pub fn open_existing(root: impl AsRef<Path>) -> Result<Self, StoreError> {
        let layout = Layout::new(root.as_ref());
        layout.check().map_err(attempted(format!(
            "looked for the folders of the store {}",
            layout.root().display()
        )))?;
        Self::open(root)
    }

    /// Whether no object lies in it. Blocks.
    pub(crate) fn is_empty(&self) -> Result<bool, StoreError> {
        let mut listing = Listing::of(&self.layout);
        while let Some(objects) = listing.next_shard()? {
            if !objects.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Opens an object for the bytes from an offset on; what it has of them is cut away.
    async fn write_from(
        &self,
        key: &ObjectKey,
        offset: u64,
        standing: Standing,
    ) -> Result<Box<dyn BlobWriter>, StoreError> {
        let (layout, live, opening) = (self.layout.clone(), Arc::clone(&self.live), self.opening);
        let (syncs, key) = (Arc::clone(&self.syncs), key.clone());
        let (preparation, earlier) = blocking(move || {
            let file = open_for_writing(&layout, &key, offset).map_err(on_object("opened", &key))?;
            let shard = layout.shard(&key);
            let preparation = Preparation::new(key, file, shard, Arc::clone(&live), syncs);
            let earlier = live.enter(preparation.pipe());
            if earlier.is_empty() {
                cut(&preparation, &live, offset)?;
            }
            Ok((preparation, earlier))
        })
        .await?;
        if earlier.is_empty() {
            return Ok(Box::new(preparation.into_writer(offset, standing, opening)));
        }
        fence_all(earlier).await;
        let live = Arc::clone(&self.live);
        let writer: FileWriter = blocking(move || {
            cut(&preparation, &live, offset)?;
            Ok(preparation.into_writer(offset, standing, opening))
        })
        .await?;
        Ok(Box::new(writer))
    }

    /// Removes the folders of a store without objects; one that is not there is a success. Blocks.
    pub(crate) fn remove(root: &Path) -> Result<(), StoreError> {
        let layout = Layout::new(root);
        layout.remove().map_err(attempted(format!(
            "removed the folders of the store {}",
            root.display()
        )))
    }
}

#[async_trait]
impl Blobs for FilesystemStore {
    async fn begin(&self, key: &ObjectKey) -> Result<Box<dyn BlobWriter>, StoreError> {
        self.write_from(key, 0, Standing::Durable).await
    }

    async fn resume(&self, key: &ObjectKey, saved: &Checkpoint) -> Result<Box<dyn BlobWriter>, StoreError> {
        self.write_from(key, saved.offset, Standing::of(&saved.state)).await
    }

    async fn abandon(&self, key: &ObjectKey, _state: &[u8]) -> Result<(), StoreError> {
        self.delete(key).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        let (layout, key) = (self.layout.clone(), key.clone());
        blocking(move || {
            let path = layout.object(&key);
            let mut file = create(&path).map_err(on_object("made", &key))?;
            let stored = file
                .write_all(&bytes)
                .and_then(|()| sync_file(&file, &layout.shard(&key)));
            stored.map_err(|error| {
                // Room matters on a full disk, and the key may be tried again. Failing here changes nothing: the object
                // is inert without its row.
                let _ = std::fs::remove_file(&path);
                attempted(format!("wrote object {key}"))(error)
            })
        })
        .await
    }

    async fn open(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, StoreError> {
        let path = self.layout.object(key);
        let cold = match open_cached(&path, &range).map_err(on_object("opened", key))? {
            Some(Opened::Ready(content)) => return Ok(content),
            Some(Opened::Cold(file)) => Some(file),
            None => None,
        };
        let key = key.clone();
        blocking(move || {
            match cold {
                Some(file) => read_waiting(file, range),
                None => open_waiting(&path, range),
            }
            .map_err(on_object("opened", &key))
        })
        .await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.live.fence(key).await;
        let (layout, live, key) = (self.layout.clone(), Arc::clone(&self.live), key.clone());
        blocking(move || {
            // Not synced: what a power cut brings back is an object without a row, which costs room and nothing else.
            match std::fs::remove_file(layout.object(&key)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(on_object("deleted", &key)(error)),
                _ => {
                    live.forget_damage(&key);
                    Ok(())
                }
            }
        })
        .await
    }

    fn list(&self) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let shards = stream::try_unfold(Listing::of(&self.layout), |mut listing| {
            blocking(move || Ok(listing.next_shard()?.map(|objects| (objects, listing))))
        });
        shards
            .map_ok(|objects| stream::iter(objects.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    async fn written_at(&self, key: &ObjectKey) -> Result<Timestamp, StoreError> {
        let (path, key) = (self.layout.object(key), key.clone());
        blocking(move || {
            let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
            let modified = modified.map_err(on_object("looked at", &key))?;
            let micros = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
            Ok(Timestamp(i64::try_from(micros).unwrap_or(i64::MAX)))
        })
        .await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let turn = Arc::clone(&self.probing).lock_owned().await;
        let layout = self.layout.clone();
        blocking(move || {
            let probed = probe(&layout).map_err(attempted(format!(
                "proved that {} can be written and read",
                layout.root().display()
            )));
            drop(turn);
            probed
        })
        .await
    }

    async fn probe_reading(&self) -> Result<(), StoreError> {
        let turn = Arc::clone(&self.probing_reading).lock_owned().await;
        let layout = self.layout.clone();
        blocking(move || {
            let probed = layout.check().map_err(attempted(format!(
                "proved that {} can be read",
                layout.root().display()
            )));
            drop(turn);
            probed
        })
        .await
    }
}

/// Runs what may wait for the disk on a thread that may. Once started it runs to its end, even if nobody waits for it.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(source) => Err(StoreError::Failed {
            attempted: "ran work on a blocking thread".to_owned(),
            source: Box::new(source),
        }),
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}

/// Opens an object without changing it yet: its last writer may still be busy.
fn open_for_writing(layout: &Layout, key: &ObjectKey, offset: u64) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(offset == 0)
        .truncate(false)
        .mode(FILE_MODE)
        .open(layout.object(key))
}

/// Cuts an object to the length at which it goes on.
fn cut(preparation: &Preparation, live: &Live, offset: u64) -> Result<(), StoreError> {
    let key = preparation.pipe().key();
    let mut file = preparation.file();
    if offset > 0 {
        live.check_undamaged(key).map_err(on_object("opened", key))?;
    }
    let length = file.metadata().map_err(on_object("opened", key))?.len();
    if length < offset {
        return Err(on_object("opened", key)(io::Error::other(format!(
            "it has {length} bytes, fewer than the {offset} to go on from"
        ))));
    }
    if length > offset {
        file.set_len(offset).map_err(on_object("cut", key))?;
    }
    if offset > 0 {
        io::Seek::seek(&mut file, io::SeekFrom::Start(offset)).map_err(on_object("opened", key))?;
    } else {
        live.forget_damage(key);
    }
    Ok(())
}

fn probe(layout: &Layout) -> io::Result<()> {
    let path = layout.probe();
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(&path)?;
    file.write_all(PROBE)?;
    sync_file(&file, layout.root())?;
    let mut read = Vec::with_capacity(PROBE.len());
    File::open(&path)?.read_to_end(&mut read)?;
    std::fs::remove_file(&path)?;
    if read != PROBE {
        return Err(io::Error::other("what was read is not what was written"));
    }
    Ok(())
}
