//! By which stores things are remembered while they are measured.

use crate::Outcome;
use crate::disk;
use crate::postgres::{LANES, Postgres, Schema, Space};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Executor};
use std::collections::BTreeMap;
use std::path::Path;

/// The choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stores {
    /// What is built in: SQLite, LanceDB, tantivy.
    Embedded,
    /// One PostgreSQL for memory, jobs, vectors and keywords.
    Postgres,
}

impl Stores {
    /// As it is asked for and reported.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Postgres => "postgres",
        }
    }
}

/// Where they are.
#[derive(Debug)]
pub(crate) enum Place {
    /// In the data folder.
    Embedded,
    /// In a schema of our own.
    Postgres(Schema),
}

impl Place {
    /// A fresh one.
    pub(crate) fn new(stores: Stores, postgres: Option<&Postgres>) -> Outcome<Self> {
        Ok(match stores {
            Stores::Embedded => Self::Embedded,
            Stores::Postgres => Self::Postgres(postgres.ok_or("no PostgreSQL was looked for")?.schema()),
        })
    }

    /// What the program under measurement is told.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        match self {
            Self::Embedded => Vec::new(),
            Self::Postgres(schema) => schema.settings("hark"),
        }
    }

    /// Kinds and sections of what is opened to fill them. What is lost in a power cut is seeded again, so that SQLite need
    /// not flush at every commit.
    pub(crate) fn backends(&self) -> Vec<(&'static str, Value)> {
        let mut backends = match self {
            Self::Embedded => {
                vec![("sqlite", json!({"synchronous": "normal"})), ("lancedb", json!({})), ("tantivy", json!({}))]
            }
            Self::Postgres(schema) => vec![("postgres", schema.section())],
        };
        backends.push(("local", json!({})));
        backends
    }

    /// How many write at once, and how many memories each of them at a time: one writer and large parts for files.
    pub(crate) fn lanes(&self) -> (usize, usize) {
        match self {
            Self::Embedded => (1, 20_000),
            Self::Postgres(_) => (LANES, 2_500),
        }
    }

    /// Does at once what would be done beside the measurement. Nobody else is using them.
    pub(crate) async fn tidy(&self, data: &Path) -> Outcome {
        match self {
            Self::Embedded => checkpoint(data).await,
            Self::Postgres(schema) => schema.tidy().await,
        }
    }

    /// What they take, by table or by what lies in the data folder.
    pub(crate) async fn parts(&self, data: &Path) -> Outcome<BTreeMap<String, Space>> {
        match self {
            Self::Embedded => {
                let parts = disk::parts(data)?;
                Ok(parts.into_iter().map(|(name, bytes)| (name, Space { bytes, indexes: 0 })).collect())
            }
            Self::Postgres(schema) => schema.tables().await,
        }
    }

    /// The cheapest thing that is as durable as an acknowledgement, made ready: a table beside, in a file of its own on the
    /// same disk or in the same schema.
    pub(crate) async fn bare(&self, folder: &Path) -> Outcome<Bare> {
        match self {
            Self::Embedded => {
                let options = SqliteConnectOptions::new()
                    .filename(folder.join("bare.db"))
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full);
                let mut file = options.connect().await?;
                file.execute("CREATE TABLE bare (id TEXT PRIMARY KEY, body BLOB NOT NULL)").await?;
                Ok(Bare::Sqlite(file))
            }
            Self::Postgres(schema) => {
                let mut connection = schema.connect().await?;
                connection.execute("CREATE TABLE bare (id TEXT PRIMARY KEY, body BYTEA NOT NULL)").await?;
                Ok(Bare::Postgres(connection))
            }
        }
    }

    /// Takes away what is not in the data folder, and passes on what came of the measurement.
    pub(crate) async fn end<T>(&self, measured: Outcome<T>) -> Outcome<T> {
        let removed = match self {
            Self::Embedded => Ok(()),
            Self::Postgres(schema) => schema.remove().await,
        };
        let measured = measured?;
        removed?;
        Ok(measured)
    }
}

/// Commits what is delivered, and does nothing else.
#[derive(Debug)]
pub(crate) enum Bare {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Bare {
    /// Whose commit it is.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// One commit.
    pub(crate) async fn commit(&mut self, id: String, body: Vec<u8>) -> Outcome {
        match self {
            Self::Sqlite(file) => {
                sqlx::query("INSERT INTO bare (id, body) VALUES (?, ?)").bind(id).bind(body).execute(file).await?;
            }
            Self::Postgres(connection) => {
                let insert = sqlx::query("INSERT INTO bare (id, body) VALUES ($1, $2)");
                insert.bind(id).bind(body).execute(connection).await?;
            }
        }
        Ok(())
    }
}

/// What stands in the logs of SQLite's files is brought into them.
async fn checkpoint(data: &Path) -> Outcome {
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "db") {
            let mut file = SqliteConnectOptions::new().filename(path).connect().await?;
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use crate::{Options, seed};
    use clap::{Parser, ValueEnum};

    #[test]
    fn stores_are_called_the_same_where_they_are_asked_for_and_where_they_are_reported() {
        for stores in Stores::value_variants() {
            assert_eq!(Stores::from_str(stores.name(), false), Ok(*stores));
            assert_eq!(serde_json::to_value(stores).unwrap(), stores.name());
        }
    }

    #[test]
    fn postgres_is_no_place_where_none_was_found() {
        assert!(Place::new(Stores::Postgres, None).is_err());
        assert!(Place::new(Stores::Embedded, None).unwrap().settings().is_empty());
    }

    #[tokio::test]
    async fn a_schema_is_made_tidied_up_looked_at_and_taken_away() {
        let options = Options::parse_from(["hark-bench", "--hark", "hark", "--out", "bench.json"]);
        let postgres = Postgres::find(&options).await.unwrap();
        assert!(postgres.settings.starts_with("PostgreSQL ") && postgres.settings.contains("fsync="));
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(&options.hark, folder.path()).unwrap();
        let place = Place::new(Stores::Postgres, Some(&postgres)).unwrap();
        let looked = async {
            let memories = seed::tidy(&home, &place).await?;
            let before = place.parts(&home.data()).await?;
            let mut bare = place.bare(folder.path()).await?;
            bare.commit("evt_1".to_owned(), vec![7; 9]).await?;
            Outcome::Ok((memories, before, place.parts(&home.data()).await?))
        };
        let (memories, before, after) = place.end(looked.await).await.unwrap();
        assert_eq!((memories, before.contains_key("bare"), after.contains_key("bare")), (0, false, true));
        let jobs = before["jobs"];
        assert!(jobs.indexes > 0 && jobs.bytes >= jobs.indexes, "{jobs:?}");
        assert!(place.parts(&home.data()).await.is_err(), "it is still there");
    }
}
