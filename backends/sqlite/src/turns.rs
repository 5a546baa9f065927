//! Whose job is next. Everything here goes along partial indexes: what waits for later, what is dead and how much one
//! tenant has waiting costs nothing.

use crate::error::Fault;
use crate::page::as_i64;
use crate::row::micros;
use hark_core::Timestamp;
use sqlx::SqliteConnection;

/// The job whose lease ran out longest ago, if any did.
pub(crate) async fn lost(connection: &mut SqliteConnection, now: Timestamp) -> Result<Option<String>, Fault> {
    let query = "SELECT id FROM jobs WHERE state = 'running' AND lease_until <= ? ORDER BY lease_until, id LIMIT 1";
    Ok(sqlx::query_scalar(query).bind(micros(now)).fetch_optional(connection).await?)
}

/// Tenants with a job that may run, in the order of their ids, from `?1` on and up to `?2` if that is given: each found by
/// one look into the index, which then jumps to the next. The other index on tenants holds what is dead or runs as well, and
/// would have to be walked through.
const TENANTS: &str = "
    WITH RECURSIVE turn (tenant) AS (
        SELECT (SELECT tenant FROM jobs INDEXED BY jobs_by_turn WHERE state IN ('pending', 'retrying') AND tenant >= ?1
                ORDER BY tenant LIMIT 1)
        UNION ALL
        SELECT (SELECT next.tenant FROM jobs AS next INDEXED BY jobs_by_turn
                WHERE next.state IN ('pending', 'retrying') AND next.tenant > turn.tenant
                ORDER BY next.tenant LIMIT 1)
        FROM turn WHERE turn.tenant IS NOT NULL AND (?2 IS NULL OR turn.tenant < ?2))
    SELECT tenant FROM turn
    WHERE tenant IS NOT NULL AND (?2 IS NULL OR tenant <= ?2)
      AND EXISTS (SELECT 1 FROM jobs AS due
                  WHERE due.state IN ('pending', 'retrying') AND due.tenant = turn.tenant AND due.run_at <= ?3)
    LIMIT ?4";

const JOBS: &str = "
    SELECT id FROM jobs WHERE state IN ('pending', 'retrying') AND tenant = ?1 AND run_at <= ?2
    ORDER BY run_at, created_at, id LIMIT ?3";

/// Up to `limit` jobs that wait and may run, by turns of their tenants. Whose turn it was last is noted, in the
/// transaction that leases them.
pub(crate) async fn next(
    connection: &mut SqliteConnection,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    let last: Option<String> =
        sqlx::query_scalar("SELECT tenant FROM job_turn").fetch_optional(&mut *connection).await?;
    // No text lies between one and the same with a zero behind it.
    let after = last.as_ref().map_or_else(String::new, |last| format!("{last}\0"));
    let mut round = tenants(connection, &after, None, limit, now).await?;
    if let Some(last) = last.as_deref().filter(|_| round.len() < limit) {
        round.extend(tenants(connection, "", Some(last), limit - round.len(), now).await?);
    }
    // With fewer tenants than places each may get several; with as many, each gets its first.
    let each = if round.len() < limit { limit } else { 1 };
    let mut waiting = Vec::with_capacity(round.len());
    for tenant in &round {
        let jobs: Vec<String> = sqlx::query_scalar(JOBS)
            .bind(tenant)
            .bind(micros(now))
            .bind(as_i64(each))
            .fetch_all(&mut *connection)
            .await?;
        waiting.push((tenant, jobs.into_iter()));
    }
    let (mut chosen, mut turn) = (Vec::new(), None);
    while chosen.len() < limit && !waiting.is_empty() {
        waiting.retain_mut(|(tenant, jobs)| {
            if chosen.len() < limit
                && let Some(id) = jobs.next()
            {
                chosen.push(id);
                turn = Some(*tenant);
                return true;
            }
            false
        });
    }
    if let Some(turn) = turn {
        sqlx::query("INSERT INTO job_turn (one, tenant) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET tenant = ?1")
            .bind(turn)
            .execute(connection)
            .await?;
    }
    Ok(chosen)
}

async fn tenants(
    connection: &mut SqliteConnection,
    from: &str,
    upto: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    let query = sqlx::query_scalar(TENANTS).bind(from).bind(upto).bind(micros(now)).bind(as_i64(limit));
    Ok(query.fetch_all(connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{AssertSqlSafe, ConnectOptions, Row};

    /// However much waits, is dead, or waits for later: nothing is walked through.
    #[tokio::test]
    async fn every_step_is_a_look_into_the_index_of_turns() {
        let mut connection = SqliteConnectOptions::new().connect().await.unwrap();
        for migration in [include_str!("../migrations/0001_init.sql"), include_str!("../migrations/0009_turns.sql")] {
            sqlx::raw_sql(migration).execute(&mut connection).await.unwrap();
        }
        for (statement, looks) in [(TENANTS, 3), (JOBS, 1)] {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
            let steps = plan.fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            let by_turn = |step: &&String| step.starts_with("SEARCH ") && step.contains(" INDEX jobs_by_turn (tenant");
            assert_eq!(steps.iter().filter(by_turn).count(), looks, "{steps:?}");
            let scanned = |step: &String| {
                step.starts_with("SCAN ") && !["SCAN turn", "SCAN CONSTANT ROW"].contains(&step.as_str())
            };
            assert!(!steps.iter().any(|step| scanned(step) || step.contains("B-TREE")), "{steps:?}");
        }
    }
}
