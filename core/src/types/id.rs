//! Ids are opaque strings; each kind has a type of its own so that none is passed for another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an id as it was received or stored.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self::new(id)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
    };
}

id!(
    /// A customer of this deployment; nothing is shared between two of them.
    TenantId
);
id!(
    /// A person who calls, by our own id (`usr_…`). Integrators' own ids and numbers are [`crate::Identity`]s.
    UserId
);
id!(
    /// A voice agent, by the platform's id.
    AgentId
);
id!(
    /// A conversation, by the platform's id.
    ConversationId
);
id!(
    /// A memory (`mem_…`).
    MemoryId
);
id!(
    /// A link between two memories (`lnk_…`).
    LinkId
);
id!(
    /// What was decided about two memories (`cfl_…`).
    ConflictId
);
id!(
    /// What an agent was told on one occasion (`rcp_…`).
    ReceiptId
);
id!(
    /// A merge or a split of callers (`trf_…`).
    TransferId
);
id!(
    /// An entry of the audit log (`aud_…`).
    AuditId
);
id!(
    /// That a person was erased (`ers_…`).
    ErasureId
);
id!(
    /// A raw event as it was delivered (`evt_…`).
    EventId
);
id!(
    /// A piece of durable work (`job_…`).
    JobId
);
id!(
    /// An API key (`key_…`) or a webhook secret (`whs_…`). Names it, and opens nothing.
    KeyId
);

/// The namespace of everything derived (UUID version 5).
const DERIVED: Uuid = Uuid::from_u128(0x6861_726b_0000_4d65_6d6f_7279_0000_0001);

fn derive(prefix: &str, parts: &[&str]) -> String {
    // A length before each part keeps ("ab", "c") and ("a", "bc") apart.
    let mut name = String::new();
    for part in parts {
        name.push_str(&format!("{}:{part};", part.len()));
    }
    format!("{prefix}_{}", Uuid::new_v5(&DERIVED, name.as_bytes()).simple())
}

impl MemoryId {
    /// The id of the `index`-th candidate of a conversation's saved extraction. A re-run meets itself.
    pub fn derived(tenant: &TenantId, conversation: &ConversationId, index: usize) -> Self {
        Self(derive("mem", &[tenant.as_str(), conversation.as_str(), &index.to_string()]))
    }
}

impl LinkId {
    /// The id of the one link between two memories, the same from either side.
    pub fn between(a: &MemoryId, b: &MemoryId) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self(derive("lnk", &[low.as_str(), high.as_str()]))
    }
}

impl ConflictId {
    /// The id of the one conflict between two memories, the same from either side.
    pub fn between(a: &MemoryId, b: &MemoryId) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self(derive("cfl", &[low.as_str(), high.as_str()]))
    }
}

impl AuditId {
    /// The id of the one entry that a run of the schedule makes about a tenant.
    pub fn of_run(tenant: &TenantId, run: &str) -> Self {
        Self(derive("aud", &[tenant.as_str(), run]))
    }
}

impl EventId {
    /// The id of an event by what makes a delivery the same: conversation and type.
    pub fn derived(tenant: &TenantId, conversation: &ConversationId, kind: &str) -> Self {
        Self(derive("evt", &[tenant.as_str(), conversation.as_str(), kind]))
    }
}

impl JobId {
    /// The id of a job by its tenant, name and de-duplication key.
    pub fn derived(tenant: &TenantId, name: &str, key: &str) -> Self {
        Self(derive("job", &[tenant.as_str(), name, key]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_are_stable_and_distinct() {
        let (t, c) = (TenantId::new("t"), ConversationId::new("conv_1"));
        assert_eq!(MemoryId::derived(&t, &c, 0), MemoryId::derived(&t, &c, 0));
        assert_ne!(MemoryId::derived(&t, &c, 0), MemoryId::derived(&t, &c, 1));
        assert_ne!(
            MemoryId::derived(&TenantId::new("ab"), &ConversationId::new("c"), 0),
            MemoryId::derived(&TenantId::new("a"), &ConversationId::new("bc"), 0)
        );
        let (a, b) = (MemoryId::new("mem_a"), MemoryId::new("mem_b"));
        assert_eq!(LinkId::between(&a, &b), LinkId::between(&b, &a));
        assert_eq!(ConflictId::between(&a, &b), ConflictId::between(&b, &a));
    }
}
