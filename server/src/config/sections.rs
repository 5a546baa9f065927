//! The fixed sections of config.toml, with their defaults. The doc comments are the configuration's
//! documentation: they end up in the JSON schema.

use super::missed::MissedConfig;
use super::secrets::Secrets;
use hark_core::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The server and its data folder.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port to listen on. Any address but loopback needs `auth.api_keys` and
    /// `elevenlabs.webhook_secrets` to be set explicitly.
    pub bind: String,
    /// The data folder; made if missing, readable by its owner only, used by one process at a time. Relative to
    /// the working directory.
    pub data_dir: PathBuf,
    /// Proxies in front of Hark, as addresses or networks (`10.0.0.0/8`). Only of these is `X-Forwarded-For` believed, from
    /// the right and as far as it names trusted ones; otherwise the client is the other end of the connection.
    pub trusted_proxies: Vec<String>,
    /// Largest body of the `/v1` routes, in bytes; larger ones are answered with 413.
    pub body_limit_bytes: usize,
    /// Largest body of the initiation webhook and the tool routes, in bytes.
    pub tools_body_limit_bytes: usize,
    /// Largest post-call event that is kept, in bytes.
    pub event_limit_bytes: usize,
    /// How long requests and jobs under way may take to finish after the first SIGTERM or SIGINT, in seconds.
    pub shutdown_grace_secs: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:8080".to_owned(),
            data_dir: PathBuf::from("./data"),
            trusted_proxies: Vec::new(),
            body_limit_bytes: 8 << 20,
            tools_body_limit_bytes: 256 << 10,
            event_limit_bytes: 25 << 20,
            shutdown_grace_secs: 20,
        }
    }
}

/// Who may ask. With no API key configured, one is generated into `credentials.toml` in the data folder.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// API keys, all valid at once; sent as `Authorization: Bearer <key>`.
    pub api_keys: Secrets,
    /// A file with further API keys, one a line.
    pub api_keys_file: Option<PathBuf>,
}

/// The side that faces ElevenLabs. With no webhook secret configured, one is generated into `credentials.toml`
/// in the data folder.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ElevenLabsConfig {
    /// Secrets the post-call webhook may be signed with, all valid at once, so that one can be exchanged
    /// without losing an event.
    pub webhook_secrets: Secrets,
    /// A file with further webhook secrets, one a line.
    pub webhook_secrets_file: Option<PathBuf>,
    /// A signature older than this is refused, in seconds.
    pub signature_max_age_secs: u64,
    /// A signature from further in the future than this is refused, in seconds.
    pub signature_max_future_secs: u64,
    /// Our own numbers. When the initiation webhook names one of them as the caller, the call is outbound and
    /// the other number is the human's.
    pub agent_numbers: Vec<String>,
    /// Further dynamic variables every conversation is started with, and their values: text, number or boolean.
    /// An agent that refers to a variable nobody sets cannot start a conversation at all.
    pub variables: BTreeMap<String, serde_json::Value>,
    /// How long a memory token counts, in seconds: longer than the longest call.
    pub token_ttl_secs: u64,
    /// After so long a tool call is answered that memory is unavailable, in milliseconds: a caller is on the line.
    /// A last resort above `recall.budget_ms`.
    pub tool_deadline_ms: u64,
    /// How calls that no webhook told of are found.
    pub reconcile: MissedConfig,
}

impl Default for ElevenLabsConfig {
    fn default() -> Self {
        Self {
            webhook_secrets: Secrets::default(),
            webhook_secrets_file: None,
            signature_max_age_secs: 30 * 60,
            signature_max_future_secs: 5 * 60,
            agent_numbers: Vec::new(),
            variables: BTreeMap::new(),
            token_ttl_secs: 3 * 60 * 60,
            tool_deadline_ms: 2000,
            reconcile: MissedConfig::default(),
        }
    }
}

