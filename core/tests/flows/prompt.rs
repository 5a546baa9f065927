//! Learning with a chat model: what is asked, on whose account, and what happens when it does not answer.

use crate::world::{NUMBER, World};
use async_trait::async_trait;
use hark_core::ai::{ChatAnswer, ChatModel, ChatRequest};
use hark_core::cost::{Account, Spend, account};
use hark_core::ingest::{Call, Outcome};
use hark_core::testkit::RuleBackedChat;
use hark_core::{AgentId, ConversationId, Error, ErrorKind, Result, Speaker};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const SAID: &[(Speaker, &str)] = &[
    (Speaker::Agent, "Hello, how can I help?"),
    (Speaker::User, "Please move my delivery to Friday, and call me Sam, not Samuel."),
    (Speaker::Agent, "Of course."),
];

/// A model that notes on whose account it is asked, and can be gone.
#[derive(Debug, Default)]
struct Noting {
    asked: Mutex<Vec<(Spend, Option<Account>)>>,
    gone: AtomicBool,
}

impl Noting {
    fn asked(&self) -> Vec<(Spend, Option<Account>)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[async_trait]
impl ChatModel for Noting {
    fn model(&self) -> &str {
        "noting"
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        self.asked.lock().unwrap().push((request.spend, account()));
        if self.gone.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unavailable, "test", "gone"));
        }
        RuleBackedChat.chat(request).await
    }
}

fn call(world: &World, id: &str) -> Call {
    Call { agent: Some(AgentId::new("agent_1")), ..world.call(id, SAID) }
}

#[tokio::test]
async fn a_call_is_read_once_on_its_own_account() {
    let chat = Arc::new(Noting::default());
    let world = World::with_chat(chat.clone()).await;
    let done = world.ingest.call(&world.tenant(), call(&world, "conv_1")).await.unwrap();
    let Outcome::Learnt { memories } = done.outcome else { panic!("{:?}", done.outcome) };
    assert_eq!(memories.len(), 2);
    let owner = Account {
        tenant: world.tenant(),
        conversation: Some(ConversationId::new("conv_1")),
        agent: Some(AgentId::new("agent_1")),
    };
    assert_eq!(chat.asked(), [(Spend::Extraction, Some(owner))]);
    world.ingest.call(&world.tenant(), call(&world, "conv_1")).await.unwrap();
    assert_eq!(chat.asked(), [], "what was learnt is not paid for again");
}

#[tokio::test]
async fn a_call_waits_for_the_model_and_is_then_learnt() {
    let chat = Arc::new(Noting::default());
    let world = World::with_chat(chat.clone()).await;
    chat.gone.store(true, Ordering::Relaxed);
    let error = world.ingest.call(&world.tenant(), call(&world, "conv_1")).await.unwrap_err();
    assert!(error.is_retriable());
    chat.gone.store(false, Ordering::Relaxed);
    let done = world.ingest.call(&world.tenant(), call(&world, "conv_1")).await.unwrap();
    assert!(matches!(done.outcome, Outcome::Learnt { memories } if memories.len() == 2));
}

#[tokio::test]
async fn a_summary_is_one_question_and_the_rules_write_it_when_the_model_does_not() {
    let chat = Arc::new(Noting::default());
    let (world, plain) = (World::with_chat(chat.clone()).await, World::new().await);
    for one in [&world, &plain] {
        one.ingest.call(&one.tenant(), call(one, "conv_1")).await.unwrap();
    }
    chat.asked();
    let scope = world.scope_of(NUMBER).await;
    world.ingest.summarise(&scope).await.unwrap();
    assert_eq!(chat.asked(), [(Spend::Summary, Some(Account::of(world.tenant())))]);
    let summary = world.engine.memory.user(&scope).await.unwrap().unwrap().summary;
    assert!(summary.contains("Sam") && summary.contains("Friday 27 November 2026"), "{summary}");

    chat.gone.store(true, Ordering::Relaxed);
    world.ingest.summarise(&scope).await.unwrap();
    let fallen_back = world.engine.memory.user(&scope).await.unwrap().unwrap().summary;
    let other = plain.scope_of(NUMBER).await;
    plain.ingest.summarise(&other).await.unwrap();
    assert_eq!(fallen_back, plain.engine.memory.user(&other).await.unwrap().unwrap().summary);
}
