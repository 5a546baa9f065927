//! `hark doctor`: everything that is configured is tried, and what is wrong is told with its remedy.
//!
//! Beside a running server the folder's stores are that server's: they are asked about over HTTP, and only the
//! models, which need no folder, are tried from here.

mod checks;
mod remedy;

use super::client::{Client, local_url};
use super::output::say;
use crate::config::{Choice, Instance, Loaded, Plan};
use crate::credentials::Credentials;
use crate::data_dir::DataDir;
use crate::keys;
use hark_core::backend::{Backend, OpenContext, Registry, Role};
use hark_core::{Error, ErrorKind, Result, SystemClock, SystemEntropy};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A part that takes longer to answer is not well. A local chat model may need most of it to load.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// What was tried, such as `embedder openai`.
    what: String,
    /// What is known of it, or what is wrong and how it is mended.
    told: Result<String, String>,
}

impl Finding {
    fn of(what: impl Into<String>, found: Result<String>, remedy: impl FnOnce(&Error) -> String) -> Self {
        let told = found.map_err(|error| match remedy(&error) {
            remedy if remedy.is_empty() => error.context().to_owned(),
            remedy => format!("{}; {remedy}", error.context()),
        });
        Self { what: what.into(), told }
    }

    fn line(&self) -> String {
        match &self.told {
            Ok(told) => format!("ok      {}: {told}", self.what),
            Err(wrong) => format!("failed  {}: {wrong}", self.what),
        }
    }
}

