//! Who judges a pair: rules where they know it, else the model where there is one, else rules.

use super::config::{JudgeChoice, ReconcileConfig};
use crate::ai::ChatModel;
use crate::ai::by_prompt::{JudgeContext, judge};
use crate::ai::by_rules::{RuleJudge, Statement};
use crate::cost::charged_at_least_to;
use crate::engine::Engine;
use crate::ingest::{index, outcomes};
use crate::{JudgedBy, Judgement, Memory, Reason, Result, Scope, Sector, Verdict};

/// How `new` stands to `old`. `close` is whether their vectors are; `owner` names the owner of a line that several people
/// use.
///
/// # Errors
/// What the stores say. A model that fails is no error: rules stand in.
pub(super) async fn hear(
    engine: &Engine,
    config: &ReconcileConfig,
    scope: &Scope,
    (old, new): (&Memory, &Memory),
    close: bool,
    owner: Option<&str>,
) -> Result<(Judgement, JudgedBy)> {
    let (said_old, said_new) = (said_by(old, owner), said_by(new, owner));
    let rules = RuleJudge.judge(&said_old, &said_new);
    if let Some(judgement) = of_settled((old, new), rules) {
        return Ok((judgement, JudgedBy::Rules));
    }
    // Moods change; that contradicts nothing.
    if old.sector == Sector::Emotional && new.sector == Sector::Emotional && rules.verdict != Verdict::Same {
        let passing = Judgement { verdict: Verdict::Unrelated, confidence: 1.0, reason: Reason::DifferentEvent };
        return Ok((passing, JudgedBy::Rules));
    }
    let chat = match config.judge {
        JudgeChoice::Rules => None,
        JudgeChoice::Auto | JudgeChoice::Model => engine.chat.as_deref(),
    };
    if chat.is_none() {
        return Ok((rules, JudgedBy::Rules));
    }
    let payer = index::payer(engine, scope, std::slice::from_ref(new)).await?;
    let (judgement, by) =
        charged_at_least_to(payer, verdict(chat, (&said_old, &said_new), rules, config.ask_below, close)).await;
    if by == JudgedBy::StandIn {
        tracing::warn!(old = %old.id, new = %new.id, "judged by rules, the model gave no verdict");
    }
    Ok((judgement, by))
}

/// What becomes of two statements about one caller, the older first: rules where they are as sure as
/// [`ReconcileConfig::ask_below`], else the model where there is one, else rules. `close` is whether their vectors are. What a
/// model that fails would have said, rules say ([`JudgedBy::StandIn`]).
pub async fn judge_pair(
    config: &ReconcileConfig,
    chat: Option<&dyn ChatModel>,
    (old, new): (&Statement<'_>, &Statement<'_>),
    close: bool,
) -> (Judgement, JudgedBy) {
    verdict(chat, (old, new), RuleJudge.judge(old, new), config.ask_below, close).await
}

async fn verdict(
    chat: Option<&dyn ChatModel>,
    (old, new): (&Statement<'_>, &Statement<'_>),
    rules: Judgement,
    ask_below: f32,
    close: bool,
) -> (Judgement, JudgedBy) {
    let Some(chat) = chat else { return (rules, JudgedBy::Rules) };
    if rules.confidence >= ask_below || !(close || RuleJudge.have_something_in_common(old.content, new.content)) {
        return (rules, JudgedBy::Rules);
    }
    let context = JudgeContext { old_at: old.about, new_at: new.about };
    match judge(chat, old.content, new.content, context).await {
        Ok(judgement) => (judgement, JudgedBy::Model),
        Err(error) => {
            tracing::debug!(?error, "the model gave no verdict");
            (rules, JudgedBy::StandIn)
        }
    }
}

/// What tells how a matter ended lets that one matter give way, and changes nothing else: its words are mostly those of
/// what it settles, and would lead a judge astray. `None` where neither of the two tells such a thing.
fn of_settled((old, new): (&Memory, &Memory), rules: Judgement) -> Option<Judgement> {
    let (before, after) = (outcomes::settles(old), outcomes::settles(new));
    if after.as_ref() == Some(&old.id) {
        return Some(Judgement { verdict: Verdict::Update, confidence: 1.0, reason: Reason::NewerValue });
    }
    let unrelated = Judgement { verdict: Verdict::Unrelated, confidence: 1.0, reason: Reason::DifferentSubject };
    let judgement = if rules.verdict == Verdict::Same { rules } else { unrelated };
    (before.is_some() || after.is_some()).then_some(judgement)
}

/// On a line that several people use, what nobody put a name to counts as its owner's.
fn said_by<'a>(memory: &'a Memory, owner: Option<&'a str>) -> Statement<'a> {
    let statement = Statement::of(memory);
    // A name given once on a line of one person is that person's, in whatever form.
    Statement { speaker: owner.map(|owner| statement.speaker.unwrap_or(owner)), ..statement }
}
