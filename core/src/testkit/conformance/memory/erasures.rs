//! The ledger of erasures, and what it keeps out.

use super::callers;
use crate::store::MemoryStore;
use crate::testkit::fixtures::{after, conversation, erasure, memory, phone, scopes, sealed, start, tenant, vault};
use crate::testkit::suite::{Must, race, walk};
use crate::{
    Conversation, ConversationId, Erased, Erasure, ErasureStep, ErrorKind, Identity, NewErasure, PageRequest, Receipt,
    ReceiptId, ReceiptKind, Scope, SuppressionKey, UserId,
};
use std::sync::Arc;

const NUMBER: &str = "+14155550123";

fn of(scope: &Scope, at: i64) -> NewErasure {
    NewErasure { at: after(at), ..erasure(scope) }
}

/// As it must stand when it was just done.
fn done(new: &NewErasure, erased: Erased) -> Erasure {
    Erasure {
        id: new.id.clone(),
        person: new.person,
        erased_at: new.at,
        forever: new.forever,
        erased,
        events: 0,
        jobs: 0,
        settled_at: None,
        compacted_at: None,
        clean_at: None,
        work: Some(new.work.clone()),
    }
}

async fn known_by_number(store: &dyn MemoryStore) -> (Scope, Identity) {
    let number = phone(&tenant(), NUMBER);
    let user = store.ensure_user(&tenant(), std::slice::from_ref(&number), &UserId::new("usr_1"), start()).await.must();
    (Scope { tenant: tenant(), caller: user.user.id }, number)
}

/// "Notes the erasure, in one transaction: from then on what `erasure` names, and every identity the caller had, is
/// suppressed."
pub async fn an_erasure_is_noted_with_what_it_keeps_out(store: Arc<dyn MemoryStore>) {
    let (scope, number) = known_by_number(&*store).await;
    let call = Conversation { caller: Some(scope.caller.clone()), ..conversation("conv_1") };
    store.save_conversation(&scope.tenant, &call).await.must();
    store.put_memories(&scope, &[memory("mem_1", "x")]).await.must();
    let new = of(&scope, 60);
    let erased = store.erase_user(&scope, &new).await.must();
    assert_eq!(erased, Erased { memories: 1, conversations: 1, identities: 1, ..Erased::default() });

    assert_eq!(store.erasure(&tenant(), &new.id).await.must(), Some(done(&new, erased)));
    let mut keys = vec![new.keys[0], SuppressionKey::from(&number)];
    keys.sort();
    assert_eq!(store.suppressed_by(&tenant(), &new.id).await.must(), keys);
    let found = store.suppressions(&tenant(), &keys).await.must();
    assert_eq!(found.len(), 2);
    for suppression in &found {
        assert_eq!((&suppression.erasure, suppression.erased_at, suppression.forever), (&new.id, after(60), false));
    }
    let other = phone(&tenant(), "+14155550199");
    assert_eq!(store.suppressions(&tenant(), &[SuppressionKey::from(&other)]).await.must(), []);
    assert_eq!(store.suppressions(&tenant(), &[]).await.must(), []);
    // Another tenant knows nothing of it.
    let elsewhere = "other".into();
    assert_eq!(store.suppressions(&elsewhere, &keys).await.must(), []);
    assert_eq!(store.erasure(&elsewhere, &new.id).await.must(), None);
    assert_eq!(store.suppressed_by(&elsewhere, &new.id).await.must(), []);
    assert_eq!(store.erasures(&elsewhere, &PageRequest::first(9)).await.must().items, []);
}

/// "An unknown caller is answered with zeros, and nothing is noted. An erasure whose id is there is an error of kind
/// `Conflict`, and nothing is removed."
pub async fn nobody_to_erase_is_not_noted_and_no_erasure_twice(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = callers(&*store).await;
    let stranger = Scope::new(tenant(), "usr_stranger");
    let new = of(&stranger, 1);
    assert_eq!(store.erase_user(&stranger, &new).await.must(), Erased::default());
    assert_eq!(store.erasure(&tenant(), &new.id).await.must(), None);
    assert_eq!(store.suppressions(&tenant(), &new.keys).await.must(), []);

    let first = of(&one, 1);
    store.erase_user(&one, &first).await.must();
    let again = NewErasure { id: first.id.clone(), ..of(&two, 2) };
    assert_eq!(store.erase_user(&two, &again).await.expect_err("a conflict").kind(), ErrorKind::Conflict);
    assert!(store.user(&two).await.must().is_some());
    assert_eq!(store.suppressions(&tenant(), &again.keys).await.must(), []);
}

