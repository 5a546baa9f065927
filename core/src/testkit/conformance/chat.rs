//! What every [`ChatModel`] does.

use crate::ErrorKind;
use crate::ai::{AnswerEnd, AnswerSchema, ChatModel, ChatRequest};
use crate::cost::Spend;
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
                an_answer_to_a_schema_arrives_whole,
                an_answer_that_breaks_its_schema_is_given_as_it_is,
                an_answer_without_content_is_corrupt,
                a_refusal_is_an_answer_that_says_so,
                a_truncated_answer_says_so,
                what_was_used_is_told,
                odd_texts_are_asked_and_answered,
            ]
        );
    };
}

fn request(schema: bool) -> ChatRequest {
    let schema = schema.then(|| {
        let schema = serde_json::json!({
            "type": "object", "properties": { "name": { "type": "string" } },
            "required": ["name"], "additionalProperties": false
        });
        AnswerSchema { name: "caller".to_owned(), schema }
    });
    ChatRequest {
        spend: Spend::Check,
        system: "Name the caller.".to_owned(),
        user: "I am Sam.".to_owned(),
        schema,
        max_tokens: 100,
    }
}

fn text(text: &str) -> ChatReply {
    ChatReply::Text(text.to_owned())
}

/// "The model's name."
pub async fn a_model_has_a_name<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let (chat, _guard) = make(text("Sam")).await;
    assert!(!chat.model().is_empty());
}

/// "One answer, as the model gave it."
pub async fn a_free_answer_comes_back_as_it_was_given<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let (chat, _guard) = make(text("The caller is Sam,\nnot {\"JSON\".")).await;
    assert_eq!(chat.chat(&request(false)).await.must().text, "The caller is Sam,\nnot {\"JSON\".");
}

/// "With a schema the model is held to it": what keeps to it arrives unchanged.
pub async fn an_answer_to_a_schema_arrives_whole<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let (chat, _guard) = make(text("{\"name\": \"Sam\"}")).await;
    let answer = chat.chat(&request(true)).await.must();
    let parsed: serde_json::Value = serde_json::from_str(&answer.text).expect("the answer is JSON");
    assert_eq!(parsed, serde_json::json!({ "name": "Sam" }));
}

/// "Whether the text keeps to it is for the asker to see."
pub async fn an_answer_that_breaks_its_schema_is_given_as_it_is<G>(
    make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G),
) {
    for broken in ["Sam", "{\"name\": \"Sam\"", "{\"nom\": 1}"] {
        let (chat, _guard) = make(text(broken)).await;
        let answer = chat.chat(&request(true)).await.must();
        assert_eq!((answer.text.as_str(), answer.end), (broken, AnswerEnd::Whole));
    }
}

/// "An answer without any content is an error of kind `Corrupt`", which quotes nobody.
pub async fn an_answer_without_content_is_corrupt<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    for schema in [false, true] {
        let (chat, _guard) = make(text("")).await;
        let error = chat.chat(&request(schema)).await.expect_err("there is no answer to give");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(!format!("{error:?}").contains("Sam"), "an error quotes nobody");
    }
}

/// "A refusal … [is an answer] too, since [it is] paid for."
pub async fn a_refusal_is_an_answer_that_says_so<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    for schema in [false, true] {
        let (chat, _guard) = make(ChatReply::Refusal).await;
        let answer = chat.chat(&request(schema)).await.must();
        assert_eq!((answer.text.as_str(), answer.end), ("", AnswerEnd::Refused));
    }
}

/// "A truncated answer": even one that happens to be whole JSON.
pub async fn a_truncated_answer_says_so<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    for (schema, cut) in [(false, "The caller is Sam and"), (true, "{\"name\": \"Sa"), (true, "{\"name\": \"Sam\"}")] {
        let (chat, _guard) = make(ChatReply::Truncated(cut.to_owned())).await;
        let answer = chat.chat(&request(schema)).await.must();
        assert_eq!((answer.text.as_str(), answer.end), (cut, AnswerEnd::Truncated));
    }
}

/// "What it cost."
pub async fn what_was_used_is_told<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let (chat, _guard) = make(text("The caller is Sam")).await;
    let usage = chat.chat(&request(false)).await.must().usage;
    assert!(usage.input_tokens > 0 && usage.output_tokens > 0, "{usage:?}");
}

/// "Data, never orders": nothing in it breaks the request or the answer.
pub async fn odd_texts_are_asked_and_answered<G>(make: impl AsyncFn(ChatReply) -> (Arc<dyn ChatModel>, G)) {
    let odd = crate::testkit::fixtures::ODD_TEXTS.join("|");
    let (chat, _guard) = make(text(&odd)).await;
    let asked = ChatRequest { system: odd.clone(), user: odd.clone(), ..request(false) };
    assert_eq!(chat.chat(&asked).await.must().text, odd);
}
