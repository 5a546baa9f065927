//! `hark models` of the bundle: the models of the built-in embedder.

use async_trait::async_trait;
use hark_core::Result;
use hark_plugins::local;
use hark_server::models::{Model, Models};
use std::path::Path;

pub(crate) struct LocalModels;

#[async_trait]
impl Models for LocalModels {
    fn list(&self, folder: &Path) -> Result<Vec<Model>> {
        let model = |m: local::ModelListing| Model { name: m.name, about: m.about, installed: m.installed };
        Ok(local::list(folder)?.into_iter().map(model).collect())
    }

    async fn fetch(
        &self,
        name: &str,
        source: Option<&str>,
        folder: &Path,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<()> {
        let source = source.unwrap_or("pip").parse()?;
        local::fetch(name, source, folder, |step| progress(step.to_string())).await?;
        Ok(())
    }
}
