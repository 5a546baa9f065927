//! Policy around calls to models, as decorators over [`Embedder`] and [`ChatModel`].
//!
//! The order, inside out: **backend → timeout → breaker → retry → observe → meter → cache**.
//!
//! - *timeout* is innermost, so that a provider that says nothing becomes an error like any other.
//! - *breaker* stands within *retry*: it must count every attempt, not every third one, and when it opens, the
//!   next attempt fails at once and ends the retrying. The other way round three attempts would look like one
//!   failure, and a provider that is away would be asked on although everybody else had been told.
//! - *retry* is for the background only: nobody on the phone waits for a second attempt.
//! - *observe* sees what the caller sees: one request, however many attempts it took.
//! - *meter* (what it cost) and *cache* (what need not be asked again) come outermost: what the cache knows is
//!   neither asked nor paid for, whatever the breaker's state.
//!
//! Every backend instance has one [`Breaker`], shared by its embedder and its chat model and by both profiles of
//! each. What is local gets the same layers, since a model on this machine can hang too; only retrying is left
//! out, because asking the same processor again helps nobody.

mod breaker;
mod cache;
mod config;
mod guard;
mod meter;
mod observe;
mod owners;
mod profiles;
mod retry;
mod timeout;

pub use breaker::{Breaker, BreakerSettings, BreakerSnapshot, BreakerState, ModelHealth};
pub use cache::{CachedEmbedder, EmbeddingCacheConfig, EmbeddingTiers};
pub use config::Resilience;
pub use meter::{MeteredChat, MeteredEmbedder};
pub use owners::spoken_by;
pub use profiles::{Part, Profile, Profiles};

use crate::Entropy;
use crate::ai::{ChatModel, Embedder};
use guard::Guard;
use observe::Observe;
use retry::{Retry, RetryPolicy};
use std::sync::Arc;
use std::time::Duration;
use timeout::Timeout;

/// The operation of errors by which an open breaker fails fast.
pub const BREAKER_OPEN: &str = "breaker.open";

/// Stands the layers around an embedder: one stack a profile, both behind the backend's breaker.
pub fn embedder(
    backend: &str,
    bare: Arc<dyn Embedder>,
    config: &Resilience,
    breaker: &Arc<Breaker>,
    entropy: &Arc<dyn Entropy>,
) -> Profiles<dyn Embedder> {
    let guarded = |profile, limit| -> Arc<dyn Embedder> {
        let timed: Arc<dyn Embedder> = Arc::new(Timeout::new(bare.clone(), limit));
        Arc::new(Guard::new(timed, breaker.clone(), Part::Embedder, profile, limit))
    };
    let observed = |profile, inner| -> Arc<dyn Embedder> {
        Arc::new(Observe::<dyn Embedder>::new(inner, backend, Part::Embedder, profile))
    };
    let mut patient = guarded(Profile::Background, config.background_timeout());
    if bare.info().remote {
        patient = Arc::new(Retry::new(patient, backend, Part::Embedder, RetryPolicy::of(config), entropy.clone()));
    }
    Profiles {
        interactive: observed(Profile::Interactive, guarded(Profile::Interactive, config.interactive_timeout())),
        background: observed(Profile::Background, patient),
    }
}

/// Stands the layers around a chat model, as [`embedder`] does. A chat model is taken to be remote.
pub fn chat(
    backend: &str,
    bare: Arc<dyn ChatModel>,
    config: &Resilience,
    breaker: &Arc<Breaker>,
    entropy: &Arc<dyn Entropy>,
) -> Profiles<dyn ChatModel> {
    let guarded = |profile, limit| -> Arc<dyn ChatModel> {
        let timed: Arc<dyn ChatModel> = Arc::new(Timeout::new(bare.clone(), limit));
        Arc::new(Guard::new(timed, breaker.clone(), Part::Chat, profile, limit))
    };
    let observed = |profile, inner| -> Arc<dyn ChatModel> {
        Arc::new(Observe::<dyn ChatModel>::new(inner, backend, Part::Chat, profile))
    };
    let patient = guarded(Profile::Background, config.background_timeout());
    let patient = Arc::new(Retry::new(patient, backend, Part::Chat, RetryPolicy::of(config), entropy.clone()));
    Profiles {
        interactive: observed(Profile::Interactive, guarded(Profile::Interactive, config.interactive_timeout())),
        background: observed(Profile::Background, patient),
    }
}

/// Whole seconds, as configuration has them; a year at the most, so that any moment plus them is a moment.
fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs.min(365 * 86_400))
}
