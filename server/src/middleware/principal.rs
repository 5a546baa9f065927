//! Who is asking: what authentication found out, for everything behind it.

use hark_core::{KeyId, KeyScopes, TenantId};

/// Which key was shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyName {
    /// One of the configuration or of `credentials.toml`, by its place there, from 0.
    Configured(usize),
    /// One that was created by route or command.
    Stored(KeyId),
    /// None: a command that was run beside the data folder itself.
    Folder,
}

impl KeyName {
    /// How it is called in logs and records: the key's id, `configured` or `folder`. Opens nothing.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Configured(_) => "configured",
            Self::Stored(id) => id.as_str(),
            Self::Folder => "folder",
        }
    }
}

/// Who is asking. An extension of every request that has passed authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whose data it may touch.
    pub tenant: TenantId,
    /// The key that was shown.
    pub key: KeyName,
    /// What the key allows.
    pub scopes: KeyScopes,
}

impl Principal {
    /// Who holds a configured credential: everything of the deployment's tenant.
    pub fn configured(tenant: TenantId, place: usize) -> Self {
        Self { tenant, key: KeyName::Configured(place), scopes: KeyScopes::all() }
    }
}
