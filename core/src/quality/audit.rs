//! What is of concern, added up.

use super::examine::{Concern, examine};
use crate::engine::Engine;
use crate::{MemoryId, MemoryState, PageRequest, Result, Scope, TenantId};
use std::collections::BTreeMap;

/// So many, and a few of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// So many.
    pub count: u64,
    /// A few of them.
    pub samples: Vec<MemoryId>,
}

impl Tally {
    fn add(&mut self, id: &MemoryId, samples: usize) {
        self.count += 1;
        if self.samples.len() < samples {
            self.samples.push(id.clone());
        }
    }
}

/// How good a tenant's memories are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    /// Active memories that were examined.
    pub sampled: u64,
    /// Active memories there are.
    pub of: u64,
    /// Callers whose memories were examined.
    pub callers: u64,
    /// Those of the examined that a person has accepted or corrected; they are of no concern any more.
    pub reviewed: u64,
    /// Calls that could not be opened, so that nothing was said about confidence and echo of their memories.
    pub unreadable: u64,
    /// Memories that were never given to an agent; `None` where no receipts are kept.
    pub never_recalled: Option<Tally>,
    /// Memories of concern, by concern; all are there.
    pub concerns: BTreeMap<Concern, Tally>,
}

/// Callers read at once.
const PAGE: usize = 100;

pub(super) async fn audit(engine: &Engine, tenant: &TenantId, most: usize, samples: usize) -> Result<Audit> {
    let mut audit = Audit {
        of: engine.memory.count_of(tenant, &[MemoryState::Active]).await?,
        concerns: Concern::ALL.into_iter().map(|concern| (concern, Tally::default())).collect(),
        ..Audit::default()
    };
    let mut never = Tally::default();
    let mut page = PageRequest::first(PAGE);
    let (mut left, mut callers) = (most, 0);
    loop {
        let found = engine.memory.users(tenant, &page).await?;
        for user in found.items {
            // Callers without a memory cost a look too.
            if left == 0 || callers == most {
                return Ok(finish(engine, audit, never));
            }
            callers += 1;
            let scope = Scope { tenant: tenant.clone(), caller: user.id };
            let examined = examine(engine, &scope, left).await?;
            left -= examined.sampled.min(left);
            audit.callers += u64::from(examined.sampled > 0);
            audit.sampled += examined.sampled as u64;
            audit.reviewed += examined.reviewed as u64;
            audit.unreadable += examined.unreadable as u64;
            examined.never_recalled.iter().for_each(|id| never.add(id, samples));
            for finding in examined.findings {
                for concern in finding.concerns {
                    audit.concerns.entry(concern).or_default().add(&finding.memory.id, samples);
                }
            }
        }
        match found.next_cursor {
            Some(next) => page.cursor = Some(next),
            None => return Ok(finish(engine, audit, never)),
        }
    }
}

fn finish(engine: &Engine, audit: Audit, never: Tally) -> Audit {
    Audit { never_recalled: engine.receipts.keeps().then_some(never), ..audit }
}
