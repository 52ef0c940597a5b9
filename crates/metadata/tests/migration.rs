//! What a database that an older build filled holds after this one opened it. It refuses to look at tables: it reads
//! through the port, as the rules do.

use holdfast_access::{NetworkRules, RegistryId, RoleAssignmentMode, RoleId};
use holdfast_metadata::SqliteStore;
use holdfast_model::{
    Attributes, BlobId, BlobPlace, BlobRecord, Checkpoint, Directory, Metadata, MetadataError, MetadataExt as _,
    ObjectKey, PrincipalRecord, PrincipalType, ReferrerRecord, ReferrersPage, RegistryRecord, RepositoryId,
    ResourceGroup, RoleAssignment, ShownSettings, Sku, StorageAccountId, Timestamp, UploadId,
};
use holdfast_oci::{Algorithm, Digest};
use rusqlite::{Connection, params};
use uuid::Uuid;

/// What builds of schema version 2 made.
const STEPS: [&str; 2] = [
    include_str!("../src/migrations/0001-first.sqlite.sql"),
    include_str!("../src/migrations/0002-control-plane.sqlite.sql"),
];
const TENANT: Uuid = Uuid::from_u128(1);
const SUBSCRIPTION: Uuid = Uuid::from_u128(2);
const RID: Uuid = Uuid::from_u128(3);
const PRINCIPAL: Uuid = Uuid::from_u128(4);
const APP: Uuid = Uuid::from_u128(5);
const ASSIGNMENT: Uuid = Uuid::from_u128(6);
const SECRET: Uuid = Uuid::from_u128(7);
const OBJECT: Uuid = Uuid::from_u128(8);
const UPLOAD: Uuid = Uuid::from_u128(9);
const TAGS: &str = r#"{"team":"blue"}"#;
const MANIFEST: &[u8] = b"{}";
const REFERRER: &[u8] = b"[]";

/// A database of version 2 with a row of each kind that later steps touch or that people would miss first.
fn fill(connection: &Connection, scope: &str) -> rusqlite::Result<()> {
    for step in STEPS {
        connection.execute_batch(step)?;
    }
    connection.execute_batch("PRAGMA application_id = 0x486f6c64; PRAGMA user_version = 2;")?;
    let digest = Digest::of(Algorithm::Sha256, MANIFEST).to_db();
    let (tenant, subscription, rid) = (TENANT.as_bytes(), SUBSCRIPTION.as_bytes(), RID.as_bytes());
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| connection.execute(sql, params);
    run("INSERT INTO directory VALUES (1, ?1, 10)", params![tenant])?;
    run("INSERT INTO subscription VALUES (?1, 'Sub', 11)", params![subscription])?;
    run(
        "INSERT INTO resource_group VALUES (?1, 'Group', 'local', 12, ?2)",
        params![subscription, TAGS],
    )?;
    run("INSERT INTO storage_account VALUES (1, 'default', 'local', 13)", &[])?;
    run(
        "INSERT INTO registry VALUES (3, 'Mine', ?1, ?2, 'Group', 'local', 'Standard', 1, 1, 0, 1, 30, 14, 15, ?3, 0)",
        params![rid, subscription, TAGS],
    )?;
    run(
        "INSERT INTO admin_password VALUES (3, 1, x'0102', zeroblob(32), 9, 16)",
        &[],
    )?;
    run(
        "INSERT INTO repository VALUES (4, 3, 'team/app', 15, 2, 1, 17, 18)",
        &[],
    )?;
    run(
        "INSERT INTO manifest VALUES \
         (5, 4, ?1, 'application/x', 2, NULL, NULL, NULL, NULL, NULL, NULL, 2, 13, 19, 20)",
        params![digest],
    )?;
    run("INSERT INTO manifest_content VALUES (5, ?1)", params![MANIFEST])?;
    let long = "a".repeat(1_000);
    run(
        "INSERT INTO manifest VALUES \
         (6, 4, ?1, 'application/x', 2, ?2, ?3, ?3, '{\"of\":\"v1\"}', ?3, 'linux', 2, 15, 19, 20)",
        params![Digest::of(Algorithm::Sha256, REFERRER).to_db(), digest, long],
    )?;
    run("INSERT INTO tag VALUES (4, 'v1', 5, ?1, 14, 21, 22)", params![digest])?;
    run(
        "INSERT INTO blob VALUES (7, 1, ?1, 70, ?2, 26)",
        params![digest, OBJECT.as_bytes()],
    )?;
    run("INSERT INTO blob_link VALUES (4, ?1, 7, 3, 26)", params![digest])?;
    run(
        "INSERT INTO upload VALUES (?1, 3, 'team/app', 'ann', 1, ?1, 'sha256', 80, x'01', 27, 28)",
        params![UPLOAD.as_bytes()],
    )?;
    let principal = PRINCIPAL.as_bytes();
    run(
        "INSERT INTO principal VALUES (?1, ?2, 'Build', 3, 23)",
        params![principal, APP.as_bytes()],
    )?;
    run(
        "INSERT INTO principal_secret VALUES (?1, ?2, zeroblob(32), 90, 24)",
        params![SECRET.as_bytes(), principal],
    )?;
    run(
        "INSERT INTO role_assignment VALUES (?1, ?2, ?3, ?4, 25)",
        params![ASSIGNMENT.as_bytes(), principal, RoleId::ACR_PULL.to_string(), scope],
    )?;
    Ok(())
}

