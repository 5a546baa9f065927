//! Callers and their identities.

use super::{callers, memory_ids};
use crate::store::MemoryStore;
use crate::testkit::fixtures::{after, conversation, erasure, identity, memory, phone, scopes, sealed, start, tenant};
use crate::testkit::suite::{Must, race, walk};
use crate::{
    Conversation, Erased, ErrorKind, Identity, IdentityKind, Link, LinkKind, Memory, MemoryState, PageRequest, Scope,
    Sector, TenantId, UserId,
};
use std::collections::BTreeSet;
use std::sync::Arc;

fn keys(identities: &[Identity]) -> Vec<(IdentityKind, [u8; 32])> {
    identities.iter().map(|i| (i.kind, i.hash)).collect()
}

/// "`None` when none is."
pub async fn an_unknown_identity_finds_nobody(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    assert_eq!(store.find_user(&t, &[phone(&t, "+14155550123")]).await.must(), None);
    assert_eq!(store.find_user(&t, &[]).await.must(), None);
}

/// "The caller with the first of `identities` that is known, in the given order."
pub async fn the_first_known_identity_in_the_given_order_decides(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    let (a, b, nobody) = (phone(&t, "+14155550001"), phone(&t, "+14155550002"), phone(&t, "+14155550003"));
    store.ensure_user(&t, std::slice::from_ref(&a), &UserId::new("usr_a"), start()).await.must();
    store.ensure_user(&t, std::slice::from_ref(&b), &UserId::new("usr_b"), start()).await.must();
    for (asked, found) in [
        (vec![nobody.clone(), a.clone(), b.clone()], "usr_a"),
        (vec![b.clone(), a.clone()], "usr_b"),
        (vec![a, b], "usr_a"),
    ] {
        assert_eq!(store.find_user(&t, &asked).await.must().must().id.as_str(), found);
        let resolved = store.ensure_user(&t, &asked, &UserId::new("usr_new"), after(1)).await.must();
        assert_eq!((resolved.user.id.as_str(), resolved.created), (found, false));
    }
}

/// "An unknown caller is created with the id `new`."
pub async fn an_unknown_caller_is_created_with_the_given_id(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    let number = phone(&t, "+14155550123");
    let resolved = store.ensure_user(&t, std::slice::from_ref(&number), &UserId::new("usr_1"), after(5)).await.must();
    assert!(resolved.created);
    let user = resolved.user;
    assert_eq!(user.id.as_str(), "usr_1");
    assert_eq!((user.name.as_str(), user.summary.as_str(), user.call_count), ("", "", 0));
    assert_eq!((user.first_contact, user.last_contact), (after(5), after(5)));
    let scope = Scope::new(t.clone(), "usr_1");
    assert_eq!(store.user(&scope).await.must(), Some(user.clone()));
    assert_eq!(store.find_user(&t, std::slice::from_ref(&number)).await.must(), Some(user));
    assert_eq!(store.identities(&scope).await.must(), vec![number], "the sealed value comes back too");
}

/// "As `find_user`": a known caller stays as it is.
pub async fn a_known_caller_is_found_and_not_created_again(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    let number = phone(&t, "+14155550123");
    store.ensure_user(&t, std::slice::from_ref(&number), &UserId::new("usr_1"), start()).await.must();
    store.set_name(&Scope::new(t.clone(), "usr_1"), "Sam").await.must();
    let again = store.ensure_user(&t, std::slice::from_ref(&number), &UserId::new("usr_2"), after(60)).await.must();
    assert!(!again.created);
    assert_eq!((again.user.id.as_str(), again.user.name.as_str()), ("usr_1", "Sam"));
    assert_eq!(again.user.first_contact, start());
    assert_eq!(store.user(&Scope::new(t, "usr_2")).await.must(), None);
}

/// "Every identity that is nobody's yet is joined to the caller found or created."
pub async fn new_identities_join_the_caller_who_was_found(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    let number = phone(&t, "+14155550123");
    let (external, sms) =
        (identity(&t, IdentityKind::External, "crm-7"), identity(&t, IdentityKind::Sms, "+14155550123"));
    let all = [external.clone(), number.clone(), sms.clone()];
    store.ensure_user(&t, std::slice::from_ref(&number), &UserId::new("usr_1"), start()).await.must();
    store.ensure_user(&t, &all, &UserId::new("usr_2"), start()).await.must();
    for known in all {
        let user = store.find_user(&t, std::slice::from_ref(&known)).await.must().must();
        assert_eq!(user.id.as_str(), "usr_1", "{:?}", known.kind);
    }
}

