//! Uploads that are one stream (Google's resumable sessions): it cannot be wound back, takes from whoever knows its address,
//! and says nothing about whose bytes it has. So two writers that go on from one checkpoint must never both go on with it.
//! Where it was saved, the right to go on from there is a small object beside that can be made but once; who comes second
//! is told that the upload is gone. The same happens to one who comes after a writer that died with this right: the client
//! begins that upload anew. It refuses to know what is asked of a store.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use holdfast_model::ObjectKey;

use super::{
    bucket::Condition,
    payload::Payload,
    refusal::{Meaning, Refusal},
    store::{Shared, in_background},
};

impl Shared {
    /// What the right to go on with a stream from a place lies under. It tells nobody the address of the stream.
    pub(super) fn name_of_claim(&self, key: &ObjectKey, upload: &str, at: u64) -> String {
        let hash = digest(&SHA256, upload.as_bytes());
        let stream: String = hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        self.names.beside(key, &format!("{stream}-{at:x}"))
    }

    /// Takes the right that lies under a name for a writer.
    pub(super) async fn claim(&self, name: &str, writer: &str) -> Result<(), Refusal> {
        let payload = Payload::from(Bytes::from(writer.to_owned()));
        match self.bucket.put(name, payload, Condition::Absent).await {
            Err(refusal) if refusal.meaning() == Meaning::Exists => {}
            put => return put,
        }
        // It may be ours, and the answer was lost.
        match self.bucket.get_small(name).await? == writer {
            true => Ok(()),
            false => Err(Refusal::Overtaken),
        }
    }

    /// Removes in the background all that lies beside a complete object. What stays because of a failure goes with the
    /// object.
    pub(super) fn sweep(self: &Arc<Self>, key: &ObjectKey) {
        let (shared, key) = (Arc::clone(self), key.clone());
        in_background(async move {
            let name = shared.names.object(&key);
            let swept = async {
                for entry in shared.entries(&key).await? {
                    if entry.name != name {
                        shared.bucket.delete(&entry.name).await?;
                    }
                }
                Ok::<_, Refusal>(())
            };
            if let Err(error) = swept.await {
                tracing::debug!(name, %error, "what lies beside an object stays for now");
            }
        });
    }
}
