//! Counting, keeping, and the budget.

use super::paid::Paid;
use chrono::Duration as Span;
use hark_core::ai::{ChatModel, ChatRequest, EmbedPurpose, Embedder, Usage};
use hark_core::cost::{
    Account, CostConfig, CostFilter, CostGroup, Level, Meter, Nanos, Period, Price, STOPPED, Spend, charged_to, total,
};
use hark_core::layer::{MeteredChat, MeteredEmbedder, Profiles};
use hark_core::ram::RamMemoryStore;
use hark_core::store::MemoryStore;
use hark_core::testkit::fixtures::tenant;
use hark_core::testkit::{ChatReply, FakeEmbedder, MockClock, Outcome, Script, ScriptedChat};
use hark_core::{ErrorKind, TenantId};
use std::sync::Arc;
use std::time::Duration;

const MODEL: &str = "text-embedding-3-small";

/// A million tokens of [`MODEL`] cost a dollar.
fn config() -> CostConfig {
    let prices = [(MODEL, Price::new(1.0, 0.0)), ("scripted", Price::new(1.0, 10.0)), ("free", Price::default())];
    CostConfig { prices: prices.map(|(model, price)| (model.to_owned(), price)).into(), ..CostConfig::default() }
}

struct Desk {
    store: Arc<RamMemoryStore>,
    clock: Arc<MockClock>,
    meter: Arc<Meter>,
}

impl Desk {
    fn new(config: &CostConfig) -> Self {
        let (store, clock) = (Arc::new(RamMemoryStore::default()), Arc::new(MockClock::default()));
        let meter = Arc::new(Meter::new(config, tenant(), store.clone(), clock.clone()));
        Self { store, clock, meter }
    }

    fn spend(&self, dollars: u64) {
        self.meter.charge(None, MODEL, Spend::Embedding, millions(dollars));
    }

    async fn kept(&self, by: CostGroup) -> Vec<(String, f64)> {
        let sums = self.store.costs(&tenant(), &CostFilter::default(), by).await.unwrap();
        sums.into_iter().map(|s| (s.group.unwrap_or_default(), s.cost.money.units())).collect()
    }
}

fn millions(n: u64) -> Usage {
    Usage { input_tokens: n * 1_000_000, output_tokens: 0 }
}

fn for_call(conversation: &str) -> Account {
    Account { conversation: Some(conversation.into()), agent: Some("agent_1".into()), ..Account::of(tenant()) }
}

fn question(spend: Spend) -> ChatRequest {
    ChatRequest { spend, system: "a b".to_owned(), user: "c".to_owned(), schema: None, max_tokens: 9 }
}

#[tokio::test]
async fn costs_are_kept_by_day_conversation_agent_purpose_and_model() {
    let desk = Desk::new(&config());
    desk.meter.charge(Some(&for_call("conv_1")), MODEL, Spend::Embedding, millions(1));
    desk.meter.charge(Some(&for_call("conv_1")), "scripted", Spend::Extraction, millions(2));
    desk.clock.advance(Span::days(1));
    desk.spend(4);
    assert_eq!(desk.kept(CostGroup::Day).await, [], "charging writes nothing");
    for _ in 0..2 {
        desk.meter.flush().await.unwrap();
    }
    let named = |expected: &[(&str, f64)]| expected.iter().map(|(n, d)| ((*n).to_owned(), *d)).collect::<Vec<_>>();
    assert_eq!(desk.kept(CostGroup::Day).await, named(&[("2026-11-22", 3.0), ("2026-11-23", 4.0)]));
    assert_eq!(desk.kept(CostGroup::Conversation).await, named(&[("", 4.0), ("conv_1", 3.0)]));
    assert_eq!(desk.kept(CostGroup::Agent).await, named(&[("", 4.0), ("agent_1", 3.0)]));
    assert_eq!(desk.kept(CostGroup::Spend).await, named(&[("embedding", 5.0), ("extraction", 2.0)]));
    assert_eq!(desk.kept(CostGroup::Model).await, named(&[("scripted", 2.0), (MODEL, 5.0)]));
}

