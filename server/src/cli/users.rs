//! `hark users`: through the server where one runs, because it holds the data folder, otherwise directly.

use super::UsersCommand;
use super::door::{self, Door};
use super::output::{pour, say};
use crate::config::{Loaded, read_file};
use crate::http::erasures::{ErasureReceipt, erase_person};
use crate::http::export;
use hark_core::backend::Registry;
use hark_core::{AuditAction, Error, ErrorKind, KeyedHash, Result, Scope};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

pub(super) async fn run(loaded: &Loaded, registry: &Registry, command: &UsersCommand) -> Result<()> {
    door::through(loaded, registry, async |door| execute(door, command).await).await
}

async fn execute(door: &Door, command: &UsersCommand) -> Result<()> {
    match command {
        UsersCommand::Erase { id } => {
            say(pretty(&door.erase(id).await?)?);
            Ok(())
        }
        UsersCommand::Export { id } => door.export(id, pass_on).await,
        UsersCommand::VerifyReceipt { file } => {
            let (valid, recorded) = door.verify(&read(file)?).await?;
            if !valid {
                let what = "the receipt is not one that this deployment has signed, or it was changed";
                return Err(Error::new(ErrorKind::Denied, "users.verify_receipt", what));
            }
            say(if recorded { "valid" } else { "valid, but not in this database's ledger: see docs/privacy.md" });
            Ok(())
        }
    }
}

impl Door {
    async fn erase(&self, id: &str) -> Result<Value> {
        match self {
            Self::Server(client) => client.delete(&format!("/v1/users/{}", in_path(id))).await,
            Self::Folder(app) => {
                let done = erase_person(app, id).await;
                let person =
                    done.as_ref().ok().and_then(Option::as_ref).and_then(|receipt| KeyedHash::parse(&receipt.person));
                let done_well = matches!(done, Ok(Some(_)));
                app.record(AuditAction::Erase, "hark users erase", person, None, done_well).await?;
                as_json(&done?.ok_or_else(|| nobody("users.erase"))?)
            }
        }
    }

    async fn export(&self, id: &str, take: impl FnMut(&[u8]) -> Result<()> + Send) -> Result<()> {
        match self {
            Self::Server(client) => client.download(&format!("/v1/users/{}/export", in_path(id)), take).await,
            Self::Folder(app) => {
                let user = app.people.by_reference(app.tenant(), id).await?.ok_or_else(|| nobody("users.export"))?;
                let scope = Scope { tenant: app.tenant().clone(), caller: user.id.clone() };
                // On record first: an export that cannot be recorded is not given.
                let person = Some(app.engine.vault.person(&scope.tenant, &scope.caller));
                app.record(AuditAction::Export, "hark users export", person, None, true).await?;
                export::write(app, &scope, user, &mut Taker(take)).await
            }
        }
    }

    /// Whether the signature is right, and whether the ledger knows the erasure.
    async fn verify(&self, receipt: &Value) -> Result<(bool, bool)> {
        match self {
            Self::Server(client) => {
                let answer = client.post("/v1/erasures/verify", receipt).await?;
                let told = |name: &str| answer.get(name).and_then(Value::as_bool).unwrap_or_default();
                Ok((told("valid"), told("recorded")))
            }
            Self::Folder(app) => {
                let receipt: ErasureReceipt = serde_json::from_value(receipt.clone()).map_err(|_| no_receipt())?;
                let verified = receipt.verify(app).await?;
                Ok((verified.valid, verified.recorded))
            }
        }
    }
}

/// Where an export goes.
struct Taker<F>(F);

impl<F: FnMut(&[u8]) -> Result<()> + Send> export::Sink for Taker<F> {
    async fn take(&mut self, piece: Vec<u8>) -> Result<()> {
        (self.0)(&piece)
    }
}

fn pass_on(piece: &[u8]) -> Result<()> {
    let gone = || Error::new(ErrorKind::Unavailable, "users.export", "the document could not be written to its end");
    pour(piece).then_some(()).ok_or_else(gone)
}

fn nobody(operation: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, operation, "there is no user of that id")
}

/// An integrator's id may hold anything.
fn in_path(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let encoded = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.bytes().map(encoded).collect()
}

