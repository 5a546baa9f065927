//! What was acknowledged is there after the process has ended.

use super::conflicts::supersede;
use super::{callers, memory_ids};
use crate::store::{LinkUse, MemoryStore, Space};
use crate::testkit::Reopen;
use crate::testkit::fixtures::{after, conversation, erasure, memory, phone, scopes, sealed, start};
use crate::testkit::suite::Must;
use crate::{
    Conversation, Erased, ErasureStep, IndexState, Link, LinkKind, Memory, NewErasure, NewTransfer, TransferKind,
    TransferredBy,
};

/// A merge that has not been settled, its alias, the flag, and who spoke.
pub async fn transfers_survive_reopening(place: Place<'_>) {
    let store = place.open().await;
    let [one, two, _] = callers(&*store).await;
    let spoken = Memory { speaker: Some("Tom".to_owned()), ..memory("mem_1", "x") };
    store.put_memories(&two, std::slice::from_ref(&spoken)).await.must();
    store.set_shared(&one, true).await.must();
    store.set_consent(&one, crate::Consent::Refused).await.must();
    let asked = NewTransfer {
        id: "trf_1".into(),
        kind: TransferKind::Merge,
        from: two.caller.clone(),
        into: one.caller.clone(),
        conversations: Vec::new(),
        by: TransferredBy::Call,
    };
    let done = store.transfer(&one.tenant, &asked, after(1)).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(store.unsettled_transfers(10).await.must(), vec![(one.tenant.clone(), done.clone())]);
    assert_eq!(store.transfer_by_id(&one.tenant, &done.id).await.must(), Some(done));
    assert_eq!(store.alias(&one.tenant, &two.caller).await.must(), Some(one.caller.clone()));
    assert!(store.user(&one).await.must().must().shared);
    assert_eq!(store.user(&one).await.must().must().consent, crate::Consent::Refused);
    assert_eq!(store.memories(&one, &memory_ids(&["mem_1"])).await.must(), vec![spoken]);
    place.close(store).await;
}

type Place<'a> = &'a dyn Reopen<dyn MemoryStore>;

/// Callers, their identities, names, summaries and counts.
pub async fn people_survive_reopening(place: Place<'_>) {
    let [one, ..] = scopes();
    let number = [phone(&one.tenant, "+14155550123")];
    let store = place.open().await;
    store.ensure_user(&one.tenant, &number, &one.caller, start()).await.must();
    store.set_name(&one, "Sam").await.must();
    store.set_summary(&one, "Likes tea.").await.must();
    store.put_memories(&one, &[memory("mem_1", "x")]).await.must();
    let before = store.user(&one).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(store.user(&one).await.must(), before);
    assert_eq!(store.find_user(&one.tenant, &number).await.must(), before);
    assert_eq!(store.identities(&one).await.must(), number);
    place.close(store).await;
}

/// Conversations with all they hold, and that they were counted.
pub async fn conversations_survive_reopening(place: Place<'_>) {
    let store = place.open().await;
    let [one, ..] = callers(&*store).await;
    let spoken = Conversation {
        caller: Some(one.caller.clone()),
        transcript: Some(sealed("words")),
        extraction: Some(sealed("facts")),
        ..conversation("conv_1")
    };
    store.bind_conversation(&one, &"conv_2".into(), None, start()).await.must();
    store.save_conversation(&one.tenant, &spoken).await.must();
    store.finish_conversation(&one, &spoken.id, after(5)).await.must();
    let before = store.conversation(&one.tenant, &spoken.id).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(store.conversation(&one.tenant, &spoken.id).await.must(), before);
    assert_eq!(store.conversation(&one.tenant, &"conv_2".into()).await.must().must().caller, Some(one.caller.clone()));
    store.finish_conversation(&one, &spoken.id, after(9)).await.must();
    assert_eq!(store.user(&one).await.must().must().call_count, 1, "still counted once");
    place.close(store).await;
}

/// Memories, what is noted about their index, and links.
pub async fn memories_and_links_survive_reopening(place: Place<'_>) {
    let store = place.open().await;
    let [one, two, _] = callers(&*store).await;
    store.put_memories(&one, &["mem_1", "mem_2"].map(|id| memory(id, "Likes tea"))).await.must();
    store.put_memories(&two, &[memory("mem_3", "Has a dog")]).await.must();
    store.mark_indexed(&one, &memory_ids(&["mem_1"])).await.must();
    let link = Link::new("mem_1".into(), "mem_2".into(), 0.9, LinkKind::Manual, start());
    store.put_links(&one, std::slice::from_ref(&link)).await.must();
    place.close(store).await;

    let store = place.open().await;
    let read = store.memories(&one, &memory_ids(&["mem_1", "mem_2", "mem_3"])).await.must();
    assert_eq!(read.iter().map(|m| m.index).collect::<Vec<_>>(), [IndexState::Indexed, IndexState::Pending]);
    assert_eq!(store.links(&one, &memory_ids(&["mem_2"])).await.must(), [link]);
    assert_eq!(store.count_memories().await.must(), 3);
    place.close(store).await;
}