#[tokio::test]
async fn a_model_without_a_price_is_counted_asked_and_marked() {
    let desk = Desk::new(&CostConfig { daily_stop: Some(0.0), ..config() });
    for model in ["llama3.2", "free"] {
        desk.meter.allow(None, model).unwrap();
        desk.meter.charge(None, model, Spend::Summary, millions(1));
    }
    desk.meter.flush().await.unwrap();
    let sums = desk.store.costs(&tenant(), &CostFilter::default(), CostGroup::Model).await.unwrap();
    let seen: Vec<_> = sums.iter().map(|s| (s.cost.calls, s.cost.unpriced, s.cost.usage.input_tokens)).collect();
    assert_eq!(seen, [(1, 0, 1_000_000), (1, 1, 1_000_000)]);
    assert_eq!(total(&sums).money, Nanos::ZERO);
    assert_eq!(desk.meter.allow(None, MODEL).unwrap_err().operation(), STOPPED, "a budget of nothing");
}

#[tokio::test]
async fn a_used_up_day_ends_with_the_day() {
    let desk = Desk::new(&CostConfig { daily_warn: Some(2.0), daily_stop: Some(3.0), ..config() });
    let level = || desk.meter.standing()[0].level;
    for expected in [Level::Fine, Level::Warn] {
        desk.spend(1);
        assert_eq!(level(), expected);
        desk.meter.allow(None, MODEL).unwrap();
    }
    desk.spend(1);
    assert_eq!(level(), Level::Stop);
    let error = desk.meter.allow(None, MODEL).unwrap_err();
    assert_eq!((error.kind(), error.operation(), error.is_retriable()), (ErrorKind::Limited, STOPPED, true));
    assert!(error.context().contains("cost.daily_stop"), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)), "fourteen hours are left, an hour is advised");
    desk.clock.advance(Span::hours(13) + Span::minutes(50));
    assert_eq!(desk.meter.allow(None, MODEL).unwrap_err().retry_after(), Some(Duration::from_secs(600)));
    desk.clock.advance(Span::minutes(10));
    desk.meter.allow(None, MODEL).unwrap();
    assert_eq!((level(), desk.meter.standing()[0].spent), (Level::Fine, Nanos::ZERO));
}

#[tokio::test]
async fn a_used_up_month_lasts_longer_than_a_day() {
    let desk = Desk::new(&CostConfig { daily_stop: Some(2.0), monthly_stop: Some(3.0), ..config() });
    desk.spend(2);
    desk.clock.advance(Span::days(1));
    desk.meter.allow(None, MODEL).unwrap();
    desk.spend(2);
    let error = desk.meter.allow(None, MODEL).unwrap_err();
    assert!(error.context().contains("cost.monthly_stop"), "{error}");
    desk.clock.advance(Span::days(7));
    assert!(desk.meter.allow(None, MODEL).is_err(), "the thirtieth");
    desk.clock.advance(Span::days(1));
    desk.meter.allow(None, MODEL).unwrap();
    let month = desk.meter.standing()[1];
    assert_eq!((month.period, month.spent), (Period::Month, Nanos::ZERO));
}

#[tokio::test]
async fn a_budget_does_not_start_anew_with_the_process_and_counts_all_processes() {
    let config = CostConfig { daily_stop: Some(3.0), ..config() };
    let desk = Desk::new(&config);
    desk.spend(2);
    desk.meter.flush().await.unwrap();
    let second = Arc::new(Meter::new(&config, tenant(), desk.store.clone(), desk.clock.clone()));
    second.load().await.unwrap();
    assert_eq!(second.standing()[0].spent, Nanos::from_units(2.0));
    second.allow(None, MODEL).unwrap();
    second.charge(None, MODEL, Spend::Embedding, millions(1));
    assert!(second.allow(None, MODEL).is_err());
    second.flush().await.unwrap();
    // The first one learns of it when it next keeps something.
    desk.meter.allow(None, MODEL).unwrap();
    desk.meter.charge(None, "free", Spend::Embedding, millions(1));
    desk.meter.flush().await.unwrap();
    assert!(desk.meter.allow(None, MODEL).is_err());
    assert_eq!(desk.meter.standing()[0].spent, Nanos::from_units(3.0));
}

