//! S3, as versitygw speaks it.

use holdfast_testkit::{blobs::contract, fault_proxy::Cuts, object_server::ObjectServer};

use super::{claims, places};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_the_contract() {
    let server = ObjectServer::s3();
    contract(|| server.fresh_store()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_is_what_the_claims_say() {
    let server = ObjectServer::s3();
    claims::a_signed_url_reads_an_object_without_a_credential(&server).await;
    claims::any_node_goes_on_with_an_upload(&server).await;
    claims::two_who_go_on_from_one_checkpoint_never_mix(&server).await;
    claims::a_store_that_fails_now_and_then_loses_nothing(&server, Cuts::All).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_in_s3_keeps_its_accounts_apart() {
    let server = ObjectServer::s3();
    places::every_account_is_a_store_of_its_own(&server).await;
    places::an_account_is_removed_when_it_is_empty_and_can_be_made_again(&server).await;
    places::what_lies_below_a_prefix_and_above_it_is_found(&server).await;
}
