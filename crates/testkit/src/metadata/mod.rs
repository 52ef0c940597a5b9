//! The contract of [`Metadata`](holdfast_model::Metadata), one claim a function, a file
//! per noun. A change of the port starts here.
//!
//! An adapter's test calls [`metadata_contract!`](crate::metadata_contract) with a way to make an
//! empty store; each claim becomes a test of its own, against a store of its own.

pub mod application;
pub mod blob;
pub mod directory;
pub mod fixture;
pub mod garbage;
pub mod job;
pub mod manifest;
pub mod manifest_page;
pub mod node;
pub mod person;
pub mod principal;
pub mod referrer;
pub mod registry;
pub mod repository;
pub mod role_assignment;
pub mod scope_map;
pub mod server_key;
pub mod sign_in;
pub mod storage_account;
pub mod tag;
pub mod tally;
pub mod token;
pub mod transaction;
pub mod upload;

/// Makes a test of every claim. The argument names an `async fn` that gives an empty store as
/// `(keep, Arc<dyn Metadata>)`; `keep` is dropped after the claim.
#[macro_export]
macro_rules! metadata_contract {
    ($open:ident) => {
        $crate::metadata_contract! { @claims $open
            directory {
                the_directory_is_found_once_made
                a_second_directory_is_refused
                subscriptions_and_groups_read_back_as_written
                resource_groups_are_compared_without_case
                a_group_is_found_tagged_and_removed
            }
            storage_account {
                storage_accounts_read_back_as_written
                several_accounts_are_found_at_once
                an_account_is_found_by_name_in_any_case_and_named_once
                a_users_account_belongs_to_its_group
                the_services_accounts_are_told_from_users
                an_account_is_used_while_something_lies_in_it
                accounts_are_listed_by_group
                objects_to_delete_are_those_of_the_account
            }
            application {
                an_application_reads_back_as_written
                several_applications_are_found_at_once
                applications_page_by_folded_name
                applications_and_federated_credentials_change
                credentials_are_removed_with_their_application
                what_identifies_is_unique
            }
            principal {
                a_principal_reads_back_as_written
                several_principals_are_found_at_once
                a_principal_is_found_with_its_roles
                a_principal_changes_and_goes_with_its_roles
            }
            tally {
                role_assignments_are_counted_by_author
                applications_are_counted_by_author
                devices_are_counted_by_network
                resources_are_counted_by_subscription_and_group
            }
            person {
                a_person_reads_back_as_written
                several_people_are_found_at_once
                a_user_name_is_taken_once
                people_page_by_name
                a_removed_person_is_gone
            }
            sign_in {
                an_authorization_code_is_taken_once
                a_device_code_reads_back_as_written
                a_user_code_is_one_devices
                an_assertion_is_new_once
                expired_sign_ins_are_removed
            }
            role_assignment {
                a_role_assignment_reads_back_as_written
                a_role_is_assigned_once
                assignments_are_listed_by_scope
                an_update_writes_condition_and_description_only
                assignments_are_removed
            }
            registry {
                a_registry_reads_back_as_written
                a_registry_is_found_by_name_in_any_case
                a_second_registry_of_a_name_in_another_case_is_refused
                registries_are_listed_in_the_order_they_were_made
                registries_of_a_group_come_one_after_the_other
                registries_in_an_account_come_one_after_the_other
                an_update_writes_the_changeable_fields_only
                an_empty_registry_is_removed_with_its_passwords
                an_admin_password_starts_at_generation_one_and_grows
            }
            scope_map {
                a_scope_map_reads_back_as_written
                a_second_scope_map_of_a_name_is_refused
                a_scope_map_is_changed_and_removed_alone
                scope_maps_page_by_name_in_any_case
            }
            token {
                a_token_reads_back_as_written
                a_token_stands_with_its_passwords_and_its_scope_map
                a_second_token_of_a_name_is_refused
                a_token_is_changed_alone
                tokens_page_by_name_in_any_case
                a_token_is_found_by_its_scope_map
                passwords_read_back_by_slot
                a_generation_never_comes_back
            }
            repository {
                a_repository_is_made_once
                only_listed_repositories_with_manifests_are_listed
                repositories_page_in_the_order_of_bytes
                attributes_and_moments_are_set
                a_repository_to_write_into_is_one_of_an_open_registry
                a_repository_with_manifests_is_touched
                a_revived_repository_has_no_locks
                only_an_empty_repository_is_removed
                a_walk_sees_every_repository_once
                registries_have_repositories_of_their_own
            }
            manifest {
                a_manifest_reads_back_as_written
                a_manifest_is_pulled_by_the_name_of_its_repository
                a_bare_manifest_reads_back_as_written
                repositories_have_manifests_of_their_own
                a_digest_is_inserted_once_in_a_repository
                several_manifests_are_found_at_once
                needed_blobs_are_found_from_both_ends
                listed_children_are_found_from_both_ends
                touching_and_locking_a_manifest_shows
                a_removed_manifest_takes_its_tags_and_needs_along
                a_walk_sees_every_manifest_once
                the_id_of_a_removed_manifest_is_never_used_again
                bytes_of_no_manifest_are_an_error
            }
            manifest_page {
                manifests_page_by_digest
                manifests_page_by_time_both_ways
                a_page_by_time_goes_on_from_its_position
                a_page_by_time_after_a_lost_marker_leaves_nothing_out
                hidden_manifests_are_left_out_of_pages_of_what_is_listed
            }
            referrer {
                a_referrer_reads_back_as_written
                a_page_of_referrers_ends_by_bytes
                locked_referrers_are_left_out_of_pages
                referrers_page_by_digest
                referrers_are_filtered_by_type
            }
            tag {
                a_tag_is_made_once_and_then_moves
                several_tags_are_put_and_found_at_once
                repositories_have_tags_of_their_own
                tags_are_told_apart_by_case_and_sorted_by_bytes
                tags_page_by_name
                tags_page_by_time_both_ways
                a_page_by_time_goes_on_from_its_position
                a_page_by_time_after_a_lost_marker_leaves_nothing_out
                tags_of_a_digest_are_listed_alone
                hidden_tags_are_left_out_of_pages
                a_tag_on_no_manifest_is_refused
                a_removed_tag_is_counted_out_once
            }
            blob {
                a_blob_is_read_only_where_it_is_linked
                a_blob_is_pulled_by_the_name_of_its_repository
                several_linked_blobs_are_found_at_once
                a_blob_is_found_in_its_storage_account
                linking_and_unlinking_say_what_they_changed
                repositories_with_a_blob_are_those_of_the_registry
                blobs_are_counted
                a_linked_blob_is_not_removed
                a_walk_sees_every_blob_once
                blobs_of_a_repository_are_listed
                the_bytes_of_a_row_are_read_back_and_go_with_it
                objects_are_known_while_a_row_names_them
            }
            upload {
                an_upload_reads_back_as_written
                the_place_of_a_new_upload_is_found_at_once
                progress_is_saved_only_from_the_expected_offset
                stale_uploads_are_listed_oldest_first
                a_session_that_has_begun_an_object_says_so_for_good
                uploads_of_a_registry_are_listed_with_their_objects
                uploads_are_counted_by_registry_and_actor
                uploads_of_a_caller_are_listed_by_their_last_progress
                a_removed_upload_is_gone
            }
            garbage {
                candidates_read_back_as_queued
                what_a_manifest_waits_for_is_listed
                candidates_are_listed_oldest_first_when_old_enough
                candidates_page_after_a_row_that_is_gone
                queueing_again_renews_the_time
                candidates_are_counted
            }
            job {
                a_job_reads_back_as_written
                a_job_is_due_when_its_time_came_and_nobody_holds_it
                a_job_is_postponed_unread
                a_job_is_failed_unread
                due_jobs_of_what_is_busy_are_passed_over
                open_jobs_are_found_by_what_they_are_about
                ended_jobs_are_listed_and_removed
            }
            server_key {
                keys_are_listed_newest_first_and_replaced_by_name
                a_removed_key_is_gone
            }
            node {
                nodes_are_listed_as_they_started
                a_lease_is_put_found_and_given_back_by_its_owner
                leases_are_listed_by_name
                the_database_tells_the_present_moment
                nodes_go_with_their_leases
            }
            transaction {
                a_failed_write_leaves_nothing
                a_write_is_seen_by_the_next_read
                a_write_sees_what_it_did
                a_rehearsal_sees_what_it_would_do_and_undoes_it
                a_read_sees_one_moment
                concurrent_writes_do_not_lose_updates
                writes_that_depend_on_each_other_come_one_after_the_other
                a_panic_in_a_write_undoes_only_that_write
                a_panic_in_a_read_is_an_error_of_that_read
                relaxed_writes_are_seen_too
            }
        }
    };
    (@claims $open:ident $($noun:ident { $($claim:ident)* })*) => {
        $(mod $noun {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                let (keep, metadata) = super::$open().await;
                $crate::metadata::$noun::$claim(&*metadata).await;
                drop(metadata);
                drop(keep);
            })*
        })*
    };
}
