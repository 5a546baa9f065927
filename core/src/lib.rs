#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod ai;
pub mod backend;
pub mod clock;
pub mod cost;
pub mod crypt;
pub mod decay;
pub mod engine;
pub mod entropy;
pub mod error;
pub mod ingest;
pub mod injection;
pub mod job;
pub mod layer;
pub mod limit;
pub mod people;
pub mod privacy;
pub mod quality;
pub mod ram;
pub mod recall;
pub mod receipts;
pub mod redact;
mod secret;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
mod text;
pub mod types;

pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use error::{Error, ErrorKind, Result};
pub use secret::Secret;
pub use types::*;
