//! `hark demo`: two calls of one caller, played over real HTTP against a throw-away server.
//!
//! It fails unless the second call is told what the first one said: the demonstration is a check as well.

mod story;

use crate::config::{Flags, Loaded, Sources};
use crate::running::{Running, Start};
use crate::spaces::OtherSpace;
use hark_core::backend::Registry;
use hark_core::{Error, ErrorKind, Result};

/// Plays it with the bundle's defaults, whatever is configured on this machine.
pub(super) async fn run(registry: &Registry) -> Result<()> {
    let folder = tempfile::tempdir().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "demo", format!("cannot make a temporary folder: {e}")).with_source(e)
    })?;
    let flags = Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(folder.path().join("data")) };
    // An empty file, so that no ./config.toml is read.
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "").map_err(|e| {
        Error::new(ErrorKind::Unavailable, "demo", "cannot write into the temporary folder").with_source(e)
    })?;
    let loaded = Sources { file: Some(file), environment: Vec::new(), flags }.load()?;
    play(&loaded, registry).await
}

async fn play(loaded: &Loaded, registry: &Registry) -> Result<()> {
    let start = Start { http: true, worker: true, migrate: true, other_space: OtherSpace::Refuse };
    let running = Running::start(loaded, registry, start).await?;
    let told = story::tell(&running).await;
    running.stop().await;
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_second_call_is_told_what_the_first_one_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let roles = "[roles]\nmemory = 'ram'\njobs = 'ram'\nvectors = 'ram'\nkeywords = 'ram'\nembedder = 'none'\n";
        std::fs::write(&file, roles).unwrap();
        let flags = Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(folder.path().join("data")) };
        let loaded = Sources { file: Some(file), environment: Vec::new(), flags }.load().unwrap();
        play(&loaded, &Registry::new()).await.unwrap();
    }
}
