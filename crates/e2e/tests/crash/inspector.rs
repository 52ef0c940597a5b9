//! Looks at everything that a ledger knows of, through the same API as any client, and hashes each byte itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use holdfast_e2e::http::Response;
use holdfast_e2e::{Connection, image};
use serde_json::Value;

use crate::ledger::{Content, Ledger, Thing, World, blobs};
use crate::writer::{SHARED, SharedWrite};

/// Everything is asked for in one page.
const PAGE: usize = 1000;

/// A client that only reads.
pub(crate) struct Inspector {
    connection: Connection,
    seen: World,
    complaints: Vec<String>,
}

/// What there is, and what is wrong with it by itself.
pub(crate) type Inspection = (World, Vec<String>);

/// Looks at the repositories of a ledger.
pub(crate) fn inspect(connection: Connection, ledger: &Ledger) -> io::Result<Inspection> {
    let mut inspector = Inspector {
        connection,
        seen: World::new(),
        complaints: Vec::new(),
    };
    for repository in &ledger.repositories {
        inspector.look_at(repository)?;
    }
    for thing in ledger.known() {
        if let Thing::Blob { repository, digest } = thing {
            inspector.blob(&repository, &digest)?;
        }
    }
    Ok((inspector.seen, inspector.complaints))
}

/// Looks at the repository that all write to: nothing acknowledged is lost, and the tag stands where a last writer put
/// it.
pub(crate) fn inspect_shared(connection: Connection, writes: &[SharedWrite]) -> io::Result<Vec<String>> {
    let mut inspector = Inspector {
        connection,
        seen: World::new(),
        complaints: Vec::new(),
    };
    inspector.look_at(SHARED)?;
    let mut complaints = inspector.complaints;
    for write in writes.iter().filter(|write| write.ended.is_some()) {
        if inspector.seen.get(&Thing::manifest(SHARED, &write.digest)) != Some(&write.manifest) {
            complaints.push(format!("acknowledged, but lost: {}", write.digest));
        }
    }
    let tag = inspector.seen.get(&Thing::tag(SHARED, "latest"));
    let tag = tag.map(|digest| String::from_utf8_lossy(digest).into_owned());
    let last = writes.iter().find(|write| Some(&write.digest) == tag.as_ref());
    let overtaken = |by: &&SharedWrite| match last {
        // Whoever began after its end, and was heard, came later.
        Some(last) => by.ended.is_some() && last.ended.is_some_and(|ended| by.begun > ended),
        None => by.ended.is_some(),
    };
    if let Some(later) = writes.iter().find(overtaken) {
        complaints.push(format!(
            "the shared tag is {tag:?}, but {} was acknowledged later",
            later.digest
        ));
    }
    Ok(complaints)
}

impl Inspector {
    fn get(&mut self, path: &str) -> io::Result<Response> {
        self.connection.ask("GET", path, &[], b"")
    }

    /// The names in a list; none when there is no repository.
    fn names(&mut self, path: &str, list: &str, field: Option<&str>) -> io::Result<BTreeSet<String>> {
        let answer = self.get(&format!("{path}?n={PAGE}"))?;
        if answer.status == 404 {
            return Ok(BTreeSet::new());
        }
        if answer.status != 200 || answer.header("link").is_some() {
            self.complaints
                .push(format!("{path} cannot be listed: {}", answer.status));
            return Ok(BTreeSet::new());
        }
        let body = answer.json();
        let values = body[list].as_array().cloned().unwrap_or_default();
        let name = |value: &Value| field.map_or(value, |field| &value[field]).as_str().map(str::to_owned);
        Ok(values.iter().filter_map(name).collect())
    }

    fn look_at(&mut self, repository: &str) -> io::Result<()> {
        let tags = self.names(&format!("/v2/{repository}/tags/list"), "tags", None)?;
        let manifests = self.names(&format!("/acr/v1/{repository}/_manifests"), "manifests", Some("digest"))?;
        let mut contents: BTreeMap<String, Content> = BTreeMap::new();
        for digest in manifests {
            if let Some(content) = self.manifest(repository, &digest)? {
                contents.insert(digest.clone(), Arc::clone(&content));
                self.seen.insert(Thing::manifest(repository, &digest), content);
            }
        }
        for tag in tags {
            let Some(content) = self.manifest(repository, &tag)? else {
                continue;
            };
            let digest = image::digest(&content);
            if contents.get(&digest) != Some(&content) {
                self.complaints
                    .push(format!("tag {tag} of {repository} gives {digest}, which is not listed"));
            }
            self.seen
                .insert(Thing::tag(repository, &tag), Arc::new(digest.into_bytes()));
        }
        for (digest, content) in &contents {
            for blob in blobs(content) {
                if !self.blob(repository, &blob)? {
                    self.complaints
                        .push(format!("half an image: {digest} in {repository} lacks blob {blob}"));
                }
            }
        }
        Ok(())
    }

    /// The bytes of a manifest that is listed.
    fn manifest(&mut self, repository: &str, reference: &str) -> io::Result<Option<Content>> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let answer = self.get(&path)?;
        if answer.status != 200 {
            self.complaints
                .push(format!("listed, but not there: {path}: {}", answer.status));
            return Ok(None);
        }
        let digest = image::digest(&answer.body);
        let is_right = answer.header("docker-content-digest") == Some(digest.as_str());
        if !is_right || (reference.contains(':') && reference != digest) {
            self.complaints.push(format!("damaged: {path} has {digest}"));
            return Ok(None);
        }
        Ok(Some(Arc::new(answer.body)))
    }

    /// Whether a blob is there; its bytes are compared with its digest.
    fn blob(&mut self, repository: &str, digest: &str) -> io::Result<bool> {
        let thing = Thing::blob(repository, digest);
        if self.seen.contains_key(&thing) {
            return Ok(true);
        }
        let path = format!("/v2/{repository}/blobs/{digest}");
        let answer = self.get(&path)?;
        match answer.status {
            200 if image::digest(&answer.body) == digest => {
                self.seen.insert(thing, Arc::new(answer.body));
                return Ok(true);
            }
            200 => self
                .complaints
                .push(format!("damaged: {path} has {}", image::digest(&answer.body))),
            404 => {}
            status => self.complaints.push(format!("unreadable: {path}: {status}")),
        }
        Ok(false)
    }
}
