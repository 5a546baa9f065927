//! What must hold once everything is quiet.

use super::traffic::{Book, Call, conversation, order, phone};
use crate::harness::Home;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Over HTTP, as an integrator would look.
pub async fn over_http(home: &Home, book: &Book) {
    let dead = home.get("/v1/jobs?state=dead").await;
    assert_eq!(dead["items"], json!([]), "given up");
    let calls = book.calls();
    assert!(!calls.is_empty() && !book.additions().is_empty(), "nothing was tried");
    for call in &calls {
        match call.erased {
            true => is_gone(home, call).await,
            false => is_learnt_once(home, call).await,
        }
    }
    let callers = calls.iter().filter(|call| !call.erased).count();
    let people = all(home, "/v1/users?").await.len();
    assert_eq!(people, callers + book.users().len(), "as many people as are remembered");
    additions(home, book).await;
}

async fn all(home: &Home, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = home.get(&format!("{path}limit=1000{cursor}")).await;
        items.append(page["items"].as_array_mut().expect("a list"));
        let Some(next) = page["next_cursor"].as_str() else { return items };
        cursor = format!("&cursor={next}");
    }
}

fn contents(items: &[Value]) -> impl Iterator<Item = &str> {
    items.iter().filter_map(|memory| memory["content"].as_str())
}

async fn is_learnt_once(home: &Home, call: &Call) {
    let told = home.get(&format!("/v1/conversations/{}", conversation(call.number))).await;
    let memories = told["memories"].as_array().expect("a list");
    let unique: BTreeSet<&str> = contents(memories).collect();
    assert_eq!(unique.len(), memories.len(), "learnt twice: {told}");
    let orders = contents(memories).filter(|says| says.contains(&order(call.number))).count();
    assert_eq!(orders, 1, "the order was learnt once: {told}");
    assert!(contents(memories).any(|says| says.to_lowercase().contains("morning")), "and the preference: {told}");
    let user = told["user_id"].as_str().expect("somebody's");
    assert_eq!(home.get(&format!("/v1/users/{user}")).await["call_count"], 1);
    let answer = home.ask(user, "what is the order number").await;
    assert_eq!(answer["mode"], "hybrid", "{answer}");
    let best = answer["memories"][0]["content"].as_str().unwrap_or_default();
    assert!(best.contains(&order(call.number)), "{answer}");
}

async fn is_gone(home: &Home, call: &Call) {
    let question = json!({"query": "what is the order number", "caller_id": phone(call.number)});
    let answer = home.post("/tools/memory-query", &question).await;
    assert!(!answer.to_string().contains(&order(call.number)), "an erased caller is back: {answer}");
    let (status, told) =
        home.try_get(&format!("/v1/conversations/{}", conversation(call.number))).await.expect("an answer");
    assert!(status == 404 || told["memories"].as_array().is_some_and(Vec::is_empty), "{status} {told}");
}

async fn additions(home: &Home, book: &Book) {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for user in book.users() {
        for memory in all(home, &format!("/v1/users/{user}/memories?")).await {
            *found.entry(memory["content"].as_str().expect("words").to_owned()).or_default() += 1;
        }
    }
    for addition in book.additions() {
        let times = found.remove(&addition.words).unwrap_or(0);
        match (&addition.id, addition.forgotten) {
            (Some(_), true) => assert_eq!(times, 0, "forgotten, and back: {addition:?}"),
            (Some(_), false) => assert_eq!(times, 1, "acknowledged, and lost or doubled: {addition:?}"),
            (None, _) => assert!(times <= 1, "doubled: {addition:?}"),
        }
    }
    assert_eq!(found, BTreeMap::new(), "nobody added these");
}
