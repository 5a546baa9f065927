//! The section of configuration; pure, nothing is opened here.

use hark_core::{Error, Result, Secret};
use ollama_rs::generation::parameters::KeepAlive;
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Models whose width is known, as they come without a tag: other tags may be other sizes.
const KNOWN_WIDTHS: [(&str, usize); 6] = [
    ("all-minilm", 384),
    ("nomic-embed-text", 768),
    ("embeddinggemma", 768),
    ("mxbai-embed-large", 1024),
    ("bge-m3", 1024),
    ("snowflake-arctic-embed2", 1024),
];
const MAX_DIMENSIONS: usize = 16_384;
const MAX_BATCH: usize = 2048;
/// The default of `max_text_bytes`.
pub(crate) const TEXT_BYTES: usize = 8192;

/// An Ollama server.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OllamaConfig {
    /// Where the server is; `/api/…` is put behind it.
    pub base_url: String,
    /// Headers of every request, for a server behind a gate that asks for credentials.
    pub headers: BTreeMap<String, Secret>,
    /// The proxy's address (http or https), or `none`. Unset: what the environment says (`HTTPS_PROXY`, …),
    /// and none for a server on this machine.
    pub proxy: Option<Secret>,
    /// How long connecting may take, in milliseconds; 1 to 60,000.
    pub connect_timeout_ms: u64,
    /// How long a request may take from start to end, in seconds, 1 to 3,600; loading a model counts. The last
    /// resort: the deadlines that callers feel are shorter and set elsewhere.
    pub request_timeout_secs: u64,
    /// The model that embeds; empty: none.
    pub embedding_model: String,
    /// Numbers in a vector. Known for some models, to be given for others.
    pub dimensions: Option<usize>,
    /// Whether `dimensions` is sent, for models that can be asked for shorter vectors.
    pub send_dimensions: bool,
    /// Texts a request may bring, 1 to 2,048.
    pub max_batch: usize,
    /// Bytes of a text that are sent, 64 to 1,048,576; the rest is cut off. The server cuts again at what the
    /// model reads.
    pub max_text_bytes: usize,
    /// Cosine from which two memories are linked, 0 to 1.
    pub link_threshold: f32,
    /// Put before questions, for models that want it (`search_query: ` for nomic-embed-text).
    pub query_prefix: String,
    /// Put before memories (`search_document: `); `{sector}` in it stands for the name of the memory's sector.
    pub document_prefix: String,
    /// The model that answers; empty: none.
    pub chat_model: String,
    /// 0 to 2.
    pub temperature: f32,
    /// Tokens of question and answer together that the chat model is loaded for. Unset: the server's own number,
    /// which is small; a longer question is cut without a word.
    pub num_ctx: Option<u64>,
    /// Whether a model that can think before it answers does. Unset: as the model likes.
    pub think: Option<bool>,
    /// How long the server keeps a model loaded: a number with `s`, `m` or `h`, `-1` for ever, `0` not at all.
    /// Unset: five minutes, or what the server was started with.
    pub keep_alive: Option<String>,
}

impl Default for OllamaConfig {
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:11434".to_owned(),
            headers: BTreeMap::new(),
            proxy: None,
            connect_timeout_ms: 2_000,
            request_timeout_secs: 300,
            embedding_model: "all-minilm".to_owned(),
            dimensions: None,
            send_dimensions: false,
            max_batch: 256,
            max_text_bytes: TEXT_BYTES,
            link_threshold: 0.8,
            query_prefix: String::new(),
            document_prefix: String::new(),
            chat_model: String::new(),
            temperature: 0.0,
            num_ctx: None,
            think: None,
            keep_alive: None,
        }
    }
}

