//! Configuration and registry become an [`App`]: each backend is opened once, roles are given out, schemas are
//! brought up to date. Long, linear, boring.

use crate::app::{App, AuthSettings, ElevenLabsSettings, HttpSettings, RoleInfo, Settings};
use crate::config::{Choice, Config, Instance, Loaded, Plan};
use crate::credentials::Credentials;
use crate::running::Start;
use crate::spaces;
use hark_core::ai::Embedder;
use hark_core::ai::by_rules::{RuleClassifier, RuleExtractor};
use hark_core::backend::{Backend, OpenContext, Registry, Role};
use hark_core::crypt::{Keyring, Vault};
use hark_core::engine::Engine;
<<<<<<< HEAD
use hark_core::layer::Profiles;
use hark_core::store::{Migration, Space};
=======
use hark_core::layer::{self, Breaker, Resilience};
use hark_core::store::Migration;
>>>>>>> layers
use hark_core::{Clock, Entropy, Error, ErrorKind, Result};
use metrics_exporter_prometheus::PrometheusHandle;
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
        OpenContext { data_dir: self.data_dir.to_owned(), clock: self.clock.clone(), entropy: self.entropy.clone() }
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

    let config = &loaded.config;
    let breakers = breakers(plan, &config.resilience);
    // Each model in its layers, behind its backend's one breaker.
    let guard = |role| match plan.choice(role) {
        Choice::Backend(name) => breakers.iter().find(|(known, _)| known == name),
        Choice::None | Choice::ByRules => None,
    };
    let embedder = backends.optional(plan, Role::Embedder, Backend::embedder)?;
    let embedder = embedder
        .zip(guard(Role::Embedder))
        .map(|(bare, (name, breaker))| layer::embedder(name, bare, &config.resilience, breaker, &around.entropy));
    let chat = backends.optional(plan, Role::Chat, Backend::chat)?;
    let chat = chat.zip(guard(Role::Chat)).map(|(bare, (name, breaker))| {
        layer::chat(name, bare, &config.resilience, breaker, &around.entropy).background
    });
    let extractor = backends.optional(plan, Role::Extractor, Backend::extractor)?;
    let classifier = backends.optional(plan, Role::Classifier, Backend::classifier)?;
    let engine = Engine {
        memory: backends.part(plan, Role::Memory, Backend::memory)?,
        jobs: backends.part(plan, Role::Jobs, Backend::jobs)?,
        vectors: backends.part(plan, Role::Vectors, Backend::vectors)?,
        keywords: backends.part(plan, Role::Keywords, Backend::keywords)?,
<<<<<<< HEAD
        embedder: backends.optional(plan, Role::Embedder, Backend::embedder)?.map(Profiles::same),
        next: None,
        chat: backends.optional(plan, Role::Chat, Backend::chat)?,
        stand_in: None,
=======
        embedder,
        chat,
>>>>>>> layers
        extractor: extractor.unwrap_or_else(|| Arc::new(RuleExtractor)),
        classifier: classifier.unwrap_or_else(|| Arc::new(RuleClassifier)),
        vault: Vault::new(keyring, around.entropy.clone()),
        clock: around.clock.clone(),
        entropy: around.entropy.clone(),
    };
    if matches!(plan.choice(Role::Chat), Choice::Backend(_)) {
        tracing::warn!("roles.chat is set, but nothing in this version asks a chat model");
    }

<<<<<<< HEAD
    let find = async |space: &Space| backends.embedder_of(space, configured, around).await;
    let engine = spaces::settle(engine, start.other_space, find).await?;

    let config = &loaded.config;
    Ok(App::new(
=======
    let app = App::new(
>>>>>>> layers
        engine,
        config.recall.clone(),
        config.ingest.clone(),
        settings(config, credentials),
        backends.roles(plan),
        metrics,
    );
    Ok(app.with_breakers(breakers))
}

/// One breaker for every backend that offers a model, whichever and however many.
fn breakers(plan: &Plan, config: &Resilience) -> Vec<(String, Arc<Breaker>)> {
    let mut breakers: Vec<(String, Arc<Breaker>)> = Vec::new();
    for role in [Role::Embedder, Role::Chat] {
        if let Choice::Backend(name) = plan.choice(role)
            && !breakers.iter().any(|(known, _)| known == name)
        {
            breakers.push((name.clone(), Breaker::new(name, config)));
        }
    }
    breakers
}

fn settings(config: &Config, credentials: &Credentials) -> Settings {
    let server = &config.server;
    let elevenlabs = &config.elevenlabs;
    Settings {
        http: HttpSettings {
            body_limit_bytes: server.body_limit_bytes,
            tools_body_limit_bytes: server.tools_body_limit_bytes,
            event_limit_bytes: server.event_limit_bytes,
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
        ..Settings::default()
    }
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

