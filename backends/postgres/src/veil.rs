//! What this store seals by itself: names, summaries, and what a merge or a split notes of two profiles. They are put together
//! and compared within transactions, so they come here in the clear, and nothing of them reaches the file so.

use crate::error::Fault;
use hark_core::crypt::{Purpose, Sealed, Vault};
use hark_core::{ErrorKind, TenantId};
use sqlx::Row;
use sqlx::postgres::PgRow;

const NO_KEYS: Fault = Fault::Refused(
    ErrorKind::Config,
    "names and summaries are sealed, and the store was opened without encryption keys",
);
const MISSING_KEY: Fault = Fault::Refused(
    ErrorKind::Config,
    "a name, a summary or a merge is sealed with an encryption key that is missing from the keyring",
);

/// Seals and opens what a row holds, or neither, without keys.
#[derive(Debug)]
pub(crate) struct Veil(Option<Vault>);

impl Veil {
    pub(crate) fn new(vault: Option<Vault>) -> Self {
        Self(vault)
    }

    /// What a column holds of a text: nothing of an empty one.
    pub(crate) fn cover(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        record: &str,
        text: &str,
    ) -> Result<Option<Vec<u8>>, Fault> {
        if text.is_empty() {
            return Ok(None);
        }
        let vault = self.0.as_ref().ok_or(NO_KEYS)?;
        let sealed = vault.seal(tenant, purpose, record, text.as_bytes());
        let sealed = sealed.map_err(|error| Fault::Refused(error.kind(), "the cipher refused"))?;
        Ok(Some(sealed.as_bytes().to_vec()))
    }

    /// The text of a column; empty where there is none.
    pub(crate) fn uncover(
        &self,
        row: &PgRow,
        column: &'static str,
        (tenant, purpose, record): (&TenantId, Purpose, &str),
    ) -> Result<String, Fault> {
        let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>(column)? else { return Ok(String::new()) };
        let vault = self.0.as_ref().ok_or(NO_KEYS)?;
        let opened = vault.open(tenant, purpose, record, &Sealed::from_bytes(bytes));
        let plain = opened.map_err(|error| match error.kind() {
            ErrorKind::Config => MISSING_KEY,
            _ => Fault::Stored(column),
        })?;
        String::from_utf8(plain).map_err(|_| Fault::Stored(column))
    }
}
