//! What agents were told, and why, so that "why did the agent say that?" has an answer.
//!
//! An answer never waits for its receipt: it is handed over when the answer is made, and kept by
//! [`Recorder::flush`], whole batches at a time.

mod config;
mod join;
mod note;
mod recorder;

pub use config::ReceiptConfig;
pub use join::turn_of;
pub use note::Note;
pub use recorder::Recorder;
