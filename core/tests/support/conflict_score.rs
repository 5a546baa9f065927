//! Labelled pairs of memories, and how a judge does on them.

use chrono::{DateTime, Utc};
use hark_core::ai::by_rules::Statement;
use hark_core::{MemoryKind, Slot};
use serde::Deserialize;
use std::path::Path;

/// What is to become of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    Supersede,
    Reinforce,
    KeepBoth,
}

/// One of the two.
#[derive(Debug, Clone, Deserialize)]
pub struct Told {
    pub content: String,
    pub kind: MemoryKind,
    pub slot: Option<Slot>,
    pub occurred_at: DateTime<Utc>,
}

impl Told {
    pub fn statement(&self) -> Statement<'_> {
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
pub struct Pair {
    pub id: String,
    pub set: String,
    pub class: String,
    pub old: Told,
    pub new: Told,
    pub expect: Expect,
}

/// All pairs.
pub fn load() -> Vec<Pair> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/labelled/conflicts.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// How often something was done, and how often rightly.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    right: usize,
    done: usize,
    due: usize,
}

impl Count {
    pub fn precision(&self) -> f64 {
        ratio(self.right, self.done)
    }

    pub fn recall(&self) -> f64 {
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
pub struct Score {
    pub pairs: usize,
    pub supersede: Count,
    pub reinforce: Count,
    /// A line for each wrong outcome.
    pub wrong: String,
}

impl Score {
    pub fn of<'a>(pairs: impl Iterator<Item = &'a Pair>, judge: impl Fn(&Pair) -> Expect) -> Self {
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

    pub fn summary(&self, title: &str) -> String {
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
