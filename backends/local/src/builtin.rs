//! The model that is part of the binary: paraphrase-MiniLM-L3-v2 in four bits, run by candle.

use crate::catalogue::{BUILTIN_DIMENSIONS, BUILTIN_LINK_THRESHOLD, BUILTIN_SPACE};
use crate::error::{LOAD, inference};
use crate::model::TextModel;
use hark_core::ai::EmbedPurpose;
use hark_core::store::Space;
use hark_core::{Error, ErrorKind, Result};
use pocket_encoder::Encoder;
use rten::ThreadPool;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The loaded model; its weights are shared by the whole process.
pub(crate) struct BuiltinModel {
    encoder: Encoder,
    space: Space,
}

impl fmt::Debug for BuiltinModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltinModel").field("space", &self.space).finish_non_exhaustive()
    }
}

impl BuiltinModel {
    /// Unpacks the weights, which takes a fraction of a second.
    ///
    /// # Errors
    /// `Internal`, when the crate's own data do not load.
    pub(crate) fn load() -> Result<Self> {
        let encoder = Encoder::new().map_err(|error| {
            Error::new(ErrorKind::Internal, LOAD, "the built-in model does not load").with_source(error)
        })?;
        Ok(Self { encoder, space: Space { model: BUILTIN_SPACE.to_owned(), dimensions: BUILTIN_DIMENSIONS } })
    }
}

impl TextModel for BuiltinModel {
    fn space(&self) -> &Space {
        &self.space
    }

    fn link_threshold(&self) -> f32 {
        BUILTIN_LINK_THRESHOLD
    }

    fn prefix(&self, _: EmbedPurpose) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn embed(&self, text: &str, pool: &Arc<ThreadPool>) -> Result<Vec<f32>> {
        let vectors = pool.run(|| self.encoder.embed(&[text])).map_err(|_| inference("the built-in model failed"))?;
        vectors.into_iter().next().ok_or_else(|| inference("the built-in model gave no vector"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When an update of the crate brings other weights, this fails: give the space a new name and the stored
    /// vectors are rebuilt instead of being compared with strangers.
    #[test]
    fn the_space_is_named_after_these_very_weights() {
        let info = pocket_encoder::model_info();
        assert_eq!(info.id, "pocket-encoder/minilm-l3-q4-g32-v1");
        assert_eq!(info.revision, "sha256:dabb40d5d98a22372c8921acf048cb54bb8bf6d781b1233b2a360d5125789c7e");
        assert_eq!(info.dimensions, BUILTIN_DIMENSIONS);
        assert_eq!(BUILTIN_SPACE, "pocket-minilm-l3-q4-v1");
    }
}
