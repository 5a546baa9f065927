//! LanceDB's errors in Hark's terms.

use hark_core::{Error, ErrorKind};
use std::error::Error as StdError;
use std::io;

/// Translates an error; what the disk says is worth another attempt, what the files say is not.
pub(crate) fn translate(operation: &'static str, error: lancedb::Error) -> Error {
    if let Some((kind, context)) = said_by_store(&error) {
        let translated = Error::new(kind, operation, context);
        // A refusal may repeat the key.
        return if kind == ErrorKind::Denied { translated } else { translated.with_source(error) };
    }
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

/// What an object store's answer means, or its silence; `None` for a disk, and for what is in the files.
fn said_by_store(error: &lancedb::Error) -> Option<(ErrorKind, &'static str)> {
    use object_store::Error as E;
    let text = match (find::<E>(error), error) {
        (Some(E::PermissionDenied { .. } | E::Unauthenticated { .. }), _) => return Some((ErrorKind::Denied, DENIED)),
        (Some(E::Generic { store, source }), _) if *store != "LocalFileSystem" => source.to_string(),
        // LanceDB's way to say that connecting failed.
        (None, lancedb::Error::InvalidInput { message }) if message.contains("connect to namespace") => message.clone(),
        _ => return None,
    };
    Some(match status_in(&text) {
        Some(401 | 403) => (ErrorKind::Denied, DENIED),
        Some(404) => (ErrorKind::Config, NO_BUCKET),
        _ => (ErrorKind::Unavailable, AWAY),
    })
}

/// Whether an object store does not answer, or refuses: that says nothing of what is in it.
pub(crate) fn is_of_store(error: &lancedb::Error) -> bool {
    said_by_store(error).is_some()
}

/// The status of HTTP that an error tells of. The client has no other place for it when it lists.
fn status_in(text: &str) -> Option<u16> {
    let after = ["status code: ", "status: "].iter().find_map(|mark| text.split_once(mark))?.1;
    after.get(..3)?.parse().ok()
}

const AWAY: &str = "the object store does not answer as one; see uri, endpoint and region";
const DENIED: &str =
    "the object store refuses; correct access_key_id and secret_access_key, or the rights on the bucket in uri";
const NO_BUCKET: &str = "uri: the object store has no such bucket; make it, or correct uri, endpoint or region";

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
    find::<io::Error>(error).map(io::Error::kind)
}

/// The first cause of this type.
fn find<E: StdError + 'static>(error: &lancedb::Error) -> Option<&E> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
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

    #[test]
    fn what_an_object_store_says_is_no_damage_and_gives_no_key_away() {
        use object_store::Error as E;
        let of = |source| lancedb::Error::ObjectStore { source };
        let cut = Box::new(io::Error::from(io::ErrorKind::UnexpectedEof));
        let away = translate("t", of(E::Generic { store: "S3", source: cut }));
        assert_eq!((away.kind(), away.is_retriable()), (ErrorKind::Unavailable, true));
        let listing = |text: &str| of(E::Generic { store: "S3", source: text.to_owned().into() });
        let connecting =
            |text: &str| lancedb::Error::InvalidInput { message: format!("Failed to connect to namespace: {text}") };
        let denied = [
            of(E::PermissionDenied { path: String::new(), source: "AKIAGEHEIM is unknown".into() }),
            listing("Server returned non-2xx status code: 403 Forbidden: AKIAGEHEIM is unknown"),
            connecting("Status { status: 403, body: Some(\"AKIAGEHEIM is unknown\") }"),
        ];
        for error in denied {
            let error = translate("t", error);
            assert_eq!(error.kind(), ErrorKind::Denied);
            assert!(!format!("{error:?}").contains("GEHEIM"), "{error:?}");
        }
        for error in [listing("status code: 404 Not Found"), connecting("Status { status: 404, body: None }")] {
            assert!(translate("t", error).context().starts_with("uri: "));
        }
        assert_eq!(translate("t", connecting("error sending request")).kind(), ErrorKind::Unavailable);
        let disk =
            of(E::Generic { store: "LocalFileSystem", source: Box::new(io::Error::from(io::ErrorKind::StorageFull)) });
        assert!(!is_of_store(&disk) && is_disk(&disk));
    }
}
