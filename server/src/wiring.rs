//! Configuration and registry become an [`App`]: each backend is opened once, roles are given out, schemas are
//! brought up to date. Long, linear, boring.

use crate::app::{App, AuthSettings, ElevenLabsSettings, HttpSettings, RoleInfo, Settings};
use crate::config::{Choice, Config, Instance, Loaded, Plan};
use crate::credentials::Credentials;
use hark_core::ai::by_rules::{RuleClassifier, RuleExtractor};
use hark_core::backend::{Backend, OpenContext, Registry, Role};
use hark_core::crypt::{Keyring, Vault};
use hark_core::engine::Engine;
use hark_core::layer::Profiles;
use hark_core::store::Migration;
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

/// Open backends, by name.
#[derive(Debug)]
pub struct Backends {
    open: Vec<(Instance, Arc<dyn Backend>)>,
}

impl Backends {
    /// Opens every backend of the plan, once.
    ///
    /// # Errors
    /// What the factory says, with the backend's name in front.
    pub async fn open(plan: &Plan, registry: &Registry, around: &Surroundings<'_>) -> Result<Self> {
        let context = OpenContext {
            data_dir: around.data_dir.to_owned(),
            clock: around.clock.clone(),
            entropy: around.entropy.clone(),
        };
        let mut backends = Self { open: Vec::new() };
        for instance in &plan.instances {
            let section = serde_json::Value::Object(instance.options.clone());
            match registry.open(&instance.kind, section, &context).await {
                Ok(backend) => backends.open.push((instance.clone(), backend)),
                Err(e) => {
                    backends.close().await;
                    return Err(about(instance, e));
                }
            }
        }
        Ok(backends)
    }

    /// The schema steps that have not run yet, with the backend's name.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn pending(&self) -> Result<Vec<(String, Migration)>> {
        let mut pending = Vec::new();
        for (instance, backend) in &self.open {
            let Some(migrate) = backend.migrate() else { continue };
            let steps = migrate.pending().await.map_err(|e| about(instance, e))?;
            pending.extend(steps.into_iter().map(|step| (instance.name.clone(), step)));
        }
        Ok(pending)
    }

    /// Runs them.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn migrate(&self) -> Result<()> {
        for (instance, backend) in &self.open {
            if let Some(migrate) = backend.migrate() {
                migrate.run().await.map_err(|e| about(instance, e))?;
            }
        }
        Ok(())
    }

    /// Closes all of them. What fails is logged: there is nothing else left to do.
    pub async fn close(&self) {
        for (instance, backend) in &self.open {
            if let Err(error) = backend.close().await {
                tracing::warn!(backend = instance.name, %error, "could not be closed");
            }
        }
    }

    fn find(&self, name: &str) -> Option<&(Instance, Arc<dyn Backend>)> {
        self.open.iter().find(|(instance, _)| instance.name == name)
    }

    /// The part `role` of the backend that plays it. A backend that does not offer what its factory states says
    /// which key of its section switches it off, or has a defect.
    fn part<T>(&self, plan: &Plan, role: Role, part: impl Fn(&dyn Backend) -> Option<T>) -> Result<T> {
        let broken = |what: String| Error::new(ErrorKind::Internal, "wiring.part", what);
        let Choice::Backend(name) = plan.choice(role) else {
            return Err(broken(format!("nothing plays {}", role.name())));
        };
        let (_, backend) = self.find(name).ok_or_else(|| broken(format!("backend `{name}` is not open")))?;
        part(backend.as_ref()).ok_or_else(|| match backend.why_not(role) {
            Some(why) => Error::config(format!("roles.{}: backend `{name}` does not play it: {why}", role.name())),
            None => broken(format!("backend `{name}` states that it offers {} but does not", role.name())),
        })
    }

    fn optional<T>(&self, plan: &Plan, role: Role, part: impl Fn(&dyn Backend) -> Option<T>) -> Result<Option<T>> {
        match plan.choice(role) {
            Choice::Backend(_) => self.part(plan, role, part).map(Some),
            Choice::None | Choice::ByRules => Ok(None),
        }
    }

    fn roles(&self, plan: &Plan) -> Vec<RoleInfo> {
        let all = [
            Role::Memory,
            Role::Jobs,
            Role::Vectors,
            Role::Keywords,
            Role::Embedder,
            Role::Chat,
            Role::Extractor,
            Role::Classifier,
        ];
        let info = |role| match plan.choice(role) {
            Choice::Backend(name) => {
                let (instance, backend) = self.find(name)?;
                let (name, kind) = (instance.name.clone(), instance.kind.clone());
                Some(RoleInfo { role, instance: name, kind, backend: Some(backend.clone()) })
            }
            Choice::ByRules => Some(built_in(role, "by_rules")),
            Choice::None => Some(built_in(role, "none")),
        };
        all.into_iter().filter_map(info).collect()
    }
}

/// Builds the application over open backends. With `migrate`, schemas are brought up to date; without, a pending
/// step is refused.
///
/// # Errors
/// `Conflict` when steps are pending and may not be run; otherwise what the backends say.
pub async fn wire(
    loaded: &Loaded,
    plan: &Plan,
    backends: &Backends,
    around: &Surroundings<'_>,
    secrets: (&Credentials, Keyring),
    metrics: PrometheusHandle,
    migrate: bool,
) -> Result<App> {
    let (credentials, keyring) = secrets;
    if migrate {
        backends.migrate().await?;
    } else {
        refuse(&backends.pending().await?)?;
    }

    let extractor = backends.optional(plan, Role::Extractor, Backend::extractor)?;
    let classifier = backends.optional(plan, Role::Classifier, Backend::classifier)?;
    let engine = Engine {
        memory: backends.part(plan, Role::Memory, Backend::memory)?,
        jobs: backends.part(plan, Role::Jobs, Backend::jobs)?,
        vectors: backends.part(plan, Role::Vectors, Backend::vectors)?,
        keywords: backends.part(plan, Role::Keywords, Backend::keywords)?,
        embedder: backends.optional(plan, Role::Embedder, Backend::embedder)?.map(Profiles::same),
        chat: backends.optional(plan, Role::Chat, Backend::chat)?,
        extractor: extractor.unwrap_or_else(|| Arc::new(RuleExtractor)),
        classifier: classifier.unwrap_or_else(|| Arc::new(RuleClassifier)),
        vault: Vault::new(keyring, around.entropy.clone()),
        clock: around.clock.clone(),
        entropy: around.entropy.clone(),
    };
    if matches!(plan.choice(Role::Chat), Choice::Backend(_)) {
        tracing::warn!("roles.chat is set, but nothing in this version asks a chat model");
    }

    let config = &loaded.config;
    Ok(App::new(
        engine,
        config.recall.clone(),
        config.ingest.clone(),
        settings(config, credentials),
        backends.roles(plan),
        metrics,
    ))
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

fn built_in(role: Role, name: &str) -> RoleInfo {
    RoleInfo { role, instance: name.to_owned(), kind: name.to_owned(), backend: None }
}

fn about(instance: &Instance, error: Error) -> Error {
    let context = format!("backend `{}`: {}", instance.name, error.context());
    Error::new(error.kind(), "wiring.open", context).retriable(error.is_retriable()).with_source(error)
}
