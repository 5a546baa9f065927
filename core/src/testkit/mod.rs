//! What Hark is tested with, and what a plugin author tests with: a clock that stands still, chance that
//! repeats, fakes, a layer that fails on a script, and one conformance suite a trait.

mod clock;
mod entropy;

pub use clock::MockClock;
pub use entropy::SeededEntropy;
