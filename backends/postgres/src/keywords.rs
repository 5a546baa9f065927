//! [`KeywordStore`] by full-text search: BM25 over one caller's documents.
//!
//! PostgreSQL takes texts apart and brings words to their stems, in a language that may differ from tenant to tenant. Its own
//! ranking knows nothing of rare words, so the score is computed here, by the counts it keeps anyway. The words of a question are
//! alternatives, and a caller's documents stand together in the key: no index over everybody's words is needed, and none is kept.

use crate::config::PostgresConfig;
use crate::db::Db;
use crate::error::Fault;
use crate::language::{Languages, plain};
use crate::page::as_i64;
use async_trait::async_trait;
use hark_core::store::{KeywordCaps, KeywordDoc, KeywordQuery, KeywordStore, ScoredId};
use hark_core::{MemoryId, Result, Scope};
use sqlx::{Executor, Row};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Documents that are written by one statement.
const BATCH: usize = 500;

/// `$1` tenant, `$2` caller, `$3` language, `$4` the question's words, `$5` sectors or none, `$6` how many.
///
/// The constants are those of the in-memory store (`core/src/ram/keyword.rs`): how soon further occurrences stop to count, and
/// how much the length of a document does. All of a caller's documents count for a word's rarity, whatever their sector.
///
/// Taking a document apart costs more than looking whether it has one of the words, so that is looked for first; not for very
/// many words, though.
const SEARCH: &str = r"
    WITH asked AS MATERIALIZED (
        SELECT lexeme FROM unnest(to_tsvector($3::text::regconfig, $4))),
    any_of AS MATERIALIZED (
        SELECT CASE WHEN count(*) <= 64 THEN
            string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', '|')::tsquery END AS words
        FROM asked),
    size AS MATERIALIZED (
        SELECT count(*)::float8 AS documents, greatest(avg(length)::float8, 1) AS mean
        FROM words WHERE tenant = $1 AND caller = $2 AND language = $3),
    hits AS MATERIALIZED (
        SELECT id, sector, length::float8 AS length, lexeme, cardinality(positions)::float8 AS times
        FROM words CROSS JOIN LATERAL unnest(lexemes) JOIN asked USING (lexeme)
        WHERE tenant = $1 AND caller = $2 AND language = $3
          AND coalesce(lexemes @@ (SELECT any_of.words FROM any_of), TRUE)),
    weights AS MATERIALIZED (
        SELECT lexeme, ln(1 + (documents - count(*) + 0.5) / (count(*) + 0.5)) AS weight
        FROM hits, size GROUP BY lexeme, documents)
    SELECT id, sum(weight * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / mean)))::real AS score
    FROM hits JOIN weights USING (lexeme), size
    WHERE cardinality($5::text[]) = 0 OR sector = ANY($5)
    GROUP BY id ORDER BY score DESC, id LIMIT $6";

const PUT: &str = "
    INSERT INTO words (tenant, caller, id, sector, language, length, lexemes)
    SELECT tenant, caller, id, sector, language,
           (SELECT coalesce(sum(cardinality(positions)), 0) FROM unnest(lexemes)), lexemes
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
             AS t (tenant, caller, id, sector, language, said),
         LATERAL to_tsvector(language::regconfig, said) AS lexemes
    ON CONFLICT (tenant, caller, id) DO UPDATE
    SET sector = excluded.sector, language = excluded.language, length = excluded.length, lexemes = excluded.lexemes";

/// Words of one schema.
#[derive(Debug)]
pub(crate) struct PostgresKeywords {
    db: Arc<Db>,
    languages: Languages,
}

/// What is to be written, each document once, in the order of the key: two writers of the same rows then never wait for each
/// other in a ring.
type Docs<'a> = BTreeMap<(&'a str, &'a str, &'a str), &'a KeywordDoc>;

impl PostgresKeywords {
    pub(crate) fn new(db: Arc<Db>, config: &PostgresConfig) -> Self {
        Self { db, languages: Languages::new(config) }
    }

    /// Makes sure that the server knows the languages.
    pub(crate) async fn check(&self) -> Result<()> {
        self.languages.check(&self.db).await
    }

