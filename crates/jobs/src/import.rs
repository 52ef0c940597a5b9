//! Copies an image: all its blobs, then the manifests below it, then the image with its tags, so that nothing is half
//! visible. It goes through the same operations as a push; a blob that is there is not fetched again, so a second run goes
//! on where the first one ended.

mod progress;
mod source;
mod stop;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use holdfast_access::{
    ControlCaller, ControlGrant, Grant, RegistryId, action, control, decide_control, push_of_import,
};
use holdfast_arm::ResourceId;
use holdfast_content::{Error, Precondition, PutManifest};
use holdfast_model::{JobKind, JobRecord, ManifestContent, RegistryRecord};
use holdfast_oci::{Digest, Manifest, MediaType, Reference, RepositoryName, Tag, manifest, media_type::Kind};
use holdfast_resources::{Import, ImportFailure, ImportFailureKind, ImportJob, ImportTag};
use uuid::Uuid;

pub(crate) use progress::Progress;
use source::Source;
use stop::Stop;

use crate::{
    Runner,
    handler::{self, Handler, Limits, Work},
};

/// Manifests of one image (ACR: 50).
const MAX_MANIFESTS: usize = 50;
/// Bytes of all manifests of one image, which are held in memory.
const MAX_MANIFEST_BYTES: usize = 32 << 20;
/// Blobs of one image that are fetched at once.
const BLOBS_AT_ONCE: usize = 3;
/// Imports at work at once: they wait for others' registries, and deletions never wait for them.
const MAX_AT_ONCE: usize = 3;
/// Imports at work at once into one registry, so that no registry waits for all those of another.
const MAX_AT_ONCE_PER_REGISTRY: usize = 2;
/// Attempts before an import is given up.
const MAX_ATTEMPTS: u32 = 6;
/// Attempts at a source whose name leads to no address that may be asked: one more, since a resolver may stumble.
const MAX_NO_ADDRESS_ATTEMPTS: u32 = 2;
/// How long an import may take, pauses included.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// A manifest of the image.
struct Part {
    content: ManifestContent,
    manifest: Manifest,
}

/// An import, as it was asked for.
pub(crate) struct ImportImage(ImportJob);

impl Handler for ImportImage {
    const KIND: JobKind = JobKind::ImportImage;
    const LIMITS: Limits = Limits {
        at_once: MAX_AT_ONCE,
        at_once_per_scope: MAX_AT_ONCE_PER_REGISTRY,
        attempts: MAX_ATTEMPTS,
        age: MAX_AGE,
    };

    fn read(job: &JobRecord) -> Result<Self, handler::Stop> {
        let read = serde_json::from_str(&job.payload).map_err(Stop::unreadable);
        Ok(Self(read?))
    }

    async fn run(self, work: Work<'_>) -> Result<(), handler::Stop> {
        let attempts = work.job.attempts;
        match copy(self.0, work).await {
            Err(Stop::NoAddress(failure)) if attempts >= MAX_NO_ADDRESS_ATTEMPTS => Err(Stop::Failed(failure).into()),
            copied => Ok(copied?),
        }
    }

    fn attempt_limit(runner: &Runner) -> Option<Duration> {
        Some(runner.import_attempt_limit)
    }

    fn took_too_long(limit: Duration) -> String {
        let secs = limit.as_secs();
        told(
            ImportFailureKind::Source,
            format!("the image did not come within {secs} seconds"),
        )
    }

    fn unheard(attempts: u32) -> String {
        let message = format!("the import was begun {attempts} times and did not come to an end");
        told(ImportFailureKind::Internal, message)
    }
}

/// A failure as its row keeps it.
fn told(kind: ImportFailureKind, message: String) -> String {
    ImportFailure { kind, message }.to_json()
}

async fn copy(asked: ImportJob, work: Work<'_>) -> Result<(), Stop> {
    let Work { runner, job, progress } = work;
    let caller = caller(runner, &asked.actor).await?;
    let scope = job.scope.parse::<ResourceId>();
    let scope = scope.map_err(|error| Stop::failed(ImportFailureKind::Internal, &error.to_string()))?;
    let grant: ControlGrant<control::ImportImage> = decide_control(&caller, &scope).map_err(Stop::refused)?;
    let target = target(runner, job, RegistryId(asked.registry)).await?;
    let source = Source::open(runner, job, &asked.import, &caller, target.id).await?;
    copy_into(runner, &source, &grant, target.id, &asked.import, progress).await
}