/// "Where one of the identities is suppressed for what is from `now`, it is an error of kind `Conflict` that may be tried
/// again, and nothing is written."
pub async fn an_old_call_does_not_bring_an_erased_caller_back(store: Arc<dyn MemoryStore>) {
    let (scope, number) = known_by_number(&*store).await;
    store.erase_user(&scope, &of(&scope, 60)).await.must();
    let other = phone(&tenant(), "+14155550199");
    for identities in [vec![number.clone()], vec![other.clone(), number.clone()]] {
        let refused = store.ensure_user(&tenant(), &identities, &UserId::new("usr_2"), after(59)).await;
        let refused = refused.expect_err("a conflict");
        assert_eq!((refused.kind(), refused.is_retriable()), (ErrorKind::Conflict, true));
    }
    assert_eq!(store.find_user(&tenant(), &[number.clone(), other]).await.must(), None);
    // Whoever calls now is a stranger, with an empty memory.
    let back = store.ensure_user(&tenant(), std::slice::from_ref(&number), &UserId::new("usr_3"), after(60)).await;
    assert!(back.must().created);
    // And an old call is still not theirs, although they are known again.
    let refused = store.ensure_user(&tenant(), &[number], &UserId::new("usr_4"), after(59)).await;
    assert_eq!(refused.expect_err("a conflict").kind(), ErrorKind::Conflict);
}

/// Who was erased for ever does not come back, whenever it is.
pub async fn an_erasure_for_ever_keeps_out_what_comes_later(store: Arc<dyn MemoryStore>) {
    let (scope, number) = known_by_number(&*store).await;
    store.erase_user(&scope, &NewErasure { forever: true, ..of(&scope, 60) }).await.must();
    let refused =
        store.ensure_user(&tenant(), std::slice::from_ref(&number), &UserId::new("usr_2"), after(9_999)).await;
    assert_eq!(refused.expect_err("a conflict").kind(), ErrorKind::Conflict);
    let found = store.suppressions(&tenant(), &[SuppressionKey::from(&number)]).await.must();
    assert!(found[0].forever);
}

/// "Latest erasure first": who was erased twice is kept out by both.
pub async fn erasures_and_suppressions_come_latest_first(store: Arc<dyn MemoryStore>) {
    let (scope, number) = known_by_number(&*store).await;
    let mut all = Vec::new();
    for at in 0..5 {
        let again = store.ensure_user(&tenant(), std::slice::from_ref(&number), &scope.caller, after(at * 10)).await;
        assert_eq!(again.must().user.id, scope.caller);
        let new = of(&scope, at * 10);
        store.erase_user(&scope, &new).await.must();
        all.insert(0, new.id);
    }
    let found = store.suppressions(&tenant(), &[SuppressionKey::from(&number)]).await.must();
    assert_eq!(found.iter().map(|s| s.erasure.clone()).collect::<Vec<_>>(), all);
    let listed = walk(2, |page| {
        let store = store.clone();
        async move { store.erasures(&tenant(), &page).await }
    });
    assert_eq!(listed.await.into_iter().map(|done| done.id).collect::<Vec<_>>(), all);
}

