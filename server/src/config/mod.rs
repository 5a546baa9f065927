//! Configuration. Later wins: built-in defaults, `config.toml`, environment variables `HARK_SECTION__KEY`, flags.
//!
//! The fixed sections are typed in [`sections`](self); a section of `[backends]` belongs to the factory of its
//! kind. Loading is pure but for the files it is told to read: nothing is opened before everything is checked.

mod backends;
mod layers;
mod limits;
mod missed;
mod problem;
mod schema;
mod secrets;
mod sections;
mod show;

pub use backends::{Choice, Instance, Plan};
pub use layers::{Flags, Loaded, Sources};
pub use limits::LimitsConfig;
pub(crate) use limits::proxies;
pub use missed::MissedConfig;
pub use schema::json_schema;
pub use secrets::Secrets;
pub(crate) use secrets::{read_file, read_lines};
pub use sections::{
    AuthConfig, ElevenLabsConfig, EncryptionConfig, LogConfig, LogFormat, LogLevel, RolesConfig, ServerConfig,
    WorkerConfig,
};
pub use show::show;

use hark_core::ai::by_prompt::PromptConfig;
use hark_core::cost::CostConfig;
use hark_core::decay::{DecayConfig, LinkConfig};
use hark_core::ingest::{IngestConfig, ReconcileConfig};
use hark_core::layer::{EmbeddingCacheConfig, Resilience};
use hark_core::people::IdentityConfig;
use hark_core::privacy::PrivacyConfig;
use hark_core::recall::RecallConfig;
use hark_core::receipts::ReceiptConfig;
use hark_core::redact::RedactionConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A section of `[backends]`: `kind` and that kind's own keys.
pub type Section = serde_json::Map<String, serde_json::Value>;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The server and its data folder.
    pub server: ServerConfig,
    /// Who may ask.
    pub auth: AuthConfig,
    /// The side that faces ElevenLabs.
    pub elevenlabs: ElevenLabsConfig,
    /// How callers are told apart.
    pub identity: IdentityConfig,
    /// What people may expect of what is remembered about them.
    pub privacy: PrivacyConfig,
    /// Which backend plays which part.
    pub roles: RolesConfig,
    /// Named backends. `kind` may be left out where the name is a kind's. Relative paths are meant from the data
    /// folder.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub backends: BTreeMap<String, Section>,
    /// Encryption of what people said.
    pub encryption: EncryptionConfig,
    /// How questions are answered.
    pub recall: RecallConfig,
    /// How models are waited for, asked again and left alone.
    pub resilience: Resilience,
    /// How calls are learnt from.
    pub ingest: IngestConfig,
    /// What is taken out of what callers say.
    pub redaction: RedactionConfig,
    /// How new memories are held against older ones.
    pub reconcile: ReconcileConfig,
    /// How memories and links fade, and what becomes of what has faded.
    pub decay: DecayConfig,
    /// When memories are linked.
    pub link: LinkConfig,
    /// How a chat model reads calls.
    pub extraction: PromptConfig,
    /// What models cost, and how much may be spent.
    pub cost: CostConfig,
    /// How embeddings that were paid for are remembered.
    pub embedding_cache: EmbeddingCacheConfig,
    /// For how long it is kept what agents were told.
    pub receipts: ReceiptConfig,
    /// Background work.
    pub worker: WorkerConfig,
    /// What is logged.
    pub log: LogConfig,
    /// How often, how much at once, how long.
    pub limits: LimitsConfig,
}

impl Default for Config {
    fn default() -> Self {
        // Kinds only: a default path here would stay behind when a file gives the name another kind.
        let backends = [("main", "sqlite"), ("lance", "lancedb"), ("words", "tantivy"), ("local", "local")]
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), Section::from_iter([("kind".to_owned(), kind.into())])))
            .collect();
        Self {
            server: ServerConfig::default(),
            auth: AuthConfig::default(),
            elevenlabs: ElevenLabsConfig::default(),
            identity: IdentityConfig::default(),
            privacy: PrivacyConfig::default(),
            roles: RolesConfig::default(),
            backends,
            encryption: EncryptionConfig::default(),
            recall: RecallConfig::default(),
            resilience: Resilience::default(),
            ingest: IngestConfig::default(),
            redaction: RedactionConfig::default(),
            reconcile: ReconcileConfig::default(),
            decay: DecayConfig::default(),
            link: LinkConfig::default(),
            extraction: PromptConfig::default(),
            cost: CostConfig::default(),
            embedding_cache: EmbeddingCacheConfig::default(),
            receipts: ReceiptConfig::default(),
            worker: WorkerConfig::default(),
            log: LogConfig::default(),
            limits: LimitsConfig::default(),
        }
    }
}

