//! Memories: written, read, listed, deleted.

use super::{callers, ids, memory_ids};
use crate::store::{MemoryFilter, MemoryStore};
use crate::testkit::fixtures::{ODD_TEXTS, after, erasure, memory, start};
use crate::testkit::suite::{Must, race, walk};
use crate::{
    ErrorKind, IndexState, Link, LinkKind, Memory, MemoryId, MemoryKind, MemoryState, Origin, PageRequest, Provenance,
    Sector, Slot,
};
use chrono::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

fn every_field(id: &str) -> Memory {
    let metadata = serde_json::json!({
        "crm": { "id": 7, "tags": ["a", null, true, 1.5] }, "quote'\"": "👩‍👩‍👧", "": {}
    });
    Memory {
        speaker: Some("Tom".to_owned()),
        content: "Wants order 4711 delivered on Friday".to_owned(),
        sector: Sector::Episodic,
        kind: MemoryKind::Order,
        slot: Some(Slot { key: "order".to_owned(), value: "47'11\" %_".to_owned() }),
        salience: 0.123_456_79,
        occurred_at: after(-86_400) + Duration::milliseconds(123),
        learnt_at: after(5),
        reinforced_at: after(60),
        decay_rate: Some(0.0),
        state: MemoryState::Superseded,
        valid_to: Some(after(90)),
        superseded_by: Some("mem_bare".into()),
        corrected_at: Some(after(70)),
        provenance: Provenance {
            origin: Origin::Remembered,
            conversation_id: Some("conv_1".into()),
            turns: vec![0, 3, u32::MAX],
        },
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        index: IndexState::Indexed,
        ..memory(id, "")
    }
}

/// What is written is what is read, in every field and for every value of the lists.
pub async fn a_memory_comes_back_as_it_was_written(store: Arc<dyn MemoryStore>) {
    use MemoryKind::{Complaint, Contact, Event, Fact, Feeling, Name, Order, Preference, Procedure, Promise, Request};
    let [one, ..] = callers(&*store).await;
    let mut written = vec![every_field("mem_full"), memory("mem_bare", "Likes tea")];
    for (i, sector) in Sector::ALL.into_iter().enumerate() {
        written.push(Memory { sector, ..memory(&format!("mem_sector{i}"), "x") });
    }
    let kinds = [Name, Contact, Preference, Order, Request, Complaint, Feeling, Promise, Event, Procedure, Fact];
    for (i, kind) in kinds.into_iter().enumerate() {
        written.push(Memory { kind, ..memory(&format!("mem_kind{i}"), "x") });
    }
    for (i, state) in [MemoryState::Active, MemoryState::Superseded, MemoryState::Archived, MemoryState::Quarantined]
        .into_iter()
        .enumerate()
    {
        written.push(Memory { state, ..memory(&format!("mem_state{i}"), "x") });
    }
    for (i, origin) in [Origin::Extracted, Origin::Remembered, Origin::Api].into_iter().enumerate() {
        let provenance = Provenance { origin, conversation_id: None, turns: vec![] };
        written.push(Memory { provenance, ..memory(&format!("mem_origin{i}"), "x") });
    }
    store.put_memories(&one, &written).await.must();
    let asked: Vec<_> = written.iter().map(|m| m.id.clone()).collect();
    assert_eq!(store.memories(&one, &asked).await.must(), written);
}

/// Text is data: nothing in it is ever read as anything else.
pub async fn odd_texts_come_back_as_they_were_written(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let long = "long ".repeat(20_000);
    let texts: Vec<&str> = ODD_TEXTS.into_iter().chain([long.as_str()]).collect();
    let written: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| Memory {
            slot: Some(Slot { key: (*text).to_owned(), value: (*text).to_owned() }),
            ..memory(&format!("mem_{i} {}", text.chars().take(20).collect::<String>()), text)
        })
        .collect();
    store.put_memories(&one, &written).await.must();
    for memory in &written {
        assert_eq!(store.memories(&one, std::slice::from_ref(&memory.id)).await.must(), std::slice::from_ref(memory));
        assert!(store.memory_owner(&one.tenant, &memory.id).await.must().is_some());
    }
    let all = walk(4, async |page| store.list_memories(&one, &MemoryFilter::default(), &page).await).await;
    assert_eq!(all.len(), written.len(), "no odd id ends a walk early");
}

