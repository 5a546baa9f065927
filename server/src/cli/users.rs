//! `hark users`: through the server where one runs, because it holds the data folder, otherwise directly.

use super::UsersCommand;
use super::door::{self, Door};
use super::output::say;
use crate::config::{Loaded, read_file};
use crate::http::erasures::{ErasureReceipt, erase_person};
use hark_core::backend::Registry;
use hark_core::{Error, ErrorKind, Result};
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
                let nobody = || Error::new(ErrorKind::NotFound, "users.erase", "there is no user of that id");
                as_json(&erase_person(app, id).await?.ok_or_else(nobody)?)
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
    use super::*;

    #[test]
    fn an_id_stays_one_part_of_a_path() {
        for (id, path) in [("usr_1", "usr_1"), ("a/b?c d", "a%2Fb%3Fc%20d"), ("é..", "%C3%A9.."), ("+49", "%2B49")] {
            assert_eq!(in_path(id), path);
        }
    }
}
