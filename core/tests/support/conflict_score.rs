//! Labelled pairs of memories, and how a judge does on them.

use chrono::{DateTime, Utc};
use hark_core::ai::by_rules::Statement;
use hark_core::{MemoryKind, Slot};
use serde::Deserialize;
use std::error::Error;
use std::path::Path;

/// What is to become of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expect {
    Supersede,
    Reinforce,
    KeepBoth,
}

/// One of the two.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Told {
    pub(crate) content: String,
    pub(crate) kind: MemoryKind,
    pub(crate) slot: Option<Slot>,
    pub(crate) occurred_at: DateTime<Utc>,
}

impl Told {
    pub(crate) fn statement(&self) -> Statement<'_> {
        Statement {
            content: &self.content,
            kind: self.kind,
            slot: self.slot.as_ref(),
            about: self.occurred_at,
            speaker: None,
        }
    }
}

/// Two memories of one caller, the older first.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pair {
    pub(crate) id: String,
    pub(crate) set: String,
    pub(crate) class: String,
    pub(crate) old: Told,
    pub(crate) new: Told,
    pub(crate) expect: Expect,
}

/// All pairs of a file.
pub(crate) fn load(file: &Path) -> Result<Vec<Pair>, Box<dyn Error>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(file)?)?)
}

/// How often something was done, and how often rightly.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    right: usize,
    done: usize,
    due: usize,
}

impl Count {
    pub(crate) fn precision(&self) -> f64 {
        ratio(self.right, self.done)
    }

    pub(crate) fn recall(&self) -> f64 {
        ratio(self.right, self.due)
    }

    fn add(&mut self, done: bool, due: bool) {
        self.done += usize::from(done);
        self.due += usize::from(due);
        self.right += usize::from(done && due);
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// How a judge did.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) pairs: usize,
    pub(crate) supersede: Count,
    pub(crate) reinforce: Count,
    /// A line for each wrong outcome.
    pub(crate) wrong: String,
}

impl Score {
    pub(crate) fn of<'a>(pairs: impl Iterator<Item = &'a Pair>, judge: impl Fn(&Pair) -> Expect) -> Self {
        let mut score = Self::default();
        for pair in pairs {
            let found = judge(pair);
            score.pairs += 1;
            score.supersede.add(found == Expect::Supersede, pair.expect == Expect::Supersede);
            score.reinforce.add(found == Expect::Reinforce, pair.expect == Expect::Reinforce);
            if found != pair.expect {
                let (old, new) = (&pair.old.content, &pair.new.content);
                score.wrong +=
                    &format!("{} {:<14} {found:?}, not {:?}: {old} | {new}\n", pair.id, pair.class, pair.expect);
            }
        }
        score
    }

    pub(crate) fn summary(&self, title: &str) -> String {
        let line = |what: &str, count: &Count| {
            format!(
                "{what}: precision {:.3} ({} of {}), recall {:.3} ({} of {})",
                count.precision(),
                count.right,
                count.done,
                count.recall(),
                count.right,
                count.due
            )
        };
        let (s, r) = (line("supersession", &self.supersede), line("reinforcement", &self.reinforce));
        format!("{title}, {} pairs\n  {s}\n  {r}", self.pairs)
    }
}
