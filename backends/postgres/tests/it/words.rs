//! Words in full-text search: whose rows are read, many writers, languages, and texts that nobody should have said.

use crate::concurrency::at_once;
use crate::faults::verdict;
use crate::place::{Place, vault};
use crate::vectors::reads;
use hark_core::ErrorKind::{Config, Invalid, Unavailable};
use hark_core::store::{KeywordDoc, KeywordQuery, KeywordStore, ScoredId};
use hark_core::testkit::SeededEntropy;
use hark_core::testkit::fixtures::keyword_doc;
use hark_core::{Entropy, MemoryId, Scope, Sector};
use serde_json::json;
use std::sync::Arc;

fn caller(n: usize) -> Scope {
    Scope::new("acme", format!("usr_{n}"))
}

async fn hits(store: &dyn KeywordStore, scope: &Scope, text: &str) -> Vec<ScoredId> {
    store.search(scope, &KeywordQuery { text: text.to_owned(), sectors: vec![], limit: 100 }).await.expect("an answer")
}

async fn ids(store: &dyn KeywordStore, scope: &Scope, text: &str) -> Vec<String> {
    hits(store, scope, text).await.into_iter().map(|hit| hit.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_reads_the_callers_own_words_and_no_others() {
    const CALLERS: usize = 500;
    const EACH: usize = 20;
    const SEARCHES: i64 = 12;
    let place = Place::new();
    let store = place.migrated().await;
    let docs: Vec<_> = (0..CALLERS * EACH)
        .map(|n| (caller(n % CALLERS), keyword_doc(&format!("mem_{n}"), &format!("Likes pizza number {n}"))))
        .collect();
    store.keywords().upsert_many(&docs).await.unwrap();
    store.0.close().await.unwrap();
    for analysed in [false, true] {
        if analysed {
            place.tamper("ANALYZE words").await;
        }
        let store = place.migrated().await;
        let before = reads(&place, "words").await;
        // More often than the server plans for the values that are asked for, before it takes one plan for all.
        for n in 0..SEARCHES {
            let found = ids(&*store.keywords(), &caller(usize::try_from(n).unwrap()), "pizza").await;
            assert_eq!(found.len(), EACH);
        }
        store.keywords().erase(&caller(CALLERS + 1)).await.unwrap();
        // A connection tells what it has read when it ends.
        store.0.close().await.unwrap();
        place.no_connections().await;
        let after = reads(&place, "words").await;
        assert_eq!(after.0, before.0, "nobody reads the whole table (analysed: {analysed})");
        // Each twice: once to know how many there are and how long they are.
        assert_eq!(after.1 - before.1, 2 * SEARCHES * i64::try_from(EACH).unwrap(), "analysed: {analysed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_write_and_remove_the_same_words_at_once_all_get_through() {
    let place = Place::new();
    let nodes = Arc::new([place.migrated().await, place.migrated().await, place.migrated().await]);
    let one = caller(1);
    at_once(12, |n| {
        let (nodes, one) = (Arc::clone(&nodes), one.clone());
        async move {
            let store = nodes[n % 3].keywords();
            let mut docs: Vec<_> = (0..40).map(|i| keyword_doc(&format!("mem_{i}"), "Likes pizza")).collect();
            let mut ids: Vec<_> = docs.iter().map(|doc| doc.id.clone()).collect();
            // In one order or the other: locks taken as they come would make a ring.
            if n % 2 == 0 {
                docs.reverse();
                ids.reverse();
            }
            docs.push(keyword_doc(&format!("mem_own_{n}"), "Likes pizza"));
            for _ in 0..5 {
                store.upsert(&one, &docs).await.unwrap();
                store.delete(&one, &ids).await.unwrap();
            }
        }
    })
    .await;
    let found = ids(&*nodes[0].keywords(), &one, "pizza").await;
    assert_eq!(found.len(), 12, "each writer's own, and of the others none: {found:?}");
}

/// The same documents in memory and in PostgreSQL are ranked alike: the formula is the same, the lists of words without meaning
/// differ a little.
#[tokio::test]
async fn scores_are_those_of_the_store_in_memory() {
    let place = Place::new();
    let (store, ram, one) = (place.migrated().await.keywords(), hark_core::ram::RamKeywordStore::default(), caller(1));
    let texts = [
        "Ordered two pizzas with extra cheese",
        "Hates cheese",
        "Paid for the delivery with a credit card, and cheese came as a gift with the delivery",
        "Deliveries go to the back door",
        "Owns a red bicycle",
        "Bicycle repair cost forty euros",
    ];
    let docs: Vec<_> = texts.iter().enumerate().map(|(n, text)| keyword_doc(&format!("mem_{n}"), text)).collect();
    store.upsert(&one, &docs).await.unwrap();
    ram.upsert(&one, &docs).await.unwrap();
    for text in ["cheese", "red bicycle delivery", "deliveries delivery delivery", "pizza card door euros"] {
        let (here, there) = (hits(&*store, &one, text).await, hits(&ram, &one, text).await);
        let order = |hits: &[ScoredId]| hits.iter().map(|hit| hit.id.to_string()).collect::<Vec<_>>();
        assert_eq!(order(&here), order(&there), "{text}");
        for (mine, theirs) in here.iter().zip(&there) {
            assert!((mine.score / theirs.score - 1.0).abs() < 0.15, "{text}: {mine:?}, {theirs:?}");
        }
    }
}

#[tokio::test]
async fn each_tenant_speaks_its_own_language() {
    let place = Place::new();
    let more = json!({"languages": {"wurst": "german", "exact": "simple"}});
    let store = place.tuned(more).await.keywords();
    let [english, german, simple] = ["acme", "wurst", "exact"].map(|tenant| Scope::new(tenant, "usr_1"));
    for scope in [&english, &german, &simple] {
        let docs = [
            keyword_doc("mem_en", "The deliveries were late"),
            keyword_doc("mem_de", "Die Lieferungen kamen mit den Häusern"),
        ];
        store.upsert(scope, &docs).await.unwrap();
    }
    let cases: [(&Scope, &str, &[&str]); 12] = [
        (&english, "delivery", &["mem_en"]),
        (&german, "delivery", &[]),
        (&simple, "delivery", &[]),
        (&simple, "DELIVERIES", &["mem_en"]),
        (&german, "Lieferung", &["mem_de"]),
        (&german, "lieferungen", &["mem_de"]),
        (&german, "Haus", &["mem_de"]),
        (&english, "Lieferung", &[]),
        // What means nothing in one language may mean something in another; `simple` knows none of either.
        (&german, "mit den", &[]),
        (&english, "mit", &["mem_de"]),
        (&english, "the", &[]),
        (&simple, "the", &["mem_en"]),
    ];
    for (scope, text, expected) in cases {
        assert_eq!(ids(&*store, scope, text).await, expected, "{text} of {}", scope.tenant);
    }
    assert_eq!(store.count().await.unwrap(), 6);
    assert!(store.caps().stemming);
    let simple = place.tuned(json!({"language": "simple"})).await;
    assert!(!simple.keywords().caps().stemming);
}

#[tokio::test]
async fn where_the_language_is_changed_what_is_there_counts_as_missing_until_it_is_written_anew() {
    let place = Place::new();
    let (one, other) = (Scope::new("wurst", "usr_1"), Scope::new("acme", "usr_1"));
    let before = place.migrated().await.keywords();
    for scope in [&one, &other] {
        before.upsert(scope, &[keyword_doc("mem_1", "Die Lieferungen")]).await.unwrap();
    }
    let after = place.tuned(json!({"languages": {"wurst": "german"}})).await.keywords();
    assert_eq!(after.count().await.unwrap(), 1, "a start sees that one is missing");
    assert_eq!(ids(&*after, &one, "Lieferungen").await.len(), 0);
    after.upsert(&one, &[keyword_doc("mem_1", "Die Lieferungen")]).await.unwrap();
    assert_eq!(after.count().await.unwrap(), 2);
    assert_eq!(ids(&*after, &one, "Lieferung").await, ["mem_1"]);
    assert_eq!(ids(&*after, &other, "Lieferungen").await, ["mem_1"]);
}

#[tokio::test]
async fn a_language_the_server_does_not_know_is_a_configuration_error_that_names_those_it_knows() {
    let place = Place::new();
    for (more, field) in [
        (json!({"language": "klingon"}), "kind `postgres`: language: "),
        (json!({"languages": {"acme": "german", "qonos": "klingon"}}), "kind `postgres`: languages.qonos: "),
    ] {
        let error = place.opened(more, Some(vault())).await.unwrap_err();
        assert_eq!(verdict(&error), (Config, false), "{error:?}");
        assert!(error.context().starts_with(field), "{error}");
        assert!(
            error.context().contains("`klingon`; it has arabic, ") && error.context().contains("english"),
            "{error}"
        );
    }
    // One that an administrator made, in the schema that is ours.
    place.migrated().await;
    place.tamper("CREATE TEXT SEARCH CONFIGURATION klingon (COPY = pg_catalog.simple)").await;
    let store = place.tuned(json!({"language": "klingon"})).await.keywords();
    store.upsert(&caller(1), &[keyword_doc("mem_1", "Heghlu'meH QaQ jajvam")]).await.unwrap();
    assert_eq!(ids(&*store, &caller(1), "qaq").await, ["mem_1"]);
}

#[tokio::test]
async fn whatever_is_said_is_words_or_nothing() {
    let place = Place::new();
    let (store, one) = (place.migrated().await.keywords(), caller(1));
    let said = "O'Brien said: \"C:\\temp & 'pizza' | !cheese <-> (x:*A)\"\0 at https://pizza.example/menu?x=1, <b>bold</b> 1e5 -3.5";
    store
        .upsert(&one, &[keyword_doc("mem_1", said), keyword_doc("mem_2", "\0"), keyword_doc("mem_3", "")])
        .await
        .unwrap();
    assert_eq!(store.count().await.unwrap(), 3);
    for found in [
        "O'Brien",
        "brien",
        "pizza\0",
        "'pizza'",
        "!cheese",
        "temp:*",
        "a & pizza | b",
        "menu",
        "example",
        "bold",
        "1e5",
        "5",
        "\\'pizza",
        "pizza.example",
        "cheese <-> nothing",
        "https://pizza.example/menu",
        "\"pizza",
        "$1 pizza",
        "pizza\\",
    ] {
        assert_eq!(ids(&*store, &one, found).await, ["mem_1"], "{found}");
    }
    for nothing in ["", " ", "\0", "'", "''", "\\", "!", "& | !", ":*", "<->", "()", "tem:*", "pizz", "\u{202e}", "%"] {
        assert_eq!(ids(&*store, &one, nothing).await.len(), 0, "{nothing:?}");
    }
    let none = KeywordQuery { text: "pizza".to_owned(), sectors: vec![], limit: 0 };
    assert_eq!(store.search(&one, &none).await.unwrap(), []);
    let nobody = Scope::new("acme", "usr_nobody");
    assert_eq!(ids(&*store, &nobody, "pizza").await.len(), 0);
}

#[tokio::test]
async fn the_longest_texts_are_kept_as_far_as_they_are_words() {
    let place = Place::new();
    let (store, one) = (place.migrated().await.keywords(), caller(1));
    // As many and as long words as are looked at, all different, and all the same.
    let many: String = (0..20_000).map(|n| format!("{n:080} ")).collect();
    let same = "pizza ".repeat(200_000);
    store.upsert(&one, &[keyword_doc("mem_many", &many), keyword_doc("mem_same", &same)]).await.unwrap();
    assert_eq!(ids(&*store, &one, &same).await, ["mem_same"]);
    assert_eq!(ids(&*store, &one, &many).await, ["mem_many"]);
    assert_eq!(ids(&*store, &one, &format!("{:080}", 9_999)).await, ["mem_many"]);
}

#[tokio::test]
async fn hostile_names_stay_names_and_too_long_ones_are_refused() {
    let place = Place::new();
    let store = place.migrated().await.keywords();
    let hostile = ["a", "", "a' OR '1'='1", "%", "a:1", "\u{202e}a", "é", "e\u{301}", "\\'", "`;--", "$1", "\""];
    let scopes: Vec<_> = hostile.iter().flat_map(|t| hostile.iter().map(|c| Scope::new(*t, *c))).collect();
    let docs = scopes.iter().enumerate().map(|(n, scope)| (scope.clone(), keyword_doc(hostile[n % 12], "bicycle")));
    let docs: Vec<_> = docs.collect();
    for _ in 0..2 {
        store.upsert_many(&docs).await.unwrap();
    }
    for (scope, doc) in &docs {
        assert_eq!(ids(&*store, scope, "bicycle").await, [doc.id.as_str()], "{scope:?}");
    }
    store.erase(&docs[13].0).await.unwrap();
    assert_eq!(store.count().await.unwrap(), 143);
    let long = Scope::new("t", SeededEntropy::new(1).hex(5_000));
    let error = store.upsert(&long, &[keyword_doc("m", "bicycle")]).await.unwrap_err();
    assert_eq!(verdict(&error), (Invalid, false), "{error:?}");
    store.delete(&long, &[MemoryId::from("m")]).await.unwrap();
    let error = store.upsert(&Scope::new("t", "c\0tortoise"), &[keyword_doc("m", "bicycle")]).await.unwrap_err();
    assert_eq!(verdict(&error), (Invalid, false), "{error:?}");
    assert!(!format!("{error:?}").contains("tortoise"), "{error:?}");
}

#[tokio::test]
async fn a_better_match_of_another_sector_changes_no_score() {
    let place = Place::new();
    let (store, one) = (place.migrated().await.keywords(), caller(1));
    let mut docs: Vec<_> = (0..5).map(|n| keyword_doc(&format!("mem_{n}"), "Likes pizza")).collect();
    docs.push(KeywordDoc { sector: Sector::Episodic, ..keyword_doc("mem_ep", "Pizza came late") });
    store.upsert(&one, &docs).await.unwrap();
    let all = hits(&*store, &one, "late pizza").await;
    let narrow = KeywordQuery { text: "late pizza".to_owned(), sectors: vec![Sector::Semantic], limit: 100 };
    let narrowed = store.search(&one, &narrow).await.unwrap();
    assert_eq!(all[0].id.as_str(), "mem_ep");
    assert_eq!(all[1..], narrowed, "a word is as rare whatever sectors are asked for, and ties go by the id");
}

#[tokio::test]
async fn purging_gives_back_what_was_erased() {
    let place = Place::new();
    let store = place.migrated().await.keywords();
    store.upsert(&caller(1), &[keyword_doc("mem_1", "zanzibar")]).await.unwrap();
    store.upsert(&caller(2), &[keyword_doc("mem_1", "pizza")]).await.unwrap();
    store.erase(&caller(1)).await.unwrap();
    store.purge().await.unwrap();
    assert_eq!(ids(&*store, &caller(2), "pizza").await, ["mem_1"]);
    store.erase(&caller(2)).await.unwrap();
    store.purge().await.unwrap();
    let size: i64 =
        sqlx::query_scalar("SELECT pg_relation_size('words')").fetch_one(&mut place.stranger().await).await.unwrap();
    assert_eq!(size, 0, "the table's only page was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_are_noticed_by_no_search_and_a_closed_store_says_so() {
    let place = Place::new();
    let (store, one) = (place.migrated().await, caller(1));
    store.keywords().upsert(&one, &[keyword_doc("mem_1", "pizza")]).await.unwrap();
    for _ in 0..2 {
        place.end_connections().await;
        assert_eq!(ids(&*store.keywords(), &one, "pizza").await, ["mem_1"]);
        place.end_connections().await;
        store.keywords().upsert(&one, &[keyword_doc("mem_1", "pizza")]).await.unwrap();
    }
    store.0.close().await.unwrap();
    let asked = KeywordQuery { text: "pizza".to_owned(), sectors: vec![], limit: 5 };
    let error = store.keywords().search(&one, &asked).await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, false), "{error:?}");
}
