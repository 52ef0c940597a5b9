//! Imports: asked for under a grant, kept as a job, and the pieces that its body is made of. It refuses to know how an
//! image is fetched; that is the job's.

use holdfast_content::limits::MAX_TAGS_PER_PUSH;
use std::fmt::Display;
use std::str::FromStr;

use holdfast_access::{ControlGrant, ControlReach, Grant, RegistryId, action, control};
use holdfast_oci::{Digest, Reference, RegistryHost, RepositoryName, Tag};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod error;
mod source;

use crate::{Error, Resources, limits::MAX_OPEN_IMPORTS, registry::load_at};
pub use error::Error as ImportError;
use holdfast_model::{Candidate, Durability, JobId, JobKind, JobRecord, MetadataExt, StorageError, Tx};
pub use source::decide_pull;

/// What an import was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Where the image comes from.
    pub source: ImportSource,
    /// Its repository there.
    #[serde(with = "text")]
    pub repository: RepositoryName,
    /// Its tag or digest there.
    #[serde(with = "text")]
    pub reference: Reference,
    /// The tags it gets here.
    pub tags: Vec<ImportTag>,
    /// Repositories that get it without a tag.
    #[serde(with = "texts")]
    pub untagged: Vec<RepositoryName>,
    /// Whether a tag that is there moves (ACR: `Force`).
    pub is_forced: bool,
}

/// An import, as it is asked for.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// Where the image comes from.
    pub source: NewImportSource,
    /// Its tag or digest there.
    pub reference: Reference,
    /// The tags it gets here.
    pub tags: Vec<ImportTag>,
    /// Repositories that get it without a tag.
    pub untagged: Vec<RepositoryName>,
    /// Whether a tag that is there moves.
    pub is_forced: bool,
}

/// Where the image of a new import comes from, with the right to it.
#[derive(Debug, Clone)]
pub enum NewImportSource {
    /// The repository of a registry of this server that the caller may pull.
    Registry {
        /// The proof of it.
        pull: Grant<action::Pull>,
        /// See [`holdfast_model::RegistryRecord::scope`].
        scope: String,
    },
    /// A repository of any registry.
    Upstream {
        /// Its host, with a port if need be.
        host: RegistryHost,
        /// The name of the repository there.
        repository: RepositoryName,
        /// The user name, if one was given.
        username: Option<String>,
        /// The password, if one was given, sealed for [`NewImportSource::secret_context`].
        password: Option<Vec<u8>>,
    },
}

impl NewImportSource {
    /// What a password for a host is sealed for, so that it opens for no other.
    #[must_use]
    pub fn secret_context(host: &RegistryHost) -> String {
        format!("import/{host}")
    }
}

impl NewImport {
    /// What the job keeps in its payload, and what it keeps sealed.
    fn split(self) -> (Import, Option<Vec<u8>>) {
        let (source, repository, password) = match self.source {
            NewImportSource::Registry { pull, scope } => {
                let id = pull.registry().0;
                (ImportSource::Registry { id, scope }, pull.repository().clone(), None)
            }
            NewImportSource::Upstream {
                host,
                repository,
                username,
                password,
            } => (ImportSource::Upstream { host, username }, repository, password),
        };
        let import = Import {
            source,
            repository,
            reference: self.reference,
            tags: self.tags,
            untagged: self.untagged,
            is_forced: self.is_forced,
        };
        (import, password)
    }
}

/// A tag that an image gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportTag {
    /// In which repository.
    #[serde(with = "text")]
    pub repository: RepositoryName,
    /// The tag.
    #[serde(with = "text")]
    pub tag: Tag,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportSource {
    /// A registry of this server: its row and its id in ARM, in lower case.
    Registry {
        /// See [`RegistryId`].
        id: i64,
        /// See [`holdfast_model::RegistryRecord::scope`].
        scope: String,
    },
    /// Any registry: its host, with a port if need be, and the name that goes with the job's secret.
    Upstream {
        /// The host.
        #[serde(with = "text")]
        host: RegistryHost,
        /// The user name, if one was given.
        username: Option<String>,
    },
}

/// An import as its job keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportJob {
    /// The row of the registry it goes into.
    pub registry: i64,
    /// Who asked ([`holdfast_access::Actor::key`]).
    pub actor: String,
    /// What was asked for.
    pub import: Import,
}

/// Why an import was given up, as its job keeps it for whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportFailure {
    /// What kind of failure it is.
    pub kind: ImportFailureKind,
    /// For people.
    pub message: String,
}

/// What kind of failure ended an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportFailureKind {
    /// A tag is there already, or locked.
    Conflict,
    /// Who asked may not, or not any more.
    NotAllowed,
    /// The image, or where it comes from, cannot be had.
    Source,
    /// The registry that it goes into is gone.
    TargetGone,
    /// Something here failed.
    Internal,
}

