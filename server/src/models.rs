//! The models of `hark models`: whoever builds a binary says where they come from.

use async_trait::async_trait;
use hark_core::Result;
use std::path::Path;

/// A model that is here or can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What stands in `model` of the section.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// Whether it can be used now.
    pub installed: bool,
}

/// A collection of models for the built-in embedder.
#[async_trait]
pub trait Models: Send + Sync {
    /// All that are in the folder or can be fetched by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self, folder: &Path) -> Result<Vec<Model>>;

    /// Puts a model into the folder, from `source` or from where it is usually found. `progress` is told lines
    /// for people. Answers what to set so that it is used.
    ///
    /// # Errors
    /// When it is not found, or is not what it should be.
    async fn fetch(
        &self,
        name: &str,
        source: Option<&str>,
        folder: &Path,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<()>;
}
