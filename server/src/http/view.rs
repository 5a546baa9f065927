//! What answers look like. Shapes of their own, so that what is stored can change without anybody noticing.

use chrono::{DateTime, Utc};
use hark_core::decay::DecayRates;
use hark_core::store::QueueStats;
use hark_core::{Conversation, Hit, Item, Link, Memory, MemoryId, MemoryState, Scope, ScoreParts, Sector, User};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Items<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> Items<T> {
    /// All there is.
    pub fn all(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// Where a memory comes from.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceView {
    /// `extracted`, `remembered` or `api`.
    pub origin: String,
    /// The conversation.
    pub conversation_id: Option<String>,
    /// 0-based indexes into its transcript.
    pub turns: Vec<u32>,
}

/// A memory.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemoryView {
    /// Its id.
    pub id: String,
    /// Whose, by our own id.
    pub user_id: String,
    /// The sentence.
    pub content: String,
    /// Its sector.
    pub sector: &'static str,
    /// What it says beyond the sector.
    pub kind: String,
    /// When it was learnt or last reinforced, 0 to 1.
    pub salience: f32,
    /// What is left of it now, 0 to 1.
    pub effective_salience: f32,
    /// What it is about.
    pub occurred_at: DateTime<Utc>,
    /// When it was learnt.
    pub learnt_at: DateTime<Utc>,
    /// When it was last reinforced.
    pub reinforced_at: DateTime<Utc>,
    /// Its own decay per day; null for the sector's.
    pub decay_rate: Option<f64>,
    /// `active`, `superseded`, `archived` or `quarantined`.
    pub state: &'static str,
    /// Until when it was true; null for what still is.
    pub valid_to: Option<DateTime<Utc>>,
    /// The memory that took its place, or says the same in its stead.
    pub superseded_by: Option<String>,
    /// When it was last corrected by hand; nothing a caller says later replaces it by itself.
    pub corrected_at: Option<DateTime<Utc>>,
    /// The name that whoever spoke gave in the call.
    pub speaker: Option<String>,
    /// Where it comes from.
    pub source: SourceView,
    /// The integrator's own fields.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

impl MemoryView {
    /// A memory of a caller, as of now.
    pub fn of(scope: &Scope, memory: Memory, rates: &DecayRates, now: DateTime<Utc>) -> Self {
        Self {
            effective_salience: rounded(memory.effective_salience(rates, now) as f32),
            user_id: scope.caller.to_string(),
            id: memory.id.to_string(),
            content: memory.content,
            sector: memory.sector.name(),
            kind: word(&memory.kind),
            salience: rounded(memory.salience),
            occurred_at: memory.occurred_at,
            learnt_at: memory.learnt_at,
            reinforced_at: memory.reinforced_at,
            decay_rate: memory.decay_rate,
            state: memory.state.name(),
            valid_to: memory.valid_to,
            superseded_by: memory.superseded_by.map(|id| id.to_string()),
            corrected_at: memory.corrected_at,
            speaker: memory.speaker,
            source: SourceView {
                origin: word(&memory.provenance.origin),
                conversation_id: memory.provenance.conversation_id.map(|id| id.to_string()),
                turns: memory.provenance.turns,
            },
            metadata: memory.metadata,
        }
    }
}

/// A link, seen from one of its ends.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// Its id.
    pub id: String,
    /// The memory it was asked for.
    pub from: String,
    /// The other one.
    pub to: String,
    /// What is left of it now, 0 to 1. A manual one stays as it was set.
    pub weight: f32,
    /// `similar` or `manual`.
    pub kind: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last led to a memory that was shown; null for never.
    pub used_at: Option<DateTime<Utc>>,
}

impl LinkView {
    /// A link from `end`, as of now; `None` when that is none of its ends.
    pub fn of(link: &Link, end: &MemoryId, per_day: f64, now: DateTime<Utc>) -> Option<Self> {
        Some(Self {
            id: super::links::public_id(link),
            from: end.to_string(),
            to: link.other(end)?.to_string(),
            weight: rounded(link.weight_left(per_day, now)),
            kind: word(&link.kind),
            created_at: link.created_at,
            used_at: link.used_at,
        })
    }
}

