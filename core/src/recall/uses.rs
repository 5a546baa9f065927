//! Links that led to a memory that was shown grow stronger: noted with the answer, written after it, many at once.

use crate::engine::Engine;
use crate::store::LinkUse;
use crate::{Link, LinkId, Result, Scope};
use std::collections::BTreeMap;
use std::mem::{replace, take};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long uses are gathered before they are written.
const GATHER: Duration = Duration::from_secs(2);

/// Uses held at the most; further ones are dropped, and counted.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
struct Noted {
    uses: BTreeMap<Scope, BTreeMap<LinkId, Link>>,
    count: usize,
    /// Whether somebody is going to write them.
    awaited: bool,
}

/// What is noted and not yet written. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct LinkUses(Arc<Mutex<Noted>>);

impl LinkUses {
    /// Notes links that led to what is shown. Never waits for anything.
    pub(super) fn note(&self, engine: &Engine, scope: &Scope, links: Vec<Link>) {
        let now = engine.clock.now();
        let counts = |link: &Link| link.weight_used(engine.decay.link_per_day, engine.link.gain, now).is_some();
        let links: Vec<Link> = links.into_iter().filter(counts).collect();
        if links.is_empty() {
            return;
        }
        let mut noted = self.noted();
        if noted.count + links.len() > MOST {
            lost(links.len());
            return;
        }
        let own = noted.uses.entry(scope.clone()).or_default();
        let before = own.len();
        own.extend(links.into_iter().map(|link| (link.id.clone(), link)));
        let new = own.len() - before;
        noted.count += new;
        if !replace(&mut noted.awaited, true) {
            let (uses, engine) = (self.clone(), engine.clone());
            tokio::spawn(async move {
                tokio::time::sleep(GATHER).await;
                uses.write(&engine).await;
            });
        }
    }

    /// Writes what is noted. What cannot be written is counted and forgotten: the next use comes.
    pub(super) async fn write(&self, engine: &Engine) {
        let uses = take(&mut *self.noted()).uses;
        for (scope, links) in uses {
            let count = links.len();
            if let Err(error) = write_one(engine, &scope, links).await {
                tracing::debug!(?error, links = count, "uses of links not written");
                lost(count);
            }
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write_one(engine: &Engine, scope: &Scope, links: BTreeMap<LinkId, Link>) -> Result<()> {
    let now = engine.clock.now();
    let used = |link: &Link| {
        let weight = link.weight_used(engine.decay.link_per_day, engine.link.gain, now)?;
        Some(LinkUse { id: link.id.clone(), known: link.used_at, weight, used_at: now })
    };
    let uses: Vec<LinkUse> = links.values().filter_map(used).collect();
    engine.memory.use_links(scope, &uses).await?;
    Ok(())
}

fn lost(links: usize) {
    metrics::counter!("hark_link_uses_lost_total").increment(links as u64);
}
