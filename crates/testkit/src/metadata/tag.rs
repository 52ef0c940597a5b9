//! Claims about tags.

use holdfast_model::{
    Attributes, LeftManifest, ListOrder, ManifestId, Metadata, Position, PutTag, RepositoryId, TagRecord, Timestamp,
};
use holdfast_oci::Digest;

use super::fixture;

async fn find(metadata: &dyn Metadata, repository: RepositoryId, text: &str) -> Option<TagRecord> {
    let tag = fixture::tag(text);
    fixture::read(metadata, move |read| read.find_tag(repository, &tag)).await
}

async fn tag_count(metadata: &dyn Metadata, repository: RepositoryId) -> u64 {
    fixture::load_repository(metadata, repository).await.tag_count
}

/// Moving keeps birthday and locks, and counts nothing twice.
pub async fn a_tag_is_made_once_and_then_moves(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let first = fixture::insert(metadata, repository, fixture::manifest("first", 2)).await;
    let second = fixture::insert(metadata, repository, fixture::manifest("second", 2)).await;
    assert_eq!(find(metadata, repository, "v1").await, None);
    fixture::put_tag(metadata, repository, "v1", first, 10).await;
    let made = TagRecord {
        name: fixture::tag("v1"),
        manifest: first,
        digest: fixture::digest("first"),
        attributes: Attributes::default(),
        created_at: Timestamp(10),
        updated_at: Timestamp(10),
    };
    assert_eq!(find(metadata, repository, "v1").await, Some(made.clone()));
    let attributes = Attributes {
        delete_enabled: false,
        ..Attributes::default()
    };
    let name = made.name.clone();
    fixture::write(metadata, move |tx| {
        tx.set_tag_attributes(repository, &name, attributes, Timestamp(15))
    })
    .await;
    let locked = TagRecord {
        attributes,
        updated_at: Timestamp(15),
        ..made
    };
    assert_eq!(find(metadata, repository, "v1").await, Some(locked.clone()));
    fixture::put_tag(metadata, repository, "v1", second, 20).await;
    let moved = TagRecord {
        manifest: second,
        digest: fixture::digest("second"),
        updated_at: Timestamp(20),
        ..locked
    };
    assert_eq!(find(metadata, repository, "v1").await, Some(moved.clone()));
    assert_eq!(tag_count(metadata, repository).await, 1);
    assert_eq!(
        fixture::read(metadata, move |read| read.list_tags_of_manifest(first, 9)).await,
        []
    );
    assert_eq!(
        fixture::read(metadata, move |read| read.list_tags_of_manifest(second, 9)).await,
        [moved]
    );
}

/// Each says its locks, and which manifest it left with that one's locks; one that stayed left none.
pub async fn several_tags_are_put_and_found_at_once(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let first = fixture::insert(metadata, repository, fixture::manifest("first", 2)).await;
    let second = fixture::insert(metadata, repository, fixture::manifest("second", 2)).await;
    fixture::put_tag(metadata, repository, "moves", first, 3).await;
    fixture::put_tag(metadata, repository, "stays", second, 3).await;
    let locks = Attributes {
        write_enabled: false,
        ..Attributes::default()
    };
    let names = ["moves", "new", "stays"].map(fixture::tag);
    let (wanted, stays) = (names.to_vec(), fixture::tag("stays"));
    let (mut put, mut found, absent) = fixture::write(metadata, move |tx| {
        tx.set_manifest_attributes(first, locks, Timestamp(4))?;
        tx.set_tag_attributes(repository, &stays, locks, Timestamp(4))?;
        let put = tx.put_tags(repository, &wanted, second, Timestamp(5))?;
        Ok((
            put,
            tx.find_tags(repository, &wanted)?,
            tx.find_tags(repository, &[fixture::tag("absent")])?,
        ))
    })
    .await;
    put.sort_by(|one, other| one.name.cmp(&other.name));
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let left = LeftManifest {
        id: first,
        digest: fixture::digest("first"),
        attributes: locks,
    };
    let [moves, new, stays] = names;
    let expected = [
        (moves, Attributes::default(), Some(left)),
        (new, Attributes::default(), None),
        (stays, locks, None),
    ];
    let expected = expected.map(|(name, attributes, left)| PutTag { name, attributes, left });
    assert_eq!(put, expected);
    for (record, put) in found.iter().zip(&put) {
        assert_eq!((&record.name, record.attributes), (&put.name, put.attributes));
        assert_eq!((record.manifest, record.updated_at), (second, Timestamp(5)));
    }
    assert_eq!((found.len(), absent), (3, vec![]));
    assert_eq!(tag_count(metadata, repository).await, 3);
}

