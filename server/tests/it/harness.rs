//! The whole application over its real router, on in-memory stores and fake models.

use super::fakes::{Facts, Letters, LettersBackend, Verbatim};
use super::stores::{SwitchedJobs, SwitchedMemory};
use super::switched_keys::SwitchedKeys;
use super::switches::Switches;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::Duration;
use hark_core::ai::Embedder;
use hark_core::backend::Role;
use hark_core::cost::{CostConfig, Meter};
use hark_core::engine::Engine;
use hark_core::layer::{self, Breaker, CachedEmbedder, EmbeddingTiers, MeteredEmbedder, Resilience};
use hark_core::privacy::{PrivacyConfig, RetentionConfig};
use hark_core::ram::{RamEmbeddingCache, RamJobQueue, RamKeyStore, RamKeywordStore, RamMemoryStore, RamVectorStore};
use hark_core::receipts::{ReceiptConfig, Recorder};
use hark_core::testkit::{MockClock, SeededEntropy, fixtures};
use hark_core::{Clock, Entropy, Secret};
use hark_server::app::{App, AuthSettings, ElevenLabsSettings, HttpSettings, RoleInfo, Settings, WorkerSettings};
use hark_server::elevenlabs::sign;
use hark_server::http::router;
use hark_server::middleware::limits::LimitSettings;
use hark_server::missed::Missed;
use hark_server::telemetry;
use hark_server::worker::Worker;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use tower::ServiceExt;

pub(crate) const KEY: &str = "hk_test_key";
pub(crate) const SECRET: &str = "wsec_test_secret";
pub(crate) const OLD_SECRET: &str = "wsec_old_secret";

/// One recorder a process, whichever test comes first.
static METRICS: LazyLock<PrometheusHandle> =
    LazyLock::new(|| telemetry::metrics().expect("the recorder is installed once"));

/// An application and what a test may turn.
pub(crate) struct Harness {
    pub(crate) app: App,
    pub(crate) clock: Arc<MockClock>,
    pub(crate) switches: Arc<Switches>,
    pub(crate) extractor: Arc<Verbatim>,
    pub(crate) embedding: Arc<LettersBackend>,
    pub(crate) keys: Arc<SwitchedKeys>,
    pub(crate) worker: Worker,
    router: Router,
}

impl Default for Harness {
    fn default() -> Self {
        Self::with(|_| {})
    }
}

