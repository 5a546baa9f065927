//! Whose memory: no store call about a person can be made without saying so.

use crate::{TenantId, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One caller of one tenant. Everything a store returns for a scope belongs to that caller, and nothing a
/// store is given under a scope is ever visible under another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The deployment's customer.
    pub tenant: TenantId,
    /// The person.
    pub caller: UserId,
}

impl Scope {
    /// A scope.
    pub fn new(tenant: impl Into<TenantId>, caller: impl Into<UserId>) -> Self {
        Self { tenant: tenant.into(), caller: caller.into() }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.caller)
    }
}