/// The same tag in two repositories is two tags.
pub async fn repositories_have_tags_of_their_own(metadata: &dyn Metadata) {
    let (registry, first) = fixture::home(metadata).await;
    let second = fixture::repository(metadata, registry.id, "second").await.id;
    let manifest = fixture::insert(metadata, first, fixture::manifest("m", 2)).await;
    fixture::put_tag(metadata, first, "v1", manifest, 3).await;
    assert_eq!(find(metadata, second, "v1").await, None);
    assert_eq!(
        (tag_count(metadata, first).await, tag_count(metadata, second).await),
        (1, 0)
    );
}

async fn list(
    metadata: &dyn Metadata,
    repository: RepositoryId,
    digest: Option<Digest>,
    (order, after, limit): (ListOrder, Option<&str>, usize),
) -> Vec<String> {
    let page = fixture::page_by(order, after.map(fixture::tag).map(Position::of), limit);
    let found = fixture::read(metadata, move |read| read.list_tags(repository, digest.as_ref(), &page)).await;
    found.iter().map(|tag| tag.name.to_string()).collect()
}

/// Every row of a listing, page by page.
async fn walk(
    metadata: &dyn Metadata,
    repository: RepositoryId,
    digest: Option<Digest>,
    order: ListOrder,
    limit: usize,
) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().cloned();
        let page = list(metadata, repository, digest, (order, after.as_deref(), limit)).await;
        if page.is_empty() {
            return all;
        }
        assert!(page.len() <= limit);
        all.extend(page);
    }
}

async fn tagged(metadata: &dyn Metadata, tags: &[(&str, i64)]) -> (RepositoryId, ManifestId) {
    let (_, repository) = fixture::home(metadata).await;
    let manifest = fixture::insert(metadata, repository, fixture::manifest("m", 2)).await;
    for (tag, at) in tags {
        fixture::put_tag(metadata, repository, tag, manifest, *at).await;
    }
    (repository, manifest)
}

