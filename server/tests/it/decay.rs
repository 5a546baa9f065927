//! What fades, over HTTP: links that lose and gain, memories that go to the archive and come back, and the schedule
//! that sees to it.

use super::harness::{Harness, contents};
use axum::http::Method;
use chrono::Duration;
use hark_core::decay::sweep;
use hark_core::store::LinkUse;
use hark_core::{Clock, Link, LinkKind, MemoryId, Scope};
use hark_server::app::WorkerSettings;
use hark_server::worker::Worker;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

async fn memory(hark: &Harness, body: Value) -> String {
    let mut body = body;
    body["user_id"] = json!("crm-7");
    body["sector"] = json!("semantic");
    let made = hark.post("/v1/memories", body).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    made.json["id"].as_str().expect("an id").to_owned()
}

async fn state(hark: &Harness, id: &str) -> Value {
    hark.get(&format!("/v1/memories/{id}")).await.json["state"].clone()
}

async fn ask(hark: &Harness, archived: bool) -> Value {
    hark.ask(json!({"query": "bees", "user_id": "crm-7", "include_archived": archived})).await
}

#[tokio::test]
async fn what_has_faded_is_archived_answers_as_a_last_resort_and_is_brought_back() {
    let hark = Harness::default();
    let faint = memory(&hark, json!({"content": "Keeps bees.", "salience": 0.4})).await;
    let kept = memory(&hark, json!({"content": "Did ring up.", "salience": 0.4, "decay_rate": 0})).await;
    let own = memory(&hark, json!({"content": "Plays a violin.", "salience": 0.9})).await;
    hark.call(Method::PATCH, &format!("/v1/memories/{own}"), json!({"decay_rate": 0.1})).await;
    hark.later(Duration::days(181));
    let swept = sweep(&hark.app.engine).await.unwrap().unwrap();
    assert_eq!((swept.archived, swept.finished), (2, true));
    for (id, expected) in [(&faint, "archived"), (&kept, "active"), (&own, "archived")] {
        assert_eq!(state(&hark, id).await, expected);
    }
    let listed = hark.get("/v1/users/crm-7/memories?state=archived").await;
    assert_eq!(listed.contents().len(), 2);

    let answer = ask(&hark, false).await;
    let summary = answer["summary"].as_str().unwrap();
    assert!(summary.starts_with("From long ago, and perhaps no longer so: Keeps bees"), "{answer}");
    assert_eq!((&answer["memories"][0]["archived"], &answer["memories"][0]["id"]), (&json!(true), &json!(faint)));
    let wanted = ask(&hark, true).await;
    assert!(!wanted["summary"].as_str().unwrap().starts_with("From long ago"));
    assert_eq!(wanted["memories"][0]["archived"], true);

    let back = hark.post(&format!("/v1/memories/{faint}/restore"), Value::Null).await.json;
    assert_eq!((&back["state"], &back["effective_salience"]), (&json!("active"), &back["salience"]));
    let answer = ask(&hark, false).await;
    assert!(
        answer["memories"][0].get("archived").is_none() && answer["summary"].as_str().unwrap().starts_with("Keeps")
    );
    let stronger = hark.post(&format!("/v1/memories/{own}/reinforce"), Value::Null).await.json;
    assert_eq!(stronger["state"], "active");
    hark.later(Duration::hours(6));
    assert_eq!(sweep(&hark.app.engine).await.unwrap().unwrap().archived, 0, "what came back stays");
}

