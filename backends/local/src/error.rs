//! Translation of what drivers say, once, at this edge.
//!
//! Errors of a tokenizer or a model while it reads a text are not kept as sources: they may quote the text.

use hark_core::{Error, ErrorKind};
use std::io;
use std::path::Path;

/// Name of the operation in errors and logs.
pub(crate) const EMBED: &str = "local.embed";
/// Name of the operation in errors and logs.
pub(crate) const LOAD: &str = "local.load";
/// Name of the operation in errors and logs.
pub(crate) const FETCH: &str = "local.fetch";

/// A defect of ours or of the model, while a text was read.
pub(crate) fn inference(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, EMBED, context)
}

/// A file of a model that is not what it should be.
pub(crate) fn corrupt(operation: &'static str, context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, operation, context)
}

/// A task on a blocking thread that did not come back.
pub(crate) fn task(operation: &'static str, error: tokio::task::JoinError) -> Error {
    // The payload of a panic may hold a text, so only the fact is told.
    let what = if error.is_cancelled() { "was cancelled" } else { "panicked" };
    Error::new(ErrorKind::Internal, operation, format!("the blocking task {what}"))
}

/// A file or folder that could not be read or written.
pub(crate) fn io(operation: &'static str, what: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, operation, format!("cannot {what} {}", path.display()))
        .with_source(error)
        .retriable(false)
}
