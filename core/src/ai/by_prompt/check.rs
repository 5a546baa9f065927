//! From what a model answers to what may be learnt. The model is not believed: see the module's documentation.

use super::answer::{Answer, By, Item, Name, Promise};
use super::config::PromptConfig;
use super::dates::{self, Source};
use super::ground::Ground;
use super::said::{clean, unmasked};
use crate::ai::by_rules::reading;
use crate::{Candidate, MemoryKind, Slot};
use regex::Regex;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// What a model that says nothing of its confidence is taken to mean.
const CONFIDENCE: f32 = 0.7;

/// Characters of a slot's value at the most.
const MAX_VALUE_CHARS: usize = 120;

/// Sentences that would bind the agent, speak for others or vouch for the caller. A memory does none of these.
static BINDING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^(?:the\ )?(?:agent|assistant|ai|bot|system|company|model|support|staff)\b.{0,30}\b(?:must|should|shall|has\ to|have\ to|is\ to|are\ to|needs?\ to|always|never|may|allowed|authori[sz]ed|ignores?)\b
          |^(?:always|never)\ (?:give|grant|offer|approve|refund|skip|ignore|say|tell|answer|call\ (?:the|every))\b
          |\byou\ (?:must|should|shall|have\ to|are\ to|will|need\ to)\b
          |\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instructions?|rules?|prompts?|guidelines?|restrictions?|policy|policies)\b
          |\b(?:every|all|each|any|other|another)\ (?:callers?|customers?|users?|clients?|patients?|people\ who\ call)\b
          |^(?:the\ )?(?:other|another)\ (?:caller|customer|user|client)\b
          |\b(?:skip|without|bypass|no\ need\ for|does\ not\ need|exempt\ from)\b.{0,20}\b(?:verification|verify|security|authentication|identity\ check|password)
          |\b(?:is|was|be|been|counts\ as|treated\ as)\ (?:an?\ |the\ |fully\ |already\ )*(?:admin(?:istrator)?|verified|superuser|developer\ of\ this|owner\ of\ this\ system|employee\ of\ (?:the|this)\ company)\b
          |\b(?:always|automatically)\ (?:gets?|receives?|entitled)\b|\bentitled\ to\b|\bfull\ (?:access|refunds?\ always)\b
          |\b(?:system|developer)\ (?:prompt|message|instruction)s?\b",
    )
    .expect("the pattern is constant and tested")
});

/// What the agent says when it promises nothing.
static DECLINED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:can't|cannot|can not|won't|will not|unable|not able|not allowed|no way|don't|do not|couldn't)\b",
    )
    .expect("the pattern is constant and tested")
});

/// Checks the answers about one call.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    ground: &'a Ground<'a>,
    config: &'a PromptConfig,
    /// The turns the model was shown.
    shown: RangeInclusive<u32>,
}

