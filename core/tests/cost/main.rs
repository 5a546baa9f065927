//! What models cost, and that no text is paid for twice.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(unreachable_pub, reason = "modules of a test binary")]

mod cache;
mod cache_faults;
mod flows;
mod meter;
mod paid;
