//! Two tenants with the same callers, numbers, conversations and memories' names, in any order.

use crate::cost::{Cost, CostFilter, CostGroup, CostKey, CostRow, Spend};
use crate::store::{ConflictFilter, MemoryFilter, MemoryStore};
use crate::testkit::SeededEntropy;
use crate::testkit::fixtures::{after, conversation, erasure, memory, phone, sealed, start};
use crate::testkit::suite::Must;
use crate::{
    Conversation, ConversationId, Entropy, Link, LinkId, LinkKind, MemoryId, NewTransfer, PageRequest, Receipt,
    ReceiptId, ReceiptKind, Review, ReviewDecision, Scope, TenantId, TransferId, TransferKind, TransferredBy, UserId,
};
use std::sync::Arc;

const TENANTS: [&str; 2] = ["acme", "globex"];
const CALLERS: u64 = 3;
const MEMORIES: u64 = 6;

/// Chance that repeats, by numbers.
struct Dice(SeededEntropy);

impl Dice {
    fn roll(&self, sides: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % sides
    }

    fn caller(&self) -> UserId {
        UserId::new(format!("usr_{}", self.roll(CALLERS)))
    }

    /// A memory's id, of either tenant's.
    fn memory(&self) -> MemoryId {
        named(TENANTS[usize::from(self.roll(2) == 0)], self.roll(MEMORIES))
    }

    fn conversation(&self) -> ConversationId {
        ConversationId::new(format!("conv_{}", self.roll(3)))
    }
}

fn named(tenant: &str, n: u64) -> MemoryId {
    MemoryId::new(format!("mem_{tenant}_{n}"))
}

/// Everything a tenant can be told, as text.
async fn view(store: &dyn MemoryStore, tenant: &TenantId) -> Vec<String> {
    let all = PageRequest::first(1_000);
    let mut told = Vec::new();
    for n in 0..CALLERS {
        let scope = Scope { tenant: tenant.clone(), caller: UserId::new(format!("usr_{n}")) };
        told.push(format!("{:?}", store.user(&scope).await.must()));
        told.push(format!("{:?}", store.identities(&scope).await.must()));
        told.push(format!("{:?}", store.aliases(&scope).await.must()));
        told.push(format!("{:?}", store.list_memories(&scope, &MemoryFilter::default(), &all).await.must()));
        told.push(format!("{:?}", store.reviews(&scope).await.must()));
        for tenant in TENANTS {
            let ids: Vec<MemoryId> = (0..MEMORIES).map(|n| named(tenant, n)).collect();
            told.push(format!("{:?}", store.memories(&scope, &ids).await.must()));
            told.push(format!("{:?}", store.links(&scope, &ids).await.must()));
            told.push(format!("{:?}", store.recalls(&scope, &ids).await.must()));
            told.push(format!("{:?}", store.history(&scope, &ids[0]).await.must()));
        }
        let id = ConversationId::new(format!("conv_{n}"));
        told.push(format!("{:?}", store.conversation(tenant, &id).await.must()));
        told.push(format!("{:?}", store.receipts_of(tenant, &id).await.must()));
    }
    told.push(format!("{:?}", store.users(tenant, &all).await.must()));
    told.push(format!("{:?}", store.find_user(tenant, &[phone(&"acme".into(), "+4930111111")]).await.must()));
    told.push(format!("{:?}", store.conversations(tenant, None, &all).await.must()));
    told.push(format!("{:?}", store.conflicts(tenant, &ConflictFilter::default(), &all).await.must()));
    told.push(format!("{:?}", store.transfers(tenant, None, &all).await.must()));
    told.push(format!("{:?}", store.labels(tenant, &all).await.must()));
    told.push(format!("{:?}", store.costs(tenant, &CostFilter::default(), CostGroup::Agent).await.must()));
    told.push(format!("{:?}", store.count_of(tenant, &[]).await.must()));
    told
}