/// "An id that is there already under the same scope is replaced."
pub async fn writing_again_replaces(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    store.put_memories(&one, &[memory("mem_1", "Likes tea"), memory("mem_2", "Has a dog")]).await.must();
    let changed = every_field("mem_1");
    store.put_memories(&one, std::slice::from_ref(&changed)).await.must();
    assert_eq!(store.memories(&one, &memory_ids(&["mem_1"])).await.must(), [changed]);
    assert_eq!(store.count_memories().await.must(), 2);
    let bare = memory("mem_1", "Likes coffee");
    store.put_memories(&one, std::slice::from_ref(&bare)).await.must();
    assert_eq!(store.memories(&one, &memory_ids(&["mem_1"])).await.must(), [bare], "what was there can be emptied");
}

/// "So is an unknown caller: a late job must not bring an erased person back."
pub async fn writing_for_an_unknown_caller_is_a_conflict(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    store.erase_user(&one, &erasure(&one)).await.must();
    let error = store.put_memories(&one, &[memory("mem_1", "Likes tea")]).await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert!(!error.is_retriable(), "trying again cannot help");
    assert_eq!(store.count_memories().await.must(), 0);
    assert_eq!(store.user(&one).await.must(), None);
}

/// "Under another scope it is an error of kind `Conflict` and nothing is written."
pub async fn writing_under_another_scope_is_a_conflict_and_writes_nothing(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let first = memory("mem_1", "Likes tea");
    store.put_memories(&one, std::slice::from_ref(&first)).await.must();
    for stranger in [&two, &other] {
        let batch = [memory("mem_new1", "x"), memory("mem_1", "Hates tea"), memory("mem_new2", "y")];
        let error = store.put_memories(stranger, &batch).await.expect_err("the id is somebody else's");
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
        assert!(!error.is_retriable(), "trying again cannot help");
        let asked = memory_ids(&["mem_new1", "mem_1", "mem_new2"]);
        assert_eq!(store.memories(stranger, &asked).await.must(), []);
    }
    assert_eq!(store.memories(&one, &memory_ids(&["mem_1"])).await.must(), [first]);
    assert_eq!(store.count_memories().await.must(), 1);
}

/// "In the order asked; missing ones are left out."
pub async fn memories_come_in_the_order_asked_without_the_missing(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    store.put_memories(&one, &["mem_1", "mem_2", "mem_3"].map(|id| memory(id, id))).await.must();
    let asked = memory_ids(&["mem_3", "mem_missing", "mem_1", "", "mem_2"]);
    assert_eq!(ids(&store.memories(&one, &asked).await.must()), ["mem_3", "mem_1", "mem_2"]);
}

/// "That are the caller's": reading, listing and counting by sector stay inside the scope.
pub async fn memories_of_others_are_never_returned(store: Arc<dyn MemoryStore>) {
    let scopes = callers(&*store).await;
    let all = memory_ids(&["mem_0", "mem_1", "mem_2"]);
    for (i, scope) in scopes.iter().enumerate() {
        store.put_memories(scope, &[memory(&format!("mem_{i}"), "Likes tea")]).await.must();
    }
    for (i, scope) in scopes.iter().enumerate() {
        let own = format!("mem_{i}");
        assert_eq!(ids(&store.memories(scope, &all).await.must()), [own.as_str()]);
        let listed = store.list_memories(scope, &MemoryFilter::default(), &PageRequest::first(10)).await.must();
        assert_eq!(ids(&listed.items), [own.as_str()]);
    }
}

