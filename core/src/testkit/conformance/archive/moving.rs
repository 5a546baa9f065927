//! What the other traits wrote into one store is the same to them in another.

use super::{archive, table};
use crate::backend::Backend;
use crate::cost::{Cost, CostFilter, CostGroup, CostKey, CostRow, Nanos, Spend};
use crate::store::archive::{Cell, Digest, Merged, TABLES, digest, merge};
use crate::store::{EmbeddingKey, KeyKind, MemoryFilter, NewEmbedding, Space, StoredKey};
use crate::testkit::fixtures::{
    ODD_TEXTS, after, conversation, erasure, event, failure, job, memory, phone, scopes, sealed, start, tenant,
};
use crate::testkit::suite::{Must, walk};
use crate::{
    AuditAction, AuditEntry, AuditFilter, Conversation, IdentityKind, KeyId, KeyScopes, Link, LinkKind, Memory,
    NewErasure, NewTransfer, PageRequest, Receipt, ReceiptId, ReceiptKind, Returned, Review, ReviewDecision, Scope,
    TransferKind, TransferredBy,
};
use chrono::NaiveDate;
use std::sync::Arc;

/// Everything there is something of.
async fn live(backend: &dyn Backend) {
    let (store, [one, two, foreign]) = (backend.memory().must(), scopes());
    for (scope, number) in [(&one, "+14155550101"), (&two, "+14155550102"), (&foreign, "+14155550101")] {
        store.ensure_user(&scope.tenant, &[phone(&scope.tenant, number)], &scope.caller, start()).await.must();
    }
    store.join_identities(&one, &[phone(&one.tenant, "+14155550109")]).await.must();
    store.set_name(&one, "Sam").await.must();
    store.set_summary(&one, ODD_TEXTS[9]).await.must();
    store.bind_conversation(&one, &"conv_1".into(), Some(&"agent_1".into()), start()).await.must();
    let call = Conversation {
        caller: Some(one.caller.clone()),
        transcript: Some(sealed("words")),
        extraction: Some(sealed("what came of them")),
        duration_secs: Some(60),
        ..conversation("conv_1")
    };
    store.save_conversation(&one.tenant, &call).await.must();
    let odd = ODD_TEXTS.iter().enumerate().map(|(n, text)| memory(&format!("mem_{n:02}"), text));
    store.put_memories(&one, &odd.collect::<Vec<_>>()).await.must();
    store.put_memories(&foreign, &[memory("mem_other", "Likes tea")]).await.must();
    store.delete_memories(&one, &["mem_03".into()]).await.must();
    store.mark_indexed(&one, &["mem_05".into()]).await.must();
    let link = Link::new("mem_01".into(), "mem_02".into(), 0.7, LinkKind::Manual, start());
    store.put_links(&one, &[link]).await.must();
    let item = Returned {
        memory: Some("mem_02".into()),
        conversation: None,
        turns: vec![1],
        score: Some(0.1),
        via: None,
        parts: None,
    };
    let receipt = Receipt {
        id: ReceiptId::new("rcp_1"),
        kind: ReceiptKind::Query,
        caller: Some(one.caller.clone()),
        conversation: Some("conv_1".into()),
        agent: None,
        at: after(3),
        took_ms: 12,
        mode: None,
        degraded: None,
        items: vec![item],
        words: Some(sealed("what was told")),
    };
    store.put_receipts(&one.tenant, &[receipt]).await.must();
    let review = Review {
        memory: "mem_gone".into(),
        conversation: None,
        decision: ReviewDecision::Reject,
        at: start(),
        label: true,
        words: Some(sealed("rejected")),
    };
    store.put_review(&one, &review).await.must();
    store.erase_user(&two, &NewErasure { at: after(4), ..erasure(&two) }).await.must();
    let guest = Scope::new(tenant(), "usr_guest");
    store.ensure_user(&guest.tenant, &[], &guest.caller, after(1)).await.must();
    let moved = NewTransfer {
        id: "trf_1".into(),
        kind: TransferKind::Merge,
        from: guest.caller.clone(),
        into: one.caller.clone(),
        conversations: Vec::new(),
        by: TransferredBy::Person,
    };
    store.transfer(&tenant(), &moved, after(2)).await.must();
    let entry = AuditEntry {
        id: "aud_1".into(),
        at: start(),
        actor: "folder".to_owned(),
        action: AuditAction::Export,
        route: "hark copy".to_owned(),
        person: None,
        object: None,
        status: 0,
    };
    store.append_audit(&tenant(), &[entry]).await.must();
    let key = CostKey {
        day: NaiveDate::from_ymd_opt(2026, 11, 22).must(),
        conversation: None,
        agent: Some("agent_1".into()),
        spend: Spend::Embedding,
        model: "small".to_owned(),
    };
    let cost = Cost { calls: 3, money: Nanos(u64::MAX >> 1), ..Cost::default() };
    store.add_costs(&tenant(), &[CostRow { key, cost }]).await.must();
    store.set_space(&space()).await.must();
    let secret = StoredKey {
        id: KeyId::new("whs_1"),
        tenant: tenant(),
        kind: KeyKind::Webhook,
        label: "the platform's".to_owned(),
        scopes: KeyScopes::default(),
        hash: [3; 32],
        sealed: Some(sealed("secret")),
        created_at: start(),
        expires_at: None,
        revoked_at: None,
        last_used_at: Some(after(9)),
    };
    backend.keys().must().add_key(&secret).await.must();
    let queue = backend.jobs().must();
    for n in 0..4 {
        queue.accept(&event(&format!("evt_{n}")), &job("ingest", &format!("evt_{n}"))).await.must();
    }
    let leases = queue.lease("token", 2, after(60), start()).await.must();
    queue.bury(&leases[0], &failure("no use")).await.must();
    let embedding = NewEmbedding { key: EmbeddingKey([9; 32]), owner: one.caller.clone(), vector: vec![0.1, -2.5e-8] };
    let cache = backend.cache().must();
    cache.put(&tenant(), &space(), &[embedding], start()).await.must();
}

