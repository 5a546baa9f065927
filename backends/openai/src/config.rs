//! The section of configuration; nothing is opened here but the files that hold keys.

use hark_core::{Error, Result, Secret};
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Models whose width is known: name, and the numbers in a vector.
const KNOWN_WIDTHS: [(&str, usize); 3] =
    [("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072), ("text-embedding-ada-002", 1536)];
/// The models that can be asked for shorter vectors.
const SHORTENABLE: &str = "text-embedding-3-";
const MAX_DIMENSIONS: usize = 16_384;
/// OpenAI's own limit.
const MAX_BATCH: usize = 2048;
/// The default of `max_text_bytes`: no text of so many bytes has more tokens than OpenAI's models read (8191).
pub(crate) const TEXT_BYTES: usize = 8191;

/// How a server is held to the shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// By its schema, cut down to the subset that OpenAI and Azure accept.
    #[default]
    JsonSchema,
    /// By its schema as it is, limits of length and number included: llama.cpp, vLLM and others that build a
    /// grammar from it.
    FullSchema,
    /// To some JSON object; the schema is told in the instructions.
    JsonObject,
    /// Not at all; the schema is told in the instructions.
    None,
}

/// The field that bounds an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// What OpenAI asks for today.
    #[default]
    MaxCompletionTokens,
    /// What older servers know.
    MaxTokens,
}

/// OpenAI, or any server that speaks its API.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenAiConfig {
    /// Where the API is, up to and with its version; `/embeddings` and `/chat/completions` are put behind it.
    pub base_url: String,
    /// The key. Servers of your own may need none.
    pub api_key: Option<Secret>,
    /// More keys. One that is refused or limited rests for a while and the next one is tried.
    pub api_keys: Vec<Secret>,
    /// A file that holds the key; relative to the data folder.
    pub api_key_file: Option<PathBuf>,
    /// A file that holds keys, one a line; lines that start with `#` do not count. Relative to the data folder.
    pub api_keys_file: Option<PathBuf>,
    /// The header that carries the key: `authorization`, which sends it as a bearer token, or another, such as
    /// Azure's `api-key`, which sends it as it is.
    pub key_header: String,
    /// OpenAI's organisation, if the key belongs to several.
    pub organisation: Option<String>,
    /// OpenAI's project, likewise.
    pub project: Option<String>,
    /// Further headers of every request.
    pub headers: BTreeMap<String, Secret>,
    /// Further parameters in the address of every request, such as Azure's `api-version`.
    pub query: BTreeMap<String, Secret>,
    /// The proxy's address (http or https), or `none`. Unset: what the environment says (`HTTPS_PROXY`, …),
    /// and none for a server on this machine.
    pub proxy: Option<Secret>,
    /// How long connecting may take, in milliseconds; 1 to 60,000.
    pub connect_timeout_ms: u64,
    /// How long a request may take from start to end, in seconds, 1 to 3,600: the last resort. The deadlines
    /// that callers feel are shorter and set elsewhere.
    pub request_timeout_secs: u64,
    /// The model that embeds; empty: none.
    pub embedding_model: String,
    /// Numbers in a vector. Known for OpenAI's own models, to be given for others; where the model can be asked
    /// for shorter vectors, it is.
    pub dimensions: Option<usize>,
    /// Whether `dimensions` is sent. Unset: for the models that are known to heed it.
    pub send_dimensions: Option<bool>,
    /// Texts a request may bring, 1 to 2,048.
    pub max_batch: usize,
    /// Bytes of a text that are sent, 64 to 1,048,576; the rest is cut off. Lower it for a model that reads less.
    pub max_text_bytes: usize,
    /// Cosine from which two memories are linked, 0 to 1.
    pub link_threshold: f32,
    /// Put before questions, for models that want it (`query: ` for the e5 family).
    pub query_prefix: String,
    /// Put before memories (`passage: `); `{sector}` in it stands for the name of the memory's sector.
    pub document_prefix: String,
    /// The model that answers; empty: none.
    pub chat_model: String,
    /// 0 to 2. Unset: 0, and nothing for models that refuse any (o1, o3, o4, gpt-5).
    pub temperature: Option<f32>,
    /// How a server is held to the shape of an answer: `json_schema`, `full_schema`, `json_object` or `none`.
    pub structured: Structured,
    /// The field that bounds an answer: `max_completion_tokens` or `max_tokens`.
    pub max_tokens_field: MaxTokensField,
}