/// "Whose memory this is, within a tenant."
pub async fn the_owner_of_a_memory_is_known_within_the_tenant(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    store.put_memories(&one, &[memory("mem_1", "x")]).await.must();
    store.put_memories(&two, &[memory("mem_2", "x")]).await.must();
    assert_eq!(store.memory_owner(&one.tenant, &"mem_1".into()).await.must(), Some(one.clone()));
    assert_eq!(store.memory_owner(&one.tenant, &"mem_2".into()).await.must(), Some(two));
    assert_eq!(store.memory_owner(&one.tenant, &"mem_3".into()).await.must(), None);
    assert_eq!(store.memory_owner(&other.tenant, &"mem_1".into()).await.must(), None);
    store.delete_memories(&one, &memory_ids(&["mem_1"])).await.must();
    assert_eq!(store.memory_owner(&one.tenant, &"mem_1".into()).await.must(), None);
}

/// "Latest `occurred_at` first (ties by id)."
pub async fn memories_are_listed_latest_first_ties_by_id(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let at = |id: &str, secs| Memory { occurred_at: after(secs), ..memory(id, "x") };
    let written = [at("mem_d", 10), at("mem_b", 10), at("mem_a", -99_999_999), at("mem_e", 20), at("mem_c", 10)];
    store.put_memories(&one, &written).await.must();
    let page = store.list_memories(&one, &MemoryFilter::default(), &PageRequest::first(10)).await.must();
    assert_eq!(ids(&page.items), ["mem_e", "mem_b", "mem_c", "mem_d", "mem_a"]);
    assert_eq!(page.next_cursor, None);
}

/// "Only these sectors", "only these states"; "empty for all".
pub async fn listing_narrows_to_sectors_and_states(store: Arc<dyn MemoryStore>) {
    use MemoryState::{Active, Archived, Superseded};
    use Sector::{Emotional, Episodic, Semantic};
    let [one, ..] = callers(&*store).await;
    let of = |id: &str, sector, state| Memory { sector, state, ..memory(id, "x") };
    let written = [
        of("mem_1", Semantic, Active),
        of("mem_2", Semantic, Archived),
        of("mem_3", Episodic, Active),
        of("mem_4", Episodic, Superseded),
        of("mem_5", Emotional, Active),
    ];
    store.put_memories(&one, &written).await.must();
    for (sectors, states, expected) in [
        (vec![], vec![], vec!["mem_1", "mem_2", "mem_3", "mem_4", "mem_5"]),
        (vec![Semantic], vec![], vec!["mem_1", "mem_2"]),
        (vec![Semantic, Episodic], vec![Active], vec!["mem_1", "mem_3"]),
        (vec![], vec![Archived, Superseded], vec!["mem_2", "mem_4"]),
        (vec![Sector::Reflective], vec![], vec![]),
    ] {
        let filter = MemoryFilter { sectors, states };
        let walked = walk(1, async |page| store.list_memories(&one, &filter, &page).await).await;
        assert_eq!(ids(&walked), expected, "{filter:?}");
    }
}

/// "Items are neither left out nor repeated while the list only grows."
pub async fn pages_of_memories_neither_omit_nor_repeat_while_the_list_grows(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let at = |i: i64| Memory { occurred_at: after(i / 4), ..memory(&format!("mem_{i:02}"), "x") };
    let written: Vec<_> = (0..22).map(at).collect();
    store.put_memories(&one, &written).await.must();
    let filter = MemoryFilter::default();
    let mut request = PageRequest::first(5);
    let mut seen = Vec::new();
    for round in 0.. {
        let page = store.list_memories(&one, &filter, &request).await.must();
        seen.extend(page.items.into_iter().map(|m| m.id.to_string()));
        let Some(cursor) = page.next_cursor else { break };
        request.cursor = Some(cursor);
        let later = Memory { occurred_at: after(900), ..memory(&format!("mem_later{round}"), "x") };
        store.put_memories(&one, &[later]).await.must();
    }
    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "nothing twice");
    assert!(written.iter().all(|m| distinct.contains(&m.id.to_string())), "nothing left out");
}

