//! `hark restore DIR`: first everything is checked, then files come into place, then whoever was erased since is erased
//! again, and only then the folder may be served. `hark restore --ledger FILE` does the last over stores that are back already.

use super::ledger::Ledger;
use super::manifest::{MANIFEST, Manifest};
use super::{COPIED, files, manifest};
use crate::config::{Choice, Instance, Loaded, Plan};
use crate::data_dir::{DataDir, write_private};
use crate::running::{Running, Start};
use crate::spaces::OtherSpace;
use crate::{credentials, keys};
use hark_core::backend::{OpenContext, Registry};
use hark_core::crypt::Keyring;
use hark_core::{AuditAction, Error, ErrorKind, Result, SystemClock, SystemEntropy};
use std::path::Path;
use std::sync::Arc;

/// What hears of a restore: each step, and how many memories of all are indexed again.
pub struct Told<'a> {
    /// A step begins.
    pub step: &'a (dyn Fn(&str) + Send + Sync),
    /// So many are done, of so many.
    pub progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

impl std::fmt::Debug for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

/// What a restore came to.
#[derive(Debug)]
pub struct Restored {
    /// What was restored.
    pub manifest: Manifest,
    /// What was done over it.
    pub again: Again,
}

/// What was done over stores that came back.
#[derive(Debug)]
pub struct Again {
    /// Erasures in the ledger that was given.
    pub ledger: usize,
    /// Callers who had been erased since, were in the backup, and are erased again.
    pub erased_again: usize,
    /// Memories whose words and vectors were rebuilt, or why they were not: the truth is restored all the same, and the
    /// next start goes on.
    pub indexed: Result<u64>,
}