/// "A step that was noted before stays as it was; `Clean` also takes away what was left to be done."
pub async fn an_erasure_goes_on_step_by_step(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let (first, second, third) = (of(&one, 1), of(&two, 2), of(&other, 3));
    for (scope, new) in [(&two, &second), (&one, &first), (&other, &third)] {
        store.erase_user(scope, new).await.must();
    }
    let open = store.open_erasures(2).await.must();
    assert_eq!(
        open.iter().map(|(t, e)| (t, &e.id)).collect::<Vec<_>>(),
        [(&one.tenant, &first.id), (&two.tenant, &second.id)]
    );
    assert_eq!(store.open_erasures(9).await.must().len(), 3);

    let settled = ErasureStep::Settled { events: 2, jobs: 3 };
    store.step_erasure(&one.tenant, &first.id, settled, after(10)).await.must();
    store.step_erasure(&one.tenant, &first.id, ErasureStep::Settled { events: 0, jobs: 0 }, after(99)).await.must();
    store.step_erasure(&one.tenant, &first.id, ErasureStep::Compacted, after(20)).await.must();
    store.step_erasure(&one.tenant, &first.id, ErasureStep::Compacted, after(99)).await.must();
    // Nobody else's, and none that is not there.
    store.step_erasure(&other.tenant, &first.id, ErasureStep::Clean, after(30)).await.must();
    store.step_erasure(&one.tenant, &"ers_missing".into(), ErasureStep::Clean, after(30)).await.must();
    let now = store.erasure(&one.tenant, &first.id).await.must().must();
    assert_eq!((now.events, now.jobs), (2, 3));
    assert_eq!((now.settled_at, now.compacted_at, now.clean_at), (Some(after(10)), Some(after(20)), None));
    assert_eq!(now.work, Some(first.work.clone()));

    store.step_erasure(&one.tenant, &first.id, ErasureStep::Clean, after(30)).await.must();
    store.step_erasure(&one.tenant, &first.id, ErasureStep::Clean, after(99)).await.must();
    let clean = store.erasure(&one.tenant, &first.id).await.must().must();
    assert_eq!(clean, Erasure { clean_at: Some(after(30)), work: None, ..now });
    assert_eq!(store.open_erasures(9).await.must().len(), 2);
    assert!(!store.suppressions(&one.tenant, &first.keys).await.must().is_empty(), "it keeps out all the same");
}

/// "How a ledger outlives a restored backup": walked through here, noted there, each once.
pub async fn a_ledger_can_be_carried_over(store: Arc<dyn MemoryStore>) {
    let [one, _, other] = callers(&*store).await;
    for scope in [&one, &other] {
        store.erase_user(scope, &of(scope, 5)).await.must();
    }
    let all = walk(1, |page| {
        let store = store.clone();
        async move { store.scan_erasures(&page).await }
    });
    let all = all.await;
    assert_eq!(all.len(), 2);
    let (owner, noted) = all[0].clone();
    let (key, stranger) =
        (vault().suppressed_user(&tenant(), &"usr_9".into()), vault().suppressed_user(&owner, &"usr_8".into()));
    // One that is there stays as it is.
    store.note_erasure(&owner, &Erasure { events: 99, ..noted.clone() }, &[stranger]).await.must();
    assert_eq!(store.erasure(&owner, &noted.id).await.must(), Some(noted.clone()));
    assert_eq!(store.suppressions(&owner, &[stranger]).await.must(), []);
    // One that was done elsewhere is noted, and keeps out.
    let elsewhere = Erasure { id: "ers_elsewhere".into(), work: None, clean_at: Some(after(7)), events: 4, ..noted };
    for _ in 0..2 {
        store.note_erasure(&tenant(), &elsewhere, &[key, key]).await.must();
    }
    assert_eq!(store.erasure(&tenant(), &elsewhere.id).await.must(), Some(elsewhere.clone()));
    assert_eq!(store.suppressed_by(&tenant(), &elsewhere.id).await.must(), [key]);
    assert_eq!(store.suppressions(&tenant(), &[key]).await.must()[0].erasure, elsewhere.id);
    for cursor in ["x", "1.x'; --"] {
        let page = PageRequest { limit: 1, cursor: Some(cursor.to_owned()) };
        assert_eq!(store.scan_erasures(&page).await.expect_err("a refusal").kind(), ErrorKind::Invalid, "{cursor}");
    }
}

