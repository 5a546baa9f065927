//! What a target notes of the copy into it, in the store itself: it goes with the store, whoever opens it from wherever.

use hark_core::backend::Backend;
use hark_core::store::Archive;
use hark_core::{Error, ErrorKind, Result, Timestamp};
use serde::{Deserialize, Serialize};

/// Whose copy it is, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The source, by a keyed hash of its configuration: it names nothing.
    pub(super) from: String,
    /// Since when every table is whole; `None` while it is not.
    pub(super) copied_at: Option<Timestamp>,
}

impl Note {
    /// What is noted; `None` where nothing was ever copied into it.
    pub(super) async fn read(archive: &dyn Archive) -> Result<Option<Self>> {
        let Some(text) = archive.noted().await? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|_| {
            let what = "what an earlier copy noted in the target cannot be read; begin with an empty target";
            Error::new(ErrorKind::Corrupt, "copy.note", what)
        })
    }

    pub(super) async fn write(&self, archive: &dyn Archive) -> Result<()> {
        let text = serde_json::to_string(self)
            .map_err(|_| Error::new(ErrorKind::Internal, "copy.note", "it cannot be written as JSON"))?;
        archive.note(&text).await
    }
}

/// Whether a store may be served from: not while a copy into it is under way, nor where it was broken off, for it would be
/// made to be what its source is, whatever was learnt meanwhile.
///
/// # Errors
/// `Conflict`, with the remedy.
pub(crate) async fn refuse_unfinished(truth: &dyn Backend) -> Result<()> {
    let Some(archive) = truth.archive() else { return Ok(()) };
    match Note::read(&*archive).await? {
        Some(Note { copied_at: None, .. }) => {
            let what = "a copy into these stores is under way, or was broken off; run `hark copy` again until it says that \
                        everything is there, and start then";
            Err(Error::new(ErrorKind::Conflict, "copy.unfinished", what))
        }
        _ => Ok(()),
    }
}
