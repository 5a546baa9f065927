//! Layers that fail, hang and recover on a script.

use crate::ai::{EmbedPurpose, Embedded, Embedder, EmbedderInfo};
use crate::store::{
    KeywordCaps, KeywordDoc, KeywordQuery, KeywordStore, ScoredId, Space, VectorCaps, VectorRow, VectorStore,
};
use crate::{Error, ErrorKind, MemoryId, Result, Scope, Sector};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, watch};

/// What becomes of one call.
#[derive(Debug)]
pub enum Outcome {
    /// It is passed on.
    Pass,
    /// It fails with this and is not passed on.
    Fail(Error),
    /// It hangs until [`Script::release`], then is passed on.
    Hang,
}

impl Outcome {
    /// A failure of this kind.
    pub fn fail(kind: ErrorKind) -> Self {
        Self::Fail(Error::new(kind, "flaky", "failed as the script says"))
    }
}

type Decide = Box<dyn FnMut(&'static str, usize) -> Outcome + Send>;

struct Plan {
    /// What becomes of the next calls, in order.
    next: VecDeque<Outcome>,
    /// What becomes of all others.
    otherwise: Decide,
}

struct Inner {
    plan: Mutex<Plan>,
    calls: watch::Sender<usize>,
    released: Semaphore,
}

/// Says what becomes of each call, and counts them. Clones share one script, so a test keeps one while a layer
/// follows the other. By default everything passes.
#[derive(Clone)]
pub struct Script(Arc<Inner>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({} calls)", self.calls())
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::each(|_, _| Outcome::Pass)
    }
}

impl Script {
    /// Decides by the method's name, such as `search`, and the number of the call, counted from 0.
    pub fn each(decide: impl FnMut(&'static str, usize) -> Outcome + Send + 'static) -> Self {
        Self(Arc::new(Inner {
            plan: Mutex::new(Plan { next: VecDeque::new(), otherwise: Box::new(decide) }),
            calls: watch::Sender::new(0),
            released: Semaphore::new(0),
        }))
    }

    /// These outcomes in order, then everything passes.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let script = Self::default();
        for outcome in outcomes {
            script.push(outcome);
        }
        script
    }

    /// Everything fails with this kind.
    pub fn failing(kind: ErrorKind) -> Self {
        Self::each(move |_, _| Outcome::fail(kind))
    }

    /// Everything hangs.
    pub fn hanging() -> Self {
        Self::each(|_, _| Outcome::Hang)
    }

    /// Adds what becomes of one more of the next calls.
    pub fn push(&self, outcome: Outcome) {
        self.0.plan.lock().expect("no panics while held").next.push_back(outcome);
    }

    /// From now on decides like this; the count goes on.
    pub fn change(&self, decide: impl FnMut(&'static str, usize) -> Outcome + Send + 'static) {
        let mut plan = self.0.plan.lock().expect("no panics while held");
        plan.next.clear();
        plan.otherwise = Box::new(decide);
    }

    /// Lets so many hanging calls go on, those of the future included.
    pub fn release(&self, calls: usize) {
        self.0.released.add_permits(calls);
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        *self.0.calls.borrow()
    }

    /// Waits until there were at least so many calls.
    pub async fn called(&self, calls: usize) {
        let mut counted = self.0.calls.subscribe();
        counted.wait_for(|count| *count >= calls).await.expect("the script outlives its wait");
    }

    /// Takes one call; what a layer of one's own begins each method with.
    ///
    /// # Errors
    /// What the script says.
    pub async fn step(&self, method: &'static str) -> Result<()> {
        let outcome = {
            let mut plan = self.0.plan.lock().expect("no panics while held");
            let mut number = 0;
            self.0.calls.send_modify(|count| {
                number = *count;
                *count += 1;
            });
            match plan.next.pop_front() {
                Some(outcome) => outcome,
                None => (plan.otherwise)(method, number),
            }
        };
        match outcome {
            Outcome::Pass => Ok(()),
            Outcome::Fail(error) => Err(error),
            Outcome::Hang => {
                self.0.released.acquire().await.expect("the semaphore is never closed").forget();
                Ok(())
            }
        }
    }
}

/// An embedder that follows a script.
#[derive(Debug)]
pub struct FlakyEmbedder {
    inner: Arc<dyn Embedder>,
    script: Script,
}

impl FlakyEmbedder {
    /// Calls go to `inner` where the script lets them.
    pub fn new(inner: Arc<dyn Embedder>, script: Script) -> Self {
        Self { inner, script }
    }
}

#[async_trait]
impl Embedder for FlakyEmbedder {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        self.script.step("embed").await?;
        self.inner.embed(texts, purpose).await
    }
}

/// A vector store that follows a script.
#[derive(Debug)]
pub struct FlakyVectors {
    inner: Arc<dyn VectorStore>,
    script: Script,
}

impl FlakyVectors {
    /// Calls go to `inner` where the script lets them.
    pub fn new(inner: Arc<dyn VectorStore>, script: Script) -> Self {
        Self { inner, script }
    }
}

