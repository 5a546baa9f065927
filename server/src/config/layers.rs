//! The layers, in order, and where each value came from.

use super::{Config, problem};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use hark_core::{Error, Result};
use std::path::{Path, PathBuf};

pub(super) const DEFAULTS: &str = "built-in defaults";
const DEFAULT_FILE: &str = "config.toml";
const PREFIX: &str = "HARK_";

/// What flags overrule.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `server.bind`
    pub bind: Option<String>,
    /// `server.data_dir`
    pub data_dir: Option<PathBuf>,
}

/// Where configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file that must exist; `None` for `./config.toml`, which need not.
    pub file: Option<PathBuf>,
    /// Environment variables, of which only `HARK_SECTION__KEY` count.
    pub environment: Vec<(String, String)>,
    /// What flags overrule.
    pub flags: Flags,
}

impl Sources {
    /// The given file, this process's environment, and the given flags.
    pub fn of_process(file: Option<PathBuf>, flags: Flags) -> Self {
        // A name or value that is not Unicode cannot be one of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { file, environment, flags }
    }

    /// Reads and checks everything that can be checked without a registry.
    ///
    /// # Errors
    /// `Config`, naming the source, the key and the remedy.
    pub fn load(&self) -> Result<Loaded> {
        let mut figment = Figment::new().merge(Layer::of(DEFAULTS, &Config::default())?);
        if let Some(file) = self.read_file()? {
            figment = figment.merge(file);
        }
        for variable in self.variables() {
            figment = figment.merge(variable);
        }
        for flag in self.flag_layers() {
            figment = figment.merge(flag);
        }
        let config: Config = figment.extract().map_err(|e| problem::explain(&figment, e))?;
        let loaded = Loaded { config, figment };
        loaded.config.check().map_err(|(key, what)| loaded.problem(key, what))?;
        Ok(loaded)
    }

    fn read_file(&self) -> Result<Option<Layer>> {
        let path = self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && self.file.is_none() => return Ok(None),
            Err(e) => return Err(Error::config(format!("{}: cannot be read: {e}", path.display())).with_source(e)),
        };
        let name = path.display().to_string();
        // The parser's own display quotes the line, which may hold a secret.
        let table: toml::Table = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Error::config(format!("{name}: line {line}: {}", e.message().replace('\n', ", ")))
        })?;
        Layer::of(name, &table).map(Some)
    }

    /// One layer a variable, so that an error can name it. Variables without `__` are not ours: Kubernetes gives
    /// every pod beside a service called `hark` a `HARK_PORT` and a `HARK_SERVICE_HOST`. An empty one counts as
    /// not set.
    fn variables(&self) -> Vec<Layer> {
        let mut variables: Vec<_> = self.environment.iter().filter(|(_, value)| !value.is_empty()).collect();
        variables.sort();
        variables
            .into_iter()
            .filter_map(|(name, value)| {
                let key = name.strip_prefix(PREFIX).filter(|key| key.contains("__"))?;
                let key = key.to_ascii_lowercase().replace("__", ".");
                Some(Layer::at(format!("environment variable {name}"), &key, parse(value)))
            })
            .collect()
    }

    fn flag_layers(&self) -> Vec<Layer> {
        let bind = self.flags.bind.clone().map(|v| Layer::at("--bind", "server.bind", Value::from(v)));
        let data_dir = self
            .flags
            .data_dir
            .as_ref()
            .map(|v| Layer::at("--data-dir", "server.data_dir", Value::from(v.to_string_lossy().into_owned())));
        bind.into_iter().chain(data_dir).collect()
    }
}

/// A variable's value: a list, an object or a quoted text is read as JSON; `true`, `false` and numbers are what
/// they look like if nothing is lost; everything else is text.
fn parse(value: &str) -> Value {
    let trimmed = value.trim();
    let looks_like_json = trimmed.starts_with(['[', '{', '"']);
    let Ok(json) = serde_json::from_str::<serde_json::Value>(trimmed) else { return Value::from(value) };
    let written_back = json.to_string();
    if looks_like_json || json.is_boolean() || (json.is_number() && written_back == trimmed) {
        return Value::serialize(json).unwrap_or_else(|_| Value::from(value));
    }
    Value::from(value)
}

/// A configuration and the memory of where each value came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    pub(super) figment: Figment,
}

impl Loaded {
    /// The source of the value at `key` (`roles.vectors`): a file, a variable, a flag or the defaults.
    pub fn source(&self, key: &str) -> String {
        problem::source(&self.figment, key).unwrap_or_else(|| DEFAULTS.to_owned())
    }

    /// An error about the value at `key`.
    pub fn problem(&self, key: &str, what: impl std::fmt::Display) -> Error {
        Error::config(format!("{}: {key}: {what}", self.source(key)))
    }
}

/// Values of one source.
#[derive(Debug, Clone)]
struct Layer {
    name: String,
    values: Dict,
}

impl Layer {
    fn of(name: impl Into<String>, values: &impl serde::Serialize) -> Result<Self> {
        let name = name.into();
        let value = Value::serialize(values).map_err(|e| Error::config(format!("{name}: {}", e.kind)))?;
        Ok(Self { name, values: value.into_dict().unwrap_or_default() })
    }

    fn at(name: impl Into<String>, key: &str, value: Value) -> Self {
        Self { name: name.into(), values: figment::util::nest(key, value).into_dict().unwrap_or_default() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_what_it_looks_like_only_if_nothing_is_lost() {
        for (text, wanted) in [
            ("400", Value::from(400u64)),
            ("true", Value::from(true)),
            ("0.5", Value::from(0.5)),
            ("007", Value::from("007")),
            ("1e3", Value::from("1e3")),
            ("sk-abc", Value::from("sk-abc")),
            ("\"400\"", Value::from("400")),
            ("[\"a\",\"b\"]", Value::from(vec!["a", "b"])),
            ("[not json", Value::from("[not json")),
        ] {
            assert_eq!(parse(text), wanted, "{text}");
        }
    }
}