/// Something that may succeed or be refused: either way it is `scope.tenant`'s business alone.
async fn step(store: &dyn MemoryStore, dice: &Dice, scope: &Scope, secs: i64) {
    let (tenant, now, mark) = (&scope.tenant, after(secs), scope.tenant.as_str());
    match dice.roll(20) {
        0 | 1 => {
            // The same bytes in both tenants: a hash says nothing about whose it is.
            let number = phone(&"acme".into(), if dice.roll(2) == 0 { "+4930111111" } else { "+4930222222" });
            drop(store.ensure_user(tenant, &[number], &scope.caller, now).await);
        }
        2 => drop(store.ensure_user(tenant, &[], &scope.caller, now).await),
        3 => drop(store.set_name(scope, &format!("Sam of {mark}")).await),
        4 => drop(store.set_summary(scope, &format!("Known to {mark}")).await),
        5..=8 => {
            let content = format!("Likes the tea of {mark}, {secs}");
            drop(store.put_memories(scope, &[memory(dice.memory().as_str(), &content)]).await);
        }
        9 => drop(store.delete_memories(scope, &[dice.memory(), dice.memory()]).await),
        10 => drop(store.mark_indexed(scope, &[dice.memory()]).await),
        11 => {
            let (a, b) = (dice.memory(), dice.memory());
            let id = LinkId::between(&a, &b);
            let (a, b) = if a <= b { (a, b) } else { (b, a) };
            let link = Link { id, a, b, weight: 0.5, kind: LinkKind::Manual, created_at: now, used_at: None };
            drop(store.put_links(scope, &[link]).await);
        }
        12 => drop(store.delete_link(scope, &LinkId::between(&dice.memory(), &dice.memory())).await),
        13 => {
            let agent = Some(format!("agent_{mark}").into());
            drop(store.bind_conversation(scope, &dice.conversation(), agent.as_ref(), now).await);
        }
        14 => {
            let told = conversation(dice.conversation().as_str());
            let told =
                Conversation { agent: Some(format!("agent_{mark}").into()), transcript: Some(sealed(mark)), ..told };
            drop(store.save_conversation(tenant, &told).await);
            drop(store.finish_conversation(scope, &told.id, now).await);
        }
        15 => {
            let receipt = Receipt {
                id: ReceiptId::new(format!("rcp_{mark}_{secs}")),
                kind: ReceiptKind::Query,
                caller: Some(scope.caller.clone()),
                conversation: Some(dice.conversation()),
                agent: Some(format!("agent_{mark}").into()),
                at: now,
                took_ms: 7,
                mode: None,
                degraded: None,
                items: Vec::new(),
                words: Some(sealed(mark)),
            };
            drop(store.put_receipts(tenant, &[receipt]).await);
        }
        16 => {
            let review = Review {
                memory: dice.memory(),
                conversation: None,
                decision: ReviewDecision::Accept,
                at: now,
                label: true,
                words: Some(sealed(mark)),
            };
            drop(store.put_review(scope, &review).await);
        }
        17 => {
            let key = CostKey {
                day: now.date_naive(),
                conversation: Some(dice.conversation()),
                agent: Some(format!("agent_{mark}").into()),
                spend: Spend::Embedding,
                model: "small".to_owned(),
            };
            drop(store.add_costs(tenant, &[CostRow { key, cost: Cost { calls: 1, ..Cost::default() } }]).await);
        }
        18 => {
            let transfer = NewTransfer {
                id: TransferId::new(format!("trf_{mark}_{secs}")),
                kind: TransferKind::Merge,
                from: scope.caller.clone(),
                into: dice.caller(),
                conversations: Vec::new(),
                by: TransferredBy::Person,
            };
            drop(store.transfer(tenant, &transfer, now).await);
        }
        _ => drop(store.erase_user(scope, &erasure(scope)).await),
    }
}

/// Whatever one tenant does, the other's view stays as it was, to the letter; and neither is ever told the other's name.
pub async fn two_tenants_never_meet(store: Arc<dyn MemoryStore>) {
    let dice = Dice(SeededEntropy::new(20_261_125));
    let tenants = TENANTS.map(TenantId::new);
    assert!(start() < after(1), "time passes");
    let mut views = [view(&*store, &tenants[0]).await, view(&*store, &tenants[1]).await];
    let (mut grew, mut shrank) = (0, 0);
    for secs in 1..=400 {
        let acting = usize::from(dice.roll(2) == 0);
        let scope = Scope { tenant: tenants[acting].clone(), caller: dice.caller() };
        step(&*store, &dice, &scope, secs).await;
        let now = [view(&*store, &tenants[0]).await, view(&*store, &tenants[1]).await];
        let other = 1 - acting;
        for (before, after) in views[other].iter().zip(&now[other]) {
            assert_eq!(before, after, "step {secs} of {} reached {}", TENANTS[acting], TENANTS[other]);
        }
        for (mine, told) in now.iter().enumerate() {
            let words = [format!("tea of {}", TENANTS[1 - mine]), format!("Sam of {}", TENANTS[1 - mine])];
            let agent = format!("agent_{}", TENANTS[1 - mine]);
            for line in told {
                assert!(words.iter().chain([&agent]).all(|word| !line.contains(word.as_str())), "step {secs}: {line}");
            }
        }
        let length = |view: &[String]| view.iter().map(String::len).sum::<usize>();
        grew += usize::from(length(&now[acting]) > length(&views[acting]));
        shrank += usize::from(length(&now[acting]) < length(&views[acting]));
        views = now;
    }
    assert!(grew > 50 && shrank > 10, "something happened: {grew} and {shrank} times");
}
