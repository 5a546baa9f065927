//! What was spent, and on what.

use super::callers;
use crate::ai::Usage;
use crate::cost::{Cost, CostFilter, CostGroup, CostKey, CostRow, CostSum, Nanos, Spend, total};
use crate::store::MemoryStore;
use crate::testkit::Reopen;
use crate::testkit::fixtures::{erasure, start, tenant};
use crate::testkit::suite::{Must, race};
use crate::{Conversation, ErrorKind, TenantId};
use chrono::{Days, NaiveDate};
use std::sync::Arc;

/// The day of [`start`], or so many later.
fn day(later: u64) -> NaiveDate {
    start().date_naive() + Days::new(later)
}

fn cost(n: u64) -> Cost {
    Cost { calls: n, unpriced: n % 2, usage: Usage { input_tokens: 10 * n, output_tokens: n }, money: Nanos(100 * n) }
}

fn row(later: u64, conversation: &str, agent: &str, spend: Spend, model: &str, n: u64) -> CostRow {
    let some = |id: &str| (!id.is_empty()).then(|| id.to_owned());
    let key = CostKey {
        day: day(later),
        conversation: some(conversation).map(Into::into),
        agent: some(agent).map(Into::into),
        spend,
        model: model.to_owned(),
    };
    CostRow { key, cost: cost(n) }
}

async fn sums(store: &dyn MemoryStore, filter: &CostFilter, by: CostGroup) -> Vec<(String, u64)> {
    let found = store.costs(&tenant(), filter, by).await.must();
    found.into_iter().map(|s| (s.group.unwrap_or_else(|| "-".to_owned()), s.cost.calls)).collect()
}

fn named(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect()
}

/// Days, agents, purposes, models and conversations, each with a cost of its own.
async fn spent(store: &dyn MemoryStore) {
    let rows = [
        row(0, "conv_1", "agent_a", Spend::Embedding, "small", 1),
        row(0, "conv_2", "agent_b", Spend::Extraction, "mini", 2),
        row(1, "conv_1", "agent_a", Spend::Extraction, "mini", 4),
        row(2, "", "", Spend::Summary, "mini", 8),
        row(2, "conv_2", "", Spend::Embedding, "small", 16),
    ];
    store.add_costs(&tenant(), &rows).await.must();
}

/// "A row whose key is there already grows", by every one of its numbers.
pub async fn costs_of_one_key_add_up(store: Arc<dyn MemoryStore>) {
    assert_eq!(store.costs(&tenant(), &CostFilter::default(), CostGroup::Day).await.must(), []);
    let one = row(0, "conv_1", "agent_a", Spend::Judging, "mini", 3);
    store.add_costs(&tenant(), &[one.clone(), one.clone()]).await.must();
    store.add_costs(&tenant(), std::slice::from_ref(&one)).await.must();
    store.add_costs(&tenant(), &[]).await.must();
    let mut thrice = cost(3);
    thrice += cost(3);
    thrice += cost(3);
    let expected = CostSum { group: Some("conv_1".to_owned()), cost: thrice };
    assert_eq!(store.costs(&tenant(), &CostFilter::default(), CostGroup::Conversation).await.must(), [expected]);
}

/// "Added up by group, in the order of the groups' names; what belongs to none comes first."
pub async fn costs_are_added_up_by_group(store: Arc<dyn MemoryStore>) {
    spent(&*store).await;
    let (first, second, third) = (day(0).to_string(), day(1).to_string(), day(2).to_string());
    for (by, expected) in [
        (CostGroup::Day, vec![(first.as_str(), 3), (second.as_str(), 4), (third.as_str(), 24)]),
        (CostGroup::Agent, vec![("-", 24), ("agent_a", 5), ("agent_b", 2)]),
        (CostGroup::Spend, vec![("embedding", 17), ("extraction", 6), ("summary", 8)]),
        (CostGroup::Model, vec![("mini", 14), ("small", 17)]),
        (CostGroup::Conversation, vec![("-", 8), ("conv_1", 5), ("conv_2", 18)]),
    ] {
        assert_eq!(sums(&*store, &CostFilter::default(), by).await, named(&expected), "{by:?}");
    }
}

/// "That pass the filter": days at either end are included.
pub async fn costs_are_narrowed_by_the_filter(store: Arc<dyn MemoryStore>) {
    spent(&*store).await;
    let all = CostFilter::default;
    for (filter, calls) in [
        (CostFilter { from: Some(day(1)), ..all() }, 28),
        (CostFilter { to: Some(day(1)), ..all() }, 7),
        (CostFilter { from: Some(day(1)), to: Some(day(1)), ..all() }, 4),
        (CostFilter { from: Some(day(2)), to: Some(day(0)), ..all() }, 0),
        (CostFilter { conversation: Some("conv_1".into()), ..all() }, 5),
        (CostFilter { agent: Some("agent_b".into()), ..all() }, 2),
        (CostFilter { spend: Some(Spend::Extraction), ..all() }, 6),
        (CostFilter { conversation: Some("conv_2".into()), spend: Some(Spend::Embedding), ..all() }, 16),
        (CostFilter { conversation: Some("conv_missing".into()), ..all() }, 0),
    ] {
        for by in CostGroup::ALL {
            let found = store.costs(&tenant(), &filter, by).await.must();
            assert_eq!(total(&found).calls, calls, "{filter:?} by {by:?}");
        }
    }
}

