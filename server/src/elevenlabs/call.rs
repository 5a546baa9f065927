//! An event as delivered becomes a call as it was spoken.

use super::claims;
use super::lenient::{Object, Text};
use super::wire::{Data, Event, ToolCall, TurnWire};
use chrono::{DateTime, Duration};
use hark_core::ingest::Call;
use hark_core::{
    AgentId, Consent, ConversationId, Error, ErrorKind, MemoryTool, Result, Speaker, Timestamp, Transcript, Turn,
};

/// Reads a kept event. `received_at` stands in where the event does not say when the call was.
///
/// A missing transcript, as in the OpenTelemetry form, is `None`: it waits to be fetched. An empty one is
/// there, and nothing is learnt from it.
///
/// # Errors
/// `Corrupt`, for good, when it is not JSON or names no conversation.
pub fn to_call(body: &[u8], received_at: Timestamp) -> Result<Call> {
    // The parser's own message could quote what somebody said.
    let Object(event): Object<Event> =
        serde_json::from_slice(body).map_err(|_| corrupt("the event is not a JSON object"))?;
    let data = event.data.0;
    let Some(conversation) = data.conversation_id.filled() else {
        return Err(corrupt("the event names no conversation"));
    };
    let duration = data.metadata.0.call_duration_secs.whole().filter(|secs| *secs >= 0);
    let sent_at = event.event_timestamp.whole().and_then(moment).unwrap_or(received_at);
    let started_at = started_at(&data).unwrap_or_else(|| {
        let lasted = duration.and_then(Duration::try_seconds).unwrap_or_default();
        sent_at.checked_sub_signed(lasted).unwrap_or(sent_at)
    });
    Ok(Call {
        conversation: ConversationId::new(conversation),
        agent: data.agent_id.filled().map(AgentId::new),
        claims: claims::of_call(&data),
        transcript: data.transcript.0.as_deref().map(|turns| Transcript {
            started_at,
            utc_offset_minutes: data.metadata.0.timezone.filled().and_then(offset_minutes).unwrap_or(0),
            caller_name: caller_name(&data),
            agent_name: agent_name(&data),
            turns: spoken(turns),
        }),
        duration_secs: duration.and_then(|secs| u32::try_from(secs).ok()),
        started_at,
        received_at,
        consent: consent(&data),
    })
}

/// The caller's name, as the integrator or we told the agent.
fn caller_name(data: &Data) -> Option<String> {
    let told = &data.conversation_initiation_client_data.0.dynamic_variables.0;
    let name = [&told.user_name, &told.customer_name, &told.memory_user_name].into_iter().find_map(Text::filled);
    name.map(str::to_owned)
}

/// Whether the caller agrees to be remembered: as a variable that a client, a tool or the initiation set, or as the platform
/// was told to collect it from the call. Of two a no counts.
fn consent(data: &Data) -> Option<Consent> {
    let variable = &data.conversation_initiation_client_data.0.dynamic_variables.0.memory_consent;
    let collected = &data.analysis.0.data_collection_results.0.memory_consent.0.value;
    let told = [variable, collected].into_iter().filter_map(|word| agreed(word.0.as_deref()?));
    told.reduce(Consent::joined)
}

/// What is no plain yes or no says nothing.
fn agreed(word: &str) -> Option<Consent> {
    match word.trim().to_ascii_lowercase().as_str() {
        "given" | "yes" | "true" => Some(Consent::Given),
        "refused" | "no" | "false" => Some(Consent::Refused),
        _ => None,
    }
}

/// The agent's first name: as a variable, or its display name when that is one word. "Support line (new)" is not what
/// anybody calls it, and its words would be taken for the agent's in every question.
fn agent_name(data: &Data) -> Option<String> {
    let told = &data.conversation_initiation_client_data.0.dynamic_variables.0;
    let name = told.agent_name.filled().or_else(|| data.agent_name.filled())?;
    name.chars().all(char::is_alphabetic).then(|| name.to_owned())
}

fn corrupt(context: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, "elevenlabs.event", context)
}

