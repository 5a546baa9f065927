//! What agents were told, how often what was recalled, and what people made of it.

use super::{callers, memory_ids};
use crate::store::MemoryStore;
use crate::testkit::Reopen;
use crate::testkit::fixtures::{ODD_TEXTS, after, conversation, erasure, memory, sealed, start, tenant};
use crate::testkit::suite::{Must, race, walk};
use crate::{
    Conversation, ConversationId, ErrorKind, MemoryId, MemoryState, Mode, PageRequest, Recalls, Receipt, ReceiptId,
    ReceiptKind, Returned, Review, ReviewDecision, Scope, ScoreParts, TenantId, Via,
};
use std::sync::Arc;

fn returned(memory: &str) -> Returned {
    Returned {
        memory: Some(MemoryId::new(memory)),
        conversation: None,
        turns: Vec::new(),
        score: Some(0.5),
        via: Some(Via::Direct),
        parts: Some(ScoreParts { similarity: 0.25, keyword: 1.0, ..ScoreParts::default() }),
    }
}

/// Of a question at so many seconds, in a call of the caller's, that found these memories.
fn receipt(id: &str, scope: &Scope, secs: i64, found: &[&str]) -> Receipt {
    Receipt {
        id: ReceiptId::new(id),
        kind: ReceiptKind::Query,
        caller: Some(scope.caller.clone()),
        conversation: Some(ConversationId::new("conv_1")),
        agent: Some("agent_1".into()),
        at: after(secs),
        took_ms: 7,
        mode: Some(Mode::Hybrid),
        degraded: None,
        items: found.iter().map(|id| returned(id)).collect(),
        words: Some(sealed(id)),
    }
}

async fn of(store: &dyn MemoryStore, conversation: &str) -> Vec<Receipt> {
    store.receipts_of(&tenant(), &ConversationId::new(conversation)).await.must()
}

fn names(receipts: &[Receipt]) -> Vec<&str> {
    receipts.iter().map(|receipt| receipt.id.as_str()).collect()
}

fn review(memory: &str, secs: i64, decision: ReviewDecision, label: bool) -> Review {
    Review {
        memory: MemoryId::new(memory),
        conversation: Some(ConversationId::new("conv_1")),
        decision,
        at: after(secs),
        label,
        words: label.then(|| sealed(memory)),
    }
}

/// Every field, of every kind.
pub async fn a_receipt_comes_back_as_it_was_written(store: Arc<dyn MemoryStore>) {
    let [scope, ..] = callers(&*store).await;
    let turn = Returned {
        memory: None,
        conversation: Some("conv_0".into()),
        turns: vec![2, 3],
        score: Some(0.75),
        via: Some(Via::Turn),
        parts: None,
    };
    let asked = Receipt { items: vec![returned("mem_1"), turn], ..receipt("rcp_1", &scope, 1, &[]) };
    let begun = Receipt {
        kind: ReceiptKind::Initiation,
        caller: None,
        agent: None,
        mode: None,
        degraded: Some("late".to_owned()),
        words: None,
        ..receipt("rcp_2", &scope, 2, &[])
    };
    let told = Receipt {
        kind: ReceiptKind::Remember,
        items: vec![Returned { score: None, via: None, parts: None, ..returned("mem_2") }],
        degraded: Some(ODD_TEXTS[2].to_owned()),
        ..receipt("rcp_3", &scope, 3, &[])
    };
    let all = [asked, begun, told];
    store.put_receipts(&tenant(), &all).await.must();
    store.put_receipts(&tenant(), &[]).await.must();
    assert_eq!(of(&*store, "conv_1").await, all);
}

/// "Earliest first (ties by id)", of one conversation of one tenant.
pub async fn receipts_come_earliest_first_of_one_conversation(store: Arc<dyn MemoryStore>) {
    let [scope, _, foreign] = callers(&*store).await;
    let elsewhere = Receipt { conversation: Some("conv_2".into()), ..receipt("rcp_4", &scope, 0, &[]) };
    let nowhere = Receipt { conversation: None, ..receipt("rcp_5", &scope, 0, &[]) };
    let of_call = [("rcp_b", 5), ("rcp_a", 5), ("rcp_c", -5)].map(|(id, secs)| receipt(id, &scope, secs, &[]));
    store.put_receipts(&tenant(), &[of_call.to_vec(), vec![elsewhere, nowhere]].concat()).await.must();
    store.put_receipts(&foreign.tenant, &[receipt("rcp_a", &foreign, 0, &[])]).await.must();
    assert_eq!(names(&of(&*store, "conv_1").await), ["rcp_c", "rcp_a", "rcp_b"]);
    assert_eq!(names(&store.receipts_of(&foreign.tenant, &"conv_1".into()).await.must()), ["rcp_a"]);
    assert_eq!(of(&*store, "conv_missing").await, []);
}

