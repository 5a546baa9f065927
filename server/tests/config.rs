//! Configuration, from its sources to its errors. Alone in its binary, because one test sets the environment of a
//! child process that is this binary again.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use async_trait::async_trait;
use hark_core::backend::{Backend, Factory, OpenContext, Registry, Role};
use hark_core::{Error, ErrorKind, Result, Secret};
use hark_server::config::{Choice, Config, Flags, Loaded, Sources, json_schema, show};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Kinds with the bundle's names and roles, so that these tests need no backend.
macro_rules! kind {
    ($name:ident, $kind:literal, $($role:ident),+) => {
        struct $name;

        #[async_trait]
        impl Factory for $name {
            const KIND: &'static str = $kind;
            const ROLES: &'static [Role] = &[$(Role::$role),+];
            type Config = Options;

            async fn open(&self, _: Options, _: &OpenContext) -> Result<Arc<dyn Backend>> {
                Err(Error::new(ErrorKind::Unsupported, "test", "not to be opened"))
            }
        }
    };
}

/// Options of a backend.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// A file.
    path: Option<PathBuf>,
    /// A number.
    threads: usize,
    /// A secret.
    api_key: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { path: None, threads: 1, api_key: None }
    }
}

kind!(Sqlite, "sqlite", Memory, Jobs);
kind!(Lance, "lancedb", Vectors);
kind!(Tantivy, "tantivy", Keywords);
kind!(Local, "local", Embedder);
kind!(OpenAi, "openai", Embedder, Chat);

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register(Sqlite).register(Lance).register(Tantivy).register(Local).register(OpenAi);
    registry.register_stub("postgres", "postgres");
    registry
}

/// A folder with a config.toml.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { folder }
    }

    fn sources(&self, environment: &[(&str, &str)]) -> Sources {
        let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Sources { file: Some(self.folder.path().join("config.toml")), environment, flags: Flags::default() }
    }

    fn load(&self, environment: &[(&str, &str)]) -> Result<Loaded> {
        self.sources(environment).load()
    }

    /// The error of loading or of giving out roles.
    fn error(&self, environment: &[(&str, &str)]) -> String {
        let error = self.load(environment).and_then(|l| l.plan(&registry()).map(drop)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        error.context().to_owned()
    }
}

fn json(config: &Config) -> Value {
    serde_json::to_value(config).unwrap()
}

fn repository_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let fixture = Fixture::new("[server]\nbind = '127.0.0.1:1'\nshutdown_grace_secs = 7\n[worker]\nconcurrency = 2\n");
    let mut sources = fixture.sources(&[("HARK_SERVER__BIND", "127.0.0.1:2"), ("HARK_WORKER__POLL_MS", "50")]);
    sources.flags.bind = Some("127.0.0.1:3".to_owned());
    let config = sources.load().unwrap().config;
    assert_eq!(config.server.bind, "127.0.0.1:3", "flag");
    assert_eq!(config.worker.poll_ms, 50, "environment");
    assert_eq!((config.server.shutdown_grace_secs, config.worker.concurrency), (7, 2), "file");
    assert_eq!(config.worker.lease_secs, 60, "default");
    sources.flags.bind = None;
    assert_eq!(sources.load().unwrap().config.server.bind, "127.0.0.1:2", "environment over file");
}

