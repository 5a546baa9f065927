//! The section of configuration; pure, nothing is opened here.

use crate::catalogue::{BUILTIN, check_name};
use hark_core::backend::OpenContext;
use hark_core::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};

const MAX_THREADS: usize = 64;
const MAX_CACHE_TEXTS: usize = 1_000_000;

/// Embeddings computed in this process.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalConfig {
    /// `builtin`, which is part of the binary, or the name of a model fetched with `hark models fetch`.
    /// Vectors of two models are not comparable: after a change, `hark reindex`.
    pub model: String,
    /// Where fetched models are, one folder each; relative to the data folder.
    pub models_dir: PathBuf,
    /// Processor cores used at most, 1 to 64. With 2, a bulk job never keeps a caller's question waiting.
    pub threads: usize,
    /// Cosine from which two memories are linked, 0 to 1. Unset: what was measured for the model.
    pub link_threshold: Option<f32>,
    /// Questions whose vectors are kept in memory, for an hour at most, so that asking again costs nothing, and as many
    /// texts to be remembered beside them; 0 turns it off. The texts themselves are not kept. A thousand of each take
    /// about 3.4 MB.
    pub cache_texts: usize,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self {
            model: BUILTIN.to_owned(),
            models_dir: PathBuf::from("models"),
            threads: 2,
            link_threshold: None,
            cache_texts: 4096,
        }
    }
}

impl LocalConfig {
    /// Checks every field before anything is opened.
    ///
    /// # Errors
    /// `Config`, naming the field and its range.
    pub fn validate(&self) -> Result<()> {
        if self.model != BUILTIN {
            check_name(&self.model)?;
        }
        if !(1..=MAX_THREADS).contains(&self.threads) {
            return Err(Error::config(format!("threads: must be 1 to {MAX_THREADS}, not {}", self.threads)));
        }
        if self.link_threshold.is_some_and(|cosine| !(0.0..=1.0).contains(&cosine)) {
            return Err(Error::config("link_threshold: must be 0 to 1"));
        }
        if self.cache_texts > MAX_CACHE_TEXTS {
            return Err(Error::config(format!("cache_texts: must be at most {MAX_CACHE_TEXTS}")));
        }
        Ok(())
    }

    /// The folder of fetched models, absolute if the data folder is.
    pub fn models_dir(&self, context: &OpenContext) -> PathBuf {
        resolve(&self.models_dir, &context.data_dir)
    }
}

fn resolve(models_dir: &Path, data_dir: &Path) -> PathBuf {
    // `join` keeps an absolute path as it is.
    data_dir.join(models_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> serde_json::Result<LocalConfig> {
        serde_json::from_str(json)
    }

    #[test]
    fn an_empty_section_is_the_builtin_model() {
        let config = parse("{}").unwrap();
        assert_eq!(config, LocalConfig::default());
        assert_eq!(config.model, "builtin");
        config.validate().unwrap();
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let error = parse(r#"{"modell": "builtin"}"#).unwrap_err().to_string();
        assert!(error.contains("modell"), "{error}");
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_field() {
        for (json, field) in [
            (r#"{"threads": 0}"#, "threads"),
            (r#"{"threads": 65}"#, "threads"),
            (r#"{"link_threshold": 1.5}"#, "link_threshold"),
            (r#"{"cache_texts": 1000001}"#, "cache_texts"),
            (r#"{"model": "../elsewhere"}"#, "model"),
            (r#"{"model": ""}"#, "model"),
        ] {
            let error = parse(json).unwrap().validate().unwrap_err();
            assert_eq!(error.kind(), hark_core::ErrorKind::Config);
            assert!(error.context().starts_with(field), "{json}: {error}");
        }
    }

    #[test]
    fn a_relative_folder_is_meant_from_the_data_folder() {
        assert_eq!(resolve(Path::new("models"), Path::new("/data")), Path::new("/data/models"));
        assert_eq!(resolve(Path::new("/elsewhere"), Path::new("/data")), Path::new("/elsewhere"));
    }
}
