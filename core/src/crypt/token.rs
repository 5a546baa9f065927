//! The memory token: names a caller for the length of a call, unseen by the language model.

use super::Vault;
use crate::{Scope, Timestamp};
use subtle::ConstantTimeEq;

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not ours, or changed.
    #[error("the memory token is not valid")]
    Invalid,
    /// It was valid once.
    #[error("the memory token has expired")]
    Expired,
}

/// `v1.<hex of "tenant\ncaller\nexpiry">.<hex of the MAC>`
pub(super) fn issue(vault: &Vault, scope: &Scope, expires: Timestamp) -> String {
    let claim = format!("{}\n{}\n{}", scope.tenant, scope.caller, expires.timestamp());
    format!("v1.{}.{}", hex(claim.as_bytes()), hex(&vault.keyed_hash("token", &[&claim])))
}

pub(super) fn verify(vault: &Vault, token: &str, now: Timestamp) -> Result<Scope, TokenError> {
    let mut parts = token.split('.');
    let (Some("v1"), Some(claim), Some(mac), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(TokenError::Invalid);
    };
    let claim = unhex(claim).and_then(|c| String::from_utf8(c).ok()).ok_or(TokenError::Invalid)?;
    let mac = unhex(mac).ok_or(TokenError::Invalid)?;
    let wanted = vault.keyed_hash("token", &[&claim]);
    if mac.len() != wanted.len() || !bool::from(mac.ct_eq(&wanted)) {
        return Err(TokenError::Invalid);
    }
    let mut lines = claim.split('\n');
    let (Some(tenant), Some(caller), Some(expires)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(TokenError::Invalid);
    };
    let expires: i64 = expires.parse().map_err(|_| TokenError::Invalid)?;
    if now.timestamp() >= expires {
        return Err(TokenError::Expired);
    }
    Ok(Scope::new(tenant, caller))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;
    use crate::crypt::Keyring;
    use chrono::{Duration, TimeZone, Utc};
    use std::sync::Arc;

    #[test]
    fn a_token_names_its_caller_until_it_expires_and_cannot_be_changed() {
        let vault = Vault::new(Keyring::generate(&SystemEntropy), Arc::new(SystemEntropy));
        let now = Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        let scope = Scope::new("t", "usr_1");
        let token = vault.token(&scope, now + Duration::hours(2));
        assert_eq!(vault.verify_token(&token, now), Ok(scope));
        assert_eq!(vault.verify_token(&token, now + Duration::hours(2)), Err(TokenError::Expired));
        let forged = token.replacen("v1.", "v1.00", 1);
        for bad in ["", "v1", "v1..", "<REDACTED>", "v1.ä.ö", forged.as_str()] {
            assert_eq!(vault.verify_token(bad, now), Err(TokenError::Invalid), "{bad}");
        }
    }
}
