//! What every [`ChatModel`] does.

use crate::ErrorKind;
use crate::ai::{ChatModel, ChatRequest};
use crate::testkit::ChatReply;
use crate::testkit::suite::Must;
use std::sync::Arc;

/// Runs every behaviour of a [`ChatModel`] as a test of its own. Takes the name of an async function that is
/// given a [`ChatReply`](crate::testkit::ChatReply) and gives `(Arc<dyn ChatModel>, guard)`: a model whose other
/// side, such as a fake server on loopback, answers everything so.
#[macro_export]
macro_rules! chat_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_maker_suite!(
            $make,
            chat,
            chat,
            [
                a_model_has_a_name,
                a_free_answer_comes_back_as_it_was_given,
                an_answer_to_a_schema_is_valid_json,
                an_answer_that_is_not_json_is_corrupt_where_a_schema_was_given,
                a_refusal_is_corrupt,
                a_truncated_answer_is_corrupt,
                odd_texts_are_asked_and_answered,
            ]
        );
    };
}

fn request(schema: bool) -> ChatRequest {
    let schema = schema.then(|| {
        serde_json::json!({
            "type": "object", "properties": { "name": { "type": "string" } },
            "required": ["name"], "additionalProperties": false
        })
    });
    ChatRequest { system: "Name the caller.".to_owned(), user: "I am Sam.".to_owned(), schema, max_tokens: 100 }
}

fn text(text: &str) -> ChatReply {
    ChatReply::Text(text.to_owned())
}

/// "The model's name."
pub async fn a_model_has_a_name<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let (chat, _guard) = make(text("Sam")).await;
    assert!(!chat.model().is_empty());
}

/// "One answer."
pub async fn a_free_answer_comes_back_as_it_was_given<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let (chat, _guard) = make(text("The caller is Sam,\nnot {\"JSON\".")).await;
    assert_eq!(chat.chat(&request(false)).await.must().text, "The caller is Sam,\nnot {\"JSON\".");
}

/// "Valid JSON for the schema when one was given."
pub async fn an_answer_to_a_schema_is_valid_json<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let (chat, _guard) = make(text("{\"name\": \"Sam\"}")).await;
    let answer = chat.chat(&request(true)).await.must();
    let parsed: serde_json::Value = serde_json::from_str(&answer.text).expect("the answer is JSON");
    assert_eq!(parsed, serde_json::json!({ "name": "Sam" }));
}

async fn is_corrupt(chat: &dyn ChatModel, request: &ChatRequest) {
    let error = chat.chat(request).await.expect_err("there is no answer to give");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert!(!format!("{error:?}").contains("Sam"), "an error quotes nobody");
}

/// "One that is not JSON where a schema was given is an error of kind `Corrupt`."
pub async fn an_answer_that_is_not_json_is_corrupt_where_a_schema_was_given<G>(
    make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G),
) {
    for broken in ["Sam", "{\"name\": \"Sam\"", ""] {
        let (chat, _guard) = make(text(broken)).await;
        is_corrupt(&*chat, &request(true)).await;
    }
}

/// "A refusal … is an error of kind `Corrupt`, never a made-up answer."
pub async fn a_refusal_is_corrupt<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    for schema in [false, true] {
        let (chat, _guard) = make(ChatReply::Refusal).await;
        is_corrupt(&*chat, &request(schema)).await;
    }
}

/// "A truncated answer … is an error of kind `Corrupt`": even one that happens to be whole JSON.
pub async fn a_truncated_answer_is_corrupt<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    for (schema, cut) in [(false, "The caller is Sam and"), (true, "{\"name\": \"Sa"), (true, "{\"name\": \"Sam\"}")] {
        let (chat, _guard) = make(ChatReply::Truncated(cut.to_owned())).await;
        is_corrupt(&*chat, &request(schema)).await;
    }
}

/// "Data, never orders": nothing in it breaks the request or the answer.
pub async fn odd_texts_are_asked_and_answered<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let odd = crate::testkit::fixtures::ODD_TEXTS.join("|");
    let (chat, _guard) = make(text(&odd)).await;
    let asked = ChatRequest { system: odd.clone(), user: odd.clone(), ..request(false) };
    assert_eq!(chat.chat(&asked).await.must().text, odd);
}
