//! `hark models`

use super::ModelsCommand;
use super::output::{Progress, say};
use crate::config::Config;
use crate::models::Models;
use hark_core::{Error, ErrorKind, Result};
use serde_json::Value;
use std::path::PathBuf;

pub(super) async fn run(config: &Config, models: Option<&dyn Models>, command: &ModelsCommand) -> Result<()> {
    let models = models.ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "models", "this binary was built without the built-in embedder")
    })?;
    let folder = folder(config);
    match command {
        ModelsCommand::List => {
            for model in models.list(&folder)? {
                let state = if model.installed { "here" } else { "can be fetched" };
                say(format_args!("{:<24} {state:<16} {}", model.name, model.about));
            }
        }
        ModelsCommand::Fetch { name, from } => {
            let progress = Progress::new("fetching");
            models.fetch(name, from.as_deref(), &folder, &|line| progress.line(&line)).await?;
            say(format_args!("{name} is in {}", folder.display()));
            say(format_args!("to use it: [backends.local] model = \"{name}\", then `hark reindex`"));
        }
    }
    Ok(())
}

/// Where the section of kind `local` looks for its models.
fn folder(config: &Config) -> PathBuf {
    let local = config.backends.values().find(|s| s.get("kind").and_then(Value::as_str) == Some("local"));
    let models_dir = local.and_then(|s| s.get("models_dir")).and_then(Value::as_str).unwrap_or("models");
    config.server.data_dir.join(models_dir)
}
