//! The two flows on RAM and fakes; the degraded paths first.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(unreachable_pub, reason = "modules of a test binary")]

mod archive;
mod consent;
mod deadline;
mod decay;
mod erasure;
mod evidence;
mod identity;
mod ingest;
mod injection;
mod links;
mod nodes;
mod passage;
mod prompt;
mod quality;
mod recall;
mod receipts;
mod reconcile;
mod redaction;
mod retention;
mod rotation;
mod space;
mod stand_in;
mod world;
mod year;
