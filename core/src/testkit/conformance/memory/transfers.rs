//! Callers are merged, split, and parted again.

use super::conflicts::supersede;
use super::{callers, ids, memory_ids};
use crate::store::MemoryStore;
use crate::testkit::fixtures::{after, conversation, erasure, identity, memory, phone, start};
use crate::testkit::suite::{Must, race, walk};
use crate::{
    Consent, Conversation, ConversationId, Erased, ErrorKind, Identity, IdentityKind, IndexState, Link, LinkKind,
    Memory, MemoryState, NewTransfer, Origin, PageRequest, Provenance, Receipt, ReceiptId, ReceiptKind, Review,
    ReviewDecision, Scope, Transfer, TransferId, TransferKind, TransferState, TransferredBy,
};
use std::sync::Arc;

fn new(id: &str, kind: TransferKind, from: &Scope, into: &Scope, conversations: &[&str]) -> NewTransfer {
    NewTransfer {
        id: id.into(),
        kind,
        from: from.caller.clone(),
        into: into.caller.clone(),
        conversations: conversations.iter().map(|id| ConversationId::new(*id)).collect(),
        by: TransferredBy::Person,
    }
}

fn from_call(id: &str, call: &str) -> Memory {
    let conversation_id = Some(ConversationId::new(call));
    let provenance = Provenance { origin: Origin::Extracted, conversation_id, turns: vec![1] };
    Memory { provenance, index: IndexState::Indexed, ..memory(id, "x") }
}

/// A counted call that began so many seconds after the start, and two linked memories of it.
async fn call(store: &dyn MemoryStore, scope: &Scope, mark: &str, secs: i64) {
    let name = format!("conv_{mark}");
    let spoken = Conversation { caller: Some(scope.caller.clone()), started_at: after(secs), ..conversation(&name) };
    store.save_conversation(&scope.tenant, &spoken).await.must();
    store.finish_conversation(scope, &spoken.id, after(secs)).await.must();
    let (a, b) = (from_call(&format!("mem_{mark}1"), &name), from_call(&format!("mem_{mark}2"), &name));
    store.put_memories(scope, &[a.clone(), b.clone()]).await.must();
    store.put_links(scope, &[Link::new(a.id, b.id, 0.9, LinkKind::Similar, start())]).await.must();
}

/// The first caller has two calls and a number, the second one call, a number, an id and a name.
async fn world(store: &dyn MemoryStore) -> ([Scope; 3], [Identity; 3]) {
    let scopes = callers(store).await;
    let [one, two, _] = &scopes;
    let known = [
        phone(&one.tenant, "+14155550001"),
        phone(&one.tenant, "+14155550002"),
        identity(&one.tenant, IdentityKind::External, "crm-7"),
    ];
    store.join_identities(one, &known[..1]).await.must();
    store.join_identities(two, &known[1..]).await.must();
    call(store, one, "a", 100).await;
    call(store, one, "b", 300).await;
    call(store, two, "c", 200).await;
    store.put_memories(two, &[memory("mem_api", "x")]).await.must();
    store.set_name(two, "Sam").await.must();
    (scopes, known)
}

async fn of(store: &dyn MemoryStore, scope: &Scope) -> Vec<String> {
    let mut found: Vec<String> = walk(100, async |page| store.list_memories(scope, &Default::default(), &page).await)
        .await
        .into_iter()
        .map(|m: Memory| m.id.to_string())
        .collect();
    found.sort();
    found
}

async fn owner(store: &dyn MemoryStore, scope: &Scope, call: &str) -> String {
    let found = store.conversation(&scope.tenant, &call.into()).await.must().must();
    found.caller.map_or_else(String::new, |caller| caller.to_string())
}

