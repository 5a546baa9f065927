//! Text becomes a vector.

use super::Usage;
use crate::store::Space;
use crate::{Result, Sector};
use async_trait::async_trait;
use std::borrow::Cow;
use std::fmt::Debug;

/// What an embedder says of itself. Constant for its life.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedderInfo {
    /// The space its vectors live in: model and width.
    pub space: Space,
    /// At most so many texts a call.
    pub max_batch: usize,
    /// Cosine from which two memories are taken to be about the same thing; spaces differ, so each embedder
    /// states its own. 0.8 where nothing better is known.
    pub link_threshold: f32,
    /// Whether asking it costs a request to another system, and perhaps money: what it says is then worth
    /// keeping, and it is not asked to embed everything anew without being told to.
    pub remote: bool,
}

/// What a text is embedded for; some models are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A question.
    Query,
    /// A memory, of a sector if known.
    Document(Option<Sector>),
}

/// In a prefix for memories it stands for the sector's name.
const SECTOR: &str = "{sector}";

impl Purpose {
    /// What is put before a text: `query` before a question; before a memory `document`, in which `{sector}` stands for the
    /// name of its sector, and for `memory` where the sector is not known. So models that follow instructions embed
    /// "passage about an episodic event: …" apart from what is semantic; a model without prefixes takes both empty.
    pub fn prefix<'a>(self, query: &'a str, document: &'a str) -> Cow<'a, str> {
        match self {
            Self::Query => Cow::Borrowed(query),
            Self::Document(_) if !document.contains(SECTOR) => Cow::Borrowed(document),
            Self::Document(sector) => Cow::Owned(document.replace(SECTOR, sector.map_or("memory", Sector::name))),
        }
    }
}

/// Vectors, and what they cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedded {
    /// One vector a text, in the order of the texts.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read, as the provider counted them; zero where nobody counts because nothing is paid.
    pub usage: Usage,
}

impl Embedded {
    /// Vectors that cost nothing.
    pub fn free(vectors: Vec<Vec<f32>>) -> Self {
        Self { vectors, usage: Usage::default() }
    }
}

/// A model that embeds.
#[async_trait]
pub trait Embedder: Debug + Send + Sync + 'static {
    /// What it is.
    fn info(&self) -> &EmbedderInfo;

    /// One vector a text, in order, of unit length and the declared width. The same text gives the same vector
    /// (within 1e-4), alone or in a batch. No texts give no vectors. An empty or senseless text gives a valid
    /// vector too. More than `max_batch` texts are an error of kind `Invalid`.
    async fn embed(&self, texts: &[String], purpose: Purpose) -> Result<Embedded>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_can_name_the_sector() {
        let put = |purpose: Purpose, document: &str| purpose.prefix("query: ", document).into_owned();
        let told = "about {sector} things: ";
        assert_eq!(put(Purpose::Document(Some(Sector::Emotional)), told), "about emotional things: ");
        assert_eq!(put(Purpose::Document(None), told), "about memory things: ");
        assert_eq!(put(Purpose::Query, told), "query: ");
        assert_eq!(put(Purpose::Document(Some(Sector::Emotional)), "passage: "), "passage: ");
    }
}
