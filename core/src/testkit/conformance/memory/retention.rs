//! What is too old to be kept is found by its age, and nothing else is.

use super::callers;
use crate::store::MemoryStore;
use crate::testkit::fixtures::{after, conversation, memory, phone, sealed, start};
use crate::testkit::suite::Must;
use crate::{
    Conversation, ConversationId, ConversationState, ErrorKind, Memory, MemoryState, PageRequest, Scope, TenantId, User,
};
use std::sync::Arc;

fn spoken(id: &str, scope: &Scope, at: i64) -> Conversation {
    Conversation {
        caller: Some(scope.caller.clone()),
        state: ConversationState::Learnt,
        started_at: after(at),
        updated_at: after(at + 5),
        transcript: Some(sealed(id)),
        extraction: Some(sealed("made of it")),
        ..conversation(id)
    }
}

/// "The tenants of whom this store keeps a caller or a conversation, in their order."
pub async fn tenants_are_those_of_callers_and_of_calls(store: Arc<dyn MemoryStore>) {
    assert_eq!(store.tenants().await.must(), []);
    callers(&*store).await;
    store.save_conversation(&TenantId::new("a call's"), &conversation("conv_1")).await.must();
    let there = store.tenants().await.must();
    let mut expected: Vec<TenantId> = ["a call's", "other"].map(TenantId::new).to_vec();
    expected.push(super::scopes()[0].tenant.clone());
    expected.sort();
    assert_eq!(there, expected);
}

/// "Conversations that hold a transcript or a saved extraction and began before that moment …; one that is being learnt from
/// only if it was last written before it too. Earliest start first."
pub async fn old_words_are_found_earliest_first(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let bare = Conversation { transcript: None, extraction: None, ..spoken("conv_bare", &one, 1) };
    let half = Conversation { transcript: None, ..spoken("conv_half", &one, 7) };
    let nobodys = Conversation { caller: None, extraction: None, ..spoken("conv_nobodys", &one, 6) };
    let learning = ConversationState::Learning;
    let stuck = Conversation { state: learning, ..spoken("conv_stuck", &two, 3) };
    let busy = Conversation { state: learning, updated_at: after(50), ..spoken("conv_busy", &two, 2) };
    let young = spoken("conv_young", &one, 50);
    let calls = [bare, half, nobodys, stuck, busy, young, spoken("conv_b", &two, 5), spoken("conv_a", &one, 5)];
    for call in &calls {
        store.save_conversation(&one.tenant, call).await.must();
    }
    store.save_conversation(&other.tenant, &spoken("conv_a", &other, 5)).await.must();

    let found = store.spoken_before(&one.tenant, after(50), 99).await.must();
    let expected = [("conv_stuck", Some(&two)), ("conv_a", Some(&one)), ("conv_b", Some(&two)), ("conv_nobodys", None)];
    let named = |(id, scope): (&str, Option<&Scope>)| (ConversationId::new(id), scope.map(|s| s.caller.clone()));
    let mut expected: Vec<_> = expected.into_iter().map(named).collect();
    expected.push(named(("conv_half", Some(&one))));
    assert_eq!(found, expected);
    assert_eq!(store.spoken_before(&one.tenant, after(50), 2).await.must(), expected[..2]);
    assert_eq!(store.spoken_before(&one.tenant, after(50), 0).await.must(), []);
    assert_eq!(
        store.spoken_before(&one.tenant, after(5), 99).await.must(),
        [],
        "what was written at that moment stays"
    );
    assert_eq!(store.spoken_before(&other.tenant, after(50), 99).await.must().len(), 1);
}

/// "Takes transcript and saved extraction away …; nothing else of them changes, and no revision is raised."
pub async fn words_are_taken_and_the_call_stays(store: Arc<dyn MemoryStore>) {
    let [one, _, other] = callers(&*store).await;
    let calls = [spoken("conv_1", &one, 1), spoken("conv_2", &one, 2)];
    for call in &calls {
        store.save_conversation(&one.tenant, call).await.must();
    }
    store.save_conversation(&other.tenant, &spoken("conv_1", &other, 1)).await.must();
    let before = store.user(&one).await.must();
    let ids = ["conv_1", "conv_missing"].map(ConversationId::new);
    assert_eq!(store.take_words(&one.tenant, &ids).await.must(), 1);
    assert_eq!(store.take_words(&one.tenant, &ids).await.must(), 0, "again is nothing");
    assert_eq!(store.take_words(&one.tenant, &[]).await.must(), 0);
    let kept = store.conversation(&one.tenant, &ids[0]).await.must();
    assert_eq!(kept, Some(Conversation { transcript: None, extraction: None, ..calls[0].clone() }));
    assert_eq!(store.conversation(&one.tenant, &calls[1].id).await.must().as_ref(), Some(&calls[1]));
    assert!(store.conversation(&other.tenant, &ids[0]).await.must().must().transcript.is_some());
    assert_eq!(store.user(&one).await.must(), before);
    // Once more is possible: a restored backup, or a late job.
    store.save_conversation(&one.tenant, &calls[0]).await.must();
    assert_eq!(store.take_words(&one.tenant, &ids).await.must(), 1);
}