fn space() -> Space {
    Space { model: "minilm".to_owned(), dimensions: 2 }
}

async fn moved(from: &dyn Backend, to: &dyn Backend) -> Merged {
    let (from, to) = (archive(from), archive(to));
    let (mut view, mut all) = (from.view().await.must(), Merged::default());
    for table in &TABLES {
        let done = merge(table, view.as_mut(), &*to, &|_| ()).await.must();
        all = Merged {
            read: all.read + done.read,
            written: all.written + done.written,
            removed: all.removed + done.removed,
        };
    }
    all
}

async fn digests(backend: &dyn Backend) -> Vec<(&'static str, Digest)> {
    let mut view = archive(backend).view().await.must();
    let mut all = Vec::new();
    for table in &TABLES {
        all.push((table.name, digest(view.as_mut(), table).await.must()));
    }
    all
}

/// Every answer of the other traits that could tell the two apart.
async fn told(backend: &dyn Backend) -> Vec<String> {
    let (store, [one, two, foreign]) = (backend.memory().must(), scopes());
    let mut told = Vec::new();
    let mut tell = |what: &dyn std::fmt::Debug| told.push(format!("{what:?}"));
    for scope in [&one, &two, &foreign] {
        tell(&store.user(scope).await.must());
        tell(&store.identities(scope).await.must());
        tell(&store.list_memories(scope, &MemoryFilter::default(), &PageRequest::first(99)).await.must());
        tell(&store.reviews(scope).await.must());
        tell(&store.aliases(scope).await.must());
    }
    tell(&store.find_user(&one.tenant, &[phone(&one.tenant, "+14155550109")]).await.must());
    tell(&store.conversation(&one.tenant, &"conv_1".into()).await.must());
    tell(&store.links(&one, &["mem_01".into()]).await.must());
    tell(&store.receipts_of(&one.tenant, &"conv_1".into()).await.must());
    tell(&store.recalls(&one, &["mem_02".into()]).await.must());
    tell(&store.erasures(&tenant(), &PageRequest::first(9)).await.must());
    tell(&store.open_erasures(9).await.must());
    tell(&store.transfers(&tenant(), None, &PageRequest::first(9)).await.must());
    tell(&store.unsettled_transfers(9).await.must());
    tell(&store.audit_log(&tenant(), &AuditFilter::default(), &PageRequest::first(9)).await.must());
    tell(&store.costs(&tenant(), &CostFilter::default(), CostGroup::Agent).await.must());
    tell(&store.space().await.must());
    tell(&store.pending_memories(99).await.must());
    tell(&walk(5, async |page| store.scan_memories(&page).await).await);
    tell(&walk(1, async |page| store.scan_erasures(&page).await).await);
    let keys = backend.keys().must();
    tell(&keys.live_keys(KeyKind::Webhook, start()).await.must());
    let queue = backend.jobs().must();
    tell(&queue.list(&tenant(), &Default::default(), &PageRequest::first(9)).await.must());
    tell(&queue.stats(None, after(5)).await.must());
    tell(&queue.event(&tenant(), &"evt_3".into()).await.must());
    tell(&backend.cache().must().get(&tenant(), &space(), &[EmbeddingKey([9; 32])]).await.must());
    told
}

