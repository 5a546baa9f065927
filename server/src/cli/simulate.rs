//! `hark simulate`: post-call events, signed, to a running server.

use super::client::{Client, local_url};
use super::output::say;
use crate::config::Config;
use crate::credentials::Credentials;
use hark_core::{Clock, Error, ErrorKind, Result, SystemClock};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the calls may take to be learnt.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(config: &Config, files: &[PathBuf], url: Option<&str>, wait: bool) -> Result<()> {
    // Everything is read before anything is sent.
    let events: Vec<(&Path, Vec<u8>)> = files.iter().map(|f| read(f)).collect::<Result<_>>()?;
    let credentials = Credentials::read(config, &config.server.data_dir)?;
    let url = url.map_or_else(|| local_url(config), str::to_owned);
    let client = Client::new(url, credentials.first_api_key()?.clone())?;
    let secret = credentials.first_webhook_secret()?;

    let mut refused = 0;
    let mut accepted = 0;
    for (file, body) in events {
        match client.deliver(secret, SystemClock.now().timestamp(), body).await {
            Ok(answer) => {
                let status = answer.get("status").and_then(Value::as_str).unwrap_or("accepted");
                accepted += u32::from(status == "accepted");
                say(format_args!("{}: {status}", file.display()));
            }
            // No server: the next file would fare no better.
            Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
            Err(e) => {
                refused += 1;
                say(format_args!("{}: refused: {}", file.display(), e.context()));
            }
        }
    }
    if wait && accepted > 0 {
        let dead = client.drained(PATIENCE).await?;
        let dead = if dead == 0 { String::new() } else { format!(", {dead} dead jobs in all: see `hark jobs list`") };
        say(format_args!("the queue is empty{dead}"));
    }
    match refused {
        0 => Ok(()),
        n => Err(Error::new(ErrorKind::Invalid, "simulate", format!("{n} of {} files were refused", files.len()))),
    }
}

/// The file's bytes, which must be JSON: a slip in the file's name should not look like a defect of the server.
fn read(file: &Path) -> Result<(&Path, Vec<u8>)> {
    let wrong = |what: String| Error::invalid("simulate", format!("{}: {what}", file.display()));
    let body = std::fs::read(file).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(_)) => Ok((file, body)),
        Ok(_) => Err(wrong("must be one JSON object, a post-call event".to_owned())),
        Err(e) => Err(wrong(format!("is not JSON: line {}, column {}", e.line(), e.column()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_event_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("call.json");
        for (text, needle) in [("{\"a\": ", "line 1"), ("[]", "one JSON object")] {
            std::fs::write(&file, text).unwrap();
            let error = run(&Config::default(), std::slice::from_ref(&file), None, true).await.unwrap_err();
            assert!(error.context().contains("call.json") && error.context().contains(needle), "{error}");
        }
    }
}
