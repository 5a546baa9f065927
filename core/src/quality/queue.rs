//! What waits for a person, page by page.

use super::examine::{Finding, examine};
use crate::engine::Engine;
use crate::{MemoryId, Page, PageRequest, Result, Scope, TenantId};

/// Callers examined for one page at the most, so that a page takes its time and no more.
const MOST_CALLERS: usize = 200;

/// Between the place among the callers and the memory that came last of the caller there. In no id of ours.
const BETWEEN: char = '|';

pub(super) async fn page(engine: &Engine, tenant: &TenantId, request: &PageRequest) -> Result<Page<(Scope, Finding)>> {
    let (mut place, mut after) = read(request.cursor.as_deref());
    let mut items: Vec<(Scope, Finding)> = Vec::new();
    for _ in 0..MOST_CALLERS {
        // One at a time: the cursor that leads to a caller is then known.
        let callers = engine.memory.users(tenant, &PageRequest { limit: 1, cursor: place.clone() }).await?;
        for user in callers.items {
            let scope = Scope { tenant: tenant.clone(), caller: user.id };
            let findings = examine(engine, &scope, usize::MAX).await?.findings;
            for finding in findings.into_iter().filter(|f| after.as_ref().is_none_or(|last| f.memory.id > *last)) {
                if items.len() == request.limit {
                    let last = items.last().filter(|(owner, _)| *owner == scope).map(|(_, f)| &f.memory.id);
                    let next_cursor = Some(write(place.as_deref(), last));
                    return Ok(Page { items, next_cursor });
                }
                items.push((scope.clone(), finding));
            }
        }
        after = None;
        match callers.next_cursor {
            Some(next) => place = Some(next),
            None => return Ok(Page { items, next_cursor: None }),
        }
    }
    Ok(Page { items, next_cursor: Some(write(place.as_deref(), None)) })
}

fn read(cursor: Option<&str>) -> (Option<String>, Option<MemoryId>) {
    let filled = |part: &str| Some(part.to_owned()).filter(|part| !part.is_empty());
    match cursor.map(|cursor| cursor.split_once(BETWEEN).unwrap_or(("", cursor))) {
        Some((last, place)) => (filled(place), filled(last).map(MemoryId::new)),
        None => (None, None),
    }
}

fn write(place: Option<&str>, last: Option<&MemoryId>) -> String {
    format!("{}{BETWEEN}{}", last.map_or("", MemoryId::as_str), place.unwrap_or_default())
}
