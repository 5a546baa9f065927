//! Keys and webhook secrets: what they open, for whom, and until when.

use super::harness::{Answer, Harness, KEY, SECRET, call, ringing};
use super::switches::{Fault, Part};
use axum::body::Body;
use axum::http::{Method, Request};
use chrono::Duration;
use hark_core::ram::RamKeyStore;
use hark_core::store::{KeyStore, StoredKey};
use hark_core::{Clock, Secret};
use hark_server::access::Authenticator;
use hark_server::elevenlabs::sign;
use serde_json::{Value, json};
use std::sync::Arc;

const ALL: [&str; 5] = ["webhook", "tool", "read", "write", "admin"];

impl Harness {
    /// A new key's id and text.
    pub(crate) async fn key(&self, body: Value) -> (String, String) {
        made(&self.post("/v1/keys", body).await)
    }

    /// A new webhook secret's id and text.
    async fn secret(&self, body: Value) -> (String, String) {
        made(&self.post("/v1/webhook-secrets", body).await)
    }

    async fn get_as(&self, key: &str, path: &str) -> Answer {
        self.with_key(key, Method::GET, path, String::new()).await
    }

    async fn deliver_as(&self, secret: &str, event: &Value) -> Answer {
        let body = event.to_string().into_bytes();
        let signature = sign(&Secret::new(secret), self.clock.now().timestamp(), &body);
        self.deliver_signed(&body, &[signature]).await
    }
}

fn made(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let text = |name: &str| answer.json[name].as_str().expect("well-formed").to_owned();
    (text("id"), text("secret"))
}

#[tokio::test]
async fn a_key_is_shown_once_opens_what_it_says_and_is_listed_without_its_text() {
    let hark = Harness::default();
    let (id, text) = hark.key(json!({"scopes": ["read", "read"], "label": " Dashboard "})).await;
    assert!(text.starts_with(&format!("hk_{}_", id.trim_start_matches("key_"))) && text.len() == 3 + 16 + 1 + 64);
    assert_eq!(hark.get_as(&text, "/v1/users").await.status.as_u16(), 200);
    let refused = hark.get_as(&text, "/v1/keys").await;
    assert!(refused.is_problem(403, "scope_missing").json["detail"].as_str().unwrap().contains("`admin`"));

    let listed = hark.get("/v1/keys").await;
    assert!(!listed.text.contains(&text[20..]), "{}", listed.text);
    let key = &listed.json["items"][0];
    assert_eq!(
        (&key["id"], &key["label"], &key["scopes"], &key["state"], &key["tenant"]),
        (&json!(id), &json!("Dashboard"), &json!(["read"]), &json!("live"), &json!("default"))
    );
    // Every part of it counts.
    for wrong in [
        text[..text.len() - 1].to_owned() + "g",
        text.replace("hk_", "hk_0"),
        format!("hk_{}_{}", "0".repeat(16), &text[20..]),
        text.to_uppercase(),
        id,
    ] {
        hark.get_as(&wrong, "/v1/users").await.is_problem(401, "key_unknown");
    }
}

