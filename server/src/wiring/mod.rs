//! Configuration and registry become an [`App`]: each backend is opened once, roles are given out, schemas are
//! brought up to date. Long, linear, boring.

mod backends;
mod models;

pub use backends::Backends;
pub(crate) use backends::damaged;

use crate::app::{App, AuthSettings, ElevenLabsSettings, HttpSettings, Settings};
use crate::config::{Choice, Config, Loaded, Plan, proxies};
use crate::copy::refuse_unfinished;
use crate::credentials::Credentials;
use crate::missed::Missed;
use crate::running::Start;
use crate::spaces;
use hark_core::ai::by_prompt::{PromptClassifier, PromptExtractor};
use hark_core::ai::by_rules::{RuleClassifier, RuleExtractor};
use hark_core::ai::{ChatModel, Classifier, Extractor};
use hark_core::backend::{Backend, OpenContext, Registry, Role};
use hark_core::cost::Meter;
use hark_core::crypt::{Keyring, Vault, usable};
use hark_core::engine::Engine;
use hark_core::layer::EmbeddingTiers;
use hark_core::receipts::Recorder;
use hark_core::redact::Redactor;
use hark_core::store::{MemoryStore, Migration, Space};
use hark_core::{Clock, Entropy, Error, ErrorKind, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use models::Models;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time, chance, and where files go.
#[derive(Debug, Clone)]
pub struct Surroundings<'a> {
    /// The data folder, open and ours.
    pub data_dir: &'a Path,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// With what stores seal what they are handed in the clear; `None` for who reads and writes nothing of the kind.
    pub vault: Option<Vault>,
}

/// What was configured, and the kinds there are.
#[derive(Debug, Clone, Copy)]
pub struct Configured<'a> {
    /// The configuration.
    pub loaded: &'a Loaded,
    /// Who plays what.
    pub plan: &'a Plan,
    /// The kinds.
    pub registry: &'a Registry,
}

impl Surroundings<'_> {
    fn context(&self) -> OpenContext {
        OpenContext {
            data_dir: self.data_dir.to_owned(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            vault: self.vault.clone(),
        }
    }
}

/// Builds the application over open backends. With `migrate`, schemas are brought up to date; without, a pending
/// step is refused.
///
/// # Errors
/// `Conflict` when steps are pending and may not be run; otherwise what the backends say.
pub async fn wire(
    configured: &Configured<'_>,
    backends: &mut Backends,
    around: &Surroundings<'_>,
    secrets: (&Credentials, Keyring),
    metrics: PrometheusHandle,
    start: &Start,
) -> Result<App> {
    let (credentials, keyring) = secrets;
    let (loaded, plan) = (configured.loaded, configured.plan);
    if start.migrate {
        backends.migrate().await?;
    } else {
        refuse(&backends.pending().await?)?;
    }

    if let Some(truth) = backends.truth(plan) {
        refuse_unfinished(truth).await?;
    }

    let config = &loaded.config;
    let settings = settings(config, credentials)?;
    let memory = backends.part(plan, Role::Memory, Backend::memory)?;
    let numbers = config.identity.numbers().map_err(|remedy| Error::config(format!("identity.region: {remedy}")))?;
    let vault = Vault::new(keyring, around.entropy.clone()).with_numbers(numbers);
    let sealed = backends.sealed();
    usable(&vault, &sealed).await?;
    let meter = meter(config, &settings, &memory, around).await?;
    let cache = Arc::new(EmbeddingTiers::new(
        &config.embedding_cache,
        backends.optional(plan, Role::Cache, Backend::cache)?,
        vault.clone(),
        around.clock.clone(),
        settings.tenant.clone(),
    ));
    let redaction = Redactor::new(config.redaction.clone());
    let receipts = Recorder::new(
        config.receipts.clone(),
        memory.clone(),
        vault.clone(),
        around.clock.clone(),
        around.entropy.clone(),
    );
    let receipts = Arc::new(receipts.with_redaction(redaction.clone()));
    let mut models = Models::new(config.resilience.clone(), around, &meter, &cache);
    let embedder = backends.optional(plan, Role::Embedder, Backend::embedder)?;
    let embedder = embedder.map(|bare| models.embedder(name_of(plan, Role::Embedder), bare));
    let chat = backends.optional(plan, Role::Chat, Backend::chat)?;
    let chat = chat.map(|bare| models.chat(name_of(plan, Role::Chat), bare));
    let Readers { extractor, stand_in } = readers(config, plan, backends, chat.as_ref())?;
    let engine = Engine {
        memory,
        jobs: backends.part(plan, Role::Jobs, Backend::jobs)?,
        vectors: backends.part(plan, Role::Vectors, Backend::vectors)?,
        keywords: backends.part(plan, Role::Keywords, Backend::keywords)?,
        embedder,
        next: None,
        classifier: classifier(config, plan, backends, chat.as_ref())?,
        chat,
        embeddings: Some(cache),
        meter,
        receipts,
        extractor,
        stand_in,
        decay: config.decay,
        link: config.link,
        privacy: config.privacy.clone(),
        redaction,
        vault,
        clock: around.clock.clone(),
        entropy: around.entropy.clone(),
    };
    let find = async |space: &Space| backends.embedder_of(space, configured, around, &mut models).await;
    let engine = spaces::settle(engine, start.other_space, find).await?;
    let roles = backends.roles(plan);
    let app = App::new(engine, config.recall.clone(), config.ingest.clone(), settings, roles, metrics);
    let app = app.with_keys(backends.beside_the_truth(plan, Backend::keys)?);
    let app = app.with_rates(backends.optional(plan, Role::Limits, Backend::limits)?);
    let app = app.with_reconcile(config.reconcile.clone()).with_identity(config.identity.clone());
    let app = app.with_missed(missed(config)?).with_sealed(sealed);
    Ok(app.with_breakers(models.breakers()))
}

