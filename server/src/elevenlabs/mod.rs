//! The platform's side of the wire: what ElevenLabs sends, what it wants back, and how its events are signed.
//!
//! Everything here reads leniently: an unknown field, a null or a wrong type on somebody else's side must never
//! cost a caller their memory. Only this module knows the platform's field names.

pub mod call;
pub mod claims;
pub(crate) mod conversations;
pub(crate) mod inbox;
pub mod initiation;
pub mod lenient;
pub mod signature;
pub mod tool;
pub mod variables;
pub mod wire;

pub use call::to_call;
pub use signature::sign;
