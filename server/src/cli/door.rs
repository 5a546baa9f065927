//! The way to a data folder: straight in where nobody holds it, else through the server that does.

use super::client::{Client, local_url};
use crate::config::Loaded;
use crate::credentials::Credentials;
use crate::running::{Running, Start};
use crate::spaces::OtherSpace;
use crate::tenant::TenantApp;
use hark_core::backend::Registry;
use hark_core::{ErrorKind, Result};

/// How it is reached.
pub(super) enum Door {
    /// The folder itself.
    Folder(Box<TenantApp>),
    /// A running server.
    Server(Client),
}

/// Does the work by whichever way is open; no server and no worker is started for it.
pub(super) async fn through(
    loaded: &Loaded,
    registry: &Registry,
    work: impl AsyncFnOnce(&Door) -> Result<()>,
) -> Result<()> {
    let idle = Start { http: false, worker: false, migrate: false, other_space: OtherSpace::Ignore };
    match Running::start(loaded, registry, idle).await {
        Ok(running) => {
            let done = work(&Door::Folder(Box::new(running.app.at_the_folder()))).await;
            running.stop().await;
            done
        }
        Err(e) if e.kind() == ErrorKind::Conflict && e.operation() == "data_dir.open" => {
            let credentials = Credentials::read(&loaded.config, &loaded.config.server.data_dir)?;
            let client = Client::new(local_url(&loaded.config), credentials.first_api_key()?.clone())?;
            work(&Door::Server(client)).await
        }
        Err(e) => Err(e),
    }
}
