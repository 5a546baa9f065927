//! Finding words.

use super::{found, found_any_order, search};
use crate::Sector;
use crate::store::{KeywordDoc, KeywordStore};
use crate::testkit::fixtures::{ODD_TEXTS, keyword_doc, scopes};
use crate::testkit::suite::Must;
use std::sync::Arc;

/// "The caller's documents that share a word with the query, best first (BM25)"; "greater is better".
pub async fn documents_that_share_a_word_are_found_best_first(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let docs = [
        keyword_doc("mem_red", "Owns a red car"),
        keyword_doc("mem_blue", "Owns a blue car"),
        keyword_doc("mem_both", "Owns a red bicycle"),
        keyword_doc("mem_none", "Likes tea with milk"),
    ];
    store.upsert(&one, &docs).await.must();
    assert_eq!(found(&*store, &one, "red bicycle").await, ["mem_both", "mem_red"]);
    assert_eq!(found(&*store, &one, "airplane").await.len(), 0);
    let hits = search(&*store, &one, "red bicycle", &[], 10).await;
    assert!(hits[0].score > hits[1].score && hits[1].score > 0.0, "{hits:?}");
    assert!(hits.iter().all(|h| h.score.is_finite()));
}

/// BM25: what few documents say tells more.
pub async fn a_rare_word_counts_more_than_a_common_one(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let mut docs: Vec<_> = (0..8).map(|i| keyword_doc(&format!("mem_{i}"), "Asked about invoice")).collect();
    docs.push(keyword_doc("mem_rare", "Asked about pizza"));
    store.upsert(&one, &docs).await.must();
    let hits = found(&*store, &one, "invoice pizza").await;
    assert_eq!((hits.len(), hits[0].as_str()), (9, "mem_rare"));
}

/// BM25: a word among few weighs more than among many.
pub async fn a_short_document_is_more_about_its_word_than_a_long_one(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let filler: Vec<String> = (0..80).map(|i| format!("filler{i}")).collect();
    let docs =
        [keyword_doc("mem_long", &format!("pizza {}", filler.join(" "))), keyword_doc("mem_short", "pizza tonight")];
    store.upsert(&one, &docs).await.must();
    assert_eq!(found(&*store, &one, "pizza").await, ["mem_short", "mem_long"]);
}

/// A word is the same word in capitals.
pub async fn case_does_not_matter(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    store.upsert(&one, &[keyword_doc("mem_1", "Prefers to be called SAM, orders Pizza")]).await.must();
    for text in ["sam", "Sam", "SAM", "pIZZA", "sam!", "(sam)", "Sam's pizza"] {
        assert_eq!(found(&*store, &one, text).await, ["mem_1"], "{text}");
    }
}

/// Callers do not all speak English, and their order numbers are words too.
pub async fn words_of_any_script_are_found(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let docs = [
        keyword_doc("mem_umlaut", "Wohnt in München"),
        keyword_doc("mem_cyrillic", "Живёт в городе Пермь"),
        keyword_doc("mem_greek", "Αθήνα"),
        keyword_doc("mem_number", "Ticket 4711 is open"),
    ];
    store.upsert(&one, &docs).await.must();
    for (text, expected) in
        [("münchen", "mem_umlaut"), ("ПЕРМЬ", "mem_cyrillic"), ("αθήνα", "mem_greek"), ("4711", "mem_number")]
    {
        assert_eq!(found(&*store, &one, text).await, [expected], "{text}");
    }
}

/// "Words without meaning are not searched for."
pub async fn words_without_meaning_are_not_searched_for(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let docs = [
        keyword_doc("mem_pizza", "The pizza is to be delivered"),
        keyword_doc("mem_tea", "The tea is with the milk and it is not for this"),
    ];
    store.upsert(&one, &docs).await.must();
    assert_eq!(found(&*store, &one, "is it the pizza and this").await, ["mem_pizza"]);
    for text in ["the", "is it for this", "and not to the", "THE AND"] {
        assert_eq!(found(&*store, &one, text).await.len(), 0, "{text}");
    }
}

/// "Finds \"deliveries\" when asked for \"delivery\"": asked of those that say so.
pub async fn deliveries_are_found_by_delivery_where_stemming_is_claimed(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let docs = [keyword_doc("mem_many", "Two deliveries were late"), keyword_doc("mem_one", "Paid the delivery")];
    store.upsert(&one, &docs).await.must();
    for text in ["delivery", "deliveries", "Deliveries"] {
        let expected: &[&str] = match (store.caps().stemming, text) {
            (true, _) => &["mem_many", "mem_one"],
            (false, "delivery") => &["mem_one"],
            (false, _) => &["mem_many"],
        };
        assert_eq!(found_any_order(&*store, &one, text).await, expected, "{text}");
    }
}