/// "A merge moves everything of `from`'s", "its id becomes an alias", "calls are counted where they went", "what is moved
/// waits for its index", "both revisions are raised to their next epoch".
pub async fn a_merge_moves_everything_and_leaves_an_alias(store: Arc<dyn MemoryStore>) {
    let ([one, two, other], known) = world(&*store).await;
    let before = store.user(&one).await.must().must();
    let done =
        store.transfer(&one.tenant, &new("trf_1", TransferKind::Merge, &two, &one, &[]), after(500)).await.must();
    assert_eq!((done.state, done.settled, done.created_at), (TransferState::Done, false, after(500)));
    assert_eq!((done.moved.memories.len(), done.moved.conversations.len(), done.moved.identities.len()), (3, 1, 2));

    assert_eq!(store.user(&two).await.must(), None);
    assert_eq!(store.alias(&one.tenant, &two.caller).await.must(), Some(one.caller.clone()));
    assert_eq!(store.aliases(&one).await.must(), std::slice::from_ref(&two.caller));
    assert_eq!(store.alias(&other.tenant, &two.caller).await.must(), None, "within the tenant");
    let user = store.user(&one).await.must().must();
    assert_eq!((user.name.as_str(), user.call_count, user.last_contact), ("Sam", 3, after(300)));
    assert!(user.revision > before.revision && user.epoch() > before.epoch());
    for known in known {
        let found = store.find_user(&one.tenant, std::slice::from_ref(&known)).await.must();
        assert_eq!(found.map(|user| user.id), Some(one.caller.clone()));
    }
    assert_eq!(store.identities(&one).await.must().len(), 3);
    assert_eq!(of(&*store, &one).await, ["mem_a1", "mem_a2", "mem_api", "mem_b1", "mem_b2", "mem_c1", "mem_c2"]);
    assert_eq!(of(&*store, &two).await, Vec::<String>::new());
    assert_eq!(store.memory_owner(&one.tenant, &"mem_c1".into()).await.must(), Some(one.clone()));
    assert_eq!(owner(&*store, &one, "conv_c").await, one.caller.as_str());
    let moved = store.memories(&one, &memory_ids(&["mem_c1", "mem_a1"])).await.must();
    assert_eq!(moved.iter().map(|m| m.index).collect::<Vec<_>>(), [IndexState::Pending, IndexState::Indexed]);
    assert_eq!(store.links(&one, &memory_ids(&["mem_c1"])).await.must().len(), 1);
    assert_eq!(store.links(&two, &memory_ids(&["mem_c1"])).await.must(), vec![]);
}

/// "Receipts and reviews go with their conversations and memories", and come back with them; a merge takes the rest too.
pub async fn receipts_and_reviews_go_where_their_call_goes(store: Arc<dyn MemoryStore>) {
    let ([one, two, _], _) = world(&*store).await;
    let told = |id: &str, conversation: Option<&str>| Receipt {
        id: ReceiptId::new(id),
        kind: ReceiptKind::Query,
        caller: Some(two.caller.clone()),
        conversation: conversation.map(Into::into),
        agent: None,
        at: after(210),
        took_ms: 1,
        mode: None,
        degraded: None,
        items: Vec::new(),
        words: None,
    };
    let decided = |memory: &str, conversation: Option<&str>| Review {
        memory: memory.into(),
        conversation: conversation.map(Into::into),
        decision: ReviewDecision::Reject,
        at: after(220),
        label: false,
        words: None,
    };
    store.put_receipts(&two.tenant, &[told("rcp_1", Some("conv_c")), told("rcp_2", None)]).await.must();
    // Of the second the memory is gone, and nothing but the call tells whose it was.
    for review in [decided("mem_c1", None), decided("mem_gone", Some("conv_c")), decided("mem_api", None)] {
        store.put_review(&two, &review).await.must();
    }
    let reviewed = async |scope: &Scope| {
        let mut found: Vec<String> =
            store.reviews(scope).await.must().into_iter().map(|review| review.memory.to_string()).collect();
        found.sort();
        found
    };
    let told_to = async || store.receipts_of(&one.tenant, &"conv_c".into()).await.must()[0].caller.clone();
    store.transfer(&one.tenant, &new("trf_1", TransferKind::Merge, &two, &one, &[]), after(500)).await.must();
    assert_eq!(told_to().await, Some(one.caller.clone()));
    assert_eq!(reviewed(&one).await, ["mem_api", "mem_c1", "mem_gone"]);
    store.undo_transfer(&one.tenant, &"trf_1".into(), after(600)).await.must();
    assert_eq!(told_to().await, Some(two.caller.clone()));
    assert_eq!(reviewed(&two).await, ["mem_api", "mem_c1", "mem_gone"]);
    assert_eq!(reviewed(&one).await, Vec::<String>::new());
}

