//! `hark migrate`

use super::output::say;
use crate::config::Loaded;
use crate::data_dir::DataDir;
use crate::keys;
use crate::wiring::{Backends, Surroundings};
use hark_core::backend::Registry;
use hark_core::{Result, SystemClock, SystemEntropy};
use std::sync::Arc;

pub(super) async fn run(loaded: &Loaded, registry: &Registry) -> Result<()> {
    let plan = loaded.plan(registry)?;
    let folder = DataDir::open(&loaded.config.server.data_dir)?;
    // A database without keys beside it is refused by the first start, so they are made together.
    keys::ensure(&loaded.config, &folder, &SystemEntropy)?;
    let around = Surroundings {
        data_dir: folder.path(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        vault: None,
    };
    let backends = Backends::open(&plan, registry, &around).await?;
    let migrated = migrate(&backends).await;
    backends.close().await;
    migrated
}

async fn migrate(backends: &Backends) -> Result<()> {
    let pending = backends.pending().await?;
    backends.migrate().await?;
    for (backend, step) in &pending {
        say(format_args!("{backend} {}: {}", step.version, step.description));
    }
    say(if pending.is_empty() { "nothing to do" } else { "up to date" });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Sources};

    #[tokio::test]
    async fn a_folder_that_was_migrated_first_can_be_served_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let roles = "memory = 'ram'\njobs = 'ram'\nvectors = 'ram'\nkeywords = 'ram'\nembedder = 'none'\n";
        std::fs::write(&file, format!("[roles]\n{roles}")).unwrap();
        let data_dir = folder.path().join("data");
        let flags = Flags { bind: None, data_dir: Some(data_dir.clone()) };
        let loaded = Sources { file: Some(file), environment: Vec::new(), flags }.load().unwrap();
        run(&loaded, &Registry::new()).await.unwrap();
        assert!(data_dir.join("keys").is_file());
    }
}
