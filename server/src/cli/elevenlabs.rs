//! `hark elevenlabs`: through the server where one runs, because it holds the data folder, otherwise directly.

use super::ElevenLabsCommand;
use super::door::{self, Door};
use super::output::say;
use crate::config::Loaded;
use crate::http::missed::{PATIENCE, unconfigured};
use crate::missed;
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use hark_core::backend::Registry;
use hark_core::{Clock, Error, ErrorKind, Result, SystemClock, Timestamp};
use serde_json::{Value, json};

/// The counts of an answer, and what they are called.
const COUNTS: [(&str, &str); 6] = [
    ("accepted", "fetched, to be learnt from"),
    ("known", "known already"),
    ("open", "not over yet"),
    ("empty", "without a transcript in which the caller speaks"),
    ("failed", "could not be fetched, to be tried again"),
    ("given_up", "could not be fetched time and again"),
];

pub(super) async fn run(loaded: &Loaded, registry: &Registry, command: &ElevenLabsCommand) -> Result<()> {
    let ElevenLabsCommand::Reconcile { since } = command;
    let since = since.as_deref().map(|text| moment(text, SystemClock.now())).transpose()?;
    door::through(loaded, registry, async |door| reconcile(door, since).await).await
}

/// Asks until the list is read to its end.
async fn reconcile(door: &Door, mut since: Option<Timestamp>) -> Result<()> {
    let mut sums = [0; COUNTS.len()];
    loop {
        let found = door.look(since.take()).await?;
        for (sum, (name, _)) in sums.iter_mut().zip(COUNTS) {
            *sum += found.get(name).and_then(Value::as_u64).unwrap_or(0);
        }
        if found.get("finished").and_then(Value::as_bool) != Some(false) {
            break;
        }
    }
    for (sum, (_, what)) in sums.iter().zip(COUNTS) {
        say(format_args!("{sum:>7} calls {what}"));
    }
    Ok(())
}

impl Door {
    async fn look(&self, since: Option<Timestamp>) -> Result<Value> {
        match self {
            Self::Folder(app) => {
                let missed = app.missed.as_ref().ok_or_else(unconfigured)?;
                let found = missed::look(app, missed, since, PATIENCE).await?;
                serde_json::to_value(found).map_err(|e| Error::new(ErrorKind::Internal, "missed.look", e.to_string()))
            }
            Self::Server(client) => client.post("/v1/elevenlabs/reconcile", &json!({ "since": since })).await,
        }
    }
}

/// A moment, a day (its beginning, in UTC), or an age.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.with_timezone(&Utc));
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    let age = text.char_indices().last().and_then(|(end, unit)| {
        let number: i64 = text[..end].parse().ok().filter(|number| (0..1_000_000).contains(number))?;
        let span = match unit {
            'm' => Duration::minutes(number),
            'h' => Duration::hours(number),
            'd' => Duration::days(number),
            _ => return None,
        };
        now.checked_sub_signed(span)
    });
    age.ok_or_else(|| {
        let remedy = format!("`{text}` is no moment; say 2026-11-20T08:00:00Z, 2026-11-20, 12h or 3d");
        Error::invalid("since", remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::testkit::fixtures::{after, start};

    #[test]
    fn moments_days_and_ages_are_understood_and_nothing_else() {
        for (text, expected) in [
            ("2026-11-22T10:00:30Z", after(30)),
            ("2026-11-22T11:00:30+01:00", after(30)),
            ("2026-11-22", after(-36_000)),
            ("90m", after(-5_400)),
            ("12h", after(-43_200)),
            ("3d", after(-259_200)),
        ] {
            assert_eq!(moment(text, start()).unwrap(), expected, "{text}");
        }
        for text in ["", "d", "yesterday", "3w", "-3d", "1e3d", "999999999999d", "3 d", "é"] {
            assert_eq!(moment(text, start()).unwrap_err().kind(), ErrorKind::Invalid, "{text}");
        }
    }
}
