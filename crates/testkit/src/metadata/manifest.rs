//! Claims about manifests.

use holdfast_model::{
    Attributes, ManifestContent, ManifestId, ManifestRecord, Metadata, NewManifest, PulledManifest, RepositoryId,
    StoredManifest, Timestamp,
};
use holdfast_oci::{Algorithm, Digest, Reference, Tag};

use super::fixture;

pub(super) async fn find(metadata: &dyn Metadata, repository: RepositoryId, digest: Digest) -> Option<ManifestRecord> {
    fixture::read(metadata, move |read| read.find_manifest(repository, &digest)).await
}

fn expected(id: ManifestId, new: &NewManifest) -> ManifestRecord {
    ManifestRecord {
        id,
        digest: new.digest,
        media_type: new.media_type.clone(),
        size_bytes: new.bytes.len() as u64,
        subject: new.subject,
        artifact_type: new.artifact_type.clone(),
        config_media_type: new.config_media_type.clone(),
        architecture: new.architecture.clone(),
        os: new.os.clone(),
        image_size_bytes: new.image_size_bytes,
        attributes: Attributes::default(),
        created_at: new.created_at,
        updated_at: new.created_at,
    }
}

/// Pushes a manifest that is there again.
pub(super) async fn touch(metadata: &dyn Metadata, repository: RepositoryId, id: ManifestId, at: i64) {
    fixture::write(metadata, move |tx| {
        let rows = tx.scan_manifests(ManifestId(id.0 - 1), 1)?;
        let again = NewManifest {
            digest: rows[0].1.digest,
            ..fixture::manifest("", at)
        };
        let stored = tx.put_manifest(repository, &again, 0)?;
        assert_eq!((stored.id, stored.is_new), (id, false));
        Ok(())
    })
    .await;
}

/// Every field and every byte comes back.
pub async fn a_manifest_reads_back_as_written(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let new = NewManifest {
        digest: Digest::of(Algorithm::Sha512, b"full"),
        bytes: bytes::Bytes::from_static(b"\x00\xff{}\r\n"),
        subject: Some(fixture::digest("subject")),
        artifact_type: Some("application/vnd.example".to_owned()),
        config_media_type: Some("application/vnd.oci.empty.v1+json".to_owned()),
        annotations: Some("{\"a\":\"ü\"}".to_owned()),
        architecture: Some("arm64".to_owned()),
        os: Some("linux".to_owned()),
        image_size_bytes: 10 << 40,
        ..fixture::manifest("full", 77)
    };
    let id = fixture::insert(metadata, repository, new.clone()).await;
    assert_eq!(find(metadata, repository, new.digest).await, Some(expected(id, &new)));
    assert_eq!(
        fixture::read(metadata, move |read| read.load_manifest_bytes(id)).await,
        new.bytes
    );
    assert_eq!(fixture::load_repository(metadata, repository).await.manifest_count, 1);
}

/// What is absent stays absent; four mebibytes are stored like four bytes.
pub async fn a_bare_manifest_reads_back_as_written(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let new = NewManifest {
        bytes: vec![b' '; 4 << 20].into(),
        ..fixture::manifest("bare", 78)
    };
    let id = fixture::insert(metadata, repository, new.clone()).await;
    assert_eq!(find(metadata, repository, new.digest).await, Some(expected(id, &new)));
    assert_eq!(
        fixture::read(metadata, move |read| read.load_manifest_bytes(id)).await,
        new.bytes
    );
    assert_eq!(find(metadata, repository, fixture::digest("other")).await, None);
}

fn locks(read_enabled: bool, list_enabled: bool) -> Attributes {
    Attributes {
        read_enabled,
        list_enabled,
        ..Attributes::default()
    }
}

