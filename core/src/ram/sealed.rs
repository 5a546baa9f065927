//! What the in-memory stores keep sealed.

use crate::crypt::{Purpose, Sealed};
use crate::store::{Resealed, SealedStore, SealedValue};
use crate::{Result, TenantId};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

/// Where a sealed value is: its purpose, tenant and place, and what it is bound to.
pub(super) struct Place<'a> {
    pub(super) purpose: Purpose,
    pub(super) tenant: &'a TenantId,
    pub(super) place: String,
    pub(super) record: &'a str,
}

/// A store that shows every sealed value it has, in a stable order, under its lock.
pub(super) trait Holds: Debug + Send + Sync + 'static {
    fn each(&self, look: &mut dyn FnMut(Place<'_>, &mut Sealed));
}

/// A [`SealedStore`] over one of the in-memory stores.
#[derive(Debug)]
pub(super) struct RamSealed(pub(super) Arc<dyn Holds>);

impl RamSealed {
    fn of(&self, purpose: Purpose, key: &str, mut look: impl FnMut(Place<'_>, &Sealed)) {
        self.0.each(&mut |place, sealed| {
            if place.purpose == purpose && sealed.key_id() == Some(key) && !key.is_empty() {
                look(place, sealed);
            }
        });
    }
}

#[async_trait]
impl SealedStore for RamSealed {
    async fn sealing_keys(&self) -> Result<Vec<(Purpose, String)>> {
        let mut keys = BTreeSet::new();
        self.0.each(&mut |place, sealed| {
            keys.extend(sealed.key_id().filter(|key| !key.is_empty()).map(|key| (place.purpose, key.to_owned())));
        });
        Ok(keys.into_iter().collect())
    }

    async fn count_sealed(&self, purpose: Purpose, key: &str) -> Result<u64> {
        let mut count = 0;
        self.of(purpose, key, |_, _| count += 1);
        Ok(count)
    }

    async fn sealed_by(&self, purpose: Purpose, key: &str, skip: u64, limit: usize) -> Result<Vec<SealedValue>> {
        let mut found = Vec::new();
        let mut left_out = 0;
        self.of(purpose, key, |place, sealed| {
            if left_out < skip {
                left_out += 1;
            } else if found.len() < limit {
                let Place { tenant, place, record, .. } = place;
                let (tenant, record) = (tenant.clone(), record.to_owned());
                found.push(SealedValue { tenant, place, record, sealed: sealed.clone() });
            }
        });
        Ok(found)
    }

    async fn reseal(&self, purpose: Purpose, values: &[Resealed]) -> Result<u64> {
        let mut replaced = 0;
        self.0.each(&mut |at, sealed| {
            let same = |value: &&Resealed| {
                at.purpose == purpose
                    && value.tenant == *at.tenant
                    && value.place == at.place
                    && value.standing == *sealed
            };
            if let Some(value) = values.iter().find(same) {
                value.new.clone_into(sealed);
                replaced += 1;
            }
        });
        Ok(replaced)
    }
}
