//! A copy of the file while it is used, and how it comes back.

use crate::config::SqliteConfig;
use crate::db::{Db, create_private};
use crate::error::Fault;
use crate::sealed::{SEALED, SealedColumn};
use async_trait::async_trait;
use futures::TryStreamExt;
use hark_core::crypt::Sealed;
use hark_core::store::{Backup, Copied, Space};
use hark_core::{Error, ErrorKind, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file in a copy's folder, whatever its original is called.
const COPY: &str = "sqlite.db";

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// [`Backup`] of one file.
#[derive(Debug)]
pub(crate) struct SqliteBackup {
    db: Arc<Db>,
}

impl SqliteBackup {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn copy(&self, into: &Path) -> Result<Copied, Fault> {
        let mut source = self.db.beside().await?;
        let known: i64 = source
            .fetch_one("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'")
            .await?
            .try_get(0)?;
        if known == 0 {
            return Err(Fault::Refused(ErrorKind::Conflict, "there is nothing to copy: the schema was never made"));
        }
        // One read transaction: as everything stood when it began. Free pages, and what they hold, stay behind.
        sqlx::query("VACUUM INTO ?").bind(into.to_string_lossy().into_owned()).execute(&mut source).await?;
        source.close().await?;
        // Nobody else knows of the file, so it is read without locks, and no log is made beside it.
        let mut copy = SqliteConnectOptions::new().filename(into).read_only(true).immutable(true).connect().await?;
        let sound: String = copy.fetch_one("PRAGMA integrity_check(1)").await?.try_get(0)?;
        if sound != "ok" {
            return Err(Fault::Refused(ErrorKind::Corrupt, "the database is damaged: its copy is not sound"));
        }
        let copied = describe(&mut copy).await?;
        copy.close().await?;
        Ok(copied)
    }
}

#[async_trait]
impl Backup for SqliteBackup {
    async fn copy_to(&self, folder: &Path) -> Result<Copied> {
        let into = prepare(folder)?;
        let copied = self.db.named(COPY_TO, self.copy(&into).await)?;
        press(&into).and_then(|()| press(folder)).map_err(|e| unavailable(COPY_TO, &e))?;
        Ok(copied)
    }
}

const COPY_TO: &str = "sqlite.copy_to";
const RESTORE: &str = "sqlite.restore";

/// The file to be written, empty and for its owner only; SQLite accepts it like that.
fn prepare(folder: &Path) -> Result<PathBuf> {
    let unavailable = |e: io::Error| unavailable(COPY_TO, &e);
    if fs::read_dir(folder).map_err(unavailable)?.next().is_some() {
        return Err(Error::new(ErrorKind::Conflict, COPY_TO, "the copy's folder is not empty"));
    }
    let into = folder.join(COPY);
    if into.to_str().is_none() {
        return Err(Error::new(ErrorKind::Invalid, COPY_TO, "the copy's folder must be valid UTF-8"));
    }
    create_private(&into).map_err(unavailable)?;
    Ok(into)
}

async fn describe(copy: &mut SqliteConnection) -> Result<Copied, Fault> {
    let schema: i64 = copy.fetch_one("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").await?.try_get(0)?;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name",
    )
    .fetch_all(&mut *copy)
    .await?;
    let mut rows = BTreeMap::new();
    for name in names {
        // The names are those of our own schema.
        let counted = AssertSqlSafe(format!("SELECT count(*) FROM \"{name}\""));
        let count: i64 = sqlx::query_scalar(counted).fetch_one(&mut *copy).await?;
        rows.insert(name, count.unsigned_abs());
    }
    let mut sealed_with = BTreeSet::new();
    for SealedColumn { table, column, .. } in SEALED.into_iter().filter(|sealed| rows.contains_key(sealed.table)) {
        // An older schema may lack the column; the id of the key stands in front.
        if !columns(copy, table).await?.iter().any(|known| *known == column) {
            continue;
        }
        let heads = AssertSqlSafe(format!("SELECT substr({column}, 1, 64) FROM {table} WHERE {column} IS NOT NULL"));
        let mut heads = sqlx::query_scalar::<_, Vec<u8>>(heads).fetch(&mut *copy);
        while let Some(head) = heads.try_next().await? {
            if let Some(id) = Sealed::from_bytes(head).key_id()
                && !sealed_with.contains(id)
            {
                sealed_with.insert(id.to_owned());
            }
        }
    }
    let space = if rows.contains_key("space") { space(copy).await? } else { None };
    Ok(Copied { schema, rows, sealed_with, space })
}