/// What was decided, and what it did.
pub async fn conflicts_survive_reopening(place: Place<'_>) {
    let store = place.open().await;
    let [one, ..] = callers(&*store).await;
    store.put_memories(&one, &["mem_1", "mem_2"].map(|id| memory(id, "Likes tea"))).await.must();
    let conflict = supersede(&*store, &one, "mem_1", "mem_2").await;
    let history = store.history(&one, &"mem_1".into()).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(store.conflict(&one.tenant, &conflict.id).await.must(), Some(conflict));
    assert_eq!(store.history(&one, &"mem_2".into()).await.must(), history);
    place.close(store).await;
}

/// Forgetting is as durable as learning.
pub async fn what_was_removed_stays_removed_after_reopening(place: Place<'_>) {
    let store = place.open().await;
    let [one, two, _] = callers(&*store).await;
    store.put_memories(&one, &["mem_1", "mem_2"].map(|id| memory(id, "x"))).await.must();
    store.put_memories(&two, &[memory("mem_3", "x")]).await.must();
    store.delete_memories(&one, &memory_ids(&["mem_1"])).await.must();
    store.erase_user(&two, &erasure(&two)).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(store.count_memories().await.must(), 1);
    assert_eq!(store.user(&two).await.must(), None);
    assert_eq!(store.erase_user(&two, &erasure(&two)).await.must(), Erased::default());
    place.close(store).await;
}

/// Which model's vectors are complete: a restart must not forget it, or two models would be mixed.
pub async fn the_space_survives_reopening(place: Place<'_>) {
    let space = Space { model: "one".to_owned(), dimensions: 8 };
    let store = place.open().await;
    store.set_space(&space).await.must();
    place.close(store).await;
    let store = place.open().await;
    assert_eq!(store.space().await.must(), Some(space));
    place.close(store).await;
}

/// Who does what until when, how far it has come, and what links have come to.
pub async fn leases_and_uses_of_links_survive_reopening(place: Place<'_>) {
    let store = place.open().await;
    let [one, ..] = callers(&*store).await;
    store.put_memories(&one, &["mem_1", "mem_2"].map(|id| memory(id, "Likes tea"))).await.must();
    let link = Link::new("mem_1".into(), "mem_2".into(), 0.9, LinkKind::Similar, start());
    store.put_links(&one, std::slice::from_ref(&link)).await.must();
    let used = LinkUse { id: link.id.clone(), known: None, weight: 0.95, used_at: after(5) };
    store.use_links(&one, &[used]).await.must();
    store.take_lease("work", "one", after(60), start(), after(999)).await.must().must();
    assert!(store.keep_lease("work", "one", after(60), Some("half")).await.must());
    place.close(store).await;

    let store = place.open().await;
    let used = Link { weight: 0.95, used_at: Some(after(5)), ..link };
    assert_eq!(store.links(&one, &memory_ids(&["mem_2"])).await.must(), [used]);
    assert_eq!(store.take_lease("work", "two", after(99), after(59), after(999)).await.must(), None);
    let taken = store.take_lease("work", "two", after(99), after(60), after(999)).await.must().must();
    assert_eq!(taken.progress.as_deref(), Some("half"));
    place.close(store).await;
}

/// Who was erased stays out when the process that erased has ended.
pub async fn erasures_survive_reopening(place: Place<'_>) {
    let [one, ..] = scopes();
    let number = [phone(&one.tenant, "+14155550123")];
    let store = place.open().await;
    store.ensure_user(&one.tenant, &number, &one.caller, start()).await.must();
    let new = NewErasure { at: after(60), ..erasure(&one) };
    store.erase_user(&one, &new).await.must();
    let settled = ErasureStep::Settled { events: 1, jobs: 2 };
    store.step_erasure(&one.tenant, &new.id, settled, after(61)).await.must();
    store.purge().await.must();
    let open = store.open_erasures(9).await.must();
    let keys = store.suppressed_by(&one.tenant, &new.id).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!((open.len(), keys.len()), (1, 2));
    assert_eq!(store.open_erasures(9).await.must(), open);
    assert_eq!(store.suppressed_by(&one.tenant, &new.id).await.must(), keys);
    assert!(store.ensure_user(&one.tenant, &number, &one.caller, after(59)).await.is_err());
    place.close(store).await;
}
