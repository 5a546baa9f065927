//! `hark keys`: through the server where one runs, because it holds the data folder, otherwise directly.

use super::door::{self, Door};
use super::output::say;
use super::{KeysCommand, SecretKind};
use crate::access::{NewKey, check_tenant};
use crate::config::{Loaded, read_file};
use crate::http::keys::KeyView;
use chrono::Duration;
use hark_core::backend::Registry;
use hark_core::store::{KeyKind, StoredKey};
use hark_core::{
    AuditAction, Clock, Error, ErrorKind, KeyId, KeyScopes, PageRequest, Result, Secret, SystemClock, TenantId,
};
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;

/// Keys that are listed at once.
const PAGE: usize = 1_000;

pub(super) async fn run(loaded: &Loaded, registry: &Registry, command: &KeysCommand) -> Result<()> {
    door::through(loaded, registry, async |door| execute(door, command).await).await
}

async fn execute(door: &Door, command: &KeysCommand) -> Result<()> {
    match command {
        KeysCommand::Create { kind, scopes, label, tenant, expires_in_days, secret_file } => {
            let expires_at = expires_in_days.map(|days| SystemClock.now() + Duration::days(i64::from(days)));
            let mut body = json!({"label": label, "tenant": tenant, "expires_at": expires_at});
            if kind.kind() == KeyKind::Api {
                body["scopes"] = json!(KeyScopes::parse(&scopes.join(" "))?);
            } else if let Some(file) = secret_file {
                body["secret"] = json!(read_secret(file)?);
            }
            let made = door.create(kind.kind(), body).await?;
            let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            say(format_args!("{}  of tenant {}; this is shown once:", text("id"), text("tenant")));
            say(text("secret"));
            Ok(())
        }
        KeysCommand::List { kind, tenant } => {
            tenant.as_deref().map_or(Ok(()), |tenant| check_tenant(&TenantId::new(tenant)))?;
            let (keys, more) = door.keys(kind.kind(), tenant.as_deref()).await?;
            keys.iter().for_each(|key| say(line(key)));
            match (keys.is_empty(), more) {
                (true, _) => say("none but those of the configuration"),
                (false, true) => say(format_args!("there are more than {PAGE}; see /v1/{}", path(kind.kind()))),
                (false, false) => {}
            }
            Ok(())
        }
        KeysCommand::Revoke { ids } => {
            let mut missed = 0;
            for id in ids {
                let done = door.revoke(id).await?;
                missed += usize::from(!done);
                say(format_args!("{id}: {}", if done { "revoked" } else { "is not there" }));
            }
            match missed {
                0 => Ok(()),
                n => Err(Error::new(ErrorKind::NotFound, "keys.revoke", format!("{n} keys are not there"))),
            }
        }
    }
}

/// A secret as an argument would stand in the list of processes and in the shell's history.
fn read_secret(file: &Path) -> Result<String> {
    if file != Path::new("-") {
        return Ok(read_file("--secret-file", file)?.trim().to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|e| Error::config("--secret-file: cannot read the standard input").with_source(e))?;
    Ok(text.trim().to_owned())
}

fn path(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Api => "keys",
        KeyKind::Webhook => "webhook-secrets",
    }
}

impl SecretKind {
    fn kind(self) -> KeyKind {
        if self.webhook { KeyKind::Webhook } else { KeyKind::Api }
    }
}

impl Door {
    async fn create(&self, kind: KeyKind, body: Value) -> Result<Value> {
        let app = match self {
            Self::Server(client) => return client.post(&format!("/v1/{}", path(kind)), &body).await,
            Self::Folder(app) => app,
        };
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let wrong = |_| Error::new(ErrorKind::Internal, "keys.create", "the request is not of its own shape");
        let new = NewKey {
            tenant: text("tenant").map_or_else(|| app.tenant().clone(), TenantId::new),
            label: text("label").unwrap_or_default(),
            expires_at: serde_json::from_value(body["expires_at"].clone()).map_err(wrong)?,
        };
        let issued = match kind {
            KeyKind::Api => {
                let scopes = serde_json::from_value(body["scopes"].clone()).map_err(wrong)?;
                app.access.create_key(new, scopes).await?
            }
            KeyKind::Webhook => app.access.create_secret(new, text("secret").map(Secret::new)).await?,
        };
        app.record(AuditAction::Key, "hark keys create", None, Some(issued.key.id.as_str()), true).await?;
        let mut made = as_json(issued.key, app)?;
        made["secret"] = json!(issued.secret.expose());
        Ok(made)
    }