/// "An id that is there already is left as it is": a write that is repeated changes nothing.
pub async fn a_receipt_that_is_written_again_is_left_as_it_is(store: Arc<dyn MemoryStore>) {
    let [scope, ..] = callers(&*store).await;
    store.put_memories(&scope, &[memory("mem_1", "Likes tea")]).await.must();
    let first = receipt("rcp_1", &scope, 1, &["mem_1"]);
    store.put_receipts(&tenant(), &[first.clone(), first.clone()]).await.must();
    let second = Receipt { took_ms: 99, ..receipt("rcp_1", &scope, 9, &["mem_1"]) };
    store.put_receipts(&tenant(), &[second]).await.must();
    assert_eq!(of(&*store, "conv_1").await, [first]);
    let recalls = store.recalls(&scope, &memory_ids(&["mem_1"])).await.must();
    assert_eq!(recalls, [("mem_1".into(), Recalls { count: 1, last: after(1) })]);
}

/// "A receipt of a caller who is not known is left out", and nothing else is.
pub async fn a_receipt_of_an_unknown_caller_is_left_out(store: Arc<dyn MemoryStore>) {
    let [scope, ..] = callers(&*store).await;
    let stranger = Scope::new(tenant(), "usr_gone");
    let all = [receipt("rcp_1", &stranger, 1, &[]), receipt("rcp_2", &scope, 2, &[])];
    store.put_receipts(&tenant(), &all).await.must();
    assert_eq!(names(&of(&*store, "conv_1").await), ["rcp_2"]);
}

/// "Each memory that a new receipt returned, and that is its caller's, counts as recalled once more; what was remembered
/// was not recalled."
pub async fn what_was_returned_counts_as_recalled(store: Arc<dyn MemoryStore>) {
    let [scope, other, _] = callers(&*store).await;
    store.put_memories(&scope, &[memory("mem_1", "a"), memory("mem_2", "b"), memory("mem_3", "c")]).await.must();
    store.put_memories(&other, &[memory("mem_4", "d")]).await.must();
    let all = [
        receipt("rcp_1", &scope, 9, &["mem_1", "mem_1", "mem_4", "mem_missing"]),
        Receipt { kind: ReceiptKind::Initiation, ..receipt("rcp_2", &scope, 4, &["mem_1", "mem_2"]) },
        Receipt { kind: ReceiptKind::Remember, ..receipt("rcp_3", &scope, 5, &["mem_3"]) },
        Receipt { caller: None, ..receipt("rcp_4", &scope, 6, &["mem_3"]) },
    ];
    store.put_receipts(&tenant(), &all).await.must();
    let asked = memory_ids(&["mem_2", "mem_3", "mem_4", "mem_missing", "mem_1"]);
    let expected = [
        ("mem_2".into(), Recalls { count: 1, last: after(4) }),
        ("mem_1".into(), Recalls { count: 2, last: after(9) }),
    ];
    assert_eq!(store.recalls(&scope, &asked).await.must(), expected);
    assert_eq!(store.recalls(&other, &asked).await.must(), []);
    assert_eq!(store.recalls(&scope, &[]).await.must(), []);
    store.delete_memories(&scope, &memory_ids(&["mem_1"])).await.must();
    store.put_memories(&scope, &[memory("mem_1", "a")]).await.must();
    assert_eq!(store.recalls(&scope, &memory_ids(&["mem_1"])).await.must(), [], "it is another one");
}