/// Brings a backup back into the data folder, which must be empty but for `keys` and `credentials.toml`. With a ledger,
/// whoever was erased since the backup is erased again before anything can be served.
///
/// # Errors
/// `Conflict` when the folder is in use or holds something; `Corrupt` when the backup or the ledger is broken off or
/// was changed; `Config` when a needed key is missing, or the roles are not what they were. Nothing was written then.
/// Whatever fails later leaves a mark in the folder, with which no Hark starts on it.
pub async fn restore(
    loaded: &Loaded,
    registry: &Registry,
    from: &Path,
    ledger: Option<&Path>,
    told: &Told<'_>,
) -> Result<Restored> {
    let plan = loaded.plan(registry)?;
    let folder = DataDir::for_restore(&loaded.config.server.data_dir, &[keys::FILE, credentials::FILE])?;
    if !from.join(MANIFEST).is_file() {
        let what = "there is no manifest.json, so it is no backup, or one that was broken off; use another backup";
        return Err(Error::new(ErrorKind::Corrupt, "restore.check", format!("{}: {what}", from.display())));
    }
    let keyring = keyring(loaded, &folder, from)?;
    let manifest: Manifest =
        manifest::read(&from.join(MANIFEST), "backup", &keyring, |manifest: &Manifest| manifest.keys.check(&keyring))?;
    (told.step)("checking the files");
    files::check(from, &manifest.files).await?;
    let instances = manifest.parts.iter().map(|part| instance(&plan, part)).collect::<Result<Vec<_>>>()?;
    let ledger = ledger.map(|file| Ledger::read(file, &keyring, Some(manifest.created_at))).transpose()?;

    folder.begin_restore()?;
    put_secrets(from, &manifest, &folder)?;
    let context = OpenContext {
        data_dir: folder.path().to_owned(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        vault: None,
    };
    for (part, instance) in manifest.parts.iter().zip(instances) {
        (told.step)("putting files in place");
        let section = serde_json::Value::Object(instance.options.clone());
        registry.restore(&instance.kind, section, &context, &from.join(&part.folder)).await?;
    }
    let again = finish(loaded, registry, folder, ledger.as_ref(), true, told).await?;
    Ok(Restored { manifest, again })
}

/// Over stores that were brought back by means of their own, such as PostgreSQL's: whoever was erased since, by the ledger,
/// is erased again, and words and vectors are rebuilt. Of processes that use those stores only one on the same data folder
/// is seen. Can be repeated, whatever it broke off at.
///
/// # Errors
/// `Conflict` when the folder is in use; `Config` when keys are missing, or the ledger was made under another look-up
/// key; `Corrupt` when the ledger was changed; what the stores say.
pub async fn forget_again(loaded: &Loaded, registry: &Registry, ledger: &Path, told: &Told<'_>) -> Result<Again> {
    let folder = DataDir::open(&loaded.config.server.data_dir)?;
    let ledger = Ledger::read(ledger, &keys::read(&loaded.config, folder.path())?, None)?;
    finish(loaded, registry, folder, Some(&ledger), false, told).await
}

/// Over the stores that are back: schema, ledger, and, when nobody can come back any more, words and vectors.
async fn finish(
    loaded: &Loaded,
    registry: &Registry,
    folder: DataDir,
    ledger: Option<&Ledger>,
    is_marked: bool,
    told: &Told<'_>,
) -> Result<Again> {
    let idle = Start { http: false, worker: false, migrate: true, other_space: OtherSpace::Ignore };
    let running = Running::start_in(loaded, registry, idle, folder).await?;
    let (ingest, memory) = (&running.app.ingest, &running.app.engine.memory);
    let applied = match ledger {
        Some(ledger) => {
            (told.step)("erasing again whoever was erased since");
            ledger.apply(&**memory, ingest).await
        }
        None => Ok((0, 0)),
    };
    let marked = applied.and_then(|applied| match is_marked {
        true => running.end_restore().map(|()| applied),
        false => Ok(applied),
    });
    let indexed = match &marked {
        Ok(_) => {
            (told.step)("rebuilding words and vectors");
            let rebuilt = ingest.reindex(true, told.progress).await;
            match rebuilt {
                Ok(count) => ingest.settle_space().await.map(|()| count),
                Err(e) => Err(e),
            }
        }
        Err(_) => Ok(0),
    };
    let recorded = match &marked {
        Ok(_) => running.app.at_the_folder().record(AuditAction::Change, "hark restore", None, None, true).await,
        Err(_) => Ok(()),
    };
    running.stop().await;
    let (ledger, erased_again) = marked?;
    recorded?;
    Ok(Again { ledger, erased_again, indexed })
}

/// The keys: configured, in the data folder, or in the backup.
fn keyring(loaded: &Loaded, folder: &DataDir, from: &Path) -> Result<Keyring> {
    let here = keys::read(&loaded.config, folder.path());
    match here {
        Err(_) if keys::are_missing(&loaded.config, folder.path()) => {
            keys::read_file_of(&from.join(keys::FILE)).map_err(|_| {
                Error::config(format!(
                    "encryption keys: there are none in {} nor configured, and the backup was made without --with-keys; \
                     put the keys that were in use when it was made into the data folder's file `keys`, or name them \
                     with encryption.keys_file",
                    folder.path().display()
                ))
            })
        }
        here => here,
    }
}

/// Who is to get this part: whoever plays the roles now, all of them, with the kind of then.
fn instance<'a>(plan: &'a Plan, part: &super::Part) -> Result<&'a Instance> {
    let names: Vec<&Choice> = part.roles.iter().map(|role| plan.choice(*role)).collect();
    let others = COPIED.into_iter().filter(|role| !part.roles.contains(role));
    let found = match names.first() {
        Some(Choice::Backend(name)) if names.iter().all(|other| *other == names[0]) => {
            let apart = others.into_iter().all(|role| plan.choice(role) != names[0]);
            plan.instances.iter().find(|i| i.name == *name && i.kind == part.kind && apart)
        }
        _ => None,
    };
    found.ok_or_else(|| {
        let roles: Vec<_> = part.roles.iter().map(|role| format!("roles.{}", role.name())).collect();
        Error::config(format!(
            "the backup's {} is of one backend of kind `{}`, and nothing else was in it; configure {} like that before it \
             is restored",
            part.folder,
            part.kind,
            roles.join(" and ")
        ))
    })
}

/// Keys and credentials that came with the backup, where there are none.
fn put_secrets(from: &Path, manifest: &Manifest, folder: &DataDir) -> Result<()> {
    for name in [keys::FILE, credentials::FILE] {
        let to = folder.path().join(name);
        if manifest.files.iter().any(|file| file.path == name) && !to.exists() {
            let path = from.join(name);
            let text = std::fs::read_to_string(&path).map_err(|e| files::unreadable(&path, e))?;
            write_private(&to, &text)?;
        }
    }
    Ok(())
}