impl OllamaConfig {
    /// Checks every field before anything is opened.
    ///
    /// # Errors
    /// `Config`, naming field and remedy.
    pub fn validate(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::config(what));
        self.base()?;
        self.keep_alive()?;
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
        if !(0.0..=2.0).contains(&self.temperature) {
            return wrong("temperature: must be 0 to 2");
        }
        if self.num_ctx == Some(0) {
            return wrong("num_ctx: must be at least 1");
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
            .map_err(|_| wrong("is no address; write it like http://127.0.0.1:11434"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("must start with http:// or https:// and a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a password; use headers"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must end with a host or a path"));
        }
        Ok(url)
    }

    /// How long a model stays loaded.
    ///
    /// # Errors
    /// `Config`.
    pub(crate) fn keep_alive(&self) -> Result<Option<KeepAlive>> {
        let parse = |text: &String| {
            serde_json::from_value(text.as_str().into())
                .map_err(|_| Error::config("keep_alive: must be a number with s, m or h, or -1, or 0"))
        };
        self.keep_alive.as_ref().map(parse).transpose()
    }

    /// Numbers in a vector of the embedding model.
    ///
    /// # Errors
    /// `Config`, when that is not known, or the model cannot do it.
    pub(crate) fn width(&self) -> Result<usize> {
        let model = self.embedding_model.strip_suffix(":latest").unwrap_or(&self.embedding_model);
        let known = KNOWN_WIDTHS.iter().find(|(name, _)| *name == model).map(|(_, width)| *width);
        match (self.dimensions, known) {
            (None, Some(width)) => Ok(width),
            (None, None) => Err(Error::config(format!(
                "dimensions: is not known for embedding_model `{model}`; set it to the numbers in its vectors \
                 (`ollama show {model}` says them)"
            ))),
            (Some(given), Some(width)) if given > width || (given != width && !self.send_dimensions) => {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::ErrorKind;
    use serde_json::json;

    fn parse(section: serde_json::Value) -> OllamaConfig {
        serde_json::from_value(section).unwrap()
    }

    #[test]
    fn an_empty_section_embeds_on_this_machine() {
        let config = parse(json!({}));
        assert_eq!(config, OllamaConfig::default());
        config.validate().unwrap();
        assert_eq!(config.width().unwrap(), 384);
        assert_eq!(parse(json!({"embedding_model": "bge-m3:latest"})).width().unwrap(), 1024);
        assert_eq!(
            parse(json!({"embedding_model": "bge-m3", "dimensions": 256, "send_dimensions": true})).width().unwrap(),
            256
        );
        for text in ["10m", "30s", "2h", "-1", "0"] {
            assert!(parse(json!({"keep_alive": text})).keep_alive().unwrap().is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_field() {
        for (section, field) in [
            (json!({"base_url": "localhost"}), "base_url"),
            (json!({"base_url": "unix:///run/ollama"}), "base_url"),
            (json!({"base_url": "http://user:pass@host"}), "base_url"),
            (json!({"base_url": "http://host?x=1"}), "base_url"),
            (json!({"connect_timeout_ms": 0}), "connect_timeout_ms"),
            (json!({"request_timeout_secs": 3601}), "request_timeout_secs"),
            (json!({"max_batch": 2049}), "max_batch"),
            (json!({"max_text_bytes": 1}), "max_text_bytes"),
            (json!({"document_prefix": "x".repeat(5_000)}), "query_prefix and document_prefix"),
            (json!({"link_threshold": -0.5}), "link_threshold"),
            (json!({"temperature": 3}), "temperature"),
            (json!({"num_ctx": 0}), "num_ctx"),
            (json!({"keep_alive": "a while"}), "keep_alive"),
            (json!({"embedding_model": ""}), "embedding_model"),
            (json!({"embedding_model": "all-minilm:33m"}), "dimensions"),
            (json!({"dimensions": 256}), "dimensions"),
            (json!({"dimensions": 512, "send_dimensions": true}), "dimensions"),
            (json!({"embedding_model": "own", "dimensions": 0}), "dimensions"),
        ] {
            let error = parse(section.clone()).validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.context().starts_with(field), "{section}: {error}");
        }
        let unknown = serde_json::from_value::<OllamaConfig>(json!({"modell": "x"})).unwrap_err().to_string();
        assert!(unknown.contains("modell"), "{unknown}");
    }

    #[test]
    fn secrets_are_shown_nowhere() {
        let config = parse(json!({"headers": {"authorization": "Bearer sk-a"}, "proxy": "http://me:sk-b@proxy"}));
        assert!(!format!("{config:?}").contains("sk-"), "{config:?}");
    }
}