/// Tries everything.
///
/// # Errors
/// When something failed; what, was told line by line.
pub(super) async fn run(loaded: &Loaded, registry: &Registry) -> Result<()> {
    let mut failed = 0;
    let mut tell = |finding: Finding| {
        failed += usize::from(finding.told.is_err());
        say(finding.line());
    };
    // A wrong configuration ends here, with its own message: nothing else could be tried.
    let plan = loaded.plan(registry)?;
    tell(Finding { what: "configuration".to_owned(), told: Ok("fits together".to_owned()) });

    let folder = DataDir::open(&loaded.config.server.data_dir);
    let ours = folder.is_ok();
    match &folder {
        Ok(folder) => {
            tell(Finding { what: "data folder".to_owned(), told: Ok(folder.path().display().to_string()) });
            // As the first start does it: a store that is opened below may leave a database here, and one without its
            // keys beside it is refused.
            let keys = keys::ensure(&loaded.config, folder, &SystemEntropy).map(|_| "are there".to_owned());
            tell(Finding::of("encryption keys", keys, |_| String::new()));
        }
        Err(error) if error.kind() == ErrorKind::Conflict => {
            let asked = server(loaded).await;
            tell(Finding::of("running server", asked, |_| {
                "the data folder is in use: is its server configured like this?".to_owned()
            }));
        }
        Err(error) => tell(Finding { what: "data folder".to_owned(), told: Err(error.context().to_owned()) }),
    }

    let context = OpenContext {
        data_dir: loaded.config.server.data_dir.clone(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        vault: None,
    };
    let mut space = None;
    for instance in &plan.instances {
        let roles = roles_of(&plan, instance);
        if !ours && roles.iter().any(|role| !checks::is_model(*role)) {
            continue;
        }
        for finding in examine(registry, &context, instance, &roles, &mut space).await {
            tell(finding);
        }
    }
    if let Choice::None = plan.choice(Role::Embedder) {
        tell(Finding { what: "embedder".to_owned(), told: Ok("none: words alone answer".to_owned()) });
    }
    match failed {
        0 => Ok(()),
        n => Err(Error::new(ErrorKind::Unavailable, "doctor", format!("{n} checks failed, see above"))),
    }
}

fn roles_of(plan: &Plan, instance: &Instance) -> Vec<Role> {
    let plays = |role: &Role| matches!(plan.choice(*role), Choice::Backend(name) if *name == instance.name);
    Role::ALL.into_iter().filter(plays).collect()
}

/// Opens one backend and tries each part it plays.
async fn examine(
    registry: &Registry,
    context: &OpenContext,
    instance: &Instance,
    roles: &[Role],
    space: &mut Option<hark_core::store::Space>,
) -> Vec<Finding> {
    let name = format!("{} ({})", instance.name, instance.kind);
    let section = Value::Object(instance.options.clone());
    let opened = registry.open(&instance.kind, section, context).await;
    let backend = match opened {
        Ok(backend) => backend,
        Err(error) => {
            let wrong = Err::<String, _>(error);
            return vec![Finding::of(format!("backend {name}"), wrong, |e| remedy::opening(e, &instance.name))];
        }
    };
    let mut findings = Vec::new();
    for role in roles {
        let tried = tokio::time::timeout(PATIENCE, checks::part(&*backend, *role, space)).await;
        let late = || Error::new(ErrorKind::Timeout, "doctor", format!("no answer in {} s", PATIENCE.as_secs()));
        let found = tried.unwrap_or_else(|_| Err(late()));
        let what = format!("{} {name}", role.name());
        findings.push(Finding::of(what, found, |error| remedy::using(error, *role, &instance.name)));
    }
    close(&*backend).await;
    findings
}

async fn close(backend: &dyn Backend) {
    if let Err(error) = backend.close().await {
        tracing::warn!(%error, "could not be closed");
    }
}

/// How the running server says it is.
async fn server(loaded: &Loaded) -> Result<String> {
    let credentials = Credentials::read(&loaded.config, &loaded.config.server.data_dir)?;
    let url = local_url(&loaded.config);
    let client = Client::new(url.clone(), credentials.first_api_key()?.clone())?;
    let answer = client.get("/health/ready").await?;
    let status = answer.get("status").and_then(Value::as_str).unwrap_or("unknown");
    let roles = answer.get("roles").and_then(Value::as_object);
    let unwell: Vec<String> = roles
        .into_iter()
        .flatten()
        .filter_map(|(role, health)| {
            let status = health.get("status").and_then(Value::as_str)?;
            (!matches!(status, "ok" | "none")).then(|| format!("{role} {status}"))
        })
        .collect();
    match unwell.as_slice() {
        [] => Ok(format!("{url} is {status}")),
        unwell => {
            Err(Error::new(ErrorKind::Unavailable, "doctor", format!("{url} is {status}: {}", unwell.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Sources};
    use crate::running::{Running, Start};
    use crate::spaces::OtherSpace;
    use async_trait::async_trait;
    use hark_core::ai::{ChatModel, Embedder};
    use hark_core::backend::Factory;
    use hark_core::testkit::{FakeEmbedder, FlakyEmbedder, Script, ScriptedChat};
    use std::path::Path;

    /// Models that answer as the section says.
    struct Models;

    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    struct Section {
        /// The kind of error every embedding ends with; none for vectors.
        #[serde(default)]
        denied: bool,
        /// What the chat model says.
        #[serde(default)]
        says: String,
    }

    #[derive(Debug)]
    struct Opened(Section);

    #[async_trait]
    impl Factory for Models {
        const KIND: &'static str = "models";
        const ROLES: &'static [Role] = &[Role::Embedder, Role::Chat];
        type Config = Section;
        async fn open(&self, config: Section, _: &OpenContext) -> Result<Arc<dyn Backend>> {
            Ok(Arc::new(Opened(config)))
        }
    }

    #[async_trait]
    impl Backend for Opened {
        fn embedder(&self) -> Option<Arc<dyn Embedder>> {
            let script = if self.0.denied { Script::failing(ErrorKind::Denied) } else { Script::default() };
            Some(Arc::new(FlakyEmbedder::new(Arc::new(FakeEmbedder::default()), script)))
        }
        fn chat(&self) -> Option<Arc<dyn ChatModel>> {
            Some(Arc::new(ScriptedChat::new([self.0.says.clone()])))
        }
        async fn health(&self) -> Result<()> {
            Ok(())
        }
        async fn close(&self) -> Result<()> {
            Ok(())
        }
    }

    fn registry() -> Registry {
        let mut registry = Registry::new();
        registry.register(Models);
        registry
    }

    fn loaded(folder: &Path, section: &str) -> Loaded {
        let file = folder.join("config.toml");
        let roles = "[roles]\nmemory = 'ram'\njobs = 'ram'\nvectors = 'ram'\nkeywords = 'ram'\n";
        let models = format!("embedder = 'models'\nchat = 'models'\n[backends.models]\n{section}");
        std::fs::write(&file, format!("{roles}{models}")).unwrap();
        let flags = Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(folder.join("data")) };
        Sources { file: Some(file), environment: Vec::new(), flags }.load().unwrap()
    }

    async fn findings(section: &str, role: Role) -> Finding {
        let folder = tempfile::tempdir().unwrap();
        let loaded = loaded(folder.path(), section);
        let registry = registry();
        let plan = loaded.plan(&registry).unwrap();
        let instance = plan.instances.iter().find(|i| i.name == "models").unwrap();
        let context = OpenContext {
            data_dir: folder.path().to_owned(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            vault: None,
        };
        let mut space = None;
        examine(&registry, &context, instance, &[role], &mut space).await.remove(0)
    }

    #[tokio::test]
    async fn each_part_is_tried_and_told_with_model_width_and_remedy() {
        let well = findings("says = '{\"answer\": \"yes\"}'", Role::Embedder).await.line();
        assert!(well.starts_with("ok      embedder models (models): `fake-64`, 64 numbers, "), "{well}");
        let well = findings("says = '{\"answer\": \"yes\"}'", Role::Chat).await.line();
        assert!(well.starts_with("ok      chat models (models): `scripted`, "), "{well}");
        let denied = findings("denied = true", Role::Embedder).await.line();
        assert!(denied.starts_with("failed  embedder models (models): "), "{denied}");
        assert!(denied.contains("check api_key in [backends.models]"), "{denied}");
        let prose = findings("says = 'Certainly!'", Role::Chat).await.line();
        assert!(prose.contains("does not keep to a JSON schema") && prose.contains("chat_model"), "{prose}");
    }

    #[tokio::test]
    async fn it_ends_well_or_with_how_many_checks_failed() {
        let folder = tempfile::tempdir().unwrap();
        run(&loaded(folder.path(), "says = '{\"answer\": \"yes\"}'"), &registry()).await.unwrap();
        let error = run(&loaded(folder.path(), "denied = true\nsays = 'no'"), &registry()).await.unwrap_err();
        assert!(error.context().starts_with("2 checks failed"), "{error}");
    }

    #[tokio::test]
    async fn a_folder_that_was_looked_at_first_can_be_served_and_lost_keys_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = loaded(folder.path(), "says = '{\"answer\": \"yes\"}'");
        run(&loaded, &registry()).await.unwrap();
        let keys = loaded.config.server.data_dir.join("keys");
        assert!(keys.is_file());
        std::fs::remove_file(keys).unwrap();
        std::fs::write(loaded.config.server.data_dir.join("memory.db"), "").unwrap();
        let error = run(&loaded, &registry()).await.unwrap_err();
        assert!(error.context().starts_with("1 checks failed"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn beside_a_running_server_the_server_is_asked_and_only_models_are_tried() {
        let folder = tempfile::tempdir().unwrap();
        let mut loaded = loaded(folder.path(), "says = '{\"answer\": \"yes\"}'");
        let start = Start { http: true, worker: false, migrate: true, other_space: OtherSpace::Refuse };
        let running = Running::start(&loaded, &registry(), start).await.unwrap();
        loaded.config.server.bind = running.address.unwrap().to_string();
        assert!(server(&loaded).await.unwrap().ends_with(" is ready"));
        run(&loaded, &registry()).await.unwrap();
        running.stop().await;
    }
}