#[test]
fn lists_in_variables_are_json_and_one_text_is_a_list_of_one() {
    let config = Fixture::new("")
        .load(&[
            ("HARK_AUTH__API_KEYS", r#"["one","two"]"#),
            ("HARK_ELEVENLABS__WEBHOOK_SECRETS", "wsec_only"),
            ("HARK_ELEVENLABS__AGENT_NUMBERS", r#"["+14155550199"]"#),
            ("HARK_ELEVENLABS__VARIABLES__TIER", "gold"),
            ("HARK_ROLES__EMBEDDER", "none"),
            ("HARK_LOG__FORMAT", "pretty"),
            ("HARK_RECALL__WEIGHTS__LINK", "0.5"),
        ])
        .unwrap()
        .config;
    assert_eq!(config.auth.api_keys.iter().map(Secret::expose).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(config.elevenlabs.webhook_secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["wsec_only"]);
    assert_eq!(config.elevenlabs.agent_numbers, ["+14155550199"]);
    assert_eq!(config.elevenlabs.variables["tier"], "gold");
    assert_eq!(config.roles.embedder, "none");
    assert_eq!(config.recall.weights.link, 0.5);
}

#[test]
fn foreign_and_empty_variables_do_not_count() {
    let foreign = [
        ("HARK_PORT", "tcp://10.0.0.1:80"),
        ("HARK_SERVICE_HOST", "10.0.0.1"),
        ("HARK_SERVER__BIND", ""),
        ("OTHER__KEY", "x"),
    ];
    assert_eq!(json(&Fixture::new("").load(&foreign).unwrap().config), json(&Config::default()));
}

#[test]
fn a_missing_file_is_an_error_only_when_it_was_named() {
    let fixture = Fixture::new("");
    let mut sources = fixture.sources(&[]);
    sources.file = Some(fixture.folder.path().join("none.toml"));
    let error = sources.load().unwrap_err();
    assert!(error.context().contains("none.toml: cannot be read"), "{error}");
    sources.file = None;
    // The tests run in the package's folder, where there is no config.toml.
    assert!(!Path::new("config.toml").exists());
    sources.load().unwrap();
}

#[test]
fn slips_name_source_key_and_remedy() {
    for (text, environment, wanted) in [
        ("[server]\nbnd = 'x'\n", ("", ""), "config.toml: server.bnd: unknown key; did you mean `bind`?"),
        ("[recal]\nbudget_ms = 1\n", ("", ""), "config.toml: recal: unknown key; did you mean `recall`?"),
        (
            "[recall.weights]\nlnk = 1.0\n",
            ("", ""),
            "config.toml: recall.weights.lnk: unknown key; did you mean `link`?",
        ),
        (
            "",
            ("HARK_RECALL__BUDGETMS", "300"),
            "environment variable HARK_RECALL__BUDGETMS: recall.budgetms: unknown key; did you mean `budget_ms`?",
        ),
        (
            "",
            ("HARK_RECALL__BUDGET_MS", "fast"),
            "HARK_RECALL__BUDGET_MS: recall.budget_ms: must be a whole number, not a text",
        ),
        ("[worker]\nconcurrency = 0\n", ("", ""), "config.toml: worker.concurrency: must be 1 to 256"),
        ("[resilience]\nretries = 11\n", ("", ""), "config.toml: resilience.retries: must be 0 to 10"),
        ("[resilience]\nbreaker_failures = 0\n", ("", ""), "resilience.breaker_failures: must be at least 1"),
        ("[resilience]\nbreaker_open_secs = 90\n", ("", ""), "resilience.breaker_max_open_secs: must be at least"),
        ("[log]\nformat = 'xml'\n", ("", ""), "config.toml: log.format: must be `json` or `pretty`"),
        ("[server]\nbind = 'a'\nbind = 'b'\n", ("", ""), "config.toml: line 3"),
        ("[elevenlabs.variables]\nsystem__time = ''\n", ("", ""), "config.toml: elevenlabs.variables: `system__time`"),
        ("[auth]\napi_keys = ['']\n", ("", ""), "config.toml: auth.api_keys: holds an empty key"),
        ("[cost]\ncurrency = 'euro'\n", ("", ""), "config.toml: cost.currency: must be three capital letters"),
        ("", ("HARK_COST__DAILY_STOP", "-1"), "HARK_COST__DAILY_STOP: cost.daily_stop: must be 0 to 1000000000"),
        (
            "[cost]\ndaily_warn = 2.0\ndaily_stop = 1.0\n",
            ("", ""),
            "config.toml: cost.daily_warn: is more than the stop of the same period",
        ),
        (
            "[cost.prices.m]\ninput_per_milion = 1\n",
            ("", ""),
            "cost.prices.m.input_per_milion: unknown key; did you mean `input_per_million`?",
        ),
        ("[decay]\narchive_below = 2.0\n", ("", ""), "config.toml: decay.archive_below: must be 0 to 1"),
        ("[decay.per_day]\nsemantic = -1.0\n", ("", ""), "config.toml: decay.per_day.semantic: must be 0 or greater"),
        (
            "[privacy.retention]\ntranscripts_days = 0\n",
            ("", ""),
            "config.toml: privacy.retention.transcripts_days: must be a number of days from 1 to 36500, or \"forever\"",
        ),
        (
            "[privacy.retention.tenants.acme]\ncallers_days = 'never'\n",
            ("", ""),
            "config.toml: privacy.retention.tenants.acme.callers_days: must be a number of days from 1 to 36500",
        ),
        (
            "[privacy.retention.tenants.acme]\ncaller_days = 5\n",
            ("", ""),
            "privacy.retention.tenants.acme.caller_days: unknown key; did you mean `callers_days`?",
        ),
        (
            "",
            ("HARK_PRIVACY__RETENTION__EVENTS_DAYS", "1.5"),
            "HARK_PRIVACY__RETENTION__EVENTS_DAYS: privacy.retention.events_days: must be a number of days from 1",
        ),
        ("", ("HARK_PRIVACY__RETENTION__EVERY_SECS", "0"), "privacy.retention.every_secs: must be at least 1"),
        ("[link]\nthreshold = 1.5\n", ("", ""), "config.toml: link.threshold: must be 0 to 1"),
        ("", ("HARK_DECAY__EVERY_SECS", "0"), "HARK_DECAY__EVERY_SECS: decay.every_secs: must be at least 1"),
        ("[reconcile]\ncandidates = 0\n", ("", ""), "config.toml: reconcile.candidates: must be 1 to 50"),
        ("[reconcile]\nmin_confidence = 1.5\n", ("", ""), "config.toml: reconcile.min_confidence: must be 0 to 1"),
        ("[reconcile]\njudge = 'jury'\n", ("", ""), "config.toml: reconcile.judge: must be"),
        (
            "",
            ("HARK_RECONCILE__JUDGE", "model"),
            "HARK_RECONCILE__JUDGE: reconcile.judge: is `model`, but `roles.chat` is `none`",
        ),
        ("[embedding_cache]\ndays = 0\n", ("", ""), "config.toml: embedding_cache.days: must be 1 to 36500"),
    ] {
        let error = Fixture::new(text).error(&[environment]);
        assert!(error.contains(wanted), "{error}\nshould hold\n{wanted}");
    }
}

#[test]
fn errors_do_not_quote_secrets() {
    for (text, environment) in [
        ("[auth]\napi_keys = 'hush\n", ("", "")),
        ("[auth]\napi_keys = { a = 'hush' }\n", ("", "")),
        ("[backends.openai]\napi_key = ['hush']\n", ("", "")),
        ("", ("HARK_ENCRYPTION__KEYS", r#"["hush"]"#)),
    ] {
        let error = Fixture::new(text).error(&[environment]);
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn wrong_roles_say_who_does_what() {
    for (text, wanted) in [
        (
            "[roles]\nvectors = 'main'\n",
            "config.toml: roles.vectors: backend `main` (sqlite) offers memory and jobs, not vectors; `lance` does",
        ),
        ("[roles]\nmemory = 'nobody'\n", "config.toml: roles.memory: there is no backend `nobody`; add a section"),
        ("[roles]\nmemory = 'none'\n", "config.toml: roles.memory: cannot be none"),
        ("[roles]\nextractor = 'main'\n", "offers memory and jobs, not extractor; kinds that do: none in this binary"),
        (
            "[backends.main]\nkind = 'postgres'\n",
            "config.toml: backends.main.kind: kind `postgres` is not in this binary",
        ),
        ("[backends.main]\nkind = 'sqlit'\n", "config.toml: backends.main.kind: unknown kind `sqlit`; known kinds: "),
        ("[backends.opnai]\nthreads = 1\n", "config.toml: backends.opnai: `kind` is missing; known kinds: "),
        (
            "[backends.main]\npth = 'x'\n",
            "config.toml: backends.main.pth: unknown key of kind `sqlite`; did you mean `path`?",
        ),
        ("[backends.local]\nthreads = 'many'\n", "config.toml: backends.local.threads: must be a whole number"),
    ] {
        let error = Fixture::new(text).error(&[]);
        assert!(error.contains(wanted), "{error}\nshould hold\n{wanted}");
    }
}

#[test]
fn the_defaults_fit_together_and_each_backend_is_opened_once() {
    let plan = Fixture::new("").load(&[]).unwrap().plan(&registry()).unwrap();
    let names: Vec<_> = plan.instances.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["main", "lance", "words", "local"]);
    assert_eq!(plan.choice(Role::Jobs), &Choice::Backend("main".to_owned()));
    assert_eq!(plan.choice(Role::Chat), &Choice::None);
    assert_eq!(plan.choice(Role::Extractor), &Choice::ByRules);
}

#[test]
fn prices_of_a_file_join_the_defaults_and_overrule_them() {
    let text = "[cost.prices]\n'my-model' = { input_per_million = 1 }\ngpt-4o-mini = { output_per_million = 2.5 }\n";
    let prices = Fixture::new(text).load(&[("HARK_COST__MONTHLY_STOP", "20")]).unwrap().config.cost.prices;
    assert_eq!((prices["my-model"].input_per_million, prices["my-model"].output_per_million), (1.0, 0.0));
    assert_eq!((prices["gpt-4o-mini"].input_per_million, prices["gpt-4o-mini"].output_per_million), (0.15, 2.5));
    assert!(prices.contains_key("gpt-4.1-mini"));
}

#[test]
fn embeddings_are_kept_beside_the_truth_unless_told_otherwise() {
    let choice = |text: &str| {
        let plan = Fixture::new(text).load(&[]).unwrap().plan(&registry()).unwrap();
        let names: Vec<_> = plan.instances.iter().map(|i| i.name.clone()).collect();
        (plan.choice(Role::Cache).clone(), names.contains(&"ram".to_owned()))
    };
    let ram = Choice::Backend("ram".to_owned());
    assert_eq!(choice("").0, Choice::None, "this sqlite cannot");
    assert_eq!(choice("[roles]\nmemory = 'ram'\n"), (ram.clone(), true));
    assert_eq!(choice("[roles]\nmemory = 'ram'\ncache = 'none'\n"), (Choice::None, true));
    assert_eq!(choice("[roles]\ncache = 'ram'\n"), (ram, true), "opened for this alone");
    let error = Fixture::new("[roles]\ncache = 'words'\n").error(&[]);
    assert!(error.contains("roles.cache: backend `words` (tantivy) offers keywords, not cache"), "{error}");
}

#[test]
fn rates_are_counted_by_every_process_for_itself_unless_told_otherwise() {
    let choice =
        |text: &str| Fixture::new(text).load(&[]).unwrap().plan(&registry()).unwrap().choice(Role::Limits).clone();
    assert_eq!(choice(""), Choice::None);
    assert_eq!(choice("[roles]\nlimits = 'none'\n"), Choice::None);
    assert_eq!(choice("[roles]\nlimits = 'ram'\n"), Choice::Backend("ram".to_owned()));
    let error = Fixture::new("[roles]\nlimits = 'words'\n").error(&[]);
    assert!(error.contains("roles.limits: backend `words` (tantivy) offers keywords, not limits"), "{error}");
}

#[test]
fn a_kinds_name_needs_no_section_and_a_section_of_that_name_no_kind() {
    let fixture = Fixture::new("[roles]\nmemory = 'ram'\njobs = 'ram'\n");
    let plan = fixture
        .load(&[("HARK_ROLES__EMBEDDER", "openai"), ("HARK_BACKENDS__OPENAI__API_KEY", "sk-1")])
        .unwrap()
        .plan(&registry())
        .unwrap();
    let openai = plan.instances.iter().find(|i| i.name == "openai").unwrap();
    assert_eq!((openai.kind.as_str(), &openai.options["api_key"]), ("openai", &Value::from("sk-1")));
    assert_eq!(plan.choice(Role::Memory), &Choice::Backend("ram".to_owned()));
    assert!(!plan.instances.iter().any(|i| i.name == "main"), "what nobody uses is not opened");
}

#[test]
fn nothing_secret_is_shown() {
    let loaded = Fixture::new("[backends.openai]\napi_key = 'sk-hush'\n")
        .load(&[("HARK_AUTH__API_KEYS", r#"["hush-1"]"#), ("HARK_ENCRYPTION__KEYS", "lookup hush")])
        .unwrap();
    let shown = show(&loaded.config).unwrap();
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("similarity = 0.48\n"), "{shown}");
    assert!(!format!("{:?}", loaded.config.auth).contains("hush"));
}

#[test]
fn what_is_shown_can_be_read_again() {
    let shown = show(&Config::default()).unwrap();
    assert_eq!(json(&Fixture::new(&shown).load(&[]).unwrap().config), json(&Config::default()));
}

#[test]
fn config_toml_says_exactly_the_defaults() {
    let file = repository_file("config.toml");
    let sources = Sources { file: Some(file.clone()), ..Sources::default() };
    let loaded = sources.load().unwrap();
    assert_eq!(json(&loaded.config), json(&Config::default()));

    let text = std::fs::read_to_string(file).unwrap();
    let written: Value = serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap();
    let mut missing = Vec::new();
    find_missing(&json(&Config::default()), Some(&written), &text, "", &mut missing);
    assert!(missing.is_empty(), "not in config.toml: {missing:?}");
}

/// Every key with a default must be written, every key without one must stand there as a comment.
fn find_missing(default: &Value, written: Option<&Value>, text: &str, at: &str, missing: &mut Vec<String>) {
    match default {
        Value::Object(map) => {
            for (name, value) in map {
                let written = written.and_then(|w| w.get(name));
                let here = format!("{at}{name}");
                if value.is_null() && !text.contains(&format!("\n# {name} = ")) {
                    missing.push(here);
                } else if !value.is_null() {
                    find_missing(value, written, text, &format!("{here}."), missing);
                }
            }
        }
        _ if written.is_none() => missing.push(at.trim_end_matches('.').to_owned()),
        _ => {}
    }
}

#[test]
fn the_schema_knows_every_kind_and_every_fixed_key() {
    let schema = json_schema(&registry());
    let branches = schema["properties"]["backends"]["additionalProperties"]["anyOf"].as_array().unwrap();
    let kinds: Vec<_> = branches.iter().map(|b| b["properties"]["kind"]["const"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["lancedb", "local", "openai", "ram", "sqlite", "tantivy"]);
    for section in json(&Config::default()).as_object().unwrap().keys() {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
    assert_eq!(json_schema(&registry()).to_string(), schema.to_string(), "stable");
}

#[test]
fn the_process_environment_counts() {
    if std::env::var_os("HARK_SERVER__BIND").is_some() {
        let loaded = Sources::of_process(None, Flags::default()).load().unwrap();
        assert_eq!(loaded.config.server.bind, "127.0.0.1:4711");
        assert_eq!(loaded.source("server.bind"), "environment variable HARK_SERVER__BIND");
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_environment_counts"])
        .env("HARK_SERVER__BIND", "127.0.0.1:4711")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}