/// "In one of these states that were learnt before that moment, the longest ago first", while they are removed on the way.
pub async fn aged_memories_come_longest_ago_first_of_one_tenant(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let states = [MemoryState::Active, MemoryState::Superseded, MemoryState::Archived, MemoryState::Quarantined];
    let mut expected = Vec::new();
    for at in 0..24_usize {
        let aged = Memory {
            learnt_at: after((at as i64 * 7) % 24),
            reinforced_at: after(99),
            state: states[at % 4],
            ..memory(&format!("mem_{at}"), "x")
        };
        let scope = if at % 3 == 0 { &one } else { &two };
        store.put_memories(scope, std::slice::from_ref(&aged)).await.must();
        if [MemoryState::Superseded, MemoryState::Archived].contains(&aged.state) && aged.learnt_at < after(20) {
            expected.push((scope.clone(), aged));
        }
    }
    store.put_memories(&other, &[Memory { state: MemoryState::Archived, ..memory("mem_other", "x") }]).await.must();
    expected.sort_by(|(_, a), (_, b)| (a.learnt_at, &a.id).cmp(&(b.learnt_at, &b.id)));

    let asked = [MemoryState::Archived, MemoryState::Superseded];
    let mut page = PageRequest::first(2);
    let mut met = Vec::new();
    loop {
        let found = store.aged_memories(&one.tenant, &asked, after(20), &page).await.must();
        assert!(found.items.len() <= 2);
        for (scope, memory) in &found.items {
            assert_eq!(store.delete_memories(scope, std::slice::from_ref(&memory.id)).await.must(), 1);
        }
        met.extend(found.items);
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    assert_eq!(met, expected);
    let none = store.aged_memories(&one.tenant, &[], after(20), &PageRequest::first(9)).await.must();
    assert_eq!(none.items, []);
    let wrong = PageRequest { limit: 1, cursor: Some("not ours".into()) };
    assert_eq!(
        store.aged_memories(&one.tenant, &asked, after(20), &wrong).await.err().map(|e| e.kind()),
        Some(ErrorKind::Invalid)
    );
}

/// "Neither contact, nor a conversation that began or was written, nor a memory that was learnt or told again is from then
/// or later."
pub async fn idle_callers_are_those_nothing_was_heard_of(store: Arc<dyn MemoryStore>) {
    let tenant = super::scopes()[0].tenant.clone();
    let known = |at: i64| {
        let (store, tenant) = (store.clone(), tenant.clone());
        async move {
            let id = format!("usr_at_{at}");
            let number = phone(&tenant, &format!("+4930{at:06}"));
            store.ensure_user(&tenant, &[number], &id.as_str().into(), after(at)).await.must();
            Scope { tenant, caller: id.as_str().into() }
        }
    };
    let [silent, later, binding, writing, learning, told] =
        [known(6).await, known(60).await, known(1).await, known(2).await, known(3).await, known(4).await];
    let quiet = known(5).await;
    store.bind_conversation(&binding, &"conv_open".into(), None, after(50)).await.must();
    let written = Conversation { updated_at: after(50), ..spoken("conv_late", &writing, 2) };
    store.save_conversation(&tenant, &written).await.must();
    store.put_memories(&learning, &[Memory { learnt_at: after(50), ..memory("mem_1", "x") }]).await.must();
    store.put_memories(&told, &[Memory { reinforced_at: after(50), ..memory("mem_2", "x") }]).await.must();
    store.put_memories(&quiet, &[memory("mem_3", "x")]).await.must();
    store.save_conversation(&tenant, &spoken("conv_old", &quiet, 5)).await.must();
    store.ensure_user(&TenantId::new("other"), &[], &"usr_other".into(), start()).await.must();

    let ids = |users: Vec<User>| users.into_iter().map(|user| user.id).collect::<Vec<_>>();
    let asked = PageRequest::first(1);
    let first = store.idle_callers(&tenant, after(50), &asked).await.must();
    let found = ids(first.items);
    assert_eq!((found.len(), found.first()), (1, Some(&quiet.caller)));
    let rest = PageRequest { cursor: first.next_cursor, ..asked };
    assert!(rest.cursor.is_some());
    let rest = store.idle_callers(&tenant, after(50), &rest).await.must();
    assert_eq!((ids(rest.items), rest.next_cursor), (vec![silent.caller.clone()], None));
    let all = store.idle_callers(&tenant, after(99), &PageRequest::first(99)).await.must();
    assert_eq!(all.items.len(), 7);
    assert_eq!(all.items.last().map(|user| &user.id), Some(&later.caller));
}
