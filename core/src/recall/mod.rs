//! A question becomes an answer: **embed ∥ words → search → score → expand → answer**, one file a step.
//! Links only fill the places that what was found directly leaves free, so following them never costs an answer.
//! `fallback` is the only place that decides what stands in for what is late or fails, and `deadline` how the budget
//! is shared out.

mod answer;
mod cache;
mod config;
mod deadline;
mod evidence;
mod expand;
mod fallback;
mod introduce;
mod matters;
mod score;
mod search;
mod uses;

pub(crate) use answer::said_by as speak;
pub use cache::CallerCache;
pub use config::{RecallConfig, Weights};
pub use evidence::{TurnParts, TurnWeights};
pub use introduce::Introduction;
pub(crate) use matters::{due, is_open_promise};
pub use matters::{is_open, is_overdue};

use crate::cost::{Account, charged_at_least_to};
use crate::engine::Engine;
use crate::{RecallQuery, Recalled, Result, Scope, StepTimes, User};
use deadline::{Deadline, by};
use fallback::Degraded;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uses::LinkUses;

/// Questions longer than this many characters are cut: nobody speaks so long a question, and a pasted
/// transcript must not cost a second.
pub const MAX_QUERY_CHARS: usize = 2_000;

/// Nobody waits for longer, and any moment plus this is a moment.
const MAX_BUDGET: Duration = Duration::from_secs(3_600);

/// Answers questions about one caller. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Recall {
    engine: Engine,
    cache: Arc<CallerCache>,
    config: RecallConfig,
    rebuilding: Arc<AtomicBool>,
    uses: LinkUses,
}

