//! Google Cloud Storage, as fake-gcs-server speaks it.

use holdfast_testkit::{blobs::contract, fault_proxy::Cuts, object_server::ObjectServer};

use super::{claims, places};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_keeps_the_contract() {
    let server = ObjectServer::google();
    contract(|| server.fresh_store()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_is_what_the_claims_say() {
    let server = ObjectServer::google();
    // It looks at no signature: `google_key.rs` compares those with published ones.
    claims::a_signed_url_reads_an_object(&server).await;
    claims::any_node_goes_on_with_an_upload(&server).await;
    claims::two_who_go_on_from_one_checkpoint_never_mix(&server).await;
    // Where the answer to a stretch is lost it is sent again, and this server would take it twice.
    claims::a_store_that_fails_now_and_then_loses_nothing(&server, Cuts::Reads).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_in_google_keeps_its_accounts_apart() {
    let server = ObjectServer::google();
    places::every_account_is_a_store_of_its_own(&server).await;
    // It lists no sessions, so an account is empty with one that was begun; and it says of a bucket that is not there that it
    // is empty.
}
