//! What Microsoft's `acr` (Azure/acr-cli) asks, in its order and side by side as it does, and what it makes of the answers:
//! its Go module is not to be had, so this stands in for the program. It forgives nothing that the program does not: what
//! makes that panic fails the test here.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use holdfast_e2e::http::Response;
use holdfast_e2e::{Connection, Server, image};
use serde_json::Value;

/// How many rows it asks for at once.
const PAGE: &str = "100";
/// How many deletions it has under way at once; its default is the number of processors.
const AT_ONCE: usize = 4;
/// What it takes for a manifest.
const ACCEPT: &str = "*/*, application/vnd.cncf.oras.artifact.manifest.v1+json, \
     application/vnd.oci.artifact.manifest.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// A refusal: its status, and the code of the registry's error.
pub(crate) type Refusal = (u16, String);

/// The program, told a registry and a credential.
pub(crate) struct Acr {
    host: String,
    authorization: String,
}

/// `acr purge --filter 'REPOSITORY:.*' --ago 0d`, and what else it is told.
pub(crate) struct Purge<'a> {
    pub(crate) repository: &'a str,
    pub(crate) keep: usize,
    pub(crate) untagged: bool,
    pub(crate) include_locked: bool,
}

/// How many tags and manifests a purge says that it deleted.
#[derive(Debug, PartialEq)]
pub(crate) struct Purged {
    pub(crate) tags: usize,
    pub(crate) manifests: usize,
}

impl Acr {
    /// With the value of an `Authorization` header.
    pub(crate) fn new(server: &Server, authorization: String) -> Self {
        Self {
            host: server.http(),
            authorization,
        }
    }

    /// `acr tag list`.
    pub(crate) fn tag_list(&self, repository: &str) -> Result<Vec<String>, Refusal> {
        let tags = self.list(repository, "tags", "name")?;
        Ok(tags.iter().map(|tag| text(tag, "name")).collect())
    }

    /// `acr manifest list`.
    pub(crate) fn manifest_list(&self, repository: &str) -> Result<Vec<String>, Refusal> {
        let manifests = self.list(repository, "manifests", "digest")?;
        Ok(manifests.iter().map(|manifest| text(manifest, "digest")).collect())
    }

    /// `acr tag delete`, which was `acr tag untag` before; it stops at the first that is refused.
    pub(crate) fn tag_delete(&self, repository: &str, tags: &[&str]) -> Result<(), Refusal> {
        tags.iter().try_for_each(|tag| self.delete(&tag_path(repository, tag)))
    }

    /// `acr manifest delete`.
    pub(crate) fn manifest_delete(&self, repository: &str, digests: &[&str]) -> Result<(), Refusal> {
        let mut paths = digests.iter().map(|digest| manifest_path(repository, digest));
        paths.try_for_each(|path| self.delete(&path))
    }

    /// `acr purge`.
    pub(crate) fn purge(&self, purge: &Purge<'_>) -> Result<Purged, Refusal> {
        // The filter names repositories by a pattern, so it reads the whole catalog first.
        let mut purged = Purged { tags: 0, manifests: 0 };
        if self.catalog()?.iter().any(|name| name == purge.repository) {
            purged.tags = self.purge_tags(purge)?;
            if purge.untagged {
                purged.manifests = self.purge_manifests(purge)?;
            }
        }
        Ok(purged)
    }

