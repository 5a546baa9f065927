//! Where in a call a receipt belongs.

use crate::{MemoryTool, Receipt, ReceiptKind, Speaker, Transcript};

/// Seconds between a turn that calls the tool and the call we saw, at the most: the platform stamps a turn when it
/// begins, and the agent may speak before it asks.
const CALL_WITHIN: i64 = 30;

/// The 0-based index of the turn that a receipt belongs to: of those that carry a call to that tool the nearest in time;
/// where there is none near, the nearest turn of the agent's, else of anybody's. What a call began with belongs to the
/// agent's first turn, whenever it was asked for. `None` for a transcript without turns.
pub fn turn_of(receipt: &Receipt, transcript: &Transcript) -> Option<u32> {
    let turns = || transcript.turns.iter().zip(0u32..);
    if receipt.kind == ReceiptKind::Initiation {
        let first = turns().find(|(turn, _)| turn.speaker == Speaker::Agent);
        return first.or_else(|| turns().next()).map(|(_, index)| index);
    }
    let tool = match receipt.kind {
        ReceiptKind::Remember => MemoryTool::Remember,
        ReceiptKind::Query | ReceiptKind::Initiation => MemoryTool::Query,
    };
    let asked = (receipt.at - transcript.started_at).num_seconds();
    let away = |at_secs: u32| (i64::from(at_secs) - asked).abs();
    let calling = turns().filter(|(turn, _)| turn.tools.contains(&tool) && away(turn.at_secs) <= CALL_WITHIN);
    calling
        .min_by_key(|(turn, index)| (away(turn.at_secs), *index))
        .or_else(|| {
            // The agent's before the caller's, then the nearest: an answer is heard in the agent's words.
            turns().min_by_key(|(turn, index)| (turn.speaker != Speaker::Agent, away(turn.at_secs), *index))
        })
        .map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReceiptId, Timestamp, Turn};
    use chrono::Duration;

    fn receipt(kind: ReceiptKind, secs: i64) -> Receipt {
        Receipt {
            id: ReceiptId::new("rcp_1"),
            kind,
            caller: None,
            conversation: None,
            agent: None,
            at: Timestamp::UNIX_EPOCH + Duration::seconds(secs),
            took_ms: 1,
            mode: None,
            degraded: None,
            items: Vec::new(),
            words: None,
        }
    }

    fn transcript(turns: &[(Speaker, u32, &[MemoryTool])]) -> Transcript {
        let turn = |(speaker, at_secs, tools): &(Speaker, u32, &[MemoryTool])| Turn {
            speaker: *speaker,
            text: "x".to_owned(),
            at_secs: *at_secs,
            after_recall: false,
            tools: tools.to_vec(),
        };
        Transcript { turns: turns.iter().map(turn).collect(), ..Transcript::default() }
    }

    #[test]
    fn a_query_belongs_to_the_turn_that_asked_and_else_to_the_nearest_of_the_agents() {
        use MemoryTool::{Query, Remember};
        use Speaker::{Agent, User};
        let call = transcript(&[
            (Agent, 0, &[]),
            (User, 4, &[]),
            (Agent, 9, &[Query]),
            (Agent, 12, &[]),
            (User, 20, &[]),
            (Agent, 40, &[Remember]),
            (Agent, 41, &[Query]),
        ]);
        for (kind, at, index) in [
            (ReceiptKind::Query, 12, 2),
            (ReceiptKind::Query, 38, 6),
            (ReceiptKind::Remember, 41, 5),
            // The only call to the tool is too far away to be this one.
            (ReceiptKind::Remember, 1, 0),
            (ReceiptKind::Query, 200, 6),
            (ReceiptKind::Initiation, -8, 0),
        ] {
            assert_eq!(turn_of(&receipt(kind, at), &call), Some(index), "{kind:?} at {at}");
        }
        assert_eq!(turn_of(&receipt(ReceiptKind::Query, 3), &transcript(&[(User, 1, &[])])), Some(0));
        assert_eq!(turn_of(&receipt(ReceiptKind::Query, 3), &transcript(&[])), None);
        let caller_first = transcript(&[(User, 0, &[]), (Agent, 2, &[])]);
        assert_eq!(turn_of(&receipt(ReceiptKind::Initiation, 0), &caller_first), Some(1));
    }
}
