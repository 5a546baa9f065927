//! `/v1/audit`: who has looked at, changed, exported or erased what.

use super::error::{Problem, ProblemBody};
use super::extract::{AppQuery, page};
use super::view::Items;
use super::words;
use crate::tenant::TenantApp;
use axum::Json;
use chrono::{DateTime, Utc};
use hark_core::{AuditAction, AuditEntry, AuditFilter, KeyedHash, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which entries to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only about this user: our own id, also of one who was erased; or the integrator's, of one who is known.
    pub user_id: Option<String>,
    /// Only about this person, by the keyed hash of an entry or of a receipt.
    #[param(pattern = "^[0-9a-f]{64}$")]
    pub person: Option<String>,
    /// Only by this key: its id, `configured` or `folder`.
    pub actor: Option<String>,
    /// Only this: recall, read, change, export, erase or key.
    #[param(schema_with = words::audit_action)]
    pub action: Option<AuditAction>,
    /// Items, 1 to 1,000; 50 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditView {
    /// Its id.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// With which key: its id; `configured` for one of the configuration; `folder` for a command beside the data folder.
    pub actor: String,
    /// `recall` (an agent was told), `read`, `change`, `export`, `erase` or `key`.
    pub action: &'static str,
    /// The route, or the command.
    pub route: String,
    /// About whom, by a keyed hash: the same in every entry and receipt; null where it was about nobody in particular.
    pub person: Option<String>,
    /// About what beside, by an id of ours.
    pub object: Option<String>,
    /// How it ended: the HTTP status; of a command 0 if it was done, else 1.
    pub status: u16,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            at: entry.at,
            actor: entry.actor,
            action: entry.action.name(),
            route: entry.route,
            person: entry.person.map(|person| person.to_string()),
            object: entry.object,
            status: entry.status,
        }
    }
}

/// The audit log, latest first. It can be added to, and in no other way be changed.
#[utoipa::path(get, path = "/v1/audit", tag = "users", params(AuditQuery),
    responses((status = 200, body = Items<AuditView>), (status = 422, body = ProblemBody)))]
pub async fn list(app: TenantApp, AppQuery(query): AppQuery<AuditQuery>) -> Result<Json<Items<AuditView>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let person = match (&query.user_id, &query.person) {
        (Some(_), Some(_)) => {
            return Err(Problem::field("invalid_field", "person", "give `user_id` or `person`, not both"));
        }
        (Some(id), None) => Some(person_of(&app, id).await?),
        (None, Some(hash)) => Some(KeyedHash::parse(hash).ok_or_else(|| {
            Problem::field("invalid_field", "person", "`person` is the 64 hex digits of an entry or of a receipt")
        })?),
        (None, None) => None,
    };
    if let Err(error) = app.audit.flush().await {
        tracing::warn!(?error, "the audit log is behind");
    }
    let filter = AuditFilter { person, actor: query.actor, action: query.action };
    let found = app.engine.memory.audit_log(app.tenant(), &filter, &page).await?;
    Ok(Json(Items { items: found.items.into_iter().map(AuditView::from).collect(), next_cursor: found.next_cursor }))
}

async fn person_of(app: &TenantApp, id: &str) -> Result<KeyedHash, Problem> {
    let user = app.people.by_reference(app.tenant(), id).await?;
    // Of an erased person nothing is left to look up, but the id makes the same hash.
    let caller = user.map_or_else(|| UserId::new(id.trim()), |user| user.id);
    Ok(app.engine.vault.person(app.tenant(), &caller))
}
