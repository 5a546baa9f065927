//! What every [`MemoryStore`] does.

mod audit;
mod conflicts;
mod conversations;
mod costs;
mod durability;
mod erasures;
mod links;
mod maintenance;
mod memories;
mod people;
mod receipts;
mod retention;
mod tenants;
mod transfers;
mod upkeep;

pub use audit::*;
pub use conflicts::*;
pub use conversations::*;
pub use costs::*;
pub use durability::*;
pub use erasures::*;
pub use links::*;
pub use maintenance::*;
pub use memories::*;
pub use people::*;
pub use receipts::*;
pub use retention::*;
pub use tenants::*;
pub use transfers::*;
pub use upkeep::*;

use crate::store::MemoryStore;
use crate::testkit::fixtures::{scopes, start};
use crate::testkit::suite::Must;
use crate::{Memory, MemoryId, Scope};

/// Runs every behaviour of a [`MemoryStore`] as a test of its own. Takes the name of an async function without
/// arguments that gives `(Arc<dyn MemoryStore>, guard)`: a fresh, empty, migrated store, and whatever must
/// outlive it.
#[macro_export]
macro_rules! memory_store_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            memory_store,
            memory,
            [
                // people
                an_unknown_identity_finds_nobody,
                the_first_known_identity_in_the_given_order_decides,
                an_unknown_caller_is_created_with_the_given_id,
                a_known_caller_is_found_and_not_created_again,
                new_identities_join_the_caller_who_was_found,
                an_identity_of_somebody_else_stays_theirs,
                identities_of_one_tenant_say_nothing_in_another,
                a_caller_without_identities_can_be_created,
                identities_are_joined_to_a_known_caller,
                joining_leaves_what_is_somebodys_already,
                joining_to_an_unknown_caller_is_not_found_and_joins_nothing,
                racing_joins_of_one_identity_end_with_one_owner,
                racing_calls_with_one_identity_end_with_one_caller,
                racing_calls_that_share_one_of_two_identities_end_with_one_caller,
                a_caller_is_read_only_under_its_own_scope,
                identities_come_back_in_the_order_they_were_joined,
                callers_are_listed_newest_contact_first_of_one_tenant_only,
                pages_of_callers_neither_omit_nor_repeat,
                name_and_summary_are_set_and_an_unknown_caller_is_left_unknown,
                name_and_summary_of_others_stay_untouched,
                sector_counts_count_the_active_by_sector,
                erasing_a_caller_removes_everything_of_that_caller_only,
                erasing_twice_is_the_same_as_once_with_zeros,
                an_erased_callers_number_may_become_somebody_elses,
                // erasures
                an_erasure_is_noted_with_what_it_keeps_out,
                nobody_to_erase_is_not_noted_and_no_erasure_twice,
                an_old_call_does_not_bring_an_erased_caller_back,
                an_erasure_for_ever_keeps_out_what_comes_later,
                erasures_and_suppressions_come_latest_first,
                an_erasure_goes_on_step_by_step,
                a_ledger_can_be_carried_over,
                no_word_is_written_for_a_caller_who_is_not_known,
                only_what_is_nobodys_is_removed_as_unowned,
                racing_erasures_of_one_caller_are_one,
                purging_takes_away_nothing_that_is_there,
                loose_receipts_are_those_of_no_conversation,
                // audit
                the_audit_log_comes_back_latest_first,
                the_audit_log_is_narrowed,
                an_entry_of_the_audit_log_is_never_changed,
                // merging
                a_merge_moves_everything_and_leaves_an_alias,
                receipts_and_reviews_go_where_their_call_goes,
                what_cannot_be_transferred_moves_nothing,
                an_undone_merge_gives_back_what_was_moved,
                merges_are_undone_in_the_reverse_order,
                a_split_moves_calls_and_what_comes_from_them,
                a_split_takes_back_what_was_decided_across,
                transfers_are_listed_and_settled,
                racing_merges_move_once,
                erasing_a_caller_removes_aliases_and_transfers,
                a_line_is_marked_as_shared,
                consent_is_kept_and_a_refusal_outlives_a_merge,
                // conversations
                binding_makes_an_open_conversation,
                a_binding_stays_whoever_binds_again,
                binding_gives_a_caller_to_a_conversation_that_had_none,
                racing_bindings_agree_on_one_caller,
                conversations_of_two_tenants_with_one_id_are_two,
                a_conversation_comes_back_as_it_was_saved,
                saving_again_replaces_everything_but_caller_and_extraction,
                the_first_caller_and_extraction_stand,
                racing_saves_agree_on_one_extraction,
                an_extraction_is_replaced_only_while_it_stands,
                racing_replacements_agree_on_one_extraction,
                finishing_marks_learnt_and_counts_once,
                finishing_concurrently_counts_once,
                last_contact_never_moves_back,
                finishing_the_unknown_or_somebody_elses_changes_nothing,
                conversations_are_listed_latest_start_first,
                pages_of_conversations_neither_omit_nor_repeat,
                // memories
                a_memory_comes_back_as_it_was_written,
                odd_texts_come_back_as_they_were_written,
                writing_again_replaces,
                writing_under_another_scope_is_a_conflict_and_writes_nothing,
                writing_for_an_unknown_caller_is_a_conflict,
                memories_come_in_the_order_asked_without_the_missing,
                memories_of_others_are_never_returned,
                the_owner_of_a_memory_is_known_within_the_tenant,
                memories_are_listed_latest_first_ties_by_id,
                listing_narrows_to_sectors_and_states,
                pages_of_memories_neither_omit_nor_repeat_while_the_list_grows,
                deleting_counts_what_went_and_ignores_the_missing_and_others,
                deleting_a_memory_removes_its_links,
                nothing_to_do_is_fine,
                many_memories_at_once,
                concurrent_writers_lose_nothing,
                // links
                a_link_comes_back_from_either_end,
                a_pair_has_one_link_and_a_manual_one_takes_its_place,
                links_come_strongest_first_each_once,
                links_with_an_end_that_is_not_the_callers_are_left_out,
                links_of_others_are_neither_read_nor_deleted,
                a_link_is_deleted_and_the_missing_is_fine,
                // decay and leases
                a_standing_changes_only_if_it_is_as_it_was_read,
                racing_changes_of_one_standing_agree_on_one,
                fading_memories_come_longest_untold_first_of_all_tenants,
                fading_links_are_automatic_and_not_used_since,
                a_use_of_a_link_counts_once_for_all_who_read_it,
                only_links_that_were_not_used_since_are_pruned,
                a_lease_is_held_until_it_runs_out,
                a_lease_that_a_clock_ahead_has_noted_is_void,
                a_lease_is_kept_by_its_holder_with_how_far_it_has_come,
                a_lease_that_was_given_back_is_free,
                racing_for_a_lease_one_gets_it,
                a_walk_over_what_fades_refuses_a_cursor_that_is_not_ours,
                // retention
                tenants_are_those_of_callers_and_of_calls,
                old_words_are_found_earliest_first,
                words_are_taken_and_the_call_stays,
                aged_memories_come_longest_ago_first_of_one_tenant,
                idle_callers_are_those_nothing_was_heard_of,
                // conflicts and history
                a_conflict_comes_back_as_it_was_written,
                a_resolution_changes_the_standing_and_nothing_else,
                what_was_changed_meanwhile_is_not_settled,
                conflicts_of_others_memories_are_not_settled,
                racing_settlements_agree_on_one,
                conflicts_are_found_by_either_end,
                conflicts_are_listed_latest_first_and_narrowed,
                history_leads_both_ways,
                deleting_a_link_of_the_chain_closes_the_ranks,
                what_lost_its_successor_is_current_again,
                erasing_a_caller_removes_their_conflicts,
                settling_raises_the_revision,
                // costs
                costs_of_one_key_add_up,
                costs_are_added_up_by_group,
                costs_are_narrowed_by_the_filter,
                costs_of_two_tenants_are_two,
                odd_names_in_costs_are_only_names,
                an_empty_id_is_nobodys_cost,
                a_cost_that_cannot_be_kept_keeps_the_others_out,
                concurrent_costs_lose_nothing,
                erasing_a_caller_keeps_the_sums_without_the_names,
                // receipts and reviews
                a_receipt_comes_back_as_it_was_written,
                receipts_come_earliest_first_of_one_conversation,
                a_receipt_that_is_written_again_is_left_as_it_is,
                a_receipt_of_an_unknown_caller_is_left_out,
                what_was_returned_counts_as_recalled,
                concurrent_receipts_lose_no_recall,
                receipts_of_no_conversation_are_claimed_by_their_time,
                words_are_taken_from_what_told_of_a_memory,
                old_receipts_are_removed_and_recalls_stay,
                receipts_and_reviews_raise_no_revision,
                the_last_review_of_a_memory_stands,
                a_review_outlives_its_memory_but_not_its_caller,
                labels_are_listed_latest_first_of_one_tenant_only,
                erasing_a_caller_removes_their_receipts,
                memories_of_a_tenant_are_counted_by_state,
                // maintenance
                indexing_is_noted_for_the_callers_own_only,
                pending_memories_come_oldest_first_of_all_tenants,
                a_scan_meets_every_memory_of_every_tenant_once,
                a_scan_is_not_led_astray_by_writes,
                memories_are_counted,
                the_space_is_noted_and_replaced,
                every_write_to_memories_or_links_raises_the_revision,
                writes_of_others_leave_the_revision_alone,
                a_cursor_that_is_not_ours_is_invalid,
                the_store_answers,
                // tenants
                two_tenants_never_meet,
            ]
        );
    };
}

