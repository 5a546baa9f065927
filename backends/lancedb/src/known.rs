//! Which ids a table holds, so that a new one can be appended without looking for an old one.
//!
//! Finding out in the table costs milliseconds and grows with it; nearly every write is of a new id. An id is
//! kept as a 64-bit hash: a collision costs a needless delete, never a lost or doubled row.

use hark_core::MemoryId;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Above so many rows (about 100 MB here) the table itself is asked.
pub(crate) const MAX_KNOWN: usize = 4_000_000;

/// The ids by scope key; `None` when they are too many to know.
#[derive(Debug, Default)]
pub(crate) struct Known {
    scopes: HashMap<String, HashSet<u64>>,
    count: usize,
    too_many: bool,
}

impl Known {
    pub(crate) fn insert(&mut self, scope: &str, id: &str) {
        if self.too_many {
            return;
        }
        if self.count >= MAX_KNOWN {
            *self = Self { too_many: true, ..Self::default() };
            return;
        }
        // Most writes are to callers that are there: no allocation for those.
        let ids = match self.scopes.get_mut(scope) {
            Some(ids) => ids,
            None => self.scopes.entry(scope.to_owned()).or_default(),
        };
        self.count += usize::from(ids.insert(hash(id)));
    }

    /// Whether the row may be there; `false` is certain.
    pub(crate) fn may_hold(&self, scope: &str, id: &MemoryId) -> bool {
        self.too_many || self.scopes.get(scope).is_some_and(|ids| ids.contains(&hash(id.as_str())))
    }

    /// Whether the caller may have rows; `false` is certain.
    pub(crate) fn may_hold_scope(&self, scope: &str) -> bool {
        self.too_many || self.scopes.contains_key(scope)
    }

    pub(crate) fn remove(&mut self, scope: &str, id: &MemoryId) {
        if let Some(ids) = self.scopes.get_mut(scope) {
            self.count -= usize::from(ids.remove(&hash(id.as_str())));
        }
    }

    pub(crate) fn remove_scope(&mut self, scope: &str) {
        self.count -= self.scopes.remove(scope).map_or(0, |ids| ids.len());
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_known_until_removed() {
        let mut known = Known::default();
        let (a, b) = (MemoryId::from("a"), MemoryId::from("b"));
        known.insert("s", "a");
        known.insert("s", "a");
        assert!(known.may_hold("s", &a) && !known.may_hold("s", &b) && !known.may_hold("t", &a));
        assert!(known.may_hold_scope("s") && !known.may_hold_scope("t"));
        known.remove("s", &a);
        known.remove("s", &a);
        assert!(!known.may_hold("s", &a));
        known.insert("s", "b");
        known.remove_scope("s");
        assert!(!known.may_hold_scope("s"));
        assert_eq!(known.count, 0);
    }

    #[test]
    fn too_many_means_that_nothing_is_certain() {
        let mut known = Known { count: MAX_KNOWN, ..Known::default() };
        known.insert("s", "a");
        assert!(known.too_many && known.may_hold("t", &MemoryId::from("x")) && known.may_hold_scope("t"));
    }
}
