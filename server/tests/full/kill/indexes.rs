//! What must hold in the folder, beside what an integrator sees.

use crate::harness::Home;
use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::store::KeywordQuery;
use hark_core::{IndexState, Memory, PageRequest, Scope, SystemClock, SystemEntropy};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// In the folder itself, without a server: every memory is in both indexes, and they hold nothing else.
pub(super) async fn hold_what_the_truth_holds(home: &Home) {
    let data_dir = home.data().join("data");
    let mut registry = Registry::new();
    hark_plugins::install(&mut registry);
    let context = OpenContext { data_dir, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy), vault: None };
    let mut opened: Vec<Arc<dyn Backend>> = Vec::new();
    for kind in ["sqlite", "lancedb", "tantivy", "local"] {
        opened.push(registry.open(kind, json!({}), &context).await.expect("a healthy folder"));
    }
    let memory = opened.iter().find_map(|b| b.memory()).expect("the truth");
    let vectors = opened.iter().find_map(|b| b.vectors()).expect("vectors");
    let words = opened.iter().find_map(|b| b.keywords()).expect("words");
    let space = opened.iter().find_map(|b| b.embedder()).expect("an embedder").info().space.clone();

    let mut truth: BTreeMap<(String, String), (Scope, Vec<Memory>)> = BTreeMap::new();
    let mut page = PageRequest::first(1_000);
    loop {
        let found = memory.scan_memories(&page).await.expect("the truth");
        for (scope, memory) in found.items {
            assert_eq!(memory.index, IndexState::Indexed, "{}", memory.id);
            let key = (scope.tenant.to_string(), scope.caller.to_string());
            truth.entry(key).or_insert_with(|| (scope, Vec::new())).1.push(memory);
        }
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    let count = truth.values().map(|(_, memories)| memories.len()).sum::<usize>();
    for (scope, memories) in truth.values() {
        let ids: BTreeSet<&str> = memories.iter().map(|memory| memory.id.as_str()).collect();
        let rows = vectors.load(scope, &space, usize::MAX).await.expect("vectors").expect("no limit");
        let found: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let (left_over, missing): (Vec<_>, Vec<_>) =
            (found.difference(&ids).collect(), ids.difference(&found).collect());
        assert!(left_over.is_empty() && missing.is_empty(), "vectors left over {left_over:?}, missing {missing:?}");
        assert_eq!(rows.len(), ids.len(), "one vector a memory");
        for memory in memories {
            let query = KeywordQuery { text: memory.content.clone(), sectors: Vec::new(), limit: memories.len() };
            let hits = words.search(scope, &query).await.expect("words");
            assert!(hits.iter().any(|hit| hit.id == memory.id), "{} is not found by its own words", memory.id);
        }
    }
    assert_eq!(words.count().await.expect("words"), count as u64, "documents without a memory");
    assert_eq!(vectors.count(&space).await.expect("vectors"), count as u64, "vectors without a memory");
    println!("{count} memories in the truth, in the vectors and in the words");
}