/// `Latest` is not `latest`; capitals come before small letters.
pub async fn tags_are_told_apart_by_case_and_sorted_by_bytes(metadata: &dyn Metadata) {
    let (repository, manifest) = tagged(
        metadata,
        &[
            ("latest", 1),
            ("Latest", 1),
            ("_x", 1),
            ("1.0", 1),
            ("1.0-a", 1),
            ("1.0.1", 1),
        ],
    )
    .await;
    let expected = ["1.0", "1.0-a", "1.0.1", "Latest", "_x", "latest"];
    assert_eq!(
        list(metadata, repository, None, (ListOrder::Name, None, 100)).await,
        expected
    );
    let of_manifest = fixture::read(metadata, move |read| read.list_tags_of_manifest(manifest, 9)).await;
    assert_eq!(
        of_manifest.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(tag_count(metadata, repository).await, 6);
}

/// A marker needs no row.
pub async fn tags_page_by_name(metadata: &dyn Metadata) {
    let (repository, _) = tagged(metadata, &[("a", 5), ("b", 4), ("c", 3), ("d", 2), ("e", 1)]).await;
    assert_eq!(
        walk(metadata, repository, None, ListOrder::Name, 2).await,
        ["a", "b", "c", "d", "e"]
    );
    assert_eq!(
        list(metadata, repository, None, (ListOrder::Name, Some("bb"), 2)).await,
        ["c", "d"]
    );
    assert_eq!(
        list(metadata, repository, None, (ListOrder::Name, Some("zzz"), 2)).await,
        Vec::<String>::new()
    );
}

/// Oldest first, and exactly the reverse; equal moments by name.
pub async fn tags_page_by_time_both_ways(metadata: &dyn Metadata) {
    let (repository, _) = tagged(
        metadata,
        &[("a", 30), ("b", 10), ("c", 20), ("d", 20), ("e", 20), ("f", 5)],
    )
    .await;
    for digest in [None, Some(fixture::digest("m"))] {
        let ascending = walk(metadata, repository, digest, ListOrder::TimeAscending, 2).await;
        assert_eq!(ascending, ["f", "b", "c", "d", "e", "a"]);
        let descending = walk(metadata, repository, digest, ListOrder::TimeDescending, 2).await;
        assert_eq!(descending, ["a", "e", "d", "c", "b", "f"]);
    }
}

/// The row that a position was taken from may be moved or gone.
pub async fn a_page_by_time_goes_on_from_its_position(metadata: &dyn Metadata) {
    let (repository, manifest) = tagged(metadata, &[("a", 10), ("b", 20), ("c", 20), ("d", 30)]).await;
    for step in ["as it was", "moved", "gone"] {
        match step {
            "moved" => fixture::put_tag(metadata, repository, "b", manifest, 40).await,
            "gone" => drop(fixture::write(metadata, move |tx| tx.remove_tag(repository, &fixture::tag("b"))).await),
            _ => {}
        }
        for digest in [None, Some(fixture::digest("m"))] {
            for (order, expected) in [
                (ListOrder::TimeAscending, ["c", "d"].as_slice()),
                (ListOrder::TimeDescending, &["a"]),
            ] {
                let after = Position::at(Timestamp(20), fixture::tag("b"));
                let page = fixture::page_by(order, Some(after), 2);
                let found = fixture::read(metadata, move |read| read.list_tags(repository, digest.as_ref(), &page));
                let found: Vec<String> = found.await.iter().map(|tag| tag.name.to_string()).collect();
                assert_eq!(found, expected, "{step}");
            }
        }
    }
}

/// A bare name is no position in time: rows may come again, but none is skipped.
pub async fn a_page_by_time_after_a_lost_marker_leaves_nothing_out(metadata: &dyn Metadata) {
    let (repository, _) = tagged(metadata, &[("a", 10), ("b", 20)]).await;
    fixture::write(metadata, move |tx| tx.remove_tag(repository, &fixture::tag("a"))).await;
    for order in [ListOrder::TimeAscending, ListOrder::TimeDescending] {
        assert_eq!(list(metadata, repository, None, (order, Some("a"), 10)).await, ["b"]);
    }
}

/// The filter comes before the limit; a digest that is not there has no tags.
pub async fn tags_of_a_digest_are_listed_alone(metadata: &dyn Metadata) {
    let (repository, _) = tagged(metadata, &[("a", 3), ("c", 2), ("e", 1)]).await;
    let other = fixture::insert(metadata, repository, fixture::manifest("other", 2)).await;
    for tag in ["b", "d"] {
        fixture::put_tag(metadata, repository, tag, other, 4).await;
    }
    assert_eq!(
        walk(metadata, repository, Some(fixture::digest("m")), ListOrder::Name, 2).await,
        ["a", "c", "e"]
    );
    assert_eq!(
        walk(metadata, repository, Some(fixture::digest("other")), ListOrder::Name, 1).await,
        ["b", "d"]
    );
    let gone = Some(fixture::digest("gone"));
    assert_eq!(
        list(metadata, repository, gone, (ListOrder::Name, None, 9)).await,
        Vec::<String>::new()
    );
}

/// A page is full nevertheless; the tags of a manifest are all there.
pub async fn hidden_tags_are_left_out_of_pages(metadata: &dyn Metadata) {
    let (repository, manifest) = tagged(metadata, &[("a", 1), ("b", 2), ("c", 3), ("d", 4)]).await;
    let hidden = Attributes {
        list_enabled: false,
        ..Attributes::default()
    };
    fixture::write(metadata, move |tx| {
        tx.set_tag_attributes(repository, &fixture::tag("b"), hidden, Timestamp(2))
    })
    .await;
    for digest in [None, Some(fixture::digest("m"))] {
        assert_eq!(
            list(metadata, repository, digest, (ListOrder::Name, None, 2)).await,
            ["a", "c"]
        );
        assert_eq!(
            list(metadata, repository, digest, (ListOrder::TimeAscending, None, 2)).await,
            ["a", "c"]
        );
        assert_eq!(
            list(metadata, repository, digest, (ListOrder::TimeDescending, Some("c"), 2)).await,
            ["a"]
        );
    }
    let all = fixture::read(metadata, move |read| read.list_tags_of_manifest(manifest, 9)).await;
    assert_eq!(all.len(), 4);
    let some = fixture::read(metadata, move |read| read.list_tags_of_manifest(manifest, 2)).await;
    assert_eq!(some, all[..2]);
}

/// A rule that forgot to look is stopped.
pub async fn a_tag_on_no_manifest_is_refused(metadata: &dyn Metadata) {
    let (repository, _) = tagged(metadata, &[("a", 1)]).await;
    for text in ["a", "b"] {
        let put = fixture::try_write(metadata, move |tx| {
            tx.put_tags(repository, &[fixture::tag(text)], ManifestId(99), Timestamp(9))
        });
        assert!(put.await.is_err(), "{text}");
    }
    assert_eq!(tag_count(metadata, repository).await, 1);
}

/// Removing twice says so.
pub async fn a_removed_tag_is_counted_out_once(metadata: &dyn Metadata) {
    let (repository, _) = tagged(metadata, &[("a", 1), ("b", 1)]).await;
    let remove = || fixture::write(metadata, move |tx| tx.remove_tag(repository, &fixture::tag("a")));
    assert!(remove().await);
    assert!(!remove().await);
    assert_eq!(find(metadata, repository, "a").await, None);
    assert_eq!(tag_count(metadata, repository).await, 1);
}
