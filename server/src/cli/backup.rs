//! `hark backup` and `hark restore`. A backup is taken beside a running server, which is not asked; a restore wants the
//! data folder for itself.

use super::output::{Progress, say};
use crate::backup::{Again, Manifest, Told, back_up, forget_again, restore, write_ledger};
use crate::config::Loaded;
use crate::wiring::Surroundings;
use hark_core::backend::Registry;
use hark_core::{Error, Result, SystemClock, SystemEntropy};
use std::path::Path;
use std::sync::Arc;

/// What is to be written.
pub(super) enum What<'a> {
    /// Everything that cannot be derived, with the keys or without.
    Everything { into: &'a Path, with_keys: bool },
    /// The ledger of erasures.
    Ledger(&'a Path),
}

pub(super) async fn save(loaded: &Loaded, registry: &Registry, what: What<'_>) -> Result<()> {
    let around = Surroundings {
        data_dir: &loaded.config.server.data_dir,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        vault: None,
    };
    match what {
        What::Ledger(file) => {
            let count = write_ledger(loaded, registry, &around, file).await?;
            say(format_args!("{count} erasures: {}", file.display()));
        }
        What::Everything { into, with_keys } => {
            let progress = Progress::new("backup");
            let made = back_up(loaded, registry, &around, (into, with_keys), &|step| progress.line(step)).await?;
            told(&made, into);
        }
    }
    Ok(())
}

fn told(made: &Manifest, into: &Path) {
    let bytes: u64 = made.files.iter().map(|file| file.bytes).sum();
    say(format_args!("{}: {} files, {bytes} bytes", into.display(), made.files.len()));
    for part in &made.parts {
        for (what, count) in part.holds.rows.iter().filter(|(_, count)| **count > 0) {
            say(format_args!("  {what}: {count}"));
        }
    }
    let ids: Vec<_> = made.keys.sealing.keys().map(String::as_str).collect();
    match made.keys.included {
        true => say("the keys are in it: whoever has it can read everything"),
        false => say(format_args!(
            "the keys are not in it: keep the look-up key and {} apart from it; without them it is worth nothing",
            if ids.is_empty() { "the sealing keys".to_owned() } else { ids.join(", ") }
        )),
    }
}

pub(super) async fn bring_back(loaded: &Loaded, registry: &Registry, from: &Path, ledger: Option<&Path>) -> Result<()> {
    let progress = Progress::new("restore");
    let told = Told { step: &|step| progress.line(step), progress: &|done, all| progress.at(done, all) };
    let restored = restore(loaded, registry, from, ledger, &told).await;
    progress.done();
    let restored = restored?;
    say(format_args!("restored as of {}", restored.manifest.created_at));
    done_again(restored.again, ledger.is_some())
}

/// Over stores that were brought back by means of their own.
pub(super) async fn forget(loaded: &Loaded, registry: &Registry, ledger: &Path) -> Result<()> {
    let progress = Progress::new("restore");
    let told = Told { step: &|step| progress.line(step), progress: &|done, all| progress.at(done, all) };
    let again = forget_again(loaded, registry, ledger, &told).await;
    progress.done();
    done_again(again?, true)
}

fn done_again(again: Again, has_ledger: bool) -> Result<()> {
    match has_ledger {
        true => say(format_args!(
            "{} erasures in the ledger; {} callers who were back are erased again",
            again.ledger, again.erased_again
        )),
        false => say("no ledger: whoever was erased since the backup is back, and must be erased again"),
    }
    say("keys that were revoked since are live again: see `hark keys list`");
    match again.indexed {
        Ok(count) => {
            say(format_args!("{count} memories indexed"));
            Ok(())
        }
        Err(e) => {
            let context = format!(
                "the truth is restored, but words and vectors are not rebuilt yet: {}; the next start goes on",
                e.context()
            );
            Err(Error::new(e.kind(), e.operation(), context).with_source(e))
        }
    }
}
