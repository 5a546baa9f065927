//! The application: everything a request or a job needs, in one value that is cheap to clone.

use crate::access::Authenticator;
use crate::middleware::limits::{LimitSettings, Limits};
use crate::missed::Missed;
use hark_core::backend::{Backend, Role};
use hark_core::engine::Engine;
use hark_core::ingest::{Ingest, IngestConfig, ReconcileConfig};
use hark_core::layer::Breaker;
use hark_core::limit::RateLimiter;
use hark_core::people::{IdentityConfig, People};
use hark_core::privacy::AuditLog;
use hark_core::quality::Quality;
use hark_core::ram::RamRateLimiter;
use hark_core::recall::{CallerCache, Recall, RecallConfig};
use hark_core::store::{KeyStore, SealedStore};
use hark_core::{Scope, Secret, TenantId};
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How much a request may bring along.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Largest body of `/v1` routes, in bytes.
    pub body_limit_bytes: usize,
    /// Largest body of the initiation webhook and the tool routes, in bytes.
    pub tools_body_limit_bytes: usize,
    /// Largest post-call event that is kept, in bytes. Audio beyond it is still read to its end, checked and
    /// ignored, because ElevenLabs counts a refused delivery against the webhook.
    pub event_limit_bytes: usize,
    /// Where reading stops in any case, in bytes: nothing legitimate is larger.
    pub drain_limit_bytes: usize,
    /// Proxies in front of us, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            body_limit_bytes: 8 << 20,
            tools_body_limit_bytes: 256 << 10,
            event_limit_bytes: 25 << 20,
            drain_limit_bytes: 512 << 20,
            trusted_proxies: Vec::new(),
        }
    }
}

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub struct AuthSettings {
    /// Every key that is accepted as `Authorization: Bearer …`.
    pub api_keys: Vec<Secret>,
}

/// What is particular to ElevenLabs.
#[derive(Debug, Clone)]
pub struct ElevenLabsSettings {
    /// Live webhook secrets; an event signed with any of them is ours.
    pub webhook_secrets: Vec<Secret>,
    /// Oldest signature that counts, in seconds.
    pub signature_max_age_secs: i64,
    /// How far a signature may lie in the future, in seconds.
    pub signature_max_future_secs: i64,
    /// Our own lines: on an outbound call the *other* number is the human's.
    pub agent_numbers: Vec<String>,
    /// Further variables every agent refers to, with their neutral defaults (string, number or boolean).
    pub variables: BTreeMap<String, Value>,
    /// How long a memory token counts, in seconds: longer than the longest call.
    pub token_ttl_secs: i64,
}

impl Default for ElevenLabsSettings {
    fn default() -> Self {
        Self {
            webhook_secrets: Vec::new(),
            signature_max_age_secs: 1_800,
            signature_max_future_secs: 300,
            agent_numbers: Vec::new(),
            variables: BTreeMap::new(),
            token_ttl_secs: 3 * 3_600,
        }
    }
}

/// How durable work is done.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Jobs at once.
    pub concurrency: usize,
    /// How long a job is ours without a sign of life.
    pub lease: Duration,
    /// How long to wait at most before looking for due jobs.
    pub poll: Duration,
    /// How long running jobs may take to end on shutdown; then they are given back.
    pub drain: Duration,
    /// How often memories that are not indexed yet are looked for.
    pub repair_every: Duration,
    /// How often vectors and words are compacted.
    pub optimise_every: Duration,
    /// How often embeddings that are no longer needed, and old receipts, are removed.
    pub prune_every: Duration,
    /// How often to look whether what has faded is to be put away: of all processes, the first to look after
    /// `decay.every_secs` does it.
    pub decay_poll: Duration,
    /// How often to look whether what is older than it is kept is to be removed: of all processes, the first to look after
    /// `privacy.retention.every_secs` does it.
    pub retention_poll: Duration,
    /// How often to look whether it is time to ask the platform for calls that no webhook told of.
    pub missed_poll: Duration,
    /// How often to look whether anything is sealed by an older encryption key.
    pub reseal_poll: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            concurrency: 4,
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(20),
            repair_every: Duration::from_secs(60),
            optimise_every: Duration::from_secs(600),
            prune_every: Duration::from_secs(3_600),
            decay_poll: Duration::from_secs(60),
            retention_poll: Duration::from_secs(60),
            missed_poll: Duration::from_secs(60),
            reseal_poll: Duration::from_secs(10),
        }
    }
}

/// Everything the routes are told by configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The deployment's own tenant: that of configured keys and secrets. Its keys alone see to the deployment as a
    /// whole.
    pub tenant: TenantId,
    /// Sizes.
    pub http: HttpSettings,
    /// Keys.
    pub auth: AuthSettings,
    /// ElevenLabs.
    pub elevenlabs: ElevenLabsSettings,
    /// How often, how much at once, how long.
    pub limits: LimitSettings,
    /// After so long the initiation webhook answers with neutral values (`recall.initiation_budget_ms`).
    pub initiation_budget: Duration,
    /// After so long a tool call answers that memory is unavailable. A last resort above `recall.budget_ms`,
    /// which the recall itself keeps: a caller is on the line.
    pub tool_deadline: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tenant: TenantId::new("default"),
            http: HttpSettings::default(),
            auth: AuthSettings::default(),
            elevenlabs: ElevenLabsSettings::default(),
            limits: LimitSettings::default(),
            initiation_budget: Duration::from_millis(1_000),
            tool_deadline: Duration::from_millis(2_000),
        }
    }
}

