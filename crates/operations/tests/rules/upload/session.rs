//! Sessions of uploads: whose they are, how many there may be, and which give way.

use tokio::time::timeout;

use super::*;

#[tokio::test]
async fn a_session_belongs_to_its_repository_and_to_who_started_it() {
    let world = TestRegistry::start().await;
    let bytes = pattern(9, 10);
    let mine = world.grant_to::<action::Push>(Actor::Token { name: "me".into() }, "app");
    let id = world.start_upload(&mine, None).await.unwrap().id;
    let strangers = [
        world.grant_to::<action::Push>(Actor::Token { name: "you".into() }, "app"),
        world.grant_to::<action::Push>(Actor::Principal { id: "me".into() }, "app"),
        world.grant_to::<action::Push>(Actor::Anonymous, "app"),
        world.grant_to::<action::Push>(Actor::Token { name: "me".into() }, "app/web"),
    ];
    for other in &strangers {
        let body = || Body::whole(bytes.clone());
        let unknown = world.load_upload_progress(other, id).await;
        assert_refused!(unknown, Error::UploadUnknown { .. });
        let unknown = world.append_upload(other, id, None, body()).await;
        assert_refused!(unknown, Error::UploadUnknown { .. });
        let unknown = world.finish_upload(other, id, &sha256(&bytes), None, body()).await;
        assert_refused!(unknown, Error::UploadUnknown { .. });
        assert_refused!(world.abandon_upload(other, id).await, Error::UploadUnknown { .. });
    }
    world
        .finish_upload(&mine, id, &sha256(&bytes), None, Body::whole(bytes.clone()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_takes_one_writer_at_a_time() {
    let world = TestRegistry::start().await;
    let bytes = pattern(9, 10);
    let id = upload_of(&world, "app", &Bytes::new()).await;
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let waits = futures_util::stream::once(async move {
        receiver.await.unwrap();
        Ok(pattern(9, 10))
    });
    let body = Body {
        length: Some(10),
        chunks: Box::pin(waits),
    };
    let grant = world.grant("app");
    let first = world.append_upload(&grant, id, None, body);
    let second = async {
        assert_refused!(append(&world, "app", id, &bytes).await, Error::UploadBusy { .. });
        assert_refused!(world.abandon_upload(&grant, id).await, Error::UploadBusy { .. });
        let mut progress = Box::pin(world.load_upload_progress(&grant, id));
        assert!(
            timeout(Duration::from_millis(200), &mut progress).await.is_err(),
            "where it stands is told when the writer has ended"
        );
        world.advance(Limits::default().upload_idle * 2);
        assert_eq!(
            world.purge_uploads().await.unwrap().uploads,
            0,
            "a busy session is not stale"
        );
        sender.send(()).unwrap();
        progress.await.unwrap().offset
    };
    let (first, told) = tokio::join!(first, second);
    assert_eq!((first.unwrap().offset, told), (10, 10));
    finish(&world, "app", id, &sha256(&bytes), &Bytes::new()).await.unwrap();
}

#[tokio::test]
async fn a_finished_or_abandoned_session_is_gone() {
    let world = TestRegistry::start().await;
    let bytes = pattern(9, 100_000);
    let id = upload_of(&world, "app", &bytes).await;
    world.abandon_upload(&world.grant("app"), id).await.unwrap();
    assert_nothing_left(&world).await;
    assert_refused!(append(&world, "app", id, &bytes).await, Error::UploadUnknown { .. });

    let id = upload_of(&world, "app", &bytes).await;
    finish(&world, "app", id, &sha256(&bytes), &Bytes::new()).await.unwrap();
    let again = finish(&world, "app", id, &sha256(&bytes), &Bytes::new()).await;
    assert_refused!(again, Error::UploadUnknown { .. });
    let abandoned = world.abandon_upload(&world.grant("app"), id).await;
    assert_refused!(abandoned, Error::UploadUnknown { .. });
    assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
}

#[tokio::test]
async fn stale_sessions_are_purged_with_their_bytes() {
    let world = TestRegistry::start().await;
    let idle = world.limits().upload_idle;
    let stale = upload_of(&world, "app", &pattern(1, 500_000)).await;
    let empty = upload_of(&world, "app", &Bytes::new()).await;
    let small = upload_of(&world, "app", &pattern(4, 500)).await;
    let live = upload_of(&world, "app", &pattern(2, 20_000)).await;
    assert_eq!(world.count_objects().await, 2);
    world.advance(idle - Duration::from_secs(1));
    assert_eq!(world.purge_uploads().await.unwrap().uploads, 0);
    append(&world, "app", live, &pattern(3, 10)).await.unwrap();
    world.advance(Duration::from_secs(2));
    assert_eq!(world.purge_uploads().await.unwrap().uploads, 3);
    for id in [stale, empty, small] {
        assert_refused!(offset(&world, "app", id).await, Error::UploadUnknown { .. });
    }
    assert_eq!(offset(&world, "app", live).await.unwrap(), 20_010);
    assert_eq!(world.count_objects().await, 1);
}

#[tokio::test]
async fn a_purge_that_meets_a_finished_upload_leaves_its_blob_alone() {
    let (gate, decorator) = Gate::new();
    let world = TestRegistry::start_with(Limits::default(), Some(decorator)).await;
    let bytes = pattern(6, 100_000);
    let id = upload_of(&world, "app", &bytes).await;
    world.advance(world.limits().upload_idle * 2);
    let stopped = gate.close();
    let registry = world.operator().clone();
    let purge = tokio::spawn(async move { registry.content().purge_uploads().await });
    // The purge has seen the stale session, and now its client comes back and finishes it.
    stopped.reached.await.unwrap();
    finish(&world, "app", id, &sha256(&bytes), &Bytes::new()).await.unwrap();
    stopped.go_on.send(()).unwrap();
    assert_eq!(purge.await.unwrap().unwrap().uploads, 0);
    assert_eq!(world.read_blob("app", &sha256(&bytes)).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_purge_that_meets_a_session_that_went_on_leaves_it_alone() {
    let (gate, decorator) = Gate::new();
    let world = TestRegistry::start_with(Limits::default(), Some(decorator)).await;
    let bytes = pattern(6, 100_000);
    let id = upload_of(&world, "app", &bytes.slice(..10)).await;
    world.advance(world.limits().upload_idle * 2);
    let stopped = gate.close();
    let registry = world.operator().clone();
    let purge = tokio::spawn(async move { registry.content().purge_uploads().await });
    stopped.reached.await.unwrap();
    append(&world, "app", id, &bytes.slice(10..20)).await.unwrap();
    stopped.go_on.send(()).unwrap();
    assert_eq!(purge.await.unwrap().unwrap().uploads, 0);
    finish(&world, "app", id, &sha256(&bytes), &bytes.slice(20..))
        .await
        .unwrap();
}

#[tokio::test]
async fn too_many_sessions_are_refused_per_caller() {
    let limits = Limits {
        max_uploads_per_caller: 2,
        ..Limits::default()
    };
    let world = TestRegistry::start_with(limits, None).await;
    let me = world.grant::<action::Push>("app");
    let first = world.start_upload(&me, None).await.unwrap();
    world
        .start_upload(&world.grant::<action::Push>("other"), None)
        .await
        .unwrap();
    assert_refused!(
        world.start_upload(&me, None).await,
        Error::TooManyUploads { limit: 2, .. }
    );
    let whole = world.try_push_blob("app", "bytes").await;
    assert_refused!(whole, Error::TooManyUploads { .. });
    let somebody_else = world.grant_to(Actor::Token { name: "t".into() }, "app");
    world.start_upload(&somebody_else, None).await.unwrap();
    world.abandon_upload(&me, first.id).await.unwrap();
    world.start_upload(&me, None).await.unwrap();
}

/// Nobody can list sessions, so clients that died would shut out their account until the purge.
#[tokio::test]
async fn the_session_that_waited_longest_gives_way_when_there_are_too_many() {
    let limits = Limits {
        max_uploads_per_caller: 2,
        ..Limits::default()
    };
    let world = TestRegistry::start_with(limits, None).await;
    let me = world.grant::<action::Push>("app");
    let other = world.grant::<action::Push>("other");
    let bytes = pattern(2, 100);
    let forgotten = upload_of(&world, "app", &bytes).await;
    world.advance(Duration::from_millis(1_500));
    let younger = world.start_upload(&other, None).await.unwrap().id;
    let soon = world.start_upload(&me, None).await;
    assert_refused!(
        soon,
        Error::TooManyUploads {
            retry_after_secs: 599,
            ..
        }
    );
    world.advance(Duration::from_millis(598_499));
    let nearly = world.start_upload(&me, None).await;
    assert_refused!(
        nearly,
        Error::TooManyUploads {
            retry_after_secs: 1,
            ..
        }
    );
    world.advance(Duration::from_millis(1));
    let third = world.start_upload(&me, None).await.unwrap().id;
    let gone = append(&world, "app", forgotten, &bytes).await;
    assert_refused!(gone, Error::UploadUnknown { .. });
    assert_eq!(offset(&world, "other", younger).await.unwrap(), 0);
    world.abandon_upload(&other, younger).await.unwrap();
    world.abandon_upload(&me, third).await.unwrap();
    assert_nothing_left(&world).await;
}

#[tokio::test]
async fn a_session_that_a_request_writes_to_gives_way_to_none() {
    let (gate, decorator) = Gate::new();
    let limits = Limits {
        max_uploads_per_caller: 2,
        ..Limits::default()
    };
    let world = TestRegistry::start_with(limits, Some(decorator)).await;
    let bytes = pattern(6, 100_000);
    let slow = upload_of(&world, "app", &Bytes::new()).await;
    let (registry, grant) = (world.operator().clone(), world.grant::<action::Push>("app"));
    let (digest, body) = (sha256(&bytes), Body::whole(bytes.clone()));
    let stopped = gate.close();
    let writing = tokio::spawn(async move {
        registry
            .content()
            .finish_upload(&grant, slow, &digest, None, body)
            .await
    });
    stopped.reached.await.unwrap();
    world.advance(Duration::from_secs(1));
    let me = world.grant::<action::Push>("app");
    let idle = world.start_upload(&me, None).await.unwrap().id;
    world.advance(Duration::from_secs(600));
    world.start_upload(&me, None).await.unwrap();
    assert_refused!(offset(&world, "app", idle).await, Error::UploadUnknown { .. });
    stopped.go_on.send(()).unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(world.read_blob("app", &digest).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_session_that_goes_while_its_bytes_come_leaves_no_object() {
    for (before, last) in [(0, 1_000), (0, 100_000), (100, 0), (100, 100_000), (100_000, 10)] {
        for is_chunk in [false, true] {
            let (gate, decorator) = Gate::new();
            let world = TestRegistry::start_with(Limits::default(), Some(decorator)).await;
            let bytes = pattern(6, before + last.max(1));
            let id = upload_of(&world, "app", &bytes.slice(..before)).await;
            let (registry, grant) = (world.operator().clone(), world.grant::<action::Push>("app"));
            let (digest, rest) = (sha256(&bytes), Body::whole(bytes.slice(before..)));
            let stopped = gate.close();
            let writing = tokio::spawn(async move {
                if is_chunk {
                    registry.content().append_upload(&grant, id, None, rest).await.map(drop)
                } else {
                    registry.content().finish_upload(&grant, id, &digest, None, rest).await
                }
            });
            // It has seen its session; the deletion of its registry takes that, and the collector what there was.
            stopped.reached.await.unwrap();
            let removed = world
                .rows()
                .transact(Durability::Durable, move |tx| tx.remove_upload(id))
                .await
                .unwrap();
            if let Some(object) = removed.expect("the session is open").garbage {
                let state = object.unfinished.unwrap();
                world.blobs().abandon(&object.object_key, &state).await.unwrap();
            }
            stopped.go_on.send(()).unwrap();
            assert!(writing.await.unwrap().is_err(), "{before} {last} {is_chunk}");
            assert_nothing_left(&world).await;
        }
    }
}
