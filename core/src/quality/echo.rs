//! Memories that say what the agent recited: learnt again, they would grow with every call.

use crate::text::words;
use crate::{Speaker, Transcript};
use std::collections::HashSet;

/// Share of a sentence's words that the agent said after a recall, from which on it may be an echo.
const RECITED: f32 = 0.6;

/// Share of its words that the caller said, from which on it is the caller's own.
const OWN: f32 = 0.5;

/// Share of its words that a recalled memory must hold to have been the same.
const SAME: f32 = 0.6;

/// What was said in one call, as far as an echo can be told by it.
#[derive(Debug, Default)]
pub(super) struct Heard {
    recited: HashSet<String>,
    callers: HashSet<String>,
}

impl Heard {
    pub(super) fn in_call(transcript: &Transcript) -> Self {
        let mut heard = Self::default();
        for turn in &transcript.turns {
            match turn.speaker {
                Speaker::User => heard.callers.extend(words(&turn.text)),
                Speaker::Agent if turn.after_recall => heard.recited.extend(words(&turn.text)),
                Speaker::Agent => {}
            }
        }
        heard
    }

    /// Whether a sentence learnt from the call may be an echo. `recalled` are the sentences that were given to the agent
    /// in that call; `None` where that is not known any more, and then what the agent said has to do.
    pub(super) fn is_echo(&self, sentence: &str, recalled: Option<&[String]>) -> bool {
        let sentence: HashSet<String> = words(sentence).collect();
        if sentence.is_empty() {
            return false;
        }
        let share = |said: &HashSet<String>| sentence.intersection(said).count() as f32 / sentence.len() as f32;
        let told = recalled.is_none_or(|recalled| recalled.iter().any(|told| share(&words(told).collect()) >= SAME));
        told && share(&self.recited) >= RECITED && share(&self.callers) < OWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixtures::transcript;

    #[test]
    fn what_the_agent_recited_is_an_echo_unless_the_caller_said_it_or_it_was_not_recalled() {
        let mut call = transcript(&[
            (Speaker::User, "When is my delivery?"),
            (Speaker::Agent, "You prefer deliveries on Friday morning at the back door."),
            (Speaker::User, "And I moved to Lisbon."),
            (Speaker::Agent, "You moved to Lisbon, I see."),
        ]);
        call.turns[1].after_recall = true;
        let heard = Heard::in_call(&call);
        let recalled = ["Prefers delivery on Friday morning at the back door".to_owned()];
        let echo = "Prefers deliveries on Friday morning at the back door";
        assert!(heard.is_echo(echo, Some(&recalled)));
        assert!(heard.is_echo(echo, None));
        assert!(!heard.is_echo(echo, Some(&[])), "nothing of the kind was recalled");
        assert!(!heard.is_echo(echo, Some(&["Has a dog".to_owned()])));
        assert!(!heard.is_echo("Moved to Lisbon", None), "the caller said it");
        assert!(!heard.is_echo("?", None));
    }
}
