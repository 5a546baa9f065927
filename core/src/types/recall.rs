//! A question and its answer.

use crate::recall::TurnParts;
use crate::{ConversationId, Memory, Sector, Speaker, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is asked of one caller's memory.
#[derive(Debug, Clone, PartialEq)]
pub struct RecallQuery {
    /// The question, as the agent put it.
    pub text: String,
    /// At most so many memories, 1 to 50.
    pub limit: usize,
    /// Only these sectors; empty for all.
    pub sectors: Vec<Sector>,
    /// What was true at that moment, as far as it was known then: also what was superseded since. `None` for now.
    pub as_of: Option<Timestamp>,
    /// Faded memories too.
    pub include_archived: bool,
}

impl RecallQuery {
    /// A plain question for the five best memories.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), limit: 5, sectors: Vec::new(), as_of: None, include_archived: false }
    }
}

/// Which searches answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Words and vectors.
    Hybrid,
    /// Vectors alone.
    Vector,
    /// Words alone.
    Keyword,
}

impl Mode {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Vector => "vector",
            Self::Keyword => "keyword",
        }
    }
}

/// How a memory came into the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// It matched the question.
    Direct,
    /// It is linked to one that did.
    Link,
    /// It is a span of the call itself.
    Turn,
}

/// The normalised parts of a score, each 0 to 1 before its weight.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ScoreParts {
    /// Cosine, scaled over the candidates.
    pub similarity: f32,
    /// BM25, scaled over the candidates.
    pub keyword: f32,
    /// Effective salience at the time of the question.
    pub salience: f32,
    /// How recent the memory's date is.
    pub recency: f32,
    /// Weight of the link it came by; 0 for direct hits.
    pub link: f32,
    /// The features of the turn that it is, or that supports it; none where no turn is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnParts>,
}

/// Words of a call, as they were said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Of which call.
    pub conversation: ConversationId,
    /// Of which turn: its 0-based index in the transcript.
    pub turn: u32,
    /// Who said it.
    pub speaker: Speaker,
    /// The turn, or the part of it that is worth its words.
    pub text: String,
    /// What was said just before, by the other side as a rule; empty unless it answers too, or there was room for it.
    pub before: Vec<Said>,
    /// What was said just after.
    pub after: Vec<Said>,
    /// When the call started.
    pub said_at: Timestamp,
}

/// A turn beside the one an excerpt is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its 0-based index in the transcript.
    pub turn: u32,
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
}

impl Excerpt {
    /// The turns it holds, in order.
    pub fn turns(&self) -> Vec<u32> {
        let beside = |said: &[Said]| said.iter().map(|said| said.turn).collect::<Vec<_>>();
        [beside(&self.before), vec![self.turn], beside(&self.after)].concat()
    }

    /// All of it, each turn after who said it, and a mark where turns are left out: "Agent: Which floor? Caller: The third. …
    /// Caller: After six."
    pub fn script(&self) -> String {
        let line = |speaker: Speaker, text: &str| {
            let who = match speaker {
                Speaker::User => "Caller",
                Speaker::Agent => "Agent",
            };
            format!("{who}: {}", text.trim())
        };
        let own = (self.turn, line(self.speaker, &self.text));
        let beside = |said: &Said| (said.turn, line(said.speaker, &said.text));
        let lines = self.before.iter().map(beside).chain([own]).chain(self.after.iter().map(beside));
        let mut script = String::new();
        let mut last = None;
        for (turn, line) in lines {
            let gap = last.is_some_and(|last| turn > last + 1);
            script.push_str(if gap {
                " … "
            } else if last.is_some() {
                " "
            } else {
                ""
            });
            script.push_str(&line);
            last = Some(turn);
        }
        script
    }
}

/// What an answer is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A derived memory.
    Memory(Box<Memory>),
    /// A turn that no derived memory covers.
    Turn(Excerpt),
}

/// One item of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The memory or the turn.
    pub item: Item,
    /// What supports the memory in the caller's or the agent's own words; none where it says no more than the memory,
    /// was shown already, or is not known.
    pub evidence: Option<Excerpt>,
    /// The composite score, 0 to 1.
    pub score: f32,
    /// How it came into the answer.
    pub via: Via,
    /// What the score is made of.
    pub parts: ScoreParts,
}

impl Hit {
    /// The memory, if it is one.
    pub fn memory(&self) -> Option<&Memory> {
        match &self.item {
            Item::Memory(memory) => Some(memory),
            Item::Turn(_) => None,
        }
    }

    /// The sentence, or what was said.
    pub fn content(&self) -> &str {
        match &self.item {
            Item::Memory(memory) => &memory.content,
            Item::Turn(excerpt) => &excerpt.text,
        }
    }

    /// The words of a call it shows, if any.
    pub fn excerpt(&self) -> Option<&Excerpt> {
        match &self.item {
            Item::Memory(_) => self.evidence.as_ref(),
            Item::Turn(excerpt) => Some(excerpt),
        }
    }

    pub(crate) fn excerpt_mut(&mut self) -> Option<&mut Excerpt> {
        match &mut self.item {
            Item::Memory(_) => self.evidence.as_mut(),
            Item::Turn(excerpt) => Some(excerpt),
        }
    }

    /// What it is about; of a turn, when its call started.
    pub fn occurred_at(&self) -> Timestamp {
        match &self.item {
            Item::Memory(memory) => memory.occurred_at,
            Item::Turn(excerpt) => excerpt.said_at,
        }
    }

    /// What the answer's order falls back to where scores are equal.
    pub(crate) fn key(&self) -> (&str, u32) {
        match &self.item {
            Item::Memory(memory) => (memory.id.as_str(), 0),
            Item::Turn(excerpt) => (excerpt.conversation.as_str(), excerpt.turn),
        }
    }
}

/// How long each step took; logged with every tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepTimes {
    /// Turning the question into a vector.
    pub embed: Duration,
    /// Both searches.
    pub search: Duration,
    /// Opening the caller's turns; beside the searches.
    pub turns: Duration,
    /// Reading and scoring the candidates.
    pub score: Duration,
    /// Following links.
    pub expand: Duration,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Best first.
    pub hits: Vec<Hit>,
    /// One or more sentences fit to be spoken.
    pub summary: String,
    /// Whether nothing current matched, so that what was archived had to answer.
    pub from_archive: bool,
    /// Which searches answered.
    pub mode: Mode,
    /// Why the answer is less than it should be; `None` when it is whole.
    pub degraded: Option<&'static str>,
    /// How long each step took.
    pub times: StepTimes,
}