#[tokio::test]
async fn each_tenant_has_its_own_budget() {
    let desk = Desk::new(&CostConfig { daily_stop: Some(1.0), ..config() });
    let other = Account::of(TenantId::new("other"));
    desk.meter.charge(Some(&other), MODEL, Spend::Embedding, millions(1));
    desk.meter.allow(None, MODEL).unwrap();
    assert!(desk.meter.allow(Some(&other), MODEL).is_err());
    desk.meter.flush().await.unwrap();
    let of = desk.store.costs(&other.tenant, &CostFilter::default(), CostGroup::Day).await.unwrap();
    assert_eq!(total(&of).money, Nanos::from_units(1.0));
    assert_eq!(desk.kept(CostGroup::Day).await, []);
}

#[tokio::test]
async fn what_waits_too_long_loses_its_names_but_not_its_sum() {
    let desk = Desk::new(&config());
    for index in 0..10_050 {
        desk.meter.charge(Some(&for_call(&format!("conv_{index}"))), MODEL, Spend::Embedding, millions(1));
    }
    desk.meter.flush().await.unwrap();
    let sums = desk.store.costs(&tenant(), &CostFilter::default(), CostGroup::Conversation).await.unwrap();
    assert_eq!((sums.len(), sums[0].group.as_deref(), sums[0].cost.calls), (10_001, None, 50));
    assert_eq!(total(&sums).money, Nanos::from_units(10_050.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charges_and_flushes_at_once_lose_nothing() {
    let desk = Desk::new(&config());
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let meter = desk.meter.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    meter.charge(Some(&for_call(&format!("conv_{task}"))), MODEL, Spend::Embedding, millions(1));
                    meter.flush().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(desk.kept(CostGroup::Day).await, [("2026-11-22".to_owned(), 400.0)]);
    assert_eq!(desk.meter.standing()[0].spent, Nanos::from_units(400.0));
}

#[tokio::test]
async fn an_embedder_is_charged_to_the_open_account_when_it_has_answered() {
    let desk = Desk::new(&CostConfig { daily_stop: Some(0.000_003), ..config() });
    let script = Script::default();
    let paid = Paid::new(&script);
    let embedder = MeteredEmbedder::new(paid.clone(), desk.meter.clone());
    let ask = async |text: &str| embedder.embed(&[text.to_owned()], EmbedPurpose::Query).await;
    script.push(Outcome::fail(ErrorKind::Unavailable));
    assert!(charged_to(for_call("conv_1"), ask("never answered")).await.is_err());
    assert_eq!(desk.meter.standing()[0].spent, Nanos::ZERO);

    charged_to(for_call("conv_1"), ask("three little words")).await.unwrap();
    let error = ask("refused").await.unwrap_err();
    assert_eq!((error.operation(), script.calls()), (STOPPED, 2), "the provider is not asked");
    assert_eq!(embedder.embed(&[], EmbedPurpose::Query).await.unwrap().vectors.len(), 0);
    desk.meter.flush().await.unwrap();
    assert_eq!(desk.kept(CostGroup::Conversation).await, [("conv_1".to_owned(), 0.000_003)]);
}

#[tokio::test]
async fn a_chat_model_is_charged_by_purpose_for_refusals_and_cut_answers_too() {
    let desk = Desk::new(&config());
    let scripted = Arc::new(ScriptedChat::new(["x y"]));
    scripted.then(Ok(ChatReply::Refusal));
    scripted.then(Ok(ChatReply::Truncated("z".to_owned())));
    let chat = MeteredChat::new(scripted, desk.meter.clone());
    for spend in [Spend::Extraction, Spend::Judging, Spend::Summary] {
        chat.chat(&question(spend)).await.unwrap();
    }
    assert!(chat.chat(&question(Spend::Check)).await.is_err(), "the script is over");
    desk.meter.flush().await.unwrap();
    let sums = desk.store.costs(&tenant(), &CostFilter::default(), CostGroup::Spend).await.unwrap();
    let seen: Vec<_> = sums.iter().map(|s| (s.group.as_deref().unwrap(), s.cost.usage.output_tokens)).collect();
    assert_eq!(seen, [("extraction", 2), ("judging", 0), ("summary", 1)]);
    assert_eq!(sums[0].cost.money, Nanos(3_000 + 20_000));
}

#[test]
fn a_local_embedder_is_not_metered() {
    let local = Profiles::same(Arc::new(FakeEmbedder::default()) as Arc<dyn Embedder>);
    let around = MeteredEmbedder::around(local.clone(), &Desk::new(&config()).meter);
    assert!(Arc::ptr_eq(&around.interactive, &local.interactive));
}
