//! Data folders and backups beside each other, for the tests of backups.

use super::fakes::{Letters, LettersBackend};
use super::switches::{Fault, Part, Switches};
use async_trait::async_trait;
use hark_core::ai::Embedder;
use hark_core::backend::{Backend, Factory, OpenContext, Registry, Role};
use hark_core::ingest::Call;
use hark_core::people::Claim;
use hark_core::testkit::fixtures;
use hark_core::{
    Clock, IdentityKind, RecallQuery, Result, Scope, Speaker, SystemClock, SystemEntropy, TenantId, Transcript,
};
use hark_server::backup::{Again, Manifest, Restored, Told, back_up, forget_again, restore, write_ledger};
use hark_server::config::{Flags, Loaded, Sources};
use hark_server::running::{Running, Start};
use hark_server::spaces::OtherSpace;
use hark_server::wiring::Surroundings;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) const NUMBERS: [&str; 4] = ["+4930111111", "+4930222222", "+4930333333", "+4930444444"];

/// What somebody says: each caller something else, and each call.
const THINGS: [&str; 8] = ["apricots", "bees", "candles", "drums", "eels", "ferns", "gravel", "honey"];
const PLACES: [&str; 3] = ["on the roof", "in the cellar", "at 12 Mill Lane in Leeds"];

/// What a caller is told, without what depends on the hour: what is as good as something else may stand before or after it.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    question: String,
    pub(crate) hits: BTreeSet<(String, String)>,
    said: BTreeSet<String>,
    degraded: Option<&'static str>,
}

pub(crate) struct Home(tempfile::TempDir);