/// "An identity that is somebody else's stays theirs."
pub async fn an_identity_of_somebody_else_stays_theirs(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    let (a, b) = (phone(&t, "+14155550001"), phone(&t, "+14155550002"));
    store.ensure_user(&t, std::slice::from_ref(&a), &UserId::new("usr_a"), start()).await.must();
    store.ensure_user(&t, std::slice::from_ref(&b), &UserId::new("usr_b"), start()).await.must();
    let resolved = store.ensure_user(&t, &[a.clone(), b.clone()], &UserId::new("usr_c"), start()).await.must();
    assert_eq!(resolved.user.id.as_str(), "usr_a");
    assert_eq!(store.find_user(&t, std::slice::from_ref(&b)).await.must().must().id.as_str(), "usr_b");
    assert_eq!(keys(&store.identities(&Scope::new(t.clone(), "usr_a")).await.must()), keys(&[a]));
    assert_eq!(keys(&store.identities(&Scope::new(t, "usr_b")).await.must()), keys(&[b]));
}

/// A tenant's identities are looked up inside that tenant, even where two hashes happen to be the same.
pub async fn identities_of_one_tenant_say_nothing_in_another(store: Arc<dyn MemoryStore>) {
    let (t, other) = (tenant(), TenantId::new("other"));
    let number = phone(&t, "+14155550123");
    store.ensure_user(&t, std::slice::from_ref(&number), &UserId::new("usr_1"), start()).await.must();
    assert_eq!(store.find_user(&other, std::slice::from_ref(&number)).await.must(), None);
    let there = store.ensure_user(&other, std::slice::from_ref(&number), &UserId::new("usr_9"), start()).await.must();
    assert!(there.created);
    assert_eq!(store.find_user(&t, std::slice::from_ref(&number)).await.must().must().id.as_str(), "usr_1");
    assert_eq!(store.find_user(&other, &[number]).await.must().must().id.as_str(), "usr_9");
}

/// "With no identities a caller without identities is created." Doing it twice with one id is an upsert.
pub async fn a_caller_without_identities_can_be_created(store: Arc<dyn MemoryStore>) {
    let scope = &scopes()[0];
    let resolved = store.ensure_user(&scope.tenant, &[], &scope.caller, start()).await.must();
    assert!(resolved.created);
    assert_eq!(store.identities(scope).await.must(), vec![]);
    store.set_name(scope, "Sam").await.must();
    let again = store.ensure_user(&scope.tenant, &[], &scope.caller, after(9)).await.must();
    assert_eq!((again.user.name.as_str(), again.user.first_contact), ("Sam", start()));
    let other = store.ensure_user(&scope.tenant, &[], &UserId::new("usr_2"), start()).await.must();
    assert!(other.created, "nobody's identities make nobody the same");
}

/// "Joins identities to a known caller."
pub async fn identities_are_joined_to_a_known_caller(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let known = [phone(&one.tenant, "+14155550123"), identity(&one.tenant, IdentityKind::External, "crm-7")];
    store.join_identities(&one, &[]).await.must();
    store.join_identities(&one, &known).await.must();
    assert_eq!(store.identities(&one).await.must(), known);
    for i in known {
        assert_eq!(store.find_user(&other.tenant, std::slice::from_ref(&i)).await.must(), None);
        assert_eq!(store.find_user(&one.tenant, &[i]).await.must().must().id, one.caller);
    }
    for stranger in [&two, &other] {
        assert_eq!(store.identities(stranger).await.must(), vec![]);
    }
}

/// "One that is somebody else's stays theirs; one that is the caller's already is left as it is."
pub async fn joining_leaves_what_is_somebodys_already(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = callers(&*store).await;
    let number = |n: &str| phone(&tenant(), n);
    let (mine, theirs, new) = (number("+14155550001"), number("+14155550002"), number("+14155550003"));
    store.join_identities(&one, std::slice::from_ref(&mine)).await.must();
    store.join_identities(&two, std::slice::from_ref(&theirs)).await.must();
    let again = Identity { sealed: sealed("again"), ..mine.clone() };
    store.join_identities(&one, &[theirs.clone(), again, new.clone()]).await.must();
    assert_eq!(store.identities(&one).await.must(), [mine, new]);
    assert_eq!(store.identities(&two).await.must(), [theirs]);
}