impl Config {
    /// What types alone cannot check.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    fn check(&self) -> Result<(), (&'static str, String)> {
        let at_least = |key, value: u64, least: u64| match value >= least {
            true => Ok(()),
            false => Err((key, format!("must be at least {least}"))),
        };
        at_least("server.body_limit_bytes", self.server.body_limit_bytes as u64, 1024)?;
        at_least("server.tools_body_limit_bytes", self.server.tools_body_limit_bytes as u64, 1024)?;
        at_least("server.event_limit_bytes", self.server.event_limit_bytes as u64, 1024)?;
        at_least("elevenlabs.signature_max_age_secs", self.elevenlabs.signature_max_age_secs, 1)?;
        at_least("elevenlabs.token_ttl_secs", self.elevenlabs.token_ttl_secs, 60)?;
        at_least("elevenlabs.tool_deadline_ms", self.elevenlabs.tool_deadline_ms, 1)?;
        at_least("worker.repair_secs", self.worker.repair_secs, 1)?;
        at_least("worker.optimise_secs", self.worker.optimise_secs, 1)?;
        at_least("worker.lease_secs", self.worker.lease_secs, 5)?;
        at_least("ingest.extract_timeout_secs", self.ingest.extract_timeout_secs, 1)?;
        at_least("worker.poll_ms", self.worker.poll_ms, 10)?;
        at_least("recall.budget_ms", self.recall.budget_ms, 1)?;
        let resilience = &self.resilience;
        at_least("resilience.interactive_timeout_ms", resilience.interactive_timeout_ms, 1)?;
        at_least("resilience.background_timeout_secs", resilience.background_timeout_secs, 1)?;
        at_least("resilience.retry_base_ms", resilience.retry_base_ms, 1)?;
        at_least("resilience.retry_cap_secs", resilience.retry_cap_secs, 1)?;
        at_least("resilience.breaker_failures", u64::from(resilience.breaker_failures), 1)?;
        at_least("resilience.breaker_open_secs", resilience.breaker_open_secs, 1)?;
        if resilience.retries > 10 {
            return Err(("resilience.retries", "must be 0 to 10".to_owned()));
        }
        if resilience.breaker_max_open_secs < resilience.breaker_open_secs {
            let remedy = "must be at least `breaker_open_secs`, since it is its limit";
            return Err(("resilience.breaker_max_open_secs", remedy.to_owned()));
        }
        if !(1..=256).contains(&self.worker.concurrency) {
            return Err(("worker.concurrency", "must be 1 to 256".to_owned()));
        }
        if self.auth.api_keys.iter().any(|k| k.expose().trim().is_empty()) {
            return Err(("auth.api_keys", "holds an empty key; leave the list empty to have one generated".to_owned()));
        }
        if self.elevenlabs.webhook_secrets.iter().any(|s| s.expose().trim().is_empty()) {
            return Err((
                "elevenlabs.webhook_secrets",
                "holds an empty secret; leave the list empty to have one generated".to_owned(),
            ));
        }
        self.encryption.check()?;
        self.extraction.check()?;
        self.identity.numbers().map_err(|remedy| ("identity.region", remedy))?;
        self.reconcile.check(self.roles.chat.trim() != "none")?;
        self.decay.check()?;
        self.link.check()?;
        self.cost.check()?;
        self.embedding_cache.check()?;
        self.receipts.check()?;
        self.privacy.retention.check()?;
        self.limits.check()?;
        self.elevenlabs.reconcile.check()?;
        proxies(&self.server.trusted_proxies).map_err(|remedy| ("server.trusted_proxies", remedy))?;
        for (name, value) in &self.elevenlabs.variables {
            if name.starts_with("system__") {
                return Err((
                    "elevenlabs.variables",
                    format!("`{name}` is the platform's own; it cannot be set, remove it"),
                ));
            }
            if !(value.is_string() || value.is_number() || value.is_boolean()) {
                return Err(("elevenlabs.variables", format!("`{name}` must be a text, a number or a boolean")));
            }
        }
        Ok(())
    }
}
