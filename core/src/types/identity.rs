//! What a call says about who is calling.

use serde::{Deserialize, Serialize};

/// The kinds of identity, in the order in which they are believed (after our own conversation map).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// Our own or the integrator's user id, as it came in `memory_user_id`, `data.user_id` or `/v1/memories`.
    External,
    /// A telephone number, normalised.
    Phone,
    /// A WhatsApp user id.
    Whatsapp,
    /// The number of a text message.
    Sms,
}

impl IdentityKind {
    /// The stable name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Phone => "phone",
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
        }
    }
}

/// One identity as a store sees it: the keyed hash to look it up by, and the sealed original for display.
/// A store never learns the number itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What kind of identity.
    pub kind: IdentityKind,
    /// Keyed hash of the normalised value, made by [`crate::crypt::Vault::identity`].
    pub hash: [u8; 32],
    /// The value, sealed, for display.
    pub sealed: crate::crypt::Sealed,
}
