//! A client that pushes, tags, mounts and deletes without end, and keeps a ledger of what it was told.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use holdfast_e2e::http::Response;
use holdfast_e2e::{Connection, Random, image};
use serde_json::{Value, json};

use crate::ledger::{Content, Ledger, Session, Thing};

/// The largest blob that lies in the database.
pub(crate) const ROW_BLOB_BYTES: usize = 16 << 10;
/// The repository that all writers push to.
pub(crate) const SHARED: &str = "crash/shared";
/// Contents that several writers push, also at the same moment.
const COMMON_CONTENTS: usize = 12;
/// Uploads that a writer leaves open in one round.
const LEFT_OPEN: usize = 3;

/// One write to the shared tag: what, from when, and until when if that was heard.
#[derive(Debug, Clone)]
pub(crate) struct SharedWrite {
    pub(crate) digest: String,
    pub(crate) manifest: Content,
    pub(crate) begun: Instant,
    pub(crate) ended: Option<Instant>,
}

/// What writers have in common.
#[derive(Debug, Default)]
pub(crate) struct Common {
    pub(crate) is_killed: AtomicBool,
    pub(crate) shared: Mutex<Vec<SharedWrite>>,
}

impl Common {
    pub(crate) fn shared(&self) -> Vec<SharedWrite> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A client.
pub(crate) struct Writer<'c> {
    random: Random,
    connection: Connection,
    common: &'c Common,
    pub(crate) ledger: Ledger,
}

impl<'c> Writer<'c> {
    pub(crate) fn new(connection: Connection, random: Random, ledger: Ledger, common: &'c Common) -> Self {
        Self {
            random,
            connection,
            common,
            ledger,
        }
    }

    /// Works until the server is killed, and gives what it knows then.
    pub(crate) fn work(mut self) -> Ledger {
        loop {
            if self.step().is_break() {
                return self.ledger;
            }
        }
    }

