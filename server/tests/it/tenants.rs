//! Two tenants, every route, in any order: nothing of one is ever told to the other, or touched by it.
//!
//! The routes are those of the document, so that one which is added is driven too. What a tenant has is marked by its own
//! word, and every id it was ever told is remembered; both tenants use the same numbers, names and conversations, and try
//! each other's ids.

use super::harness::{Answer, Harness, call, ringing};
use axum::http::Method;
use hark_core::Secret;
use hark_server::elevenlabs::sign;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a tenant's callers talk about, and nobody else's.
const MARKS: [&str; 2] = ["apricot", "blueberry"];
const NAMES: [&str; 2] = ["acme", "globex"];
const NUMBERS: [&str; 2] = ["+4930111111", "+4930222222"];
const USERS: [&str; 2] = ["crm-1", "crm-2"];

/// Ids of ours. Conversations are not among them: they are the platform's, and both tenants have the same.
const PREFIXES: [&str; 11] = ["usr_", "mem_", "lnk_", "cfl_", "trf_", "job_", "key_", "whs_", "evt_", "ers_", "aud_"];

/// One step: who does what, with which of the things there are.
#[derive(Debug, Clone)]
struct Step {
    tenant: usize,
    route: usize,
    picks: [usize; 4],
}

fn step() -> impl Strategy<Value = Step> {
    (0..2usize, 0..10_000usize, any::<[u16; 4]>()).prop_map(|(tenant, route, picks)| Step {
        tenant,
        route,
        picks: picks.map(usize::from),
    })
}

struct Tenant {
    key: String,
    secret: String,
    /// Every id it was told.
    ids: BTreeSet<String>,
    tokens: BTreeSet<String>,
    /// Receipts of erasures.
    receipts: Vec<Value>,
    /// The key and the secret it works with: revoked, they would end everything.
    own: [String; 2],
}

struct World {
    hark: Harness,
    tenants: Vec<Tenant>,
    routes: Vec<(Method, String)>,
}

impl World {
    async fn new() -> Self {
        let hark = Harness::default();
        let mut tenants = Vec::new();
        for name in NAMES {
            let scopes = ["webhook", "tool", "read", "write", "admin"];
            let (key_id, key) = hark.key(json!({"scopes": scopes, "tenant": name})).await;
            let made = hark.post("/v1/webhook-secrets", json!({"tenant": name})).await.json;
            let text = |field: &str| made[field].as_str().expect("well-formed").to_owned();
            let own = [key_id, text("id")];
            let (ids, tokens, receipts) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
            tenants.push(Tenant { key, secret: text("secret"), ids, tokens, receipts, own });
        }
        let document = hark.get("/openapi.json").await.json;
        let mut routes = Vec::new();
        for (path, methods) in document["paths"].as_object().expect("well-formed") {
            for method in methods.as_object().expect("well-formed").keys() {
                routes.push((method.to_uppercase().parse().expect("well-formed"), path.clone()));
            }
        }
        Self { hark, tenants, routes }
    }

    /// An id of this kind, of either tenant's; made up where there is none.
    fn id(&self, prefix: &str, pick: usize) -> String {
        let all: Vec<&String> =
            self.tenants.iter().flat_map(|tenant| &tenant.ids).filter(|id| id.starts_with(prefix)).collect();
        let all: Vec<&String> = all.into_iter().filter(|id| !self.tenants.iter().any(|t| t.own.contains(id))).collect();
        match all.len() {
            0 => format!("{prefix}unknown"),
            n => all[pick % n].clone(),
        }
    }

    fn user(&self, pick: usize) -> String {
        if pick.is_multiple_of(3) { USERS[pick / 3 % 2].to_owned() } else { self.id("usr_", pick) }
    }

    fn path(&self, path: &str, picks: &[usize; 4]) -> String {
        let pick = picks[0];
        let id = match path.split('/').nth(2).unwrap_or_default() {
            "memories" | "reviews" => self.id("mem_", pick),
            "users" if path.contains("merges") => self.id("trf_", pick),
            "users" => self.user(pick),
            "links" => self.id("lnk_", pick),
            "conflicts" => self.id("cfl_", pick),
            "conversations" => format!("conv_{}", pick % 3),
            "jobs" => self.id("job_", pick),
            "keys" => self.id("key_", pick),
            "webhook-secrets" => self.id("whs_", pick),
            _ => "letters".to_owned(),
        };
        path.replace("{id}", &id).replace("{memory_id}", &id).replace("{name}", &id)
    }

