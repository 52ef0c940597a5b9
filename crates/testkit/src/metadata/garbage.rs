//! Claims about the queue of what may be garbage.

use super::fixture;
use holdfast_model::{
    Candidate, CandidateId, GarbageObject, Metadata, ObjectKey, QueuedCandidate, RepositoryId, StorageAccountId,
    Timestamp,
};

fn link(text: &str) -> Candidate {
    Candidate::BlobLink {
        repository: RepositoryId(1),
        digest: fixture::digest(text),
    }
}

fn object(object_key: &ObjectKey, size_bytes: u64) -> Candidate {
    Candidate::Object(GarbageObject {
        storage_account: StorageAccountId(1),
        object_key: object_key.clone(),
        size_bytes,
        unfinished: None,
    })
}

fn unfinished(object_key: &ObjectKey, size_bytes: u64, state: &[u8]) -> Candidate {
    Candidate::Object(GarbageObject {
        storage_account: StorageAccountId(1),
        object_key: object_key.clone(),
        size_bytes,
        unfinished: Some(state.to_vec()),
    })
}

async fn queue(metadata: &dyn Metadata, candidate: &Candidate, at: i64) {
    let candidate = candidate.clone();
    fixture::write(metadata, move |tx| tx.queue_candidate(&candidate, Timestamp(at))).await;
}

async fn list(metadata: &dyn Metadata, before: i64, after: CandidateId, limit: usize) -> Vec<QueuedCandidate> {
    fixture::read(metadata, move |read| {
        let mut found = Vec::new();
        for id in read.list_candidates(Timestamp(before), after, limit)? {
            let queued = read.find_candidate_by_id(id)?.expect("what is listed is there");
            assert_eq!(queued.id, id);
            found.push(queued);
        }
        Ok(found)
    })
    .await
}

async fn find(metadata: &dyn Metadata, candidate: &Candidate) -> Option<QueuedCandidate> {
    let candidate = candidate.clone();
    fixture::read(metadata, move |read| read.find_candidate(&candidate)).await
}

/// The same digest of another kind or another repository is another candidate.
pub async fn candidates_read_back_as_queued(metadata: &dyn Metadata) {
    let digest = fixture::digest("d");
    let candidates = [
        Candidate::BlobLink {
            repository: RepositoryId(1),
            digest,
        },
        Candidate::BlobLink {
            repository: RepositoryId(2),
            digest,
        },
        Candidate::UntaggedManifest {
            repository: RepositoryId(1),
            digest,
        },
        Candidate::OrphanedManifest {
            repository: RepositoryId(1),
            digest,
        },
        object(&fixture::object_key(), 5 << 32),
        unfinished(&fixture::object_key(), 7, &[]),
        unfinished(&fixture::object_key(), 7, &[0, 255]),
    ];
    for candidate in &candidates {
        assert_eq!(find(metadata, candidate).await, None);
        queue(metadata, candidate, 10).await;
    }
    let listed = list(metadata, 10, CandidateId(0), 10).await;
    assert_eq!(
        listed.iter().map(|queued| queued.candidate.clone()).collect::<Vec<_>>(),
        candidates
    );
    for queued in listed {
        assert_eq!(queued.queued_at, Timestamp(10));
        assert_eq!(find(metadata, &queued.candidate).await, Some(queued));
    }
}

