//! The contracts of `Embedder` and `ChatModel`, over the wire.

mod common;

use hark_core::ai::{ChatModel, Embedder};
use hark_core::testkit::ChatReply;
use hark_openai::fake::FakeOpenAi;
use serde_json::json;
use std::sync::Arc;

async fn embedder() -> (Arc<dyn Embedder>, FakeOpenAi) {
    let fake = FakeOpenAi::start().await;
    let backend = common::open(common::section(&fake, json!({}))).await.expect("it opens");
    (backend.embedder().expect("the role it offers"), fake)
}

async fn chat(reply: ChatReply) -> (Arc<dyn ChatModel>, FakeOpenAi) {
    let fake = FakeOpenAi::start().await;
    fake.reply(reply);
    let backend = common::open(common::section(&fake, json!({}))).await.expect("it opens");
    (backend.chat().expect("the role it offers"), fake)
}

hark_core::embedder_suite!(embedder);
hark_core::chat_suite!(chat);
