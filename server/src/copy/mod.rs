//! `hark copy --from A --to B`: one Hark's whole truth moves from one set of stores into another, of whatever engines.
//!
//! **What is copied** is [`TABLES`]: people with their identities and aliases, conversations with sealed transcripts and
//! extractions, memories with what they were before, links, conflicts, merges and splits, receipts and how often what was
//! recalled, reviews, erasures and whom they keep out, the audit log, costs, the space, API keys and webhook secrets (by
//! whoever plays `memory`); raw events and jobs, dead ones among them (by whoever plays `jobs`); embeddings that were paid for (by
//! whoever plays `cache`, where both can). Each row goes as it stands: ids, times, numbers, revisions, states. What is
//! sealed goes as it is sealed, so both sides need the same keys, which are looked at first. Leases and the queue's turn are
//! not copied: they are about processes that ran.
//!
//! **How**: table by table, each behind those it belongs to, both sides read along their keys ([`merge`]): what is missing or
//! differs is written, what is too much is removed. So a copy that broke off is simply made again; what is there already is read
//! and not written. The target notes whose copy it is and whether it is whole ([`Note`]), in the store itself: a store
//! that holds anything else is refused, and no Hark starts on one that is not whole.
//!
//! **A source that is in use** is refused, unless it is asked for (`live`): then everything is copied as it stands, again
//! and again until little is left, and another run with everything stopped, short by then, makes an end.
//!
//! **Then** both sides are read once more and compared by counts and checksums; vectors are copied where both sides are of one
//! space, and what is still missing of vectors and words is rebuilt; and questions made of callers' own memories, answered by the
//! source before, are asked of the target.

mod indexes;
mod note;
mod recalls;
mod sides;
mod tables;

pub(crate) use note::refuse_unfinished;
pub use recalls::Asked;
pub use tables::Compared;

use crate::backup::Told;
use crate::config::Loaded;
use hark_core::backend::Registry;
use hark_core::store::archive::Merged;
use hark_core::{Clock, Result, SystemClock, Timestamp};
use sides::Sides;

/// What is to be copied, and how.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The configuration of what is there.
    pub from: &'a Loaded,
    /// The configuration of what shall be.
    pub to: &'a Loaded,
    /// The kinds.
    pub registry: &'a Registry,
    /// The source may be in use: then the copy is brought near, and never called whole.
    pub live: bool,
    /// How many callers' memories are asked for at both sides.
    pub samples: usize,
}

/// What a copy came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Rows of all passes together.
    pub moved: Merged,
    /// How often everything was walked over.
    pub passes: u32,
    /// Both sides compared, in the order of the tables; empty where that was not done.
    pub compared: Vec<Compared>,
    /// Since when the tables are whole; `None` while they are not.
    pub copied_at: Option<Timestamp>,
    /// What was made of vectors and words; `None` where that was not done.
    pub indexed: Option<Indexed>,
    /// What both sides answered; `None` where nothing was asked.
    pub asked: Option<Asked>,
}

/// What was made of vectors and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Indexed {
    /// Vectors that were copied.
    pub vectors: u64,
    /// Memories whose words, or words and vectors, were made anew.
    pub rebuilt: u64,
}

impl Report {
    /// Tables that are not the same on both sides.
    pub fn differing(&self) -> impl Iterator<Item = &Compared> {
        self.compared.iter().filter(|table| !table.is_same())
    }

    /// Whether there is nothing that a person has to look at.
    pub fn is_well(&self) -> bool {
        self.differing().next().is_none() && self.asked.as_ref().is_none_or(Asked::is_well)
    }
}

/// Copies, compares, and brings vectors and words along. Nothing of the source is changed, but for an entry in its audit
/// log. What was copied stays when it breaks off, and is not copied again.
///
/// # Errors
/// `Config` where keys are missing or both name the same stores; `Conflict` where the source or the target is in use, or the
/// target holds something that is not of this copy; `Unsupported` where a kind cannot be carried over; what the stores say, with
/// the table's name. That the two sides differ is no error here: [`Report::is_well`].
pub async fn copy(order: &Order<'_>, told: &Told<'_>) -> Result<Report> {
    let sides = Sides::of(order)?;
    let mut report = Report::default();
    let standing = match order.live || order.samples == 0 {
        true => None,
        false => Some(recalls::of_source(&sides, order.samples, told).await?),
    };
    tables::carry(&sides, &mut report, told).await?;
    if report.copied_at.is_none() {
        return Ok(report);
    }
    let (indexed, asked) = indexes::finish(&sides, standing.as_ref(), told).await?;
    (report.indexed, report.asked) = (Some(indexed), asked);
    Ok(report)
}

fn now() -> Timestamp {
    SystemClock.now()
}
