//! Erasing a person, and what is left: a receipt that says so, and that can be checked.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, AppQuery, Id, PageQuery, page};
use super::view::Items;
use crate::tenant::TenantApp;
use axum::Json;
use chrono::{DateTime, Utc};
use hark_core::{Erased, Erasure, ErasureId, KeyedHash, Result, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// That a person was erased: numbers and times, signed. Names nobody.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureReceipt {
    /// The erasure.
    #[schema(example = "ers_0123456789abcdef")]
    pub receipt_id: String,
    /// The person, by a keyed hash: the same in every receipt and in the audit log, and of use to nobody else.
    pub person: String,
    /// When it was done.
    pub erased_at: DateTime<Utc>,
    /// What stays out: `past`, whatever is from before; `forever`, also what comes later.
    pub suppressed: Suppressed,
    /// Memories removed.
    pub memories: u64,
    /// Links removed.
    pub links: u64,
    /// Conflicts removed.
    pub conflicts: u64,
    /// Conversations removed, with transcripts and what was extracted from them.
    pub conversations: u64,
    /// Records removed of what agents were told.
    pub receipts: u64,
    /// Reviews removed.
    pub reviews: u64,
    /// Numbers and ids removed.
    pub identities: u64,
    /// Raw events removed.
    pub events: u64,
    /// Jobs removed.
    pub jobs: u64,
    /// Signs everything above, with the keyring of this deployment.
    pub signature: String,
    /// Since when no file holds anything of it any more, older versions included; null until then. Not signed.
    #[serde(default)]
    pub files_clean_at: Option<DateTime<Utc>>,
}

/// What stays out after an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suppressed {
    /// Whatever is from before.
    Past,
    /// Also what comes later.
    Forever,
}

/// Whether a receipt is ours.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verified {
    /// Whether this deployment signed exactly these facts for this tenant.
    pub valid: bool,
    /// Whether the erasure stands in the ledger that is in use: not so in a database restored without it.
    pub recorded: bool,
}

impl ErasureReceipt {
    /// The receipt of an erasure.
    pub(crate) fn of(app: &TenantApp, erasure: &Erasure) -> Self {
        let Erased { memories, links, conflicts, conversations, receipts, reviews, identities } = erasure.erased;
        Self {
            receipt_id: erasure.id.to_string(),
            person: erasure.person.to_string(),
            erased_at: erasure.erased_at,
            suppressed: if erasure.forever { Suppressed::Forever } else { Suppressed::Past },
            memories,
            links,
            conflicts,
            conversations,
            receipts,
            reviews,
            identities,
            events: erasure.events,
            jobs: erasure.jobs,
            signature: app.engine.vault.sign_erasure(app.tenant(), erasure),
            files_clean_at: erasure.clean_at,
        }
    }

    /// Whether the signature covers it, and whether the ledger knows it.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn verify(&self, app: &TenantApp) -> Result<Verified> {
        let id = ErasureId::new(self.receipt_id.as_str());
        let Some(person) = KeyedHash::parse(&self.person) else {
            return Ok(Verified { valid: false, recorded: false });
        };
        let told = Erasure {
            person,
            erased_at: self.erased_at,
            forever: self.suppressed == Suppressed::Forever,
            erased: Erased {
                memories: self.memories,
                links: self.links,
                conflicts: self.conflicts,
                conversations: self.conversations,
                receipts: self.receipts,
                reviews: self.reviews,
                identities: self.identities,
            },
            events: self.events,
            jobs: self.jobs,
            settled_at: None,
            compacted_at: None,
            clean_at: None,
            work: None,
            id: id.clone(),
        };
        Ok(Verified {
            valid: app.engine.vault.verifies_erasure(app.tenant(), &told, &self.signature),
            recorded: app.engine.memory.erasure(app.tenant(), &id).await?.is_some(),
        })
    }
}

/// Erases whom our own id or the integrator's names; `None` for one who never was anybody.
///
/// # Errors
/// What the stores say; to be repeated.
pub(crate) async fn erase_person(app: &TenantApp, id: &str) -> Result<Option<ErasureReceipt>> {
    let erasure = match app.people.by_reference(app.tenant(), id).await? {
        Some(user) => {
            app.touched().person(&user.id);
            let scope = Scope { tenant: app.tenant().clone(), caller: user.id };
            app.ingest.erase(&scope).await?
        }
        None => match app.people.erasure_of(app.tenant(), id).await? {
            Some(erasure) => Some(app.ingest.settle_erasure(app.tenant(), erasure).await?),
            None => None,
        },
    };
    Ok(erasure.map(|erasure| {
        let Erased { memories, conversations, .. } = erasure.erased;
        tracing::info!(erasure = %erasure.id, memories, conversations, "person erased");
        ErasureReceipt::of(app, &erasure)
    }))
}

/// Erases a person and everything that is theirs, and keeps whatever is from before then out for good. Whoever was erased
/// and has not come back is answered with the same receipt.
#[utoipa::path(delete, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = ErasureReceipt), (status = 404, body = ProblemBody)))]
pub async fn erase(app: TenantApp, Id(id): Id) -> Result<Json<ErasureReceipt>, Problem> {
    erase_person(&app, &id).await?.map(Json).ok_or_else(|| Problem::not_found("user"))
}

/// All receipts, latest first.
#[utoipa::path(get, path = "/v1/erasures", tag = "users",
    params(PageQuery),
    responses((status = 200, body = Items<ErasureReceipt>)))]
pub async fn list(
    app: TenantApp,
    AppQuery(query): AppQuery<PageQuery>,
) -> Result<Json<Items<ErasureReceipt>>, Problem> {
    let found = app.engine.memory.erasures(app.tenant(), &page(query.limit, query.cursor)?).await?;
    let items = found.items.iter().map(|erasure| ErasureReceipt::of(&app, erasure)).collect();
    Ok(Json(Items { items, next_cursor: found.next_cursor }))
}

/// Whether a receipt is one that this deployment has signed, unchanged.
#[utoipa::path(post, path = "/v1/erasures/verify", tag = "users", request_body = ErasureReceipt,
    responses((status = 200, body = Verified), (status = 422, body = ProblemBody)))]
pub async fn verify(app: TenantApp, AppJson(receipt): AppJson<ErasureReceipt>) -> Result<Json<Verified>, Problem> {
    Ok(Json(receipt.verify(&app).await?))
}
