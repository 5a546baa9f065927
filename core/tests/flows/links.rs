//! Links: what they add to an answer, what they may not take from it, and what use makes of them.

use crate::world::{NUMBER, World};
use chrono::Duration;
use hark_core::decay::LinkConfig;
use hark_core::engine::Engine;
use hark_core::ingest::{Ingest, MemoryPatch, NewMemory};
use hark_core::recall::{CallerCache, Recall, RecallConfig};
use hark_core::testkit::{Outcome as Step, SeededEntropy};
use hark_core::{Clock, Entropy, ErrorKind, Link, LinkKind, Memory, Origin, RecallQuery, Scope, Speaker, Via};
use std::sync::Arc;

const SUBJECTS: [&str; 8] = ["bees", "ladder", "parcel", "garden", "invoice", "piano", "train", "coffee"];

async fn add(world: &World, scope: &Scope, contents: &[String]) -> Vec<Memory> {
    let new = contents.iter().map(|content| NewMemory::new(content.as_str(), Origin::Api)).collect();
    world.ingest.add(scope, new).await.unwrap()
}

/// Two memories, of which one is only found by its link to the other.
async fn pair(kind: LinkKind, weight: f32) -> (World, Scope, Link) {
    let world = World::with(RecallConfig { min_cosine: 0.9, ..RecallConfig::default() }).await;
    let scope = world.scope_of(NUMBER).await;
    let both = add(&world, &scope, &["Keeps bees on the roof".to_owned(), "Owns a ladder".to_owned()]).await;
    let link = Link::new(both[0].id.clone(), both[1].id.clone(), weight, kind, world.clock.now());
    world.engine.memory.put_links(&scope, std::slice::from_ref(&link)).await.unwrap();
    (world, scope, link)
}

async fn vias(world: &World, scope: &Scope) -> Vec<Via> {
    world.recall.ask(scope, &RecallQuery::new("bees")).await.unwrap().hits.iter().map(|hit| hit.via).collect()
}

async fn now(world: &World, scope: &Scope, link: &Link) -> Link {
    world.engine.memory.links(scope, std::slice::from_ref(&link.a)).await.unwrap().remove(0)
}

/// At every limit and word budget, with links between anything, the direct hits are those of an answer without links,
/// in the same order, and what links add comes after all of them.
#[tokio::test]
async fn following_links_never_takes_a_place_from_what_was_found_directly() {
    let mut added = 0;
    for seed in 0..12 {
        let chance = SeededEntropy::new(seed);
        let pick = |count: usize| (chance.unit() * count as f64) as usize;
        let config = RecallConfig {
            min_cosine: [0.25, 0.6, 0.9][pick(3)],
            answer_words: [20, 60, 200][pick(3)],
            expand: 1 + pick(5),
            ..RecallConfig::default()
        };
        let world = World::with(config.clone()).await;
        let scope = world.scope_of(NUMBER).await;
        if seed % 2 == 0 {
            let said =
                [(Speaker::Agent, "Hello?"), (Speaker::User, "My bees are ill and the ladder broke in the garden.")];
            world.ingest.call(&world.tenant(), world.call("conv_1", &said)).await.unwrap();
        }
        let contents: Vec<String> =
            (0..20).map(|at| format!("Has {} with {} number {at}", SUBJECTS[pick(8)], SUBJECTS[pick(8)])).collect();
        let memories = add(&world, &scope, &contents).await;
        let links: Vec<Link> = (0..40)
            .filter_map(|_| {
                let (one, other) = (&memories[pick(20)].id, &memories[pick(20)].id);
                let kind = if pick(2) == 0 { LinkKind::Manual } else { LinkKind::Similar };
                let weight = 0.2 + 0.8 * chance.unit() as f32;
                (one != other).then(|| Link::new(one.clone(), other.clone(), weight, kind, world.clock.now()))
            })
            .collect();
        world.engine.memory.put_links(&scope, &links).await.unwrap();
        let without = Recall::new(
            world.engine.clone(),
            Arc::new(CallerCache::new(8)),
            RecallConfig { expand: 0, ..config.clone() },
        );
        for subject in SUBJECTS {
            for limit in [1, 2, 3, 5, 10, 50] {
                let query = RecallQuery { limit, ..RecallQuery::new(format!("the {subject}")) };
                let plain = without.ask(&scope, &query).await.unwrap().hits;
                let linked = world.recall.ask(&scope, &query).await.unwrap().hits;
                assert!(linked.len() <= limit);
                let place = |hit: &hark_core::Hit| (hit.content().to_owned(), hit.score);
                let direct: Vec<_> = linked.iter().take_while(|hit| hit.via != Via::Link).map(place).collect();
                assert_eq!(direct, plain.iter().map(place).collect::<Vec<_>>(), "seed {seed}, {subject}, {limit}");
                let by_link = &linked[direct.len()..];
                assert!(by_link.iter().all(|hit| hit.via == Via::Link), "after all that was found directly");
                assert!(linked.is_sorted_by(|a, b| a.score >= b.score), "best first all the same");
                added += by_link.len();
            }
        }
    }
    assert!(added > 50, "links did add something: {added}");
}