    fn catalog(&self) -> Result<Vec<String>, Refusal> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let last = names.last().map(|name| format!("last={}&", encoded(name)));
            let page = self.get(&format!("/v2/_catalog?{}n={PAGE}", last.unwrap_or_default()))?;
            let page = page.json()["repositories"].as_array().cloned().unwrap_or_default();
            if page.is_empty() {
                return Ok(names);
            }
            names.extend(
                page.iter()
                    .map(|name| name.as_str().expect("a name is text").to_owned()),
            );
        }
    }

    /// By name or digest it goes on from the last row until a page has no array; an empty one makes it panic.
    fn list(&self, repository: &str, kind: &str, key: &str) -> Result<Vec<Value>, Refusal> {
        let path = format!("/acr/v1/{}/_{kind}", encoded(repository));
        let mut rows: Vec<Value> = Vec::new();
        let mut page = self.get(&format!("{path}?n={PAGE}"))?.json();
        while let Some(found) = page[kind].as_array() {
            let last = text(found.last().expect("a page has no array, or one with rows"), key);
            rows.extend(found.iter().cloned());
            page = self.get(&format!("{path}?last={}&n={PAGE}", encoded(&last)))?.json();
        }
        Ok(rows)
    }

    /// From the newest to the oldest; each page follows the `Link` of the page before, whose tags are gone by then.
    fn purge_tags(&self, purge: &Purge<'_>) -> Result<usize, Refusal> {
        let path = format!("/acr/v1/{}/_tags", encoded(purge.repository));
        let (mut last, mut kept, mut deleted) = (String::new(), 0, 0);
        loop {
            let answer = self.get(&format!("{path}?{last}n={PAGE}&orderby=timedesc"))?;
            let page = answer.json();
            let mut doomed = Vec::new();
            for tag in page["tags"].as_array().into_iter().flatten() {
                text(tag, "lastUpdateTime");
                if is_locked(tag) && !purge.include_locked {
                    continue;
                }
                if kept < purge.keep {
                    kept += 1;
                } else {
                    let path = tag_path(purge.repository, &text(tag, "name"));
                    doomed.push((path.clone(), is_locked(tag).then_some(path)));
                }
            }
            deleted += self.delete_all(&doomed)?;
            match answer.header("link").and_then(position) {
                Some(position) => last = format!("last={position}&"),
                None => return Ok(deleted),
            }
        }
    }

    /// What has no tag, belongs to no index that stays and refers to nothing, but for the newest that are kept.
    fn purge_manifests(&self, purge: &Purge<'_>) -> Result<usize, Refusal> {
        let repository = purge.repository;
        let (mut candidates, mut needed) = (Vec::new(), BTreeSet::new());
        for manifest in self.list(repository, "manifests", "digest")? {
            if is_locked(&manifest) && !purge.include_locked {
                continue;
            }
            let digest = text(&manifest, "digest");
            let is_index = text(&manifest, "mediaType") == image::INDEX;
            let is_tagged = manifest["tags"].as_array().is_some_and(|tags| !tags.is_empty());
            if is_tagged && !is_index {
                continue;
            }
            let content = self.manifest(repository, &digest)?;
            if is_tagged || (is_index && content["subject"].is_object()) {
                self.need_children(repository, &content, &mut needed)?;
            } else if !content["subject"].is_object() {
                candidates.push(manifest);
            }
        }
        candidates.retain(|manifest| !needed.contains(&text(manifest, "digest")));
        // All times have the same number of digits, so text sorts as they do.
        candidates.sort_by_key(|manifest| std::cmp::Reverse(text(manifest, "lastUpdateTime")));
        let doomed: Vec<_> = candidates[purge.keep.min(candidates.len())..]
            .iter()
            .map(|manifest| {
                let digest = text(manifest, "digest");
                let attributes = format!("/acr/v1/{}/_manifests/{}", encoded(repository), encoded(&digest));
                let unlocked = is_locked(manifest).then_some(attributes);
                (manifest_path(repository, &digest), unlocked)
            })
            .collect();
        self.delete_all(&doomed)
    }

    fn need_children(&self, repository: &str, index: &Value, needed: &mut BTreeSet<String>) -> Result<(), Refusal> {
        for child in index["manifests"].as_array().into_iter().flatten() {
            let digest = text(child, "digest");
            if child["mediaType"] == image::INDEX {
                let content = self.manifest(repository, &digest)?;
                self.need_children(repository, &content, needed)?;
            }
            needed.insert(digest);
        }
        Ok(())
    }

    fn manifest(&self, repository: &str, digest: &str) -> Result<Value, Refusal> {
        Ok(self.get(&manifest_path(repository, digest))?.json())
    }

    /// Deletes paths side by side, each unlocked before where its attributes are named. What is gone counts, and what may
    /// not be deleted is passed over.
    fn delete_all(&self, doomed: &[(String, Option<String>)]) -> Result<usize, Refusal> {
        let queue = Mutex::new(doomed.iter());
        let work = || {
            let mut deleted = 0;
            loop {
                let next = queue.lock().expect("no worker panics").next();
                let Some((path, attributes)) = next else {
                    return Ok(deleted);
                };
                if let Some(attributes) = attributes {
                    let unlocked = r#"{"deleteEnabled":true,"writeEnabled":true}"#;
                    accept(self.send("PATCH", attributes, unlocked), &[200])?;
                }
                match self.delete(path) {
                    Ok(()) | Err((404, _)) => deleted += 1,
                    Err((405, _)) => {}
                    Err(refusal) => return Err(refusal),
                }
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            let counts = workers.into_iter().map(|worker| worker.join().expect("a worker ends"));
            counts.sum()
        })
    }

    fn delete(&self, path: &str) -> Result<(), Refusal> {
        accept(self.send("DELETE", path, ""), &[200, 202]).map(drop)
    }

    fn get(&self, path: &str) -> Result<Response, Refusal> {
        accept(self.send("GET", path, ""), &[200])
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Response {
        let headers = [
            ("Authorization", self.authorization.as_str()),
            ("Accept", ACCEPT),
            ("Content-Type", "application/json; charset=utf-8"),
        ];
        let mut connection = Connection::open(&self.host, None).expect("the server listens");
        let answer = connection.ask(method, path, &headers, body.as_bytes());
        answer.expect("it answers")
    }
}

fn accept(answer: Response, statuses: &[u16]) -> Result<Response, Refusal> {
    if statuses.contains(&answer.status) {
        Ok(answer)
    } else {
        Err((answer.status, answer.error_code()))
    }
}

fn tag_path(repository: &str, tag: &str) -> String {
    format!("/acr/v1/{}/_tags/{}", encoded(repository), encoded(tag))
}

fn manifest_path(repository: &str, digest: &str) -> String {
    format!("/v2/{}/manifests/{}", encoded(repository), encoded(digest))
}

/// Names come percent-encoded whole: `team%2Fapp`, `sha256%3A…`.
fn encoded(name: &str) -> String {
    name.replace('/', "%2F").replace(':', "%3A")
}

/// The value of `last` in `</acr/v1/app/_tags?last=POSITION&n=100>; rel="next"`, encoded as it is.
fn position(link: &str) -> Option<String> {
    let (_, query) = link.split_once('?')?;
    let (query, _) = query.split_once('>')?;
    let last = query.split('&').find_map(|pair| pair.strip_prefix("last="))?;
    Some(last.to_owned())
}

/// It follows the pointers of these two without looking.
fn is_locked(row: &Value) -> bool {
    let flag = |name: &str| {
        row["changeableAttributes"][name]
            .as_bool()
            .expect("a row says its locks")
    };
    !(flag("deleteEnabled") && flag("writeEnabled"))
}

fn text(row: &Value, key: &str) -> String {
    let value = row[key].as_str();
    value.unwrap_or_else(|| panic!("no {key} in {row}")).to_owned()
}