/// People, conversations, memories, links, receipts, reviews, erasures, transfers, audit, costs, keys, events, jobs and
/// embeddings, with their ids, times, revisions and states.
pub async fn what_stores_wrote_is_the_same_in_another_house<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let ((first, _one), (second, _two)) = (make().await, make().await);
    live(&*first).await;
    let before = told(&*first).await;
    assert!(moved(&*first, &*second).await.written > 30, "there was something of everything");
    assert_eq!(told(&*second).await, before);
    let there = digests(&*second).await;
    assert_eq!(there, digests(&*first).await);
    let empty: Vec<_> = there.iter().filter(|(_, digest)| digest.rows == 0).map(|(name, _)| *name).collect();
    assert_eq!(empty, ["conflicts"], "what there was nothing of");
    assert!(!moved(&*first, &*second).await.is_changed(), "there is nothing left to do");
}

/// "Whatever is numbered by the store afterwards is numbered behind what was written", and everything that was there is
/// found, taken up and kept out as it was.
pub async fn a_house_that_was_moved_into_goes_on<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let ((first, _one), (second, _two)) = (make().await, make().await);
    live(&*first).await;
    moved(&*first, &*second).await;
    let (store, [one, two, _]) = (second.memory().must(), scopes());
    let revision = store.user(&one).await.must().must().revision;
    store.put_memories(&one, &[memory("mem_new", "Later")]).await.must();
    assert!(store.user(&one).await.must().must().revision > revision);
    let all = walk(4, async |page| store.scan_memories(&page).await).await;
    let ids: Vec<_> = all.iter().map(|(_, memory): &(Scope, Memory)| memory.id.as_str()).collect();
    assert_eq!((ids.first(), ids.last()), (Some(&"mem_00"), Some(&"mem_new")));
    store.join_identities(&one, &[phone(&one.tenant, "+14155550199")]).await.must();
    let kinds: Vec<_> = store.identities(&one).await.must().iter().map(|identity| identity.kind).collect();
    assert_eq!(kinds, [IdentityKind::Phone; 3]);
    assert_eq!(store.identities(&one).await.must()[2], phone(&one.tenant, "+14155550199"));
    let back = store.ensure_user(&two.tenant, &[phone(&two.tenant, "+14155550102")], &two.caller, start()).await;
    assert!(back.is_err(), "whoever was erased stays kept out");
    store.ensure_user(&tenant(), &[], &"usr_4".into(), start()).await.must();
    let fourth = Scope::new(tenant(), "usr_4");
    store.erase_user(&fourth, &erasure(&fourth)).await.must();
    assert_eq!(walk(1, async |page| store.scan_erasures(&page).await).await.len(), 2);
    assert_eq!(store.blank_receipts(&one, &["mem_02".into()]).await.must(), 1, "it is known what told of it");
    let queue = second.jobs().must();
    let leases = queue.lease("again", 9, after(300), after(61)).await.must();
    assert!(!leases.is_empty() && leases[0].after_loss, "the lease that was out has run out");
}

/// What was written, changed and removed in the first one since is carried over by another walk, and nothing else.
pub async fn what_changed_since_is_carried_after<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let ((first, _one), (second, _two)) = (make().await, make().await);
    live(&*first).await;
    moved(&*first, &*second).await;
    let (store, [one, _, foreign]) = (first.memory().must(), scopes());
    store.put_memories(&one, &[memory("mem_new", "Later"), memory("mem_04", "Corrected")]).await.must();
    store.erase_user(&foreign, &erasure(&foreign)).await.must();
    store.delete_memories(&one, &["mem_01".into()]).await.must();
    let queue = first.jobs().must();
    queue.delete_events(&tenant(), &["evt_0".into()]).await.must();
    let done = moved(&*first, &*second).await;
    assert!(done.is_changed() && done.written < 20, "{done:?}");
    assert_eq!(told(&*second).await, told(&*first).await);
    assert_eq!(digests(&*second).await, digests(&*first).await);
    // And back again, into what has become old.
    let there = second.memory().must();
    there.set_name(&one, "Samantha").await.must();
    assert_eq!(moved(&*second, &*first).await, Merged { written: 1, ..moved_nothing(&*second).await });
    assert_eq!(store.user(&one).await.must().must().name, "Samantha");
    let user = archive(&*first).view().await.must().read(table("users"), None, 1).await.must();
    assert!(user[0].iter().all(|cell| *cell != Cell::Text("Samantha".to_owned())), "a name is carried as it is sealed");
}

async fn moved_nothing(backend: &dyn Backend) -> Merged {
    let rows = digests(backend).await.iter().map(|(_, digest)| digest.rows).sum();
    Merged { read: rows, ..Merged::default() }
}