/// "An unknown caller is an error of kind `NotFound` and nothing is joined."
pub async fn joining_to_an_unknown_caller_is_not_found_and_joins_nothing(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = scopes();
    store.ensure_user(&one.tenant, &[], &one.caller, start()).await.must();
    let number = phone(&one.tenant, "+14155550123");
    for unknown in [&two, &other] {
        let joined = store.join_identities(unknown, std::slice::from_ref(&number)).await;
        assert_eq!(joined.expect_err("nobody is there").kind(), ErrorKind::NotFound);
        assert_eq!(store.find_user(&unknown.tenant, std::slice::from_ref(&number)).await.must(), None);
        assert_eq!(store.user(unknown).await.must(), None);
    }
}

/// Two callers who are given one identity at once: it is one's, and nobody fails.
pub async fn racing_joins_of_one_identity_end_with_one_owner(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = callers(&*store).await;
    let number = phone(&one.tenant, "+14155550123");
    race(8, |i| {
        let (store, number) = (Arc::clone(&store), number.clone());
        let scope = if i % 2 == 0 { one.clone() } else { two.clone() };
        async move { store.join_identities(&scope, &[number]).await.must() }
    })
    .await;
    let owned = store.identities(&one).await.must().len() + store.identities(&two).await.must().len();
    assert_eq!(owned, 1);
    assert!(store.find_user(&one.tenant, &[number]).await.must().is_some());
}

/// "One transaction: two racing calls with the same identity end with one caller."
pub async fn racing_calls_with_one_identity_end_with_one_caller(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    // Several rounds: one race alone may be run by chance as if it were none.
    for round in 1..=5 {
        let number = phone(&t, &format!("+1415555000{round}"));
        let resolved = race(12, |i| {
            let (store, t, number) = (Arc::clone(&store), t.clone(), number.clone());
            let new = UserId::new(format!("usr_{round}_{i}"));
            async move { store.ensure_user(&t, &[number], &new, start()).await.must() }
        })
        .await;
        let ids: BTreeSet<_> = resolved.iter().map(|r| r.user.id.clone()).collect();
        assert_eq!(ids.len(), 1, "one number, one caller");
        assert_eq!(resolved.iter().filter(|r| r.created).count(), 1, "created once");
        assert_eq!(store.users(&t, &PageRequest::first(50)).await.must().items.len(), round);
    }
}

/// The same, where the calls know different things besides: all that is known ends at one caller.
pub async fn racing_calls_that_share_one_of_two_identities_end_with_one_caller(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    let shared = phone(&t, "+14155550123");
    let own = |i: usize| identity(&tenant(), IdentityKind::External, &format!("crm-{i}"));
    race(8, |i| {
        let (store, t, known) = (Arc::clone(&store), t.clone(), vec![shared.clone(), own(i)]);
        async move { store.ensure_user(&t, &known, &UserId::new(format!("usr_{i}")), start()).await.must() }
    })
    .await;
    let users = store.users(&t, &PageRequest::first(50)).await.must().items;
    assert_eq!(users.len(), 1);
    for i in 0..8 {
        assert_eq!(store.find_user(&t, &[own(i)]).await.must().must().id, users[0].id);
    }
}

/// "The caller of this scope."
pub async fn a_caller_is_read_only_under_its_own_scope(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = scopes();
    let number = phone(&one.tenant, "+14155550123");
    store.ensure_user(&one.tenant, &[number], &one.caller, start()).await.must();
    assert!(store.user(&one).await.must().is_some());
    for stranger in [&two, &other] {
        assert_eq!(store.user(stranger).await.must(), None);
        assert_eq!(store.identities(stranger).await.must(), vec![]);
    }
}

