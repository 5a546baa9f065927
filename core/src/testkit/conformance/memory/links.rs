//! Links between a caller's memories.

use super::{callers, memory_ids};
use crate::store::MemoryStore;
use crate::testkit::fixtures::{after, memory, start};
use crate::testkit::suite::Must;
use crate::{Link, LinkKind, MemoryId, Scope};
use std::sync::Arc;

fn link(one: &str, other: &str, weight: f32) -> Link {
    Link::new(one.into(), other.into(), weight, LinkKind::Similar, start())
}

async fn with_memories(store: &dyn MemoryStore) -> [Scope; 3] {
    let scopes = callers(store).await;
    store.put_memories(&scopes[0], &["mem_1", "mem_2", "mem_3", "mem_4"].map(|id| memory(id, "x"))).await.must();
    store.put_memories(&scopes[1], &["mem_8", "mem_9"].map(|id| memory(id, "x"))).await.must();
    scopes
}

/// "Every link that has one of these ends", whichever end it is.
pub async fn a_link_comes_back_from_either_end(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    let written = [
        Link::new("mem_2".into(), "mem_1".into(), 0.812_345_7, LinkKind::Similar, after(3)),
        Link::new("mem_3".into(), "mem_4".into(), 0.0, LinkKind::Manual, after(4)),
    ];
    store.put_links(&one, &written).await.must();
    for (end, expected) in [("mem_1", &written[0]), ("mem_2", &written[0]), ("mem_3", &written[1])] {
        assert_eq!(store.links(&one, &[MemoryId::new(end)]).await.must(), std::slice::from_ref(expected));
    }
    assert_eq!(store.links(&one, &memory_ids(&["mem_missing", ""])).await.must(), []);
}

/// "A pair that is linked already keeps one link: a manual one takes the place of what is there, an automatic one
/// leaves it": from either side.
pub async fn a_pair_has_one_link_and_a_manual_one_takes_its_place(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    let first = link("mem_1", "mem_2", 0.8);
    store.put_links(&one, std::slice::from_ref(&first)).await.must();
    let manual = |weight, at| Link::new("mem_2".into(), "mem_1".into(), weight, LinkKind::Manual, after(at));
    let steps = [
        (link("mem_2", "mem_1", 0.5), first.clone()),
        (manual(0.3, 5), manual(0.3, 5)),
        (link("mem_1", "mem_2", 0.9), manual(0.3, 5)),
        (manual(0.6, 9), manual(0.6, 9)),
    ];
    for (written, expected) in steps {
        store.put_links(&one, &[written]).await.must();
        assert_eq!(store.links(&one, &memory_ids(&["mem_1", "mem_2"])).await.must(), [expected]);
    }
    store.put_links(&one, &[link("mem_1", "mem_3", 0.6), link("mem_3", "mem_1", 0.7)]).await.must();
    assert_eq!(store.links(&one, &memory_ids(&["mem_3"])).await.must().len(), 1, "also inside one call");
}

/// "Strongest first (ties by id), each once."
pub async fn links_come_strongest_first_each_once(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    let mut expected = vec![
        link("mem_1", "mem_2", 0.7),
        link("mem_2", "mem_3", 0.95),
        link("mem_3", "mem_4", 0.7),
        link("mem_1", "mem_4", 0.7),
    ];
    store.put_links(&one, &expected).await.must();
    expected.sort_by(|x, y| y.weight.total_cmp(&x.weight).then_with(|| x.id.cmp(&y.id)));
    assert_eq!(store.links(&one, &memory_ids(&["mem_4", "mem_2", "mem_1", "mem_3"])).await.must(), expected);
    let of_two = store.links(&one, &memory_ids(&["mem_2", "mem_2"])).await.must();
    assert_eq!(of_two.len(), 2, "an end named twice is one end");
}

/// "Links whose two ends are the caller's; others are left out silently."
pub async fn links_with_an_end_that_is_not_the_callers_are_left_out(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = with_memories(&*store).await;
    let good = link("mem_1", "mem_2", 0.9);
    let batch = [
        link("mem_1", "mem_8", 0.9),
        link("mem_8", "mem_9", 0.9),
        link("mem_1", "mem_missing", 0.9),
        good.clone(),
        link("mem_gone1", "mem_gone2", 0.9),
    ];
    store.put_links(&one, &batch).await.must();
    store.put_links(&other, &batch).await.must();
    let everything = memory_ids(&["mem_1", "mem_2", "mem_8", "mem_9", "mem_missing", "mem_gone1", "mem_gone2"]);
    assert_eq!(store.links(&one, &everything).await.must(), [good]);
    for stranger in [&two, &other] {
        assert_eq!(store.links(stranger, &everything).await.must(), []);
    }
}

/// Nothing of one scope is seen or touched under another.
pub async fn links_of_others_are_neither_read_nor_deleted(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = with_memories(&*store).await;
    let mine = link("mem_1", "mem_2", 0.9);
    store.put_links(&one, std::slice::from_ref(&mine)).await.must();
    let ends = memory_ids(&["mem_1", "mem_2"]);
    for stranger in [&two, &other] {
        store.put_links(stranger, &[link("mem_1", "mem_2", 0.1)]).await.must();
        store.delete_link(stranger, &mine.id).await.must();
        assert_eq!(store.links(stranger, &ends).await.must(), []);
        assert_eq!(store.links(&one, &ends).await.must(), std::slice::from_ref(&mine));
    }
}

/// "Removes a link; the missing is fine."
pub async fn a_link_is_deleted_and_the_missing_is_fine(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    let (gone, kept) = (link("mem_1", "mem_2", 0.9), link("mem_2", "mem_3", 0.8));
    store.put_links(&one, &[gone.clone(), kept.clone()]).await.must();
    for _ in 0..2 {
        store.delete_link(&one, &gone.id).await.must();
        assert_eq!(
            store.links(&one, &memory_ids(&["mem_1", "mem_2", "mem_3"])).await.must(),
            std::slice::from_ref(&kept)
        );
    }
    assert_eq!(store.count_memories().await.must(), 6, "the memories stay");
}