/// Who plays a role, for `/health/ready`.
#[derive(Debug, Clone)]
pub struct RoleInfo {
    /// The role.
    pub role: Role,
    /// The name of the backend in the configuration, or `none`.
    pub instance: String,
    /// Its kind, or `none`.
    pub kind: String,
    /// The backend to ask how it is; `None` for what is built in or left out.
    pub backend: Option<Arc<dyn Backend>>,
}

/// Everything a request or a job needs.
#[derive(Clone)]
pub struct App {
    /// The open parts.
    pub engine: Engine,
    /// Who is calling.
    pub people: People,
    /// A conversation becomes memories.
    pub ingest: Ingest,
    /// A question becomes an answer.
    pub recall: Recall,
    /// How good what is remembered is.
    pub quality: Quality,
    /// What configuration says.
    pub settings: Arc<Settings>,
    /// Who plays which role.
    pub roles: Arc<[RoleInfo]>,
    /// The breaker of every backend that offers a model, by its name in the configuration.
    pub breakers: Arc<[(String, Arc<Breaker>)]>,
    /// Renders the metrics of this process.
    pub metrics: PrometheusHandle,
    /// Whether this process answers questions, so that what they need is worth keeping in its memory.
    pub answers: bool,
    /// Who may ask.
    pub access: Arc<Authenticator>,
    /// How often, and how much at once.
    pub limits: Arc<Limits>,
    /// Who has done what.
    pub audit: Arc<AuditLog>,
    /// What asks the platform for calls that no webhook told of; `None` without an API key for it.
    pub missed: Option<Arc<Missed>>,
    /// What keeps something sealed.
    pub sealed: Arc<[Arc<dyn SealedStore>]>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("tenant", &self.settings.tenant).finish_non_exhaustive()
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(
        engine: Engine,
        recall: RecallConfig,
        ingest: IngestConfig,
        settings: Settings,
        roles: Vec<RoleInfo>,
        metrics: PrometheusHandle,
    ) -> Self {
        let cache = Arc::new(CallerCache::new(recall.cache_mb));
        Self {
            limits: Arc::new(Limits::new(&settings.limits, Arc::new(RamRateLimiter::default()))),
            access: Arc::new(Authenticator::new(&engine, &settings, None)),
            people: People::new(engine.clone()),
            ingest: Ingest::new(engine.clone(), cache.clone(), ingest),
            recall: Recall::new(engine.clone(), cache, recall),
            quality: Quality::new(engine.clone()),
            audit: Arc::new(AuditLog::new(engine.memory.clone(), engine.clock.clone(), engine.entropy.clone())),
            engine,
            settings: Arc::new(settings),
            roles: roles.into(),
            breakers: Arc::default(),
            metrics,
            answers: true,
            missed: None,
            sealed: Arc::default(),
        }
    }

    /// The same, in a process that works off the queue and is asked nothing.
    #[must_use]
    pub fn unasked(self) -> Self {
        Self { answers: false, ..self }
    }

    /// Brings what the next question about a caller needs into memory. That it cannot be done is told to the log: the
    /// question finds its own way.
    pub(crate) async fn warm(&self, scope: &Scope) {
        if let Err(error) = self.recall.warm(scope).await {
            tracing::warn!(?error, "caller not warmed");
        }
    }

    /// The same, with the breakers its models stand behind.
    #[must_use]
    pub fn with_breakers(self, breakers: Vec<(String, Arc<Breaker>)>) -> Self {
        Self { breakers: breakers.into(), ..self }
    }

    /// The same, with a store of keys beside what is configured.
    #[must_use]
    pub fn with_keys(self, store: Option<Arc<dyn KeyStore>>) -> Self {
        let access = Authenticator::new(&self.engine, &self.settings, store);
        Self { access: Arc::new(access), ..self }
    }

    /// The same, counting rates by `rates`, which others may share; by itself where there is none.
    #[must_use]
    pub fn with_rates(self, rates: Option<Arc<dyn RateLimiter>>) -> Self {
        match rates {
            Some(rates) => Self { limits: Arc::new(Limits::new(&self.settings.limits, rates)), ..self },
            None => self,
        }
    }

    /// The same, sealing anew in these stores what older encryption keys have sealed.
    #[must_use]
    pub fn with_sealed(self, stores: Vec<Arc<dyn SealedStore>>) -> Self {
        Self { sealed: stores.into(), ..self }
    }

    /// The same, asking the platform for calls that no webhook told of.
    #[must_use]
    pub fn with_missed(self, missed: Option<Missed>) -> Self {
        Self { missed: missed.map(Arc::new), ..self }
    }

    /// The same, reconciling new memories as told.
    #[must_use]
    pub fn with_reconcile(self, reconcile: ReconcileConfig) -> Self {
        Self { ingest: self.ingest.with_reconcile(reconcile), ..self }
    }

    /// The same, telling callers apart as told.
    #[must_use]
    pub fn with_identity(self, identity: IdentityConfig) -> Self {
        Self { ingest: self.ingest.with_identity(identity), ..self }
    }

    /// The breaker of the backend of that name, if it has one.
    pub fn breaker(&self, backend: &str) -> Option<&Arc<Breaker>> {
        self.breakers.iter().find(|(name, _)| name == backend).map(|(_, breaker)| breaker)
    }

    /// The deployment's own tenant. What somebody asks is about the tenant of their key instead: see
    /// [`crate::tenant::TenantApp`].
    pub fn default_tenant(&self) -> &TenantId {
        &self.settings.tenant
    }
}

/// SHA-256; keys are compared as digests so that neither length nor content shows in the time it takes.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
