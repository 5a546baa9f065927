//! What can go wrong inside, and the one place where it becomes a [`hark_core::Error`].

use hark_core::{Error, ErrorKind};
use sqlx::migrate::MigrateError;

/// A failure inside this crate, before it is told which operation it belongs to.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The driver's.
    Sql(sqlx::Error),
    /// A stored value of that name does not mean what it should. The value itself is never carried.
    Stored(&'static str),
    /// Refused by us.
    Refused(ErrorKind, &'static str),
    /// Refused by us as things are now; another attempt sees them anew.
    Again(ErrorKind, &'static str),
    /// It can be read, but a write was refused for this reason and nobody knows yet whether one would go through again.
    Unwritable(String),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<MigrateError> for Fault {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Self::Sql(error),
            MigrateError::VersionMissing(_) => Self::NEWER_SCHEMA,
            MigrateError::VersionMismatch(_) => {
                Self::Refused(ErrorKind::Conflict, "a migration that has run is not the one this program knows")
            }
            other => Self::Sql(sqlx::Error::Migrate(Box::new(other))),
        }
    }
}

impl Fault {
    /// The tables were written by a later program.
    pub(crate) const NEWER_SCHEMA: Self =
        Self::Refused(ErrorKind::Conflict, "the stored schema is newer than this program");

    /// Memories and links belong to somebody who is there.
    pub(crate) const UNKNOWN_CALLER: Self = Self::Refused(ErrorKind::Conflict, "the caller is not known");

    /// Whether nothing was written, and the same once more may go well: two transactions waited for each other and this one
    /// gave way, or the server ended the connection before it began with what it was asked. A connection that merely broke
    /// does not count: the commit may have gone through.
    pub(crate) fn left_no_trace(&self) -> bool {
        self.code().is_some_and(|code| [code::SERIALIZATION, code::DEADLOCK, code::SHUTDOWN].contains(&&*code))
    }

    /// Whether reading once more, on another connection, may go well.
    pub(crate) fn lost_the_connection(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Io(_)))
            || self.left_no_trace()
            || self.code().is_some_and(|c| c == code::CRASH)
    }

    /// Whether a statement was refused since it was prepared before another node migrated.
    pub(crate) fn is_outdated(&self) -> bool {
        self.code().is_some_and(|code| code == code::PLAN_CHANGED)
    }

    fn code(&self) -> Option<String> {
        let Self::Sql(sqlx::Error::Database(error)) = self else { return None };
        error.code().map(std::borrow::Cow::into_owned)
    }

    /// The core's error. What the server says of values, and may quote, is never carried: its code tells enough.
    pub(crate) fn into_error(self, operation: &'static str) -> Error {
        match self {
            Self::Refused(kind, context) => Error::new(kind, operation, context),
            Self::Again(kind, context) => Error::new(kind, operation, context).retriable(true),
            Self::Unwritable(context) => Error::new(ErrorKind::Unavailable, operation, context).unwritable(),
            Self::Stored(what) => Error::new(ErrorKind::Corrupt, operation, format!("stored {what} cannot be read")),
            Self::Sql(error) => {
                let refused = is_refused_write(&error);
                let (kind, retriable, context) = classify(&error);
                let mut told = Error::new(kind, operation, context).retriable(retriable);
                if matches!(error, sqlx::Error::Io(_) | sqlx::Error::Tls(_)) {
                    told = told.with_source(error);
                }
                if refused { told.unwritable() } else { told }
            }
        }
    }
}

