//! `hark backup DIR`: beside a running server, which is not asked.

use super::manifest::{FORMAT, MANIFEST, Manifest, NeededKeys, Part};
use super::{COPIED, Source, files, manifest};
use crate::app::Settings;
use crate::config::Loaded;
use crate::data_dir::{make_private, write_private};
use crate::middleware::principal::KeyName;
use crate::wiring::{Backends, Surroundings};
use crate::{credentials, keys};
use hark_core::backend::Registry;
use hark_core::crypt::Keyring;
use hark_core::privacy::{AuditLog, AuditNote};
use hark_core::store::MemoryStore;
use hark_core::{AuditAction, Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Copies what cannot be derived into `into`, which must be missing or empty. With `with_keys` the keys and the generated
/// credentials come along; who has the backup can then read everything. `tell` hears of each step. Broken off, it leaves a
/// folder without a manifest, which is no backup.
///
/// # Errors
/// `Conflict` when `into` holds something or there is nothing to copy; `Unsupported` when a backend makes no copies;
/// `Config` when the keys are missing; what the backends say.
pub async fn back_up(
    loaded: &Loaded,
    registry: &Registry,
    around: &Surroundings<'_>,
    (into, with_keys): (&Path, bool),
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Result<Manifest> {
    let plan = loaded.plan(registry)?;
    let keyring = keys::read(&loaded.config, around.data_dir)?;
    empty(into)?;
    // Before the first byte is read: whoever was erased by then is not in it, and a later ledger has everybody else.
    let created_at = around.clock.now();
    let backends = Backends::open_of(&plan, &COPIED, registry, around).await?;
    if let Ok(memory) = backends.memory(&plan) {
        put_on_record(memory, around, "hark backup", with_keys.then_some("with keys")).await;
    }
    let copied = match backends.sources(&plan) {
        Ok(sources) => copy(&sources, into, tell).await,
        Err(e) => Err(e),
    };
    backends.close().await;
    let parts = copied?;

    if with_keys {
        write_private(&into.join(keys::FILE), &keyring.to_text())?;
        let credentials = around.data_dir.join(credentials::FILE);
        if credentials.is_file() {
            let text = std::fs::read_to_string(&credentials).map_err(|e| files::unreadable(&credentials, e))?;
            write_private(&into.join(credentials::FILE), &text)?;
        }
    }
    tell("hashing");
    let manifest = describe(into, parts, &keyring, created_at, with_keys).await?;
    manifest::write(&into.join(MANIFEST), "backup", manifest.clone(), &keyring)?;
    Ok(manifest)
}

/// Everything leaves the house. A truth that cannot be written to is a reason to save it, not to refuse.
pub(crate) async fn put_on_record(
    memory: Arc<dyn MemoryStore>,
    around: &Surroundings<'_>,
    command: &str,
    object: Option<&str>,
) {
    let log = Arc::new(AuditLog::new(memory, around.clock.clone(), around.entropy.clone()));
    let note = AuditNote {
        actor: KeyName::Folder.as_str().to_owned(),
        action: AuditAction::Export,
        route: command.to_owned(),
        person: None,
        object: object.map(str::to_owned),
        status: 0,
    };
    log.note(&Settings::default().tenant, note);
    if let Err(error) = log.flush().await {
        tracing::warn!(?error, command, "it is not in the audit log that everything leaves the house");
    }
}

async fn copy(sources: &[Source], into: &Path, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (folder, roles, instance, backup) in sources {
        tell(&format!("copying {}", roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" and ")));
        let place = into.join(folder);
        make_private(&place).map_err(|e| files::unreadable(&place, e))?;
        let holds = backup.copy_to(&place).await?;
        parts.push(Part { folder: folder.clone(), roles: roles.clone(), kind: instance.kind.clone(), holds });
    }
    Ok(parts)
}

async fn describe(
    into: &Path,
    parts: Vec<Part>,
    keyring: &Keyring,
    created_at: hark_core::Timestamp,
    with_keys: bool,
) -> Result<Manifest> {
    let sealed_with: BTreeSet<String> = parts.iter().flat_map(|part| part.holds.sealed_with.iter().cloned()).collect();
    let keys = NeededKeys::of(keyring, &sealed_with, with_keys)?;
    let mut listed = Vec::new();
    for part in &parts {
        listed.extend(files::list(into, &part.folder).await?);
    }
    for secret in [keys::FILE, credentials::FILE] {
        if into.join(secret).is_file() {
            listed.push(files::describe(into, secret.to_owned())?);
        }
    }
    let hark = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Manifest { format: FORMAT, hark, created_at, parts, keys, files: listed })
}

/// Makes the folder, or sees to it that it is empty.
fn empty(into: &Path) -> Result<()> {
    make_private(into).map_err(|e| files::unreadable(into, e))?;
    if std::fs::read_dir(into).map_err(|e| files::unreadable(into, e))?.next().is_some() {
        let what = format!("{} is not empty; name a folder that is not there yet", into.display());
        return Err(Error::new(ErrorKind::Conflict, "backup.folder", what));
    }
    Ok(())
}
