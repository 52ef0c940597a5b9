//! Every body of every endpoint beyond its limit, and forms that are none: refused, and nothing is left behind. What an
//! endpoint that is new reads is tried here too, for it is one of the samples.

use holdfast_content::Limits;

use crate::{
    caller::{SAMPLES, Stage},
    harness::{Harness, OCI_MANIFEST},
};

/// More than any limit: the largest is that of manifests, since blobs have a small one here.
const TOO_MUCH: usize = (4 << 20) + 1;
const MAX_BLOB_BYTES: u64 = 100_000;
/// Starting an upload reads no body.
const START: &str = "/v2/{R}/blobs/uploads/";

#[tokio::test]
async fn no_body_beyond_its_limit_is_taken_or_leaves_anything() {
    let limits = Limits {
        max_blob_bytes: MAX_BLOB_BYTES,
        ..Limits::default()
    };
    let harness = Harness::with_limits(limits).await;
    let stage = Stage::set(&harness, "team/app").await;
    let before = harness.remains().await;
    let reading = SAMPLES
        .iter()
        .filter(|sample| sample.body.is_some() && sample.target != START);
    for sample in reading {
        for is_chunked in [false, true] {
            let mut target = sample.target.to_owned();
            if target.contains("{U}") {
                // Which ends with its blob.
                let place = harness.start("team/app").await;
                target = target.replace("{U}", place.rsplit('/').next().unwrap());
            }
            let ask = harness.admin(sample.method, &stage.fill(&target));
            let ask = ask.header("Content-Type", OCI_MANIFEST);
            let much = vec![b' '; TOO_MUCH];
            let ask = if is_chunked { ask.chunked(much) } else { ask.body(much) };
            ask.send().await.refuses(413, "SIZE_INVALID", "");
            assert_eq!(harness.remains().await, before, "{} {target}", sample.method);
        }
    }
}

#[tokio::test]
async fn a_form_that_is_none_opens_nothing() {
    let harness = Harness::new().await;
    for target in ["/oauth2/token", "/oauth2/exchange"] {
        for body in [
            "",
            "{",
            "null",
            "[]",
            "{\"grant_type\":\"password\"}",
            "\0",
            "&&=&=",
            "%",
            "grant_type=%FF",
        ] {
            let answer = harness.ask("POST", target).body(body).send().await;
            answer.refuses(400, "UNSUPPORTED", "grant_type");
        }
    }
}