    /// Does one thing; breaks off when the server was killed.
    pub(crate) fn step(&mut self) -> ControlFlow<()> {
        match self.act() {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                let is_killed = self.common.is_killed.load(Ordering::SeqCst);
                assert!(is_killed, "the connection broke, but nobody killed the server: {error}");
                ControlFlow::Break(())
            }
        }
    }

    fn act(&mut self) -> io::Result<()> {
        let repository = self.random.pick(&self.ledger.repositories.clone()).cloned();
        let repository = repository.expect("a writer has repositories");
        match self.random.below(100) {
            0..40 => self.push_image(&repository),
            40..52 => self.push_again(&repository),
            52..60 => self.push_index(&repository),
            60..66 => self.push_referrer(&repository),
            66..74 => self.delete_tag(&repository),
            74..82 => self.delete_manifest(&repository),
            82..87 => self.delete_blob(&repository),
            87..92 => self.leave_upload(&repository),
            92..93 => self.delete_repository(&repository),
            _ => self.push_shared(),
        }
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Response> {
        self.connection.ask(method, path, &[], body)
    }

    fn content(&mut self) -> Content {
        let count = match self.random.below(100) {
            0..60 => 1 + self.random.below(4 << 10),
            // What just is a row, and what just is none.
            60..70 => ROW_BLOB_BYTES + self.random.below(2),
            70..95 => 1 + self.random.below(200 << 10),
            _ => 1 + self.random.below(2 << 20),
        };
        if self.random.below(4) == 0 {
            let seed = self.random.below(COMMON_CONTENTS);
            return Arc::new(Random::new(seed as u64).bytes(100 + seed * 7_000));
        }
        Arc::new(self.random.bytes(count))
    }

    fn tag(&mut self) -> String {
        format!("v{}", self.random.below(12))
    }

    fn push_image(&mut self, repository: &str) -> io::Result<()> {
        let mut layers = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let content = self.blob(repository)?;
            layers.push(image::descriptor(image::LAYER, &content));
        }
        let config = json!({"os": "linux", "architecture": "amd64", "nonce": self.random.number()});
        let config = Arc::new(config.to_string().into_bytes());
        self.push_blob(repository, &config)?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": image::MANIFEST,
            "config": image::descriptor(image::CONFIG, &config), "layers": layers,
        });
        let tags: Vec<String> = (0..self.random.below(4)).map(|_| self.tag()).collect();
        self.put_manifest(repository, &manifest, tags)
    }

    /// A blob that is in the repository afterwards.
    fn blob(&mut self, repository: &str) -> io::Result<Content> {
        let others = self
            .ledger
            .repositories
            .iter()
            .filter(|other| *other != repository)
            .cloned();
        let others: Vec<String> = others.collect();
        if self.random.below(4) == 0
            && let Some(other) = self.random.pick(&others)
            && let Some(digest) = self.random.pick(&self.ledger.blobs(other, true))
        {
            return self.mount(repository, other, digest);
        }
        let content = self.content();
        self.push_blob(repository, &content)?;
        Ok(content)
    }

    fn mount(&mut self, repository: &str, other: &str, digest: &str) -> io::Result<Content> {
        let content = Arc::clone(&self.ledger.world[&Thing::blob(other, digest)]);
        let thing = Thing::blob(repository, digest);
        let what = format!("mount {digest} from {other} in {repository}");
        self.ledger.attempt(what, vec![(thing, Some(Arc::clone(&content)))]);
        let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={other}");
        let answer = self.ask("POST", &path, b"")?;
        expect(&answer, 201, &path);
        self.ledger.acknowledged();
        Ok(content)
    }

    fn push_blob(&mut self, repository: &str, content: &Content) -> io::Result<()> {
        let digest = image::digest(content);
        let set = vec![(Thing::blob(repository, &digest), Some(Arc::clone(content)))];
        if self.random.below(4) == 0 {
            self.ledger.attempt(format!("POST {digest} to {repository}"), set);
            let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
            let answer = self.ask("POST", &path, content)?;
            expect(&answer, 201, &path);
            self.ledger.acknowledged();
            return Ok(());
        }
        let before_last = if self.random.below(2) == 0 {
            0
        } else {
            self.random.below(content.len() + 1)
        };
        self.begin_upload(repository, content, before_last)?;
        self.ledger.attempt(format!("upload {digest} to {repository}"), set);
        let session = self.ledger.sessions.last_mut().expect("an upload was begun");
        session.is_finishing = true;
        let path = format!("{}?digest={digest}", session.location);
        let answer = self.ask("PUT", &path, &content[before_last..])?;
        expect(&answer, 201, &path);
        self.ledger.sessions.pop();
        self.ledger.acknowledged();
        Ok(())
    }

    /// Starts a session and sends the first bytes, in chunks or streamed; it is the ledger's last one then.
    fn begin_upload(&mut self, repository: &str, content: &Content, bytes: usize) -> io::Result<()> {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let answer = self.ask("POST", &path, b"")?;
        expect(&answer, 202, &path);
        let location = answer.header("location").expect("an upload has a location").to_owned();
        self.ledger.sessions.push(Session {
            repository: repository.to_owned(),
            location: location.clone(),
            content: Arc::clone(content),
            acknowledged: 0,
            is_finishing: false,
        });
        let mut sent = 0;
        while sent < bytes {
            let end = if self.random.below(3) == 0 {
                sent + 1 + self.random.below(bytes - sent)
            } else {
                bytes
            };
            let chunk = &content[sent..end];
            let answer = if self.random.below(2) == 0 {
                let (one, two) = chunk.split_at(chunk.len() / 2);
                self.connection.ask_chunked("PATCH", &location, &[one, two])?
            } else {
                let range = format!("{sent}-{}", end - 1);
                self.connection
                    .ask("PATCH", &location, &[("Content-Range", &range)], chunk)?
            };
            expect(&answer, 202, &location);
            sent = end;
            let session = self.ledger.sessions.last_mut().expect("it was pushed above");
            session.acknowledged = sent;
        }
        Ok(())
    }

    fn leave_upload(&mut self, repository: &str) -> io::Result<()> {
        if self.ledger.sessions.len() >= LEFT_OPEN {
            return Ok(());
        }
        let content = self.content();
        let bytes = self.random.below(content.len());
        self.begin_upload(repository, &content, bytes)
    }

    fn put_manifest(&mut self, repository: &str, manifest: &Value, mut tags: Vec<String>) -> io::Result<()> {
        tags.sort();
        tags.dedup();
        let bytes = Arc::new(manifest.to_string().into_bytes());
        let digest = image::digest(&bytes);
        let mut sets = vec![(Thing::manifest(repository, &digest), Some(Arc::clone(&bytes)))];
        for tag in &tags {
            sets.push((Thing::tag(repository, tag), Some(Arc::new(digest.clone().into_bytes()))));
        }
        self.ledger
            .attempt(format!("push {digest} to {repository} as {tags:?}"), sets);
        let reference = match tags.as_slice() {
            [only] => only.clone(),
            [] => digest.clone(),
            several => {
                let several: Vec<String> = several.iter().map(|tag| format!("tag={tag}")).collect();
                format!("{digest}?{}", several.join("&"))
            }
        };
        let answer = self.put(repository, &reference, manifest, &bytes)?;
        expect(&answer, 201, &reference);
        self.ledger.acknowledged();
        Ok(())
    }

    fn put(&mut self, repository: &str, reference: &str, manifest: &Value, bytes: &[u8]) -> io::Result<Response> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let media_type = manifest["mediaType"].as_str().expect("writers name the media type");
        self.connection
            .ask("PUT", &path, &[("Content-Type", media_type)], bytes)
    }

    /// Moves a tag to a manifest that is there.
    fn push_again(&mut self, repository: &str) -> io::Result<()> {
        let Some(manifest) = self.pick_manifest(repository) else {
            return Ok(());
        };
        let tag = self.tag();
        self.put_manifest(repository, &manifest, vec![tag])
    }

    fn pick_manifest(&mut self, repository: &str) -> Option<Value> {
        let digest = self.random.pick(&self.ledger.manifests(repository)).cloned()?;
        let content = &self.ledger.world[&Thing::manifest(repository, &digest)];
        let manifest: Value = serde_json::from_slice(content).expect("writers push JSON");
        // What refers to others may refer to one that is gone by now.
        (manifest["layers"].is_array() && manifest["subject"].is_null()).then_some(manifest)
    }

    fn push_index(&mut self, repository: &str) -> io::Result<()> {
        let (Some(one), Some(two)) = (self.pick_manifest(repository), self.pick_manifest(repository)) else {
            return Ok(());
        };
        let entries = [&one, &two].map(|manifest| image::descriptor(image::MANIFEST, manifest.to_string().as_bytes()));
        let index = json!({
            "schemaVersion": 2, "mediaType": image::INDEX, "manifests": entries,
            "annotations": {"nonce": self.random.number().to_string()},
        });
        let tags = (0..self.random.below(2)).map(|_| self.tag()).collect();
        self.put_manifest(repository, &index, tags)
    }

    fn push_referrer(&mut self, repository: &str) -> io::Result<()> {
        let Some(subject) = self.pick_manifest(repository) else {
            return Ok(());
        };
        let content = self.content();
        self.push_blob(repository, &content)?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": image::MANIFEST, "artifactType": "application/vnd.acme.note",
            "config": image::descriptor("application/vnd.oci.empty.v1+json", &content),
            "layers": [], "subject": image::descriptor(image::MANIFEST, subject.to_string().as_bytes()),
        });
        self.put_manifest(repository, &manifest, Vec::new())
    }

    fn delete(&mut self, what: String, path: &str, things: Vec<Thing>) -> io::Result<()> {
        let sets = things.into_iter().map(|thing| (thing, None)).collect();
        self.ledger.attempt(what, sets);
        let answer = self.ask("DELETE", path, b"")?;
        expect(&answer, 202, path);
        self.ledger.acknowledged();
        Ok(())
    }

    fn delete_tag(&mut self, repository: &str) -> io::Result<()> {
        let Some((name, _)) = self.random.pick(&self.ledger.tags(repository)).cloned() else {
            return Ok(());
        };
        let path = if self.random.below(2) == 0 {
            format!("/v2/{repository}/manifests/{name}")
        } else {
            format!("/acr/v1/{repository}/_tags/{name}")
        };
        let thing = Thing::tag(repository, &name);
        self.delete(format!("delete tag {name} of {repository}"), &path, vec![thing])
    }

    fn delete_manifest(&mut self, repository: &str) -> io::Result<()> {
        let Some(digest) = self.random.pick(&self.ledger.manifests(repository)).cloned() else {
            return Ok(());
        };
        let tags = self.ledger.tags(repository);
        let on_it = tags.iter().filter(|(_, points_to)| *points_to == digest);
        let mut things: Vec<Thing> = on_it.map(|(name, _)| Thing::tag(repository, name)).collect();
        things.push(Thing::manifest(repository, &digest));
        let path = format!("/v2/{repository}/manifests/{digest}");
        self.delete(format!("delete {digest} of {repository}"), &path, things)
    }

    fn delete_blob(&mut self, repository: &str) -> io::Result<()> {
        let Some(digest) = self.random.pick(&self.ledger.blobs(repository, false)).cloned() else {
            return Ok(());
        };
        let path = format!("/v2/{repository}/blobs/{digest}");
        let thing = Thing::blob(repository, &digest);
        self.delete(format!("delete blob {digest} of {repository}"), &path, vec![thing])
    }

    fn delete_repository(&mut self, repository: &str) -> io::Result<()> {
        if self.ledger.manifests(repository).is_empty() {
            return Ok(());
        }
        // The blobs wait for the collector, as those of a deleted manifest do.
        let is_in = |thing: &&Thing| thing.repository() == repository && !matches!(thing, Thing::Blob { .. });
        let all = self.ledger.world.keys().filter(is_in).cloned().collect();
        let path = format!("/acr/v1/{repository}");
        self.delete(format!("delete repository {repository}"), &path, all)
    }

    /// Pushes an image to the repository of all, and moves the tag of all.
    fn push_shared(&mut self) -> io::Result<()> {
        let config = format!("{{\"nonce\":{}}}", self.random.number()).into_bytes();
        let path = format!("/v2/{SHARED}/blobs/uploads/?digest={}", image::digest(&config));
        let answer = self.ask("POST", &path, &config)?;
        expect(&answer, 201, &path);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": image::MANIFEST,
            "config": image::descriptor(image::CONFIG, &config), "layers": [],
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = image::digest(&bytes);
        let place = {
            let mut shared = self.common.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.push(SharedWrite {
                digest,
                manifest: Arc::new(bytes.clone()),
                begun: Instant::now(),
                ended: None,
            });
            shared.len() - 1
        };
        let answer = self.put(SHARED, "latest", &manifest, &bytes)?;
        let ended = Instant::now();
        expect(&answer, 201, "the shared tag");
        let mut shared = self.common.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared[place].ended = Some(ended);
        Ok(())
    }

    /// Goes on with the uploads that a crash has cut short: finishes some, gives up others. Gives what is wrong.
    pub(crate) fn go_on(&mut self) -> io::Result<Vec<String>> {
        let mut complaints = Vec::new();
        for session in std::mem::take(&mut self.ledger.sessions) {
            let Session {
                repository,
                location,
                content,
                acknowledged,
                is_finishing,
            } = session;
            let digest = image::digest(&content);
            let thing = Thing::blob(&repository, &digest);
            let answer = self.ask("GET", &location, b"")?;
            if answer.status == 404 && is_finishing && self.ledger.world.contains_key(&thing) {
                continue;
            }
            if answer.status != 204 {
                complaints.push(format!(
                    "the upload {location} was acknowledged, but {} now",
                    answer.status
                ));
                continue;
            }
            let range = answer
                .header("range")
                .and_then(|range| range.strip_prefix("0-")?.parse::<usize>().ok());
            let kept = range.map_or(0, |last| last + 1);
            if kept < acknowledged || kept > content.len() {
                complaints.push(format!(
                    "{location} has {kept} bytes, but {acknowledged} were acknowledged"
                ));
                continue;
            }
            // `0-0` stands for one byte and for none.
            let is_unclear = kept == 1 && acknowledged == 0;
            if is_unclear || self.random.below(3) == 0 {
                let answer = self.ask("DELETE", &location, b"")?;
                expect(&answer, 204, &location);
                continue;
            }
            self.ledger
                .attempt(format!("finish {location}"), vec![(thing, Some(Arc::clone(&content)))]);
            let answer = self.ask("PUT", &format!("{location}?digest={digest}"), &content[kept..])?;
            expect(&answer, 201, &location);
            self.ledger.acknowledged();
        }
        Ok(complaints)
    }
}

fn expect(answer: &Response, status: u16, what: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{what}: {body}");
}