impl Default for OpenAiConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key: None,
            api_keys: Vec::new(),
            api_key_file: None,
            api_keys_file: None,
            key_header: "authorization".to_owned(),
            organisation: None,
            project: None,
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            proxy: None,
            connect_timeout_ms: 2_000,
            request_timeout_secs: 120,
            embedding_model: "text-embedding-3-small".to_owned(),
            dimensions: None,
            send_dimensions: None,
            max_batch: 256,
            max_text_bytes: TEXT_BYTES,
            link_threshold: 0.8,
            query_prefix: String::new(),
            document_prefix: String::new(),
            chat_model: "gpt-4o-mini".to_owned(),
            temperature: None,
            structured: Structured::default(),
            max_tokens_field: MaxTokensField::default(),
        }
    }
}

impl OpenAiConfig {
    /// Checks every field before anything is opened.
    ///
    /// # Errors
    /// `Config`, naming field and remedy.
    pub fn validate(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::config(what));
        self.base()?;
        if !(1..=60_000).contains(&self.connect_timeout_ms) {
            return wrong("connect_timeout_ms: must be 1 to 60000");
        }
        if !(1..=3_600).contains(&self.request_timeout_secs) {
            return wrong("request_timeout_secs: must be 1 to 3600");
        }
        if !(1..=MAX_BATCH).contains(&self.max_batch) {
            return wrong("max_batch: must be 1 to 2048");
        }
        if !(64..=1 << 20).contains(&self.max_text_bytes) {
            return wrong("max_text_bytes: must be 64 to 1048576");
        }
        if self.query_prefix.len().max(self.document_prefix.len()) > self.max_text_bytes / 2 {
            return wrong("query_prefix and document_prefix: must leave room for a text; see max_text_bytes");
        }
        if !(0.0..=1.0).contains(&self.link_threshold) {
            return wrong("link_threshold: must be 0 to 1");
        }
        if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            return wrong("temperature: must be 0 to 2");
        }
        if self.embedding_model.is_empty() && self.chat_model.is_empty() {
            return wrong("embedding_model and chat_model: both are empty; name the model that is wanted");
        }
        if !self.embedding_model.is_empty() {
            self.width()?;
        }
        Ok(())
    }

    /// The address everything is put behind.
    ///
    /// # Errors
    /// `Config`.
    pub(crate) fn base(&self) -> Result<Url> {
        let wrong = |what: &str| Error::config(format!("base_url: {what}"));
        let url = Url::parse(self.base_url.trim_end_matches('/'))
            .map_err(|_| wrong("is no address; write it like https://api.openai.com/v1"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("must start with http:// or https:// and a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a password; use api_key or headers"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must end with a path; put parameters into `query`"));
        }
        Ok(url)
    }

    /// Numbers in a vector of the embedding model.
    ///
    /// # Errors
    /// `Config`, when that is not known, or the model cannot do it.
    pub(crate) fn width(&self) -> Result<usize> {
        let model = &self.embedding_model;
        let known = KNOWN_WIDTHS.iter().find(|(name, _)| name == model).map(|(_, width)| *width);
        match (self.dimensions, known) {
            (None, Some(width)) => Ok(width),
            (None, None) => Err(Error::config(format!(
                "dimensions: is not known for embedding_model `{model}`; set it to the numbers in its vectors"
            ))),
            (Some(given), Some(width)) if given > width || (given != width && !self.sends_dimensions()) => {
                Err(Error::config(format!(
                    "dimensions: vectors of `{model}` have {width} numbers; remove it or correct it"
                )))
            }
            (Some(given), _) if !(1..=MAX_DIMENSIONS).contains(&given) => {
                Err(Error::config(format!("dimensions: must be 1 to {MAX_DIMENSIONS}")))
            }
            (Some(given), _) => Ok(given),
        }
    }

    /// Whether the width is part of the request.
    pub(crate) fn sends_dimensions(&self) -> bool {
        self.send_dimensions.unwrap_or_else(|| self.embedding_model.starts_with(SHORTENABLE))
    }

    /// All keys, each once, in the order of the section; files are read here.
    ///
    /// # Errors
    /// `Config`, when a file cannot be read or holds no key.
    pub(crate) fn keys(&self, data_dir: &Path) -> Result<Vec<Secret>> {
        let mut keys: Vec<Secret> = self.api_key.iter().chain(&self.api_keys).cloned().collect();
        let files = [("api_key_file", &self.api_key_file), ("api_keys_file", &self.api_keys_file)];
        for (key, file) in files.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?))) {
            keys.extend(read_keys(key, &data_dir.join(file))?);
        }
        keys.retain(|key| !key.expose().is_empty());
        let mut seen = Vec::with_capacity(keys.len());
        for key in keys {
            if !seen.contains(&key) {
                seen.push(key);
            }
        }
        Ok(seen)
    }
}