fn started_at(data: &Data) -> Option<Timestamp> {
    let told = data.metadata.0.start_time_unix_secs.whole().filter(|secs| *secs > 0).and_then(moment);
    told.or_else(|| data.otlp_traces.0.attributes().1.map(DateTime::from_timestamp_nanos))
}

/// Unix seconds as a time, within the years anybody can mean.
fn moment(secs: i64) -> Option<Timestamp> {
    DateTime::from_timestamp(secs, 0).filter(|t| (0..=253_402_300_799).contains(&t.timestamp()))
}

fn spoken(turns: &[Object<TurnWire>]) -> Vec<Turn> {
    let mut asked_memory = false;
    let mut spoken = Vec::with_capacity(turns.len());
    for Object(turn) in turns {
        let text = turn.message.filled().unwrap_or_default();
        // Whoever is neither of the two keeps the place, so that indexes stay the platform's, and says nothing.
        let (speaker, text) = match turn.role.filled().map(str::to_ascii_lowercase).as_deref() {
            Some("user") => (Speaker::User, text),
            Some("agent" | "assistant" | "ai") => (Speaker::Agent, text),
            _ => (Speaker::Agent, ""),
        };
        let tools: Vec<MemoryTool> = turn.tool_calls.items().iter().filter_map(|call| tool(&call.0)).collect();
        let after_recall = match speaker {
            // Once the caller has spoken, what the agent says is an answer to that again.
            Speaker::User => {
                asked_memory &= text.is_empty();
                false
            }
            Speaker::Agent => {
                asked_memory |= tools.contains(&MemoryTool::Query);
                asked_memory
            }
        };
        let at_secs = turn.time_in_call_secs.whole().and_then(|secs| u32::try_from(secs).ok()).unwrap_or(0);
        spoken.push(Turn { speaker, text: text.to_owned(), at_secs, after_recall, tools });
    }
    spoken
}

/// Which tool of ours a call went to, if one: by the name `connect` gives it, or by its address.
fn tool(call: &ToolCall) -> Option<MemoryTool> {
    let url = call.tool_details.0.url.filled().unwrap_or_default();
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let is = |name: &str, route: &str| call.tool_name.filled() == Some(name) || path.ends_with(route);
    if is("memory_query", "/tools/memory-query") {
        return Some(MemoryTool::Query);
    }
    is("memory_remember", "/tools/remember").then_some(MemoryTool::Remember)
}