/// A tenant pays for itself.
pub async fn costs_of_two_tenants_are_two(store: Arc<dyn MemoryStore>) {
    let other = TenantId::new("other");
    spent(&*store).await;
    store.add_costs(&other, &[row(0, "conv_1", "agent_a", Spend::Embedding, "small", 64)]).await.must();
    for (tenant, calls) in [(tenant(), 31), (other, 64), (TenantId::new("nobody"), 0)] {
        let found = store.costs(&tenant, &CostFilter::default(), CostGroup::Day).await.must();
        assert_eq!(total(&found).calls, calls, "{tenant}");
    }
}

/// Names come from outside and from configuration.
pub async fn odd_names_in_costs_are_only_names(store: Arc<dyn MemoryStore>) {
    let odd = "o'dd; -- %_\\ 👩 \"";
    store.add_costs(&tenant(), &[row(0, odd, odd, Spend::Check, odd, 1)]).await.must();
    for by in [CostGroup::Agent, CostGroup::Model, CostGroup::Conversation] {
        assert_eq!(sums(&*store, &CostFilter::default(), by).await, named(&[(odd, 1)]));
    }
    let filter = CostFilter { agent: Some(odd.into()), conversation: Some(odd.into()), ..CostFilter::default() };
    assert_eq!(sums(&*store, &filter, CostGroup::Spend).await, named(&[("check", 1)]));
}

/// "An empty id means the same as none."
pub async fn an_empty_id_is_nobodys_cost(store: Arc<dyn MemoryStore>) {
    let none = row(0, "", "", Spend::Embedding, "small", 1);
    let empty = CostRow {
        key: CostKey { conversation: Some("".into()), agent: Some("".into()), ..none.key.clone() },
        ..none.clone()
    };
    store.add_costs(&tenant(), &[none, empty]).await.must();
    for by in [CostGroup::Agent, CostGroup::Conversation] {
        assert_eq!(sums(&*store, &CostFilter::default(), by).await, named(&[("-", 2)]), "{by:?}");
    }
}

/// "All or none."
pub async fn a_cost_that_cannot_be_kept_keeps_the_others_out(store: Arc<dyn MemoryStore>) {
    let fine = row(0, "conv_1", "", Spend::Embedding, "small", 1);
    let mut beyond = row(0, "conv_2", "", Spend::Embedding, "small", 1);
    beyond.cost.usage.input_tokens = u64::MAX;
    let error = store.add_costs(&tenant(), &[fine, beyond]).await.expect_err("too great");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(store.costs(&tenant(), &CostFilter::default(), CostGroup::Day).await.must(), []);
}

/// Adding is one step, not reading and writing.
pub async fn concurrent_costs_lose_nothing(store: Arc<dyn MemoryStore>) {
    race(8, |task| {
        let store = store.clone();
        async move {
            for i in 0..10 {
                let shared = row(0, "conv_1", "", Spend::Embedding, "small", 1);
                let own = row(0, &format!("conv_{task}_{i}"), "", Spend::Embedding, "small", 1);
                store.add_costs(&tenant(), &[shared, own]).await.must();
            }
        }
    })
    .await;
    let found = store.costs(&tenant(), &CostFilter::default(), CostGroup::Conversation).await.must();
    assert_eq!((found.len(), total(&found).money), (81, Nanos(160 * 100)));
    let filter = CostFilter { conversation: Some("conv_1".into()), ..CostFilter::default() };
    assert_eq!(sums(&*store, &filter, CostGroup::Conversation).await, named(&[("conv_1", 80)]));
}

/// "What the caller's conversations cost stays counted, but no longer under their names."
pub async fn erasing_a_caller_keeps_the_sums_without_the_names(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    for (scope, id) in [(&one, "conv_1"), (&two, "conv_2"), (&other, "conv_1")] {
        store.bind_conversation(scope, &id.into(), None, start()).await.must();
    }
    spent(&*store).await;
    store.add_costs(&other.tenant, &[row(0, "conv_1", "", Spend::Embedding, "small", 64)]).await.must();
    // What was spent for no conversation under the same key as something that loses its name.
    store.add_costs(&tenant(), &[row(0, "", "agent_a", Spend::Embedding, "small", 32)]).await.must();
    let by_agent = sums(&*store, &CostFilter::default(), CostGroup::Agent).await;

    for _ in 0..2 {
        store.erase_user(&one, &erasure(&one)).await.must();
        let by_conversation = sums(&*store, &CostFilter::default(), CostGroup::Conversation).await;
        assert_eq!(by_conversation, named(&[("-", 45), ("conv_2", 18)]));
        assert_eq!(sums(&*store, &CostFilter::default(), CostGroup::Agent).await, by_agent, "agents stay");
    }
    let others = store.costs(&other.tenant, &CostFilter::default(), CostGroup::Conversation).await.must();
    assert_eq!(others[0].group.as_deref(), Some("conv_1"), "another tenant's conversation of that name");
}

/// Costs outlive the process, and so does that a conversation was erased.
pub async fn costs_survive_reopening(place: &dyn Reopen<dyn MemoryStore>) {
    let store = place.open().await;
    let [one, ..] = callers(&*store).await;
    let bound = Conversation { caller: Some(one.caller.clone()), ..crate::testkit::fixtures::conversation("conv_1") };
    store.save_conversation(&one.tenant, &bound).await.must();
    spent(&*store).await;
    store.erase_user(&one, &erasure(&one)).await.must();
    let before = store.costs(&tenant(), &CostFilter::default(), CostGroup::Conversation).await.must();
    assert_eq!(before[0].cost.calls, 13);
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(store.costs(&tenant(), &CostFilter::default(), CostGroup::Conversation).await.must(), before);
    place.close(store).await;
}
