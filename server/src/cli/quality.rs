//! `hark quality`: through the server where one runs, because it holds the data folder, otherwise directly.

use super::QualityCommand;
use super::door::{self, Door};
use super::output::say;
use crate::config::Loaded;
use crate::http::{quality, reviews};
use hark_core::backend::Registry;
use hark_core::{Error, ErrorKind, PageRequest, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Memories examined, and ids given of each kind, unless told.
const SAMPLE: u32 = 5_000;
const IDS: u8 = 5;

/// Labels read at once.
const PAGE: usize = 500;

pub(super) async fn run(loaded: &Loaded, registry: &Registry, command: Option<&QualityCommand>) -> Result<()> {
    door::through(loaded, registry, async |door| execute(door, command).await).await
}

impl Door {
    async fn report(&self, sample: u32, ids: u8) -> Result<Value> {
        match self {
            Self::Folder(app) => as_json(&quality::audit(app, sample as usize, usize::from(ids)).await?),
            Self::Server(client) => client.get(&format!("/v1/quality?sample={sample}&ids={ids}")).await,
        }
    }

    async fn labels(&self, cursor: Option<String>) -> Result<Value> {
        match self {
            Self::Folder(app) => as_json(&reviews::released(app, &PageRequest { limit: PAGE, cursor }).await?),
            Self::Server(client) => {
                let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
                client.get(&format!("/v1/reviews/labels?limit={PAGE}{cursor}")).await
            }
        }
    }
}

async fn execute(door: &Door, command: Option<&QualityCommand>) -> Result<()> {
    match command {
        None => show(&door.report(SAMPLE, IDS).await?),
        Some(QualityCommand::Show { sample, ids, json }) => {
            let report = door.report(*sample, *ids).await?;
            if *json {
                say(&report);
            } else {
                show(&report);
            }
        }
        Some(QualityCommand::Export { file }) => {
            let mut labels = Vec::new();
            let mut cursor = None;
            loop {
                let mut page = door.labels(cursor).await?;
                let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
                    return Err(Error::new(ErrorKind::Corrupt, "quality.export", "the answer holds no items"));
                };
                labels.extend(items);
                cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
                if cursor.is_none() {
                    break;
                }
            }
            write(file, &examples(&labels))?;
            say(format_args!("{} labelled examples written; they hold what callers said", labels.len()));
        }
    }
    Ok(())
}

fn show(report: &Value) {
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64).unwrap_or_default();
    say(format_args!(
        "{} of {} active memories examined, of {} callers; {} reviewed, {} calls unreadable",
        number(report, "sampled"),
        number(report, "of"),
        number(report, "users"),
        number(report, "reviewed"),
        number(report, "unreadable_conversations")
    ));
    let none = serde_json::Map::new();
    let concerns = report.get("concerns").and_then(Value::as_object).unwrap_or(&none);
    let never = report.get("never_recalled").filter(|never| !never.is_null());
    if never.is_none() {
        say("never_recalled: not known, since no receipts are kept");
    }
    let named = never.map(|tally| ("never_recalled", tally));
    for (name, tally) in named.into_iter().chain(concerns.iter().map(|(name, tally)| (name.as_str(), tally))) {
        let share = tally.get("share").and_then(Value::as_f64).unwrap_or_default() * 100.0;
        let ids = tally.get("memory_ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let line =
            format!("{name:<15} {:>7} {share:>5.1} %  {}", number(tally, "count"), ids.collect::<Vec<_>>().join(" "));
        say(line.trim_end());
    }
}

/// In the forms of the labelled sets (`core/tests/labelled`): what stands as sentences with their sector, what was rejected
/// as what no extractor should make of a call.
fn examples(labels: &[Value]) -> Value {
    let (mut sectors, mut forbid) = (Vec::new(), Vec::new());
    for label in labels {
        let text = label.get("text").cloned().unwrap_or_default();
        match label.get("decision").and_then(Value::as_str) {
            Some("reject") => forbid.push(text),
            _ => {
                let id = format!("r{:04}", sectors.len() + 1);
                let sector = label.get("sector").cloned().unwrap_or_default();
                sectors.push(json!({"id": id, "text": text, "sector": sector, "set": "reviewed"}));
            }
        }
    }
    json!({"sectors": sectors, "forbid": forbid})
}

/// For the owner's eyes only, and never over something else.
fn write(file: &Path, examples: &Value) -> Result<()> {
    let failed = |e: std::io::Error| {
        let what = format!("the file cannot be written: {}; name one that is not there yet", e.kind());
        Error::new(ErrorKind::Invalid, "quality.export", what).with_source(e)
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file).map_err(failed)?;
    writeln!(out, "{examples:#}").map_err(failed)
}

fn as_json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|_| Error::new(ErrorKind::Internal, "quality", "the report cannot be written as JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_released_takes_the_forms_of_the_labelled_sets() {
        let label = |decision: &str, text: &str| json!({"decision": decision, "text": text, "sector": "semantic"});
        let all = [label("accept", "Has a dog"), label("reject", "Is a dog"), label("edit", "Has two dogs")];
        let examples = examples(&all);
        assert_eq!(examples["forbid"], json!(["Is a dog"]));
        assert_eq!(
            examples["sectors"],
            json!([{"id": "r0001", "text": "Has a dog", "sector": "semantic", "set": "reviewed"},
                {"id": "r0002", "text": "Has two dogs", "sector": "semantic", "set": "reviewed"}])
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.json");
        write(&file, &examples).unwrap();
        let error = write(&file, &examples).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "nothing is overwritten");
        let read: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(read, examples);
    }
}
