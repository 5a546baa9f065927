//! What was spent.

use crate::cost::{Cost, CostFilter, CostGroup, CostKey, CostRow, CostSum};
use crate::{ConversationId, Error, Result, TenantId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Costs(BTreeMap<TenantId, BTreeMap<CostKey, Cost>>);

impl Costs {
    pub(super) fn add(&mut self, tenant: &TenantId, rows: &[CostRow]) -> Result<()> {
        if rows.iter().any(|row| !fits(&row.cost)) {
            return Err(Error::invalid("ram.add_costs", "a number is greater than can be added up"));
        }
        for row in rows {
            let key = CostKey {
                conversation: row.key.conversation.clone().filter(|id| !id.as_str().is_empty()),
                agent: row.key.agent.clone().filter(|id| !id.as_str().is_empty()),
                ..row.key.clone()
            };
            *self.0.entry(tenant.clone()).or_default().entry(key).or_default() += row.cost;
        }
        Ok(())
    }

    pub(super) fn sums(&self, tenant: &TenantId, filter: &CostFilter, by: CostGroup) -> Vec<CostSum> {
        let mut sums: BTreeMap<Option<String>, Cost> = BTreeMap::new();
        for (key, cost) in self.0.get(tenant).into_iter().flatten().filter(|(key, _)| passes(filter, key)) {
            *sums.entry(by.of(key)).or_default() += *cost;
        }
        sums.into_iter().map(|(group, cost)| CostSum { group, cost }).collect()
    }

    /// Takes the names of conversations away from what they cost.
    pub(super) fn unname(&mut self, tenant: &TenantId, gone: &BTreeSet<ConversationId>) {
        let Some(rows) = self.0.get_mut(tenant) else { return };
        let named: Vec<CostKey> =
            rows.keys().filter(|key| key.conversation.as_ref().is_some_and(|id| gone.contains(id))).cloned().collect();
        for key in named {
            let cost = rows.remove(&key).unwrap_or_default();
            *rows.entry(CostKey { conversation: None, ..key }).or_default() += cost;
        }
    }
}

fn fits(cost: &Cost) -> bool {
    [cost.calls, cost.unpriced, cost.usage.input_tokens, cost.usage.output_tokens, cost.money.0]
        .into_iter()
        .all(|number| i64::try_from(number).is_ok())
}

fn passes(filter: &CostFilter, key: &CostKey) -> bool {
    filter.from.is_none_or(|from| key.day >= from)
        && filter.to.is_none_or(|to| key.day <= to)
        && (filter.conversation.is_none() || filter.conversation == key.conversation)
        && (filter.agent.is_none() || filter.agent == key.agent)
        && filter.spend.is_none_or(|spend| key.spend == spend)
}