async fn copy_into(
    runner: &Runner,
    source: &Source,
    grant: &ControlGrant<control::ImportImage>,
    target: RegistryId,
    import: &Import,
    progress: &Progress,
) -> Result<(), Stop> {
    let parts = gather(runner, source, &import.reference).await?;
    for (repository, tags) in targets(import) {
        let push = push_of_import(grant, target, &repository);
        copy_blobs(runner, source, &push, &parts, progress).await?;
        put_manifests(runner, &push, &parts, tags, import.is_forced).await?;
    }
    Ok(())
}

/// Who asked, with the roles of today.
async fn caller(runner: &Runner, actor: &str) -> Result<ControlCaller, Stop> {
    let gone = || {
        Stop::failed(
            ImportFailureKind::NotAllowed,
            "who asked for the import is not known any more",
        )
    };
    let id = actor
        .strip_prefix("principal:")
        .and_then(|id| Uuid::try_parse(id).ok())
        .ok_or_else(gone)?;
    let found = runner.sign_in.find_principal(id).await?.ok_or_else(gone)?;
    let actor = holdfast_access::Actor::Principal { id: id.to_string() };
    Ok(ControlCaller::new(actor, found.assignments))
}

/// The registry that it goes into, if it is still the one that was meant.
async fn target(runner: &Runner, job: &JobRecord, id: RegistryId) -> Result<RegistryRecord, Stop> {
    let found = find_registry(runner, &job.scope, id).await?;
    found.ok_or_else(|| Stop::Failed(ImportFailure::registry_deleted()))
}

/// The registry at a scope of ARM, if it is still the one of this id: its name may have another one by now.
async fn find_registry(runner: &Runner, scope: &str, id: RegistryId) -> Result<Option<RegistryRecord>, Stop> {
    let scope = ResourceId::parse(scope).ok();
    let Some(name) = scope.as_ref().and_then(ResourceId::registry) else {
        return Ok(None);
    };
    let found = runner.resources.find_registry(name).await?;
    Ok(found.filter(|registry| registry.id == id))
}

