//! `/v1/encryption`: which encryption keys there are, and what is sealed by which. For operators.

use super::error::Problem;
use crate::app::App;
use axum::Json;
use axum::extract::State;
use hark_core::Result;
use hark_core::crypt::{KeyState, uses};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The encryption keys of this process.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EncryptionView {
    /// The id of the key that seals.
    pub active: String,
    /// How many values are still under older keys; 0 once everything is sealed anew.
    pub stale: u64,
    /// The keys of the keyring, newest first, then those that only something stored knows.
    pub keys: Vec<EncryptionKeyView>,
}

/// An encryption key; never its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EncryptionKeyView {
    /// Its id; empty for `clear`.
    pub id: String,
    /// `next`: opens, and seals once it is activated. `active`: seals. `old`: only opens, and what it sealed is sealed
    /// anew. `missing`: something is sealed with it, and this process does not have it. `clear`, with an empty id: no key,
    /// of what was kept before values of its kind were sealed, and is sealed like what old keys sealed.
    pub state: String,
    /// How many values are sealed with it, by what they are: `event`, `transcript`, `extraction`, `identity`, `receipt`,
    /// `review`, `webhook_secret`, `erasure`, `name`, `summary`, `transfer`.
    pub values: BTreeMap<String, u64>,
}

/// The encryption keys, and what is sealed by which. Counts: with millions of values it takes seconds.
#[utoipa::path(get, path = "/v1/encryption", tag = "operations", responses((status = 200, body = EncryptionView)))]
pub async fn read(State(app): State<App>) -> Result<Json<EncryptionView>, Problem> {
    Ok(Json(view(&app).await?))
}

/// What is told of them.
///
/// # Errors
/// What the stores say.
pub(crate) async fn view(app: &App) -> Result<EncryptionView> {
    let mut used = uses(&app.sealed).await?;
    let mut active = String::new();
    let mut stale = 0;
    let mut keys = Vec::new();
    let mut tell = |id: &str, state: &str, values: BTreeMap<_, u64>| {
        let values =
            values.into_iter().map(|(purpose, n): (hark_core::crypt::Purpose, u64)| (purpose.name().to_owned(), n));
        keys.push(EncryptionKeyView { id: id.to_owned(), state: state.to_owned(), values: values.collect() });
    };
    for (id, state) in app.engine.vault.keys() {
        let values = used.remove(id).unwrap_or_default();
        match state {
            KeyState::Active => id.clone_into(&mut active),
            KeyState::Old => stale += values.values().sum::<u64>(),
            KeyState::Next => {}
        }
        tell(id, state.name(), values);
    }
    if let Some(values) = used.remove("") {
        stale += values.values().sum::<u64>();
        tell("", "clear", values);
    }
    for (id, values) in used {
        tell(&id, "missing", values);
    }
    Ok(EncryptionView { active, stale, keys })
}