fn read(file: &Path) -> Result<Value> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|e| Error::config("FILE: cannot read the standard input").with_source(e))?;
        text
    } else {
        read_file("FILE", file)?
    };
    serde_json::from_str(&text).map_err(|_| no_receipt())
}

fn no_receipt() -> Error {
    Error::config("FILE: it is not a receipt of an erasure, which is one JSON object as `hark users erase` prints it")
}

fn as_json(value: &impl serde::Serialize) -> Result<Value> {
    let wrong = |_| Error::new(ErrorKind::Internal, "users", "the answer cannot be written as JSON");
    serde_json::to_value(value).map_err(wrong)
}

fn pretty(value: &Value) -> Result<String> {
    let wrong = |_| Error::new(ErrorKind::Internal, "users", "the answer cannot be written as JSON");
    serde_json::to_string_pretty(value).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::super::client::Client;
    use super::*;
    use crate::config::{Flags, Sources};
    use crate::credentials::Credentials;
    use crate::running::{Running, Start};
    use crate::spaces::OtherSpace;
    use hark_core::{AuditFilter, PageRequest};
    use serde_json::json;

    async fn exported(door: &Door, id: &str) -> Result<Value> {
        let mut document = Vec::new();
        let take = |piece: &[u8]| {
            document.extend_from_slice(piece);
            Ok(())
        };
        door.export(id, take).await?;
        Ok(serde_json::from_slice(&document).expect("a whole document"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_person_is_exported_through_the_folder_and_through_a_running_server() {
        let folder = tempfile::tempdir().unwrap();
        let roles = ["MEMORY", "JOBS", "VECTORS", "KEYWORDS"].map(|r| (format!("HARK_ROLES__{r}"), "ram".to_owned()));
        let mut environment = roles.to_vec();
        environment.push(("HARK_ROLES__EMBEDDER".to_owned(), "none".to_owned()));
        let flags =
            Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(folder.path().join("data").to_owned()) };
        let loaded = Sources { file: None, environment, flags }.load().unwrap();
        let start = Start { http: true, worker: false, migrate: true, other_space: OtherSpace::Refuse };
        let running = Running::start(&loaded, &Registry::new(), start).await.unwrap();
        let credentials = Credentials::read(&loaded.config, &loaded.config.server.data_dir).unwrap();
        let url = format!("http://{}", running.address.unwrap());
        let client = Client::new(url, credentials.first_api_key().unwrap().clone()).unwrap();
        let memory = json!({"user_id": "crm/1 a", "content": "Likes apricots"});
        client.post("/v1/memories", &memory).await.unwrap();

        let app = running.app.at_the_folder();
        for door in [Door::Server(client), Door::Folder(Box::new(app.clone()))] {
            let told = exported(&door, "crm/1 a").await.unwrap();
            assert_eq!(told["memories"][0]["content"], "Likes apricots");
            let nobody = exported(&door, "crm/2").await.unwrap_err();
            assert_eq!(nobody.kind(), ErrorKind::NotFound);
            let full = door.export("crm/1 a", |_| Err(Error::new(ErrorKind::Unavailable, "test", "full"))).await;
            assert_eq!(full.unwrap_err().kind(), ErrorKind::Unavailable);
        }
        let filter = AuditFilter { action: Some(AuditAction::Export), ..AuditFilter::default() };
        let noted = app.engine.memory.audit_log(app.tenant(), &filter, &PageRequest::first(10)).await.unwrap().items;
        let mut by: Vec<_> = noted.iter().map(|entry| (entry.actor.as_str(), entry.person.is_some())).collect();
        by.sort_unstable();
        // Of nobody there is nothing to export beside the folder; by the route it was tried.
        let expected = [("configured", false), ("configured", true), ("configured", true)];
        assert_eq!(by, [&expected[..], &[("folder", true), ("folder", true)]].concat());
        running.stop().await;
    }

    #[test]
    fn an_id_stays_one_part_of_a_path() {
        for (id, path) in [("usr_1", "usr_1"), ("a/b?c d", "a%2Fb%3Fc%20d"), ("é..", "%C3%A9.."), ("+49", "%2B49")] {
            assert_eq!(in_path(id), path);
        }
    }
}