/// Writers of one memory's count at once.
pub async fn concurrent_receipts_lose_no_recall(store: Arc<dyn MemoryStore>) {
    let [scope, ..] = callers(&*store).await;
    store.put_memories(&scope, &[memory("mem_1", "a")]).await.must();
    race(8, |n| {
        let (store, scope) = (store.clone(), scope.clone());
        async move {
            let receipt = receipt(&format!("rcp_{n}"), &scope, n as i64, &["mem_1"]);
            store.put_receipts(&tenant(), &[receipt]).await.must();
        }
    })
    .await;
    let recalls = store.recalls(&scope, &memory_ids(&["mem_1"])).await.must();
    assert_eq!(recalls, [("mem_1".into(), Recalls { count: 8, last: after(7) })]);
}

/// "Gives the caller's receipts of no conversation from `from` to `until`, both included, to this one."
pub async fn receipts_of_no_conversation_are_claimed_by_their_time(store: Arc<dyn MemoryStore>) {
    let [scope, other, _] = callers(&*store).await;
    let loose = |id: &str, scope: &Scope, secs| Receipt { conversation: None, ..receipt(id, scope, secs, &[]) };
    let all = [
        loose("rcp_1", &scope, -11),
        loose("rcp_2", &scope, -10),
        loose("rcp_3", &scope, 10),
        loose("rcp_4", &scope, 11),
        loose("rcp_5", &other, 0),
        receipt("rcp_6", &scope, 0, &[]),
    ];
    store.put_receipts(&tenant(), &all).await.must();
    let claim = async |to: &str| store.claim_receipts(&scope, &to.into(), after(-10), after(10)).await.must();
    assert_eq!(claim("conv_2").await, 2);
    assert_eq!(claim("conv_3").await, 0, "they are taken");
    assert_eq!(names(&of(&*store, "conv_2").await), ["rcp_2", "rcp_3"]);
    assert_eq!(names(&of(&*store, "conv_1").await), ["rcp_6"]);
}

/// "Takes the words away from the caller's receipts that returned one of these memories", and from no others.
pub async fn words_are_taken_from_what_told_of_a_memory(store: Arc<dyn MemoryStore>) {
    let [scope, other, _] = callers(&*store).await;
    let all = [
        receipt("rcp_1", &scope, 1, &["mem_1", "mem_2"]),
        receipt("rcp_2", &scope, 2, &["mem_2"]),
        receipt("rcp_3", &scope, 3, &[]),
        receipt("rcp_4", &other, 4, &["mem_1"]),
    ];
    store.put_receipts(&tenant(), &all).await.must();
    assert_eq!(store.blank_receipts(&scope, &memory_ids(&["mem_1", "mem_missing"])).await.must(), 1);
    assert_eq!(store.blank_receipts(&scope, &memory_ids(&["mem_1"])).await.must(), 0);
    assert_eq!(store.blank_receipts(&scope, &[]).await.must(), 0);
    let mut expected = all;
    expected[0].words = None;
    assert_eq!(of(&*store, "conv_1").await, expected);
}

/// "Removes all tenants' receipts from before that moment. What was recalled stays counted."
pub async fn old_receipts_are_removed_and_recalls_stay(store: Arc<dyn MemoryStore>) {
    let [scope, _, foreign] = callers(&*store).await;
    store.put_memories(&scope, &[memory("mem_1", "a")]).await.must();
    store.put_receipts(&tenant(), &[receipt("rcp_1", &scope, -1, &["mem_1"])]).await.must();
    store.put_receipts(&tenant(), &[receipt("rcp_2", &scope, 0, &[])]).await.must();
    store.put_receipts(&foreign.tenant, &[receipt("rcp_1", &foreign, -2, &[])]).await.must();
    assert_eq!(store.prune_receipts(start()).await.must(), 2);
    assert_eq!(store.prune_receipts(start()).await.must(), 0);
    assert_eq!(names(&of(&*store, "conv_1").await), ["rcp_2"]);
    let recalls = store.recalls(&scope, &memory_ids(&["mem_1"])).await.must();
    assert_eq!(recalls, [("mem_1".into(), Recalls { count: 1, last: after(-1) })]);
}