/// One look finds what a tag or a digest names, with every lock on the way, and reads no bytes that are known.
pub async fn a_manifest_is_pulled_by_the_name_of_its_repository(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let name = fixture::load_repository(metadata, repository).await.name;
    let (new, tag): (_, Tag) = (fixture::manifest("m", 2), "v1".parse().expect("a tag"));
    let pull = |registry, reference: Reference, known: Option<bytes::Bytes>| {
        let name = name.clone();
        fixture::read(metadata, move |read| {
            read.find_pulled_manifest(registry, &name, &reference, &|_| known.clone())
        })
    };
    let by_digest = Reference::Digest(new.digest);
    assert_eq!(
        pull(registry.id, by_digest.clone(), None).await,
        None,
        "no manifest, no repository"
    );
    let id = fixture::insert(metadata, repository, new.clone()).await;
    let pointed = tag.clone();
    fixture::write(metadata, move |tx| {
        tx.put_tags(repository, std::slice::from_ref(&pointed), id, Timestamp(3))?;
        tx.set_tag_attributes(repository, &pointed, locks(false, true), Timestamp(4))?;
        tx.set_manifest_attributes(id, locks(true, false), Timestamp(5))?;
        tx.set_repository_attributes(repository, locks(false, false), Timestamp(6))
    })
    .await;
    let content = ManifestContent {
        digest: new.digest,
        media_type: new.media_type.clone(),
        bytes: new.bytes.clone(),
    };
    let found = PulledManifest {
        repository: locks(false, false),
        tag: Some(locks(false, true)),
        manifest: Some((content.clone(), locks(true, false))),
    };
    let by_tag = Reference::Tag(tag);
    assert_eq!(pull(registry.id, by_tag.clone(), None).await, Some(found.clone()));
    let untagged = PulledManifest {
        tag: None,
        ..found.clone()
    };
    assert_eq!(pull(registry.id, by_digest.clone(), None).await, Some(untagged.clone()));
    let known = bytes::Bytes::from_static(b"known");
    let mut expected = untagged;
    expected.manifest = Some((
        ManifestContent {
            bytes: known.clone(),
            ..content
        },
        locks(true, false),
    ));
    assert_eq!(pull(registry.id, by_digest.clone(), Some(known)).await, Some(expected));
    let absent = Some(PulledManifest {
        tag: None,
        manifest: None,
        ..found
    });
    let nothing: [Reference; 2] = [
        Reference::Tag("v2".parse().expect("a tag")),
        Reference::Digest(fixture::digest("other")),
    ];
    for reference in nothing {
        assert_eq!(pull(registry.id, reference, None).await, absent);
    }
    let other = fixture::registry(metadata, "elsewhere").await.id;
    assert_eq!(pull(other, by_tag, None).await, None);
}

/// The same digest in two repositories is two rows.
pub async fn repositories_have_manifests_of_their_own(metadata: &dyn Metadata) {
    let (registry, first) = fixture::home(metadata).await;
    let second = fixture::repository(metadata, registry.id, "second").await.id;
    let new = fixture::manifest("m", 2);
    fixture::insert(metadata, first, new.clone()).await;
    assert_eq!(find(metadata, second, new.digest).await, None);
    let id = fixture::insert(metadata, second, new.clone()).await;
    fixture::write(metadata, move |tx| tx.remove_manifest(id)).await;
    assert!(find(metadata, first, new.digest).await.is_some());
}

/// The second time it gets its moment and is told by its locks; nothing else of it changes.
pub async fn a_digest_is_inserted_once_in_a_repository(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let new = fixture::manifest("m", 2);
    let id = fixture::insert(metadata, repository, new.clone()).await;
    let attributes = Attributes {
        write_enabled: false,
        ..Attributes::default()
    };
    let again = NewManifest {
        bytes: bytes::Bytes::from_static(b"other"),
        media_type: "application/vnd.other".to_owned(),
        blobs: vec![fixture::digest("blob")],
        ..fixture::manifest("m", 3)
    };
    let stored = fixture::write(metadata, move |tx| {
        tx.set_manifest_attributes(id, attributes, Timestamp(2))?;
        tx.put_manifest(repository, &again, 0)
    })
    .await;
    let expected_stored = StoredManifest {
        id,
        attributes,
        is_new: false,
    };
    assert_eq!(stored, expected_stored);
    let touched = ManifestRecord {
        attributes,
        updated_at: Timestamp(3),
        ..expected(id, &new)
    };
    assert_eq!(find(metadata, repository, new.digest).await, Some(touched));
    let (bytes, blobs) = fixture::read(metadata, move |read| {
        Ok((read.load_manifest_bytes(id)?, read.list_manifest_blobs(id)?))
    })
    .await;
    assert_eq!((bytes, blobs), (new.bytes, vec![]));
    assert_eq!(fixture::load_repository(metadata, repository).await.manifest_count, 1);
}