/// Minutes east of UTC of a time zone that says so itself, such as `+02:00` or `UTC-5`. Zones with a name
/// change their offset with the season and need tables we do not carry: `None`, as for nonsense.
fn offset_minutes(zone: &str) -> Option<i32> {
    let zone = zone.trim();
    let rest = ["UTC", "GMT", "Etc/UTC", "Z"].iter().find_map(|p| zone.strip_prefix(p)).unwrap_or(zone);
    if rest.is_empty() {
        return Some(0);
    }
    let (sign, rest) = match rest.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let plausible = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    plausible.then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone, Utc};
    use serde_json::{Value, json};

    fn received() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap()
    }

    fn call(event: Value) -> Call {
        to_call(event.to_string().as_bytes(), received()).unwrap()
    }

    #[test]
    fn turns_keep_their_indexes_and_recited_ones_are_marked() {
        let ask = json!({"tool_name": "memory_query"});
        let by_url = json!({"tool_name": "lookup", "tool_details": {"url": "https://m.test/tools/memory-query?x=1"}});
        let call = call(json!({"data": {"conversation_id": "conv_1", "transcript": [
            {"role": "agent", "message": "Hello."},
            {"role": "user", "message": "When is it?", "time_in_call_secs": 4},
            {"role": "agent", "message": null, "tool_calls": [ask]},
            {"role": "agent", "message": "On Friday."},
            {"role": "user", "message": null},
            {"role": "agent", "message": "In the morning."},
            {"role": "user", "message": "Thanks."},
            {"role": "agent", "message": "Bye.", "tool_calls": [{"tool_name": "end_call"}]},
            null,
            {"role": "tool", "message": "internal"},
            {"role": "agent", "message": "It was Friday.", "tool_calls": [by_url]},
        ]}}));
        let turns = call.transcript.unwrap().turns;
        let marked: Vec<_> = turns.iter().map(|t| t.after_recall).collect();
        assert_eq!(marked, [false, false, true, true, false, true, false, false, false, false, true]);
        assert_eq!((turns[2].text.as_str(), turns[9].text.as_str(), turns.len()), ("", "", 11));
        assert_eq!((turns[1].speaker, turns[1].at_secs), (Speaker::User, 4));
    }

    #[test]
    fn when_it_was_is_taken_from_the_best_there_is() {
        let at = |secs| DateTime::from_timestamp(secs, 0).unwrap();
        let told = json!({"conversation_id": "c", "metadata": {"start_time_unix_secs": 1_795_000_000, "call_duration_secs": 95}});
        assert_eq!(call(json!({"data": told})).started_at, at(1_795_000_000));
        let sent =
            json!({"conversation_id": "c", "metadata": {"start_time_unix_secs": "soon", "call_duration_secs": "60"}});
        let sent = call(json!({"event_timestamp": 1_795_000_060, "data": sent}));
        assert_eq!((sent.started_at, sent.duration_secs), (at(1_795_000_000), Some(60)));
        assert_eq!(call(json!({"data": {"conversation_id": "c"}})).started_at, received());
        let absurd =
            json!({"conversation_id": "c", "metadata": {"start_time_unix_secs": 1e300, "call_duration_secs": -1}});
        assert_eq!(call(json!({"data": absurd})).started_at, received());
    }

    #[test]
    fn a_plain_yes_or_no_is_consent_and_of_two_the_no_counts() {
        let said = |variable: Value, collected: Value| {
            call(json!({"data": {"conversation_id": "c",
                "conversation_initiation_client_data": {"dynamic_variables": {"memory_consent": variable}},
                "analysis": {"data_collection_results": {"memory_consent": {"value": collected}}}}}))
            .consent
        };
        assert_eq!(call(json!({"data": {"conversation_id": "c", "analysis": null}})).consent, None);
        for (variable, collected, consent) in [
            (json!(null), json!(null), None),
            (json!(" Given "), json!(null), Some(Consent::Given)),
            (json!(true), json!(7), Some(Consent::Given)),
            (json!(null), json!("refused"), Some(Consent::Refused)),
            (json!(true), json!(false), Some(Consent::Refused)),
            (json!("no"), json!("yes"), Some(Consent::Refused)),
            (json!("perhaps"), json!({"a": 1}), None),
        ] {
            assert_eq!(said(variable.clone(), collected.clone()), consent, "{variable} {collected}");
        }
    }

    #[test]
    fn a_missing_transcript_is_not_an_empty_one() {
        assert!(call(json!({"data": {"conversation_id": "c"}})).transcript.is_none());
        assert!(call(json!({"data": {"conversation_id": "c", "transcript": "gone"}})).transcript.is_none());
        let empty = call(json!({"data": {"conversation_id": "c", "transcript": []}}));
        assert_eq!(empty.transcript.unwrap().turns.len(), 0);
    }

    #[test]
    fn what_cannot_be_read_is_corrupt_for_good_and_quotes_nothing() {
        for body in ["", "Sam's secret", "[]", "{\"data\":{}}", "{\"data\":{\"conversation_id\":\" \"}}"] {
            let error = to_call(body.as_bytes(), received()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{body}");
            assert!(!error.is_retriable() && !format!("{error:?}").contains("Sam"), "{error:?}");
        }
    }

    #[test]
    fn only_zones_that_say_their_offset_have_one() {
        for (zone, minutes) in
            [("UTC", 0), ("Z", 0), ("+02:00", 120), ("UTC-5", -300), ("GMT+5:30", 330), ("-0330", -210)]
        {
            assert_eq!(offset_minutes(zone), Some(minutes), "{zone}");
        }
        for zone in ["Europe/Berlin", "+99", "é", "+é", "UTC+x"] {
            assert_eq!(offset_minutes(zone), None, "{zone}");
        }
    }
}
