//! `hark jobs`: through the server where one runs, because it holds the data folder, otherwise directly.

use super::JobsCommand;
use super::door::{self, Door};
use super::output::say;
use crate::config::Loaded;
use hark_core::backend::Registry;
use hark_core::store::{Job, JobFilter, JobState};
use hark_core::{Error, ErrorKind, JobId, PageRequest, Result};
use serde_json::{Value, json};

pub(super) async fn run(loaded: &Loaded, registry: &Registry, command: &JobsCommand) -> Result<()> {
    door::through(loaded, registry, async |door| execute(door, command).await).await
}

impl Door {
    /// Jobs, newest first: at most `limit`, and whether there are more.
    async fn list(&self, state: Option<&str>, limit: usize) -> Result<(Vec<Value>, bool)> {
        match self {
            Self::Folder(app) => {
                let filter = JobFilter { state: state.and_then(JobState::parse), name: None };
                let page = app.engine.jobs.list(app.tenant(), &filter, &PageRequest::first(limit)).await?;
                Ok((page.items.iter().map(as_json).collect(), page.next_cursor.is_some()))
            }
            Self::Server(client) => {
                let state = state.map(|s| format!("&state={s}")).unwrap_or_default();
                let mut page = client.get(&format!("/v1/jobs?limit={limit}{state}")).await?;
                let more = page.get("next_cursor").is_some_and(|c| !c.is_null());
                match page.get_mut("items").map(Value::take) {
                    Some(Value::Array(items)) => Ok((items, more)),
                    _ => Err(Error::new(ErrorKind::Corrupt, "jobs.list", "the server's answer holds no items")),
                }
            }
        }
    }

    async fn redrive(&self, id: &str) -> Result<bool> {
        match self {
            Self::Folder(app) => app.engine.jobs.redrive(app.tenant(), &JobId::new(id), app.engine.clock.now()).await,
            Self::Server(client) => match client.post(&format!("/v1/jobs/{id}/redrive"), &json!({})).await {
                Ok(_) => Ok(true),
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => Ok(false),
                Err(e) => Err(e),
            },
        }
    }
}

async fn execute(door: &Door, command: &JobsCommand) -> Result<()> {
    match command {
        JobsCommand::List { state, limit } => {
            let (jobs, more) = door.list(state.as_deref(), usize::from(*limit)).await?;
            for job in &jobs {
                say(line(job));
            }
            match (jobs.is_empty(), more) {
                (true, _) => say("no jobs"),
                (false, true) => say("there are more; raise --limit"),
                (false, false) => {}
            }
            Ok(())
        }
        JobsCommand::Redrive { ids, all } => {
            let ids = if *all { dead(door).await? } else { ids.clone() };
            let mut missed = 0;
            for id in &ids {
                let done = door.redrive(id).await?;
                missed += usize::from(!done);
                say(format_args!("{id}: {}", if done { "starts over" } else { "is not dead" }));
            }
            match missed {
                0 => Ok(()),
                n => {
                    Err(Error::new(ErrorKind::NotFound, "jobs.redrive", format!("{n} jobs are not dead or not there")))
                }
            }
        }
    }
}

/// The newest dead jobs, as many as one page holds; whoever has more calls again.
async fn dead(door: &Door) -> Result<Vec<String>> {
    let (jobs, more) = door.list(Some("dead"), 1000).await?;
    if more {
        say("there are more than 1000 dead jobs; run this again for the rest");
    }
    Ok(jobs.iter().filter_map(|j| Some(j.get("id")?.as_str()?.to_owned())).collect())
}

fn as_json(job: &Job) -> Value {
    json!({
        "id": job.id, "name": job.name, "state": job.state.name(), "attempts": job.attempts,
        "run_at": job.run_at, "last_error": job.last_error,
    })
}

fn line(job: &Value) -> String {
    let text = |name: &str| match job.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let line = format!(
        "{}  {:<20} {:<8} attempts {}  next {}  {}",
        text("id"),
        text("name"),
        text("state"),
        text("attempts"),
        text("run_at"),
        text("last_error")
    );
    line.trim_end().to_owned()
}