/// Nobody listens.
pub(crate) fn silent() -> Told<'static> {
    Told { step: &|_| (), progress: &|_, _| () }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn registry() -> Registry {
        let mut registry = Registry::new();
        hark_sqlite::register(&mut registry);
        registry.register(LettersFactory);
        registry
    }

    pub(crate) fn loaded_with(&self, data: &str, more: &[(&str, &str)]) -> Loaded {
        let mut environment: Vec<(String, String)> = Vec::new();
        for (name, value) in [
            ("HARK_ROLES__MEMORY", "main"),
            ("HARK_ROLES__JOBS", "main"),
            ("HARK_ROLES__VECTORS", "ram"),
            ("HARK_ROLES__KEYWORDS", "ram"),
            ("HARK_ROLES__EMBEDDER", "letters"),
        ] {
            let value = more.iter().find(|(other, _)| *other == name).map_or(value, |(_, value)| value);
            environment.push((name.to_owned(), value.to_owned()));
        }
        let more = more.iter().filter(|(name, _)| !name.starts_with("HARK_ROLES"));
        environment.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let flags = Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(self.path(data)) };
        Sources { file: None, environment, flags }.load().expect("a configuration")
    }

    /// As [`Home::loaded_with`], with truth and queue of kind `brittle`.
    pub(crate) fn brittle(&self, data: &str) -> Loaded {
        self.loaded_with(data, &[("HARK_BACKENDS__MAIN__KIND", "brittle")])
    }

    pub(crate) async fn start(&self, data: &str) -> Result<Running> {
        let start = Start { http: true, worker: false, migrate: true, other_space: OtherSpace::Refuse };
        let running = Running::start(&self.loaded_with(data, &[]), &Self::registry(), start).await?;
        // What a worker does in the background: the words and vectors of these tests are gone with every process.
        running.app.ingest.reindex(true, &|_, _| ()).await?;
        Ok(running)
    }

    /// A started Hark that has learnt calls of everybody.
    pub(crate) async fn populated(&self, data: &str) -> Running {
        let running = self.start(data).await.expect("it starts");
        for (who, number) in NUMBERS.into_iter().enumerate() {
            for (nth, place) in PLACES.into_iter().enumerate() {
                let thing = THINGS[(3 * who + nth) % THINGS.len()];
                let said = format!("I keep {thing} {place}, and my order number is {who}{nth}7731.");
                self.call(&running, number, &format!("conv_{who}_{nth}"), &said).await;
            }
        }
        running
    }

    /// A call of two days ago is learnt.
    pub(crate) async fn call(&self, running: &Running, number: &str, id: &str, said: &str) {
        let now = SystemClock.now();
        let started_at = now - chrono::Duration::days(2);
        let turns = fixtures::transcript(&[(Speaker::Agent, "Hello, how can I help?"), (Speaker::User, said)]);
        let call = Call {
            conversation: id.into(),
            agent: None,
            claims: vec![Claim::new(IdentityKind::Phone, number)],
            transcript: Some(Transcript { started_at, ..turns }),
            started_at,
            duration_secs: Some(60),
            consent: None,
            received_at: now,
        };
        running.app.ingest.call(&tenant(), call).await.expect("it is learnt");
    }

    pub(crate) async fn scope(&self, running: &Running, number: &str) -> Scope {
        let claims = [Claim::new(IdentityKind::Phone, number)];
        let user = running.app.people.find(&tenant(), None, &claims).await.expect("an answer").expect("somebody");
        Scope { tenant: tenant(), caller: user.id }
    }

    /// Every question of everybody who is there.
    pub(crate) async fn recalls(&self, running: &Running) -> Vec<Answer> {
        let mut answers = Vec::new();
        for number in NUMBERS {
            let claims = [Claim::new(IdentityKind::Phone, number)];
            let Some(user) = running.app.people.find(&tenant(), None, &claims).await.expect("an answer") else {
                continue;
            };
            let scope = Scope { tenant: tenant(), caller: user.id };
            for thing in THINGS.into_iter().chain(PLACES).chain(["yellow submarine", "order number"]) {
                // More than anybody has, so that nothing falls out for being as good as something else.
                let question = RecallQuery { limit: 20, ..RecallQuery::new(format!("What about {thing}?")) };
                let told = running.app.recall.ask(&scope, &question).await.expect("an answer");
                let hit = |hit: &hark_core::Hit| {
                    let id = hit.memory().map_or_else(String::new, |memory| memory.id.to_string());
                    (id, hit.content().to_owned())
                };
                answers.push(Answer {
                    question: format!("{number} {}", question.text),
                    hits: told.hits.iter().map(hit).collect(),
                    said: told.hits.iter().filter_map(|hit| Some(hit.excerpt()?.text.clone())).collect(),
                    degraded: told.degraded,
                });
            }
        }
        answers
    }

    pub(crate) async fn back_up(&self, data: &str, into: &str, with_keys: bool) -> Result<Manifest> {
        self.back_up_loaded(&self.loaded_with(data, &[]), into, with_keys).await
    }

    pub(crate) async fn back_up_loaded(&self, loaded: &Loaded, into: &str, with_keys: bool) -> Result<Manifest> {
        let around = around(loaded);
        back_up(loaded, &Self::registry(), &around, (&self.path(into), with_keys), &|_| ()).await
    }

    pub(crate) async fn write_ledger(&self, data: &str, file: &str) -> Result<usize> {
        let loaded = self.loaded_with(data, &[]);
        write_ledger(&loaded, &Self::registry(), &around(&loaded), &self.path(file)).await
    }

    pub(crate) async fn restore(&self, data: &str, from: &str, ledger: Option<&str>) -> Result<Restored> {
        let ledger = ledger.map(|name| self.path(name));
        let loaded = self.loaded_with(data, &[]);
        restore(&loaded, &Self::registry(), &self.path(from), ledger.as_deref(), &silent()).await
    }

    pub(crate) async fn forget_again(&self, data: &str, ledger: &str) -> Result<Again> {
        let loaded = self.loaded_with(data, &[]);
        forget_again(&loaded, &Self::registry(), &self.path(ledger), &silent()).await
    }

    /// As an operator does who keeps the keys apart.
    pub(crate) fn copy_keys(&self, from: &str, to: &str) {
        std::fs::create_dir_all(self.path(to)).expect("a folder");
        std::fs::copy(self.path(from).join("keys"), self.path(to).join("keys")).expect("keys");
    }
}

fn around(loaded: &Loaded) -> Surroundings<'_> {
    let data_dir = &loaded.config.server.data_dir;
    Surroundings { data_dir, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy), vault: None }
}

fn tenant() -> TenantId {
    TenantId::new("default")
}

/// Kind `letters`.
struct LettersFactory;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct LettersConfig {
    /// Whether it does not answer.
    down: bool,
}

#[derive(Debug)]
struct Opened(Arc<Letters>, LettersBackend);

#[async_trait]
impl Factory for LettersFactory {
    const KIND: &'static str = "letters";
    const ROLES: &'static [Role] = &[Role::Embedder];
    type Config = LettersConfig;

    async fn open(&self, config: LettersConfig, _: &OpenContext) -> Result<Arc<dyn Backend>> {
        let switches = Arc::new(Switches::default());
        if config.down {
            switches.set(Part::Embedder, Fault::Down);
        }
        Ok(Arc::new(Opened(Arc::new(Letters::new(switches.clone())), LettersBackend::new(switches))))
    }
}

#[async_trait]
impl Backend for Opened {
    fn embedder(&self) -> Option<Arc<dyn Embedder>> {
        Some(self.0.clone())
    }

    async fn health(&self) -> Result<()> {
        self.1.health().await
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
