//! What the embedder asks of a model, built in or fetched.

use hark_core::Result;
use hark_core::ai::EmbedPurpose;
use hark_core::store::Space;
use rten::ThreadPool;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

/// Stands in for a text that holds nothing, since a model needs a token to look at.
pub(crate) const PLACEHOLDER: &str = "empty";

/// A loaded model. Its calls keep a core busy for milliseconds: never on the runtime's own threads.
pub(crate) trait TextModel: Debug + Send + Sync {
    /// Where its vectors live.
    fn space(&self) -> &Space;

    /// The cosine measured to part "the same thing said twice" from chance.
    fn link_threshold(&self) -> f32;

    /// What is put before a text of this purpose.
    fn prefix(&self, purpose: EmbedPurpose) -> Cow<'_, str>;

    /// The vector of a text that is not blank, of any length but zero. Work is done by `pool` alone.
    fn embed(&self, text: &str, pool: &Arc<ThreadPool>) -> Result<Vec<f32>>;
}
