//! What a writer was told: every acknowledged change, and the one that was under way when the server died. It knows
//! nothing of HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

/// Exact bytes; of a tag, the digest it points to.
pub(crate) type Content = Arc<Vec<u8>>;
/// What there is.
pub(crate) type World = BTreeMap<Thing, Content>;

/// Something a client can ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    Blob { repository: String, digest: String },
    Manifest { repository: String, digest: String },
    Tag { repository: String, name: String },
}

impl Thing {
    pub(crate) fn blob(repository: &str, digest: &str) -> Self {
        let (repository, digest) = (repository.to_owned(), digest.to_owned());
        Self::Blob { repository, digest }
    }

    pub(crate) fn manifest(repository: &str, digest: &str) -> Self {
        let (repository, digest) = (repository.to_owned(), digest.to_owned());
        Self::Manifest { repository, digest }
    }

    pub(crate) fn tag(repository: &str, name: &str) -> Self {
        let (repository, name) = (repository.to_owned(), name.to_owned());
        Self::Tag { repository, name }
    }

    pub(crate) fn repository(&self) -> &str {
        match self {
            Self::Blob { repository, .. } | Self::Manifest { repository, .. } | Self::Tag { repository, .. } => {
                repository
            }
        }
    }
}

/// A change that happens wholly or not at all.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) what: String,
    /// `None` removes.
    pub(crate) sets: Vec<(Thing, Option<Content>)>,
}

/// An upload that was answered with 202.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) repository: String,
    pub(crate) location: String,
    /// All that it is to become.
    pub(crate) content: Content,
    /// Bytes that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Whether the last request was sent.
    pub(crate) is_finishing: bool,
}

/// What one writer knows. Nobody else writes to its repositories.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) repositories: Vec<String>,
    pub(crate) world: World,
    /// Removed, and that was acknowledged.
    pub(crate) gone: BTreeSet<Thing>,
    pub(crate) pending: Option<Change>,
    pub(crate) sessions: Vec<Session>,
    /// Manifests that an index has ever listed.
    listed: BTreeSet<Thing>,
}

impl Ledger {
    pub(crate) fn new(repositories: Vec<String>) -> Self {
        Self {
            repositories,
            ..Self::default()
        }
    }

    /// Notes what is about to be asked for.
    pub(crate) fn attempt(&mut self, what: String, sets: Vec<(Thing, Option<Content>)>) {
        assert!(self.pending.is_none(), "a writer does one thing after the other");
        self.pending = Some(Change { what, sets });
    }

    /// Notes that it was done.
    pub(crate) fn acknowledged(&mut self) {
        let change = self.pending.take().expect("only what was attempted is acknowledged");
        apply(&mut self.world, &change);
        for (thing, content) in change.sets {
            if content.is_some() {
                self.gone.remove(&thing);
                self.note_children(&thing);
            } else {
                self.gone.insert(thing);
            }
        }
    }

    fn note_children(&mut self, thing: &Thing) {
        let Thing::Manifest { repository, .. } = thing else {
            return;
        };
        for digest in self
            .world
            .get(thing)
            .map(|content| children(content))
            .unwrap_or_default()
        {
            self.listed.insert(Thing::manifest(repository, &digest));
        }
    }

    /// What may be asked for now.
    pub(crate) fn known(&self) -> BTreeSet<Thing> {
        let pending = self
            .pending
            .iter()
            .flat_map(|change| change.sets.iter().map(|(thing, _)| thing));
        pending.chain(self.world.keys()).chain(&self.gone).cloned().collect()
    }

    /// Compares with what was seen after a crash, takes that over, and says what is wrong with it.
    pub(crate) fn settle(&mut self, seen: &World) -> Vec<String> {
        let mut complaints = Vec::new();
        if let Some(change) = self.pending.take() {
            let keys: BTreeSet<&Thing> = change.sets.iter().map(|(thing, _)| thing).collect();
            let mut done = self.world.clone();
            apply(&mut done, &change);
            let same = |one: &World| keys.iter().all(|key| one.get(key) == seen.get(key));
            if same(&done) {
                self.pending = Some(change);
                self.acknowledged();
            } else if !same(&self.world) {
                complaints.push(format!("half of a change is there: {}", change.what));
            }
        }
        complaints.extend(differences(&self.world, seen));
        self.world.clone_from(seen);
        complaints
    }

    /// The same after garbage was collected, when what nothing needs may be gone.
    pub(crate) fn settle_collected(&mut self, seen: &World) -> Vec<String> {
        assert!(
            self.pending.is_none(),
            "a collection comes after the ledger was settled"
        );
        let kept = self.kept();
        let is_collected = |thing: &Thing| !kept.contains(thing) && !seen.contains_key(thing);
        let collected: Vec<Thing> = self.world.keys().filter(|thing| is_collected(thing)).cloned().collect();
        self.world.retain(|thing, _| !is_collected(thing));
        self.gone.extend(collected);
        let complaints = differences(&self.world, seen);
        self.world.clone_from(seen);
        complaints
    }

