//! What Hark is tested with, and what a plugin author tests with: a clock that stands still, chance that
//! repeats, fakes, a layer that fails on a script, and one conformance suite a trait.
//!
//! A backend proves itself with one line a role in its `tests/`, given an async function that makes a fresh one
//! (the crate needs `tokio` with `macros` and `rt-multi-thread` among its dev-dependencies):
//!
//! ```ignore
//! async fn make() -> (Arc<dyn MemoryStore>, tempfile::TempDir) { … }
//! hark_core::memory_store_suite!(make);
//! ```

mod clock;
pub mod conformance;
mod entropy;
mod fake;
pub mod fixtures;
mod flaky;
mod flaky_memory;
mod rule_chat;
mod suite;

pub use clock::MockClock;
pub use conformance::backup::CopyPlaces;
pub use entropy::SeededEntropy;
pub use fake::{ChatReply, FakeClassifier, FakeEmbedder, FakeExtractor, ScriptedChat};
pub use flaky::{FlakyEmbedder, FlakyKeywords, FlakyVectors, Outcome, Script};
pub use flaky_memory::FlakyMemory;
pub use rule_chat::RuleBackedChat;
pub use suite::{Guard, Reopen};
