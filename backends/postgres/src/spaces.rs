//! Which table holds which space.

use crate::db::Db;
use crate::error::Fault;
use hark_core::ErrorKind;
use hark_core::store::Space;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The widest vector of pgvector.
const WIDEST: usize = 16_000;

/// Up to so many numbers a vector fits into a page beside its row, and need not be looked for elsewhere.
const IN_A_PAGE: usize = 1_800;

/// Why there are no vectors, and what to do about it.
pub(crate) const REMEDY: &str = "the database has not the extension `vector` (pgvector), and this user may not make it or the \
     server has not got it: have its package installed there and run `CREATE EXTENSION vector` in the database as an \
     administrator, or give the role `vectors` to another backend";

const NO_PGVECTOR: Fault = Fault::Refused(ErrorKind::Config, REMEDY);

/// A space's table, and how pgvector's things are called from it: `search_path` has our schema alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// The type of a vector.
    pub(crate) vector: String,
    /// The cosine distance, as an operator.
    pub(crate) cosine: String,
}

impl Table {
    fn new(number: i32, extension: &str) -> Self {
        Self {
            name: format!("vectors_{number}"),
            vector: format!("{extension}.vector"),
            cosine: format!("OPERATOR({extension}.<=>)"),
        }
    }
}

/// The tables known to this process. None is ever dropped by us, so what is known stays true.
#[derive(Debug, Default)]
pub(crate) struct Spaces(Mutex<HashMap<Space, Table>>);

impl Spaces {
    /// The table of a space; `None` where nobody has written to it, or somebody has dropped it since.
    pub(crate) async fn find(&self, db: &Db, space: &Space) -> Result<Option<Table>, Fault> {
        if let Some(table) = self.known(space) {
            return Ok(Some(table));
        }
        let number: Option<i32> = sqlx::query_scalar(
            "SELECT number FROM spaces WHERE model = $1 AND dimensions = $2 AND to_regclass('vectors_' || number) IS NOT NULL",
        )
        .bind(&space.model)
        .bind(width(space)?)
        .fetch_optional(&db.pool)
        .await?;
        let Some(number) = number else { return Ok(None) };
        let extension = extension(&mut *db.pool.acquire().await?).await?.ok_or(NO_PGVECTOR)?;
        Ok(Some(self.learn(space, Table::new(number, &extension))))
    }

    /// The table of a space, made if need be.
    pub(crate) async fn ensure(&self, db: &Db, space: &Space) -> Result<Table, Fault> {
        if let Some(table) = self.find(db, space).await? {
            return Ok(table);
        }
        let width = width(space)?;
        let mut tx = db.begin().await?;
        // Of the database, not of the schema: so is the extension. Of two that make one at once, one would fail.
        tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('hark spaces', 0))").await?;
        let extension = match extension(&mut tx).await? {
            Some(extension) => extension,
            None => {
                // Not in our schema: whoever drops that would take it from others.
                tx.execute("CREATE EXTENSION vector SCHEMA public").await.map_err(missing)?;
                extension(&mut tx).await?.ok_or(NO_PGVECTOR)?
            }
        };
        let number: i32 = sqlx::query_scalar(
            "INSERT INTO spaces (model, dimensions) VALUES ($1, $2)
             ON CONFLICT (model, dimensions) DO UPDATE SET model = excluded.model RETURNING number",
        )
        .bind(&space.model)
        .bind(width)
        .fetch_one(&mut *tx)
        .await?;
        let table = Table::new(number, &extension);
        let storage = if space.dimensions <= IN_A_PAGE { "PLAIN" } else { "EXTERNAL" };
        let Table { name, vector, .. } = &table;
        tx.execute(AssertSqlSafe(format!(
            "CREATE TABLE IF NOT EXISTS {name} (
                 tenant TEXT COLLATE \"C\" NOT NULL,
                 caller TEXT COLLATE \"C\" NOT NULL,
                 id     TEXT COLLATE \"C\" NOT NULL,
                 sector TEXT NOT NULL,
                 vector {vector}({width}) NOT NULL,
                 PRIMARY KEY (tenant, caller, id));
             ALTER TABLE {name} ALTER vector SET STORAGE {storage}"
        )))
        .await?;
        tx.commit().await?;
        Ok(self.learn(space, table))
    }

    /// The tables of all spaces, of other processes too.
    pub(crate) async fn all(&self, connection: &mut PgConnection) -> Result<Vec<String>, Fault> {
        const THERE: &str = "SELECT 'vectors_' || number FROM spaces
             WHERE to_regclass('vectors_' || number) IS NOT NULL ORDER BY number";
        Ok(sqlx::query_scalar(THERE).fetch_all(connection).await?)
    }

    fn known(&self, space: &Space) -> Option<Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(space).cloned()
    }

    fn learn(&self, space: &Space, table: Table) -> Table {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(space.clone(), table.clone());
        table
    }
}

/// Whether the database has pgvector, or this user may make it.
pub(crate) async fn can_be_made(db: &Db) -> Result<bool, Fault> {
    const ASKED: &str = "
        SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') OR EXISTS (
            SELECT FROM pg_available_extension_versions AS version, pg_roles
            WHERE name = 'vector' AND rolname = current_user
              AND (rolsuper OR (has_database_privilege(current_database(), 'CREATE') AND (trusted OR NOT superuser))))";
    Ok(sqlx::query_scalar(ASKED).fetch_one(&db.pool).await?)
}

/// What refuses the extension is what is to be done about, whatever the server calls it.
fn missing(error: sqlx::Error) -> Fault {
    /// Not on the server (since 15, and before), not allowed, and no schema `public` to put it into.
    const REFUSED: [&str; 4] = ["0A000", "58P01", "42501", "3F000"];
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.is_some_and(|code| REFUSED.contains(&&*code)) { NO_PGVECTOR } else { error.into() }
}

/// The schema pgvector is in, quoted where it needs to be; `None` where the database has not got it.
async fn extension(connection: &mut PgConnection) -> Result<Option<String>, Fault> {
    const ASKED: &str =
        "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'vector'";
    Ok(sqlx::query_scalar(ASKED).fetch_optional(connection).await?)
}

fn width(space: &Space) -> Result<i32, Fault> {
    const WRONG: Fault = Fault::Refused(ErrorKind::Invalid, "a space is 1 to 16000 numbers wide");
    match i32::try_from(space.dimensions) {
        Ok(width @ 1..) if space.dimensions <= WIDEST => Ok(width),
        _ => Err(WRONG),
    }
}
