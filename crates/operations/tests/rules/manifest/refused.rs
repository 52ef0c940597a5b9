//! What a push of a manifest demands, and that one which is refused leaves nothing.

use super::*;

#[tokio::test]
async fn push_by_digest_rejects_other_bytes() {
    let world = TestRegistry::start().await;
    let (one, two) = (Document::image(&["one"]), Document::image(&["two"]));
    world.push("app", None, &one).await;
    world.push("app", None, &two).await;
    for algorithm in Algorithm::ALL {
        let claimed = Digest::of(algorithm, one.bytes());
        let refused = world.put_manifest(&world.grant("app"), two.put(claimed.into())).await;
        assert_refused!(refused, Error::DigestMismatch { .. });
    }
    let claimed = Digest::of(Algorithm::Sha512, two.bytes());
    world
        .put_manifest(&world.grant("app"), two.put(claimed.into()))
        .await
        .unwrap();
    assert_eq!(
        world.pull("app", &claimed.to_string()).await.unwrap().bytes,
        two.bytes()
    );
}

#[tokio::test]
async fn everything_missing_is_named_and_nothing_is_made() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["one", "two"]);
    world.push_blob("app", "one").await;
    match put(&world, "app", &image).await {
        Err(Error::ManifestBlobsMissing { repository, digests }) => {
            assert_eq!(repository, name("app"));
            assert_eq!(digests, [sha256(&image.blobs()[0]), sha256(b"two")]);
        }
        other => panic!("{other:?}"),
    }
    world.push("elsewhere", Some("v1"), &image).await;
    let index = Document::index(&[&image, &Document::image(&["three"])]);
    match put(&world, "app", &index).await {
        Err(Error::ManifestBlobsMissing { digests, .. }) => assert_eq!(
            digests,
            [image.digest(), Document::image(&["three"]).digest()],
            "what another repository has does not count"
        ),
        other => panic!("{other:?}"),
    }
    assert_refused!(world.tags("app").await, Error::RepositoryUnknown { .. });
    assert_eq!(world.catalog().await, [name("elsewhere")]);
}

#[tokio::test]
async fn a_refused_push_makes_no_repository() {
    let world = TestRegistry::start().await;
    let refused = world
        .put_manifest(&world.grant("new"), Document::image(&["layer"]).put(tag("v1").into()))
        .await;
    assert_refused!(refused, Error::ManifestBlobsMissing { .. });
    let rows = {
        use holdfast_model::MetadataExt as _;
        let id = world.id();
        world
            .rows()
            .query(move |read| read.find_repository(id, &name("new")))
            .await
    };
    assert_eq!(rows.unwrap(), None);
}

#[tokio::test]
async fn a_size_that_lies_is_refused() {
    let world = TestRegistry::start().await;
    let image = Document::image(&["layer"]);
    world.push("app", Some("v1"), &image).await;
    for lie in [0, 4, 6, i64::MAX] {
        let lying = image.clone().edited(|json| json["layers"][0]["size"] = json!(lie));
        match put(&world, "app", &lying).await {
            Err(Error::SizeMismatch {
                digest,
                declared,
                actual,
            }) => {
                assert_eq!(digest, sha256(b"layer"));
                assert_eq!((declared, actual), (u64::try_from(lie).unwrap(), 5));
            }
            other => panic!("{other:?}"),
        }
    }
    // The truth and a lie about the same blob are not a truth.
    let both = image.edited(|json| {
        let mut lie = json["layers"][0].clone();
        lie["size"] = json!(6);
        json["layers"].as_array_mut().unwrap().push(lie);
    });
    assert_refused!(put(&world, "app", &both).await, Error::SizeMismatch { .. });
}