/// "An unknown `from`, or an unknown `into` of a merge, is `NotFound`; a caller into itself, a split of no conversation
/// or of one that is not `from`'s is `Invalid`; an id that is taken is `Conflict`. Nothing is moved then."
pub async fn what_cannot_be_transferred_moves_nothing(store: Arc<dyn MemoryStore>) {
    let ([one, two, other], _) = world(&*store).await;
    use TransferKind::{Merge, Split};
    let nobody = Scope::new(one.tenant.clone(), "usr_nobody");
    store.transfer(&one.tenant, &new("trf_0", Split, &one, &nobody, &["conv_b"]), start()).await.must();
    let gone = Scope::new(one.tenant.clone(), "usr_gone");
    for (asked, kind) in [
        (new("trf_1", Merge, &gone, &one, &[]), ErrorKind::NotFound),
        (new("trf_1", Merge, &one, &gone, &[]), ErrorKind::NotFound),
        (new("trf_1", Split, &gone, &one, &["conv_a"]), ErrorKind::NotFound),
        (new("trf_1", Merge, &one, &one, &[]), ErrorKind::Invalid),
        (new("trf_1", Split, &one, &two, &[]), ErrorKind::Invalid),
        (new("trf_1", Split, &one, &two, &["conv_a", "conv_c"]), ErrorKind::Invalid),
        (new("trf_1", Split, &one, &two, &["conv_unknown"]), ErrorKind::Invalid),
        (new("trf_0", Merge, &one, &two, &[]), ErrorKind::Conflict),
    ] {
        let refused = store.transfer(&one.tenant, &asked, start()).await;
        assert_eq!(refused.err().map(|error| error.kind()), Some(kind), "{asked:?}");
    }
    let abroad = store.transfer(&other.tenant, &new("trf_1", Merge, &two, &other, &[]), start()).await;
    assert_eq!(
        abroad.err().map(|error| error.kind()),
        Some(ErrorKind::NotFound),
        "callers of two tenants are never merged"
    );
    assert_eq!(of(&*store, &one).await, ["mem_a1", "mem_a2"]);
    assert_eq!(of(&*store, &two).await, ["mem_api", "mem_c1", "mem_c2"]);
    assert_eq!(store.transfer_by_id(&one.tenant, &"trf_1".into()).await.must(), None);
}

/// "What was moved and is `into`'s still goes back, with the memories that come from those conversations, whenever they
/// were learnt. What else `into` has learnt since stays. A merge's `from` is a caller again, as it was."
pub async fn an_undone_merge_gives_back_what_was_moved(store: Arc<dyn MemoryStore>) {
    let ([one, two, _], known) = world(&*store).await;
    let (user_one, user_two) = (store.user(&one).await.must().must(), store.user(&two).await.must().must());
    let id = TransferId::new("trf_1");
    store.transfer(&one.tenant, &new("trf_1", TransferKind::Merge, &two, &one, &[]), after(500)).await.must();
    store.put_memories(&one, &[from_call("mem_late", "conv_c"), memory("mem_since", "x")]).await.must();
    store.put_links(&one, &[Link::new("mem_c1".into(), "mem_a1".into(), 0.9, LinkKind::Manual, start())]).await.must();
    let undone = store.undo_transfer(&one.tenant, &id, after(600)).await.must().must();
    assert_eq!((undone.state, undone.undone_at, undone.settled), (TransferState::Undone, Some(after(600)), false));

    assert_eq!(of(&*store, &two).await, ["mem_api", "mem_c1", "mem_c2", "mem_late"]);
    assert_eq!(of(&*store, &one).await, ["mem_a1", "mem_a2", "mem_b1", "mem_b2", "mem_since"]);
    assert_eq!(store.alias(&one.tenant, &two.caller).await.must(), None);
    assert_eq!(owner(&*store, &one, "conv_c").await, two.caller.as_str());
    let found = store.find_user(&one.tenant, &known[2..]).await.must();
    assert_eq!(found.map(|user| user.id), Some(two.caller.clone()));
    let links = store.links(&two, &memory_ids(&["mem_c1"])).await.must();
    assert_eq!(links.len(), 1, "the one between them went along, the one across is gone");
    assert_eq!(store.links(&one, &memory_ids(&["mem_c1", "mem_a1"])).await.must().len(), 1);
    for (scope, before) in [(&one, user_one), (&two, user_two)] {
        let now = store.user(scope).await.must().must();
        assert!(now.epoch() > before.epoch(), "what was cached is no longer true");
        let as_before = crate::User { revision: before.revision, ..now };
        assert_eq!(as_before, before);
    }
    // Twice is the same as once.
    assert_eq!(store.undo_transfer(&one.tenant, &id, after(700)).await.must(), Some(undone));
    assert_eq!(store.undo_transfer(&one.tenant, &"trf_none".into(), after(700)).await.must(), None);
}

