//! `hark config`

use super::ConfigCommand;
use super::output::say;
use crate::config::{Loaded, json_schema, show};
use crate::credentials::Credentials;
use crate::keys;
use hark_core::backend::Registry;
use hark_core::{Error, ErrorKind, Result};
use std::path::Path;

pub(super) fn run(loaded: &Loaded, registry: &Registry, command: &ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Check => {
            loaded.plan(registry)?;
            Credentials::check(&loaded.config)?;
            keys::check(&loaded.config)?;
            say("the configuration is right");
            Ok(())
        }
        ConfigCommand::Show => {
            say(show(&loaded.config)?.trim_end());
            Ok(())
        }
        ConfigCommand::Schema { check } => schema(registry, check.as_deref()),
    }
}

/// Needs no configuration, and works with a broken one.
pub(super) fn schema(registry: &Registry, check: Option<&Path>) -> Result<()> {
    let text = format!("{:#}", json_schema(registry));
    let Some(file) = check else {
        say(text);
        return Ok(());
    };
    let committed =
        std::fs::read_to_string(file).map_err(|e| Error::config(format!("{}: cannot be read: {e}", file.display())))?;
    if committed.trim_end() == text {
        return Ok(());
    }
    let what = format!("{} is out of date; write `hark config schema` into it", file.display());
    Err(Error::new(ErrorKind::Conflict, "config.schema", what))
}
