//! A transcript becomes self-contained sentences about the caller.

use crate::{Candidate, Result, Transcript};
use async_trait::async_trait;
use std::fmt::Debug;

/// Proposes what is worth remembering.
#[async_trait]
pub trait Extractor: Debug + Send + Sync + 'static {
    /// The candidates of a call, in the order of their first turn. No words of the caller, no candidates.
    /// `turns` are indexes into the transcript; relative dates are resolved against the call's start.
    async fn extract(&self, transcript: &Transcript) -> Result<Vec<Candidate>>;
}