/// What an answer has no place for.
struct Beyond {
    /// Places for single hits.
    places: usize,
    /// Hits that got none, best first.
    rest: Vec<crate::Hit>,
    /// What a passage in the last place is chosen by, where there is one to be.
    passage: Option<Vec<(usize, f32)>>,
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
        Self { engine, cache, config, rebuilding: Arc::default(), uses: LinkUses::default() }
    }

    /// As [`Recall::ask_by`], with the whole budget from now on.
    ///
    /// # Errors
    /// As there.
    pub async fn ask(&self, scope: &Scope, query: &RecallQuery) -> Result<Recalled> {
        self.ask_by(scope, query, tokio::time::Instant::now() + self.budget()).await
    }

    /// The caller's memories that answer the question, best first, by that moment: at the latest
    /// [`Recall::budget`] after the request came.
    ///
    /// A model that fails or is late never fails the answer: words stand in, and [`Recalled::degraded`] says
    /// why. So it does when links are not followed in time. A caller nobody knows has no memories; that is an
    /// answer too.
    ///
    /// # Errors
    /// When the truth cannot be read in time, or neither words nor vectors can be searched.
    pub async fn ask_by(
        &self,
        scope: &Scope,
        query: &RecallQuery,
        answer_by: tokio::time::Instant,
    ) -> Result<Recalled> {
        let deadline = Deadline::new(answer_by, self.budget());
        // A model that is asked for the embedding needs no secret that an agent has put into its question.
        let text = self.engine.redaction.text(&cut(&query.text)).into_owned();
        let query = RecallQuery { text, limit: query.limit.clamp(1, 50), ..query.clone() };

        let begun = Instant::now();
        let opening = async {
            let turns = by(deadline.searches, "recall.turns", self.turns(scope, &query)).await;
            (turns, begun.elapsed())
        };
        let mut searched = StepTimes::default();
        let searching = search::both(&self.engine, &self.cache, &self.config, scope, &query, &deadline, &mut searched);
        let searching = charged_at_least_to(Account::of(scope.tenant.clone()), searching);
        let asked_about = by(deadline.answer, "recall.user", self.engine.memory.user(scope));
        let (found, (turns, opened), user) = tokio::join!(searching, opening, asked_about);
        // Whether somebody agrees to be told of must be known; nobody is told in doubt.
        if user?.is_some_and(|user| !self.engine.privacy.remembers(user.consent)) {
            return Ok(answer::nothing(found?.mode));
        }
        let (found, mut times) = (found?, StepTimes { turns: opened, ..searched });
        let (turns, closed) = turns.map_or_else(|error| (None, Some(error)), |turns| (turns, None));

        let step = Instant::now();
        let ranked = score::rank(&self.engine, &self.config, scope, &query, &found);
        let mut hits = by(deadline.answer, "recall.rows", ranked).await?;
        if let Some(turns) = &turns {
            let cosines = self.cosines(scope, &turns.index, found.vector.as_deref());
            hits = evidence::blend(turns, &cosines, &found.candidates, &self.config, &query, hits);
        }
        times.score = step.elapsed();

        let Beyond { places, rest, passage } = match &turns {
            Some(turns) => self.beyond(turns, &query, &mut hits),
            None => Beyond { places: query.limit, rest: Vec::new(), passage: None },
        };
        let most = evidence::most_words(query.limit, self.config.answer_words);
        let mut room = answer::shorten(&mut hits, places, most);
        let from_archive = !query.include_archived && hits.iter().any(score::is_faded);

        let step = Instant::now();
        let followed = expand::follow_links(&self.engine, &self.config, scope, &query, &mut hits, &mut room);
        let followed = by(deadline.answer, "recall.links", followed).await;
        let followed = followed.map(|used| self.uses.note(&self.engine, scope, used));
        times.expand = step.elapsed();

        if let Some(turns) = &turns {
            let sparing = if query.limit > evidence::USUAL_LIMIT { evidence::USUAL_LIMIT } else { 0 };
            evidence::widen(turns, &mut hits, sparing, rest, self.config.excerpt_words, room.words);
            let passage = passage.and_then(|ranked| {
                evidence::passage(turns, &ranked, &hits, self.config.excerpt_words, self.config.passage_words)
            });
            hits.extend(passage);
        }
        // Only where somebody gave a name there is something to be told apart.
        let shared = match hits.iter().filter_map(crate::Hit::memory).any(|memory| memory.speaker.is_some()) {
            // Late, it is said all the same whose it is.
            true => by(deadline.answer, "recall.user", self.engine.memory.user(scope))
                .await
                .map_or(true, |user| user.is_some_and(|user| user.shared)),
            false => false,
        };
        let degraded = found
            .degraded
            .or_else(|| closed.map(fallback::without_turns))
            .or_else(|| fallback::without_links(followed))
            .or_else(|| self.is_rebuilding().then(Degraded::rebuilding))
            .inspect(Degraded::report)
            .map(|degraded| degraded.reason);
        let summary = answer::summary(&hits, from_archive, shared);
        Ok(Recalled { summary, hits, from_archive, mode: found.mode, degraded, times })
    }

    /// Joins turns side by side, and parts what has a place from what has none. Where more was found than there are places,
    /// the last one is kept free for a passage.
    fn beyond(&self, turns: &evidence::Spoken, query: &RecallQuery, hits: &mut Vec<crate::Hit>) -> Beyond {
        let ranked = evidence::ranked(turns, hits);
        evidence::join(turns, hits, query.limit);
        let usual = query.limit <= evidence::USUAL_LIMIT;
        let passage = !usual
            && self.config.passage_words > 0
            && evidence::wants_turns(query)
            && hits.get(query.limit..).is_some_and(|rest| rest.iter().any(|hit| hit.excerpt().is_some()));
        let places = query.limit - usize::from(passage);
        let rest = hits.split_off(places.min(hits.len()));
        Beyond { places, rest, passage: passage.then_some(ranked) }
    }

    /// The caller's turns; none for a stranger, and where evidence is switched off.
    async fn turns(&self, scope: &Scope, query: &RecallQuery) -> Result<Option<evidence::Spoken>> {
        if !self.config.evidence {
            return Ok(None);
        }
        let Some(user) = self.engine.memory.user(scope).await? else { return Ok(None) };
        let index = self.cache.turns.get(&self.engine, scope, &user).await?;
        if index.turns().is_empty() {
            return Ok(None);
        }
        let gave_way = self.cache.turns.gave_way(&self.engine, scope, user.revision, &index).await?;
        Ok(Some(evidence::Spoken { stale: gave_way.stale(query), index }))
    }

    /// The turns' cosines with the question. Vectors that are not there yet are made for the next question.
    fn cosines(&self, scope: &Scope, turns: &Arc<evidence::TurnIndex>, question: Option<&[f32]>) -> Vec<Option<f32>> {
        let (Some(question), Some(embedder)) = (question, &self.engine.embedder) else {
            return vec![None; turns.turns().len()];
        };
        let space = &embedder.interactive.info().space;
        let cosines = self.cache.turns.cosines(scope, turns, space, question);
        if cosines.contains(&None) {
            self.embed_soon(scope, turns);
        }
        cosines
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

    /// Brings the caller's vectors and turns into memory, so that the first question of the call does not wait for the
    /// disk. Without an embedder, or for more vectors than fit, the vectors are left where they are. Turns that are to be
    /// embedded follow in the background, unless those of many others wait for that already; then it is for the first
    /// question to ask for it.
    ///
    /// # Errors
    /// What the stores say; the next question simply tries again.
    pub async fn warm(&self, scope: &Scope) -> Result<()> {
        let Some(user) = self.welcome(scope).await? else { return Ok(()) };
        if let Some(embedder) = &self.engine.embedder {
            let space = &embedder.interactive.info().space;
            self.cache.get(&*self.engine.vectors, scope, space, user.revision).await?;
        }
        if self.config.evidence {
            let turns = self.cache.turns.get(&self.engine, scope, &user).await?;
            self.cache.turns.gave_way(&self.engine, scope, user.revision, &turns).await?;
            self.embed_soon(scope, &turns);
        }
        Ok(())
    }

    /// Embeds those of the caller's turns that are not in memory yet: then turns are found by their meaning, too. Only by an
    /// embedder of this machine: what a person says is not sent out and paid for turn by turn. May take seconds, since one
    /// caller's are embedded at a time. What fails is told to the log; turns are then found by their words alone.
    pub async fn embed_turns(&self, scope: &Scope) {
        let embedding = async {
            let Some(user) = self.welcome(scope).await? else { return Ok(()) };
            let turns = self.cache.turns.get(&self.engine, scope, &user).await?;
            self.cache.turns.fill(&self.engine, scope, &turns).await
        };
        if self.embeds_turns() {
            told(embedding.await);
        }
    }

    fn embed_soon(&self, scope: &Scope, turns: &Arc<evidence::TurnIndex>) {
        if self.embeds_turns() {
            let (recall, scope, turns) = (self.clone(), scope.clone(), turns.clone());
            tokio::spawn(async move { told(recall.cache.turns.fill_once(&recall.engine, &scope, &turns).await) });
        }
    }

    fn embeds_turns(&self) -> bool {
        let is_local = self.engine.embedder.as_ref().is_some_and(|models| !models.background.info().remote);
        self.config.evidence && self.config.turn_vectors && is_local
    }

    /// A caller who agrees to be told of.
    async fn welcome(&self, scope: &Scope) -> Result<Option<User>> {
        let user = self.engine.memory.user(scope).await?;
        Ok(user.filter(|user| self.engine.privacy.remembers(user.consent)))
    }

    /// Writes at once what is noted of links that were used, which otherwise is written a little after the answer.
    /// For the end of a process. What cannot be written is counted and dropped: it was a hint.
    pub async fn keep_uses(&self) {
        self.uses.write(&self.engine).await;
    }

    /// The time a question may take in all, whoever is asked on the way; an hour at the most.
    pub fn budget(&self) -> Duration {
        Duration::from_millis(self.config.budget_ms).min(MAX_BUDGET)
    }

    /// The time the initiation webhook may take; an hour at the most.
    pub fn initiation_budget(&self) -> Duration {
        Duration::from_millis(self.config.initiation_budget_ms).min(MAX_BUDGET)
    }
}

/// Turns without vectors cost an answer quality, never the answer.
fn told(filled: Result<()>) {
    if let Err(error) = filled {
        tracing::warn!(?error, "turns are found by their words alone");
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_QUERY_CHARS).collect()
}
