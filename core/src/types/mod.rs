//! Plain nouns: serialisable, with no behaviour beyond their own invariants.

mod audit;
mod conflict;
mod conversation;
mod erasure;
mod id;
mod identity;
mod key;
mod link;
mod memory;
mod number;
mod page;
mod recall;
mod receipt;
mod review;
mod scope;
mod transcript;
mod transfer;
mod user;

pub use audit::{AuditAction, AuditEntry, AuditFilter};
pub use conflict::{Change, Conflict, ConflictState, JudgedBy, Judgement, Reason, Resolution, Standing, Verdict};
pub use conversation::{Conversation, ConversationState};
pub use erasure::{Erased, Erasure, ErasureStep, KeyedHash, NewErasure, SuppressedBy, Suppression, SuppressionKey};
pub use id::{
    AgentId, AuditId, ConflictId, ConversationId, ErasureId, EventId, JobId, KeyId, LinkId, MemoryId, ReceiptId,
    TenantId, TransferId, UserId,
};
pub use identity::{Identity, IdentityKind};
pub use key::{KeyScope, KeyScopes};
pub use link::{Link, LinkKind};
pub use memory::{
    Candidate, IndexState, Memory, MemoryKind, MemoryState, Origin, Provenance, Sector, Slot, effective_salience,
    reinforced,
};
pub use number::{Numbers, normalise_number};
pub use page::{Cursor, Page, PageRequest};
pub use recall::{Excerpt, Hit, Item, Mode, RecallQuery, Recalled, Said, ScoreParts, StepTimes, Via};
pub use receipt::{Recalls, Receipt, ReceiptKind, ReceiptWords, Returned};
pub use review::{Review, ReviewDecision, ReviewWords};
pub use scope::Scope;
pub use transcript::{MemoryTool, Speaker, Transcript, Turn};
pub use transfer::{IdentityKey, Moved, NewTransfer, Parting, Transfer, TransferKind, TransferState, TransferredBy};
pub use user::{Consent, User};

pub use crate::clock::Timestamp;
