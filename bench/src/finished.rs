//! A call that is over, as the platform tells of it.

use crate::rng::Rng;
use crate::{Outcome, sentences};
use serde_json::{Value, json};

/// A finished call, before it is put into an event.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    conversation: String,
    number: String,
    start: i64,
    transcript: Vec<Value>,
}

impl Finished {
    /// A call by that number that began at `start`, in unix seconds; nothing is said yet.
    pub(crate) fn at(conversation: String, number: String, start: i64) -> Self {
        Self { conversation, number, start, transcript: Vec::new() }
    }

    /// The caller says this, and the agent something that is worth nothing.
    pub(crate) fn saying(mut self, words: &str) -> Self {
        self.turn("agent", "I see. Is there anything else I can do for you today?");
        self.turn("user", words);
        self
    }

    /// So many turns of agent and caller by turns, on what callers call about.
    pub(crate) fn say(mut self, rng: &mut Rng, turns: usize) -> Self {
        for _ in 0..turns / 2 {
            self = self.saying(&sentences::utterance(rng));
        }
        self
    }

    fn turn(&mut self, role: &str, message: &str) {
        let at = self.transcript.len() * 5;
        self.transcript.push(json!({
            "role": role, "message": message, "time_in_call_secs": at, "tool_calls": [], "tool_results": [],
        }));
    }

    /// The body of the post-call webhook.
    pub(crate) fn event(self) -> Outcome<Vec<u8>> {
        Ok(serde_json::to_vec(&json!({
            "type": "post_call_transcription",
            "event_timestamp": self.start + 240,
            "data": {
                "agent_id": "agent_bench",
                "conversation_id": self.conversation,
                "status": "done",
                "has_audio": false, "has_user_audio": false, "has_response_audio": false, "has_auxiliary_audio": false,
                "metadata": {
                    "start_time_unix_secs": self.start,
                    "call_duration_secs": self.transcript.len() * 5,
                    "phone_call": {
                        "type": "twilio", "direction": "inbound", "phone_number_id": "phnum_bench",
                        "agent_number": "+14155550199", "external_number": self.number,
                        "call_sid": "CAbench", "stream_sid": "MZbench",
                    },
                },
                "transcript": self.transcript,
            },
        }))?)
    }
}