/// A caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// Our own id.
    pub id: String,
    /// How the caller wants to be called; empty when not known.
    pub name: String,
    /// Calls learnt from.
    pub call_count: u64,
    /// When first seen.
    pub first_contact: DateTime<Utc>,
    /// When the last learnt call started.
    pub last_contact: DateTime<Utc>,
    /// A few sentences; empty when nothing is known.
    pub summary: String,
    /// Whether several people call as this one: nobody is greeted by name.
    pub shared: bool,
    /// Whether the caller agrees to be remembered: `unknown`, `given` or `refused`.
    pub consent: &'static str,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name,
            call_count: user.call_count,
            first_contact: user.first_contact,
            last_contact: user.last_contact,
            summary: user.summary,
            shared: user.shared,
            consent: user.consent.name(),
        }
    }
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationView {
    /// The platform's id.
    pub id: String,
    /// Whose, once known.
    pub user_id: Option<String>,
    /// The agent.
    pub agent_id: Option<String>,
    /// `open`, `awaiting_transcript`, `learning`, `learnt`, `ignored` or `refused`.
    pub state: &'static str,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration_secs: Option<u32>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

impl From<&Conversation> for ConversationView {
    fn from(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.to_string(),
            user_id: conversation.caller.as_ref().map(ToString::to_string),
            agent_id: conversation.agent.as_ref().map(ToString::to_string),
            state: conversation.state.name(),
            started_at: conversation.started_at,
            duration_secs: conversation.duration_secs,
            updated_at: conversation.updated_at,
        }
    }
}

/// The queue in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueView {
    /// Waiting for the first attempt.
    pub pending: u64,
    /// Being worked on.
    pub running: u64,
    /// Failed, waiting for the next attempt.
    pub retrying: u64,
    /// Failed for good.
    pub dead: u64,
    /// Age of the oldest job that could run now.
    pub oldest_pending_secs: u64,
}

impl From<QueueStats> for QueueView {
    fn from(stats: QueueStats) -> Self {
        let QueueStats { pending, running, retrying, dead, oldest_pending_secs, .. } = stats;
        Self { pending, running, retrying, dead, oldest_pending_secs }
    }
}

/// The answer to a question.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct MemoryAnswer {
    /// Fit to be spoken.
    pub summary: String,
    /// Best first.
    pub memories: Vec<AnswerMemory>,
    /// Whose, by our own id; null for a stranger.
    pub user_id: Option<String>,
    /// `hybrid`, `vector` or `keyword`.
    pub mode: &'static str,
    /// Whether the answer is less than it should be.
    pub degraded: bool,
    /// Why.
    pub degraded_reason: Option<&'static str>,
    /// How long it took.
    pub took_ms: u64,
}

/// One memory of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerMemory {
    /// Its id.
    pub id: String,
    /// The sentence.
    pub content: String,
    /// Its sector.
    pub sector: &'static str,
    /// 0 to 1.
    pub score: f32,
    /// What is left of its salience, 0 to 1.
    pub salience: f32,
    /// What it is about.
    pub occurred_at: DateTime<Utc>,
    /// The name that whoever spoke gave in the call, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// Where it comes from.
    pub source: AnswerSource,
    /// The span of the call that supports it.
    pub evidence: Option<Evidence>,
    /// `direct`, `link` or `turn`.
    pub via: String,
    /// What the score is made of; only with `explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub score_parts: Option<ScoreParts>,
    /// The integrator's own fields.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// It was archived: asked for, or nothing current matched. Left out where it was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

/// Where a memory of an answer comes from.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerSource {
    /// The conversation.
    pub conversation_id: Option<String>,
    /// 0-based indexes into its transcript.
    pub turns: Vec<u32>,
}

/// A span of a call.
#[derive(Debug, Serialize, ToSchema)]
pub struct Evidence {
    /// What was said.
    pub text: String,
    /// Where.
    pub turns: Vec<u32>,
}

impl AnswerMemory {
    /// A hit as the agent sees it.
    pub fn of(hit: Hit, explain: bool) -> Self {
        let evidence = hit.evidence.map(|span| Evidence { turns: span.turns(), text: span.script() });
        let (score, via) = (rounded(hit.score), word(&hit.via));
        let salience = rounded(hit.parts.salience);
        let score_parts = explain.then_some(hit.parts);
        match hit.item {
            Item::Memory(memory) => Self {
                archived: memory.state == MemoryState::Archived,
                id: memory.id.to_string(),
                content: memory.content,
                sector: memory.sector.name(),
                score,
                salience,
                occurred_at: memory.occurred_at,
                speaker: memory.speaker,
                source: AnswerSource {
                    conversation_id: memory.provenance.conversation_id.map(|id| id.to_string()),
                    turns: memory.provenance.turns,
                },
                evidence,
                via,
                score_parts,
                metadata: memory.metadata,
            },
            // What was said when: an event, if anything. It cannot be named on `/v1/memories`.
            Item::Turn(span) => Self {
                id: format!("turn_{}_{}", span.conversation, span.turn),
                content: span.script(),
                sector: Sector::Episodic.name(),
                score,
                salience,
                occurred_at: span.said_at,
                speaker: None,
                source: AnswerSource { turns: span.turns(), conversation_id: Some(span.conversation.to_string()) },
                evidence,
                via,
                score_parts,
                metadata: Map::new(),
                archived: false,
            },
        }
    }
}

/// The stable word of a plain enum.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Four digits are as many as anybody reads.
pub(super) fn rounded(number: f32) -> f32 {
    (number * 10_000.0).round() / 10_000.0
}
