//! LanceDB's errors in Hark's terms.

use hark_core::{Error, ErrorKind};
use std::error::Error as StdError;
use std::io;

/// Translates an error; what the disk says is worth another attempt, what the files say is not.
pub(crate) fn translate(operation: &'static str, error: lancedb::Error) -> Error {
    let (kind, context) = match &error {
        lancedb::Error::Timeout { .. } => (ErrorKind::Timeout, "the table did not answer in time"),
        _ if is_broken(&error) => (ErrorKind::Corrupt, "the table is damaged"),
        lancedb::Error::InvalidInput { .. } | lancedb::Error::NotSupported { .. } => {
            (ErrorKind::Internal, "the table refused the request")
        }
        _ => match io_kind(&error) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => (ErrorKind::Unavailable, FULL),
            Some(io::ErrorKind::ReadOnlyFilesystem) => (ErrorKind::Unavailable, READ_ONLY),
            _ => (ErrorKind::Unavailable, "the table cannot be read or written"),
        },
    };
    let translated = Error::new(kind, operation, context).with_source(error);
    if [FULL, READ_ONLY].contains(&context) { translated.unwritable() } else { translated }
}

const FULL: &str = "the table's disk is full";
const READ_ONLY: &str = "the table's disk is read-only";

/// A panic inside LanceDB: with sound files it does not happen.
pub(crate) fn panicked(operation: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, operation, "the table is damaged")
}

/// The answer of a store that has been closed.
pub(crate) fn closed(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, operation, "the tables are closed").retriable(false)
}

/// Whether the files do not mean what they should, as far as the error tells.
fn is_broken(error: &lancedb::Error) -> bool {
    use lancedb::Error as E;
    if matches!(error, E::TableCorrupted { .. } | E::Schema { .. } | E::Arrow { .. }) {
        return true;
    }
    io_kind(error).is_some_and(|kind| {
        matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
    })
}

/// Whether it is the disk, not the files, that fails: then nothing may be set aside.
pub(crate) fn is_disk(error: &lancedb::Error) -> bool {
    io_kind(error).is_some() && !is_broken(error)
}

fn io_kind(error: &lancedb::Error) -> Option<io::ErrorKind> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: io::ErrorKind) -> lancedb::Error {
        lancedb::Error::CreateDir { path: String::new(), source: io::Error::from(kind) }
    }

    #[test]
    fn a_full_disk_is_worth_retrying_and_a_missing_file_is_not() {
        let full = translate("t", io(io::ErrorKind::StorageFull));
        assert_eq!((full.kind(), full.is_retriable()), (ErrorKind::Unavailable, true));
        assert_eq!(full.refusal(), Some("the table's disk is full"));
        let gone = translate("t", io(io::ErrorKind::NotFound));
        assert_eq!((gone.kind(), gone.is_retriable()), (ErrorKind::Corrupt, false));
        assert!(is_disk(&io(io::ErrorKind::PermissionDenied)) && !is_disk(&io(io::ErrorKind::InvalidData)));
    }
}