/// SQLSTATEs (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
mod code {
    pub(super) const OUT_OF_RANGE: &str = "22003";
    pub(super) const NOT_IN_ENCODING: &str = "22021";
    pub(super) const UNIQUE: &str = "23505";
    pub(super) const FOREIGN_KEY: &str = "23503";
    pub(super) const READ_ONLY: &str = "25006";
    pub(super) const IDLE_IN_TRANSACTION: &str = "25P03";
    pub(super) const NO_DATABASE: &str = "3D000";
    pub(super) const SERIALIZATION: &str = "40001";
    pub(super) const DEADLOCK: &str = "40P01";
    pub(super) const NO_PRIVILEGE: &str = "42501";
    pub(super) const NO_TABLE: &str = "42P01";
    pub(super) const NO_COLUMN: &str = "42703";
    pub(super) const NO_FUNCTION: &str = "42883";
    pub(super) const NO_SCHEMA: &str = "3F000";
    pub(super) const PLAN_CHANGED: &str = "0A000";
    pub(super) const DISK_FULL: &str = "53100";
    pub(super) const TOO_MANY_CONNECTIONS: &str = "53300";
    pub(super) const TOO_LONG: &str = "54000";
    pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";
    pub(super) const CANCELED: &str = "57014";
    pub(super) const SHUTDOWN: &str = "57P01";
    pub(super) const CRASH: &str = "57P02";
    pub(super) const STARTING: &str = "57P03";
}

/// Kind, whether another attempt may succeed, and what to say.
fn classify(error: &sqlx::Error) -> (ErrorKind, bool, String) {
    use ErrorKind::{Config, Corrupt, Internal, Unavailable};
    let (kind, retriable, context) = match error {
        sqlx::Error::Database(error) => return classify_code(&error.code().unwrap_or_default()),
        sqlx::Error::PoolTimedOut => (
            Unavailable,
            true,
            "no connection within `acquire_timeout_ms`: all are busy, or the server does not answer",
        ),
        sqlx::Error::PoolClosed => (Unavailable, false, "the store is closed"),
        sqlx::Error::Io(_) => (Unavailable, true, "the server does not answer"),
        sqlx::Error::Tls(_) => {
            (Config, false, "url: no secure connection came about; look at `sslmode` and `sslrootcert`")
        }
        sqlx::Error::Configuration(_) => (Config, false, "url: the driver refuses one of its parameters"),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            (Corrupt, false, "a stored row cannot be read")
        }
        _ => (Internal, false, "the driver refused"),
    };
    (kind, retriable, context.to_owned())
}

fn classify_code(code: &str) -> (ErrorKind, bool, String) {
    use ErrorKind::{Config, Conflict, Corrupt, Internal, Invalid, Timeout, Unavailable};
    let (kind, retriable, context) = match code {
        code::UNIQUE => (Conflict, false, "it is there already"),
        code::FOREIGN_KEY => (Conflict, false, "what it belongs to is not there"),
        code::OUT_OF_RANGE => (Invalid, false, "a number is greater than can be added up"),
        code::NOT_IN_ENCODING => {
            (Invalid, false, "a text holds a zero byte, which PostgreSQL cannot keep; leave it out")
        }
        code::TOO_LONG => (Invalid, false, "an id or a name is longer than can be kept"),
        code::SERIALIZATION | code::DEADLOCK => (Unavailable, true, "others write the same rows"),
        code::LOCK_NOT_AVAILABLE => (Unavailable, true, "somebody else holds what is to be written"),
        code::READ_ONLY => (Unavailable, false, "the database is read-only"),
        code::DISK_FULL => (Unavailable, true, "disk full"),
        code::TOO_MANY_CONNECTIONS => {
            (Unavailable, true, "the server takes no more connections; lower `max_connections`, or raise the server's")
        }
        code::CANCELED => (Timeout, true, "a statement took longer than `statement_timeout_ms`, or was cancelled"),
        code::SHUTDOWN | code::CRASH | code::IDLE_IN_TRANSACTION => {
            (Unavailable, true, "the server ended the connection")
        }
        code::STARTING => (Unavailable, true, "the server is starting or stopping"),
        code::NO_DATABASE => {
            (Config, false, "url: the server has no database of that name; make it with CREATE DATABASE")
        }
        code::NO_PRIVILEGE => (
            Config,
            false,
            "url: the user lacks a privilege; it must own the schema, or be granted CREATE on the database to make it",
        ),
        code::NO_TABLE | code::NO_COLUMN | code::NO_FUNCTION | code::NO_SCHEMA => {
            (Unavailable, false, "the schema is not up to date, migrations have to run")
        }
        code::PLAN_CHANGED => (Unavailable, true, "the schema has just changed"),
        _ => match code.get(..2).unwrap_or_default() {
            "08" => (Unavailable, true, "the connection broke"),
            "23" => (Conflict, false, "a value is not allowed"),
            "28" => (Config, false, "url: the server does not accept the user or the password"),
            "53" => (Unavailable, true, "the server has run out of something it needs"),
            "58" => (Unavailable, true, "the server's disk failed"),
            "XX" => (Corrupt, false, "the database is damaged; the server's log says more"),
            _ => return (Internal, false, format!("postgres refused with code {code}")),
        },
    };
    (kind, retriable, context.to_owned())
}