/// Those that are there; another repository's are not.
pub async fn several_manifests_are_found_at_once(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let other = fixture::repository(metadata, registry.id, "other").await.id;
    let mut inserted = Vec::new();
    for text in ["a", "b"] {
        let new = fixture::manifest(text, 2);
        inserted.push(expected(fixture::insert(metadata, repository, new.clone()).await, &new));
    }
    fixture::insert(metadata, other, fixture::manifest("c", 2)).await;
    let wanted = ["b", "a", "c", "absent"].map(fixture::digest);
    let find = |wanted: Vec<Digest>| fixture::read(metadata, move |read| read.find_manifests(repository, &wanted));
    let mut found = find(wanted.to_vec()).await;
    found.sort_by_key(|record| record.id);
    assert_eq!(found, inserted);
    assert_eq!(find(Vec::new()).await, []);
}

/// From the manifest to its blobs and from a blob to a manifest, inside one repository.
pub async fn needed_blobs_are_found_from_both_ends(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let other = fixture::repository(metadata, registry.id, "other").await.id;
    let (layer, config) = (fixture::digest("layer"), fixture::digest("config"));
    let new = NewManifest {
        blobs: vec![layer, config],
        ..fixture::manifest("m", 2)
    };
    let id = fixture::insert(metadata, repository, new.clone()).await;
    let mut blobs = fixture::read(metadata, move |read| read.list_manifest_blobs(id)).await;
    blobs.sort_unstable_by_key(|digest| *digest != layer);
    assert_eq!(blobs, [layer, config]);
    let needing =
        |repository, blob| fixture::read(metadata, move |read| read.find_manifest_needing_blob(repository, &blob));
    assert_eq!(needing(repository, layer).await, Some(new.digest));
    assert_eq!(needing(repository, fixture::digest("else")).await, None);
    assert_eq!(needing(other, layer).await, None);
    assert_eq!(
        fixture::read(metadata, move |read| read.list_manifest_children(id)).await,
        []
    );
}

/// From the index to its manifests and back, inside one repository.
pub async fn listed_children_are_found_from_both_ends(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let other = fixture::repository(metadata, registry.id, "other").await.id;
    let child = fixture::digest("child");
    let new = NewManifest {
        children: vec![child],
        ..fixture::manifest("index", 2)
    };
    let id = fixture::insert(metadata, repository, new.clone()).await;
    assert_eq!(
        fixture::read(metadata, move |read| read.list_manifest_children(id)).await,
        [child]
    );
    let parent = |repository, child| fixture::read(metadata, move |read| read.find_parent_of(repository, &child));
    assert_eq!(parent(repository, child).await, Some(new.digest));
    assert_eq!(parent(other, child).await, None);
    assert_eq!(parent(repository, new.digest).await, None);
    let needing = |repository, child| {
        fixture::read(metadata, move |read| {
            read.find_manifest_needing_blob(repository, &child)
        })
    };
    assert_eq!(
        needing(repository, child).await,
        Some(new.digest),
        "a child may be a blob"
    );
    assert_eq!(needing(other, child).await, None);
}

/// Moments and locks are set as told.
pub async fn touching_and_locking_a_manifest_shows(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let new = fixture::manifest("m", 2);
    let id = fixture::insert(metadata, repository, new.clone()).await;
    touch(metadata, repository, id, 9).await;
    let touched = ManifestRecord {
        updated_at: Timestamp(9),
        ..expected(id, &new)
    };
    assert_eq!(find(metadata, repository, new.digest).await, Some(touched.clone()));
    let attributes = Attributes {
        delete_enabled: false,
        read_enabled: false,
        ..Attributes::default()
    };
    fixture::write(metadata, move |tx| {
        tx.set_manifest_attributes(id, attributes, Timestamp(11))
    })
    .await;
    let locked = ManifestRecord {
        attributes,
        updated_at: Timestamp(11),
        ..touched
    };
    assert_eq!(find(metadata, repository, new.digest).await, Some(locked));
}