fn registry() -> RegistryRecord {
    RegistryRecord {
        id: RegistryId(3),
        name: "Mine".to_owned(),
        rid: RID,
        subscription_id: SUBSCRIPTION,
        resource_group: "Group".to_owned(),
        location: "local".to_owned(),
        sku: Sku::Standard,
        storage_account: StorageAccountId(1),
        admin_enabled: true,
        anonymous_pull: false,
        accept_sparse_manifests: true,
        retention_days: Some(30),
        network: NetworkRules::default(),
        role_assignment_mode: RoleAssignmentMode::default(),
        accept_arm_tokens: true,
        allow_export: true,
        data_endpoint: false,
        shown: ShownSettings::default(),
        created_at: Timestamp(14),
        created_by: None,
        tags: [("team".to_owned(), "blue".to_owned())].into(),
        is_deleting: false,
        updated_at: Timestamp(15),
        updated_by: None,
        revision: 1,
    }
}

/// A store over what version 2 left.
fn brought_up() -> (tempfile::TempDir, Box<dyn Metadata>) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("metadata.sqlite");
    let connection = Connection::open(&path).expect("a new file opens");
    fill(&connection, &registry().scope()).expect("the old schema takes the rows");
    drop(connection);
    let store = SqliteStore::open(&path).expect("the old database opens");
    (folder, Box::new(store))
}

#[tokio::test]
async fn a_registry_of_version_2_keeps_its_settings_and_content() {
    let (_folder, store) = brought_up();
    let digest = Digest::of(Algorithm::Sha256, MANIFEST);
    store
        .query(move |read| {
            let found = read.find_directory()?;
            let tenant_id = TENANT;
            let created_at = Timestamp(10);
            assert_eq!(found, Some(Directory { tenant_id, created_at }));
            let group = ResourceGroup {
                subscription_id: SUBSCRIPTION,
                name: "Group".to_owned(),
                location: "local".to_owned(),
                tags: registry().tags,
                created_at: Timestamp(12),
                revision: 1,
            };
            assert_eq!(read.find_resource_group(SUBSCRIPTION, "GROUP")?, Some(group));
            assert_eq!(read.find_registry_by_name("mine")?, Some(registry()));
            let access = read.find_access("mine", Some(1))?.expect("the registry is there");
            assert_eq!((access.0.network, access.1.is_some()), (NetworkRules::default(), true));
            let passwords = read.list_admin_passwords(RegistryId(3))?;
            assert_eq!(
                (passwords.len(), passwords[0].generation, &passwords[0].sealed),
                (1, 9, &vec![1, 2])
            );
            assert!(read.list_scope_maps(RegistryId(3), "", 10)?.is_empty());

            let repository = read
                .find_repository(RegistryId(3), &"team/app".parse().expect("a name"))?
                .expect("the repository is there");
            assert_eq!((repository.manifest_count, repository.tag_count), (2, 1));
            let tag = read.find_tag(repository.id, &"v1".parse().expect("a tag"))?;
            let tag = tag.expect("the tag is there");
            assert_eq!(
                (&tag.digest, tag.attributes, tag.created_at, tag.updated_at),
                (&digest, Attributes::from_bits(14), Timestamp(21), Timestamp(22))
            );
            let manifest = read
                .find_manifest(repository.id, &digest)?
                .expect("the manifest is there");
            assert_eq!(
                (manifest.id, manifest.attributes),
                (tag.manifest, Attributes::from_bits(13))
            );
            let page = ReferrersPage {
                artifact_type: None,
                after: None,
                limit: 9,
                max_bytes: 1 << 20,
            };
            let referrers = read.list_referrers(repository.id, &digest, &page)?;
            let shown = |one: &ReferrerRecord| (one.digest, one.artifact_type.clone(), one.annotations.clone());
            let annotations = Some("{\"of\":\"v1\"}".to_owned());
            let referrer = Digest::of(Algorithm::Sha256, REFERRER);
            // A type that no listing would show is as if it had none.
            assert_eq!(
                referrers.iter().map(shown).collect::<Vec<_>>(),
                [(referrer, None, annotations)]
            );
            let referrer = read.find_manifest(repository.id, &referrer)?.expect("it is there");
            assert_eq!((referrer.architecture, referrer.os.as_deref()), (None, Some("linux")));
            Ok::<_, MetadataError>(())
        })
        .await
        .expect("everything is read");
}

