//! What is not told again fades: how fast, and what becomes of it in the end.
//!
//! What is left of a memory or a link is computed when it is read, from what is stored and the time since, so nothing
//! compounds and no result depends on how often [`sweep`] ran. Nothing is filtered by a stored salience, only by the
//! state, so there is no snapshot to be refreshed either: the sweep moves what has faded to the archive, and removes
//! links that have.

mod config;
mod sweep;

pub use config::{DecayConfig, DecayRates, LinkConfig};
pub use sweep::{LEASE, Swept, sweep};