/// Nobody's answer depends on receipts and reviews, so nobody's cache is thrown away for them.
pub async fn receipts_and_reviews_raise_no_revision(store: Arc<dyn MemoryStore>) {
    let [scope, ..] = callers(&*store).await;
    store.put_memories(&scope, &[memory("mem_1", "a")]).await.must();
    let before = store.user(&scope).await.must();
    store.put_receipts(&tenant(), &[receipt("rcp_1", &scope, 1, &["mem_1"])]).await.must();
    store.claim_receipts(&scope, &"conv_2".into(), after(-9), after(9)).await.must();
    store.blank_receipts(&scope, &memory_ids(&["mem_1"])).await.must();
    store.put_review(&scope, &review("mem_1", 1, ReviewDecision::Accept, true)).await.must();
    store.prune_receipts(after(9)).await.must();
    assert_eq!(store.user(&scope).await.must(), before);
}

/// "Notes what a person decided, in place of what was decided before"; "latest first (ties by memory)".
pub async fn the_last_review_of_a_memory_stands(store: Arc<dyn MemoryStore>) {
    let [scope, other, _] = callers(&*store).await;
    let (accept, reject) = (ReviewDecision::Accept, ReviewDecision::Reject);
    store.put_review(&scope, &review("mem_b", 1, accept, true)).await.must();
    store.put_review(&scope, &review("mem_a", 1, ReviewDecision::Edit, true)).await.must();
    store.put_review(&scope, &review("mem_c", 0, accept, false)).await.must();
    store.put_review(&other, &review("mem_d", 5, accept, false)).await.must();
    let last = Review { conversation: None, words: Some(sealed("last")), ..review("mem_c", 2, reject, false) };
    store.put_review(&scope, &last).await.must();
    let expected = [last, review("mem_a", 1, ReviewDecision::Edit, true), review("mem_b", 1, accept, true)];
    assert_eq!(store.reviews(&scope).await.must(), expected);
}

/// "It outlives the memory, not the caller."
pub async fn a_review_outlives_its_memory_but_not_its_caller(store: Arc<dyn MemoryStore>) {
    let [scope, ..] = callers(&*store).await;
    store.put_memories(&scope, &[memory("mem_1", "a")]).await.must();
    let rejected = review("mem_1", 1, ReviewDecision::Reject, true);
    store.put_review(&scope, &rejected).await.must();
    store.delete_memories(&scope, &memory_ids(&["mem_1"])).await.must();
    assert_eq!(store.reviews(&scope).await.must(), std::slice::from_ref(&rejected));
    store.erase_user(&scope, &erasure(&scope)).await.must();
    assert_eq!(store.reviews(&scope).await.must(), []);
    assert_eq!(store.labels(&tenant(), &PageRequest::first(9)).await.must().items, []);
    let error = store.put_review(&scope, &rejected).await.expect_err("the caller is gone");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(store.reviews(&scope).await.must(), []);
}

/// "A tenant's reviews that were released as labels, latest first (ties by memory)."
pub async fn labels_are_listed_latest_first_of_one_tenant_only(store: Arc<dyn MemoryStore>) {
    let [scope, other, foreign] = callers(&*store).await;
    for (scope, name, secs, label) in [
        (&scope, "mem_a", 1, true),
        (&scope, "mem_b", 3, true),
        (&scope, "mem_c", 4, false),
        (&other, "mem_d", 1, true),
        (&other, "mem_e", 2, true),
        (&foreign, "mem_f", 5, true),
    ] {
        store.put_review(scope, &review(name, secs, ReviewDecision::Accept, label)).await.must();
    }
    let listed = walk(2, async |page| store.labels(&tenant(), &page).await).await;
    let listed: Vec<_> = listed.iter().map(|review| review.memory.as_str()).collect();
    assert_eq!(listed, ["mem_b", "mem_e", "mem_a", "mem_d"]);
    let bad = PageRequest { limit: 2, cursor: Some("nonsense".to_owned()) };
    assert_eq!(store.labels(&tenant(), &bad).await.expect_err("not ours").kind(), ErrorKind::Invalid);
}