/// Candidates, and the promises taken back.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) candidates: Vec<Candidate>,
    pub(super) withdrawn: Vec<Candidate>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(ground: &'a Ground<'a>, config: &'a PromptConfig, shown: RangeInclusive<u32>) -> Self {
        Self { ground, config, shown }
    }

    /// What may be learnt of an answer.
    pub(super) fn check(&self, answer: Answer) -> Checked {
        let mut out = Checked::default();
        out.candidates.extend(answer.caller_name.and_then(|name| self.name(&name)));
        out.candidates.extend(answer.memories.into_iter().filter_map(|item| self.item(item)));
        for promise in answer.promises {
            let withdrawn = promise.withdrawn;
            let Some(candidate) = self.promise(promise) else { continue };
            if withdrawn { out.withdrawn.push(candidate) } else { out.candidates.push(candidate) }
        }
        out
    }

    fn name(&self, given: &Name) -> Option<Candidate> {
        let name = clean(&given.name).trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let turns = self.turns(&given.turns);
        let sayable = (1..=60).contains(&name.chars().count()) && name.split(' ').count() <= 5;
        let letters = name.chars().all(|c| c.is_alphabetic() || " '’.-".contains(c));
        if !sayable || !letters || binds(&name) || !self.ground.named(&name, &turns) {
            return None;
        }
        let lead = if given.preferred { "Prefers to be called" } else { "Name is" };
        Some(Candidate {
            content: format!("{lead} {name}"),
            kind: MemoryKind::Name,
            sector: Some(reading::sector(MemoryKind::Name)),
            salience: Some(reading::salience(MemoryKind::Name)),
            occurred_at: None,
            turns: self.of_caller(turns),
            slot: Some(Slot { key: "name".to_owned(), value: name }),
            confidence: 0.9,
        })
    }

    fn item(&self, item: Item) -> Option<Candidate> {
        // A name without its value greets nobody, and what was promised needs to know by whom.
        if item.kind == MemoryKind::Name {
            let told = item.slot.filter(|slot| slot.key == "name").map(|slot| slot.value);
            let written = ["called ", "name is ", "named "].iter().find_map(|lead| item.content.split_once(lead));
            let name = told.or(written.map(|(_, name)| name.to_owned()))?;
            let preferred = item.content.to_lowercase().contains("prefers");
            return self.name(&Name { name, preferred, turns: item.turns });
        }
        if item.kind == MemoryKind::Promise {
            let by = if item.content.to_lowercase().contains("agent") { By::Agent } else { By::Caller };
            return self.promise(Promise {
                by,
                content: item.content,
                due: item.occurred_at,
                turns: item.turns,
                confidence: item.confidence,
                withdrawn: false,
            });
        }
        let turns = self.turns(&item.turns);
        if !turns.iter().any(|turn| self.ground.by_caller(*turn)) {
            return None;
        }
        self.grounded(item, turns, false)
    }

    fn promise(&self, promise: Promise) -> Option<Candidate> {
        let by_agent = promise.by == By::Agent;
        let turns = self.turns(&promise.turns);
        let bound = |turn: &u32| {
            if by_agent {
                self.ground.by_agent(*turn) && self.binds(*turn, &promise.content)
            } else {
                self.ground.by_caller(*turn)
            }
        };
        if !turns.iter().any(bound) {
            return None;
        }
        let content = match by_agent {
            true if !promise.content.to_lowercase().contains("agent") => {
                let mut rest = promise.content.chars();
                let first = rest.next()?.to_lowercase();
                format!("Agent promised: {first}{}", rest.as_str())
            }
            _ => promise.content,
        };
        let item = Item {
            content,
            kind: MemoryKind::Promise,
            sector: None,
            salience: None,
            confidence: promise.confidence,
            occurred_at: promise.due,
            turns: Vec::new(),
            slot: None,
        };
        self.grounded(item, turns, by_agent)
    }

    /// Whether the agent binds itself in the sentence of its turn that comes closest to the promise.
    fn binds(&self, turn: u32, content: &str) -> bool {
        let words: Vec<String> =
            super::said::tokens(content).into_iter().map(|t| t.text).filter(|t| t.len() > 3).collect();
        let overlap = |sentence: &String| {
            let said = super::said::Said::of([sentence.as_str()]);
            words.iter().filter(|word| said.word(word)).count()
        };
        let text = self.ground.text(turn).unwrap_or_default();
        let closest = reading::sentences(text).into_iter().rev().max_by_key(overlap);
        closest.is_some_and(|sentence| !DECLINED.is_match(&sentence))
    }

    /// The candidate, if the call supports it.
    fn grounded(&self, item: Item, turns: Vec<u32>, by_agent: bool) -> Option<Candidate> {
        let confidence = unit(item.confidence.unwrap_or(CONFIDENCE));
        if confidence < self.config.min_confidence {
            return None;
        }
        let around = self.ground.words(&self.ground.around(&turns));
        let cited = self.ground.words(&turns);
        let content = clean(&item.content);
        if binds(&content) {
            return None;
        }
        let calendar = &self.ground.calendar;
        let told = item.occurred_at.as_deref();
        let source = Source { told, kind: item.kind, content: &content, cited: &cited, around: &around };
        let occurred_at = dates::resolve(calendar, &source);
        let day = occurred_at.map(|at| calendar.day_of(at));
        let mut known = calendar.days(&around);
        known.extend(day);
        let said = if item.kind == MemoryKind::Promise { "will" } else { cited.as_str() };
        let content = match day {
            Some(day) => calendar.corrected(&content, day, &known),
            None => content,
        };
        let content = if dates::dated(item.kind) { calendar.spell_out(&content, said) } else { content };
        let content = reading::sentence(&content);
        let rest = calendar.without_days(&content, |d| known.contains(&d));
        if !self.ground.supports(&rest, &turns, self.config.min_grounding, by_agent) {
            return None;
        }
        Some(Candidate {
            slot: item.slot.and_then(|slot| self.slot(slot, &known)),
            content,
            kind: item.kind,
            sector: Some(item.sector.unwrap_or(reading::sector(item.kind))),
            salience: Some(item.salience.map_or(reading::salience(item.kind), unit)),
            occurred_at,
            turns: if by_agent { turns } else { self.of_caller(turns) },
            confidence,
        })
    }

    /// A value that was said. One that was not costs the memory its value, not its place.
    fn slot(&self, slot: Slot, known: &[chrono::NaiveDate]) -> Option<Slot> {
        let key: String = slot.key.trim().to_lowercase().replace([' ', '-'], "_");
        let fits = (1..=40).contains(&key.len()) && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let value = clean(&slot.value);
        // The name has its own way in.
        if !fits || key == "name" || value.is_empty() || value.chars().count() > MAX_VALUE_CHARS || binds(&value) {
            return None;
        }
        if let Ok(day) = value.parse::<chrono::NaiveDate>() {
            return known.contains(&day).then(|| Slot { key, value: reading::spoken(day) });
        }
        let rest = self.ground.calendar.without_days(&value, |d| known.contains(&d));
        (rest.trim().is_empty() || self.ground.holds_value(&rest)).then_some(Slot { key, value })
    }

    /// The cited turns that were shown and may support something, in order.
    fn turns(&self, cited: &[i64]) -> Vec<u32> {
        let mut turns: Vec<u32> = cited
            .iter()
            .filter_map(|turn| u32::try_from(*turn).ok())
            .filter(|turn| self.shown.contains(turn))
            .filter(|turn| self.ground.by_caller(*turn) || self.ground.by_agent(*turn))
            .collect();
        turns.sort_unstable();
        turns.dedup();
        turns
    }

    /// What the caller says is cited from the caller.
    fn of_caller(&self, mut turns: Vec<u32>) -> Vec<u32> {
        turns.retain(|turn| self.ground.by_caller(*turn));
        turns
    }
}

/// Whether a text would tell the agent what to do instead of telling about the caller.
fn binds(text: &str) -> bool {
    [clean(text), unmasked(text)].iter().any(|text| BINDING.is_match(text) || reading::is_an_order(text))
}

fn unit(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}
