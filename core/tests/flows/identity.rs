//! Who is who: guests met under a known id, callers merged and split, several people on one line.

use crate::world::{NUMBER, World};
use hark_core::engine::Engine;
use hark_core::ingest::{Call, Ingest, IngestConfig, Outcome};
use hark_core::people::{Claim, IdentityConfig, People};
use hark_core::recall::CallerCache;
use hark_core::store::KeywordQuery;
use hark_core::testkit::Outcome as Step;
use hark_core::{
    ErrorKind, IdentityKind, IndexState, Numbers, PageRequest, RecallQuery, Scope, Speaker, TransferState, User,
};
use std::sync::Arc;

fn said(what: &str) -> [(Speaker, &str); 2] {
    [(Speaker::Agent, "Hello, how can I help?"), (Speaker::User, what)]
}

fn external(id: &str) -> Claim {
    Claim::new(IdentityKind::External, id)
}

async fn learn(world: &World, call: Call) -> Scope {
    let id = call.conversation.clone();
    let learnt = world.ingest.call(&world.tenant(), call).await.unwrap();
    assert!(matches!(learnt.outcome, Outcome::Learnt { .. }), "{learnt:?}");
    let owner = world.engine.memory.conversation(&world.tenant(), &id).await.unwrap().unwrap().caller.unwrap();
    let scope = Scope { tenant: world.tenant(), caller: owner };
    let memories = world.engine.memory.list_memories(&scope, &Default::default(), &PageRequest::first(100)).await;
    let ids: Vec<_> = memories.unwrap().items.into_iter().map(|m| m.id).collect();
    world.ingest.reconcile(&scope, &ids).await.unwrap();
    scope
}

async fn user(world: &World, scope: &Scope) -> User {
    world.engine.memory.user(scope).await.unwrap().unwrap()
}

async fn asked(world: &World, scope: &Scope, text: &str) -> Vec<String> {
    let query = RecallQuery::new(text);
    let hits = world.recall.ask(scope, &query).await.unwrap().hits;
    hits.iter().filter_map(|hit| hit.memory()).map(|memory| memory.content.clone()).collect()
}