/// What asks the platform for missed calls, where there is a key for it.
fn missed(config: &Config) -> Result<Option<Missed>> {
    let settings = config.elevenlabs.reconcile.settings()?;
    settings.map(|settings| Missed::new(settings, config.server.event_limit_bytes)).transpose()
}

/// The name of the backend that plays the part; empty for what is built in.
fn name_of(plan: &Plan, role: Role) -> &str {
    match plan.choice(role) {
        Choice::Backend(name) => name,
        Choice::None | Choice::ByRules | Choice::ByPrompt => "",
    }
}

/// Who reads calls, and who reads them when the first stays away. Rules never do.
struct Readers {
    extractor: Arc<dyn Extractor>,
    stand_in: Option<Arc<dyn Extractor>>,
}

fn readers(config: &Config, plan: &Plan, backends: &Backends, chat: Option<&Arc<dyn ChatModel>>) -> Result<Readers> {
    let rules = || -> Arc<dyn Extractor> { Arc::new(RuleExtractor) };
    if let Some(backend) = backends.optional(plan, Role::Extractor, Backend::extractor)? {
        return Ok(Readers { extractor: backend, stand_in: Some(rules()) });
    }
    Ok(match (plan.choice(Role::Extractor), chat) {
        (Choice::ByPrompt, Some(chat)) => Readers {
            extractor: Arc::new(PromptExtractor::new(chat.clone(), config.extraction.clone())),
            stand_in: Some(rules()),
        },
        _ => Readers { extractor: rules(), stand_in: None },
    })
}

/// Who gives sentences a sector that came without one.
fn classifier(
    config: &Config,
    plan: &Plan,
    backends: &Backends,
    chat: Option<&Arc<dyn ChatModel>>,
) -> Result<Arc<dyn Classifier>> {
    if let Some(backend) = backends.optional(plan, Role::Classifier, Backend::classifier)? {
        return Ok(backend);
    }
    Ok(match (plan.choice(Role::Classifier), chat) {
        (Choice::ByPrompt, Some(chat)) => Arc::new(PromptClassifier::new(chat.clone(), &config.extraction)),
        _ => Arc::new(RuleClassifier),
    })
}

/// What is spent, from where the last process left it.
async fn meter(
    config: &Config,
    settings: &Settings,
    memory: &Arc<dyn MemoryStore>,
    around: &Surroundings<'_>,
) -> Result<Arc<Meter>> {
    let meter = Meter::new(&config.cost, settings.tenant.clone(), memory.clone(), around.clock.clone());
    meter.load().await?;
    Ok(Arc::new(meter))
}

fn settings(config: &Config, credentials: &Credentials) -> Result<Settings> {
    let server = &config.server;
    let wrong = |remedy| Error::config(format!("server.trusted_proxies: {remedy}"));
    let trusted_proxies = proxies(&server.trusted_proxies).map_err(wrong)?;
    let elevenlabs = &config.elevenlabs;
    Ok(Settings {
        http: HttpSettings {
            body_limit_bytes: server.body_limit_bytes,
            tools_body_limit_bytes: server.tools_body_limit_bytes,
            event_limit_bytes: server.event_limit_bytes,
            trusted_proxies,
            ..HttpSettings::default()
        },
        auth: AuthSettings { api_keys: credentials.api_keys.iter().cloned().collect() },
        elevenlabs: ElevenLabsSettings {
            webhook_secrets: credentials.webhook_secrets.iter().cloned().collect(),
            signature_max_age_secs: seconds(elevenlabs.signature_max_age_secs),
            signature_max_future_secs: seconds(elevenlabs.signature_max_future_secs),
            agent_numbers: elevenlabs.agent_numbers.clone(),
            variables: elevenlabs.variables.clone(),
            token_ttl_secs: seconds(elevenlabs.token_ttl_secs),
        },
        initiation_budget: Duration::from_millis(config.recall.initiation_budget_ms),
        tool_deadline: Duration::from_millis(elevenlabs.tool_deadline_ms),
        limits: config.limits.settings(),
        ..Settings::default()
    })
}

fn seconds(secs: u64) -> i64 {
    i64::try_from(secs).unwrap_or(i64::MAX)
}

fn refuse(pending: &[(String, Migration)]) -> Result<()> {
    if pending.is_empty() {
        return Ok(());
    }
    let steps: Vec<_> =
        pending.iter().map(|(backend, step)| format!("{backend} {}: {}", step.version, step.description)).collect();
    Err(Error::new(
        ErrorKind::Conflict,
        "migrate",
        format!("schema steps are pending ({}); run `hark migrate`, or start without --no-migrate", steps.join(", ")),
    ))
}