/// "An error of kind `Conflict` when one of the two has been merged away since": the later one is undone first, and
/// aliases of aliases follow both ways.
pub async fn merges_are_undone_in_the_reverse_order(store: Arc<dyn MemoryStore>) {
    let ([one, two, _], _) = world(&*store).await;
    let third = Scope::new(one.tenant.clone(), "usr_3");
    store.ensure_user(&third.tenant, &[], &third.caller, start()).await.must();
    store.transfer(&one.tenant, &new("trf_1", TransferKind::Merge, &two, &one, &[]), after(1)).await.must();
    store.transfer(&one.tenant, &new("trf_2", TransferKind::Merge, &one, &third, &[]), after(2)).await.must();
    assert_eq!(store.aliases(&third).await.must(), [one.caller.clone(), two.caller.clone()]);
    let early = store.undo_transfer(&one.tenant, &"trf_1".into(), after(3)).await;
    assert_eq!(early.err().map(|error| error.kind()), Some(ErrorKind::Conflict));
    assert_eq!(store.alias(&one.tenant, &two.caller).await.must(), Some(third.caller.clone()), "nothing is moved");
    store.undo_transfer(&one.tenant, &"trf_2".into(), after(4)).await.must();
    assert_eq!(store.alias(&one.tenant, &two.caller).await.must(), Some(one.caller.clone()));
    store.undo_transfer(&one.tenant, &"trf_1".into(), after(5)).await.must();
    assert_eq!(of(&*store, &two).await, ["mem_api", "mem_c1", "mem_c2"]);
    assert_eq!(of(&*store, &third).await, Vec::<String>::new());
}

/// "A split moves the conversations named and the memories that come from them, and makes `into` if unknown"; undone, "a
/// caller whom the split had made and who has nothing left becomes an alias".
pub async fn a_split_moves_calls_and_what_comes_from_them(store: Arc<dyn MemoryStore>) {
    let ([one, ..], known) = world(&*store).await;
    let guest = Scope::new(one.tenant.clone(), "usr_guest");
    let asked = new("trf_1", TransferKind::Split, &one, &guest, &["conv_b"]);
    let done = store.transfer(&one.tenant, &asked, after(500)).await.must();
    assert_eq!(done.moved.into_before, None);
    assert_eq!(of(&*store, &guest).await, ["mem_b1", "mem_b2"]);
    assert_eq!(of(&*store, &one).await, ["mem_a1", "mem_a2"]);
    let user = store.user(&guest).await.must().must();
    assert_eq!((user.call_count, user.first_contact, user.last_contact), (1, after(300), after(300)));
    let left = store.user(&one).await.must().must();
    assert_eq!((left.call_count, left.last_contact), (1, after(100)));
    assert_eq!(keys(&store.identities(&one).await.must()), keys(&known[..1]), "numbers stay");
    assert_eq!(store.identities(&guest).await.must(), vec![]);

    store.undo_transfer(&one.tenant, &"trf_1".into(), after(600)).await.must();
    assert_eq!(of(&*store, &one).await, ["mem_a1", "mem_a2", "mem_b1", "mem_b2"]);
    assert_eq!((store.user(&guest).await.must(), store.user(&one).await.must().must().call_count), (None, 2));
    assert_eq!(store.alias(&one.tenant, &guest.caller).await.must(), Some(one.caller.clone()));
}