/// "A caller who is not known is an error of kind `Conflict`, and nothing is written", nor bound.
pub async fn no_word_is_written_for_a_caller_who_is_not_known(store: Arc<dyn MemoryStore>) {
    let [one, ..] = scopes();
    let theirs =
        Conversation { caller: Some(one.caller.clone()), transcript: Some(sealed("x")), ..conversation("conv_1") };
    let refused = store.save_conversation(&one.tenant, &theirs).await.expect_err("a conflict");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let refused = store.bind_conversation(&one, &theirs.id, None, start()).await.expect_err("a conflict");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert_eq!(store.conversation(&one.tenant, &theirs.id).await.must(), None);
}

/// "Removes conversations that are nobody's, and the receipts of these and of missing ones."
pub async fn only_what_is_nobodys_is_removed_as_unowned(store: Arc<dyn MemoryStore>) {
    let [one, _, other] = callers(&*store).await;
    let named = |id: &str, caller: Option<&Scope>| Conversation {
        caller: caller.map(|scope| scope.caller.clone()),
        ..conversation(id)
    };
    for (scope, call) in [
        (&one, named("conv_nobodys", None)),
        (&one, named("conv_theirs", Some(&one))),
        (&one, named("conv_kept", None)),
        (&other, named("conv_nobodys", None)),
    ] {
        store.save_conversation(&scope.tenant, &call).await.must();
    }
    for (tenant, call) in [
        (&one.tenant, "conv_nobodys"),
        (&one.tenant, "conv_theirs"),
        (&one.tenant, "conv_missing"),
        (&one.tenant, "conv_kept"),
        (&other.tenant, "conv_nobodys"),
    ] {
        let receipt = Receipt {
            id: ReceiptId::new(format!("rcp_{call}")),
            kind: ReceiptKind::Query,
            caller: None,
            conversation: Some(call.into()),
            agent: None,
            at: start(),
            took_ms: 1,
            mode: None,
            degraded: None,
            items: Vec::new(),
            words: Some(sealed(call)),
        };
        store.put_receipts(tenant, &[receipt]).await.must();
    }
    let asked = ["conv_nobodys", "conv_theirs", "conv_missing"].map(ConversationId::from);
    assert_eq!(store.delete_unowned(&one.tenant, &asked).await.must(), 1);
    assert_eq!(store.delete_unowned(&one.tenant, &asked).await.must(), 0, "again is nothing");
    assert_eq!(store.delete_unowned(&one.tenant, &[]).await.must(), 0);
    for (tenant, call, there, receipts) in [
        (&one.tenant, "conv_nobodys", false, 0),
        (&one.tenant, "conv_theirs", true, 1),
        (&one.tenant, "conv_missing", false, 0),
        (&one.tenant, "conv_kept", true, 1),
        (&other.tenant, "conv_nobodys", true, 1),
    ] {
        let id = ConversationId::from(call);
        assert_eq!(store.conversation(tenant, &id).await.must().is_some(), there, "{call}");
        assert_eq!(store.receipts_of(tenant, &id).await.must().len(), receipts, "{call}");
    }
}

/// Of several who erase one caller at once, one does, and the ledger says so once.
pub async fn racing_erasures_of_one_caller_are_one(store: Arc<dyn MemoryStore>) {
    let (scope, number) = known_by_number(&*store).await;
    let erased = race(8, |at| {
        let (store, scope) = (store.clone(), scope.clone());
        async move { store.erase_user(&scope, &of(&scope, at as i64)).await.must() }
    });
    assert_eq!(erased.await.iter().filter(|erased| erased.identities == 1).count(), 1);
    assert_eq!(store.erasures(&tenant(), &PageRequest::first(99)).await.must().items.len(), 1);
    assert_eq!(store.suppressions(&tenant(), &[SuppressionKey::from(&number)]).await.must().len(), 1);
}

/// "When it has answered, a row that was removed before is in no file", and everything else is where it was.
pub async fn purging_takes_away_nothing_that_is_there(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = callers(&*store).await;
    store.put_memories(&one, &[memory("mem_1", "x")]).await.must();
    store.erase_user(&two, &of(&two, 1)).await.must();
    for _ in 0..2 {
        store.purge().await.must();
        assert_eq!(store.memories(&one, &["mem_1".into()]).await.must(), [memory("mem_1", "x")]);
        assert_eq!(store.erasures(&tenant(), &PageRequest::first(9)).await.must().items.len(), 1);
    }
}
