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
    /// The file was written by a later program.
    pub(crate) const NEWER_SCHEMA: Self =
        Self::Refused(ErrorKind::Conflict, "the stored schema is newer than this program");

    /// Memories and links belong to somebody who is there.
    pub(crate) const UNKNOWN_CALLER: Self = Self::Refused(ErrorKind::Conflict, "the caller is not known");

    /// The core's error. `file` is the database file's name, without its folder.
    pub(crate) fn into_error(self, operation: &'static str, file: &str) -> Error {
        match self {
            Self::Refused(kind, context) => Error::new(kind, operation, context),
            Self::Again(kind, context) => Error::new(kind, operation, context).retriable(true),
            Self::Unwritable(context) => Error::new(ErrorKind::Unavailable, operation, context).unwritable(),
            Self::Stored(what) => Error::new(ErrorKind::Corrupt, operation, format!("stored {what} cannot be read")),
            Self::Sql(error) => {
                let (kind, retriable, context) = classify(&error, file);
                let refused = is_refused_write(&error);
                let error = Error::new(kind, operation, context).retriable(retriable).with_source(error);
                if refused { error.unwritable() } else { error }
            }
        }
    }
}

/// Primary result codes (<https://www.sqlite.org/rescode.html>); the low byte of every extended one.
mod code {
    pub(super) const ERROR: i32 = 1;
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const INTERRUPT: i32 = 9;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const NOTADB: i32 = 26;
}

/// Kind, whether another attempt may succeed, and what to say.
fn classify(error: &sqlx::Error, file: &str) -> (ErrorKind, bool, String) {
    use ErrorKind::{Corrupt, Internal, Unavailable};
    match error {
        sqlx::Error::Database(error) => classify_code(error.as_ref(), file),
        sqlx::Error::PoolTimedOut => (Unavailable, true, "all connections are busy".to_owned()),
        sqlx::Error::PoolClosed => (Unavailable, false, "the store is closed".to_owned()),
        sqlx::Error::WorkerCrashed => (Unavailable, true, "the connection broke".to_owned()),
        sqlx::Error::Io(_) => (Unavailable, true, "input or output failed".to_owned()),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            (Corrupt, false, "a stored row cannot be read".to_owned())
        }
        _ => (Internal, false, "the driver refused".to_owned()),
    }
}

/// Whether reading goes on and writing does not: no room, no permission, or somebody else writes and does not end.
fn is_refused_write(error: &sqlx::Error) -> bool {
    let code = |error: &dyn sqlx::error::DatabaseError| extended(error) & 0xff;
    let refused = [code::FULL, code::READONLY, code::BUSY, code::LOCKED];
    error.as_database_error().is_some_and(|error| refused.contains(&code(error)))
}

fn extended(error: &dyn sqlx::error::DatabaseError) -> i32 {
    error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default()
}

fn classify_code(error: &dyn sqlx::error::DatabaseError, file: &str) -> (ErrorKind, bool, String) {
    use ErrorKind::{Conflict, Corrupt, Internal, Unavailable};
    let extended = extended(error);
    match extended & 0xff {
        code::BUSY | code::LOCKED => (Unavailable, true, "the database is locked".to_owned()),
        code::FULL => (Unavailable, true, "disk full".to_owned()),
        code::IOERR => (Unavailable, true, "disk input or output failed".to_owned()),
        code::NOMEM => (Unavailable, true, "out of memory".to_owned()),
        code::INTERRUPT => (Unavailable, true, "interrupted".to_owned()),
        code::READONLY => (Unavailable, false, format!("`{file}` is read-only")),
        code::CANTOPEN | code::PERM => (Unavailable, false, format!("`{file}` cannot be opened")),
        code::CORRUPT | code::NOTADB => (Corrupt, false, format!("`{file}` is damaged or not an sqlite database")),
        code::CONSTRAINT => (Conflict, false, constraint(error.kind()).to_owned()),
        code::ERROR if error.message().starts_with("no such ") => {
            (Unavailable, false, "the schema is not up to date, migrations have to run".to_owned())
        }
        _ => (Internal, false, format!("sqlite refused with code {extended}")),
    }
}

fn constraint(kind: sqlx::error::ErrorKind) -> &'static str {
    match kind {
        sqlx::error::ErrorKind::UniqueViolation => "it is there already",
        sqlx::error::ErrorKind::ForeignKeyViolation => "what it belongs to is not there",
        _ => "a value is not allowed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{ConnectOptions, Executor};

    const SECRET: &str = "wants to be called Sam";

    async fn memory() -> SqliteConnection {
        SqliteConnectOptions::new().connect().await.unwrap()
    }

    async fn provoke(connection: &mut SqliteConnection, sql: &'static str) -> Error {
        let error = connection.execute(sqlx::query(sql).bind(SECRET)).await.unwrap_err();
        Fault::from(error).into_error("sqlite.test", "memory.db")
    }

    #[tokio::test]
    async fn a_broken_constraint_is_a_conflict_and_names_no_value() {
        let mut connection = memory().await;
        connection.execute("CREATE TABLE t (a TEXT UNIQUE, b INTEGER CHECK (b > 0)) STRICT").await.unwrap();
        connection.execute(sqlx::query("INSERT INTO t (a) VALUES (?)").bind(SECRET)).await.unwrap();
        for sql in
            ["INSERT INTO t (a) VALUES (?)", "INSERT INTO t (a, b) VALUES (?, 0)", "INSERT INTO t (b) VALUES (?)"]
        {
            let error = provoke(&mut connection, sql).await;
            assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Conflict, false), "{sql}");
            assert!(!format!("{error} {error:?}").contains("Sam"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_full_disk_may_be_tried_again() {
        let mut connection = memory().await;
        connection.execute("CREATE TABLE t (a BLOB); PRAGMA max_page_count = 2").await.unwrap();
        let error = provoke(&mut connection, "INSERT INTO t VALUES (zeroblob(100000) || ?)").await;
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true));
        assert_eq!(error.context(), "disk full");
    }

    #[tokio::test]
    async fn a_read_only_database_is_not_tried_again_and_is_named() {
        let mut connection = memory().await;
        connection.execute("CREATE TABLE t (a TEXT); PRAGMA query_only = ON").await.unwrap();
        let error = provoke(&mut connection, "INSERT INTO t VALUES (?)").await;
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, false));
        assert_eq!(error.context(), "`memory.db` is read-only");
    }

    #[tokio::test]
    async fn a_missing_table_says_that_migrations_have_to_run() {
        let error = provoke(&mut memory().await, "SELECT * FROM users WHERE id = ?").await;
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, false));
        assert!(error.context().contains("migrations"), "{error}");
    }

    #[test]
    fn what_the_pool_says_is_translated_too() {
        for (error, kind, retriable) in [
            (sqlx::Error::PoolTimedOut, ErrorKind::Unavailable, true),
            (sqlx::Error::PoolClosed, ErrorKind::Unavailable, false),
            (sqlx::Error::WorkerCrashed, ErrorKind::Unavailable, true),
            (sqlx::Error::ColumnNotFound("x".to_owned()), ErrorKind::Corrupt, false),
            (sqlx::Error::RowNotFound, ErrorKind::Internal, false),
        ] {
            let error = Fault::from(error).into_error("sqlite.test", "memory.db");
            assert_eq!((error.kind(), error.is_retriable()), (kind, retriable), "{error:?}");
        }
    }
}
