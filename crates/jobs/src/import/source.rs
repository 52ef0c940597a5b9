//! Where an image comes from: a registry of this server, whose bytes are linked where both keep them in one storage
//! account, or any other registry, which is asked through the one way out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use holdfast_access::{ControlCaller, Grant, RegistryId, action};
use holdfast_client::registry::{Blob, Client, Credentials};
use holdfast_content::{Body, Repositories};
use holdfast_model::{Content, JobRecord, ManifestContent, ReceiveError};
use holdfast_oci::{Digest, Reference};
use holdfast_resources::{Import, ImportError, ImportFailureKind, ImportSource, NewImportSource, decide_pull};

use super::{Progress, Stop, find_registry};
use crate::Runner;

/// Bytes of a blob of this server that are read in one step at most.
const PIECE_BYTES: u64 = 1 << 20;

/// Where an image comes from.
pub(super) enum Source {
    /// A registry of this server.
    Here {
        repositories: Arc<Repositories>,
        pull: Grant<action::Pull>,
    },
    /// Any registry.
    Elsewhere(Box<Client>),
}

impl Source {
    /// Opens what was asked for; rights are those of today.
    pub(super) async fn open(
        runner: &Runner,
        job: &JobRecord,
        import: &Import,
        caller: &ControlCaller,
        target: RegistryId,
    ) -> Result<Self, Stop> {
        match &import.source {
            ImportSource::Registry { id, scope } => {
                let pull = pull(runner, (RegistryId(*id), scope), import, caller, target).await?;
                Ok(Self::Here {
                    repositories: Arc::clone(runner.content.repositories()),
                    pull,
                })
            }
            ImportSource::Upstream { host, username } => {
                let credentials = match &job.sealed {
                    Some(sealed) => {
                        let opened = runner.sealer.open(sealed, &NewImportSource::secret_context(host));
                        let password = opened.map_err(|error| {
                            tracing::error!(error = %error, "an import's credentials cannot be read");
                            Stop::failed(ImportFailureKind::Internal, "the credentials cannot be read any more")
                        })?;
                        Some(Credentials {
                            username: username.clone(),
                            password,
                        })
                    }
                    None => None,
                };
                let outgoing = runner.outgoing.clone();
                let client = Client::new(outgoing, host.as_str(), &import.repository, credentials)?;
                Ok(Self::Elsewhere(Box::new(client)))
            }
        }
    }

    /// A manifest, its digest proven.
    pub(super) async fn manifest(&self, reference: &Reference) -> Result<ManifestContent, Stop> {
        match self {
            Self::Here { repositories, pull } => Ok(repositories.load_manifest(pull, reference).await?),
            Self::Elsewhere(client) => {
                let fetched = client.manifest(reference).await?;
                let media_type = fetched.media_type.unwrap_or_default();
                Ok(ManifestContent {
                    digest: fetched.digest,
                    media_type,
                    bytes: fetched.bytes,
                })
            }
        }
    }

    /// Brings a blob into the repository, its digest proven.
    pub(super) async fn copy_blob(
        &self,
        runner: &Runner,
        push: &Grant<action::Push>,
        digest: Digest,
        size: Option<u64>,
        progress: &Progress,
    ) -> Result<(), Stop> {
        let came = |piece: &Bytes| progress.came(piece.len());
        match self {
            Self::Here { repositories, pull } => {
                if repositories.mount_blob(push, pull, &digest).await?.is_some() {
                    return Ok(());
                }
                let blob = repositories.load_blob(pull, &digest).await?;
                let content = repositories.open_blob(pull, &blob, 0..blob.size_bytes).await?;
                let body = Body {
                    length: Some(blob.size_bytes),
                    chunks: pieces(content),
                };
                Ok(runner.content.upload_whole(push, &digest, body).await?)
            }
            Self::Elsewhere(client) => {
                let blob = client.blob(digest, size);
                // The pieces are counted before they go into the body, which outlives no borrow.
                let (sender, receiver) = tokio::sync::mpsc::channel(1);
                let chunks = stream::unfold(receiver, |mut receiver| async move {
                    receiver.recv().await.map(|piece| (piece, receiver))
                });
                let body = Body {
                    length: size,
                    chunks: Box::pin(chunks),
                };
                let (uploaded, ()) = tokio::join!(
                    runner.content.upload_whole(push, &digest, body),
                    feed(blob, sender, came)
                );
                Ok(uploaded?)
            }
        }
    }
}

/// Hands a blob on, piece by piece, until it ends or nobody takes it any more.
async fn feed(mut blob: Blob, sender: tokio::sync::mpsc::Sender<Result<Bytes, ReceiveError>>, came: impl Fn(&Bytes)) {
    loop {
        let piece = match blob.next().await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return,
            Err(error) => Err(ReceiveError::Disconnected {
                source: Box::new(error),
            }),
        };
        if let Ok(piece) = &piece {
            came(piece);
        }
        let is_last = piece.is_err();
        if sender.send(piece).await.is_err() || is_last {
            return;
        }
    }
}

/// Proof that the caller may pull there, and that its images may leave it, today.
async fn pull(
    runner: &Runner,
    (id, scope): (RegistryId, &str),
    import: &Import,
    caller: &ControlCaller,
    target: RegistryId,
) -> Result<Grant<action::Pull>, Stop> {
    let source = find_registry(runner, scope, id).await?;
    let source = source.ok_or_else(Stop::source_gone)?;
    if !source.allow_export && source.id != target {
        let refusal = ImportError::ExportDisabled { name: source.name };
        return Err(Stop::failed(ImportFailureKind::NotAllowed, &refusal.to_string()));
    }
    let refused = || {
        Stop::failed(
            ImportFailureKind::NotAllowed,
            "the right to pull the source image was taken away",
        )
    };
    decide_pull(caller, &source, &import.repository).ok_or_else(refused)
}

/// A blob as the pieces of a body.
fn pieces(content: Content) -> BoxStream<'static, Result<Bytes, ReceiveError>> {
    let disconnected = |error| ReceiveError::Disconnected {
        source: Box::new(error),
    };
    content.into_stream(PIECE_BYTES).map_err(disconnected).boxed()
}
