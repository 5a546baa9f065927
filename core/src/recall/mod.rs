//! A question becomes an answer: **embed ∥ words → search → score → expand → answer**, one file a step.
//! `fallback` is the only place that decides when words stand in for vectors.

mod answer;
mod cache;
mod config;
mod expand;
mod fallback;
mod introduce;
mod score;
mod search;

pub(crate) use answer::sentence as speak;
pub use cache::CallerCache;
pub use config::{RecallConfig, Weights};
pub use introduce::Introduction;

use crate::cost::{Account, charged_at_least_to};
use crate::engine::Engine;
use crate::{RecallQuery, Recalled, Result, Scope, StepTimes};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Questions longer than this many characters are cut: nobody speaks so long a question, and a pasted
/// transcript must not cost a second.
pub const MAX_QUERY_CHARS: usize = 2_000;

/// Answers questions about one caller. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recall {
    engine: Engine,
    cache: Arc<CallerCache>,
    config: RecallConfig,
    rebuilding: Arc<AtomicBool>,
}

/// While it lives, answers say that they may be incomplete; see [`Recall::rebuilding`].
#[derive(Debug)]
pub struct Rebuilding(Arc<AtomicBool>);

impl Drop for Rebuilding {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Recall {
    /// Recall over an engine, sharing the cache of warmed callers with [`crate::ingest::Ingest`].
    pub fn new(engine: Engine, cache: Arc<CallerCache>, config: RecallConfig) -> Self {
        Self { engine, cache, config, rebuilding: Arc::default() }
    }

    /// The caller's memories that answer the question, best first, within [`RecallConfig::budget_ms`].
    ///
    /// A model that fails or is late never fails the answer: words stand in, and [`Recalled::degraded`] says
    /// why. A caller nobody knows has no memories; that is an answer too.
    ///
    /// # Errors
    /// When the truth cannot be read, or neither words nor vectors can be searched.
    pub async fn ask(&self, scope: &Scope, query: &RecallQuery) -> Result<Recalled> {
        let mut times = StepTimes::default();
        let query = RecallQuery { text: cut(&query.text), limit: query.limit.clamp(1, 50), ..query.clone() };

        let searching = search::both(&self.engine, &self.cache, &self.config, scope, &query, &mut times);
        let found = charged_at_least_to(Account::of(scope.tenant.clone()), searching).await?;

        let step = Instant::now();
        let mut hits = score::rank(&self.engine, &self.config, scope, &query, &found).await?;
        times.score = step.elapsed();

        let step = Instant::now();
        expand::follow_links(&self.engine, &self.config, scope, &query, &mut hits).await?;
        times.expand = step.elapsed();

        hits.truncate(query.limit);
        let rebuilding = self.rebuilding.load(Ordering::Relaxed).then_some("rebuilding");
        let degraded = found.degraded.or(rebuilding);
        Ok(Recalled { summary: answer::summary(&hits), hits, mode: found.mode, degraded, times })
    }

    /// Says that the derived stores are being rebuilt: until the guard is dropped every answer is marked degraded,
    /// since what is not indexed yet cannot be found.
    pub fn rebuilding(&self) -> Rebuilding {
        self.rebuilding.store(true, Ordering::Relaxed);
        Rebuilding(self.rebuilding.clone())
    }

    /// Whether a rebuild goes on.
    pub fn is_rebuilding(&self) -> bool {
        self.rebuilding.load(Ordering::Relaxed)
    }

    /// What the agent should know before the call begins. Never a model call.
    ///
    /// # Errors
    /// When the truth cannot be read.
    pub async fn introduce(&self, scope: &Scope) -> Result<Introduction> {
        introduce::introduce(&self.engine, &self.config, scope).await
    }

    /// What is said when nobody knows the caller.
    pub fn neutral(&self) -> Introduction {
        Introduction::neutral(&self.config)
    }

    /// Brings the caller's vectors into memory, so that the first question of the call does not wait for the
    /// disk. Without an embedder, or for more vectors than fit, it does nothing.
    ///
    /// # Errors
    /// What the stores say; the next question simply tries again.
    pub async fn warm(&self, scope: &Scope) -> Result<()> {
        let Some(user) = self.engine.memory.user(scope).await? else { return Ok(()) };
        let Some(embedder) = &self.engine.embedder else { return Ok(()) };
        self.cache
            .get(&*self.engine.vectors, scope, &embedder.interactive.info().space, user.revision)
            .await
            .map(|_| ())
    }

    /// The time the initiation webhook may take.
    pub fn initiation_budget(&self) -> Duration {
        Duration::from_millis(self.config.initiation_budget_ms)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_QUERY_CHARS).collect()
}