/// Whether reading goes on and writing does not: no room, or a server that only follows another.
fn is_refused_write(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| [code::READ_ONLY, code::DISK_FULL].contains(&&*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_pool_and_the_driver_say_is_translated() {
        let refused = || sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        for (error, kind, retriable) in [
            (sqlx::Error::PoolTimedOut, ErrorKind::Unavailable, true),
            (sqlx::Error::PoolClosed, ErrorKind::Unavailable, false),
            (refused(), ErrorKind::Unavailable, true),
            (sqlx::Error::Tls("tortoise".into()), ErrorKind::Config, false),
            (sqlx::Error::Configuration("tortoise".into()), ErrorKind::Config, false),
            (sqlx::Error::ColumnNotFound("x".to_owned()), ErrorKind::Corrupt, false),
            (sqlx::Error::Decode("tortoise".into()), ErrorKind::Corrupt, false),
            (sqlx::Error::RowNotFound, ErrorKind::Internal, false),
        ] {
            let error = Fault::from(error).into_error("postgres.test");
            assert_eq!((error.kind(), error.is_retriable()), (kind, retriable), "{error:?}");
            assert!(!error.to_string().contains("tortoise"), "{error}");
        }
        assert!(Fault::from(refused()).lost_the_connection());
        assert!(!Fault::from(refused()).left_no_trace(), "a commit may have gone through");
        assert!(!Fault::UNKNOWN_CALLER.lost_the_connection());
    }

    #[test]
    fn codes_of_the_server_are_told_by_what_helps() {
        use ErrorKind::{Config, Conflict, Corrupt, Internal, Invalid, Timeout, Unavailable};
        for (code, kind, retriable, what) in [
            ("23505", Conflict, false, "there already"),
            ("23514", Conflict, false, "not allowed"),
            ("22003", Invalid, false, "greater"),
            ("22021", Invalid, false, "zero byte"),
            ("28P01", Config, false, "password"),
            ("28000", Config, false, "user"),
            ("3D000", Config, false, "CREATE DATABASE"),
            ("42501", Config, false, "privilege"),
            ("42P01", Unavailable, false, "migrations have to run"),
            ("25006", Unavailable, false, "read-only"),
            ("54000", Invalid, false, "longer"),
            ("40P01", Unavailable, true, "others write"),
            ("53300", Unavailable, true, "max_connections"),
            ("57014", Timeout, true, "statement_timeout_ms"),
            ("57P03", Unavailable, true, "starting"),
            ("08006", Unavailable, true, "broke"),
            ("53200", Unavailable, true, "run out"),
            ("58030", Unavailable, true, "disk"),
            ("XX001", Corrupt, false, "damaged"),
            ("42601", Internal, false, "42601"),
        ] {
            let (told, again, context) = classify_code(code);
            assert_eq!((told, again), (kind, retriable), "{code}");
            assert!(context.contains(what), "{code}: {context}");
        }
    }
}