/// Which backend plays which part, by its name in `[backends]`. The name of a kind does as well where no section
/// of that name is needed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RolesConfig {
    /// The truth: people, conversations, memories, links.
    pub memory: String,
    /// The durable queue and the inbox of raw events.
    pub jobs: String,
    /// Vectors; derived, rebuilt by `hark reindex`.
    pub vectors: String,
    /// Words; derived, rebuilt by `hark reindex`.
    pub keywords: String,
    /// What turns text into vectors; `none` for keyword search only.
    pub embedder: String,
    /// A chat model, or `none`: what extracts and summarises, always in the background.
    pub chat: String,
    /// What makes memories of a transcript: `by_prompt`, which asks `chat`; `by_rules`, which needs no model; a
    /// backend; or `auto`, which is by_prompt where there is a chat model, else by_rules.
    pub extractor: String,
    /// What gives a sentence a sector that came without one: `by_rules`, which needs no model; `by_prompt`, which
    /// asks `chat` while an agent may be waiting for what it told us to remember; or a backend.
    pub classifier: String,
    /// What keeps embeddings that were paid for, so that no text is paid for twice; `none` to keep them in memory
    /// only. Left out, it is the backend that plays `memory`, if it can.
    pub cache: Option<String>,
    /// What counts rates for all processes together; left out or `none`, every process counts for itself.
    pub limits: Option<String>,
}

impl Default for RolesConfig {
    fn default() -> Self {
        Self {
            memory: "main".to_owned(),
            jobs: "main".to_owned(),
            vectors: "lance".to_owned(),
            keywords: "words".to_owned(),
            embedder: "local".to_owned(),
            chat: "none".to_owned(),
            extractor: "auto".to_owned(),
            classifier: "by_rules".to_owned(),
            cache: None,
            limits: None,
        }
    }
}

/// Encryption of what people said. With no keys configured, a keyring is generated into `keys` in the data
/// folder on the first start. Without its keys, data cannot be read again: back them up apart from the data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EncryptionConfig {
    /// The keyring itself: a line `lookup <64 hex>`, then `seal <id> <64 hex>` from newest to oldest.
    pub keys: Option<Secret>,
    /// A file that holds the keyring.
    pub keys_file: Option<PathBuf>,
    /// A program, with its arguments, that writes the keyring to its standard output: that of a secret store, say. It is
    /// run at every start, and by commands that need the keys; no shell is involved, and nothing it writes is logged.
    pub keys_command: Option<Vec<String>>,
    /// For how long that program may run, in seconds, 1 to 300.
    pub keys_command_timeout_secs: u64,
}

impl Default for EncryptionConfig {
    fn default() -> Self {
        Self { keys: None, keys_file: None, keys_command: None, keys_command_timeout_secs: 10 }
    }
}

impl EncryptionConfig {
    /// Whether it can be meant.
    ///
    /// # Errors
    /// The key that is wrong, and what to do.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let set = [
            ("encryption.keys", self.keys.is_some()),
            ("encryption.keys_file", self.keys_file.is_some()),
            ("encryption.keys_command", self.keys_command.is_some()),
        ];
        let mut set = set.into_iter().filter(|(_, set)| *set).map(|(key, _)| key);
        if let (Some(first), Some(second)) = (set.next(), set.next()) {
            return Err((first, format!("is set and so is `{second}`; keep one of them")));
        }
        if self.keys_command.as_ref().is_some_and(|command| command.first().is_none_or(|p| p.trim().is_empty())) {
            return Err((
                "encryption.keys_command",
                "names no program; give it as [\"program\", \"argument\"]".to_owned(),
            ));
        }
        if !(1..=300).contains(&self.keys_command_timeout_secs) {
            return Err(("encryption.keys_command_timeout_secs", "must be 1 to 300".to_owned()));
        }
        Ok(())
    }
}

/// Background work.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// Jobs worked on at once, 1 to 256.
    pub concurrency: usize,
    /// For how long a job is held, in seconds, at least 5; prolonged while it runs. After a crash it is taken up
    /// again when this has passed.
    pub lease_secs: u64,
    /// How often the queue is asked for jobs of other processes and of due times, in milliseconds, at least 10.
    /// Jobs of this process start at once.
    pub poll_ms: u64,
    /// How often memories that are not indexed yet are looked for, in seconds.
    pub repair_secs: u64,
    /// How often vectors and words are compacted, in seconds.
    pub optimise_secs: u64,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { concurrency: 4, lease_secs: 60, poll_ms: 1000, repair_secs: 60, optimise_secs: 600 }
    }
}

/// What is logged, to the standard error stream. Nothing anybody said is ever logged.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// One JSON object a line, or lines for people.
    pub format: LogFormat,
    /// The least important level that is logged. Libraries log warnings at most.
    pub level: LogLevel,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Pretty,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What failed for good.
    Error,
    /// And what somebody should look at.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And how.
    Debug,
    /// Everything.
    Trace,
}