#[tokio::test]
async fn the_stored_blob_tells_a_size_that_the_manifest_leaves_out() {
    const CONFIG: &[u8] = br#"{"architecture":"arm64","os":"linux"}"#;
    let without_size = |descriptor: &mut Value| drop(descriptor.as_object_mut().unwrap().remove("size"));
    for is_sparse in [false, true] {
        let world = TestRegistry::start().await;
        world
            .switch(move |registry| registry.accept_sparse_manifests = is_sparse)
            .await;
        let image = Document::image_with_config(CONFIG, &["layer"]).edited(|json| {
            json["config"]["sizeInBytes"] = json!(CONFIG.len());
            without_size(&mut json["config"]);
            without_size(&mut json["layers"][0]);
        });
        world.push_blob("app", "layer").await;
        match put(&world, "app", &image).await {
            Err(Error::ManifestBlobsMissing { digests, .. }) => assert_eq!(digests, [sha256(CONFIG)]),
            other => panic!("{other:?}"),
        }
        world.push_blob("app", CONFIG).await;
        put(&world, "app", &image).await.unwrap();
        let index = Document::index(&[&image]).edited(|json| without_size(&mut json["manifests"][0]));
        put(&world, "app", &index).await.unwrap();
        let listed = world.list_manifests(&world.grant("app"), everything()).await.unwrap();
        for view in listed.manifests {
            assert_eq!(view.record.image_size_bytes, (CONFIG.len() + "layer".len()) as u64);
        }
        let view = world
            .load_manifest_view(&world.grant("app"), &image.digest())
            .await
            .unwrap();
        assert_eq!(view.record.architecture.as_deref(), Some("arm64"));
    }
}

#[tokio::test]
async fn an_index_may_list_blobs() {
    let world = TestRegistry::start().await;
    let cache = Document::cache(&["layer", "config"]);
    world.push_blob("app", "layer").await;
    match put(&world, "app", &cache).await {
        Err(Error::ManifestBlobsMissing { digests, .. }) => assert_eq!(digests, [sha256(b"config")]),
        other => panic!("{other:?}"),
    }
    world.push_blob("app", "config").await;
    let lying = cache.clone().edited(|json| json["manifests"][0]["size"] = json!(6));
    assert_refused!(put(&world, "app", &lying).await, Error::SizeMismatch { .. });
    put(&world, "app", &cache).await.unwrap();
    let listed = world
        .list_manifests(&world.grant("app"), everything())
        .await
        .unwrap()
        .manifests;
    assert_eq!(
        listed[0].record.image_size_bytes,
        "layer".len() as u64 + "config".len() as u64
    );
    assert_refused!(
        world.delete_blob(&world.grant("app"), &sha256(b"layer")).await,
        Error::BlobInUse { .. }
    );
}

#[tokio::test]
async fn sparse_manifests_are_taken_where_the_registry_says_so() {
    let world = TestRegistry::start().await;
    let (image, referrer) = (Document::image(&["layer"]), Document::image(&["note"]));
    let index = Document::index(&[&image, &referrer]);
    world.switch(|registry| registry.accept_sparse_manifests = true).await;
    put(&world, "app", &image).await.unwrap();
    put(&world, "app", &index).await.unwrap();
    put(&world, "other", &index).await.unwrap();
    assert_refused!(
        world.read_blob("app", &sha256(b"layer")).await,
        Error::BlobUnknown { .. }
    );
    // A blob that comes later is protected like any other.
    world.push_blob("app", "layer").await;
    world.pass_grace();
    world.collect().await;
    assert_eq!(world.read_blob("app", &sha256(b"layer")).await.unwrap(), "layer");

    world.switch(|registry| registry.accept_sparse_manifests = false).await;
    let refused = put(&world, "third", &image).await;
    assert_refused!(refused, Error::ManifestBlobsMissing { .. });
    world.pull("app", &index.digest().to_string()).await.unwrap();
}

#[tokio::test]
async fn foreign_layers_need_not_be_there() {
    let world = TestRegistry::start().await;
    for media_type in [
        holdfast_oci::media_type::DOCKER_FOREIGN_LAYER,
        holdfast_oci::media_type::OCI_NONDISTRIBUTABLE_LAYER_GZIP,
    ] {
        let windows = Document::image(&["base", "own"]).edited(|json| {
            json["layers"][0]["mediaType"] = json!(media_type);
            json["layers"][0]["urls"] = json!(["https://example.com/base"]);
        });
        world
            .push_blob(media_type_repository(media_type), windows.blobs()[0].clone())
            .await;
        let refused = put(&world, media_type_repository(media_type), &windows).await;
        match refused {
            Err(Error::ManifestBlobsMissing { digests, .. }) => assert_eq!(digests, [sha256(b"own")]),
            other => panic!("{other:?}"),
        }
        world.push_blob(media_type_repository(media_type), "own").await;
        put(&world, media_type_repository(media_type), &windows).await.unwrap();
    }
}
