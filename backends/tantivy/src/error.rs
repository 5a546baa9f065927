//! tantivy's errors in Hark's terms.

use hark_core::{Error, ErrorKind};
use std::io;
use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};

/// Translates an error; what the disk says is worth another attempt, what the index says is not.
pub(crate) fn translate(operation: &'static str, error: TantivyError) -> Error {
    let (kind, context) = match &error {
        _ if is_broken(&error) => (ErrorKind::Corrupt, "the index is damaged"),
        TantivyError::LockFailure(LockError::LockBusy, _) => (ErrorKind::Conflict, "another process holds the index"),
        TantivyError::InvalidArgument(_) | TantivyError::FieldNotFound(_) | TantivyError::InternalError(_) => {
            (ErrorKind::Internal, "the index refused the request")
        }
        _ => match io_error(&error).map(io::Error::kind) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => (ErrorKind::Unavailable, FULL),
            Some(io::ErrorKind::ReadOnlyFilesystem) => (ErrorKind::Unavailable, READ_ONLY),
            _ => (ErrorKind::Unavailable, "the index cannot be read or written"),
        },
    };
    let translated = Error::new(kind, operation, context).with_source(error);
    if [FULL, READ_ONLY].contains(&context) { translated.unwritable() } else { translated }
}

const FULL: &str = "the index's disk is full";
const READ_ONLY: &str = "the index's disk is read-only";

/// A panic inside tantivy: with sound files it does not happen.
pub(crate) fn panicked(operation: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, operation, "the index is damaged")
}

/// The answer of a store that has been closed.
pub(crate) fn closed(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, operation, "the index is closed").retriable(false)
}

/// Whether the files do not mean what they should, as opposed to a disk that does not answer now.
pub(crate) fn is_broken(error: &TantivyError) -> bool {
    match error {
        TantivyError::DataCorruption(_)
        | TantivyError::IncompatibleIndex(_)
        | TantivyError::SchemaError(_)
        | TantivyError::DeserializeError(_) => true,
        TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_) | OpenReadError::IncompatibleIndex(_)) => true,
        other => io_error(other).is_some_and(|e| {
            matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
        }),
    }
}

fn io_error(error: &TantivyError) -> Option<&io::Error> {
    match error {
        TantivyError::IoError(e)
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: e, .. })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: e, .. })
        | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error: e, .. }) => Some(e),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_worth_retrying_and_a_truncated_file_is_not() {
        let full = translate("t", io::Error::from(io::ErrorKind::StorageFull).into());
        assert_eq!((full.kind(), full.is_retriable()), (ErrorKind::Unavailable, true));
        assert_eq!(full.refusal(), Some("the index's disk is full"));
        let cut = translate("t", io::Error::from(io::ErrorKind::UnexpectedEof).into());
        assert_eq!((cut.kind(), cut.is_retriable()), (ErrorKind::Corrupt, false));
    }
}