/// "Identities of the caller, in the order in which they were joined."
pub async fn identities_come_back_in_the_order_they_were_joined(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    let numbers: Vec<_> = (0..6).map(|i| phone(&t, &format!("+1415555{:04}", 9 - i))).collect();
    for known in 1..=numbers.len() {
        store.ensure_user(&t, &numbers[..known], &UserId::new("usr_1"), after(known as i64)).await.must();
    }
    assert_eq!(keys(&store.identities(&Scope::new(t.clone(), "usr_1")).await.must()), keys(&numbers));
    let together: Vec<_> = (0..4).map(|i| phone(&t, &format!("+4930555{i:04}"))).collect();
    store.ensure_user(&t, &together, &UserId::new("usr_2"), start()).await.must();
    assert_eq!(keys(&store.identities(&Scope::new(t, "usr_2")).await.must()), keys(&together));
}

/// "All callers of a tenant, newest contact first."
pub async fn callers_are_listed_newest_contact_first_of_one_tenant_only(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    for (id, at) in [("usr_b", 20), ("usr_c", 30), ("usr_a", 10)] {
        store.ensure_user(&t, &[], &UserId::new(id), after(at)).await.must();
    }
    store.ensure_user(&TenantId::new("other"), &[], &UserId::new("usr_z"), after(25)).await.must();
    let page = store.users(&t, &PageRequest::first(10)).await.must();
    let ids: Vec<_> = page.items.iter().map(|u| u.id.as_str()).collect();
    assert_eq!(ids, ["usr_c", "usr_b", "usr_a"]);
    assert_eq!(page.next_cursor, None);
    assert!(store.users(&TenantId::new("empty"), &PageRequest::first(10)).await.must().items.is_empty());
}

/// "Items are neither left out nor repeated": also among callers who called at the same moment.
pub async fn pages_of_callers_neither_omit_nor_repeat(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    for i in 0..23 {
        store.ensure_user(&t, &[], &UserId::new(format!("usr_{i:02}")), after(i / 5)).await.must();
    }
    let whole = store.users(&t, &PageRequest::first(100)).await.must();
    assert_eq!((whole.items.len(), whole.next_cursor), (23, None));
    for limit in [1, 4, 23] {
        let walked = walk(limit, async |page| store.users(&t, &page).await).await;
        assert_eq!(walked, whole.items, "pages of {limit}");
    }
}

/// "Sets how the caller wants to be called", "sets the caller's summary"; "does nothing for an unknown caller".
pub async fn name_and_summary_are_set_and_an_unknown_caller_is_left_unknown(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    for text in crate::testkit::fixtures::ODD_TEXTS {
        store.set_name(&one, text).await.must();
        store.set_summary(&one, &format!("{text} again")).await.must();
        let user = store.user(&one).await.must().must();
        assert_eq!((user.name.as_str(), user.summary), (text, format!("{text} again")));
    }
    let unknown = Scope::new(one.tenant, "usr_unknown");
    store.set_name(&unknown, "Sam").await.must();
    store.set_summary(&unknown, "Likes tea.").await.must();
    assert_eq!(store.user(&unknown).await.must(), None);
}

/// What is set under one scope is not seen under another.
pub async fn name_and_summary_of_others_stay_untouched(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    store.set_name(&one, "Sam").await.must();
    store.set_summary(&one, "Likes tea.").await.must();
    for stranger in [&two, &other] {
        let user = store.user(stranger).await.must().must();
        assert_eq!((user.name.as_str(), user.summary.as_str()), ("", ""));
    }
}

/// "How many active memories the caller has, by sector; sectors without any are left out."
pub async fn sector_counts_count_the_active_by_sector(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let of = |id: &str, sector, state| Memory { sector, state, ..memory(id, "x") };
    let memories = [
        of("mem_1", Sector::Semantic, MemoryState::Active),
        of("mem_2", Sector::Semantic, MemoryState::Active),
        of("mem_3", Sector::Semantic, MemoryState::Superseded),
        of("mem_4", Sector::Emotional, MemoryState::Active),
        of("mem_5", Sector::Episodic, MemoryState::Archived),
    ];
    store.put_memories(&one, &memories).await.must();
    store.put_memories(&two, &[of("mem_6", Sector::Reflective, MemoryState::Active)]).await.must();
    let mut counts = store.sector_counts(&one).await.must();
    counts.sort();
    assert_eq!(counts, [(Sector::Semantic, 2), (Sector::Emotional, 1)]);
    assert_eq!(store.sector_counts(&two).await.must(), [(Sector::Reflective, 1)]);
    assert_eq!(store.sector_counts(&other).await.must(), []);
}

