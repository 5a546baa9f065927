//! What a key allows.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One thing a key may do. Each stands alone: none includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// Say that a call is about to begin.
    Webhook,
    /// Ask and tell during a call, as an agent's tools do.
    Tool,
    /// Read what is remembered.
    Read,
    /// Change what is remembered.
    Write,
    /// Keys, erasure, export, jobs.
    Admin,
}

impl KeyScope {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 5] = [Self::Webhook, Self::Tool, Self::Read, Self::Write, Self::Admin];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Tool => "tool",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// What a key may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyScopes(BTreeSet<KeyScope>);

impl KeyScopes {
    /// Everything.
    pub fn all() -> Self {
        KeyScope::ALL.into_iter().collect()
    }

    /// Whether it is among them.
    pub fn allow(&self, scope: KeyScope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each once, the narrowest first.
    pub fn iter(&self) -> impl Iterator<Item = KeyScope> {
        self.0.iter().copied()
    }

    /// Their names, parted by spaces: how stores keep them.
    pub fn names(&self) -> String {
        self.iter().map(KeyScope::name).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`KeyScopes::names`] wrote.
    ///
    /// # Errors
    /// `Invalid` for a name nobody knows.
    pub fn parse(names: &str) -> Result<Self> {
        let unknown = || Error::invalid("keys.scopes", "a scope is not webhook, tool, read, write or admin");
        names.split_whitespace().map(|name| KeyScope::parse(name).ok_or_else(unknown)).collect()
    }
}

impl FromIterator<KeyScope> for KeyScopes {
    fn from_iter<I: IntoIterator<Item = KeyScope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_and_read_and_none_includes_another() {
        let some = KeyScopes::parse("admin  tool").unwrap();
        assert_eq!(some.names(), "tool admin");
        assert!(some.allow(KeyScope::Admin) && !some.allow(KeyScope::Read) && !some.allow(KeyScope::Write));
        assert_eq!(KeyScopes::parse(&KeyScopes::all().names()).unwrap(), KeyScopes::all());
        assert!(KeyScopes::parse("").unwrap().is_empty());
        assert!(KeyScopes::parse("root").is_err());
        assert_eq!(serde_json::to_string(&some).unwrap(), r#"["tool","admin"]"#);
    }
}