/// Runs every durability behaviour of a [`MemoryStore`] as a test of its own. Takes the name of an async function
/// without arguments that gives a [`Reopen<dyn MemoryStore>`](crate::testkit::Reopen) over an empty place.
#[macro_export]
macro_rules! memory_store_durability_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_durability_suite!(
            $make,
            memory_store_durability,
            memory,
            [
                people_survive_reopening,
                conversations_survive_reopening,
                memories_and_links_survive_reopening,
                conflicts_survive_reopening,
                what_was_removed_stays_removed_after_reopening,
                transfers_survive_reopening,
                the_space_survives_reopening,
                leases_and_uses_of_links_survive_reopening,
                costs_survive_reopening,
                receipts_and_reviews_survive_reopening,
                erasures_survive_reopening,
            ]
        );
    };
}

/// Makes the callers of [`scopes`] known.
async fn callers(store: &dyn MemoryStore) -> [Scope; 3] {
    let scopes = scopes();
    for scope in &scopes {
        store.ensure_user(&scope.tenant, &[], &scope.caller, start()).await.must();
    }
    scopes
}

fn ids(memories: &[Memory]) -> Vec<&str> {
    memories.iter().map(|m| m.id.as_str()).collect()
}

fn memory_ids(ids: &[&str]) -> Vec<MemoryId> {
    ids.iter().map(|id| MemoryId::new(*id)).collect()
}