#[async_trait]
impl VectorStore for FlakyVectors {
    fn caps(&self) -> VectorCaps {
        self.inner.caps()
    }

    async fn upsert(&self, scope: &Scope, space: &Space, rows: &[VectorRow]) -> Result<()> {
        self.script.step("upsert").await?;
        self.inner.upsert(scope, space, rows).await
    }

    async fn upsert_many(&self, space: &Space, rows: &[(Scope, VectorRow)]) -> Result<()> {
        self.script.step("upsert_many").await?;
        self.inner.upsert_many(space, rows).await
    }

    async fn search(
        &self,
        scope: &Scope,
        space: &Space,
        query: &[f32],
        sectors: &[Sector],
        limit: usize,
    ) -> Result<Vec<ScoredId>> {
        self.script.step("search").await?;
        self.inner.search(scope, space, query, sectors, limit).await
    }

    async fn load(&self, scope: &Scope, space: &Space, limit: usize) -> Result<Option<Vec<VectorRow>>> {
        self.script.step("load").await?;
        self.inner.load(scope, space, limit).await
    }

    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        self.script.step("delete").await?;
        self.inner.delete(scope, ids).await
    }

    async fn erase(&self, scope: &Scope) -> Result<()> {
        self.script.step("erase").await?;
        self.inner.erase(scope).await
    }

    async fn count(&self, space: &Space) -> Result<u64> {
        self.script.step("count").await?;
        self.inner.count(space).await
    }

    async fn clear(&self, space: &Space) -> Result<()> {
        self.script.step("clear").await?;
        self.inner.clear(space).await
    }

    async fn optimise(&self) -> Result<()> {
        self.script.step("optimise").await?;
        self.inner.optimise().await
    }

    async fn purge(&self) -> Result<()> {
        self.script.step("purge").await?;
        self.inner.purge().await
    }
}

/// A keyword store that follows a script.
#[derive(Debug)]
pub struct FlakyKeywords {
    inner: Arc<dyn KeywordStore>,
    script: Script,
}

impl FlakyKeywords {
    /// Calls go to `inner` where the script lets them.
    pub fn new(inner: Arc<dyn KeywordStore>, script: Script) -> Self {
        Self { inner, script }
    }
}

#[async_trait]
impl KeywordStore for FlakyKeywords {
    fn caps(&self) -> KeywordCaps {
        self.inner.caps()
    }

    async fn upsert(&self, scope: &Scope, docs: &[KeywordDoc]) -> Result<()> {
        self.script.step("upsert").await?;
        self.inner.upsert(scope, docs).await
    }

    async fn upsert_many(&self, docs: &[(Scope, KeywordDoc)]) -> Result<()> {
        self.script.step("upsert_many").await?;
        self.inner.upsert_many(docs).await
    }

    async fn search(&self, scope: &Scope, query: &KeywordQuery) -> Result<Vec<ScoredId>> {
        self.script.step("search").await?;
        self.inner.search(scope, query).await
    }

    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        self.script.step("delete").await?;
        self.inner.delete(scope, ids).await
    }

    async fn erase(&self, scope: &Scope) -> Result<()> {
        self.script.step("erase").await?;
        self.inner.erase(scope).await
    }

    async fn count(&self) -> Result<u64> {
        self.script.step("count").await?;
        self.inner.count().await
    }

    async fn clear(&self) -> Result<()> {
        self.script.step("clear").await?;
        self.inner.clear().await
    }

    async fn optimise(&self) -> Result<()> {
        self.script.step("optimise").await?;
        self.inner.optimise().await
    }

    async fn purge(&self) -> Result<()> {
        self.script.step("purge").await?;
        self.inner.purge().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::FakeEmbedder;

    #[tokio::test]
    async fn calls_fail_hang_and_pass_as_the_script_says() {
        let script = Script::of([Outcome::fail(ErrorKind::Unavailable), Outcome::Hang]);
        let embedder = Arc::new(FlakyEmbedder::new(Arc::new(FakeEmbedder::default()), script.clone()));
        let error = embedder.embed(&[], EmbedPurpose::Query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);

        let hanging = tokio::spawn({
            let embedder = Arc::clone(&embedder);
            async move { embedder.embed(&[String::new()], EmbedPurpose::Query).await }
        });
        script.called(2).await;
        tokio::task::yield_now().await;
        assert!(!hanging.is_finished());
        script.release(1);
        assert_eq!(hanging.await.unwrap().unwrap().vectors.len(), 1);
        embedder.embed(&[], EmbedPurpose::Query).await.unwrap();
        assert_eq!(script.calls(), 3);

        script.change(|method, number| {
            assert_eq!((method, number), ("embed", 3));
            Outcome::fail(ErrorKind::Timeout)
        });
        assert_eq!(embedder.embed(&[], EmbedPurpose::Query).await.unwrap_err().kind(), ErrorKind::Timeout);
    }
}
