//! The ledger of erasures, and what it keeps out.

use super::state::State;
use crate::ram::page::{earliest_first, latest_first};
use crate::{
    ConversationId, Erased, Erasure, ErasureId, ErasureStep, Error, ErrorKind, Identity, NewErasure, Page, PageRequest,
    Result, Scope, Suppression, SuppressionKey, TenantId, Timestamp,
};
use chrono::DateTime;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Erasures {
    done: BTreeMap<(TenantId, ErasureId), Erasure>,
    kept_out: BTreeMap<(TenantId, SuppressionKey), BTreeSet<ErasureId>>,
}

impl Erasures {
    pub(super) fn all_mut(&mut self) -> &mut BTreeMap<(TenantId, ErasureId), Erasure> {
        &mut self.done
    }

    fn suppress(&mut self, tenant: &TenantId, id: &ErasureId, keys: impl IntoIterator<Item = SuppressionKey>) {
        for key in keys {
            self.kept_out.entry((tenant.clone(), key)).or_default().insert(id.clone());
        }
    }

    pub(super) fn of(&self, tenant: &TenantId, keys: &[SuppressionKey]) -> Vec<Suppression> {
        let asked: BTreeSet<_> = keys.iter().collect();
        let mut found = Vec::new();
        for key in asked {
            for id in self.kept_out.get(&(tenant.clone(), *key)).into_iter().flatten() {
                if let Some(done) = self.done.get(&(tenant.clone(), id.clone())) {
                    let (erased_at, forever) = (done.erased_at, done.forever);
                    found.push(Suppression { key: *key, erasure: id.clone(), erased_at, forever });
                }
            }
        }
        found.sort_by(|x, y| y.erased_at.cmp(&x.erased_at).then_with(|| (&x.erasure, x.key).cmp(&(&y.erasure, y.key))));
        found
    }

    pub(super) fn get(&self, tenant: &TenantId, id: &ErasureId) -> Option<&Erasure> {
        self.done.get(&(tenant.clone(), id.clone()))
    }

    pub(super) fn list(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Erasure>> {
        let own = self.done.iter().filter(|((owner, _), _)| owner == tenant).map(|(_, done)| done);
        latest_first("ram.erasures", own, page, |done| (done.erased_at, done.id.as_str()), Erasure::clone)
    }

    pub(super) fn keys(&self, tenant: &TenantId, id: &ErasureId) -> Vec<SuppressionKey> {
        let own = self.kept_out.iter().filter(|((owner, _), ids)| owner == tenant && ids.contains(id));
        own.map(|((_, key), _)| *key).collect()
    }

    pub(super) fn note(&mut self, tenant: &TenantId, erasure: &Erasure, keys: &[SuppressionKey]) {
        if let Entry::Vacant(place) = self.done.entry((tenant.clone(), erasure.id.clone())) {
            place.insert(erasure.clone());
            self.suppress(tenant, &erasure.id, keys.iter().copied());
        }
    }

    pub(super) fn step(&mut self, tenant: &TenantId, id: &ErasureId, step: ErasureStep, at: Timestamp) {
        let Some(done) = self.done.get_mut(&(tenant.clone(), id.clone())) else { return };
        match step {
            ErasureStep::Settled { events, jobs } if done.settled_at.is_none() => {
                (done.settled_at, done.events, done.jobs) = (Some(at), events, jobs);
            }
            ErasureStep::Settled { .. } => {}
            ErasureStep::Compacted => done.compacted_at = done.compacted_at.or(Some(at)),
            ErasureStep::Clean => {
                done.clean_at = done.clean_at.or(Some(at));
                done.work = None;
            }
        }
    }

    pub(super) fn open(&self, limit: usize) -> Vec<(TenantId, Erasure)> {
        let mut open: Vec<_> = self.done.iter().filter(|(_, done)| done.work.is_some()).collect();
        open.sort_by(|(_, x), (_, y)| (x.erased_at, &x.id).cmp(&(y.erased_at, &y.id)));
        open.into_iter().take(limit).map(|((tenant, _), done)| (tenant.clone(), done.clone())).collect()
    }

    pub(super) fn scan(&self, page: &PageRequest) -> Result<Page<(TenantId, Erasure)>> {
        // By id alone: what is done later finds its place wherever the walk has come to.
        earliest_first(
            "ram.scan_erasures",
            self.done.iter(),
            page,
            |((_, id), _)| (DateTime::UNIX_EPOCH, id.as_str()),
            |((tenant, _), done)| (tenant.clone(), done.clone()),
        )
    }
}

impl State {
    pub(super) fn kept_out(&self, tenant: &TenantId, identities: &[Identity], at: Timestamp) -> Result<()> {
        let keys: Vec<SuppressionKey> = identities.iter().map(Into::into).collect();
        if self.erasures.of(tenant, &keys).iter().any(|kept_out| kept_out.covers(at)) {
            let context = "what was erased stays out";
            return Err(Error::new(ErrorKind::Conflict, "ram.ensure_user", context).retriable(true));
        }
        Ok(())
    }

    pub(super) fn known_caller(&self, scope: &Scope, operation: &'static str) -> Result<()> {
        match self.user(scope) {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::Conflict, operation, "the caller is not known")),
        }
    }

    pub(super) fn erase_noted(&mut self, scope: &Scope, new: &NewErasure) -> Result<Erased> {
        let place = (scope.tenant.clone(), new.id.clone());
        if self.erasures.done.keys().any(|(_, id)| *id == new.id) {
            return Err(Error::new(ErrorKind::Conflict, "ram.erase_user", "an erasure of that id is there"));
        }
        let Some(person) = self.people.get(scope) else { return Ok(Erased::default()) };
        let keys: Vec<SuppressionKey> = person.identities.iter().map(Into::into).collect();
        let erased = self.erase(scope);
        let done = Erasure {
            id: new.id.clone(),
            person: new.person,
            erased_at: new.at,
            forever: new.forever,
            erased,
            events: 0,
            jobs: 0,
            settled_at: None,
            compacted_at: None,
            clean_at: None,
            work: Some(new.work.clone()),
        };
        self.erasures.done.insert(place, done);
        self.erasures.suppress(&scope.tenant, &new.id, keys.into_iter().chain(new.keys.iter().copied()));
        Ok(erased)
    }

    pub(super) fn delete_unowned(&mut self, tenant: &TenantId, ids: &[ConversationId]) -> u64 {
        let owner = |id: &&ConversationId| {
            let found = self.conversations.get(&(tenant.clone(), (*id).clone()));
            found.is_some_and(|conversation| conversation.caller.is_some())
        };
        let gone: BTreeSet<_> = ids.iter().filter(|id| !owner(id)).cloned().collect();
        let there = self.conversations.len();
        self.conversations.retain(|(owner, id), _| owner != tenant || !gone.contains(id));
        let removed = (there - self.conversations.len()) as u64;
        self.costs.unname(tenant, &gone);
        self.receipts.kept.retain(|(owner, _), receipt| {
            owner != tenant || !receipt.conversation.as_ref().is_some_and(|id| gone.contains(id))
        });
        removed
    }
}
