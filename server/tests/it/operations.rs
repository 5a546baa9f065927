//! Health, metrics, documentation, and what every answer carries.

use super::harness::{Harness, KEY};
use super::switches::{Fault, Part};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use hark_core::backend::{Backend, Role};
use hark_core::{Error, ErrorKind, Result};
use hark_server::app::{App, RoleInfo};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

async fn without_key(hark: &Harness, path: &str) -> super::harness::Answer {
    hark.send(Request::get(path).body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn it_says_whether_it_lives_and_whether_it_can_work() {
    let hark = Harness::default();
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(without_key(&hark, path).await.status.as_u16(), 200, "{path}");
    }
    for part in [Part::Truth, Part::Queue] {
        hark.switches.set(part, Fault::Down);
        let ready = without_key(&hark, "/health/ready").await;
        assert_eq!((ready.status.as_u16(), &ready.json["status"]), (503, &json!("unavailable")), "{part:?}");
        assert_eq!(without_key(&hark, "/health/live").await.status.as_u16(), 200);
        hark.switches.mend(part);
    }
    let ready = without_key(&hark, "/health/ready").await.json;
    assert_eq!((&ready["status"], &ready["roles"]["memory"]["status"]), (&json!("ready"), &json!("ok")));
    assert_eq!(ready["queue"]["pending"], 0);
}

#[derive(Debug)]
struct Away;

#[async_trait]
impl Backend for Away {
    async fn health(&self) -> Result<()> {
        Err(Error::new(ErrorKind::Unavailable, "away", "nobody listens"))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_nodes_share_may_be_away_and_it_is_told_what_is_done_without_it() {
    let hark = Harness::default().changed(|app| {
        let (instance, kind) = ("shared".to_owned(), "redis".to_owned());
        let away =
            |role| RoleInfo { role, instance: instance.clone(), kind: kind.clone(), backend: Some(Arc::new(Away)) };
        App { roles: [Role::Limits, Role::Cache].map(away).into(), ..app }
    });
    let ready = without_key(&hark, "/health/ready").await;
    assert_eq!((ready.status.as_u16(), &ready.json["status"]), (200, &json!("degraded")));
    let told = |role: &str| ["status", "detail"].map(|part| ready.json["roles"][role][part].clone());
    assert_eq!(told("limits"), ["unavailable", "this process counts rates for itself"]);
    assert_eq!(told("cache"), ["unavailable", "embeddings are remembered in memory only"]);
}

#[tokio::test]
async fn everything_else_needs_a_key() {
    let hark = Harness::default();
    for path in [
        "/metrics",
        "/v1/backends",
        "/v1/encryption",
        "/v1/users",
        "/v1/users/merges",
        "/v1/queue",
        "/v1/jobs",
        "/v1/conversations",
        "/v1/conflicts",
        "/v1/memories/mem_x",
    ] {
        without_key(&hark, path).await.is_problem(401, "key_missing");
    }
    let twice = Request::get("/v1/users").header("authorization", format!("Bearer {KEY}"));
    let twice = twice.header("authorization", "Bearer other").body(Body::empty()).unwrap();
    hark.send(twice).await.is_problem(401, "key_missing");
}

#[tokio::test]
async fn the_documentation_names_every_route_and_the_key() {
    let hark = Harness::default();
    let document = without_key(&hark, "/openapi.json").await.json;
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/webhooks/conversation-initiation",
        "/webhooks/post-call",
        "/tools/memory-query",
        "/tools/remember",
        "/v1/memories",
        "/v1/memories/batch",
        "/v1/memories/{id}",
        "/v1/memories/{id}/reinforce",
        "/v1/memories/{id}/restore",
        "/v1/memories/{id}/links",
        "/v1/memories/{id}/history",
        "/v1/conflicts",
        "/v1/conflicts/{id}/resolve",
        "/v1/links",
        "/v1/links/{id}",
        "/v1/users",
        "/v1/users/merge",
        "/v1/users/merges",
        "/v1/users/merges/{id}/undo",
        "/v1/users/split",
        "/v1/users/{id}",
        "/v1/users/{id}/memories",
        "/v1/sessions",
        "/v1/conversations",
        "/v1/conversations/{id}",
        "/v1/quality",
        "/v1/reviews",
        "/v1/reviews/labels",
        "/v1/reviews/{memory_id}",
        "/v1/costs",
        "/v1/users/{id}/export",
        "/v1/audit",
        "/v1/erasures",
        "/v1/erasures/verify",
        "/v1/keys",
        "/v1/keys/{id}",
        "/v1/webhook-secrets",
        "/v1/webhook-secrets/{id}",
        "/v1/queue",
        "/v1/jobs",
        "/v1/jobs/redrive",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/redrive",
        "/v1/jobs/{id}/discard",
        "/v1/backends",
        "/v1/backends/{name}/reset",
        "/v1/encryption",
        "/v1/elevenlabs/reconcile",
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert_eq!(paths.len(), 52);
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let page = without_key(&hark, "/docs/").await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(page.text.contains("swagger"));
}

/// Every operation of the document with its method and path.
async fn operations(hark: &Harness) -> Vec<(String, Value)> {
    let document = without_key(hark, "/openapi.json").await.json;
    let paths = document["paths"].as_object().expect("paths").clone();
    let of = |(path, item): (String, Value)| {
        let methods = item.as_object().expect("methods").clone().into_iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    };
    paths.into_iter().flat_map(of).collect()
}

#[tokio::test]
async fn the_documentation_says_what_may_stand_in_the_way_of_every_route() {
    let hark = Harness::default();
    for (route, operation) in operations(&hark).await {
        let answers = operation["responses"].as_object().unwrap();
        let says = |status: &str| answers.contains_key(status);
        let with_key = operation["security"].is_null();
        let reads_anything = route == "post /webhooks/conversation-initiation";
        for status in ["401", "403", "429", "500", "503"] {
            assert!(!with_key || says(status), "{route}: {status}");
        }
        let takes =
            |place: &str| operation["parameters"].as_array().is_some_and(|all| all.iter().any(|p| p["in"] == place));
        let body = !operation["requestBody"].is_null() && !reads_anything;
        assert_eq!(says("413"), body, "{route}: a body may be too large");
        assert!(!body || says("400"), "{route}: a body may be no JSON");
        assert!(!takes("path") || (says("400") && says("404")), "{route}: the id");
        assert!(!(takes("query") || body && with_key) || says("422"), "{route}: a field or parameter");
        for (status, answer) in answers {
            assert!(answer["description"].as_str().is_some_and(|what| !what.is_empty()), "{route}: {status}");
            assert!(answer["headers"]["x-request-id"].is_object(), "{route}: {status}");
            let fails = status.starts_with(['4', '5']) && route != "get /health/ready";
            assert_eq!(answer["content"]["application/problem+json"].is_object(), fails, "{route}: {status}");
        }
    }
}

#[tokio::test]
async fn every_route_has_a_name_of_its_own_and_links_lead_to_one() {
    let hark = Harness::default();
    let operations = operations(&hark).await;
    let names: BTreeSet<_> = operations.iter().filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
    assert_eq!(names.len(), operations.len());
    let answers = operations.iter().flat_map(|(_, operation)| operation["responses"].as_object().unwrap().values());
    let links: Vec<_> = answers.filter_map(|answer| answer["links"].as_object()).flat_map(|l| l.values()).collect();
    assert_eq!(links.len(), 13);
    for link in links {
        assert!(names.contains(link["operationId"].as_str().unwrap()), "{link}");
    }
}

#[tokio::test]
async fn metrics_name_routes_by_pattern_and_made_up_methods_by_none() {
    let hark = Harness::default();
    hark.get("/v1/users/very-secret-user").await;
    hark.send(Request::builder().method("SECRETVERB").uri("/v1/users").body(Body::empty()).unwrap()).await;
    let metrics = hark.get("/metrics").await.text;
    assert!(metrics.contains(r#"route="/v1/users/{id}""#), "{metrics}");
    assert!(metrics.contains("hark_queue_jobs{state=\"dead\"} 0"), "{metrics}");
    assert!(metrics.contains("hark_http_request_duration_seconds_bucket"));
    for secret in ["very-secret-user", "SECRETVERB"] {
        assert!(!metrics.contains(secret));
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_are_told_while_the_queue_is_away() {
    let hark = Harness::default();
    for fault in [Fault::Down, Fault::Hangs] {
        hark.switches.set(Part::Queue, fault);
        let answer = hark.get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("hark_queue_up 0"), "{fault:?}: {}", answer.text);
        hark.switches.mend(Part::Queue);
        assert!(hark.get("/metrics").await.text.contains("hark_queue_up 1"));
    }
}

#[tokio::test]
async fn a_harmless_request_id_is_kept_and_any_other_replaced() {
    let hark = Harness::default();
    for (given, kept) in [("trace-0123456789", true), ("+4930 111111 Sam", false), ("x", false)] {
        let request = Request::get("/health").header("x-request-id", given).body(Body::empty()).unwrap();
        let answer = hark.send(request).await;
        assert_eq!(answer.headers["x-request-id"] == given, kept, "{given}");
    }
}
