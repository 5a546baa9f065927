//! `hark keyring`: the encryption keys. The file that holds them is changed here; what is sealed by which is known to the
//! stores, and asked of the server where one runs.

use super::KeyringCommand;
use super::door::{self, Door};
use super::output::say;
use crate::config::Loaded;
use crate::http::encryption::{EncryptionView, view};
use crate::keys::{self, Source};
use hark_core::backend::Registry;
use hark_core::crypt::{KeyState, Keyring};
use hark_core::{Error, ErrorKind, Result, SystemEntropy};
use std::path::{Path, PathBuf};

pub(super) async fn run(loaded: &Loaded, registry: &Registry, command: &KeyringCommand) -> Result<()> {
    match command {
        KeyringCommand::List => door::through(loaded, registry, async |door| list(loaded, door).await).await,
        KeyringCommand::Add => add(&file(loaded)?),
        KeyringCommand::Activate { id } => activate(&file(loaded)?, id.as_deref()),
        KeyringCommand::Rotate => rotate(&file(loaded)?),
        KeyringCommand::Retire { id } => {
            let path = file(loaded)?;
            door::through(loaded, registry, async |door| retire(&path, door, id).await).await
        }
        KeyringCommand::Generate => {
            let ring = Keyring::generate(&SystemEntropy);
            // The only place that shows a secret: it is what was asked for.
            say(ring.to_text().trim_end());
            Ok(())
        }
    }
}

/// The file to be changed.
fn file(loaded: &Loaded) -> Result<PathBuf> {
    let told = |how: &str| {
        Error::config(format!(
            "the keyring is {how}, which cannot be changed from here; change it where it is kept: take the `seal` line of \
             `hark keyring generate` as the new key, put it above the other `seal` lines (as `next` first, where several \
             processes share the stores), and restart"
        ))
    };
    match keys::source(&loaded.config, &loaded.config.server.data_dir) {
        Source::File(path) => Ok(path),
        Source::Text => Err(told("in encryption.keys")),
        Source::Command => Err(told("what encryption.keys_command tells")),
    }
}

impl Door {
    async fn encryption(&self) -> Result<EncryptionView> {
        match self {
            Self::Folder(app) => view(app).await,
            Self::Server(client) => serde_json::from_value(client.get("/v1/encryption").await?).map_err(|_| {
                Error::new(ErrorKind::Corrupt, "keyring.list", "the server's answer does not say which keys it has")
            }),
        }
    }
}

async fn list(loaded: &Loaded, door: &Door) -> Result<()> {
    let told = door.encryption().await?;
    for key in &told.keys {
        let values: Vec<String> = key.values.iter().map(|(purpose, n)| format!("{purpose} {n}")).collect();
        let values = if values.is_empty() { "seals nothing".to_owned() } else { values.join(", ") };
        let id = if key.id.is_empty() { "-" } else { &key.id };
        say(format_args!("{id:<12}{:<9}{values}", key.state));
    }
    match told.stale {
        0 => say("nothing is left under an older key"),
        n => say(format_args!("{n} values are still under older keys, or in the clear; workers seal them anew")),
    }
    let here = keys::read(&loaded.config, &loaded.config.server.data_dir)?;
    let known = |id: &str| told.keys.iter().find(|key| key.id == id).map(|key| key.state.as_str());
    if here.standing().any(|(id, state)| known(id) != Some(state.name())) {
        say("the running server has another keyring than is configured now: it reads it when it starts, so restart it");
    }
    Ok(())
}

fn add(path: &Path) -> Result<()> {
    let mut id = String::new();
    keys::rewrite(path, |ring| {
        let (ring, made) = ring.with_next(&SystemEntropy);
        id = made;
        Ok(ring)
    })?;
    say(format_args!("{id}: opens, and does not seal yet"));
    say(format_args!("restart every process on this keyring, then `hark keyring activate {id}` and restart again"));
    Ok(())
}

fn activate(path: &Path, id: Option<&str>) -> Result<()> {
    let ring = keys::rewrite(path, |ring| match id {
        Some(id) => ring.with_active(id),
        None => {
            let next: Vec<_> =
                ring.standing().filter(|(_, state)| *state == KeyState::Next).map(|(id, _)| id).collect();
            match next.as_slice() {
                [id] => ring.with_active(id),
                [] => Err(refused("no key is next; make one with `hark keyring add`".to_owned())),
                several => Err(refused(format!("several keys are next ({}); name one", several.join(", ")))),
            }
        }
    })?;
    activated(&ring);
    Ok(())
}

fn rotate(path: &Path) -> Result<()> {
    activated(&keys::rewrite(path, |ring| Ok(ring.rotated(&SystemEntropy)))?);
    Ok(())
}

fn activated(ring: &Keyring) {
    say(format_args!("{}: seals from the next start on", ring.active().id()));
    say(
        "copy the keyring to where you keep it apart from the data, then restart Hark; its workers then seal anew what is \
         under older keys: see `hark keyring list`",
    );
}

