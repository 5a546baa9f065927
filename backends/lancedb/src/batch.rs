//! Many callers' changes, boiled down to what one commit has to do.

use crate::known::Known;
use crate::schema::{of_ids, of_scope};
use hark_core::MemoryId;
use hark_core::store::VectorRow;
use lancedb::expr::DfExpr;
use std::collections::{BTreeMap, BTreeSet};

/// Ids in one delete; more make the predicate slow to plan.
const IDS_PER_DELETE: usize = 200;

/// Conditions joined by `or` in one delete.
const PARTS_PER_DELETE: usize = 32;

/// One change; those of a caller are applied in order. Scopes are given by their key.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put(String, VectorRow),
    Remove(String, MemoryId),
    Erase(String),
}

/// The sum of changes: first the erasures, then the removals, then the rows.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    erased: BTreeSet<String>,
    removed: BTreeSet<(String, MemoryId)>,
    put: BTreeMap<(String, MemoryId), VectorRow>,
}

impl Batch {
    pub(crate) fn push(&mut self, change: Change) {
        match change {
            Change::Put(scope, row) => {
                self.put.insert((scope, row.id.clone()), row);
            }
            Change::Remove(scope, id) => {
                let key = (scope, id);
                self.put.remove(&key);
                self.removed.insert(key);
            }
            Change::Erase(scope) => {
                self.put.retain(|(owner, _), _| *owner != scope);
                self.removed.retain(|(owner, _)| *owner != scope);
                self.erased.insert(scope);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.erased.len() + self.removed.len() + self.put.len()
    }

    /// What has to be deleted from the table before the rows are appended; nothing, nearly always.
    pub(crate) fn deletes(&self, known: &Known) -> Vec<DfExpr> {
        let stale = self.removed.iter().chain(self.put.keys()).filter(|(scope, id)| known.may_hold(scope, id));
        self.delete(stale, self.erased.iter().filter(|scope| known.may_hold_scope(scope)))
    }

    /// What has to be deleted where others write too: nobody knows what is there, and rows that are written replace by
    /// themselves.
    pub(crate) fn removals(&self) -> Vec<DfExpr> {
        self.delete(self.removed.iter(), self.erased.iter())
    }

    fn delete<'a>(
        &'a self,
        ids: impl Iterator<Item = &'a (String, MemoryId)>,
        scopes: impl Iterator<Item = &'a String>,
    ) -> Vec<DfExpr> {
        let mut stale: BTreeMap<&str, Vec<MemoryId>> = BTreeMap::new();
        for (scope, id) in ids.filter(|(scope, _)| !self.erased.contains(scope)) {
            stale.entry(scope).or_default().push(id.clone());
        }
        let mut parts: Vec<(usize, DfExpr)> = scopes.map(|scope| (1, of_scope(scope, &[]))).collect();
        for (scope, mut ids) in stale {
            ids.sort();
            ids.dedup();
            parts.extend(ids.chunks(IDS_PER_DELETE).map(|ids| (ids.len(), of_ids(scope, ids))));
        }
        together(parts)
    }

    /// Notes the outcome before it is tried: should it fail half-way, what may be there counts as there.
    pub(crate) fn expect(&self, known: &mut Known) {
        for (scope, id) in self.put.keys() {
            known.insert(scope, id.as_str());
        }
    }

    /// Notes what is gone for certain, once the commit has succeeded.
    pub(crate) fn forget(&self, known: &mut Known) {
        for scope in &self.erased {
            known.remove_scope(scope);
        }
        for (scope, id) in &self.removed {
            known.remove(scope, id);
        }
        self.expect(known);
    }

    /// What has to be appended.
    pub(crate) fn rows(&self) -> Vec<(&str, &VectorRow)> {
        self.put.iter().map(|((scope, _), row)| (scope.as_str(), row)).collect()
    }
}

/// Joins conditions by `or` into few deletes: every delete is a commit.
fn together(parts: Vec<(usize, DfExpr)>) -> Vec<DfExpr> {
    let mut groups: Vec<(usize, Vec<DfExpr>)> = Vec::new();
    for (size, part) in parts {
        match groups.last_mut() {
            Some((sum, group)) if *sum + size <= IDS_PER_DELETE && group.len() < PARTS_PER_DELETE => {
                *sum += size;
                group.push(part);
            }
            _ => groups.push((size, vec![part])),
        }
    }
    groups.into_iter().filter_map(|(_, group)| any_of(group)).collect()
}

/// A balanced tree: the planner walks conditions recursively, and a chain of a hundred overflows its stack.
fn any_of(mut group: Vec<DfExpr>) -> Option<DfExpr> {
    if group.len() < 2 {
        return group.pop();
    }
    let right = group.split_off(group.len() / 2);
    any_of(group)?.or(any_of(right)?).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::Sector;

    fn put(scope: &str, id: &str) -> Change {
        Change::Put(scope.into(), VectorRow { id: id.into(), sector: Sector::Semantic, vector: vec![1.0] })
    }

    fn batch(changes: Vec<Change>) -> Batch {
        let mut batch = Batch::default();
        changes.into_iter().for_each(|change| batch.push(change));
        batch
    }

    #[test]
    fn new_ids_need_no_delete_and_known_ones_share_one() {
        let mut known = Known::default();
        let first = batch(vec![put("s", "a"), put("s", "a"), put("t", "a")]);
        assert!(first.deletes(&known).is_empty());
        first.expect(&mut known);
        assert_eq!(first.rows().len(), 2);
        let second = batch(vec![put("s", "a"), put("s", "b"), put("t", "a"), Change::Remove("t".into(), "z".into())]);
        assert_eq!(second.deletes(&known).len(), 1);
    }

    #[test]
    fn order_within_a_batch_is_kept() {
        let remove = |id: &str| Change::Remove("s".into(), id.into());
        assert!(batch(vec![put("s", "a"), remove("a")]).rows().is_empty());
        assert_eq!(batch(vec![remove("a"), put("s", "a")]).rows().len(), 1);
        assert!(batch(vec![put("s", "a"), Change::Erase("s".into())]).rows().is_empty());
        assert_eq!(batch(vec![Change::Erase("s".into()), put("s", "a"), put("t", "a")]).rows().len(), 2);
    }

    #[test]
    fn the_known_follow_what_happened() {
        let mut known = Known::default();
        batch(vec![put("s", "a"), put("t", "a")]).forget(&mut known);
        batch(vec![Change::Erase("s".into()), put("s", "b")]).forget(&mut known);
        assert!(!known.may_hold("s", &"a".into()) && known.may_hold("s", &"b".into()));
        batch(vec![Change::Remove("t".into(), "a".into())]).forget(&mut known);
        assert!(!known.may_hold("t", &"a".into()));
    }

    #[test]
    fn where_others_write_too_only_what_is_removed_is_deleted() {
        let remove = |id: &str| Change::Remove("s".into(), id.into());
        assert!(batch(vec![put("s", "a"), put("t", "a")]).removals().is_empty());
        let sum = batch(vec![put("s", "a"), remove("b"), Change::Erase("t".into()), put("t", "c")]);
        let deletes = format!("{:?}", sum.removals());
        assert_eq!(sum.removals().len(), 1, "{deletes}");
        assert!(!deletes.contains("\"a\"") && deletes.contains("\"b\"") && !deletes.contains("\"c\""), "{deletes}");
    }

    #[test]
    fn many_replacements_are_split() {
        let mut known = Known::default();
        let changes: Vec<_> = (0..450).map(|n| put("s", &n.to_string())).collect();
        batch(changes.clone()).expect(&mut known);
        assert_eq!(batch(changes).deletes(&known).len(), 3);
    }
}