    async fn put(&self, docs: &Docs<'_>) -> Result<(), Fault> {
        if docs.is_empty() {
            return Ok(());
        }
        let docs: Vec<_> = docs.iter().collect();
        let mut tx = self.db.begin().await?;
        for batch in docs.chunks(BATCH) {
            let language = |tenant| self.languages.of(tenant);
            sqlx::query(PUT)
                .bind(batch.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
                .bind(batch.iter().map(|(key, _)| key.1).collect::<Vec<_>>())
                .bind(batch.iter().map(|(key, _)| key.2).collect::<Vec<_>>())
                .bind(batch.iter().map(|(_, doc)| doc.sector.name()).collect::<Vec<_>>())
                .bind(batch.iter().map(|(key, _)| language(key.0)).collect::<Vec<_>>())
                .bind(batch.iter().map(|(key, doc)| plain(&doc.text, language(key.0))).collect::<Vec<_>>())
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn find(&self, scope: &Scope, query: &KeywordQuery) -> Result<Vec<ScoredId>, Fault> {
        let language = self.languages.of(scope.tenant.as_str());
        let asked = plain(&query.text, language);
        if asked.is_empty() || query.limit == 0 {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(SEARCH)
            .bind(scope.tenant.as_str())
            .bind(scope.caller.as_str())
            .bind(language)
            .bind(asked)
            .bind(query.sectors.iter().map(|sector| sector.name()).collect::<Vec<_>>())
            .bind(as_i64(query.limit))
            .fetch_all(&self.db.pool)
            .await?;
        let scored = |row: &sqlx::postgres::PgRow| -> Result<ScoredId, Fault> {
            Ok(ScoredId { id: MemoryId::new(row.try_get::<String, _>("id")?), score: row.try_get("score")? })
        };
        rows.iter().map(scored).collect()
    }

    async fn remove(&self, scope: &Scope, ids: Option<&[MemoryId]>) -> Result<(), Fault> {
        let ids: Option<Vec<&str>> = ids.map(|ids| ids.iter().map(|id| id.as_str()).collect());
        sqlx::query("DELETE FROM words WHERE tenant = $1 AND caller = $2 AND ($3::text[] IS NULL OR id = ANY($3))")
            .bind(scope.tenant.as_str())
            .bind(scope.caller.as_str())
            .bind(ids)
            .execute(&self.db.pool)
            .await?;
        Ok(())
    }

    /// Those that can be found. A start that finds fewer than there are memories makes the rest anew, which is what becomes of
    /// documents when the language is changed.
    async fn rows(&self) -> Result<u64, Fault> {
        let (tenants, languages) = self.languages.own();
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM words LEFT JOIN unnest($2::text[], $3::text[]) AS own (tenant, language) USING (tenant)
             WHERE words.language = coalesce(own.language, $1)",
        )
        .bind(&self.languages.default)
        .bind(tenants)
        .bind(languages)
        .fetch_one(&self.db.pool)
        .await?;
        Ok(count.unsigned_abs())
    }

    async fn empty(&self) -> Result<(), Fault> {
        self.db.pool.execute("TRUNCATE words").await?;
        Ok(())
    }
}

#[async_trait]
impl KeywordStore for PostgresKeywords {
    /// With the language `simple` words stay as they are.
    fn caps(&self) -> KeywordCaps {
        KeywordCaps { durable: true, stemming: self.languages.default != "simple" }
    }

    async fn upsert(&self, scope: &Scope, docs: &[KeywordDoc]) -> Result<()> {
        let docs: Docs<'_> = docs.iter().map(|doc| (key(scope, doc), doc)).collect();
        self.db.write("postgres.upsert_words", || self.put(&docs)).await
    }

    async fn upsert_many(&self, docs: &[(Scope, KeywordDoc)]) -> Result<()> {
        let docs: Docs<'_> = docs.iter().map(|(scope, doc)| (key(scope, doc), doc)).collect();
        self.db.write("postgres.upsert_words", || self.put(&docs)).await
    }

    async fn search(&self, scope: &Scope, query: &KeywordQuery) -> Result<Vec<ScoredId>> {
        self.db.read("postgres.search_words", || self.find(scope, query)).await
    }

    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.db.write("postgres.delete_words", || self.remove(scope, Some(ids))).await
    }

    async fn erase(&self, scope: &Scope) -> Result<()> {
        self.db.write("postgres.erase_words", || self.remove(scope, None)).await
    }

    async fn count(&self) -> Result<u64> {
        self.db.read("postgres.count_words", || self.rows()).await
    }

    async fn clear(&self) -> Result<()> {
        self.db.write("postgres.clear_words", || self.empty()).await
    }

    /// Autovacuum does it.
    async fn optimise(&self) -> Result<()> {
        Ok(())
    }

    async fn purge(&self) -> Result<()> {
        self.db.write("postgres.purge_words", || self.db.purge("words")).await
    }
}

fn key<'a>(scope: &'a Scope, doc: &'a KeywordDoc) -> (&'a str, &'a str, &'a str) {
    (scope.tenant.as_str(), scope.caller.as_str(), doc.id.as_str())
}