#[tokio::test]
async fn where_no_place_is_free_no_link_is_looked_up() {
    let (world, scope, _) = pair(LinkKind::Manual, 0.9).await;
    world.memory.change(|method, _| if method == "links" { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
    let query = RecallQuery { limit: 1, ..RecallQuery::new("bees") };
    assert_eq!(world.recall.ask(&scope, &query).await.unwrap().degraded, None);
    assert_eq!(world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap().degraded, Some("links_failed"));
}

#[tokio::test]
async fn an_automatic_link_fades_until_it_leads_nowhere_and_a_manual_one_does_not() {
    for (kind, after_a_year) in [(LinkKind::Similar, 1), (LinkKind::Manual, 2)] {
        let (world, scope, _) = pair(kind, 0.8).await;
        assert_eq!(vias(&world, &scope).await.len(), 2);
        // Not used meanwhile: what was noted is written later than this test lasts.
        world.clock.advance(Duration::days(365));
        assert_eq!(vias(&world, &scope).await.len(), after_a_year, "{kind:?}");
    }
    let (world, scope, _) = pair(LinkKind::Manual, 0.05).await;
    assert_eq!(vias(&world, &scope).await.len(), 2, "as faint as somebody wanted it");
}

#[tokio::test]
async fn a_link_that_led_to_what_was_shown_grows_stronger_once_a_day() {
    let (world, scope, link) = pair(LinkKind::Similar, 0.8).await;
    let made = world.clock.now();
    for _ in 0..3 {
        vias(&world, &scope).await;
    }
    assert_eq!(now(&world, &scope, &link).await, link, "nothing is written in the answer's way");
    world.recall.keep_uses().await;
    let used = now(&world, &scope, &link).await;
    assert_eq!(used.used_at, Some(made));
    assert!((used.weight - 0.81).abs() < 1e-6, "once: {}", used.weight);

    world.clock.advance(Duration::hours(23));
    vias(&world, &scope).await;
    world.recall.keep_uses().await;
    assert_eq!(now(&world, &scope, &link).await, used);

    world.clock.advance(Duration::days(9));
    vias(&world, &scope).await;
    world.recall.keep_uses().await;
    let again = now(&world, &scope, &link).await;
    let left = used.weight_left(world.engine.decay.link_per_day, world.clock.now());
    assert!((again.weight - (left + 0.05 * (1.0 - left))).abs() < 1e-6 && again.used_at == Some(world.clock.now()));
}

#[tokio::test]
async fn what_was_not_shown_or_is_somebodys_own_is_not_strengthened() {
    let (world, scope, link) = pair(LinkKind::Manual, 0.8).await;
    vias(&world, &scope).await;
    world.recall.keep_uses().await;
    assert_eq!(now(&world, &scope, &link).await, link);

    let (world, scope, link) = pair(LinkKind::Similar, 0.8).await;
    let query = RecallQuery { limit: 1, ..RecallQuery::new("bees") };
    world.recall.ask(&scope, &query).await.unwrap();
    world.recall.keep_uses().await;
    assert_eq!(now(&world, &scope, &link).await, link);
}

#[tokio::test(start_paused = true)]
async fn uses_are_written_a_little_later_and_a_failure_is_not_heard() {
    let (world, scope, link) = pair(LinkKind::Similar, 0.8).await;
    world
        .memory
        .change(|method, _| if method == "use_links" { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
    let answer = world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap();
    assert_eq!((answer.hits.len(), answer.degraded), (2, None));
    passes(5).await;
    assert_eq!(now(&world, &scope, &link).await, link, "it failed, and nobody waits for it any more");

    world.memory.change(|_, _| Step::Pass);
    vias(&world, &scope).await;
    passes(5).await;
    assert!(now(&world, &scope, &link).await.used_at.is_some());
}

#[tokio::test]
async fn linking_again_leaves_the_weight_a_link_has_come_to() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let contents = ["Ordered blue garden chairs", "Ordered blue garden chairs again"].map(str::to_owned);
    let ids: Vec<_> = add(&world, &scope, &contents).await.into_iter().map(|memory| memory.id).collect();
    world.ingest.link(&scope, &ids).await.unwrap();
    let made = world.engine.memory.links(&scope, &ids).await.unwrap().remove(0);
    let used = hark_core::store::LinkUse { id: made.id.clone(), known: None, weight: 0.99, used_at: world.clock.now() };
    world.engine.memory.use_links(&scope, &[used]).await.unwrap();
    world.clock.advance(Duration::days(3));
    world.ingest.link(&scope, &ids).await.unwrap();
    let kept = world.engine.memory.links(&scope, &ids).await.unwrap().remove(0);
    assert_eq!((kept.weight, kept.created_at), (0.99, made.created_at));
}

#[tokio::test]
async fn a_corrected_memory_loses_the_links_of_what_it_said_before() {
    let (world, scope, link) = pair(LinkKind::Similar, 0.9).await;
    let third = add(&world, &scope, &["Has a piano".to_owned()]).await.remove(0);
    let own = Link::new(link.a.clone(), third.id, 0.4, LinkKind::Manual, world.clock.now());
    world.engine.memory.put_links(&scope, std::slice::from_ref(&own)).await.unwrap();
    let sector = MemoryPatch { salience: Some(0.9), ..MemoryPatch::default() };
    world.ingest.update(&scope, &link.a, sector).await.unwrap();
    assert_eq!(world.engine.memory.links(&scope, std::slice::from_ref(&link.a)).await.unwrap().len(), 2);
    let patch = MemoryPatch { content: Some("Paints ships".to_owned()), ..MemoryPatch::default() };
    world.ingest.update(&scope, &link.a, patch).await.unwrap();
    assert_eq!(world.engine.memory.links(&scope, std::slice::from_ref(&link.a)).await.unwrap(), [own]);
}

#[tokio::test]
async fn a_threshold_that_is_configured_overrules_the_embedders() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let contents = ["Ordered blue garden chairs", "Ordered blue garden chairs again"].map(str::to_owned);
    let ids: Vec<_> = add(&world, &scope, &contents).await.into_iter().map(|memory| memory.id).collect();
    for (threshold, links) in [(Some(1.0), 0), (None, 1), (Some(0.0), 1)] {
        let engine = Engine { link: LinkConfig { threshold, ..LinkConfig::default() }, ..world.engine.clone() };
        let ingest = Ingest::new(engine, Arc::new(CallerCache::new(8)), Default::default());
        assert_eq!(ingest.link(&scope, &ids).await.unwrap(), links, "{threshold:?}");
    }
}

/// Paused time goes on, and whatever waits for it has its turn.
async fn passes(secs: u64) {
    let never = std::future::pending::<()>();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(secs), never).await;
    assert!(waited.is_err(), "nothing came of it");
}
