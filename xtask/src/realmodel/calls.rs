//! Labelled calls as ElevenLabs would deliver them.

use crate::process::{Outcome, Workspace};
use serde_json::{Value, json};
use std::path::Path;

/// Calls in which a caller says several things worth remembering, of the set the rules were written on. They are there to
/// have something to learn from; what is learnt is scored elsewhere.
const CALLS: [&str; 5] =
    ["d02_boots_order", "d03_name_spelled", "d05_allergy_family", "d12_bank_dispute", "d32_clinic_booking"];

/// A call that was written into a file as its event.
#[derive(Debug)]
pub(crate) struct Call {
    /// Which labelled call.
    pub(crate) name: &'static str,
    /// The conversation's id.
    pub(crate) conversation: String,
    /// The caller's number.
    pub(crate) number: String,
    /// The event, as a path from `folder`.
    pub(crate) file: String,
}

/// Writes the events of the first `count` calls into a folder, each of another caller.
pub(crate) fn write(workspace: &Workspace, folder: &Path, count: usize) -> Outcome<Vec<Call>> {
    let labelled = workspace.root().join("core/tests/labelled/extraction");
    let one = |(place, name): (usize, &&'static str)| {
        let path = labelled.join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
        let case: Value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let call = Call {
            name,
            conversation: format!("conv_{name}"),
            number: format!("+1415555010{place}"),
            file: format!("{name}.json"),
        };
        let event = event(&case, &call).ok_or_else(|| format!("{} is no labelled call", path.display()))?;
        let file = folder.join(&call.file);
        std::fs::write(&file, event.to_string()).map_err(|e| format!("{} cannot be written: {e}", file.display()))?;
        Ok(call)
    };
    CALLS.iter().take(count).enumerate().map(one).collect()
}

fn event(case: &Value, call: &Call) -> Option<Value> {
    // The tool's clock is the machine's; what matters to the model, the call's start, is told in the transcript's metadata.
    let started_at = case.get("started_at")?.as_str()?;
    let turns = case.get("transcript")?.as_array()?;
    let turn = |(place, turn): (usize, &Value)| {
        let (role, message) = turn.as_object()?.iter().next()?;
        let role = if role == "user" { "user" } else { "agent" };
        Some(json!({"role": role, "message": message, "time_in_call_secs": place * 5}))
    };
    let transcript: Vec<Value> = turns.iter().enumerate().map(turn).collect::<Option<_>>()?;
    Some(json!({
        "type": "post_call_transcription",
        "event_timestamp": unix_secs(started_at)? + turns.len() as i64 * 5,
        "data": {
            "agent_id": "agent_realmodel",
            "conversation_id": call.conversation,
            "status": "done",
            "transcript": transcript,
            "metadata": {
                "start_time_unix_secs": unix_secs(started_at)?,
                "call_duration_secs": turns.len() * 5,
                "phone_call": {
                    "type": "twilio",
                    "direction": "inbound",
                    "agent_number": "+14155550199",
                    "external_number": call.number,
                    "call_sid": format!("CA_{}", call.name)
                }
            },
            "conversation_initiation_client_data": {"dynamic_variables": {}}
        }
    }))
}

/// Seconds since 1970 of `YYYY-MM-DDThh:mm:ssZ`, the one form labelled calls use.
fn unix_secs(text: &str) -> Option<i64> {
    let parts: Vec<i64> =
        text.strip_suffix('Z')?.split(['-', 'T', ':']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let &[year, month, day, hours, minutes, seconds] = parts.as_slice() else { return None };
    // Days of the civil calendar, counted from a March so that a leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day
            - 719_469;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, secs) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-22T10:00:00Z", 1_795_341_600),
        ] {
            assert_eq!(unix_secs(text), Some(secs), "{text}");
        }
        for wrong in ["2026-11-22T10:00:00", "2026-11-22Z", "x"] {
            assert_eq!(unix_secs(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_call_becomes_an_event() {
        let workspace = Workspace::find().unwrap();
        let folder = std::env::temp_dir().join(format!("hark-xtask-calls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let calls = write(&workspace, &folder, usize::MAX).unwrap();
        assert_eq!(calls.len(), CALLS.len());
        for call in &calls {
            let text = std::fs::read_to_string(folder.join(&call.file)).unwrap();
            let event: Value = serde_json::from_str(&text).unwrap();
            let said = event["data"]["transcript"].as_array().unwrap();
            assert!(said.iter().any(|turn| turn["role"] == "user" && turn["message"] != ""), "{}", call.name);
            assert_eq!(event["data"]["metadata"]["phone_call"]["external_number"], call.number.as_str());
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