impl Harness {
    /// With other settings.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::made(change, None, &CostConfig::default(), ReceiptConfig::default(), PrivacyConfig::default())
    }

    /// With an embedder that costs money, under a model's name.
    pub(crate) fn paying(model: &str, cost: &CostConfig) -> Self {
        Self::made(|_| {}, Some(model), cost, ReceiptConfig::default(), PrivacyConfig::default())
    }

    /// With receipts kept for so many days.
    pub(crate) fn keeping(keep_days: u32) -> Self {
        Self::made(|_| {}, None, &CostConfig::default(), ReceiptConfig { keep_days }, PrivacyConfig::default())
    }

    /// With what is remembered kept for so long.
    pub(crate) fn retaining(retention: RetentionConfig) -> Self {
        let privacy = PrivacyConfig { retention, ..PrivacyConfig::default() };
        Self::made(|_| {}, None, &CostConfig::default(), ReceiptConfig::default(), privacy)
    }

    fn made(
        change: impl FnOnce(&mut Settings),
        paid: Option<&str>,
        cost: &CostConfig,
        receipts: ReceiptConfig,
        privacy: PrivacyConfig,
    ) -> Self {
        let switches = Arc::new(Switches::default());
        let clock = Arc::new(MockClock::default());
        let extractor = Arc::new(Verbatim { switches: switches.clone(), asked: 0.into() });
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let embedding = Arc::new(LettersBackend::new(switches.clone()));
        let resilience = Resilience::default();
        let breaker = Breaker::new("letters", &resilience);
        let memory = Arc::new(SwitchedMemory { inner: RamMemoryStore::default(), switches: switches.clone() });
        let tenant = Settings::default().tenant;
        let meter = Arc::new(Meter::new(cost, tenant.clone(), memory.clone(), clock.clone()));
        let store = Arc::new(RamEmbeddingCache::default());
        let tiers = EmbeddingTiers::new(&Default::default(), Some(store), fixtures::vault(), clock.clone(), tenant);
        let tiers = Arc::new(tiers);
        let letters = match paid {
            Some(model) => Letters::paid(switches.clone(), model),
            None => Letters::new(switches.clone()),
        };
        let letters: Arc<dyn Embedder> = Arc::new(letters);
        let guarded = layer::embedder("letters", letters, &resilience, &breaker, &entropy);
        let engine = Engine {
            receipts: Arc::new(Recorder::new(
                receipts,
                memory.clone(),
                fixtures::vault(),
                clock.clone(),
                entropy.clone(),
            )),
            memory,
            jobs: Arc::new(SwitchedJobs { inner: RamJobQueue::default(), switches: switches.clone() }),
            vectors: Arc::new(RamVectorStore::default()),
            keywords: Arc::new(RamKeywordStore::default()),
            embedder: Some(CachedEmbedder::around(MeteredEmbedder::around(guarded, &meter), &tiers)),
            next: None,
            chat: None,
            stand_in: None,
            embeddings: Some(tiers),
            meter,
            extractor: extractor.clone(),
            classifier: Arc::new(Facts),
            decay: Default::default(),
            link: Default::default(),
            privacy,
            redaction: Default::default(),
            vault: fixtures::vault(),
            clock: clock.clone(),
            entropy,
        };
        let mut settings = Settings {
            auth: AuthSettings { api_keys: vec![Secret::new("hk_other"), Secret::new(KEY)] },
            elevenlabs: ElevenLabsSettings {
                webhook_secrets: vec![Secret::new(SECRET), Secret::new(OLD_SECRET)],
                agent_numbers: vec!["+15550100000".to_owned()],
                variables: [("plan".to_owned(), json!("none")), ("broken".to_owned(), json!(["list"]))].into(),
                ..ElevenLabsSettings::default()
            },
            http: HttpSettings { event_limit_bytes: 64 << 10, drain_limit_bytes: 256 << 10, ..HttpSettings::default() },
            // The clock stands still: what comes is one burst, and most tests are about something else.
            limits: LimitSettings { tools: None, webhooks: None, ..LimitSettings::default() },
            ..Settings::default()
        };
        change(&mut settings);
        let role = RoleInfo {
            role: Role::Embedder,
            instance: "letters".to_owned(),
            kind: "fake".to_owned(),
            backend: Some(embedding.clone()),
        };
        let keys = Arc::new(SwitchedKeys { inner: RamKeyStore::default(), switches: switches.clone() });
        let app = App::new(engine, Default::default(), Default::default(), settings, vec![role], METRICS.clone())
            .with_keys(Some(keys.clone()))
            .with_breakers(vec![("letters".to_owned(), breaker)]);
        let worker = Worker::new(app.clone(), WorkerSettings::default());
        Self { router: router(app.clone()), app, clock, switches, extractor, embedding, keys, worker }
    }

    /// The same on the same stores, as a process that has just started: no key was seen yet.
    pub(crate) fn with_fresh_keys(self) -> Self {
        let app = self.app.clone().with_keys(Some(self.keys.clone()));
        Self { router: router(app.clone()), app, ..self }
    }

    /// The same, asking the platform for calls that no webhook told of.
    pub(crate) fn with_missed(self, missed: Missed) -> Self {
        let app = self.app.clone().with_missed(Some(missed));
        let worker = Worker::new(app.clone(), WorkerSettings::default());
        Self { router: router(app.clone()), app, worker, ..self }
    }

    /// The same, with its application changed.
    pub(crate) fn changed(self, change: impl FnOnce(App) -> App) -> Self {
        let app = change(self.app.clone());
        Self { router: router(app.clone()), app, ..self }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        assert!(parts.headers.contains_key("x-request-id"), "every answer carries an id");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// With a valid key.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.raw(method, path, if body.is_null() { String::new() } else { body.to_string() }).await
    }

    pub(crate) async fn raw(&self, method: Method, path: &str, body: String) -> Answer {
        self.with_key(KEY, method, path, body).await
    }

    /// With this key.
    pub(crate) async fn with_key(&self, key: &str, method: Method, path: &str, body: String) -> Answer {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        self.send(request.body(Body::from(body)).expect("a request")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    /// An event, signed now.
    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        self.deliver_raw(event.to_string().as_bytes()).await
    }

    pub(crate) async fn deliver_raw(&self, body: &[u8]) -> Answer {
        self.deliver_signed(body, &[self.sign(body, 0)]).await
    }

    pub(crate) async fn deliver_signed(&self, body: &[u8], signatures: &[String]) -> Answer {
        let mut request = Request::post("/webhooks/post-call");
        for signature in signatures {
            request = request.header("ElevenLabs-Signature", signature);
        }
        self.send(request.body(Body::from(body.to_vec())).expect("a request")).await
    }

    /// The header for a body, signed so many seconds from now.
    pub(crate) fn sign(&self, body: &[u8], offset_secs: i64) -> String {
        sign(&Secret::new(SECRET), self.clock.now().timestamp() + offset_secs, body)
    }

    /// Does all work that is due; answers how many jobs ran.
    pub(crate) async fn work(&self) -> usize {
        self.worker.run_due().await.expect("the queue answers")
    }

    /// Delivers a call and learns from it.
    pub(crate) async fn learn(&self, event: &Value) {
        let delivery = self.deliver(event).await;
        assert_eq!(delivery.json["status"], "accepted", "{}", delivery.text);
        assert!(self.work().await > 0);
    }

    /// What the tool says.
    pub(crate) async fn ask(&self, body: Value) -> Value {
        let answer = self.post("/tools/memory-query", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json
    }

    /// Lets time pass.
    pub(crate) fn later(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    /// Asserts a problem document.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status.as_u16(), self.json["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["type"], format!("urn:hark:problem:{code}"));
        self
    }

    /// The contents of a list of memories.
    pub(crate) fn contents(&self) -> Vec<&str> {
        contents(&self.json["items"])
    }
}

pub(crate) fn contents(list: &Value) -> Vec<&str> {
    list.as_array().map(|items| items.iter().filter_map(|i| i["content"].as_str()).collect()).unwrap_or_default()
}

/// A call from a number, in which the caller said this.
pub(crate) fn call(conversation: &str, number: &str, said: &[&str]) -> Value {
    let mut transcript = vec![json!({"role": "agent", "message": "Hello, how can I help?", "time_in_call_secs": 0})];
    for (said, at) in said.iter().zip(3..) {
        transcript.push(json!({"role": "user", "message": said, "time_in_call_secs": at}));
        transcript.push(
            json!({"role": "agent", "message": null, "tool_calls": [{"tool_name": "lookup"}], "extra": {"a": [1]}}),
        );
    }
    json!({
        "type": "post_call_transcription",
        "event_timestamp": 1_795_341_724,
        "data": {
            "conversation_id": conversation,
            "agent_id": "agent_1",
            "status": "done",
            "transcript": transcript,
            "metadata": {
                "start_time_unix_secs": 1_795_341_600, "call_duration_secs": 95,
                "phone_call": {"direction": "inbound", "agent_number": "+15550100000", "external_number": number}
            },
            "analysis": null
        }
    })
}

/// A call about to begin.
pub(crate) fn ringing(conversation: &str, number: &str) -> Value {
    json!({"caller_id": number, "called_number": "+15550100000", "agent_id": "agent_1", "call_sid": "CA1",
        "conversation_id": conversation})
}
