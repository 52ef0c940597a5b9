//! Claims about referrers.

use holdfast_model::{Attributes, Metadata, NewManifest, ReferrerRecord, ReferrersPage, RepositoryId, Timestamp};
use holdfast_oci::Digest;

use super::fixture;

fn referrers_page(after: Option<Digest>, limit: usize) -> ReferrersPage {
    ReferrersPage {
        artifact_type: None,
        after,
        limit,
        max_bytes: usize::MAX,
    }
}

async fn referrers_of(metadata: &dyn Metadata, repository: RepositoryId, page: ReferrersPage) -> Vec<ReferrerRecord> {
    let subject = fixture::digest("subject");
    fixture::read(metadata, move |read| read.list_referrers(repository, &subject, &page)).await
}

async fn referrers(
    metadata: &dyn Metadata,
    repository: RepositoryId,
    artifact_type: Option<&'static str>,
    after: Option<Digest>,
    limit: usize,
) -> Vec<Digest> {
    let page = ReferrersPage {
        artifact_type: artifact_type.map(str::to_owned),
        ..referrers_page(after, limit)
    };
    let found = referrers_of(metadata, repository, page).await;
    found.iter().map(|record| record.digest).collect()
}

fn referrer(text: &str, artifact_type: Option<&str>) -> NewManifest {
    NewManifest {
        subject: Some(fixture::digest("subject")),
        artifact_type: artifact_type.map(str::to_owned),
        ..fixture::manifest(text, 2)
    }
}

/// Those of the repository, whether the subject is there or not.
pub async fn referrers_page_by_digest(metadata: &dyn Metadata) {
    let (registry, repository) = fixture::home(metadata).await;
    let other = fixture::repository(metadata, registry.id, "other").await.id;
    fixture::insert(metadata, other, referrer("elsewhere", None)).await;
    fixture::insert(metadata, repository, fixture::manifest("no referrer", 2)).await;
    let mut digests = Vec::new();
    for text in ["a", "b", "c"] {
        fixture::insert(metadata, repository, referrer(text, None)).await;
        digests.push(fixture::digest(text));
    }
    digests.sort_unstable();
    assert_eq!(referrers(metadata, repository, None, None, 10).await, digests);
    assert_eq!(referrers(metadata, repository, None, None, 2).await, digests[..2]);
    assert_eq!(
        referrers(metadata, repository, None, Some(digests[1]), 2).await,
        digests[2..]
    );
}

/// The filter comes before the limit.
pub async fn referrers_are_filtered_by_type(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let mut signatures = Vec::new();
    for n in 0..8 {
        let text = n.to_string();
        let artifact_type = match n % 4 {
            0 => None,
            1 => Some("application/sbom"),
            _ => Some("application/signature"),
        };
        fixture::insert(metadata, repository, referrer(&text, artifact_type)).await;
        if n % 4 > 1 {
            signatures.push(fixture::digest(&text));
        }
    }
    signatures.sort_unstable();
    let wanted = Some("application/signature");
    assert_eq!(referrers(metadata, repository, wanted, None, 10).await, signatures);
    assert_eq!(referrers(metadata, repository, wanted, None, 3).await, signatures[..3]);
    assert_eq!(
        referrers(metadata, repository, wanted, Some(signatures[2]), 3).await,
        signatures[3..]
    );
    assert_eq!(
        referrers(metadata, repository, Some("application/other"), None, 3).await,
        []
    );
}

/// With what a list of them shows; annotations of other manifests are not kept.
pub async fn a_referrer_reads_back_as_written(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let new = NewManifest {
        annotations: Some("{\"a\":\"ü\"}".to_owned()),
        ..referrer("full", Some("application/vnd.example"))
    };
    let id = fixture::insert(metadata, repository, new.clone()).await;
    let expected = ReferrerRecord {
        digest: new.digest,
        media_type: new.media_type.clone(),
        size_bytes: new.bytes.len() as u64,
        artifact_type: new.artifact_type.clone(),
        annotations: new.annotations.clone(),
    };
    let list = || referrers_of(metadata, repository, referrers_page(None, 9));
    assert_eq!(list().await, std::slice::from_ref(&expected));
    fixture::write(metadata, move |tx| tx.remove_manifest(id)).await;
    fixture::insert(metadata, repository, new).await;
    assert_eq!(list().await, [expected]);
}

/// With the row that reaches it: each page brings something.
pub async fn a_page_of_referrers_ends_by_bytes(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    for text in ["a", "b", "c", "d", "e"] {
        let annotated = NewManifest {
            annotations: Some("x".repeat(100)),
            ..referrer(text, Some("application/vnd.example"))
        };
        fixture::insert(metadata, repository, annotated).await;
    }
    let all = referrers_of(metadata, repository, referrers_page(None, 9)).await;
    assert_eq!(all.len(), 5);
    for artifact_type in [None, Some("application/vnd.example".to_owned())] {
        for (max_bytes, after, expected) in [(1, 0, 1), (100, 1, 1), (101, 1, 2), (300, 0, 3), (300, 4, 1)] {
            let page = ReferrersPage {
                artifact_type: artifact_type.clone(),
                max_bytes,
                ..referrers_page(all[..after].last().map(|last| last.digest), 9)
            };
            let found = referrers_of(metadata, repository, page).await;
            assert_eq!(found, all[after..after + expected], "{max_bytes} after {after}");
        }
    }
}

/// From the list that is shown; the other has all.
pub async fn locked_referrers_are_left_out_of_pages(metadata: &dyn Metadata) {
    let (_, repository) = fixture::home(metadata).await;
    let mut digests: Vec<Digest> = Vec::new();
    for text in ["a", "b", "c", "d"] {
        fixture::insert(metadata, repository, referrer(text, None)).await;
        digests.push(fixture::digest(text));
    }
    digests.sort_unstable();
    let unread = Attributes {
        read_enabled: false,
        ..Attributes::default()
    };
    for (digest, attributes) in [(digests[0], fixture::unlisted()), (digests[2], unread)] {
        let id = fixture::read(metadata, move |read| read.find_manifest(repository, &digest))
            .await
            .expect("it was inserted")
            .id;
        fixture::write(metadata, move |tx| {
            tx.set_manifest_attributes(id, attributes, Timestamp(3))
        })
        .await;
    }
    let shown = [digests[1], digests[3]];
    assert_eq!(referrers(metadata, repository, None, None, 2).await, shown);
    let (subject, first) = (fixture::digest("subject"), digests[0]);
    let every = |after: Option<Digest>, limit| {
        fixture::read(metadata, move |read| {
            read.list_every_referrer(repository, &subject, after.as_ref(), limit)
        })
    };
    assert_eq!(every(None, 9).await, digests);
    assert_eq!(every(Some(first), 2).await, digests[1..3]);
}