#[tokio::test]
async fn a_link_shows_what_is_left_of_it_and_a_manual_one_stays_as_it_was_set() {
    let hark = Harness::default();
    let (bees, ladder) = (
        memory(&hark, json!({"content": "Keeps bees."})).await,
        memory(&hark, json!({"content": "Owns a ladder."})).await,
    );
    let third = memory(&hark, json!({"content": "Plays the violin."})).await;
    let manual = hark.post("/v1/links", json!({"from": bees, "to": third, "weight": 0.7})).await.json;
    assert_eq!((&manual["weight"], &manual["used_at"]), (&json!(0.7), &Value::Null));
    let scope: Scope =
        hark.app.engine.memory.memory_owner(hark.app.default_tenant(), &bees.as_str().into()).await.unwrap().unwrap();
    let ends = [MemoryId::new(bees.clone()), MemoryId::new(ladder)];
    let link = Link::new(ends[0].clone(), ends[1].clone(), 0.9, LinkKind::Similar, hark.clock.now());
    hark.app.engine.memory.put_links(&scope, std::slice::from_ref(&link)).await.unwrap();
    let shown = async || hark.get(&format!("/v1/memories/{bees}/links")).await.json["items"].clone();
    let weights =
        |items: &Value| items.as_array().unwrap().iter().map(|i| i["weight"].as_f64().unwrap()).collect::<Vec<_>>();
    assert_eq!(weights(&shown().await), [0.9, 0.7]);

    hark.later(Duration::days(100));
    let faded = shown().await;
    assert_eq!(weights(&faded), [0.7, 0.3311], "strongest first as they stand now");
    assert_eq!((&faded[0]["kind"], &faded[1]["kind"]), (&json!("manual"), &json!("similar")));
    let used = LinkUse { id: link.id, known: None, weight: 0.8, used_at: hark.clock.now() };
    hark.app.engine.memory.use_links(&scope, &[used]).await.unwrap();
    assert_eq!((weights(&shown().await), &shown().await[0]["used_at"].is_string()), (vec![0.8, 0.7], &true));
    hark.later(Duration::days(400));
    assert_eq!(sweep(&hark.app.engine).await.unwrap().unwrap().pruned, 1);
    assert_eq!(weights(&shown().await), [0.7]);
}

/// Two processes share a store: the schedule of one puts away what has faded, and none again before it is time.
#[tokio::test(start_paused = true)]
async fn the_schedule_of_one_worker_of_all_sees_to_it_every_six_hours() {
    let hark = Harness::default();
    let cancel = CancellationToken::new();
    let workers: Vec<_> = (0..2)
        .map(|_| tokio::spawn(Worker::new(hark.app.clone(), WorkerSettings::default()).run(cancel.clone())))
        .collect();
    let first = memory(&hark, json!({"content": "Keeps bees.", "salience": 0.4})).await;
    hark.later(Duration::days(181));
    assert_eq!(state(&hark, &first).await, "active", "nothing is done at once");
    passes(61).await;
    assert_eq!(state(&hark, &first).await, "archived");

    // Another one fades, but nobody sweeps again before six hours have passed by the clock.
    let second = memory(&hark, json!({"content": "Owns a ladder.", "salience": 0.4, "decay_rate": 20.0})).await;
    let scope =
        hark.app.engine.memory.memory_owner(hark.app.default_tenant(), &second.as_str().into()).await.unwrap().unwrap();
    let mut old = hark.app.engine.memory.memories(&scope, &[second.as_str().into()]).await.unwrap();
    old[0].learnt_at -= Duration::days(200);
    old[0].reinforced_at -= Duration::days(200);
    hark.app.engine.memory.put_memories(&scope, &old).await.unwrap();
    passes(900).await;
    assert_eq!(state(&hark, &second).await, "active");
    hark.later(Duration::hours(6));
    passes(61).await;
    assert_eq!(state(&hark, &second).await, "archived");
    cancel.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn a_link_is_used_by_an_answer_and_it_shows() {
    let hark = Harness::default();
    let bees = memory(&hark, json!({"content": "Keeps bees."})).await;
    let other = memory(&hark, json!({"content": "Xyz."})).await;
    let scope =
        hark.app.engine.memory.memory_owner(hark.app.default_tenant(), &bees.as_str().into()).await.unwrap().unwrap();
    let link = Link::new(bees.as_str().into(), other.as_str().into(), 0.9, LinkKind::Similar, hark.clock.now());
    hark.app.engine.memory.put_links(&scope, &[link]).await.unwrap();
    let answer = ask(&hark, false).await;
    assert_eq!(contents(&answer["memories"]), ["Keeps bees.", "Xyz."]);
    assert_eq!(answer["memories"][1]["via"], "link");
    hark.app.recall.keep_uses().await;
    let links = hark.get(&format!("/v1/memories/{bees}/links")).await.json;
    assert_eq!((&links["items"][0]["used_at"].is_string(), &links["items"][0]["weight"]), (&true, &json!(0.905)));
}

/// Paused time goes on, and whatever waits for it has its turn.
async fn passes(secs: u64) {
    let never = std::future::pending::<()>();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(secs), never).await;
    assert!(waited.is_err(), "nothing came of it");
}