async fn columns(copy: &mut SqliteConnection, table: &str) -> Result<Vec<String>, Fault> {
    Ok(sqlx::query_scalar("SELECT name FROM pragma_table_info(?)").bind(table).fetch_all(copy).await?)
}

async fn space(copy: &mut SqliteConnection) -> Result<Option<Space>, Fault> {
    let row = sqlx::query("SELECT model, dimensions FROM space").fetch_optional(copy).await?;
    row.map(|row| {
        let dimensions: i64 = row.try_get("dimensions")?;
        Ok(Space { model: row.try_get("model")?, dimensions: usize::try_from(dimensions).unwrap_or_default() })
    })
    .transpose()
}

/// Puts a copy in the place of the file: under another name first, so that it is there whole or not at all.
pub(crate) fn restore(config: &SqliteConfig, data_dir: &Path, from: &Path) -> Result<()> {
    let path = config.resolve(data_dir)?;
    for suffix in ["", "-wal", "-shm", "-journal"] {
        if beside(&path, suffix).exists() {
            let name = beside(&path, suffix);
            let name = name.file_name().unwrap_or_default().to_string_lossy();
            let what = format!("`{name}` is there already and is not written over; move it away first");
            return Err(Error::new(ErrorKind::Conflict, RESTORE, what));
        }
    }
    let unavailable = |e: io::Error| unavailable(RESTORE, &e);
    let no_copy = || Error::new(ErrorKind::Corrupt, RESTORE, "the backup holds no copy of an sqlite database");
    let mut copy = File::open(from.join(COPY)).map_err(|_| no_copy())?;
    let mut head = [0; 16];
    copy.read_exact(&mut head).map_err(|_| no_copy())?;
    if head != *MAGIC {
        return Err(no_copy());
    }
    let temporary = beside(&path, ".restoring");
    // Left by a restore that was killed.
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(unavailable(e)),
        _ => {}
    }
    create_private(&temporary).map_err(unavailable)?;
    let mut file = File::options().write(true).truncate(true).open(&temporary).map_err(unavailable)?;
    let mut copy = File::open(from.join(COPY)).map_err(unavailable)?;
    io::copy(&mut copy, &mut file).and_then(|_| file.sync_all()).map_err(unavailable)?;
    fs::rename(&temporary, &path).map_err(unavailable)?;
    path.parent().map_or(Ok(()), press).map_err(unavailable)
}

/// `memory.db` and `-wal` make `memory.db-wal`, in the same folder.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// Onto the disk.
fn press(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn unavailable(operation: &'static str, error: &io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::StorageFull => "disk full".to_owned(),
        kind => format!("a file cannot be read or written: {kind}"),
    };
    Error::new(ErrorKind::Unavailable, operation, what).retriable(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::migrate::Migrator;

    static MIGRATOR: Migrator = sqlx::migrate!();

    /// Bytes that are not sealed: hashes and vectors.
    const PLAIN: [(&str, &str); 7] = [
        ("audit", "person"),
        ("embeddings", "key"),
        ("embeddings", "vector"),
        ("erasures", "person"),
        ("identities", "hash"),
        ("keys", "hash"),
        ("suppressions", "hash"),
    ];

    #[tokio::test]
    async fn every_column_of_bytes_is_known_to_be_sealed_or_not() {
        let mut connection = SqliteConnectOptions::new().connect().await.unwrap();
        MIGRATOR.run_direct(None, &mut connection, false).await.unwrap();
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND columns.type = 'BLOB' AND tables.name NOT LIKE '\\_sqlx%' ESCAPE '\\'
             ORDER BY 1, 2",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let sealed = SEALED.map(|sealed| (sealed.table, sealed.column));
        let mut known: Vec<_> = sealed.iter().chain(&PLAIN).map(|(t, c)| ((*t).to_owned(), (*c).to_owned())).collect();
        known.sort();
        assert_eq!(found, known, "a backup must know which keys it needs: add the column to SEALED, or to PLAIN here");
    }
}