fn keys(identities: &[Identity]) -> Vec<[u8; 32]> {
    identities.iter().map(|identity| identity.hash).collect()
}

/// "Links and conflicts between what goes and what stays are removed and what they did is taken back."
pub async fn a_split_takes_back_what_was_decided_across(store: Arc<dyn MemoryStore>) {
    let ([one, ..], _) = world(&*store).await;
    let across = supersede(&*store, &one, "mem_a1", "mem_b1").await;
    let within = supersede(&*store, &one, "mem_b2", "mem_b1").await;
    let guest = Scope::new(one.tenant.clone(), "usr_guest");
    let asked = new("trf_1", TransferKind::Split, &one, &guest, &["conv_b"]);
    store.transfer(&one.tenant, &asked, after(500)).await.must();
    let old = store.memories(&one, &memory_ids(&["mem_a1"])).await.must().remove(0);
    assert_eq!((old.state, old.superseded_by, old.valid_to), (MemoryState::Active, None, None));
    assert_eq!(store.conflict(&one.tenant, &across.id).await.must(), None);
    let kept = store.conflict(&one.tenant, &within.id).await.must().must();
    assert_eq!(kept.caller, guest.caller, "what both of its memories moved with moves along");
    assert_eq!(ids(&store.history(&guest, &"mem_b1".into()).await.must()), ["mem_b1", "mem_b2"]);
    assert_eq!(ids(&store.history(&one, &"mem_a1".into()).await.must()), ["mem_a1"]);
}

