//! Schemas change; how a store is brought up to date.

use crate::Result;
use async_trait::async_trait;
use serde::Serialize;
use std::fmt::Debug;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// Its number; steps run in this order.
    pub version: i64,
    /// What it does, in a few words.
    pub description: String,
}

/// A backend with a schema.
#[async_trait]
pub trait Migrate: Debug + Send + Sync + 'static {
    /// The steps that have not run yet, in order.
    ///
    /// # Errors
    /// `Conflict` when the stored schema is newer than this program.
    async fn pending(&self) -> Result<Vec<Migration>>;

    /// Runs them, under a lock: two processes may call it at once. Twice is the same as once.
    async fn run(&self) -> Result<()>;
}
