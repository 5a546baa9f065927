//! How good what is remembered is, and what a person should look at: **walk the callers → examine each → add up**.
//!
//! Nothing here asks a model, and nothing changes what is remembered: a concern is a reason to look, not a verdict.

mod audit;
mod duplicates;
mod echo;
mod examine;
mod queue;

pub use audit::{Audit, Tally};
pub use examine::{Concern, Finding};

use crate::engine::Engine;
use crate::{Page, PageRequest, Result, Scope, TenantId};

/// Looks at what is remembered. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Quality {
    engine: Engine,
}

impl Quality {
    /// Over an engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Examines at most so many active memories of a tenant's, of the callers with the newest contact first, and adds up
    /// what is of concern, with at most so many samples each.
    ///
    /// # Errors
    /// What the store says.
    pub async fn audit(&self, tenant: &TenantId, most: usize, samples: usize) -> Result<Audit> {
        audit::audit(&self.engine, tenant, most, samples).await
    }

    /// Memories worth a person's look, each with its caller and why, of the callers with the newest contact first. What was
    /// reviewed is left out. A page may hold less than was asked for, even nothing, while there is more to examine:
    /// `next_cursor` leads on.
    ///
    /// # Errors
    /// What the store says.
    pub async fn queue(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<(Scope, Finding)>> {
        queue::page(&self.engine, tenant, page).await
    }
}