fn read_keys(key: &str, path: &Path) -> Result<Vec<Secret>> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::config(format!("{key}: cannot read {}: {e}", path.display())).with_source(e))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Secret> = lines.map(Secret::new).collect();
    if keys.is_empty() {
        return Err(Error::config(format!("{key}: {} holds no key; write one a line", path.display())));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::ErrorKind;
    use serde_json::json;

    fn parse(section: serde_json::Value) -> OpenAiConfig {
        serde_json::from_value(section).unwrap()
    }

    #[test]
    fn an_empty_section_is_openai_and_its_small_models() {
        let config = parse(json!({}));
        assert_eq!(config, OpenAiConfig::default());
        config.validate().unwrap();
        assert_eq!(config.width().unwrap(), 1536);
        assert!(config.keys(Path::new("unused")).unwrap().is_empty());
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_field() {
        for (section, field) in [
            (json!({"base_url": "api.openai.com"}), "base_url"),
            (json!({"base_url": "ftp://host/v1"}), "base_url"),
            (json!({"base_url": "https://user:pass@host/v1"}), "base_url"),
            (json!({"base_url": "https://host/v1?api-version=1"}), "base_url"),
            (json!({"connect_timeout_ms": 0}), "connect_timeout_ms"),
            (json!({"request_timeout_secs": 3601}), "request_timeout_secs"),
            (json!({"max_batch": 0}), "max_batch"),
            (json!({"max_text_bytes": 1}), "max_text_bytes"),
            (json!({"query_prefix": "x".repeat(5_000)}), "query_prefix"),
            (json!({"link_threshold": 1.5}), "link_threshold"),
            (json!({"temperature": 3}), "temperature"),
            (json!({"embedding_model": "", "chat_model": ""}), "embedding_model"),
            (json!({"embedding_model": "bge-m3"}), "dimensions"),
            (json!({"dimensions": 1537}), "dimensions"),
            (json!({"embedding_model": "text-embedding-ada-002", "dimensions": 512}), "dimensions"),
            (json!({"dimensions": 512, "send_dimensions": false}), "dimensions"),
            (json!({"embedding_model": "bge-m3", "dimensions": 0}), "dimensions"),
        ] {
            let error = parse(section.clone()).validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.context().starts_with(field), "{section}: {error}");
        }
        let unknown = serde_json::from_value::<OpenAiConfig>(json!({"api_keyz": "x"})).unwrap_err().to_string();
        assert!(unknown.contains("api_keyz"), "{unknown}");
    }

    #[test]
    fn widths_are_known_given_or_shortened() {
        let width = |section| parse(section).width().unwrap();
        assert_eq!(width(json!({"embedding_model": "text-embedding-3-large"})), 3072);
        assert_eq!(width(json!({"dimensions": 256})), 256);
        assert_eq!(width(json!({"embedding_model": "bge-m3", "dimensions": 1024})), 1024);
        assert!(!parse(json!({"embedding_model": "bge-m3"})).sends_dimensions());
        assert!(parse(json!({"embedding_model": "bge-m3", "send_dimensions": true})).sends_dimensions());
    }

    #[test]
    fn keys_come_from_everywhere_once_and_are_shown_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys"), "# ours\nsk-c\n\n  sk-a \n").unwrap();
        let config = parse(json!({
            "api_key": "sk-a", "api_keys": ["sk-b", 42], "api_keys_file": "keys",
            "headers": {"x-secret": "sk-h"}, "query": {"code": "sk-q"}, "proxy": "http://me:sk-p@proxy"
        }));
        let keys = config.keys(folder.path()).unwrap();
        assert_eq!(keys.iter().map(Secret::expose).collect::<Vec<_>>(), ["sk-a", "sk-b", "42", "sk-c"]);
        assert!(!format!("{config:?}{keys:?}").contains("sk-"), "{config:?}");

        std::fs::write(folder.path().join("keys"), "# none\n").unwrap();
        let error = config.keys(folder.path()).unwrap_err();
        assert!(error.context().starts_with("api_keys_file: "), "{error}");
        let error = parse(json!({"api_key_file": "gone"})).keys(folder.path()).unwrap_err();
        assert!(error.context().starts_with("api_key_file: cannot read"), "{error}");
    }
}