    /// What a collection must leave alone.
    pub(crate) fn kept(&self) -> BTreeSet<Thing> {
        let mut kept: BTreeSet<Thing> = BTreeSet::new();
        let mut waiting: Vec<Thing> = Vec::new();
        for (thing, content) in &self.world {
            match thing {
                Thing::Tag { repository, .. } => {
                    kept.insert(thing.clone());
                    let digest = String::from_utf8_lossy(content).into_owned();
                    waiting.push(Thing::manifest(repository, &digest));
                }
                // ACR keeps untagged manifests, unless they belong to another one.
                Thing::Manifest { .. } if subject(content).is_none() && !self.listed.contains(thing) => {
                    waiting.push(thing.clone());
                }
                Thing::Manifest { .. } | Thing::Blob { .. } => {}
            }
        }
        while let Some(thing) = waiting.pop() {
            let Some(content) = self.world.get(&thing) else {
                continue;
            };
            if !kept.insert(thing.clone()) {
                continue;
            }
            let repository = thing.repository();
            kept.extend(blobs(content).iter().map(|digest| Thing::blob(repository, digest)));
            waiting.extend(
                children(content)
                    .iter()
                    .map(|digest| Thing::manifest(repository, digest)),
            );
            waiting.extend(self.referrers(&thing));
        }
        kept
    }

    fn referrers(&self, to: &Thing) -> Vec<Thing> {
        let Thing::Manifest { repository, digest } = to else {
            return Vec::new();
        };
        let refers = |thing: &Thing, content: &Content| {
            thing.repository() == repository
                && matches!(thing, Thing::Manifest { .. })
                && subject(content).as_ref() == Some(digest)
        };
        let things = self.world.iter().filter(|(thing, content)| refers(thing, content));
        things.map(|(thing, _)| thing.clone()).collect()
    }

    /// The digests of manifests in a repository.
    pub(crate) fn manifests(&self, wanted: &str) -> Vec<String> {
        let digest = |thing: &Thing| match thing {
            Thing::Manifest { repository, digest } if repository == wanted => Some(digest.clone()),
            _ => None,
        };
        self.world.keys().filter_map(digest).collect()
    }

    /// The tags of a repository and what they point to.
    pub(crate) fn tags(&self, wanted: &str) -> Vec<(String, String)> {
        let tag = |(thing, content): (&Thing, &Content)| match thing {
            Thing::Tag { repository, name } if repository == wanted => {
                Some((name.clone(), String::from_utf8_lossy(content).into_owned()))
            }
            _ => None,
        };
        self.world.iter().filter_map(tag).collect()
    }

    /// The digests of blobs in a repository that no manifest there needs, or that one does.
    pub(crate) fn blobs(&self, wanted: &str, needed: bool) -> Vec<String> {
        let needs: BTreeSet<String> = self
            .world
            .iter()
            .filter(|(thing, _)| thing.repository() == wanted && matches!(thing, Thing::Manifest { .. }))
            .flat_map(|(_, content)| blobs(content))
            .collect();
        let digest = |thing: &Thing| match thing {
            Thing::Blob { repository, digest } if repository == wanted && needs.contains(digest) == needed => {
                Some(digest.clone())
            }
            _ => None,
        };
        self.world.keys().filter_map(digest).collect()
    }
}

fn apply(world: &mut World, change: &Change) {
    for (thing, content) in &change.sets {
        match content {
            Some(content) => world.insert(thing.clone(), Arc::clone(content)),
            None => world.remove(thing),
        };
    }
}

fn differences(expected: &World, seen: &World) -> Vec<String> {
    let mut complaints = Vec::new();
    for (thing, content) in expected {
        match seen.get(thing) {
            None => complaints.push(format!("acknowledged, but lost: {thing:?}")),
            Some(other) if other != content => complaints.push(format!("acknowledged, but other now: {thing:?}")),
            Some(_) => {}
        }
    }
    let extra = seen.keys().filter(|thing| !expected.contains_key(thing));
    complaints.extend(extra.map(|thing| format!("there, but never acknowledged: {thing:?}")));
    complaints
}

fn digests(manifest: &[u8], pointers: &[&str]) -> Vec<String> {
    let manifest: Value = serde_json::from_slice(manifest).expect("writers push JSON");
    let found = pointers.iter().filter_map(|pointer| manifest.pointer(pointer));
    let descriptors = found.flat_map(|value| match value {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    });
    descriptors
        .filter_map(|descriptor| Some(descriptor["digest"].as_str()?.to_owned()))
        .collect()
}

/// The blobs that a manifest needs.
pub(crate) fn blobs(manifest: &[u8]) -> Vec<String> {
    digests(manifest, &["/config", "/layers"])
}

/// The manifests that an index lists.
pub(crate) fn children(manifest: &[u8]) -> Vec<String> {
    digests(manifest, &["/manifests"])
}

fn subject(manifest: &[u8]) -> Option<String> {
    digests(manifest, &["/subject"]).pop()
}
