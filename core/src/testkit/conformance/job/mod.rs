//! What every [`JobQueue`] does.

mod clocks;
mod dead;
mod durability;
mod inbox;
mod leases;
mod lists;
mod settling;
mod turns;

pub use clocks::*;
pub use dead::*;
pub use durability::*;
pub use inbox::*;
pub use leases::*;
pub use lists::*;
pub use settling::*;
pub use turns::*;

use crate::store::{Job, JobFilter, JobQueue, Lease, NewJob};
use crate::testkit::fixtures::start;
use crate::testkit::suite::{Must, walk};
use crate::{TenantId, Timestamp};

/// Runs every behaviour of a [`JobQueue`] as a test of its own. Takes the name of an async function without
/// arguments that gives `(Arc<dyn JobQueue>, guard)`: a fresh, empty, migrated queue, and whatever must outlive
/// it.
#[macro_export]
macro_rules! job_queue_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            job_queue,
            job,
            [
                // inbox
                an_accepted_event_is_kept_with_its_job,
                a_second_delivery_is_a_duplicate_and_writes_nothing,
                a_duplicate_is_one_even_after_its_job_is_done,
                racing_deliveries_make_one_event_and_one_job,
                events_of_two_tenants_with_one_id_are_two,
                deleting_events_counts_and_ignores_the_missing_and_others,
                a_deleted_event_may_be_delivered_again,
                old_events_are_found_unless_a_job_waits_for_them,
                // forgetting
                jobs_are_forgotten_by_their_keys_unless_somebody_works_on_them,
                // enqueueing
                an_enqueued_job_waits_with_all_it_was_given,
                a_waiting_job_is_left_as_it_is,
                a_running_job_is_left_as_it_is,
                a_retrying_job_is_left_as_it_is,
                a_dead_job_is_left_dead,
                a_finished_job_may_be_enqueued_again,
                one_key_is_another_job_in_another_tenant_or_name,
                one_key_twice_in_one_call_is_one_job,
                racing_enqueues_of_one_key_make_one_job,
                nothing_to_enqueue_is_fine,
                // leasing
                an_empty_queue_leases_nothing,
                a_lease_counts_the_attempt_and_says_until_when,
                a_job_is_not_leased_before_its_time,
                the_earliest_run_at_is_leased_first,
                at_most_so_many_are_leased,
                a_leased_job_is_not_leased_again_while_the_lease_is_valid,
                many_leasers_never_share_a_job,
                an_expired_lease_is_leased_again_and_counts_another_attempt,
                racing_leasers_share_an_expired_lease_with_nobody,
                whoever_lost_the_lease_changes_nothing,
                an_expired_lease_nobody_took_still_settles,
                an_extended_lease_lasts_longer,
                // turns
                tenants_take_turns,
                one_call_serves_turn_by_turn_and_the_next_goes_on,
                whose_jobs_wait_for_their_time_is_passed_over,
                lost_jobs_come_first_and_alone,
                what_was_given_back_was_not_lost,
                nobody_is_overtaken_twice,
                // settling
                a_completed_job_is_gone,
                completing_enqueues_what_follows,
                completing_a_lost_job_enqueues_nothing,
                what_follows_may_be_the_same_job_again,
                settling_twice_is_lost_the_second_time,
                racing_settlements_settle_once,
                a_retried_job_waits_until_its_time_and_keeps_its_count,
                a_postponed_job_waits_until_its_time_and_does_not_count,
                a_released_job_has_not_been_started,
                a_buried_job_is_dead_and_stays_so,
                a_redriven_job_starts_over,
                only_a_dead_job_of_that_tenant_is_redriven,
                odd_texts_come_back_from_the_queue,
                // clocks
                what_waits_for_a_time_nobody_meant_may_run,
                a_lease_nobody_meant_runs_out,
                the_dead_have_no_time_to_mend,
                // the dead
                a_job_is_found_by_its_tenant_only,
                failures_are_kept_with_time_attempt_and_kind,
                only_the_last_failures_are_kept,
                a_discarded_job_stays_with_the_reason_and_runs_no_more,
                only_a_dead_job_of_that_tenant_is_discarded,
                a_discarded_job_may_be_redriven,
                a_new_job_takes_the_place_of_a_discarded_one,
                all_dead_jobs_of_a_tenant_or_name_start_over,
                // reading
                jobs_are_listed_newest_first_of_one_tenant_only,
                listing_narrows_to_state_and_name,
                pages_of_jobs_neither_omit_nor_repeat,
                the_queue_is_counted_by_state_and_tenant,
                the_oldest_job_that_could_run_has_an_age,
                a_job_enqueued_before_waiting_wakes_at_once,
                a_job_enqueued_while_waiting_wakes,
                every_way_of_enqueueing_wakes,
                the_queue_answers,
            ]
        );
    };
}

/// Runs every durability behaviour of a [`JobQueue`] as a test of its own. Takes the name of an async function
/// without arguments that gives a [`Reopen<dyn JobQueue>`](crate::testkit::Reopen) over an empty place.
#[macro_export]
macro_rules! job_queue_durability_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_durability_suite!(
            $make,
            job_queue_durability,
            job,
            [
                accepted_events_and_their_jobs_survive_reopening,
                leases_survive_reopening_and_run_out,
                settlements_survive_reopening,
            ]
        );
    };
}

async fn lease_at(queue: &dyn JobQueue, token: &str, limit: usize, until: Timestamp, now: Timestamp) -> Vec<Lease> {
    queue.lease(token, limit, until, now).await.must()
}

/// Enqueues one job and leases it, at the start and until a minute later.
async fn leased(queue: &dyn JobQueue, job: &NewJob) -> Lease {
    queue.enqueue(std::slice::from_ref(job), start()).await.must();
    let token = format!("token {}", job.key);
    let mut leases = lease_at(queue, &token, 1, crate::testkit::fixtures::after(60), start()).await;
    assert_eq!(leases.len(), 1, "the job can run");
    leases.remove(0)
}

async fn all(queue: &dyn JobQueue, tenant: &TenantId) -> Vec<Job> {
    walk(50, async |page| queue.list(tenant, &JobFilter::default(), &page).await).await
}

/// The one job there is.
async fn only(queue: &dyn JobQueue, tenant: &TenantId) -> Job {
    let mut jobs = all(queue, tenant).await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs.remove(0)
}

fn keys(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|l| l.job.key.as_str()).collect()
}
