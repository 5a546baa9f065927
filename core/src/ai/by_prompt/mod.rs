//! Extraction, classification, summaries and judgements by any [`ChatModel`](super::ChatModel).
//!
//! All of them go through one door, [`ask`]: a prompt, a schema derived from the type of the answer, one attempt to repair.
//! And none of them believes what comes back. A small model invents, cites turns that do not exist, keeps what was cancelled
//! and copies from examples; any model can be talked to by whoever is on the phone. So what a caller says goes in as data
//! between fences it cannot break, and what comes out is held against what was said: every number and name of a memory must
//! have been spoken, most of its words too, by the caller or in answer to the agent, and not in a turn that gives orders to
//! models or recites the memory. What is not grounded so is dropped.
//!
//! Honest limits:
//! - Words and numbers are compared, not meaning: a model that swaps who did what to whom with the same words is believed.
//! - The comparison knows English. Of other languages, names, numbers and repeated words count, paraphrases are dropped.
//! - A caller may lie about themselves; that is then what the caller said.
//!
//! The prompts are Markdown, in `prompts/`, and rendered in snapshot tests.

mod answer;
mod ask;
mod check;
mod classifier;
mod config;
mod dates;
mod extractor;
mod ground;
mod judge;
mod merge;
mod prompt;
mod said;
mod summary;
mod window;

pub use ask::ask;
pub use classifier::PromptClassifier;
pub use config::PromptConfig;
pub use extractor::PromptExtractor;
pub use judge::{JudgeContext, judge};
pub use summary::summarise;

#[cfg(feature = "testkit")]
pub(crate) use answer::{Answer, By, Item, Name, Promise};
#[cfg(feature = "testkit")]
pub(crate) use classifier::{Verdict as ClassVerdict, Verdicts};
#[cfg(feature = "testkit")]
pub(crate) use judge::{Raw as RawJudgement, Standing, Stands, Together, YesNo};
#[cfg(feature = "testkit")]
pub(crate) use prompt::fenced;
#[cfg(feature = "testkit")]
pub(crate) use summary::Sentences;

#[cfg(test)]
mod injection;
#[cfg(test)]
mod rendered;
#[cfg(test)]
mod tests;