async fn fill(store: &dyn MemoryStore, scope: &Scope, mark: &str) -> Vec<Identity> {
    let numbers = [phone(&scope.tenant, "+14155550123"), identity(&scope.tenant, IdentityKind::External, mark)];
    // Two callers of one tenant cannot share a number; each has at least the external id.
    let own = if mark == "b" { &numbers[1..] } else { &numbers[..] };
    store.ensure_user(&scope.tenant, own, &scope.caller, start()).await.must();
    let memories = ["1", "2", "3"].map(|n| memory(&format!("mem_{mark}{n}"), "Likes tea"));
    store.put_memories(scope, &memories).await.must();
    let link =
        |i: usize, j: usize| Link::new(memories[i].id.clone(), memories[j].id.clone(), 0.9, LinkKind::Similar, start());
    store.put_links(scope, &[link(0, 1), link(1, 2)]).await.must();
    let spoken = Conversation {
        caller: Some(scope.caller.clone()),
        transcript: Some(sealed("words")),
        extraction: Some(sealed("facts")),
        ..conversation(&format!("conv_{mark}"))
    };
    store.save_conversation(&scope.tenant, &spoken).await.must();
    own.to_vec()
}

/// "Removes the caller and everything that is the caller's": and nothing that is anybody else's.
pub async fn erasing_a_caller_removes_everything_of_that_caller_only(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = scopes();
    let known = fill(&*store, &one, "a").await;
    fill(&*store, &two, "b").await;
    fill(&*store, &other, "c").await;
    let erased = store.erase_user(&one, &erasure(&one)).await.must();
    assert_eq!(erased, Erased { memories: 3, links: 2, conversations: 1, identities: 2, ..Erased::default() });

    assert_eq!(store.user(&one).await.must(), None);
    assert_eq!(store.identities(&one).await.must(), vec![]);
    assert_eq!(store.find_user(&one.tenant, &known).await.must(), None);
    assert_eq!(store.conversation(&one.tenant, &"conv_a".into()).await.must(), None);
    let gone = memory_ids(&["mem_a1", "mem_a2", "mem_a3"]);
    assert_eq!(store.memories(&one, &gone).await.must(), vec![]);
    assert_eq!(store.links(&one, &gone).await.must(), vec![]);
    assert_eq!(store.sector_counts(&one).await.must(), []);
    assert_eq!(store.count_memories().await.must(), 6);

    for (scope, mark) in [(&two, "b"), (&other, "c")] {
        assert!(store.user(scope).await.must().is_some());
        assert!(!store.identities(scope).await.must().is_empty());
        let kept = ["1", "2", "3"].map(|n| format!("mem_{mark}{n}").as_str().into());
        assert_eq!(store.memories(scope, &kept).await.must().len(), 3);
        assert_eq!(store.links(scope, &kept).await.must().len(), 2);
        let spoken = store.conversation(&scope.tenant, &format!("conv_{mark}").into()).await.must().must();
        assert!(spoken.transcript.is_some() && spoken.extraction.is_some());
    }
}

/// "Twice is the same as once, with zeros."
pub async fn erasing_twice_is_the_same_as_once_with_zeros(store: Arc<dyn MemoryStore>) {
    let [one, ..] = scopes();
    assert_eq!(store.erase_user(&one, &erasure(&one)).await.must(), Erased::default(), "nobody to erase");
    fill(&*store, &one, "a").await;
    assert_ne!(store.erase_user(&one, &erasure(&one)).await.must(), Erased::default());
    assert_eq!(store.erase_user(&one, &erasure(&one)).await.must(), Erased::default());
}

/// Who calls from an erased caller's number is a new caller.
pub async fn an_erased_callers_number_may_become_somebody_elses(store: Arc<dyn MemoryStore>) {
    let [one, ..] = scopes();
    let known = fill(&*store, &one, "a").await;
    store.erase_user(&one, &erasure(&one)).await.must();
    let resolved = store.ensure_user(&one.tenant, &known, &UserId::new("usr_new"), after(60)).await.must();
    assert!(resolved.created);
    assert_eq!(resolved.user.id.as_str(), "usr_new");
    assert_eq!((resolved.user.call_count, resolved.user.name.as_str()), (0, ""));
}