/// Nothing may be found under this name in the derived stores.
async fn nothing_indexed(world: &World, scope: &Scope, text: &str) {
    let query = KeywordQuery { text: text.to_owned(), sectors: Vec::new(), limit: 10 };
    assert!(world.engine.keywords.search(scope, &query).await.unwrap().is_empty());
    let space = world.engine.embedder.as_ref().unwrap().background.info().space.clone();
    assert!(world.engine.vectors.load(scope, &space, 100).await.unwrap().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_guest_met_under_a_known_id_becomes_that_user_and_can_be_parted_again() {
    let world = World::new().await;
    let guest = learn(&world, world.call("conv_1", &said("I prefer delivery on Friday."))).await;
    let known = world.people.admit_reference(&world.tenant(), "crm-7").await.unwrap().unwrap();
    assert_ne!(guest.caller, known.id);
    let mut call = world.call("conv_2", &said("I have a dog called Rex."));
    call.claims.insert(0, external("crm-7"));
    let scope = learn(&world, call).await;
    assert_eq!(scope.caller, known.id);
    assert_eq!(user(&world, &scope).await.call_count, 2);
    assert!(asked(&world, &scope, "delivery").await.iter().any(|m| m.contains("Friday")));
    nothing_indexed(&world, &guest, "delivery Friday").await;
    assert_eq!(world.scope_of(NUMBER).await, scope, "the number is the user's now");
    assert_eq!(world.people.by_reference(&world.tenant(), guest.caller.as_str()).await.unwrap().unwrap().id, known.id);

    let done =
        world.engine.memory.transfers(&world.tenant(), None, &PageRequest::first(9)).await.unwrap().items.remove(0);
    assert!(done.settled);
    let undone = world.ingest.undo_transfer(&world.tenant(), &done.id).await.unwrap().unwrap();
    assert_eq!((undone.state, undone.settled), (TransferState::Undone, true));
    assert!(asked(&world, &guest, "delivery").await.iter().any(|m| m.contains("Friday")));
    assert!(asked(&world, &scope, "delivery").await.iter().all(|m| !m.contains("Friday")));
    assert!(asked(&world, &scope, "dog").await.iter().any(|m| m.contains("Rex")), "learnt since, it stays");
    assert_eq!((user(&world, &guest).await.call_count, user(&world, &scope).await.call_count), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_certain_is_not_joined() {
    let world = World::new().await;
    let guest = learn(&world, world.call("conv_1", &said("I prefer delivery on Friday."))).await;
    world.people.admit_reference(&world.tenant(), "crm-7").await.unwrap();
    // Several people call from there.
    world.engine.memory.set_shared(&guest, true).await.unwrap();
    let mut call = world.call("conv_2", &said("I have a dog called Rex."));
    call.claims.insert(0, external("crm-7"));
    let known = learn(&world, call.clone()).await;
    assert_ne!(known, guest);
    // The guest is known by another number too.
    world.engine.memory.set_shared(&guest, false).await.unwrap();
    let other = world.engine.vault.identity(&world.tenant(), IdentityKind::Phone, "+14155559999").unwrap().unwrap();
    world.engine.memory.join_identities(&guest, &[other]).await.unwrap();
    call.conversation = "conv_3".into();
    assert_eq!(learn(&world, call).await, known);
    assert!(world.engine.memory.user(&guest).await.unwrap().is_some());
    assert!(
        world.engine.memory.transfers(&world.tenant(), None, &PageRequest::first(9)).await.unwrap().items.is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_merge_is_idempotent_and_clear_about_mistakes() {
    let world = World::new().await;
    let guest = learn(&world, world.call("conv_1", &said("I prefer delivery on Friday."))).await;
    let known = world.people.admit_reference(&world.tenant(), "crm-7").await.unwrap().unwrap();
    world.people.admit_reference(&world.tenant(), "crm-8").await.unwrap();
    let (tenant, guest) = (world.tenant(), guest.caller.to_string());
    let first = world.ingest.merge(&tenant, &guest, "crm-7").await.unwrap();
    assert_eq!(world.ingest.merge(&tenant, &guest, known.id.as_str()).await.unwrap(), first);
    let second = world.ingest.merge(&tenant, "crm-8", "crm-7").await.unwrap();
    assert_eq!(world.ingest.merge(&tenant, "crm-8", "crm-7").await.unwrap(), second);
    for (from, into, kind) in [
        ("crm-7", "crm-7", ErrorKind::Invalid),
        (known.id.as_str(), "crm-7", ErrorKind::Invalid),
        ("crm-nobody", "crm-7", ErrorKind::NotFound),
        ("crm-7", "usr_nobody", ErrorKind::NotFound),
    ] {
        assert_eq!(world.ingest.merge(&tenant, from, into).await.unwrap_err().kind(), kind, "{from}, {into}");
    }
    let other = "another tenant".into();
    assert_eq!(world.ingest.merge(&other, &guest, "crm-7").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn wherever_a_merge_breaks_off_the_schedule_brings_it_to_an_end() {
    for part in ["vectors", "keywords", "embedder"] {
        let world = World::new().await;
        let guest = learn(&world, world.call("conv_1", &said("I prefer delivery on Friday."))).await;
        let known = world.people.admit_reference(&world.tenant(), "crm-7").await.unwrap().unwrap();
        let script = match part {
            "vectors" => &world.vectors,
            "keywords" => &world.keywords,
            _ => &world.embedder,
        };
        script.change(|_, _| Step::fail(ErrorKind::Unavailable));
        let done = world.ingest.merge(&world.tenant(), guest.caller.as_str(), "crm-7").await.unwrap();
        assert_eq!(done.settled, part == "embedder", "{part}");
        let scope = Scope { tenant: world.tenant(), caller: known.id };
        let moved = world.engine.memory.memories(&scope, &done.moved.memories).await.unwrap();
        assert!(!moved.is_empty() && moved.iter().all(|m| m.index == IndexState::Pending), "{part}");
        script.change(|_, _| Step::Pass);
        world.ingest.settle_transfers(10).await.unwrap();
        world.ingest.repair(100).await.unwrap();
        assert!(asked(&world, &scope, "delivery").await.iter().any(|m| m.contains("Friday")), "{part}");
        nothing_indexed(&world, &guest, "delivery Friday").await;
        assert_eq!(world.ingest.settle_transfers(10).await.unwrap(), 0);
        let moved = world.engine.memory.memories(&scope, &done.moved.memories).await.unwrap();
        assert!(moved.iter().all(|m| m.index == IndexState::Indexed), "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_people_on_one_telephone_are_told_apart() {
    let world = World::new().await;
    let scope = learn(&world, world.call("conv_1", &said("My name is Anna. My email is anna@example.com."))).await;
    assert_eq!(world.recall.introduce(&scope).await.unwrap().name, "Anna");
    world.clock.advance(chrono::Duration::days(1));
    let tom = "Hi, this is Tom, Anna's husband. My email is tom@example.com now.";
    assert_eq!(learn(&world, world.call("conv_2", &said(tom))).await, scope);
    let caller = user(&world, &scope).await;
    assert!(caller.shared);
    assert_eq!(caller.name, "Anna", "the profile keeps its owner's name");

    let all = world.engine.memory.list_memories(&scope, &Default::default(), &PageRequest::first(100)).await.unwrap();
    let mails: Vec<_> = all.items.iter().filter(|m| m.content.contains("@")).collect();
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|m| m.state == hark_core::MemoryState::Active), "neither gives way: {mails:#?}");
    let of = |mail: &str| mails.iter().find(|m| m.content.contains(mail)).unwrap().speaker.clone();
    assert_eq!((of("anna@"), of("tom@")), (Some("Anna".to_owned()), Some("Tom".to_owned())));

    let told = world.recall.introduce(&scope).await.unwrap();
    assert_eq!((told.name.as_str(), told.is_returning), ("", true));
    assert!(!told.greeting.contains("Anna") && !told.greeting.contains("Tom"), "{}", told.greeting);
    assert!(told.context.starts_with("Anna and Tom call from here"), "{}", told.context);
    assert!(told.context.contains("Tom: ") && told.context.contains("Anna: "), "{}", told.context);
    let query = RecallQuery::new("email address");
    let summary = world.recall.ask(&scope, &query).await.unwrap().summary;
    assert!(summary.contains("Tom: ") && summary.contains("Anna: "), "{summary}");

    // Who it was is split off, with what they said, and the profile is Anna's alone again.
    let split = world.ingest.split(&world.tenant(), scope.caller.as_str(), &["conv_2".into()], None).await.unwrap();
    let guest = Scope { tenant: world.tenant(), caller: split.into.clone() };
    assert_eq!(user(&world, &guest).await.name, "Tom");
    assert!(asked(&world, &guest, "email").await.iter().all(|m| !m.contains("anna@")));
    assert!(asked(&world, &scope, "email").await.iter().all(|m| !m.contains("tom@")));
    let again = world.ingest.split(&world.tenant(), scope.caller.as_str(), &["conv_2".into()], None).await;
    assert_eq!(again.unwrap().id, split.id, "twice is the same as once");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_any_identity_teaches_nobody_anything() {
    let world = World::new().await;
    let known = learn(&world, world.call("conv_1", &said("I prefer delivery on Friday."))).await;
    let before = world.engine.memory.count_memories().await.unwrap();
    for (id, claims) in [
        ("conv_2", vec![]),
        ("conv_3", vec![Claim::new(IdentityKind::Phone, "anonymous"), external(" ")]),
        // As we make them, but nobody's: of a caller erased since, or made up.
        ("conv_4", vec![external("usr_0123456789abcdef01234567")]),
    ] {
        let call = Call { claims, ..world.call(id, &said("I have a dog called Rex.")) };
        let outcome = world.ingest.call(&world.tenant(), call).await.unwrap();
        assert_eq!(outcome.outcome, Outcome::Ignored { why: "no_identity" }, "{id}");
        assert!(outcome.follow_ups.is_empty());
    }
    assert_eq!(world.engine.memory.count_memories().await.unwrap(), before);
    let users = world.engine.memory.users(&world.tenant(), &PageRequest::first(10)).await.unwrap().items;
    assert_eq!(users.into_iter().map(|u| u.id).collect::<Vec<_>>(), [known.caller]);
}

#[tokio::test(start_paused = true)]
async fn a_number_kept_before_its_region_was_configured_is_still_found() {
    let world = World::new().await;
    let before = world.scope_of("030 123456").await;
    let vault = world.engine.vault.clone().with_numbers(Numbers::of_region("DE").unwrap());
    let engine = Engine { vault, ..world.engine.clone() };
    let people = People::new(engine.clone());
    let call = |number: &str| vec![Claim::new(IdentityKind::Phone, number)];
    let found = people.admit(&world.tenant(), None, &call("030 123456")).await.unwrap().unwrap();
    assert_eq!(found.id, before.caller);
    let international = people.find(&world.tenant(), None, &call("+49 30 123456")).await.unwrap();
    assert_eq!(international.map(|u| u.id), Some(before.caller), "joined when the old form was met");
    // Switched off, nothing is joined.
    let identity = IdentityConfig { join_guests: false, ..IdentityConfig::default() };
    let ingest = Ingest::new(engine, Arc::new(CallerCache::new(8)), IngestConfig::default()).with_identity(identity);
    people.admit_reference(&world.tenant(), "crm-7").await.unwrap();
    let mut call = world.call("conv_1", &said("I have a dog called Rex."));
    call.claims = vec![external("crm-7"), Claim::new(IdentityKind::Phone, "030 123456")];
    ingest.call(&world.tenant(), call).await.unwrap();
    assert_eq!(world.engine.memory.users(&world.tenant(), &PageRequest::first(10)).await.unwrap().items.len(), 2);
}