    fn body(&self, mark: &str, path: &str, [a, b, c, d]: [usize; 4]) -> Value {
        let said = format!("Likes {mark} number {}.", d % 5);
        let conversation = format!("conv_{}", c % 3);
        let tokens: Vec<&String> = self.tenants.iter().flat_map(|tenant| &tenant.tokens).collect();
        let token = tokens.get(a % tokens.len().max(1));
        let caller = match b % 4 {
            0 => json!({"conversation_id": conversation}),
            1 => json!({"user_id": self.user(a)}),
            2 => json!({"caller_id": NUMBERS[a % 2]}),
            _ => json!({"memory_token": token, "conversation_id": format!("conv_new_{a}")}),
        };
        let with = |mut body: Value| {
            body.as_object_mut().expect("well-formed").extend(caller.as_object().expect("well-formed").clone());
            body
        };
        let memory = json!({"user_id": self.user(a), "content": said});
        match path {
            "/webhooks/conversation-initiation" => ringing(&conversation, NUMBERS[a % 2]),
            "/webhooks/post-call" => call(&conversation, NUMBERS[a % 2], &[&said]),
            "/tools/memory-query" => with(json!({"query": "who likes which number", "limit": 50})),
            "/tools/remember" => with(json!({"content": said})),
            "/v1/memories" => memory,
            "/v1/memories/batch" => json!({"memories": [memory]}),
            "/v1/memories/{id}" => json!({"content": said}),
            "/v1/links" => json!({"from": self.id("mem_", a), "to": self.id("mem_", b)}),
            "/v1/users/merge" => json!({"from": self.user(a), "into": self.user(b)}),
            "/v1/users/split" => json!({"user_id": self.user(a), "conversations": [conversation]}),
            "/v1/users/{id}" => json!({"name": format!("Sam {mark}")}),
            "/v1/sessions" => json!({"user_id": self.user(a), "conversation_id": conversation}),
            "/v1/conflicts/{id}/resolve" => {
                json!({"resolution": (["keep_both", "keep_new", "keep_old", "undo"][b % 4])})
            }
            "/v1/reviews/{memory_id}" => json!({"decision": (["accept", "reject"][b % 2]), "label": true}),
            "/v1/erasures/verify" => {
                let receipts: Vec<&Value> = self.tenants.iter().flat_map(|tenant| &tenant.receipts).collect();
                receipts.get(a % receipts.len().max(1)).map_or(Value::Null, |receipt| (*receipt).clone())
            }
            "/v1/keys" => json!({"scopes": ["read"], "label": mark}),
            "/v1/webhook-secrets" => json!({"label": mark}),
            "/v1/jobs/{id}/discard" => json!({"reason": mark}),
            _ => json!({}),
        }
    }

    async fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (method, path) = self.routes[step.route % self.routes.len()].clone();
        // Numbers of the whole process, which name nobody's.
        if path == "/health/ready" {
            return Ok(());
        }
        let (mark, foreign) = (MARKS[step.tenant], MARKS[1 - step.tenant]);
        let mut url = self.path(&path, &step.picks);
        if method == Method::GET
            && (path == "/v1/keys" || path == "/v1/webhook-secrets")
            && step.picks[0].is_multiple_of(2)
        {
            url = format!("{url}?tenant={}", NAMES[step.picks[1] % 2]);
        }
        let body = self.body(mark, &path, step.picks);
        let sent = format!("{url} {body}");
        let mut answer = self.send(step.tenant, &method, &path, &url, &body).await;
        if path == "/v1/users/{id}/export" {
            // What an integrator calls a user may look like an id of ours, and like another tenant's.
            if let Some(export) = answer.json.as_object_mut().filter(|_| answer.status.is_success()) {
                prop_assert!(export.remove("identities").is_some());
                answer.text = answer.json.to_string();
            }
        }
        let told = format!("{method} {sent} -> {} {}", answer.status, answer.text);

