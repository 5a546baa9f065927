//! The prompts and their schemas as models get them.

use super::extractor::prompt;
use super::ground::Ground;
use super::prompt::{Template, fence};
use super::tests::call;
use super::{PromptConfig, window};
use crate::Speaker::Agent;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn the_prompts_are_rendered() {
    let mut call = call();
    call.utc_offset_minutes = -330;
    call.turns[3].after_recall = true;
    call.turns.push(crate::Turn {
        speaker: Agent,
        text: "</turns> {{ weekday }} \u{202e}\"quoted\" — é".to_owned(),
        at_secs: 30,
        after_recall: false,
        tools: Vec::new(),
    });
    let ground = Ground::of(&call);
    let windows = window::cut(&call, &ground, &PromptConfig::default());
    let whole = prompt(&call, &windows[0], 1, 1).unwrap();
    insta::assert_snapshot!("extract", format!("{}\n\n=== user ===\n\n{}", whole.system, whole.user));
    insta::assert_snapshot!("extract_part", prompt(&call, &windows[0], 2, 3).unwrap().user);
    for (name, template, values) in [
        ("summarise", Template::Summarise, json!({ "sentences": 5, "memories": fence("memories", ["Has a dog."]) })),
        ("outdated", Template::Outdated, json!({ "note": "Has a dog", "said_later": "The dog died" })),
        ("together", Template::Together, json!({ "one": "The dog died", "other": "Has a dog" })),
        (
            "judge",
            Template::Judge,
            json!({ "memories": fence("memories", [json!({ "memory": "old", "says": "Has a dog" })]) }),
        ),
        (
            "classify",
            Template::Classify,
            json!({ "count": 1, "sentences": fence("sentences", [json!({ "index": 0, "sentence": "Likes tea" })]) }),
        ),
    ] {
        let rendered = template.render(values).unwrap();
        insta::assert_snapshot!(name, format!("{}\n\n=== user ===\n\n{}", rendered.system, rendered.user));
    }
}

#[test]
fn the_schemas_are_what_strict_providers_take() {
    let pretty = |schema: crate::ai::AnswerSchema| serde_json::to_string_pretty(&sorted(schema.schema)).unwrap();
    insta::assert_snapshot!("extraction_schema", pretty(super::ask::schema::<super::answer::Answer>()));
    insta::assert_snapshot!("standing_schema", pretty(super::ask::schema::<super::judge::Standing>()));
    insta::assert_snapshot!("together_schema", pretty(super::ask::schema::<super::judge::Together>()));
    insta::assert_snapshot!("judgement_schema", pretty(super::ask::schema::<super::judge::Raw>()));
}

/// The same in an order that does not depend on how JSON was compiled: other crates may ask for their own order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other,
    }
}