/// "Erase": receipts that name the caller, and those that name nobody but a conversation of the caller's.
pub async fn erasing_a_caller_removes_their_receipts(store: Arc<dyn MemoryStore>) {
    let [scope, other, _] = callers(&*store).await;
    let theirs = Conversation { caller: Some(scope.caller.clone()), ..conversation("conv_1") };
    store.save_conversation(&tenant(), &theirs).await.must();
    let elsewhere =
        |id: &str, scope: &Scope| Receipt { conversation: Some("conv_2".into()), ..receipt(id, scope, 1, &[]) };
    let all = [
        receipt("rcp_1", &scope, 1, &[]),
        Receipt { caller: None, ..receipt("rcp_2", &scope, 2, &[]) },
        elsewhere("rcp_3", &scope),
        elsewhere("rcp_4", &other),
        Receipt { caller: None, ..elsewhere("rcp_5", &scope) },
    ];
    store.put_receipts(&tenant(), &all).await.must();
    store.erase_user(&scope, &erasure(&scope)).await.must();
    assert_eq!(of(&*store, "conv_1").await, []);
    assert_eq!(names(&of(&*store, "conv_2").await), ["rcp_4", "rcp_5"]);
    store.put_receipts(&tenant(), &all).await.must();
    let again = of(&*store, "conv_1").await;
    assert!(again.iter().all(|receipt| receipt.caller.is_none()), "a late write brings nobody back: {again:?}");
}

/// "How many memories of these states a tenant has; of all, if none is named."
pub async fn memories_of_a_tenant_are_counted_by_state(store: Arc<dyn MemoryStore>) {
    let [scope, other, foreign] = callers(&*store).await;
    let archived = crate::Memory { state: MemoryState::Archived, ..memory("mem_2", "b") };
    store.put_memories(&scope, &[memory("mem_1", "a"), archived]).await.must();
    store.put_memories(&other, &[memory("mem_3", "c")]).await.must();
    store.put_memories(&foreign, &[memory("mem_4", "d")]).await.must();
    let count = async |tenant: &TenantId, states: &[MemoryState]| store.count_of(tenant, states).await.must();
    assert_eq!(count(&tenant(), &[]).await, 3);
    assert_eq!(count(&tenant(), &[MemoryState::Active]).await, 2);
    assert_eq!(count(&tenant(), &[MemoryState::Active, MemoryState::Archived]).await, 3);
    assert_eq!(count(&tenant(), &[MemoryState::Superseded]).await, 0);
    assert_eq!(count(&foreign.tenant, &[MemoryState::Active]).await, 1);
    assert_eq!(count(&TenantId::new("nobody"), &[]).await, 0);
}

/// What was kept is kept.
pub async fn receipts_and_reviews_survive_reopening(place: &dyn Reopen<dyn MemoryStore>) {
    let store = place.open().await;
    let [scope, ..] = callers(&*store).await;
    store.put_memories(&scope, &[memory("mem_1", "a")]).await.must();
    let kept = receipt("rcp_1", &scope, 1, &["mem_1"]);
    let judged = review("mem_1", 2, ReviewDecision::Edit, true);
    store.put_receipts(&tenant(), std::slice::from_ref(&kept)).await.must();
    store.put_review(&scope, &judged).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(of(&*store, "conv_1").await, [kept]);
    assert_eq!(store.reviews(&scope).await.must(), [judged]);
    let recalls = store.recalls(&scope, &memory_ids(&["mem_1"])).await.must();
    assert_eq!(recalls, [("mem_1".into(), Recalls { count: 1, last: after(1) })]);
    place.close(store).await;
}

/// "The caller's receipts of no conversation, earliest first (ties by id)."
pub async fn loose_receipts_are_those_of_no_conversation(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let loose = |id: &str, scope: &Scope, at| Receipt { conversation: None, ..receipt(id, scope, at, &[]) };
    let own =
        [loose("rcp_b", &one, 5), loose("rcp_a", &one, 5), loose("rcp_c", &one, -9), receipt("rcp_d", &one, 1, &[])];
    store.put_receipts(&one.tenant, &own).await.must();
    store.put_receipts(&one.tenant, &[loose("rcp_e", &two, 2)]).await.must();
    store.put_receipts(&other.tenant, &[loose("rcp_f", &other, 2)]).await.must();
    let found = walk(1, async |page| store.loose_receipts(&one, &page).await).await;
    assert_eq!(names(&found), ["rcp_c", "rcp_a", "rcp_b"]);
    assert_eq!(found[1], own[1]);
    let page = PageRequest { limit: 1, cursor: Some("x".to_owned()) };
    assert_eq!(store.loose_receipts(&one, &page).await.expect_err("a refusal").kind(), ErrorKind::Invalid);
}
