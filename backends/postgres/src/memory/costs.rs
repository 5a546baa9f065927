//! What was spent. Adding is one statement a row, so that two who add at once lose nothing.

use crate::db::Db;
use crate::error::Fault;
use hark_core::ai::Usage;
use hark_core::cost::{Cost, CostFilter, CostGroup, CostRow, CostSum, Nanos, Spend};
use hark_core::{AgentId, ConversationId, ErrorKind, TenantId};
use sqlx::Row;
use sqlx::postgres::PgRow;

pub(super) async fn add(db: &Db, tenant: &TenantId, rows: &[CostRow]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    // By key, so that two who add to the same rows do not wait for each other in a ring.
    let mut rows: Vec<&CostRow> = rows.iter().collect();
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    let mut tx = db.begin().await?;
    for CostRow { key, cost } in rows {
        sqlx::query(
            "INSERT INTO costs (tenant, day, conversation, agent, spend, model, calls, unpriced, input_tokens,
                                output_tokens, money)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (tenant, day, conversation, agent, spend, model) DO UPDATE SET
                 calls = costs.calls + excluded.calls,
                 unpriced = costs.unpriced + excluded.unpriced,
                 input_tokens = costs.input_tokens + excluded.input_tokens,
                 output_tokens = costs.output_tokens + excluded.output_tokens,
                 money = costs.money + excluded.money",
        )
        .bind(tenant.as_str())
        .bind(key.day.to_string())
        .bind(key.conversation_text())
        .bind(key.agent_text())
        .bind(key.spend.name())
        .bind(key.model.as_str())
        .bind(signed(cost.calls)?)
        .bind(signed(cost.unpriced)?)
        .bind(signed(cost.usage.input_tokens)?)
        .bind(signed(cost.usage.output_tokens)?)
        .bind(signed(cost.money.0)?)
        .execute(&mut *tx)
        .await?;
    }
    Ok(tx.commit().await?)
}

fn signed(number: u64) -> Result<i64, Fault> {
    const BEYOND: Fault = Fault::Refused(ErrorKind::Invalid, "a number is greater than can be added up");
    i64::try_from(number).map_err(|_| BEYOND)
}

pub(super) async fn sums(
    db: &Db,
    tenant: &TenantId,
    filter: &CostFilter,
    by: CostGroup,
) -> Result<Vec<CostSum>, Fault> {
    let rows = sqlx::query(statement(by))
        .bind(tenant.as_str())
        .bind(filter.from.map(|day| day.to_string()))
        .bind(filter.to.map(|day| day.to_string()))
        .bind(filter.conversation.as_ref().map(ConversationId::as_str))
        .bind(filter.agent.as_ref().map(AgentId::as_str))
        .bind(filter.spend.map(Spend::name))
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(sum).collect()
}

/// A statement a group: names of columns cannot be bound.
fn statement(by: CostGroup) -> &'static str {
    macro_rules! by {
        ($column:literal) => {
            concat!(
                "SELECT ",
                $column,
                " AS name, sum(calls)::bigint AS calls, sum(unpriced)::bigint AS unpriced,
                    sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens,
                    sum(money)::bigint AS money
                 FROM costs
                 WHERE tenant = $1
                   AND ($2 IS NULL OR day >= $2) AND ($3 IS NULL OR day <= $3)
                   AND ($4 IS NULL OR conversation = $4)
                   AND ($5 IS NULL OR agent = $5)
                   AND ($6 IS NULL OR spend = $6)
                 GROUP BY 1 ORDER BY 1"
            )
        };
    }
    match by {
        CostGroup::Day => by!("day"),
        CostGroup::Agent => by!("agent"),
        CostGroup::Spend => by!("spend"),
        CostGroup::Model => by!("model"),
        CostGroup::Conversation => by!("conversation"),
    }
}

fn sum(row: &PgRow) -> Result<CostSum, Fault> {
    let number = |column: &'static str| {
        let number: i64 = row.try_get(column)?;
        u64::try_from(number).map_err(|_| Fault::Stored(column))
    };
    let name: String = row.try_get("name")?;
    Ok(CostSum {
        group: Some(name).filter(|name| !name.is_empty()),
        cost: Cost {
            calls: number("calls")?,
            unpriced: number("unpriced")?,
            usage: Usage { input_tokens: number("input_tokens")?, output_tokens: number("output_tokens")? },
            money: Nanos(number("money")?),
        },
    })
}