/// "Latest first; of one caller, whichever of the two"; "notes that the derived stores have followed, if it still is in
/// the state given".
pub async fn transfers_are_listed_and_settled(store: Arc<dyn MemoryStore>) {
    let ([one, two, other], _) = world(&*store).await;
    let guest = Scope::new(one.tenant.clone(), "usr_guest");
    let split = new("trf_1", TransferKind::Split, &one, &guest, &["conv_b"]);
    let split = store.transfer(&one.tenant, &split, after(1)).await.must();
    let merge = new("trf_2", TransferKind::Merge, &two, &one, &[]);
    let merge = store.transfer(&one.tenant, &merge, after(2)).await.must();
    let list = async |caller: Option<&Scope>| {
        let caller = caller.map(|scope| &scope.caller);
        let page = PageRequest::first(10);
        let found = store.transfers(&one.tenant, caller, &page).await.must().items;
        found.iter().map(|t: &Transfer| t.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(None).await, ["trf_2", "trf_1"]);
    assert_eq!(list(Some(&guest)).await, ["trf_1"]);
    assert_eq!(list(Some(&two)).await, ["trf_2"]);
    let walked = walk(1, async |page| store.transfers(&one.tenant, None, &page).await).await;
    assert_eq!(walked, vec![merge.clone(), split.clone()]);
    let abroad = store.transfers(&other.tenant, None, &PageRequest::first(10)).await.must();
    assert_eq!(abroad.items, vec![]);

    let open = async || store.unsettled_transfers(10).await.must().into_iter().map(|(_, t)| t.id.to_string());
    assert_eq!(open().await.collect::<Vec<_>>(), ["trf_1", "trf_2"]);
    store.settle_transfer(&one.tenant, &split).await.must();
    assert_eq!(open().await.collect::<Vec<_>>(), ["trf_2"]);
    assert!(store.transfer_by_id(&one.tenant, &split.id).await.must().must().settled);
    let undone = store.undo_transfer(&one.tenant, &merge.id, after(3)).await.must().must();
    store.settle_transfer(&one.tenant, &merge).await.must();
    assert_eq!(open().await.collect::<Vec<_>>(), ["trf_2"], "it is no longer in that state");
    store.settle_transfer(&one.tenant, &undone).await.must();
    assert_eq!(open().await.count(), 0);
}

/// Two racing merges of one caller: one moves everything, the other finds nobody.
pub async fn racing_merges_move_once(store: Arc<dyn MemoryStore>) {
    let ([one, two, _], _) = world(&*store).await;
    let done = race(8, |i| {
        let (store, one, two) = (Arc::clone(&store), one.clone(), two.clone());
        async move {
            let asked = new(&format!("trf_{i}"), TransferKind::Merge, &two, &one, &[]);
            store.transfer(&one.tenant, &asked, start()).await.map_err(|error| error.kind())
        }
    })
    .await;
    assert_eq!(done.iter().filter(|d| d.is_ok()).count(), 1);
    assert!(done.iter().flat_map(|d| d.as_ref().err()).all(|kind| *kind == ErrorKind::NotFound));
    assert_eq!(store.user(&one).await.must().must().call_count, 3);
}

/// "Removes the caller and everything that is the caller's, aliases and transfers among it."
pub async fn erasing_a_caller_removes_aliases_and_transfers(store: Arc<dyn MemoryStore>) {
    let ([one, two, _], _) = world(&*store).await;
    let guest = Scope::new(one.tenant.clone(), "usr_guest");
    let split = new("trf_1", TransferKind::Split, &two, &guest, &["conv_c"]);
    store.transfer(&one.tenant, &split, after(1)).await.must();
    store.transfer(&one.tenant, &new("trf_2", TransferKind::Merge, &two, &one, &[]), after(2)).await.must();
    let erased = store.erase_user(&one, &erasure(&one)).await.must();
    assert_ne!(erased, Erased::default());
    assert_eq!(store.alias(&one.tenant, &two.caller).await.must(), None);
    assert_eq!(store.transfers(&one.tenant, None, &PageRequest::first(10)).await.must().items, vec![]);
    assert_eq!(of(&*store, &guest).await, ["mem_c1", "mem_c2"], "what was split off before is somebody else's");
}

/// The flag is set and taken back, and an unknown caller stays unknown.
pub async fn a_line_is_marked_as_shared(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = callers(&*store).await;
    for shared in [true, false, true] {
        store.set_shared(&one, shared).await.must();
        assert_eq!(store.user(&one).await.must().must().shared, shared);
        assert!(!store.user(&two).await.must().must().shared);
    }
    let nobody = Scope::new(one.tenant, "usr_nobody");
    store.set_shared(&nobody, true).await.must();
    assert_eq!(store.user(&nobody).await.must(), None);
}

/// Consent is set and taken back, an unknown caller stays unknown, and a refusal of one of two who are merged is one of
/// the whole, until they are parted.
pub async fn consent_is_kept_and_a_refusal_outlives_a_merge(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let consent = async |scope: &Scope| store.user(scope).await.must().must().consent;
    assert_eq!(consent(&one).await, Consent::Unknown);
    for said in [Consent::Given, Consent::Refused, Consent::Unknown, Consent::Given] {
        store.set_consent(&one, said).await.must();
        store.set_consent(&one, said).await.must();
        assert_eq!(consent(&one).await, said);
        assert_eq!((consent(&two).await, consent(&other).await), (Consent::Unknown, Consent::Unknown));
    }
    let nobody = Scope::new(one.tenant.clone(), "usr_nobody");
    store.set_consent(&nobody, Consent::Given).await.must();
    assert_eq!(store.user(&nobody).await.must(), None);

    store.set_consent(&two, Consent::Refused).await.must();
    store.transfer(&one.tenant, &new("trf_1", TransferKind::Merge, &two, &one, &[]), after(1)).await.must();
    assert_eq!(consent(&one).await, Consent::Refused);
    store.undo_transfer(&one.tenant, &"trf_1".into(), after(2)).await.must();
    assert_eq!((consent(&one).await, consent(&two).await), (Consent::Given, Consent::Refused));
}