/// Only what nothing needs any more goes.
async fn retire(path: &Path, door: &Door, id: &str) -> Result<()> {
    let told = door.encryption().await?;
    let Some(key) = told.keys.iter().find(|key| key.id == id) else {
        let what = format!("there is no key `{id}`, see `hark keyring list`");
        return Err(Error::new(ErrorKind::NotFound, "keyring.retire", what));
    };
    if told.active == id {
        return Err(refused(format!("key `{id}` seals; activate another, restart, and wait until nothing needs it")));
    }
    let needed: Vec<_> = key.values.iter().map(|(purpose, n)| format!("{purpose} {n}")).collect();
    if !needed.is_empty() {
        let remedy = "let a server or worker run until `hark keyring list` shows none";
        return Err(refused(format!("key `{id}` is still needed: {}; {remedy}", needed.join(", "))));
    }
    keys::rewrite(path, |ring| ring.without(id))?;
    say(format_args!("{id}: is no longer in the keyring"));
    say("backups that were made before may need it: keep it with them, or make a new backup");
    Ok(())
}

fn refused(what: String) -> Error {
    Error::new(ErrorKind::Conflict, "keyring", what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Sources};
    use crate::running::{Running, Start};
    use crate::spaces::OtherSpace;
    use hark_core::Secret;
    use std::fs;

    const SERVING: Start = Start { http: true, worker: true, migrate: true, other_space: OtherSpace::Refuse };

    fn loaded(folder: &Path) -> Loaded {
        let roles = ["MEMORY", "JOBS", "VECTORS", "KEYWORDS"].map(|r| (format!("HARK_ROLES__{r}"), "ram".to_owned()));
        let mut environment = roles.to_vec();
        environment.push(("HARK_ROLES__EMBEDDER".to_owned(), "none".to_owned()));
        let flags = Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(folder.to_owned()) };
        Sources { file: None, environment, flags }.load().unwrap()
    }

    fn states(path: &Path) -> Vec<(String, &'static str)> {
        let ring = keys::read_file_of(path).unwrap();
        ring.standing().map(|(id, state)| (id.to_owned(), state.name())).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_is_added_activated_and_retired_beside_a_server_and_without_one() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let (mut loaded, registry) = (loaded(&data), Registry::new());
        let running = Running::start(&loaded, &registry, SERVING).await.unwrap();
        loaded.config.server.bind = running.address.unwrap().to_string();
        let file = data.join(keys::FILE);
        let first = states(&file)[0].0.clone();
        let lookup = |file: &Path| fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned();
        let before = lookup(&file);

        let run = async |command| run(&loaded, &registry, &command).await;
        run(KeyringCommand::List).await.unwrap();
        let none = run(KeyringCommand::Activate { id: None }).await.unwrap_err();
        assert!(none.context().contains("hark keyring add"), "{none}");
        run(KeyringCommand::Add).await.unwrap();
        let second = states(&file)[0].0.clone();
        assert_eq!(states(&file), [(second.clone(), "next"), (first.clone(), "active")]);
        run(KeyringCommand::Activate { id: None }).await.unwrap();
        assert_eq!(states(&file), [(second.clone(), "active"), (first.clone(), "old")]);
        // The server still seals with the first.
        let sealing = run(KeyringCommand::Retire { id: first.clone() }).await.unwrap_err();
        assert!(sealing.kind() == ErrorKind::Conflict && sealing.context().contains("seals"), "{sealing}");
        running.stop().await;

        run(KeyringCommand::Rotate).await.unwrap();
        let third = states(&file)[0].0.clone();
        assert_eq!(states(&file).len(), 3);
        let unknown = run(KeyringCommand::Retire { id: "k0".to_owned() }).await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::NotFound);
        for old in [&first, &second] {
            run(KeyringCommand::Retire { id: old.clone() }).await.unwrap();
        }
        assert_eq!((states(&file), lookup(&file)), (vec![(third, "active")], before));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_keyring_that_is_kept_elsewhere_is_not_changed_from_here() {
        let parent = tempfile::tempdir().unwrap();
        let mut loaded = loaded(&parent.path().join("data"));
        loaded.config.encryption.keys = Some(Secret::new("lookup 00"));
        let text = run(&loaded, &Registry::new(), &KeyringCommand::Rotate).await.unwrap_err();
        loaded.config.encryption.keys = None;
        loaded.config.encryption.keys_command = Some(vec!["true".to_owned()]);
        let command = run(&loaded, &Registry::new(), &KeyringCommand::Add).await.unwrap_err();
        for (error, named) in [(text, "encryption.keys,"), (command, "encryption.keys_command")] {
            let told = error.context();
            assert!(told.contains(named) && told.contains("hark keyring generate"), "{told}");
        }
    }
}
