//! Whose job is next. Everything here goes along partial indexes: what waits for later, what is dead and how much one
//! tenant has waiting costs nothing.

use crate::error::Fault;
use crate::page::as_i64;
use crate::row::micros;
use hark_core::Timestamp;
use sqlx::{PgConnection, Row};

/// Waits for its turn to lease, and answers whose turn it was last. Leasing goes one after the other, however many workers
/// there are: it takes a few looks into an index, and only so does a turn mean something. Working, and settling what was
/// done, stays in nobody's way.
pub(crate) async fn last(connection: &mut PgConnection) -> Result<String, Fault> {
    Ok(sqlx::query_scalar("SELECT tenant FROM job_turn FOR UPDATE").fetch_one(connection).await?)
}

/// The job whose lease ran out longest ago, if any did. What its worker settles at this very moment is not lost.
pub(crate) async fn lost(connection: &mut PgConnection, now: Timestamp) -> Result<Option<String>, Fault> {
    let query = "SELECT id FROM jobs WHERE state = 'running' AND lease_until <= $1
         ORDER BY lease_until, id LIMIT 1 FOR UPDATE SKIP LOCKED";
    Ok(sqlx::query_scalar(query).bind(micros(now)).fetch_optional(connection).await?)
}

/// Tenants with a job that may run, in the order of their ids, from behind `$1` on to the last and then from the first up to
/// `$1` itself; and of each its first jobs. A tenant is found by one look into the index, which then jumps to the next.
/// With fewer tenants than places (`$3`) each may get several; with as many, each gets its first.
/// A job that somebody is changing is not waited for. What may run is asked as a value, not as EXISTS, which the planner could turn
/// into a join and so lose the order of the turns.
const WAITING: &str = "
    WITH RECURSIVE behind (tenant) AS (
        (SELECT tenant FROM jobs WHERE state IN ('pending', 'retrying') AND tenant > $1 ORDER BY tenant LIMIT 1)
        UNION ALL
        SELECT (SELECT next.tenant FROM jobs AS next WHERE next.state IN ('pending', 'retrying')
                AND next.tenant > behind.tenant ORDER BY next.tenant LIMIT 1)
        FROM behind WHERE behind.tenant IS NOT NULL
    ), upto (tenant) AS (
        (SELECT tenant FROM jobs WHERE state IN ('pending', 'retrying') AND tenant <= $1 ORDER BY tenant LIMIT 1)
        UNION ALL
        SELECT (SELECT next.tenant FROM jobs AS next WHERE next.state IN ('pending', 'retrying')
                AND next.tenant > upto.tenant AND next.tenant <= $1 ORDER BY next.tenant LIMIT 1)
        FROM upto WHERE upto.tenant IS NOT NULL
    ), round AS MATERIALIZED (
        SELECT tenant, row_number() OVER () AS place FROM (
            SELECT tenant FROM behind UNION ALL SELECT tenant FROM upto) AS turn
        WHERE tenant IS NOT NULL AND (
            SELECT due.id FROM jobs AS due WHERE due.state IN ('pending', 'retrying') AND due.tenant = turn.tenant
            AND due.run_at <= $2 ORDER BY due.run_at LIMIT 1) IS NOT NULL
        LIMIT $3
    )
    SELECT round.tenant, job.id FROM round CROSS JOIN LATERAL (
        SELECT id, run_at, created_at FROM jobs
        WHERE state IN ('pending', 'retrying') AND tenant = round.tenant AND run_at <= $2
        ORDER BY run_at, created_at, id
        LIMIT CASE WHEN (SELECT count(*) FROM round) < $3 THEN $3 ELSE 1 END
        FOR UPDATE SKIP LOCKED) AS job
    ORDER BY round.place, job.run_at, job.created_at, job.id";

/// Jobs to lease, by turns of their tenants.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// Their ids, in the order in which they are given.
    pub(crate) ids: Vec<String>,
    /// Whose turn was the last; `None` where there was none.
    pub(crate) turn: Option<String>,
}

/// Up to `limit` jobs that wait and may run, by turns of their tenants, beginning behind the one whose turn it was `last`.
pub(crate) async fn next(
    connection: &mut PgConnection,
    last: &str,
    limit: usize,
    now: Timestamp,
) -> Result<Chosen, Fault> {
    let rows = sqlx::query(WAITING).bind(last).bind(micros(now)).bind(as_i64(limit)).fetch_all(connection).await?;
    let mut waiting: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let (tenant, id): (String, String) = (row.try_get("tenant")?, row.try_get("id")?);
        match waiting.last_mut() {
            Some((of, jobs)) if *of == tenant => jobs.push(id),
            _ => waiting.push((tenant, vec![id])),
        }
    }
    Ok(by_turns(waiting, limit))
}

fn by_turns(waiting: Vec<(String, Vec<String>)>, limit: usize) -> Chosen {
    let mut chosen = Chosen::default();
    let mut waiting: Vec<_> = waiting.into_iter().map(|(tenant, jobs)| (tenant, jobs.into_iter())).collect();
    while chosen.ids.len() < limit && !waiting.is_empty() {
        waiting.retain_mut(|(tenant, jobs)| {
            if chosen.ids.len() < limit
                && let Some(id) = jobs.next()
            {
                chosen.ids.push(id);
                chosen.turn = Some(tenant.clone());
                return true;
            }
            false
        });
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(waiting: &[(&str, &[&str])], limit: usize) -> (Vec<String>, Option<String>) {
        let own = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let waiting = waiting.iter().map(|(tenant, jobs)| ((*tenant).to_owned(), own(jobs))).collect();
        let Chosen { ids, turn } = by_turns(waiting, limit);
        (ids, turn)
    }

    #[test]
    fn tenants_are_served_in_turn_until_the_places_or_the_jobs_are_gone() {
        let waiting: [(&str, &[&str]); 3] = [("b", &["b1", "b2", "b3"]), ("c", &["c1"]), ("a", &["a1", "a2"])];
        let (ids, turn) = chosen(&waiting, 5);
        assert_eq!((ids.join(" ").as_str(), turn.as_deref()), ("b1 c1 a1 b2 a2", Some("a")));
        let (ids, turn) = chosen(&waiting, 9);
        assert_eq!((ids.join(" ").as_str(), turn.as_deref()), ("b1 c1 a1 b2 a2 b3", Some("b")));
        let (ids, turn) = chosen(&waiting, 2);
        assert_eq!((ids.join(" ").as_str(), turn.as_deref()), ("b1 c1", Some("c")));
        assert_eq!(chosen(&[], 2), (Vec::new(), None));
    }
}
