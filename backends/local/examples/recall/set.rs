//! The set, and the measures.

use crate::Outcome;
use hark_core::{Hit, Item, Speaker, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Debug, Deserialize)]
pub(crate) struct Caller {
    pub(crate) caller: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) agent: String,
    pub(crate) calls: Vec<LabelledCall>,
    pub(crate) questions: Vec<Question>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LabelledCall {
    pub(crate) id: String,
    pub(crate) started_at: Timestamp,
    pub(crate) turns: Vec<Said>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    pub(crate) speaker: Speaker,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Question {
    pub(crate) q: String,
    pub(crate) kind: String,
    pub(crate) evidence: Vec<(String, u32)>,
}

impl Caller {
    pub(crate) fn read(folder: &Path) -> Outcome<Vec<Self>> {
        let mut files: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        files.retain(|file| file.path().extension().is_some_and(|e| e == "json"));
        files.sort_by_key(|file| file.path());
        files.iter().map(|file| Ok(serde_json::from_str(&std::fs::read_to_string(file.path())?)?)).collect()
    }
}

/// The turns a hit carries.
pub(crate) fn turns(hit: &Hit) -> BTreeSet<(String, u32)> {
    let mut turns = BTreeSet::new();
    match &hit.item {
        Item::Memory(memory) => {
            let conversation = memory.provenance.conversation_id.as_ref().map(ToString::to_string).unwrap_or_default();
            turns.extend(memory.provenance.turns.iter().map(|turn| (conversation.clone(), *turn)));
        }
        Item::Turn(excerpt) => {
            turns.extend(excerpt.turns().into_iter().map(|turn| (excerpt.conversation.to_string(), turn)));
        }
    }
    if let Some(excerpt) = &hit.evidence {
        turns.extend(excerpt.turns().into_iter().map(|turn| (excerpt.conversation.to_string(), turn)));
    }
    turns
}

fn words(hit: &Hit) -> usize {
    let count = |text: &str| text.split_whitespace().count();
    let content = match &hit.item {
        Item::Memory(memory) => count(&memory.content),
        Item::Turn(excerpt) => count(&excerpt.script()),
    };
    content + hit.evidence.as_ref().map_or(0, |e| count(&e.script()))
}

/// Sums of each measure, by kind of question.
#[derive(Debug, Default)]
pub(crate) struct Scores(BTreeMap<String, [f64; 7]>);

impl Scores {
    pub(crate) fn add(&mut self, kind: &str, question: &Question, hits: &[Hit]) {
        let gold: BTreeSet<_> = question.evidence.iter().cloned().collect();
        let found = |hits: &mut dyn Iterator<Item = &Hit>| {
            let seen: BTreeSet<_> = hits.flat_map(turns).collect();
            gold.intersection(&seen).count() as f64 / gold.len() as f64
        };
        let within = |most: usize| {
            let mut used = 0;
            found(&mut hits.iter().take_while(|hit| {
                used += words(hit);
                used <= most
            }))
        };
        let (at5, at10) = (found(&mut hits.iter().take(5)), found(&mut hits.iter().take(10)));
        let hit = |share: f64| f64::from(u8::from(share > 0.0));
        let each = [1.0, at5, hit(at5), at10, hit(at10), within(200), within(400)];
        for name in [kind, "~ all"] {
            let sums = self.0.entry(name.to_owned()).or_default();
            for (sum, value) in sums.iter_mut().zip(each) {
                *sum += value;
            }
        }
        if kind != "adversarial" && kind != "open-domain" {
            let sums = self.0.entry("~ stated".to_owned()).or_default();
            for (sum, value) in sums.iter_mut().zip(each) {
                *sum += value;
            }
        }
    }

    pub(crate) fn print(&self) {
        println!(
            "{:<14}{:>6}{:>10}{:>8}{:>11}{:>8}{:>13}{:>13}",
            "", "n", "recall@5", "hit@5", "recall@10", "hit@10", "recall@200w", "recall@400w"
        );
        for (kind, sums) in &self.0 {
            let mean = |at: usize| 100.0 * sums[at] / sums[0];
            println!(
                "{kind:<14}{:>6}{:>10.1}{:>8.1}{:>11.1}{:>8.1}{:>13.1}{:>13.1}",
                sums[0],
                mean(1),
                mean(2),
                mean(3),
                mean(4),
                mean(5),
                mean(6)
            );
        }
    }
}