    /// Keys, latest first, and whether there are more.
    async fn keys(&self, kind: KeyKind, tenant: Option<&str>) -> Result<(Vec<Value>, bool)> {
        match self {
            Self::Folder(app) => {
                let tenant = tenant.map_or_else(|| app.tenant().clone(), TenantId::new);
                let page = app.access.list(&tenant, kind, &PageRequest::first(PAGE)).await?;
                let keys: Result<Vec<Value>> = page.items.into_iter().map(|key| as_json(key, app)).collect();
                Ok((keys?, page.next_cursor.is_some()))
            }
            Self::Server(client) => {
                let tenant = tenant.map(|tenant| format!("&tenant={tenant}")).unwrap_or_default();
                let mut page = client.get(&format!("/v1/{}?limit={PAGE}{tenant}", path(kind))).await?;
                let more = page.get("next_cursor").is_some_and(|c| !c.is_null());
                match page.get_mut("items").map(Value::take) {
                    Some(Value::Array(items)) => Ok((items, more)),
                    _ => Err(Error::new(ErrorKind::Corrupt, "keys.list", "the server's answer holds no items")),
                }
            }
        }
    }

    async fn revoke(&self, id: &str) -> Result<bool> {
        let kind = if id.starts_with("whs_") { KeyKind::Webhook } else { KeyKind::Api };
        match self {
            Self::Folder(app) => match app.access.find(kind, &KeyId::new(id)).await? {
                Some(key) => {
                    let done = app.access.revoke(&key).await?.is_some();
                    app.record(AuditAction::Key, "hark keys revoke", None, Some(key.id.as_str()), done).await?;
                    Ok(done)
                }
                None => Ok(false),
            },
            Self::Server(client) => match client.delete(&format!("/v1/{}/{id}", path(kind))).await {
                Ok(_) => Ok(true),
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
                Err(e) => Err(e),
            },
        }
    }
}

fn as_json(key: StoredKey, app: &crate::app::App) -> Result<Value> {
    let unwritable = |_| Error::new(ErrorKind::Internal, "keys", "a key cannot be written as JSON");
    serde_json::to_value(KeyView::of(key, app.engine.clock.now())).map_err(unwritable)
}

fn line(key: &Value) -> String {
    let text = |name: &str| match key.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        _ => "never".to_owned(),
    };
    let line = format!(
        "{}  {:<8} {:<30} made {}  expires {}  used {}  {}",
        text("id"),
        text("state"),
        text("scopes"),
        text("created_at"),
        text("expires_at"),
        text("last_used_at"),
        text("label")
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Sources};
    use crate::running::{Running, Start};
    use crate::spaces::OtherSpace;

    fn loaded(folder: &Path) -> Loaded {
        let roles = ["MEMORY", "JOBS", "VECTORS", "KEYWORDS"].map(|r| (format!("HARK_ROLES__{r}"), "ram".to_owned()));
        let mut environment = roles.to_vec();
        environment.push(("HARK_ROLES__EMBEDDER".to_owned(), "none".to_owned()));
        let flags = Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(folder.to_owned()) };
        Sources { file: None, environment, flags }.load().unwrap()
    }

    /// Either way in, a key is made, listed without its text, and revoked.
    async fn made_listed_and_revoked(door: &Door) -> Result<()> {
        for (kind, body) in [
            (KeyKind::Api, json!({"scopes": ["tool"], "label": "Desk", "tenant": "acme", "expires_at": null})),
            (KeyKind::Webhook, json!({"secret": "wsec_0123456789abcdef", "tenant": "acme", "expires_at": null})),
        ] {
            let made = door.create(kind, body).await?;
            let text = |name: &str| made[name].as_str().unwrap().to_owned();
            let (keys, more) = door.keys(kind, Some("acme")).await?;
            assert_eq!((keys.len(), more, &keys[0]["id"]), (1, false, &made["id"]));
            assert!(!line(&keys[0]).contains(&text("secret")[8..]), "{keys:?}");
            assert_eq!(door.keys(kind, None).await?.0.len(), 0, "of its tenant only");
            assert!(door.revoke(&text("id")).await?);
            assert!(line(&door.keys(kind, Some("acme")).await?.0[0]).contains("revoked"));
            assert!(!door.revoke(&format!("{}0", text("id"))).await?);
        }
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keys_are_made_through_the_folder_and_through_a_running_server() {
        let folder = tempfile::tempdir().unwrap();
        let (mut loaded, registry) = (loaded(&folder.path().join("data")), Registry::new());
        door::through(&loaded, &registry, made_listed_and_revoked).await.unwrap();

        let start = Start { http: true, worker: false, migrate: true, other_space: OtherSpace::Refuse };
        let running = Running::start(&loaded, &registry, start).await.unwrap();
        loaded.config.server.bind = running.address.unwrap().to_string();
        door::through(&loaded, &registry, made_listed_and_revoked).await.unwrap();
        let list = KeysCommand::List { kind: SecretKind { webhook: false }, tenant: Some("No such".to_owned()) };
        assert_eq!(run(&loaded, &registry, &list).await.unwrap_err().kind(), ErrorKind::Invalid);
        running.stop().await;
    }
}
