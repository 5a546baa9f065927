//! The layers around models, as they are stood together, on paused time.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod stack;