impl ImportFailure {
    /// The registry was deleted meanwhile.
    #[must_use]
    pub fn registry_deleted() -> Self {
        Self {
            kind: ImportFailureKind::TargetGone,
            message: "the registry was deleted while the image was imported".to_owned(),
        }
    }

    /// As a job's row holds it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a kind and a text serialise")
    }

    /// The failure of a job that ended; one that cannot be read is an internal one.
    #[must_use]
    pub fn of(job: &JobRecord) -> Self {
        let stored = job.last_error.as_deref().unwrap_or_default();
        serde_json::from_str(stored).unwrap_or_else(|_| Self {
            kind: ImportFailureKind::Internal,
            message: "the import failed".to_owned(),
        })
    }
}

impl Resources {
    /// Asks for an import into the registry that the grant is for. Gives the job and the location of the registry.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Import`], [`Error::Storage`].
    pub async fn ask_for_import(
        &self,
        grant: &ControlGrant<control::ImportImage>,
        new: NewImport,
    ) -> Result<(JobId, String), Error> {
        let (import, sealed) = new.split();
        let count = import.tags.len() + import.untagged.len();
        if count > MAX_TAGS_PER_PUSH {
            let limit = MAX_TAGS_PER_PUSH;
            return Err(ImportError::TooManyTags { count, limit }.into());
        }
        let (scope, actor) = (grant.scope().clone(), grant.actor().key());
        let (now, id) = (self.clock.now(), JobId(self.ids.uuid()));
        let location = self
            .metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_at(tx, &scope)?;
                if tx
                    .list_open_jobs(JobKind::ImportImage, scope.key(), MAX_OPEN_IMPORTS)?
                    .len()
                    >= MAX_OPEN_IMPORTS
                {
                    let limit = MAX_OPEN_IMPORTS;
                    return Err(Error::from(ImportError::TooManyImports { limit }));
                }
                if let ImportSource::Registry { id, .. } = &import.source {
                    refuse_if_kept_in(tx, RegistryId(*id), registry.id)?;
                }
                if !import.is_forced {
                    refuse_if_tagged(tx, registry.id, &import.tags)?;
                }
                let job = ImportJob {
                    registry: registry.id.0,
                    actor: actor.clone(),
                    import: import.clone(),
                };
                let payload = serde_json::to_string(&job).expect("names and texts serialise");
                let job = JobRecord {
                    sealed: sealed.clone(),
                    ..JobRecord::new(id, JobKind::ImportImage, scope.key().to_owned(), payload, now)
                };
                tx.insert_job(&job)?;
                Ok(registry.location)
            })
            .await?;
        self.jobs.notify_one();
        Ok((id, location))
    }

    /// An import by its id, if the caller may import where it goes.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_import(
        &self,
        reach: &ControlReach<control::ImportImage>,
        id: JobId,
    ) -> Result<Option<JobRecord>, StorageError> {
        let found = self.metadata.query(move |read| read.find_job(id)).await?;
        Ok(found.filter(|job| job.kind == JobKind::ImportImage && reach.covers(&job.scope)))
    }

    /// Whether the repository has a blob; one that waits for the collector waits anew, since a manifest that needs it is
    /// on its way.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn keep_blob(&self, grant: &Grant<action::Push>, digest: &Digest) -> Result<bool, StorageError> {
        let (registry, name, digest) = (grant.registry(), grant.repository().clone(), *digest);
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Relaxed, move |tx| {
                let Some(repository) = tx.find_repository(registry, &name)? else {
                    return Ok(false);
                };
                if tx.find_linked_blob(repository.id, &digest)?.is_none() {
                    return Ok(false);
                }
                let candidate = Candidate::BlobLink {
                    repository: repository.id,
                    digest,
                };
                if tx.find_candidate(&candidate)?.is_some() {
                    tx.queue_candidate(&candidate, now)?;
                }
                Ok(true)
            })
            .await
    }
}

/// A registry whose export policy is disabled keeps its images to itself.
fn refuse_if_kept_in(tx: &mut dyn Tx, source: RegistryId, target: RegistryId) -> Result<(), Error> {
    match tx.find_registry(source)? {
        Some(source) if !source.allow_export && source.id != target => {
            Err(ImportError::ExportDisabled { name: source.name }.into())
        }
        _ => Ok(()),
    }
}

fn refuse_if_tagged(tx: &mut dyn Tx, registry: RegistryId, tags: &[ImportTag]) -> Result<(), Error> {
    for ImportTag { repository, tag } in tags {
        let found = match tx.find_repository(registry, repository)? {
            Some(record) => tx.find_tag(record.id, tag)?,
            None => None,
        };
        if found.is_some() {
            let (repository, tag) = (repository.clone(), tag.clone());
            return Err(ImportError::TagExists { repository, tag }.into());
        }
    }
    Ok(())
}

/// Words as texts.
mod text {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(word: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(word)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Lists of words as lists of texts.
mod texts {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(words: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(words.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts
            .iter()
            .map(|text| text.parse().map_err(de::Error::custom))
            .collect()
    }
}