#[tokio::test]
async fn the_objects_of_version_2_are_found_and_its_uploads_go_on() {
    let (_folder, store) = brought_up();
    store
        .query(|read| {
            let digest = Digest::of(Algorithm::Sha256, MANIFEST);
            let blob = BlobRecord {
                id: BlobId(7),
                storage_account: StorageAccountId(1),
                digest,
                size_bytes: 70,
                place: BlobPlace::Object(ObjectKey::new(OBJECT)),
            };
            assert_eq!(read.find_linked_blob(RepositoryId(4), &digest)?, Some(blob));
            assert_eq!(read.find_blob_bytes(BlobId(7))?, None);
            assert!(read.is_object_known(StorageAccountId(1), &ObjectKey::new(OBJECT))?);
            let upload = read.find_upload(UploadId(UPLOAD))?.expect("the session is there");
            let checkpoint = Checkpoint {
                offset: 80,
                state: Vec::new(),
            };
            assert_eq!(upload.checkpoint(), Some(checkpoint));
            assert_eq!((upload.offset, upload.hash_state), (80, vec![1]));
            Ok::<_, MetadataError>(())
        })
        .await
        .expect("everything is read");
}

#[tokio::test]
async fn a_principal_of_version_2_keeps_its_secret_and_its_roles() {
    let (_folder, store) = brought_up();
    store
        .query(|read| {
            let principal = PrincipalRecord {
                id: PRINCIPAL,
                app_id: APP,
                display_name: "Build".to_owned(),
                is_enabled: true,
                generation: 3,
                created_at: Timestamp(23),
            };
            assert_eq!(read.find_principal_by_app(APP)?, Some(principal));
            let application = read.find_application_by_app(APP)?.expect("it has an application");
            assert_eq!(application.display_name, "Build");
            let secrets = read.list_application_secrets(application.id)?;
            assert_eq!(
                (
                    secrets.len(),
                    secrets[0].id,
                    secrets[0].starts_at,
                    secrets[0].expires_at
                ),
                (1, SECRET, Timestamp(24), Timestamp(90))
            );
            let scope = registry().scope();
            let given = [RoleAssignment {
                id: ASSIGNMENT,
                principal: PRINCIPAL,
                principal_type: PrincipalType::ServicePrincipal,
                role: RoleId::ACR_PULL,
                scope: scope.clone(),
                shown_scope: scope.clone(),
                condition: None,
                description: None,
                created_at: Timestamp(25),
                created_by: "operator".to_owned(),
                updated_at: Timestamp(25),
                updated_by: "operator".to_owned(),
            }];
            assert_eq!(read.list_role_assignments(PRINCIPAL)?, given);
            assert_eq!(read.list_role_assignments_at(&scope)?, given);
            Ok::<_, MetadataError>(())
        })
        .await
        .expect("everything is read");
}
