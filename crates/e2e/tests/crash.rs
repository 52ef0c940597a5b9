//! `kill -9` at random moments while several writers push, tag, mount and delete: everything acknowledged is there
//! afterwards, nothing is there by half, uploads go on, and nothing is left over. The last tests prove that the judges
//! can say no.

#[path = "crash/inspector.rs"]
mod inspector;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/writer.rs"]
mod writer;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use holdfast_e2e::{Data, Random, Server, image, project};
use rusqlite::OpenFlags;

use inspector::{inspect, inspect_shared};
use ledger::{Content, Ledger, Thing};
use writer::{Common, ROW_BLOB_BYTES, Writer};

const WRITERS: usize = 4;
const ROUNDS: usize = 6;

/// The ledgers of several writers, with two repositories each.
fn ledgers() -> Vec<Ledger> {
    let names = |writer: usize| ["one", "two/deep"].map(|name| format!("crash/w{writer}/{name}"));
    (0..WRITERS).map(|writer| Ledger::new(names(writer).to_vec())).collect()
}

/// Lets all writers work for a while, and kills the server under them.
fn work_and_kill(server: Server, ledgers: Vec<Ledger>, random: &mut Random, common: &Common) -> (Data, Vec<Ledger>) {
    common.is_killed.store(false, Ordering::SeqCst);
    let writers = ledgers.into_iter().map(|ledger| {
        let connection = server.connect().expect("the server listens");
        Writer::new(connection, Random::new(random.number()), ledger, common)
    });
    let writers: Vec<Writer> = writers.collect();
    let patience = Duration::from_millis(200 + random.number() % 900);
    thread::scope(|scope| {
        let running: Vec<_> = writers
            .into_iter()
            .map(|writer| scope.spawn(move || writer.work()))
            .collect();
        thread::sleep(patience);
        common.is_killed.store(true, Ordering::SeqCst);
        let data = server.kill();
        let join = |running: thread::ScopedJoinHandle<'_, Ledger>| running.join().expect("a writer is content");
        (data, running.into_iter().map(join).collect())
    })
}

/// Inspects everything at once and takes over what was seen; gives what is wrong.
fn settle(
    server: &Server,
    ledgers: &mut [Ledger],
    settle: impl Fn(&mut Ledger, &ledger::World) -> Vec<String> + Sync,
) -> Vec<String> {
    let settle = &settle;
    thread::scope(|scope| {
        let running: Vec<_> = ledgers
            .iter_mut()
            .map(|ledger| {
                scope.spawn(move || {
                    let connection = server.connect().expect("the server listens");
                    let (seen, mut complaints) = inspect(connection, ledger).expect("nobody kills the server now");
                    complaints.extend(settle(ledger, &seen));
                    complaints
                })
            })
            .collect();
        let join = |running: thread::ScopedJoinHandle<'_, Vec<String>>| running.join().expect("an inspector ends well");
        running.into_iter().flat_map(join).collect()
    })
}

/// Goes on with the uploads that were cut short.
fn go_on(server: &Server, ledgers: Vec<Ledger>, random: &mut Random, common: &Common) -> (Vec<Ledger>, Vec<String>) {
    let mut complaints = Vec::new();
    let resume = |ledger: Ledger| {
        let connection = server.connect().expect("the server listens");
        let mut writer = Writer::new(connection, Random::new(random.number()), ledger, common);
        complaints.extend(writer.go_on().expect("nobody kills the server now"));
        writer.ledger
    };
    (ledgers.into_iter().map(resume).collect(), complaints)
}