/// "Plain words, never a query language: whatever a caller's question holds is taken literally."
pub async fn a_query_is_never_a_query_language(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let docs = [keyword_doc("mem_pizza", "Ordered pizza"), keyword_doc("mem_cheese", "Hates cheese")];
    store.upsert(&one, &docs).await.must();
    for text in [
        "AND (title:\"pizza\"",
        "-pizza",
        "NOT pizza",
        "+pizza +missing",
        "missing AND pizza",
        "text:pizza",
        "\"pizza",
        "\"pizza missing\"",
        "pizza^2 ~1",
        "[pizza TO zoo}",
        "pizza\\",
        "'pizza' & !missing | <->",
        "/pizza/",
    ] {
        assert_eq!(found(&*store, &one, text).await, ["mem_pizza"], "{text}");
    }
    for text in ["piz*", "p?zza", "*", "*:*", "/p.*a/", "id:mem_*", "%", "_"] {
        assert_eq!(found(&*store, &one, text).await.len(), 0, "{text}");
    }
}

/// "A query without words finds nothing; no text is an error."
pub async fn a_query_without_words_finds_nothing(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    store.upsert(&one, &[keyword_doc("mem_1", "Ordered lasagne")]).await.must();
    for text in ["", " ", "\t\n", "?!...", "👩‍👩‍👧", "((((", "\"\"", "AND OR NOT", "\u{feff}\u{200b}", "\u{7}"]
    {
        assert_eq!(found(&*store, &one, text).await.len(), 0, "{text}");
    }
    for text in ODD_TEXTS {
        found(&*store, &one, text).await;
    }
}

/// However long somebody talks.
pub async fn a_very_long_query_is_answered(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    store.upsert(&one, &[keyword_doc("mem_1", "Ordered lasagne")]).await.must();
    let words: Vec<String> = (0..5_000).map(|i| format!("word{i}")).collect();
    assert_eq!(found(&*store, &one, &format!("{} lasagne", words.join(" "))).await, ["mem_1"]);
    assert_eq!(found(&*store, &one, &format!("lasagne {}", "x".repeat(100_000))).await, ["mem_1"]);
}

/// "At most so many."
pub async fn at_most_so_many_documents_are_found(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let docs: Vec<_> = (0..10).map(|i| keyword_doc(&format!("mem_{i}"), "Likes pizza")).collect();
    store.upsert(&one, &docs).await.must();
    for (limit, count) in [(0, 0), (1, 1), (9, 9), (10, 10), (1_000, 10)] {
        assert_eq!(search(&*store, &one, "pizza", &[], limit).await.len(), count, "limit {limit}");
    }
}

/// "Only these sectors; empty for all": and the limit counts what is left.
pub async fn a_keyword_search_narrows_to_sectors_before_it_counts(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let mut docs: Vec<_> = (0..30).map(|i| keyword_doc(&format!("mem_{i}"), "pizza pizza pizza")).collect();
    for (id, sector) in [("mem_ep", Sector::Episodic), ("mem_em", Sector::Emotional)] {
        let text = "Once had something like a pizza somewhere in town";
        docs.push(KeywordDoc { sector, ..keyword_doc(id, text) });
    }
    store.upsert(&one, &docs).await.must();
    for (sectors, limit, expected) in [
        (vec![Sector::Episodic], 1, vec!["mem_ep"]),
        (vec![Sector::Episodic, Sector::Emotional], 9, vec!["mem_em", "mem_ep"]),
        (vec![Sector::Reflective], 9, vec![]),
    ] {
        let hits = search(&*store, &one, "pizza", &sectors, limit).await;
        let mut ids: Vec<_> = hits.iter().map(|h| h.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected, "{sectors:?}");
    }
    assert_eq!(search(&*store, &one, "pizza", &Sector::ALL, 100).await.len(), 32);
}

/// A crowd of better documents of others takes no place away.
pub async fn a_keyword_search_counts_only_the_callers_own(store: Arc<dyn KeywordStore>) {
    let [one, two, other] = scopes();
    store.upsert(&one, &[keyword_doc("mem_mine", "Once had something like a pizza in town")]).await.must();
    for (n, stranger) in [&two, &other].into_iter().enumerate() {
        let crowd: Vec<_> = (0..40).map(|i| keyword_doc(&format!("mem_{n}_{i}"), "pizza pizza")).collect();
        store.upsert(stranger, &crowd).await.must();
    }
    let hits = search(&*store, &one, "pizza", &[], 1).await;
    assert_eq!(hits.iter().map(|h| h.id.as_str()).collect::<Vec<_>>(), ["mem_mine"]);
}