        prop_assert!(!answer.text.contains(foreign), "a foreign word was told: {told}");
        let (mine, theirs) = (&self.tenants[step.tenant].ids, &self.tenants[1 - step.tenant].ids);
        for id in theirs.difference(mine) {
            // What was asked with comes back in no answer either, but for what an integrator calls a user.
            prop_assert!(!answer.text.contains(id.as_str()) || sent.contains(id.as_str()), "{id} was told: {told}");
            let named = url.split(['/', '?']).any(|part| part == id);
            prop_assert!(!named || answer.status.is_client_error(), "{id} was touched: {told}");
        }
        prop_assert!(!answer.status.is_server_error() || answer.status == 501, "{told}");
        if path == "/v1/erasures/verify" && answer.status.is_success() {
            let mine = self.tenants[step.tenant].receipts.contains(&body);
            prop_assert_eq!(&answer.json, &json!({"valid": mine, "recorded": mine}), "{}", told);
        }
        self.learn(step.tenant, &answer, &sent);
        self.hark.later(chrono::Duration::seconds(1));
        if step.picks[3].is_multiple_of(3) {
            self.hark.work().await;
        }
        Ok(())
    }

    async fn send(&self, tenant: usize, method: &Method, path: &str, url: &str, body: &Value) -> Answer {
        let Tenant { key, secret, .. } = &self.tenants[tenant];
        if path == "/webhooks/post-call" {
            let now = hark_core::Clock::now(&*self.hark.clock).timestamp();
            let body = body.to_string().into_bytes();
            return self.hark.deliver_signed(&body, &[sign(&Secret::new(secret.as_str()), now, &body)]).await;
        }
        let body = if *method == Method::GET || *method == Method::DELETE { String::new() } else { body.to_string() };
        self.hark.with_key(key, method.clone(), url, body).await
    }

    /// Remembers what this tenant was told, but not what it had sent itself.
    fn learn(&mut self, tenant: usize, answer: &Answer, sent: &str) {
        if !answer.status.is_success() {
            return;
        }
        if answer.json.get("receipt_id").is_some() {
            self.tenants[tenant].receipts.push(answer.json.clone());
        }
        let mut texts = Vec::new();
        strings(&answer.json, &mut texts);
        for text in texts {
            if PREFIXES.iter().any(|prefix| text.starts_with(prefix)) && !sent.contains(text) {
                self.tenants[tenant].ids.insert(text.to_owned());
            } else if text.starts_with("v1.") {
                self.tenants[tenant].tokens.insert(text.to_owned());
            }
        }
    }

    /// Everything each tenant has, at the end: its own word, and nobody else's.
    async fn look_through(&mut self) -> Result<(), TestCaseError> {
        for tenant in 0..2 {
            let routes = self.routes.clone();
            for (route, (method, path)) in routes.iter().enumerate() {
                if *method == Method::GET {
                    for pick in 0..4 {
                        self.run(&Step { tenant, route, picks: [pick, pick, pick, 1] }).await?;
                    }
                } else if path == "/tools/memory-query" {
                    for picks in [[0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 2, 1], [0, 2, 0, 1], [1, 2, 0, 1]] {
                        self.run(&Step { tenant, route, picks }).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn strings<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, into)),
        _ => {}
    }
}

fn quietly(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, rng_seed: RngSeed::Fixed(20_261_125), ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_one_tenant_is_ever_told_to_another(steps in proptest::collection::vec(step(), 60..120)) {
        quietly(async {
            let mut world = World::new().await;
            for step in &steps {
                world.run(step).await?;
            }
            world.hark.work().await;
            world.look_through().await
        })?;
    }
}

/// The test above would say nothing if nothing happened: each tenant learns, is told of its own, and knows the other's ids.
#[tokio::test(start_paused = true)]
async fn both_tenants_have_something_to_tell() {
    let mut world = World::new().await;
    let routes = world.routes.len();
    for round in 0..6 {
        for route in 0..routes {
            for tenant in 0..2 {
                let picks = [round, route + round, round / 2, round];
                world.run(&Step { tenant, route, picks }).await.unwrap();
            }
        }
    }
    for (tenant, mark) in MARKS.iter().enumerate() {
        let ids = &world.tenants[tenant].ids;
        for prefix in ["usr_", "mem_", "job_", "key_", "whs_", "evt_", "aud_"] {
            assert!(ids.iter().any(|id| id.starts_with(prefix)), "{prefix} {ids:?}");
        }
        // Whoever was erased on the way has called again.
        let said = json!({"content": format!("Likes {mark}."), "caller_id": NUMBERS[0]});
        world.send(tenant, &Method::POST, "/tools/remember", "/tools/remember", &said).await;
        let body = json!({"query": mark, "caller_id": NUMBERS[0]});
        let told = world.send(tenant, &Method::POST, "/tools/memory-query", "/tools/memory-query", &body).await;
        assert!(told.text.contains(mark), "{}", told.text);
    }
}