/// Every repository that gets the image, with the tags it gets there.
fn targets(import: &Import) -> BTreeMap<RepositoryName, Vec<Tag>> {
    let mut targets: BTreeMap<RepositoryName, Vec<Tag>> = BTreeMap::new();
    for repository in &import.untagged {
        targets.entry(repository.clone()).or_default();
    }
    for ImportTag { repository, tag } in &import.tags {
        let tags = targets.entry(repository.clone()).or_default();
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    targets
}

/// The image's manifests, each once, those that an index lists before the index; the image itself last.
async fn gather(runner: &Runner, source: &Source, reference: &Reference) -> Result<Vec<Part>, Stop> {
    let too_much = |what: String| Stop::failed(ImportFailureKind::Source, &what);
    let root = source.manifest(reference).await?;
    let root_digest = root.digest;
    let (mut read, mut open, mut done) = (HashMap::new(), HashSet::new(), HashSet::new());
    let mut total = 0;
    read.insert(root_digest, root);
    let (mut order, mut stack) = (Vec::new(), vec![root_digest]);
    let mut parts: HashMap<Digest, Part> = HashMap::new();
    // What the indexes above say of the types of what they list.
    let mut listed_as: HashMap<Digest, MediaType> = HashMap::new();
    while let Some(digest) = stack.pop() {
        if open.contains(&digest) {
            // All below it is done.
            if done.insert(digest) {
                order.push(digest);
            }
            continue;
        }
        if parts.len() >= MAX_MANIFESTS {
            return Err(too_much(format!("the image has more than {MAX_MANIFESTS} manifests")));
        }
        let mut content = match read.remove(&digest) {
            Some(content) => content,
            None => source.manifest(&Reference::Digest(digest)).await?,
        };
        total += content.bytes.len();
        if total > MAX_MANIFEST_BYTES {
            return Err(too_much(format!(
                "the image's manifests have more than {MAX_MANIFEST_BYTES} bytes"
            )));
        }
        let declared = manifest_type(&content.media_type).or_else(|| listed_as.get(&digest).cloned());
        let parsed = runner.content.parse_manifest(declared, content.bytes.clone()).await;
        let manifest = parsed.map_err(|error| unreadable(error, digest, root_digest, reference))?;
        content.media_type = manifest.media_type().to_string();
        let mut children = Vec::new();
        for child in manifest.children().iter().filter(|child| child.is_manifest()) {
            children.push(child.digest);
            listed_as.extend(manifest_type(&child.media_type).map(|media_type| (child.digest, media_type)));
        }
        if children.len() > MAX_MANIFESTS {
            return Err(too_much(format!("the image has more than {MAX_MANIFESTS} manifests")));
        }
        open.insert(digest);
        parts.insert(digest, Part { content, manifest });
        stack.push(digest);
        stack.extend(children.into_iter().filter(|child| !open.contains(child)));
    }
    Ok(order.iter().filter_map(|digest| parts.remove(digest)).collect())
}

/// A `Content-Type` that says which manifest it is. Servers of files say `application/octet-stream` or `text/plain`: that
/// says nothing, and the manifest's own `mediaType` counts.
fn manifest_type(text: &str) -> Option<MediaType> {
    let media_type: MediaType = text.parse().ok()?;
    (media_type.kind() != Kind::Other).then_some(media_type)
}

/// The error of a manifest that cannot be read, which says which one it was.
fn unreadable(error: Error, digest: Digest, root: Digest, reference: &Reference) -> Stop {
    let Error::ManifestInvalid(source) = error else {
        return error.into();
    };
    let part_of = if digest == root { "" } else { ", of the image" };
    let why = match &source {
        manifest::Error::MediaTypeMissing => "its registry names no media type for it, and it names none".to_owned(),
        other => other.to_string(),
    };
    let message = format!("manifest {digest}{part_of} {reference}: {why}");
    Stop::failed(ImportFailureKind::Source, &message)
}

/// Every blob that the manifests need and the repository does not have.
async fn copy_blobs(
    runner: &Runner,
    source: &Source,
    push: &Grant<action::Push>,
    parts: &[Part],
    progress: &Progress,
) -> Result<(), Stop> {
    let mut seen = HashSet::new();
    let listed = |part: &'_ Part| {
        let blobs = part.manifest.children().iter().filter(|child| !child.is_manifest());
        blobs.map(|blob| (blob.digest, blob.size)).collect::<Vec<_>>()
    };
    let needed = parts
        .iter()
        .flat_map(|part| part.manifest.required_blobs().chain(listed(part)));
    let needed: Vec<(Digest, Option<u64>)> = needed.filter(|(digest, _)| seen.insert(*digest)).collect();
    progress.expect(&needed);
    stream::iter(needed)
        .map(Ok)
        .try_for_each_concurrent(BLOBS_AT_ONCE, |(digest, size)| async move {
            if !runner.resources.keep_blob(push, &digest).await? {
                source.copy_blob(runner, push, digest, size, progress).await?;
            }
            progress.has_blob();
            Ok(())
        })
        .await
}

/// The manifests, the image with its tags last.
async fn put_manifests(
    runner: &Runner,
    push: &Grant<action::Push>,
    parts: &[Part],
    tags: Vec<Tag>,
    is_forced: bool,
) -> Result<(), Stop> {
    let Some((root, below)) = parts.split_last() else {
        return Ok(());
    };
    let put = |part: &Part, tags: Vec<Tag>, precondition| PutManifest {
        reference: Reference::Digest(part.content.digest),
        tags,
        media_type: part.content.media_type.parse().ok(),
        bytes: part.content.bytes.clone(),
        precondition,
    };
    for part in below {
        runner.content.put_manifest(push, put(part, Vec::new(), None)).await?;
    }
    let precondition = (!is_forced && !tags.is_empty()).then_some(Precondition::Absent);
    let digest = root.content.digest;
    match runner.content.put_manifest(push, put(root, tags, precondition)).await {
        // An earlier attempt came this far, and did not live to say so.
        Err(Error::PreconditionFailed { found: Some(found), .. }) if found == digest => Ok(()),
        Err(Error::PreconditionFailed { reference, .. }) => {
            let repository = push.repository();
            let what = format!("Tag {repository}:{reference} already exists in target registry");
            Err(Stop::failed(ImportFailureKind::Conflict, &what))
        }
        pushed => Ok(pushed.map(drop)?),
    }
}
