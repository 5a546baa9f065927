//! Questions whose answers both sides must agree about: made of callers' own memories, and never shown to anybody.

use super::sides::{Side, Sides};
use crate::backup::Told;
use crate::running::{Running, Start};
use crate::spaces::OtherSpace;
use hark_core::backend::Role;
use hark_core::store::MemoryFilter;
use hark_core::{MemoryId, MemoryState, PageRequest, RecallQuery, Result, Scope, UserId};
use std::collections::BTreeSet;
use std::fmt;

/// Callers, or memories, read at once.
const PAGE: usize = 500;

/// So many memories are asked for.
const PLACES: usize = 10;

/// What was asked of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Questions that both sides answered with words and vectors.
    pub questions: usize,
    /// Those that were answered with the same memories.
    pub same: usize,
    /// Those where the target did not find the memory that was asked for, and the source did.
    pub lost: usize,
    /// Questions that one side could not answer fully, since a model was away: they say nothing.
    pub incomplete: usize,
    /// Whether answers must be the same: both sides have the same engines for vectors and words. Two engines weigh words
    /// otherwise, and may order what stands at the end of an answer otherwise.
    pub alike: bool,
}

impl Asked {
    /// Whether nothing is lost, and everything is the same where it must be.
    pub fn is_well(&self) -> bool {
        self.lost == 0 && (!self.alike || self.same == self.questions)
    }
}

/// A question, and what the source answered.
struct Sample {
    scope: Scope,
    wanted: MemoryId,
    question: String,
    answer: Option<BTreeSet<MemoryId>>,
}

/// What the source answered.
pub(super) struct Samples(Vec<Sample>);

/// What people said is in it.
impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Samples({})", self.0.len())
    }
}

/// How both sides are started: to be asked, with nothing going on.
pub(super) async fn start(side: &Side<'_>, sides: &Sides<'_>, migrate: bool) -> Result<Running> {
    let start = Start { http: false, worker: false, migrate, other_space: OtherSpace::Ignore };
    let running = match side.folder.clone() {
        Some(folder) => Running::start_in(side.loaded, sides.registry, start, folder).await,
        None => Running::start(side.loaded, sides.registry, start).await,
    };
    running.map_err(|e| side.about(e))
}

/// Asks the source, before anything is copied.
pub(super) async fn of_source(sides: &Sides<'_>, count: usize, told: &Told<'_>) -> Result<Samples> {
    (told.step)("asking the source");
    let running = start(&sides.from, sides, false).await?;
    let sampled = sample(&running, count, told).await;
    running.stop().await;
    sampled.map(Samples).map_err(|e| sides.from.about(e))
}

async fn sample(running: &Running, count: usize, told: &Told<'_>) -> Result<Vec<Sample>> {
    let engine = &running.app.engine;
    // What is kept in memory alone is empty when it is opened.
    if !engine.vectors.caps().durable || !engine.keywords.caps().durable {
        running.app.ingest.reindex(true, &|_, _| ()).await?;
    }
    if running.app.ingest.lag().await?.is_behind() {
        (told.step)("the source's own words or vectors are behind its memories: recalls are not compared");
        return Ok(Vec::new());
    }
    let callers = callers(running).await?;
    let stride = callers.len().div_ceil(count.max(1)).max(1);
    let mut samples = Vec::new();
    for scope in callers.into_iter().step_by(stride) {
        let filter = MemoryFilter { states: vec![MemoryState::Active], ..MemoryFilter::default() };
        let mut memories = engine.memory.list_memories(&scope, &filter, &PageRequest::first(PAGE)).await?.items;
        if memories.is_empty() {
            continue;
        }
        let memory = memories.swap_remove(memories.len() / 2);
        let answer = ask(running, &scope, &memory.content).await?;
        samples.push(Sample { scope, wanted: memory.id, question: memory.content, answer });
    }
    Ok(samples)
}

/// Every caller of every tenant, by id.
pub(super) async fn callers(running: &Running) -> Result<Vec<Scope>> {
    let memory = &running.app.engine.memory;
    let mut all = Vec::new();
    for tenant in memory.tenants().await? {
        let mut page = PageRequest::first(PAGE);
        loop {
            let users = memory.users(&tenant, &page).await?;
            let ids: Vec<UserId> = users.items.into_iter().map(|user| user.id).collect();
            all.extend(ids.into_iter().map(|id| Scope::new(tenant.clone(), id)));
            match users.next_cursor {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
    }
    // By who it is, not by when somebody called.
    all.sort();
    Ok(all)
}

/// The memories of an answer; `None` where it is not a whole one.
async fn ask(running: &Running, scope: &Scope, question: &str) -> Result<Option<BTreeSet<MemoryId>>> {
    let query = RecallQuery { limit: PLACES, ..RecallQuery::new(question) };
    let told = running.app.recall.ask(scope, &query).await?;
    let ids = told.hits.iter().filter_map(|hit| hit.memory()).map(|memory| memory.id.clone()).collect();
    Ok(told.degraded.is_none().then_some(ids))
}

/// Asks the target the same.
pub(super) async fn compare(sides: &Sides<'_>, running: &Running, samples: &Samples) -> Result<Asked> {
    let kind = |side: &Side<'_>, role| side.instance(role).map(|instance| instance.kind.clone());
    let alike = |role| kind(&sides.from, role) == kind(&sides.to, role);
    let roles = [Role::Vectors, Role::Keywords, Role::Embedder];
    let mut asked = Asked { alike: roles.into_iter().all(alike), ..Asked::default() };
    for Sample { scope, wanted, question, answer } in &samples.0 {
        match (answer, ask(running, scope, question).await?) {
            (Some(from), Some(to)) => {
                asked.questions += 1;
                asked.same += usize::from(*from == to);
                asked.lost += usize::from(from.contains(wanted) && !to.contains(wanted));
            }
            _ => asked.incomplete += 1,
        }
    }
    Ok(asked)
}