/// Of this manifest in this repository alone, whatever it waits for.
pub async fn what_a_manifest_waits_for_is_listed(metadata: &dyn Metadata) {
    let (repository, digest) = (RepositoryId(1), fixture::digest("m"));
    let untagged = Candidate::UntaggedManifest { repository, digest };
    let orphaned = Candidate::OrphanedManifest { repository, digest };
    let elsewhere = RepositoryId(2);
    for other in [
        Candidate::BlobLink { repository, digest },
        Candidate::UntaggedManifest {
            repository: elsewhere,
            digest,
        },
        Candidate::OrphanedManifest {
            repository,
            digest: fixture::digest("other"),
        },
    ] {
        queue(metadata, &other, 1).await;
    }
    let waits = || fixture::read(metadata, move |read| read.list_waits_of_manifest(repository, &digest));
    assert_eq!(waits().await, []);
    for candidate in [&untagged, &orphaned] {
        queue(metadata, candidate, 2).await;
    }
    let mut found = waits().await;
    found.sort_by_key(|queued| queued.id);
    let found: Vec<_> = found.into_iter().map(|queued| queued.candidate).collect();
    assert_eq!(found, [untagged, orphaned]);
}

/// Young ones are not shown.
pub async fn candidates_are_listed_oldest_first_when_old_enough(metadata: &dyn Metadata) {
    for (text, at) in [("a", 10), ("b", 20), ("c", 20), ("d", 30)] {
        queue(metadata, &link(text), at).await;
    }
    let texts = |found: Vec<QueuedCandidate>| found.into_iter().map(|queued| queued.candidate).collect::<Vec<_>>();
    assert_eq!(texts(list(metadata, 9, CandidateId(0), 10).await), []);
    assert_eq!(
        texts(list(metadata, 20, CandidateId(0), 10).await),
        ["a", "b", "c"].map(link)
    );
    assert_eq!(texts(list(metadata, 99, CandidateId(0), 2).await), ["a", "b"].map(link));
}

/// A run removes what it has settled and goes on from there.
pub async fn candidates_page_after_a_row_that_is_gone(metadata: &dyn Metadata) {
    for text in ["a", "b", "c", "d"] {
        queue(metadata, &link(text), 10).await;
    }
    let first = list(metadata, 10, CandidateId(0), 2).await;
    let last = first[1].id;
    fixture::write(metadata, move |tx| tx.remove_candidate(last)).await;
    let second = list(metadata, 10, last, 2).await;
    assert_eq!(
        second.into_iter().map(|queued| queued.candidate).collect::<Vec<_>>(),
        ["c", "d"].map(link)
    );
}

/// There is one row, with the new time, the new size and the new state, behind the older ones.
pub async fn queueing_again_renews_the_time(metadata: &dyn Metadata) {
    let key = fixture::object_key();
    queue(metadata, &object(&key, 0), 10).await;
    let old = find(metadata, &object(&key, 0)).await.expect("it is queued").id;
    queue(metadata, &link("b"), 20).await;
    queue(metadata, &unfinished(&key, 77, &[1]), 30).await;
    assert_eq!(
        fixture::read(metadata, move |read| read.find_candidate_by_id(old)).await,
        None
    );
    assert_eq!(list(metadata, 25, CandidateId(0), 10).await.len(), 1);
    let all = list(metadata, 30, CandidateId(0), 10).await;
    let found: Vec<_> = all
        .into_iter()
        .map(|queued| (queued.candidate, queued.queued_at))
        .collect();
    assert_eq!(
        found,
        [(link("b"), Timestamp(20)), (unfinished(&key, 77, &[1]), Timestamp(30))]
    );
    assert!(
        find(metadata, &object(&key, 1)).await.is_some(),
        "the size and the state are no part of what it is"
    );
}

/// In, again, out, out again.
pub async fn candidates_are_counted(metadata: &dyn Metadata) {
    let count = || fixture::read(metadata, |read| read.count_candidates());
    assert_eq!(count().await, 0);
    queue(metadata, &link("a"), 10).await;
    queue(metadata, &link("b"), 10).await;
    queue(metadata, &link("a"), 11).await;
    assert_eq!(count().await, 2);
    let id = find(metadata, &link("a")).await.expect("it is queued").id;
    for _ in 0..2 {
        fixture::write(metadata, move |tx| tx.remove_candidate(id)).await;
        assert_eq!(count().await, 1);
    }
    assert_eq!(find(metadata, &link("a")).await, None);
}
