//! What every [`KeywordStore`] does.

mod durability;
mod searching;
mod writing;

pub use durability::*;
pub use searching::*;
pub use writing::*;

use crate::store::{KeywordQuery, KeywordStore, ScoredId};
use crate::testkit::suite::Must;
use crate::{MemoryId, Scope, Sector};

/// Runs every behaviour of a [`KeywordStore`] as a test of its own. Takes the name of an async function without
/// arguments that gives `(Arc<dyn KeywordStore>, guard)`: a fresh, empty store, and whatever must outlive it.
#[macro_export]
macro_rules! keyword_store_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            keyword_store,
            keyword,
            [
                // searching
                documents_that_share_a_word_are_found_best_first,
                a_rare_word_counts_more_than_a_common_one,
                a_short_document_is_more_about_its_word_than_a_long_one,
                case_does_not_matter,
                words_of_any_script_are_found,
                words_without_meaning_are_not_searched_for,
                deliveries_are_found_by_delivery_where_stemming_is_claimed,
                a_query_is_never_a_query_language,
                a_query_without_words_finds_nothing,
                a_very_long_query_is_answered,
                at_most_so_many_documents_are_found,
                a_keyword_search_narrows_to_sectors_before_it_counts,
                a_keyword_search_counts_only_the_callers_own,
                // writing
                a_document_is_found_by_the_next_call,
                a_replaced_document_loses_its_old_words,
                documents_of_many_callers_are_written_at_once,
                documents_of_others_are_never_found_or_touched,
                odd_documents_are_only_documents,
                no_documents_to_write_or_delete_is_fine,
                deleting_removes_documents_and_ignores_the_missing,
                erasing_removes_the_callers_documents_only,
                clearing_removes_everything_and_starts_anew,
                optimising_changes_no_finding,
                concurrent_writes_of_documents_lose_nothing,
            ]
        );
    };
}

/// Runs every durability behaviour of a [`KeywordStore`] as a test of its own. Takes the name of an async
/// function without arguments that gives a [`Reopen<dyn KeywordStore>`](crate::testkit::Reopen) over an empty
/// place.
#[macro_export]
macro_rules! keyword_store_durability_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_durability_suite!(
            $make,
            keyword_store_durability,
            keyword,
            [documents_survive_reopening, removed_documents_stay_removed_after_reopening]
        );
    };
}

async fn search(
    store: &dyn KeywordStore,
    scope: &Scope,
    text: &str,
    sectors: &[Sector],
    limit: usize,
) -> Vec<ScoredId> {
    let query = KeywordQuery { text: text.to_owned(), sectors: sectors.to_vec(), limit };
    store.search(scope, &query).await.must()
}

/// The ids that are found, best first.
async fn found(store: &dyn KeywordStore, scope: &Scope, text: &str) -> Vec<String> {
    search(store, scope, text, &[], 100).await.into_iter().map(|hit| hit.id.to_string()).collect()
}

/// The ids that are found, by name: where nothing says which is better.
async fn found_any_order(store: &dyn KeywordStore, scope: &Scope, text: &str) -> Vec<String> {
    let mut ids = found(store, scope, text).await;
    ids.sort();
    ids
}

fn id(text: &str) -> MemoryId {
    MemoryId::new(text)
}
