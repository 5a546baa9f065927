//! What the initiation webhook is told about a call that is about to begin.

use super::claims::Claims;
use super::lenient::{Object, Text};
use hark_core::people::Claim;
use hark_core::{AgentId, ConversationId, IdentityKind, Numbers};
use serde::Deserialize;

/// The request, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    caller_id: Text,
    called_number: Text,
    agent_id: Text,
    conversation_id: Text,
    call_sid: Text,
}

/// A call that is about to begin.
#[derive(Debug, Default)]
pub struct Beginning {
    /// The platform's id; missing on some old deliveries.
    pub conversation: Option<ConversationId>,
    /// The agent.
    pub agent: Option<AgentId>,
    /// Who the human may be.
    pub claims: Vec<Claim>,
}

impl Beginning {
    /// Reads a request; what cannot be read is as good as empty, since the call must begin all the same.
    ///
    /// The body has no direction. On an outbound call `caller_id` is one of our own lines, so the configured
    /// `agent_numbers` decide which of the two numbers is the human's.
    pub fn read(body: &[u8], agent_numbers: &[String], numbers: &Numbers) -> Option<Self> {
        let Object(request): Object<Request> = serde_json::from_slice(body).ok()?;
        let ours = |number: &str| is_ours(number, agent_numbers, numbers);
        let human = match request.caller_id.filled() {
            Some(caller) if ours(caller) => request.called_number.filled().filter(|called| !ours(called)),
            caller => caller,
        };
        let mut claims = Claims::default();
        claims.phone(human);
        // Without a call there is no line: a message, whose sender's id need not be a number.
        if request.call_sid.0.as_deref().is_some_and(|sid| sid.trim().is_empty()) && names_somebody(human) {
            claims.messenger(IdentityKind::Whatsapp, human);
        }
        Some(Self {
            conversation: request.conversation_id.filled().map(ConversationId::new),
            agent: request.agent_id.filled().map(AgentId::new),
            claims: claims.0,
        })
    }
}

/// Whether a number is one of our own lines, however either is written.
pub fn is_ours(number: &str, agent_numbers: &[String], numbers: &Numbers) -> bool {
    agent_numbers.iter().any(|ours| numbers.same(ours, number))
}

/// Withheld callers come as words; taken for an id they would all be one person.
fn names_somebody(human: Option<&str>) -> bool {
    human.is_some_and(|id| id.bytes().any(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: serde_json::Value) -> Beginning {
        Beginning::read(body.to_string().as_bytes(), &["+49 30 999999".to_owned()], &Numbers::default()).unwrap()
    }

    fn values(beginning: &Beginning) -> Vec<(&str, IdentityKind)> {
        beginning.claims.iter().map(|c| (c.value.as_str(), c.kind)).collect()
    }

    #[test]
    fn on_an_outbound_call_the_other_number_is_the_humans() {
        let inbound = json!({"caller_id": "+4930111111", "called_number": "+4930999999", "call_sid": "CA1"});
        assert_eq!(values(&read(inbound)), [("+4930111111", IdentityKind::Phone)]);
        let outbound = json!({"caller_id": "4930999999", "called_number": "+4930111111", "call_sid": "CA1"});
        assert_eq!(values(&read(outbound)), [("+4930111111", IdentityKind::Phone)]);
        let between_agents = json!({"caller_id": "4930999999", "called_number": "+4930999999"});
        assert!(read(between_agents).claims.is_empty());
    }

    #[test]
    fn messages_name_their_sender_and_withheld_callers_nobody() {
        let message = json!({"caller_id": "49301111111", "called_number": "100000000000001", "call_sid": ""});
        assert_eq!(
            values(&read(message)),
            [("49301111111", IdentityKind::Phone), ("49301111111", IdentityKind::Whatsapp)]
        );
        for withheld in [json!("anonymous"), json!(""), json!(null), json!({"a": 1}), json!([])] {
            let request = json!({"caller_id": withheld, "call_sid": "", "conversation_id": "conv_1"});
            let beginning = read(request);
            assert!(beginning.claims.is_empty());
            assert_eq!(beginning.conversation, Some(ConversationId::new("conv_1")));
        }
        assert!(Beginning::read(b"not json", &[], &Numbers::default()).is_none());
        assert!(Beginning::read(b"[\"+4930111111\"]", &[], &Numbers::default()).is_some_and(|b| b.claims.is_empty()));
    }
}
