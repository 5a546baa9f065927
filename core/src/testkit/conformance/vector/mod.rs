//! What every [`VectorStore`] does.

mod durability;
mod searching;
mod writing;

pub use durability::*;
pub use searching::*;
pub use writing::*;

use crate::store::{ScoredId, Space, VectorStore};
use crate::testkit::suite::Must;
use crate::{MemoryId, Scope};

/// Runs every behaviour of a [`VectorStore`] as a test of its own. Takes the name of an async function without
/// arguments that gives `(Arc<dyn VectorStore>, guard)`: a fresh, empty store, and whatever must outlive it.
#[macro_export]
macro_rules! vector_store_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            vector_store,
            vector,
            [
                // searching
                the_nearest_come_first_with_their_cosine,
                many_vectors_come_in_exact_order,
                at_most_so_many_vectors_are_found,
                a_search_narrows_to_sectors_before_it_counts,
                a_search_counts_only_the_callers_own,
                a_space_nobody_wrote_to_is_empty,
                a_query_of_another_width_is_invalid,
                // writing
                what_is_written_is_found_by_the_next_call,
                a_vector_that_is_there_is_replaced,
                a_wrong_width_is_invalid_and_writes_nothing,
                vectors_of_many_callers_are_written_at_once,
                nothing_to_write_or_delete_is_fine,
                vectors_of_others_are_never_found_loaded_or_touched,
                spaces_are_kept_apart,
                odd_names_are_only_names,
                all_vectors_are_loaded_unless_they_are_too_many,
                deleting_removes_from_every_space_and_ignores_the_missing,
                erasing_removes_the_callers_vectors_from_every_space,
                clearing_empties_one_space_only,
                optimising_changes_no_answer,
                concurrent_writes_of_vectors_lose_nothing,
            ]
        );
    };
}

/// Runs every durability behaviour of a [`VectorStore`] as a test of its own. Takes the name of an async function
/// without arguments that gives a [`Reopen<dyn VectorStore>`](crate::testkit::Reopen) over an empty place.
#[macro_export]
macro_rules! vector_store_durability_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_durability_suite!(
            $make,
            vector_store_durability,
            vector,
            [vectors_survive_reopening, removed_vectors_stay_removed_after_reopening]
        );
    };
}

fn space(model: &str, dimensions: usize) -> Space {
    Space { model: model.to_owned(), dimensions }
}

async fn found(store: &dyn VectorStore, scope: &Scope, space: &Space, query: &[f32]) -> Vec<String> {
    names(&store.search(scope, space, query, &[], 100).await.must())
}

fn names(hits: &[ScoredId]) -> Vec<String> {
    hits.iter().map(|h| h.id.to_string()).collect()
}

fn id(text: &str) -> MemoryId {
    MemoryId::new(text)
}