/// Whoever can write to the database, but has no keyring, takes the date of a revocation away.
#[tokio::test]
async fn a_revocation_is_not_taken_back_by_taking_its_date_away() {
    let hark = Harness::default();
    let (id, text) = hark.key(json!({"scopes": ["read"]})).await;
    let (secret_id, secret) = hark.secret(json!({})).await;
    for path in [format!("/v1/keys/{id}"), format!("/v1/webhook-secrets/{secret_id}")] {
        assert_eq!(hark.with_key(KEY, Method::DELETE, &path, String::new()).await.status.as_u16(), 200);
    }
    hark.get_as(&text, "/v1/users").await.is_problem(401, "key_revoked");
    let back = RamKeyStore::default();
    for id in [&id, &secret_id] {
        let kept = hark.keys.key(&id.as_str().into()).await.unwrap().unwrap();
        back.add_key(&StoredKey { revoked_at: None, ..kept }).await.unwrap();
    }
    let configured = hark.app.access.live_secrets().await.secrets.len();
    let access = Authenticator::new(&hark.app.engine, &hark.app.settings, Some(Arc::new(back)));
    assert_eq!(access.identify(text.as_bytes()).await.unwrap_err().name(), "key_unknown");
    assert_eq!(access.live_secrets().await.secrets.len(), configured, "{secret_id} signs nothing");
    assert_eq!(hark.deliver_as(&secret, &call("conv_1", "+4930111111", &["Hello."])).await.status.as_u16(), 401);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_by_field() {
    let hark = Harness::default();
    for (path, body, field) in [
        ("/v1/keys", json!({"scopes": []}), "scopes"),
        ("/v1/keys", json!({"scopes": ["read"], "label": "x".repeat(201)}), "label"),
        ("/v1/keys", json!({"scopes": ["read"], "tenant": "Acme\nother"}), "tenant"),
        ("/v1/keys", json!({"scopes": ["read"], "expires_at": "2026-11-22T10:00:00Z"}), "expires_at"),
        ("/v1/webhook-secrets", json!({"secret": "short"}), "secret"),
        ("/v1/webhook-secrets", json!({"tenant": ""}), "tenant"),
    ] {
        let answer = hark.post(path, body).await;
        assert_eq!(answer.is_problem(422, "invalid_field").json["field"], field, "{}", answer.text);
    }
    hark.post("/v1/keys", json!({"scopes": ["root"]})).await.is_problem(422, "invalid_field");
    hark.post("/v1/keys", json!({})).await.is_problem(422, "missing_field");
    assert_eq!(hark.get("/v1/keys").await.json["items"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn several_live_at_once_and_one_ends_by_time_or_by_hand() {
    let hark = Harness::default();
    let expires_at = hark.clock.now() + Duration::hours(1);
    let (_, short) = hark.key(json!({"scopes": ["read"], "expires_at": expires_at})).await;
    let (old, old_text) = hark.key(json!({"scopes": ["read"]})).await;
    let (_, new_text) = hark.key(json!({"scopes": ["read"]})).await;
    for key in [&short, &old_text, &new_text] {
        assert_eq!(hark.get_as(key, "/v1/users").await.status.as_u16(), 200);
    }
    for _ in 0..2 {
        let revoked = hark.call(Method::DELETE, &format!("/v1/keys/{old}"), Value::Null).await;
        assert_eq!((revoked.status.as_u16(), &revoked.json["state"]), (200, &json!("revoked")));
        hark.get_as(&old_text, "/v1/users").await.is_problem(401, "key_revoked");
    }
    assert_eq!(hark.get_as(&new_text, "/v1/users").await.status.as_u16(), 200);
    hark.later(Duration::hours(1));
    hark.get_as(&short, "/v1/users").await.is_problem(401, "key_expired");
    hark.call(Method::DELETE, "/v1/keys/key_0000000000000000", Value::Null).await.is_problem(404, "not_found");
    let states: Vec<_> = hark.get("/v1/keys").await.json["items"].as_array().unwrap().clone();
    let mut states: Vec<_> = states.iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect();
    states.sort();
    assert_eq!(states, ["expired", "live", "revoked"]);
}

/// Another node on the same store, which hears of nothing but by reading.
#[tokio::test(start_paused = true)]
async fn on_another_node_a_revocation_counts_within_a_second() {
    let hark = Harness::default();
    let (id, text) = hark.key(json!({"scopes": ["read"]})).await;
    let other = Authenticator::new(&hark.app.engine, &hark.app.settings, Some(hark.keys.clone() as Arc<dyn KeyStore>));
    assert!(other.identify(text.as_bytes()).await.is_ok());
    let late = hark.key(json!({"scopes": ["tool"]})).await.1;
    assert!(other.identify(late.as_bytes()).await.is_ok(), "a new key counts at once");

    hark.call(Method::DELETE, &format!("/v1/keys/{id}"), Value::Null).await;
    assert!(other.identify(text.as_bytes()).await.is_ok(), "it is still remembered");
    tokio::time::advance(std::time::Duration::from_millis(999)).await;
    assert_eq!(other.identify(text.as_bytes()).await.unwrap_err().name(), "key_revoked");
}

#[tokio::test(start_paused = true)]
async fn while_the_truth_is_away_a_key_just_seen_counts_for_a_while_and_a_strange_one_is_not_called_wrong() {
    let hark = Harness::default();
    let (_, seen) = hark.key(json!({"scopes": ["webhook"]})).await;
    let (unseen_id, unseen) = hark.key(json!({"scopes": ["webhook"]})).await;
    let begin = async |key: &str| {
        let body = ringing("conv_1", "+4930111111").to_string();
        hark.with_key(key, Method::POST, "/webhooks/conversation-initiation", body).await
    };
    begin(&seen).await;
    // As on a node that has never seen it.
    let hark = hark.with_fresh_keys();
    let begin = async |key: &str| {
        let body = ringing("conv_1", "+4930111111").to_string();
        hark.with_key(key, Method::POST, "/webhooks/conversation-initiation", body).await
    };
    begin(&seen).await;
    for fault in [Fault::Down, Fault::Hangs] {
        hark.switches.set(Part::Truth, fault);
        tokio::time::advance(std::time::Duration::from_secs(2)).await;
        assert_eq!(begin(&seen).await.status.as_u16(), 200, "{fault:?}: the call must begin");
        let unchecked = begin(&unseen).await;
        unchecked.is_problem(503, "key_unchecked");
        assert!(unchecked.headers.contains_key("retry-after") && !unchecked.headers.contains_key("www-authenticate"));
    }
    tokio::time::advance(std::time::Duration::from_secs(30)).await;
    begin(&seen).await.is_problem(503, "key_unchecked");
    assert_eq!(hark.get("/health/live").await.status.as_u16(), 200);
    hark.switches.mend(Part::Truth);
    assert_eq!(begin(&unseen).await.status.as_u16(), 200, "{unseen_id}");
}

#[tokio::test]
async fn each_route_wants_exactly_one_scope() {
    let hark = Harness::default();
    let mut keys = Vec::new();
    for scope in ALL {
        keys.push((scope, hark.key(json!({"scopes": [scope]})).await.1));
    }
    let document = hark.get("/openapi.json").await.json;
    let mut open = Vec::new();
    let mut wanted = std::collections::BTreeMap::<&str, usize>::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["security"] == json!([{}]) || operation["security"] == json!([]) {
                open.push(path.as_str());
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let mut passed = Vec::new();
            for (scope, key) in &keys {
                let answer = hark.with_key(key, method.clone(), &path.replace(['{', '}'], ""), "{".to_owned()).await;
                match answer.json["code"].as_str() {
                    Some("scope_missing") => assert_eq!(answer.status.as_u16(), 403),
                    _ => passed.push(*scope),
                }
            }
            assert_eq!(passed.len(), 1, "{method} {path}: {passed:?}");
            *wanted.entry(passed[0]).or_default() += 1;
            let bare = Request::builder().method(method.clone()).uri(path.replace(['{', '}'], ""));
            let answer = hark.send(bare.body(Body::empty()).unwrap()).await;
            answer.is_problem(401, "key_missing");
        }
    }
    assert_eq!(open, ["/health", "/health/live", "/health/ready", "/webhooks/post-call"]);
    assert_eq!(wanted.keys().copied().collect::<Vec<_>>(), ["admin", "read", "tool", "webhook", "write"]);
    assert_eq!((wanted["webhook"], wanted["tool"]), (1, 2));
}

#[tokio::test]
async fn a_tenants_keys_are_its_own_business_and_the_deployment_is_not() {
    let hark = Harness::default();
    let (id, admin) = hark.key(json!({"scopes": ALL, "tenant": "acme"})).await;
    let as_acme =
        async |method: Method, path: &str, body: Value| hark.with_key(&admin, method, path, body.to_string()).await;
    // Its own keys it sees and makes.
    assert_eq!(as_acme(Method::GET, "/v1/keys", Value::Null).await.json["items"][0]["id"], json!(id));
    let own = as_acme(Method::POST, "/v1/keys", json!({"scopes": ["read"]})).await;
    assert_eq!((own.status.as_u16(), &own.json["tenant"]), (201, &json!("acme")));
    // Nobody else's.
    let theirs = hark.key(json!({"scopes": ["read"]})).await.0;
    as_acme(Method::DELETE, &format!("/v1/keys/{theirs}"), Value::Null).await.is_problem(404, "not_found");
    for (method, path, body) in [
        (Method::POST, "/v1/keys", json!({"scopes": ["read"], "tenant": "default"})),
        (Method::POST, "/v1/webhook-secrets", json!({"tenant": "default"})),
        (Method::GET, "/v1/keys?tenant=default", Value::Null),
        (Method::GET, "/v1/webhook-secrets?tenant=default", Value::Null),
        (Method::GET, "/v1/backends", Value::Null),
        (Method::GET, "/v1/encryption", Value::Null),
        (Method::GET, "/metrics", Value::Null),
        (Method::POST, "/v1/backends/letters/reset", Value::Null),
    ] {
        as_acme(method, path, body).await.is_problem(403, "deployment_only");
    }
    // The deployment sees to everybody's, one tenant at a time.
    assert_eq!(hark.get("/v1/keys?tenant=acme").await.json["items"].as_array().unwrap().len(), 2);
    assert_eq!(hark.get("/v1/keys").await.json["items"].as_array().unwrap().len(), 1);
    assert_eq!(hark.call(Method::DELETE, &format!("/v1/keys/{id}"), Value::Null).await.status.as_u16(), 200);
    as_acme(Method::GET, "/v1/keys", Value::Null).await.is_problem(401, "key_revoked");
}

#[tokio::test]
async fn an_event_is_the_tenants_whose_secret_has_signed_it() {
    let hark = Harness::default();
    let (_, acme) = hark.key(json!({"scopes": ALL, "tenant": "acme"})).await;
    let (id, first) = hark.secret(json!({"tenant": "acme"})).await;
    let (_, second) = hark.secret(json!({"tenant": "acme", "secret": "wsec_made_by_the_platform"})).await;
    assert!(first.starts_with("wsec_") && second == "wsec_made_by_the_platform");
    // The same conversation of two tenants is two calls.
    for (secret, said) in [(first.as_str(), "My parcel never arrived."), (SECRET, "I play the tuba.")] {
        let delivered = hark.deliver_as(secret, &call("conv_1", "+4930111111", &[said])).await;
        assert_eq!(delivered.json["status"], "accepted", "{}", delivered.text);
    }
    let again = hark.deliver_as(&second, &call("conv_1", "+4930111111", &["My parcel never arrived."])).await;
    assert_eq!(again.json["status"], "duplicate", "two secrets, one tenant");
    hark.work().await;
    for (key, mine, other) in [(acme.as_str(), "parcel", "tuba"), (KEY, "tuba", "parcel")] {
        let told = hark.get_as(key, "/v1/conversations/conv_1").await.text;
        assert!(told.contains(mine) && !told.contains(other), "{told}");
    }
    // Once revoked, nothing counts as signed with it, and the other still does.
    let path = format!("/v1/webhook-secrets/{id}");
    assert_eq!(hark.call(Method::DELETE, &path, Value::Null).await.json["state"], "revoked");
    hark.call(Method::DELETE, &format!("/v1/keys/{id}"), Value::Null).await.is_problem(404, "not_found");
    let late = call("conv_2", "+4930111111", &["Hello."]);
    hark.deliver_as(&first, &late).await.is_problem(401, "signature_mismatch");
    assert_eq!(hark.deliver_as(&second, &late).await.json["status"], "accepted");
}

#[tokio::test]
async fn a_secret_is_one_signers_and_expires() {
    let hark = Harness::default();
    let (_, secret) = hark.secret(json!({"tenant": "acme"})).await;
    for taken in [secret.as_str(), SECRET] {
        hark.post("/v1/webhook-secrets", json!({"secret": taken, "tenant": "other"})).await.is_problem(409, "conflict");
    }
    for _ in 1..10 {
        hark.secret(json!({"tenant": "acme"})).await;
    }
    hark.post("/v1/webhook-secrets", json!({"tenant": "acme"})).await.is_problem(409, "conflict");
    let expires_at = hark.clock.now() + Duration::minutes(1);
    let (_, short) = hark.secret(json!({"tenant": "other", "expires_at": expires_at})).await;
    let event = call("conv_1", "+4930111111", &["Hello."]);
    assert_eq!(hark.deliver_as(&short, &event).await.json["status"], "accepted");
    hark.later(Duration::minutes(1));
    hark.deliver_as(&short, &event).await.is_problem(401, "signature_mismatch");
    assert!(!hark.get("/v1/webhook-secrets?tenant=other").await.text.contains(&short[5..]));
}

#[tokio::test(start_paused = true)]
async fn when_secrets_cannot_be_read_an_event_is_asked_for_again_rather_than_refused_for_good() {
    let hark = Harness::default();
    let (_, secret) = hark.secret(json!({"tenant": "acme"})).await;
    let event = call("conv_1", "+4930111111", &["Hello."]);
    let hark = hark.with_fresh_keys();
    for fault in [Fault::Down, Fault::Hangs] {
        hark.switches.set(Part::Truth, fault);
        hark.deliver_as(&secret, &event).await.is_problem(503, "key_unchecked");
        assert_eq!(hark.deliver(&event).await.status.as_u16(), 200, "a configured secret needs no store");
    }
    hark.switches.mend(Part::Truth);
    assert_eq!(hark.deliver_as(&secret, &event).await.json["status"], "accepted");
    hark.deliver_as("wsec_wrong", &event).await.is_problem(401, "signature_mismatch");
}

#[tokio::test]
async fn uses_are_noted_by_the_minute_and_written_now_and_then() {
    let hark = Harness::default();
    let (_, text) = hark.key(json!({"scopes": ["read"]})).await;
    let (_, secret) = hark.secret(json!({})).await;
    let used = async |path: &str| hark.get(path).await.json["items"][0]["last_used_at"].clone();
    hark.later(Duration::seconds(90));
    hark.get_as(&text, "/v1/users").await;
    hark.deliver_as(&secret, &call("conv_1", "+4930111111", &["Hello."])).await;
    assert_eq!(used("/v1/keys").await, Value::Null, "nobody waits for it");
    hark.switches.set(Part::Truth, Fault::Down);
    hark.app.access.flush().await.unwrap_err();
    hark.switches.mend(Part::Truth);
    hark.app.access.flush().await.unwrap();
    for path in ["/v1/keys", "/v1/webhook-secrets"] {
        assert_eq!(used(path).await, json!("2026-11-22T10:01:00Z"), "{path}");
    }
}