/// Starts a collection and kills the server under it.
fn collect_and_kill(server: Server, random: &mut Random) -> Data {
    let mut collection = Command::new(project::holdfast())
        .args(["gc", "--grace", "0s", "--data-dir"])
        .arg(server.data().path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("holdfast starts");
    thread::sleep(Duration::from_millis(5 + random.number() % 60));
    let data = server.kill();
    // It ends well or with a lost connection, as the moment was.
    collection.wait().expect("a child of ours can be waited for");
    data
}

/// Collects until nothing is left to collect.
fn collect_all(data: &Data) {
    for _ in 0..10 {
        let report = data.operate_json(&["gc", "--grace", "0s"]);
        let done = ["objects", "manifests", "blobLinks"].map(|name| report[name].as_u64().unwrap_or(0));
        if done == [0, 0, 0] {
            return;
        }
    }
    panic!("collections come to no end");
}

/// Object files that no row names, and blobs whose file is missing: read from the folder itself.
fn orphans(data: &Data) -> Vec<String> {
    let database = data.path().join("metadata.db");
    let rows = rusqlite::Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it opens");
    let keys = |query: &str| -> BTreeSet<String> {
        let mut statement = rows.prepare(query).expect("the schema is known");
        let keys = statement.query_map([], |row| row.get(0)).expect("the query runs");
        keys.map(|key| key.expect("a key is text")).collect()
    };
    let blobs = keys("SELECT lower(hex(object_key)) FROM blob WHERE object_key <> zeroblob(16)");
    let uploads = keys("SELECT lower(hex(object_key)) FROM upload");
    let files: BTreeSet<String> = data.objects().into_iter().map(|(key, _)| key).collect();
    let unknown = files
        .iter()
        .filter(|key| !blobs.contains(*key) && !uploads.contains(*key));
    let lost = blobs.difference(&files);
    let unknown = unknown.map(|key| format!("object {key} belongs to nothing"));
    unknown.chain(lost.map(|key| format!("object {key} is lost"))).collect()
}

/// Unneeded blobs that a whole collection has left.
fn left_over(ledgers: &[Ledger]) -> Vec<String> {
    let of = |ledger: &Ledger| -> Vec<String> {
        let repositories = ledger.repositories.iter();
        let left = repositories.flat_map(|repository| ledger.blobs(repository, false));
        left.map(|digest| format!("blob {digest} was not collected")).collect()
    };
    ledgers.iter().flat_map(of).collect()
}

/// Remarks but those on indexes whose children were deleted, as writers do.
fn unexplained(mut remarks: Vec<String>) -> Vec<String> {
    remarks.retain(|remark| !remark.starts_with("index "));
    remarks
}

#[track_caller]
fn none(complaints: &[String], when: &str) {
    assert!(complaints.is_empty(), "{when}:\n{}", complaints.join("\n"));
}

fn check_is_clean(data: &Data, when: &str) {
    let check = data.check();
    assert_eq!(check.code, Some(0), "{when}: {}", check.told);
    none(&check.faults, when);
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_there_by_half() {
    let seed = Random::seed();
    eprintln!("HOLDFAST_TEST_SEED={seed}");
    let (mut random, common) = (Random::new(seed), Common::default());
    let (mut server, mut ledgers) = (Server::start(), ledgers());
    for round in 0..ROUNDS {
        let when = format!("round {round} of seed {seed}");
        let (mut data, known) = work_and_kill(server, ledgers, &mut random, &common);
        ledgers = known;
        if round % 3 == 1 {
            data = Server::start_and_kill(data, Duration::from_millis(random.number() % 150));
        }
        server = Server::open(data, &[]);
        none(&settle(&server, &mut ledgers, Ledger::settle), &when);
        let connection = server.connect().expect("the server listens");
        none(
            &inspect_shared(connection, &common.shared()).expect("nobody kills it now"),
            &when,
        );
        let (resumed, complaints) = go_on(&server, ledgers, &mut random, &common);
        ledgers = resumed;
        none(&complaints, &when);
        check_is_clean(server.data(), &when);
        if round % 2 == 1 {
            server = Server::open(collect_and_kill(server, &mut random), &[]);
            none(
                &settle(&server, &mut ledgers, Ledger::settle_collected),
                &format!("a collection after {when}"),
            );
            check_is_clean(server.data(), &format!("a collection after {when}"));
        }
    }
    // Uploads that nobody heard of are given up, too.
    server = Server::open(server.stop(), &["--upload-idle", "1s"]);
    thread::sleep(Duration::from_secs(3));
    collect_all(server.data());
    let when = format!("the end of seed {seed}");
    none(&settle(&server, &mut ledgers, Ledger::settle_collected), &when);
    none(&left_over(&ledgers), &when);
    let data = server.stop();
    none(&orphans(&data), &when);
    check_is_clean(&data, &when);
    none(&unexplained(data.check().remarks), &when);
    let things: usize = ledgers.iter().map(|ledger| ledger.world.len()).sum();
    assert!(things > 100, "the writers did next to nothing: {things} things");
}

/// A server with some images, and the ledger of the one who pushed them.
fn acquainted(common: &Common) -> (Server, Ledger) {
    let server = Server::start();
    let connection = server.connect().expect("the server listens");
    let ledger = Ledger::new(vec!["crash/judged".to_owned()]);
    let mut writer = Writer::new(connection, Random::new(7), ledger, common);
    while writer.ledger.tags("crash/judged").len() < 8 {
        assert!(writer.step().is_continue());
    }
    (server, writer.ledger)
}

fn is_object(content: &Content) -> bool {
    content.len() > ROW_BLOB_BYTES
}

/// Expects the inspector to complain, in those words, and takes over what is there now.
#[track_caller]
fn complains(server: &Server, ledger: &mut Ledger, words: &[&str]) {
    let complaints = settle(server, std::slice::from_mut(ledger), Ledger::settle).join("\n");
    for word in words {
        assert!(complaints.contains(word), "expected {word:?}: {complaints}");
    }
}

#[test]
fn the_inspector_complains_about_what_is_done_behind_its_back() {
    let common = Common::default();
    let (mut server, mut ledger) = acquainted(&common);
    none(
        &settle(&server, std::slice::from_mut(&mut ledger), Ledger::settle),
        "at first",
    );
    let mut other = server.connect().expect("the server listens");
    let mut ask = |method: &str, path: &str, body: &[u8]| {
        let headers = [("Content-Type", image::MANIFEST)];
        let answer = other
            .ask(method, path, &headers, body)
            .expect("nobody kills the server");
        assert!(answer.status < 300, "{method} {path}: {}", answer.status);
    };
    let path = |reference: &str| format!("/v2/crash/judged/manifests/{reference}");

    let (tag, digest) = ledger.tags("crash/judged").swap_remove(0);
    ask("DELETE", &path(&digest), b"");
    complains(
        &server,
        &mut ledger,
        &["acknowledged, but lost", &digest, &format!("{tag:?}")],
    );

    let images = ledger
        .manifests("crash/judged")
        .into_iter()
        .map(|digest| Thing::manifest("crash/judged", &digest));
    let images = images.map(|thing| Arc::clone(&ledger.world[&thing]));
    let images: Vec<Content> = images.filter(|content| !ledger::blobs(content).is_empty()).collect();
    let (tag, digest) = ledger.tags("crash/judged").swap_remove(0);
    let foreign = images
        .iter()
        .find(|content| image::digest(content) != digest)
        .expect("there are several images");
    ask("PUT", &path(&tag), foreign);
    complains(
        &server,
        &mut ledger,
        &["acknowledged, but other now", &format!("{tag:?}")],
    );

    ask("PUT", &path("nobody-pushed-this"), foreign);
    complains(&server, &mut ledger, &["never acknowledged", "nobody-pushed-this"]);

    let points_to = Arc::new(image::digest(foreign).into_bytes());
    let both = ["half-one", "half-two"].map(|tag| (Thing::tag("crash/judged", tag), Some(Arc::clone(&points_to))));
    ledger.attempt("two tags at once".to_owned(), both.to_vec());
    ask("PUT", &path("half-one"), foreign);
    complains(&server, &mut ledger, &["half of a change is there: two tags at once"]);

    let blobs = images.iter().flat_map(|content| ledger::blobs(content));
    let (blob, content) = blobs
        .map(|blob| (Thing::blob("crash/judged", &blob), blob))
        .find_map(|(thing, blob)| Some((blob, ledger.world.get(&thing).filter(|content| is_object(content))?)))
        .expect("some layer is large");
    let object = server.data().object_of(content);
    // Small blobs are kept in memory, so the damage shows after a start.
    let data = server.kill();
    let content = fs::read(&object).expect("the object is there");
    fs::write(&object, vec![0; content.len()]).expect("it can be overwritten");
    server = Server::open(data, &[]);
    complains(&server, &mut ledger, &["damaged", "half an image", &blob]);
}

/// A way to break a stopped server's data, and what `holdfast check` says then.
struct Damage {
    done: &'static str,
    by: fn(&Data, &Broken),
    says: &'static str,
}

/// What is broken: an image and one of its blobs.
struct Broken {
    tag: String,
    manifest: String,
    blob: String,
    content: Content,
    /// Of the blobs of the same manifest, one that lies in the database.
    row: String,
}

impl Broken {
    fn hex(digest: &str) -> &str {
        digest.split_once(':').map_or(digest, |(_, hex)| hex)
    }
}

fn execute(data: &Data, statement: &str, digest: &str) {
    let rows = rusqlite::Connection::open(data.path().join("metadata.db")).expect("it opens");
    rows.pragma_update(None, "foreign_keys", false)
        .expect("the pragma is known");
    // A row that a disk loses is counted out by nobody.
    rows.execute_batch("DROP TRIGGER tag_discounted; DROP TRIGGER manifest_discounted; DROP TRIGGER blob_discounted")
        .expect("the schema is known");
    let statement = statement.replace("DIGEST", &format!("lower(hex(digest)) LIKE '%{}'", Broken::hex(digest)));
    let changed = rows.execute(&statement, []).expect("the schema is known");
    assert!(changed > 0, "{statement} changed nothing");
}

fn rewrite(data: &Data, broken: &Broken, change: impl Fn(&mut Vec<u8>)) {
    let path = data.object_of(&broken.content);
    let mut bytes = fs::read(&path).expect("the object is there");
    change(&mut bytes);
    fs::write(&path, bytes).expect("it can be written");
}

const DAMAGES: [Damage; 14] = [
    Damage {
        done: "a bit of a blob was flipped",
        by: |data, broken| rewrite(data, broken, |bytes| bytes[0] ^= 1),
        says: "is damaged",
    },
    Damage {
        done: "a blob was cut short",
        by: |data, broken| rewrite(data, broken, |bytes| bytes.truncate(bytes.len() - 1)),
        says: "cannot be read",
    },
    Damage {
        done: "a blob grew",
        by: |data, broken| rewrite(data, broken, |bytes| bytes.push(0)),
        says: "has more",
    },
    Damage {
        done: "a blob's file was removed",
        by: |data, broken| fs::remove_file(data.object_of(&broken.content)).expect("it can be removed"),
        says: "is lost",
    },
    Damage {
        done: "the bytes of a blob in the database were changed",
        by: |data, broken| {
            let statement = "UPDATE blob_content SET bytes = CAST(CAST(bytes AS TEXT) || ' ' AS BLOB) \
                             WHERE blob_id IN (SELECT id FROM blob WHERE DIGEST)";
            execute(data, statement, &broken.row);
        },
        says: "is damaged",
    },
    Damage {
        done: "the bytes of a blob in the database were removed",
        by: |data, broken| {
            let statement = "DELETE FROM blob_content WHERE blob_id IN (SELECT id FROM blob WHERE DIGEST)";
            execute(data, statement, &broken.row);
        },
        says: "is lost",
    },
    Damage {
        done: "a blob's row says another length than its bytes in the database have",
        by: |data, broken| {
            execute(
                data,
                "UPDATE blob SET size_bytes = size_bytes + 1 WHERE DIGEST",
                &broken.row,
            )
        },
        says: "bytes in the database",
    },
    Damage {
        done: "a blob's link was removed",
        by: |data, broken| execute(data, "DELETE FROM blob_link WHERE DIGEST", &broken.blob),
        says: "needs blob",
    },
    Damage {
        done: "a blob's row was removed",
        by: |data, broken| execute(data, "DELETE FROM blob WHERE DIGEST", &broken.blob),
        says: "needs blob",
    },
    Damage {
        done: "a tag was removed",
        by: |data, broken| {
            let statement = format!("DELETE FROM tag WHERE DIGEST AND name = '{}'", broken.tag);
            execute(data, &statement, &broken.manifest);
        },
        says: "tags",
    },
    Damage {
        done: "a manifest's row was removed",
        by: |data, broken| execute(data, "DELETE FROM manifest WHERE DIGEST", &broken.manifest),
        says: "manifests",
    },
    Damage {
        done: "a manifest's bytes were changed",
        by: |data, broken| {
            let statement = "UPDATE manifest_content SET bytes = CAST(CAST(bytes AS TEXT) || ' ' AS BLOB) \
                             WHERE manifest_id IN (SELECT id FROM manifest WHERE DIGEST)";
            execute(data, statement, &broken.manifest);
        },
        says: "is damaged",
    },
    Damage {
        done: "a manifest's bytes were removed",
        by: |data, broken| {
            let statement = "DELETE FROM manifest_content WHERE manifest_id IN (SELECT id FROM manifest WHERE DIGEST)";
            execute(data, statement, &broken.manifest);
        },
        says: "is damaged",
    },
    Damage {
        done: "it was forgotten which blobs a manifest needs",
        by: |data, broken| {
            let statement = "DELETE FROM manifest_blob WHERE manifest_id IN (SELECT id FROM manifest WHERE DIGEST)";
            execute(data, statement, &broken.manifest);
        },
        says: "needs other blobs",
    },
];

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .arg("--archive")
        .args([from, to])
        .status()
        .expect("cp starts");
    assert!(status.success(), "{} can be copied", from.display());
}

#[test]
fn check_fails_on_every_kind_of_damage_and_names_it() {
    let common = Common::default();
    let (server, ledger) = acquainted(&common);
    let data = server.stop();
    check_is_clean(&data, "before");
    let broken = ledger.tags("crash/judged").into_iter().find_map(|(tag, manifest)| {
        let blobs = ledger::blobs(&ledger.world[&Thing::manifest("crash/judged", &manifest)]);
        let content = |blob: &String| Arc::clone(&ledger.world[&Thing::blob("crash/judged", blob)]);
        let (objects, rows): (Vec<_>, Vec<_>) = blobs.into_iter().partition(|blob| is_object(&content(blob)));
        let (blob, row) = (objects.into_iter().next()?, rows.into_iter().next()?);
        let content = content(&blob);
        Some(Broken {
            tag,
            manifest,
            blob,
            content,
            row,
        })
    });
    let broken = broken.expect("there is an image with a tag");
    let backup = data.beside("backup");
    copy(&data.path(), &backup);
    for Damage { done, by, says } in DAMAGES {
        by(&data, &broken);
        let check = data.check();
        assert_eq!(check.code, Some(1), "{done}: {}", check.told);
        let named = [broken.blob.as_str(), &broken.row, &broken.manifest, "crash/judged"];
        let is_named = |fault: &String| fault.contains(says) && named.iter().any(|name| fault.contains(name));
        assert!(check.faults.iter().any(is_named), "{done}: {}", check.told);
        fs::remove_dir_all(data.path()).expect("it can be removed");
        copy(&backup, &data.path());
    }
    check_is_clean(&data, "after all was put back");
}