/// "Missing ones, and those of others, are ignored. Answers how many went."
pub async fn deleting_counts_what_went_and_ignores_the_missing_and_others(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    store.put_memories(&one, &["mem_1", "mem_2", "mem_3"].map(|id| memory(id, "x"))).await.must();
    let asked = memory_ids(&["mem_1", "mem_missing", "mem_3"]);
    for stranger in [&two, &other] {
        assert_eq!(store.delete_memories(stranger, &asked).await.must(), 0);
    }
    assert_eq!(store.count_memories().await.must(), 3);
    assert_eq!(store.delete_memories(&one, &asked).await.must(), 2);
    assert_eq!(store.delete_memories(&one, &asked).await.must(), 0);
    assert_eq!(ids(&store.memories(&one, &memory_ids(&["mem_1", "mem_2", "mem_3"])).await.must()), ["mem_2"]);
}

/// "Removes memories and their links."
pub async fn deleting_a_memory_removes_its_links(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let id = |n: usize| MemoryId::new(format!("mem_{n}"));
    store.put_memories(&one, &[1, 2, 3].map(|n| memory(id(n).as_str(), "x"))).await.must();
    let link = |a, b| Link::new(id(a), id(b), 0.9, LinkKind::Similar, start());
    store.put_links(&one, &[link(1, 2), link(2, 3), link(1, 3)]).await.must();
    store.delete_memories(&one, &[id(2)]).await.must();
    assert_eq!(store.links(&one, &[id(1), id(2), id(3)]).await.must(), [link(1, 3)]);
    store.put_memories(&one, &[memory("mem_2", "back again")]).await.must();
    assert_eq!(store.links(&one, &[id(2)]).await.must(), [], "a memory that comes back comes without them");
}

/// Empty inputs are no work, and no error.
pub async fn nothing_to_do_is_fine(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    store.put_memories(&one, &[]).await.must();
    assert_eq!(store.memories(&one, &[]).await.must(), []);
    assert_eq!(store.delete_memories(&one, &[]).await.must(), 0);
    store.mark_indexed(&one, &[]).await.must();
    store.put_links(&one, &[]).await.must();
    assert_eq!(store.links(&one, &[]).await.must(), []);
    assert_eq!(store.pending_memories(10).await.must(), []);
    let page = store.scan_memories(&PageRequest::first(10)).await.must();
    assert_eq!((page.items, page.next_cursor), (vec![], None));
    assert_eq!(store.count_memories().await.must(), 0);
}

/// More at once than a statement may have parameters in some databases.
pub async fn many_memories_at_once(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let written: Vec<_> = (0..2_500).map(|i| memory(&format!("mem_{i:05}"), "Likes tea")).collect();
    let all: Vec<_> = written.iter().map(|m| m.id.clone()).collect();
    store.put_memories(&one, &written).await.must();
    assert_eq!(store.memories(&one, &all).await.must().len(), 2_500);
    let link = |pair: &[MemoryId]| Link::new(pair[0].clone(), pair[1].clone(), 0.9, LinkKind::Similar, start());
    store.put_links(&one, &all.windows(2).map(link).collect::<Vec<_>>()).await.must();
    assert_eq!(store.links(&one, &all).await.must().len(), 2_499);
    store.mark_indexed(&one, &all).await.must();
    assert_eq!(store.pending_memories(10).await.must(), []);
    assert_eq!(store.delete_memories(&one, &all).await.must(), 2_500);
    assert_eq!(store.count_memories().await.must(), 0);
}

/// Writers of one caller and of several at once all get their way.
pub async fn concurrent_writers_lose_nothing(store: Arc<dyn MemoryStore>) {
    let scopes = callers(&*store).await;
    race(12, |i| {
        let (store, scope) = (Arc::clone(&store), scopes[i % 3].clone());
        async move {
            for n in 0..5 {
                store.put_memories(&scope, &[memory(&format!("mem_{i}_{n}"), "x")]).await.must();
            }
        }
    })
    .await;
    assert_eq!(store.count_memories().await.must(), 60);
    for scope in &scopes {
        let own = walk(7, async |page| store.list_memories(scope, &MemoryFilter::default(), &page).await).await;
        assert_eq!(own.len(), 20);
        assert!(store.user(scope).await.must().must().revision >= 20);
    }
}
