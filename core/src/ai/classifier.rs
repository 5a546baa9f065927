//! A sentence becomes a sector and a salience.

use crate::{MemoryKind, Result, Sector};
use async_trait::async_trait;
use std::fmt::Debug;

/// What a classifier says of a sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Classified {
    /// Its sector.
    pub sector: Sector,
    /// What it says beyond the sector.
    pub kind: MemoryKind,
    /// How much it matters, 0 to 1.
    pub salience: f32,
}

/// Classifies sentences that came without a sector, such as those written through the API.
#[async_trait]
pub trait Classifier: Debug + Send + Sync + 'static {
    /// One verdict a sentence, in order. Every sentence gets one, senseless ones too.
    async fn classify(&self, sentences: &[String]) -> Result<Vec<Classified>>;
}
