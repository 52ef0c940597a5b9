//! Claims about listings of manifests, page by page.

use holdfast_model::{ListOrder, Metadata, NewManifest, Position, RepositoryId, Timestamp, Visibility};
use holdfast_oci::{Algorithm, Digest};

use super::fixture;
use super::manifest::{find, touch};

async fn list(
    metadata: &dyn Metadata,
    repository: RepositoryId,
    order: ListOrder,
    after: Option<Digest>,
    limit: usize,
) -> Vec<Digest> {
    let page = fixture::page_by(order, after.map(Position::of), limit);
    let found = fixture::read(metadata, move |read| {
        read.list_manifests(repository, Visibility::Every, &page)
    })
    .await;
    found.iter().map(|record| record.digest).collect()
}

/// Every row of a listing, page by page.
async fn walk(metadata: &dyn Metadata, repository: RepositoryId, order: ListOrder, limit: usize) -> Vec<Digest> {
    let mut all: Vec<Digest> = Vec::new();
    loop {
        let page = list(metadata, repository, order, all.last().copied(), limit).await;
        if page.is_empty() {
            return all;
        }
        assert!(page.len() <= limit);
        all.extend(page);
    }
}

/// Ascending by digest, SHA-256 before SHA-512; a marker that is gone still has its position.
pub async fn manifests_page_by_digest(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let mut digests: Vec<Digest> = (0..6).map(|n| fixture::digest(&n.to_string())).collect();
    digests.push(Digest::of(Algorithm::Sha512, b"long"));
    for digest in &digests {
        fixture::insert(
            metadata,
            repository,
            NewManifest {
                digest: *digest,
                ..fixture::manifest("m", 2)
            },
        )
        .await;
    }
    digests.sort_unstable();
    assert_eq!(walk(metadata, repository, ListOrder::Name, 2).await, digests);
    let marker = digests[2];
    let id = find(metadata, repository, marker).await.expect("it was inserted").id;
    fixture::write(metadata, move |tx| tx.remove_manifest(id)).await;
    assert_eq!(
        list(metadata, repository, ListOrder::Name, Some(marker), 2).await,
        digests[3..5]
    );
}

/// Oldest first, and exactly the reverse; equal moments by digest.
pub async fn manifests_page_by_time_both_ways(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let mut rows = Vec::new();
    for (text, at) in [("a", 30), ("b", 10), ("c", 20), ("d", 20), ("e", 20), ("f", 5)] {
        fixture::insert(metadata, repository, fixture::manifest(text, at)).await;
        rows.push((at, fixture::digest(text)));
    }
    rows.sort_unstable();
    let ascending: Vec<Digest> = rows.iter().map(|(_, digest)| *digest).collect();
    assert_eq!(walk(metadata, repository, ListOrder::TimeAscending, 2).await, ascending);
    let descending: Vec<Digest> = ascending.iter().rev().copied().collect();
    assert_eq!(
        walk(metadata, repository, ListOrder::TimeDescending, 2).await,
        descending
    );
}

/// The row that a position was taken from may be changed or gone.
pub async fn a_page_by_time_goes_on_from_its_position(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let mut marker = None;
    for (text, at) in [("a", 10), ("b", 20), ("c", 30)] {
        let id = fixture::insert(metadata, repository, fixture::manifest(text, at)).await;
        marker = marker.or(Some(id).filter(|_| text == "b"));
    }
    let marker = marker.expect("b was inserted");
    for step in ["as it was", "touched", "gone"] {
        match step {
            "touched" => touch(metadata, repository, marker, 40).await,
            "gone" => fixture::write(metadata, move |tx| tx.remove_manifest(marker)).await,
            _ => {}
        }
        for (order, expected) in [(ListOrder::TimeAscending, "c"), (ListOrder::TimeDescending, "a")] {
            let after = Position::at(Timestamp(20), fixture::digest("b"));
            let page = fixture::page_by(order, Some(after), 1);
            let found = fixture::read(metadata, move |read| {
                read.list_manifests(repository, Visibility::Every, &page)
            })
            .await;
            let found: Vec<Digest> = found.iter().map(|record| record.digest).collect();
            assert_eq!(found, [fixture::digest(expected)], "{step}");
        }
    }
}

/// A bare digest is no position in time: rows may come again, but none is skipped.
pub async fn a_page_by_time_after_a_lost_marker_leaves_nothing_out(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let first = fixture::insert(metadata, repository, fixture::manifest("a", 10)).await;
    fixture::insert(metadata, repository, fixture::manifest("b", 20)).await;
    fixture::write(metadata, move |tx| tx.remove_manifest(first)).await;
    for order in [ListOrder::TimeAscending, ListOrder::TimeDescending] {
        let found = list(metadata, repository, order, Some(fixture::digest("a")), 10).await;
        assert_eq!(found, [fixture::digest("b")]);
    }
}

/// A page is full nevertheless.
pub async fn hidden_manifests_are_left_out_of_pages_of_what_is_listed(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let mut hidden = None;
    for (text, at) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        let id = fixture::insert(metadata, repository, fixture::manifest(text, at)).await;
        hidden = hidden.or(Some(id).filter(|_| text == "b"));
    }
    let (hidden, attributes) = (hidden.expect("b was inserted"), fixture::unlisted());
    fixture::write(metadata, move |tx| {
        tx.set_manifest_attributes(hidden, attributes, Timestamp(2))
    })
    .await;
    for order in [ListOrder::Name, ListOrder::TimeAscending, ListOrder::TimeDescending] {
        for (visibility, expected) in [(Visibility::Listed, 3), (Visibility::Every, 4)] {
            let page = |limit| {
                let page = fixture::page_by(order, None, limit);
                fixture::read(metadata, move |read| read.list_manifests(repository, visibility, &page))
            };
            let all = page(9).await;
            assert_eq!(all.len(), expected, "{order:?}");
            let shows_hidden = all.iter().any(|record| record.id == hidden);
            assert_eq!(shows_hidden, visibility == Visibility::Every, "{order:?}");
            assert_eq!(page(3).await, all[..3], "{order:?}");
        }
    }
}