/// Nothing of it is left, and the counts say so.
pub async fn a_removed_manifest_takes_its_tags_and_needs_along(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let (blob, child) = (fixture::digest("blob"), fixture::digest("child"));
    let new = NewManifest {
        blobs: vec![blob],
        children: vec![child],
        ..fixture::manifest("m", 2)
    };
    let id = fixture::insert(metadata, repository, new.clone()).await;
    let kept = fixture::insert(metadata, repository, fixture::manifest("kept", 2)).await;
    for tag in ["v1", "v2"] {
        fixture::put_tag(metadata, repository, tag, id, 3).await;
    }
    fixture::put_tag(metadata, repository, "kept", kept, 3).await;
    fixture::write(metadata, move |tx| tx.remove_manifest(id)).await;

    assert_eq!(find(metadata, repository, new.digest).await, None);
    let counts = fixture::load_repository(metadata, repository).await;
    assert_eq!((counts.manifest_count, counts.tag_count), (1, 1));
    let (needing, parent, tags) = fixture::read(metadata, move |read| {
        let needing = read.find_manifest_needing_blob(repository, &blob)?;
        let parent = read.find_parent_of(repository, &child)?;
        Ok((
            needing,
            parent,
            read.list_tags(repository, None, &fixture::page(None, 10))?,
        ))
    })
    .await;
    assert_eq!((needing, parent), (None, None));
    assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["kept"]);
    fixture::insert(metadata, repository, new).await;
    assert_eq!(fixture::load_repository(metadata, repository).await.manifest_count, 2);
}

/// Over all repositories, by row.
pub async fn a_walk_sees_every_manifest_once(metadata: &dyn Metadata) {
    let (registry, first) = fixture::home(metadata).await;
    let second = fixture::repository(metadata, registry.id, "second").await.id;
    let mut inserted = Vec::new();
    for (repository, text) in [(first, "a"), (second, "a"), (first, "b")] {
        let new = fixture::manifest(text, 2);
        let id = fixture::insert(metadata, repository, new.clone()).await;
        inserted.push((repository, expected(id, &new)));
    }
    let page = |after, limit| fixture::read(metadata, move |read| read.scan_manifests(after, limit));
    let mut seen = page(ManifestId(0), 2).await;
    assert_eq!(seen.len(), 2);
    seen.extend(page(seen[1].1.id, 2).await);
    assert_eq!(seen, inserted);
    let ids = |after, limit| fixture::read(metadata, move |read| read.scan_manifest_ids(after, limit));
    let all: Vec<ManifestId> = inserted.iter().map(|(_, record)| record.id).collect();
    assert_eq!(ids(ManifestId(0), 10).await, all);
    assert_eq!(ids(all[0], 1).await, [all[1]]);
    let of_it = |limit| fixture::read(metadata, move |read| read.list_manifest_ids(first, limit));
    let mut found = of_it(10).await;
    found.sort_unstable();
    assert_eq!(found, [all[0], all[2]]);
    assert_eq!(of_it(1).await.len(), 1);
}

/// A cache or a job that still holds the id must not meet another manifest.
pub async fn the_id_of_a_removed_manifest_is_never_used_again(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let first = fixture::insert(metadata, repository, fixture::manifest("a", 2)).await;
    fixture::write(metadata, move |tx| tx.remove_manifest(first)).await;
    let second = fixture::insert(metadata, repository, fixture::manifest("b", 2)).await;
    assert_ne!(first, second);
}

/// `load` means that absence is an error.
pub async fn bytes_of_no_manifest_are_an_error(metadata: &dyn Metadata) {
    use holdfast_model::MetadataExt as _;

    assert!(
        metadata
            .query(|read| read.load_manifest_bytes(ManifestId(99)))
            .await
            .is_err()
    );
}
