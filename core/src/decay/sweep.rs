//! What has faded is archived, links that have are removed: by one process of all, now and then.

use super::config::DecayConfig;
use crate::engine::Engine;
use crate::store::longest_hold;
use crate::{Change, ErrorKind, Link, Memory, MemoryState, PageRequest, Result, Scope, Standing, Timestamp};
use chrono::Duration;
use std::collections::BTreeMap;

/// The name of the lease that a sweep is done under.
pub const LEASE: &str = "decay";

/// How long the others wait for a process that died on the way.
const PATIENCE: Duration = Duration::minutes(2);

/// Items of a page.
const PAGE: usize = 500;

/// Pages of one call: a store of millions must not keep one process busy for an hour. The next call goes on from there.
const PAGES: usize = 200;

/// A link that was just made or used cannot have faded; one that is older may.
const LINKS_AFTER: Duration = Duration::days(1);

/// What a call of [`sweep`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Memories that were archived.
    pub archived: u64,
    /// Links that were removed.
    pub pruned: u64,
    /// Whether everything was looked at; if not, the next call goes on.
    pub finished: bool,
}

/// Where a sweep has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Memories(Option<String>),
    Links(Option<String>),
    End,
}

/// Sweeps, if it is time and nobody else does: `None` if not. Of all that share a store, one does it; when it is done,
/// the lease is kept until the next time ([`DecayConfig::every_secs`]), whoever asks then. Bounded: what is left is
/// done by the next call, here or elsewhere, which goes on where this one stopped. Idempotent, so that a call that is
/// broken off, or comes twice, changes nothing twice.
///
/// # Errors
/// What the store says. The lease is given back, and the next call goes on where this one failed.
pub async fn sweep(engine: &Engine) -> Result<Option<Swept>> {
    let holder = engine.entropy.hex(12);
    let now = engine.clock.now();
    let void_after = longest_hold(now, period(&engine.decay));
    let Some(lead) = engine.memory.take_lease(LEASE, &holder, now + PATIENCE, now, void_after).await? else {
        return Ok(None);
    };
    let mut swept = Swept::default();
    let result = walk(engine, &holder, Place::read(lead.progress.as_deref()), &mut swept).await;
    metrics::counter!("hark_memories_archived_total").increment(swept.archived);
    metrics::counter!("hark_links_pruned_total").increment(swept.pruned);
    if let Err(error) = &result {
        // If these fail too, the lease runs out.
        if error.kind() == ErrorKind::Invalid {
            // A place that the store no longer knows would be asked for again for ever.
            engine.memory.keep_lease(LEASE, &holder, now, None).await.ok();
        }
        engine.memory.release_lease(LEASE, &holder).await.ok();
    }
    result.map(|()| Some(swept))
}

async fn walk(engine: &Engine, holder: &str, mut at: Place, swept: &mut Swept) -> Result<()> {
    for page in 1..=PAGES {
        at = match at {
            Place::Memories(cursor) => memories(engine, cursor, swept).await?,
            Place::Links(cursor) => links(engine, cursor, swept).await?,
            Place::End => Place::End,
        };
        let now = engine.clock.now();
        let until = match at {
            Place::End => now + period(&engine.decay),
            // Enough for now: anybody may go on.
            _ if page == PAGES => now,
            _ => now + PATIENCE,
        };
        // Somebody else thinks that we died: it goes on from the last note, and we leave it to that one.
        if !engine.memory.keep_lease(LEASE, holder, until, at.write().as_deref()).await? {
            return Ok(());
        }
        if at == Place::End {
            swept.finished = true;
            return Ok(());
        }
    }
    Ok(())
}

fn period(decay: &DecayConfig) -> Duration {
    // A century is for ever.
    Duration::seconds(i64::try_from(decay.every_secs).unwrap_or(i64::MAX).min(36_500 * 86_400))
}

async fn memories(engine: &Engine, cursor: Option<String>, swept: &mut Swept) -> Result<Place> {
    let now = engine.clock.now();
    let request = PageRequest { limit: PAGE, cursor };
    let page = engine.memory.fading_memories(engine.decay.archives_before(now), &request).await?;
    let mut changes: BTreeMap<Scope, Vec<Change>> = BTreeMap::new();
    for (scope, memory) in page.items.into_iter().filter(|(_, memory)| engine.decay.archives(memory, now)) {
        changes.entry(scope).or_default().push(archived(&memory));
    }
    for (scope, changes) in changes {
        swept.archived += engine.memory.restand(&scope, &changes).await?;
    }
    Ok(page.next_cursor.map_or(Place::Links(None), |next| Place::Memories(Some(next))))
}

fn archived(memory: &Memory) -> Change {
    let before = Standing::of(memory);
    Change { memory: memory.id.clone(), after: Standing { state: MemoryState::Archived, ..before.clone() }, before }
}

async fn links(engine: &Engine, cursor: Option<String>, swept: &mut Swept) -> Result<Place> {
    let now: Timestamp = engine.clock.now();
    let request = PageRequest { limit: PAGE, cursor };
    let page = engine.memory.fading_links(now - LINKS_AFTER, &request).await?;
    let mut gone: BTreeMap<Scope, Vec<Link>> = BTreeMap::new();
    for (scope, link) in page.items.into_iter().filter(|(_, link)| engine.decay.prunes(link, now)) {
        gone.entry(scope).or_default().push(link);
    }
    for (scope, links) in gone {
        swept.pruned += engine.memory.prune_links(&scope, &links).await?;
    }
    Ok(page.next_cursor.map_or(Place::End, |next| Place::Links(Some(next))))
}

impl Place {
    /// What another version noted and this one cannot read is the beginning.
    fn read(noted: Option<&str>) -> Self {
        match noted.and_then(|noted| noted.split_once(' ')) {
            Some(("memories", cursor)) if !cursor.is_empty() => Self::Memories(Some(cursor.to_owned())),
            Some(("links", cursor)) => Self::Links(Some(cursor.to_owned()).filter(|cursor| !cursor.is_empty())),
            _ => Self::Memories(None),
        }
    }

    fn write(&self) -> Option<String> {
        match self {
            Self::Memories(cursor) => Some(format!("memories {}", cursor.as_deref().unwrap_or_default())),
            Self::Links(cursor) => Some(format!("links {}", cursor.as_deref().unwrap_or_default())),
            Self::End => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nonsense_is_the_beginning() {
        for place in [
            Place::Memories(None),
            Place::Memories(Some("17.mem_1 x".into())),
            Place::Links(None),
            Place::Links(Some("4".into())),
        ] {
            assert_eq!(Place::read(place.write().as_deref()), place);
        }
        for noted in [None, Some(""), Some("people 4"), Some("memories"), Some("links")] {
            assert_eq!(Place::read(noted), Place::Memories(None), "{noted:?}");
        }
    }
}
