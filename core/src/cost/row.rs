//! Costs as they are kept and asked for.

use super::{Nanos, Spend};
use crate::ai::Usage;
use crate::{AgentId, ConversationId};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Calls, tokens and money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Calls that were answered.
    pub calls: u64,
    /// Those of them whose model has no price: their tokens are counted, their money is not.
    pub unpriced: u64,
    /// Tokens.
    pub usage: Usage,
    /// Money, at the price of the time.
    pub money: Nanos,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.usage += other.usage;
        self.money += other.money;
    }
}

/// What costs are kept by, within a tenant. An empty id means the same as none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CostKey {
    /// The day, in UTC.
    pub day: NaiveDate,
    /// The conversation; `None` for none in particular, or one that was erased.
    pub conversation: Option<ConversationId>,
    /// The agent, if known.
    pub agent: Option<AgentId>,
    /// What for.
    pub spend: Spend,
    /// The model.
    pub model: String,
}

impl CostKey {
    /// The conversation's id, empty for none: what a column that must not be null holds.
    pub fn conversation_text(&self) -> &str {
        self.conversation.as_ref().map_or("", ConversationId::as_str)
    }

    /// The agent's id, empty for none.
    pub fn agent_text(&self) -> &str {
        self.agent.as_ref().map_or("", AgentId::as_str)
    }
}

/// What was spent under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRow {
    /// For what.
    pub key: CostKey,
    /// How much.
    pub cost: Cost,
}

/// Which costs; `None` does not narrow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CostFilter {
    /// From this day on, itself included.
    pub from: Option<NaiveDate>,
    /// Up to this day, itself included.
    pub to: Option<NaiveDate>,
    /// Only this conversation's.
    pub conversation: Option<ConversationId>,
    /// Only this agent's.
    pub agent: Option<AgentId>,
    /// Only for this.
    pub spend: Option<Spend>,
}

/// What costs are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostGroup {
    /// Days, as `2026-11-22`.
    Day,
    /// Agents.
    Agent,
    /// What for, by [`Spend::name`].
    Spend,
    /// Models.
    Model,
    /// Conversations.
    Conversation,
}

impl CostGroup {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Day, Self::Agent, Self::Spend, Self::Model, Self::Conversation];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Agent => "agent",
            Self::Spend => "spend",
            Self::Model => "model",
            Self::Conversation => "conversation",
        }
    }

    /// The part of a key that the group goes by; `None` for costs of no agent or conversation.
    pub fn of(self, key: &CostKey) -> Option<String> {
        let text = match self {
            Self::Day => key.day.to_string(),
            Self::Agent => key.agent_text().to_owned(),
            Self::Spend => key.spend.name().to_owned(),
            Self::Model => key.model.clone(),
            Self::Conversation => key.conversation_text().to_owned(),
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

/// What was spent under one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostSum {
    /// Which one; `None` gathers what belongs to no agent, or to no conversation.
    pub group: Option<String>,
    /// How much.
    pub cost: Cost,
}

/// All of them together.
pub fn total<'a>(sums: impl IntoIterator<Item = &'a CostSum>) -> Cost {
    sums.into_iter().fold(Cost::default(), |mut total, sum| {
        total += sum.cost;
        total
    })
}
