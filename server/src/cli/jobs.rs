//! `hark jobs`: through the server where one runs, because it holds the data folder, otherwise directly.

use super::JobsCommand;
use super::door::{self, Door};
use super::output::say;
use crate::config::Loaded;
use crate::http::jobs::{JobView, reason};
use hark_core::backend::Registry;
use hark_core::store::{Discard, Job, JobFilter, JobState};
use hark_core::{AuditAction, Error, ErrorKind, JobId, PageRequest, Result};
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
                Ok((page.items.into_iter().map(as_json).collect(), page.next_cursor.is_some()))
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

    async fn show(&self, id: &str) -> Result<Value> {
        match self {
            Self::Folder(app) => {
                let job = app.engine.jobs.find(app.tenant(), &JobId::new(id)).await?;
                job.map(as_json).ok_or_else(|| {
                    Error::new(ErrorKind::NotFound, "jobs.show", format!("there is no job {id}; see `hark jobs list`"))
                })
            }
            Self::Server(client) => client.get(&format!("/v1/jobs/{id}")).await,
        }
    }

    async fn redrive(&self, id: &str) -> Result<bool> {
        match self {
            Self::Folder(app) => {
                let done = app.engine.jobs.redrive(app.tenant(), &JobId::new(id), app.engine.clock.now()).await?;
                app.record(AuditAction::Change, "hark jobs redrive", None, Some(id), done).await?;
                Ok(done)
            }
            Self::Server(client) => done(client.post(&format!("/v1/jobs/{id}/redrive"), &json!({})).await),
        }
    }

    async fn redrive_all(&self, name: Option<&str>) -> Result<u64> {
        match self {
            Self::Folder(app) => {
                let count = app.engine.jobs.redrive_all(app.tenant(), name, app.engine.clock.now()).await?;
                app.record(AuditAction::Change, "hark jobs redrive --all", None, None, true).await?;
                Ok(count)
            }
            Self::Server(client) => {
                let answer = client.post("/v1/jobs/redrive", &json!({ "name": name })).await?;
                answer.get("redriven").and_then(Value::as_u64).ok_or_else(|| {
                    Error::new(ErrorKind::Corrupt, "jobs.redrive", "the server's answer does not say how many")
                })
            }
        }
    }

    async fn discard(&self, id: &str, why: &str) -> Result<bool> {
        match self {
            Self::Folder(app) => {
                let by = app.principal().key.as_str().to_owned();
                let discard = Discard { at: app.engine.clock.now(), by, reason: reason(why)? };
                let done = app.engine.jobs.discard(app.tenant(), &JobId::new(id), &discard).await?;
                app.record(AuditAction::Change, "hark jobs discard", None, Some(id), done).await?;
                Ok(done)
            }
            Self::Server(client) => {
                done(client.post(&format!("/v1/jobs/{id}/discard"), &json!({ "reason": why })).await)
            }
        }
    }
}

/// Whether the server did it, or had no such job to do it with.
fn done(answer: Result<Value>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => Ok(false),
        Err(e) => Err(e),
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
        JobsCommand::Show { id } => {
            say(format_args!("{:#}", door.show(id).await?));
            Ok(())
        }
        JobsCommand::Redrive { all: true, name, .. } => {
            say(format_args!("{} start over", door.redrive_all(name.as_deref()).await?));
            Ok(())
        }
        JobsCommand::Redrive { ids, .. } => {
            each(ids, "starts over", "is neither dead nor discarded", async |id| door.redrive(id).await).await
        }
        JobsCommand::Discard { ids, reason: why } => {
            reason(why)?;
            each(ids, "is given up", "is not dead", async |id| door.discard(id, why).await).await
        }
    }
}

/// Does it with every job, and fails where it could not be done with one.
async fn each(ids: &[String], yes: &str, no: &str, act: impl AsyncFn(&str) -> Result<bool>) -> Result<()> {
    let mut missed = 0;
    for id in ids {
        let done = act(id).await?;
        missed += usize::from(!done);
        say(format_args!("{id}: {}", if done { yes } else { no }));
    }
    match missed {
        0 => Ok(()),
        n => Err(Error::new(ErrorKind::NotFound, "jobs", format!("{n} jobs are not dead or not there"))),
    }
}

/// A job as the server would tell it.
fn as_json(job: Job) -> Value {
    serde_json::to_value(JobView::from(job)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::Client;
    use crate::config::{Flags, Sources};
    use crate::running::{Running, Start};
    use crate::spaces::OtherSpace;
    use hark_core::store::{Failure, NewJob};
    use hark_core::testkit::fixtures::failure;
    use hark_core::{AuditFilter, Clock, SystemClock};

    async fn buried(app: &crate::tenant::TenantApp, key: &str) -> String {
        let now = SystemClock.now();
        let (name, payload) = ("link_memories".to_owned(), json!({}));
        let job = NewJob { tenant: app.tenant().clone(), name, key: key.to_owned(), payload, run_at: now };
        app.engine.jobs.enqueue(std::slice::from_ref(&job), now).await.unwrap();
        let until = now + chrono::Duration::hours(1);
        for lease in app.engine.jobs.lease(key, 9, until, now).await.unwrap() {
            let why = Failure { at: now, ..failure("hopeless") };
            app.engine.jobs.bury(&lease, &why).await.unwrap();
        }
        job.id().to_string()
    }

    /// Beside the folder and through the server the same is done.
    #[tokio::test(flavor = "multi_thread")]
    async fn dead_jobs_are_shown_redriven_and_discarded_through_either_door() {
        let folder = tempfile::tempdir().unwrap();
        let roles = ["MEMORY", "JOBS", "VECTORS", "KEYWORDS"].map(|r| (format!("HARK_ROLES__{r}"), "ram".to_owned()));
        let mut environment = roles.to_vec();
        environment.push(("HARK_ROLES__EMBEDDER".to_owned(), "none".to_owned()));
        let flags = Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(folder.path().join("data")) };
        let loaded = Sources { file: None, environment, flags }.load().unwrap();
        let start = Start { http: true, worker: false, migrate: true, other_space: OtherSpace::Refuse };
        let running = Running::start(&loaded, &Registry::new(), start).await.unwrap();
        let app = running.app.at_the_folder();
        let key = running.credentials.first_api_key().unwrap().clone();
        let client = Client::new(format!("http://{}", running.address.unwrap()), key).unwrap();
        let doors = [(Door::Folder(Box::new(app.clone())), "folder"), (Door::Server(client), "configured")];

        for (door, by) in &doors {
            let [one, two, three] = [buried(&app, "1").await, buried(&app, "2").await, buried(&app, "3").await];
            let shown = door.show(&one).await.unwrap();
            assert_eq!((&shown["state"], &shown["failures"][0]["kind"]), (&json!("dead"), &json!("unavailable")));
            assert_eq!(door.show("job_missing").await.unwrap_err().kind(), ErrorKind::NotFound);

            let give_up = JobsCommand::Discard { ids: vec![one.clone()], reason: " a test call ".to_owned() };
            execute(door, &give_up).await.unwrap();
            let shown = door.show(&one).await.unwrap();
            assert_eq!(shown["state"], "discarded");
            assert_eq!((&shown["discarded"]["by"], &shown["discarded"]["reason"]), (&json!(by), &json!("a test call")));
            assert_eq!(execute(door, &give_up).await.unwrap_err().kind(), ErrorKind::NotFound, "not dead any more");
            let silent = JobsCommand::Discard { ids: vec![two.clone()], reason: "  ".to_owned() };
            assert_eq!(execute(door, &silent).await.unwrap_err().kind(), ErrorKind::Invalid);

            assert!(door.redrive(&two).await.unwrap() && !door.redrive(&two).await.unwrap());
            let everything =
                |name: Option<&str>| JobsCommand::Redrive { ids: Vec::new(), all: true, name: name.map(str::to_owned) };
            execute(door, &everything(Some("summarise_user"))).await.unwrap();
            assert_eq!(door.show(&three).await.unwrap()["state"], "dead", "of another name");
            execute(door, &everything(None)).await.unwrap();
            assert_eq!(door.show(&three).await.unwrap()["state"], "pending");
            assert_eq!(door.show(&one).await.unwrap()["state"], "discarded");
        }
        // A redrive that found nothing to do is on record too.
        let filter = AuditFilter { actor: Some("folder".to_owned()), ..AuditFilter::default() };
        let noted = app.engine.memory.audit_log(app.tenant(), &filter, &PageRequest::first(20)).await.unwrap().items;
        let mut by: Vec<_> = noted.iter().map(|entry| (entry.route.as_str(), entry.status)).collect();
        by.sort_unstable();
        let expected = [
            ("hark jobs discard", 0),
            ("hark jobs discard", 1),
            ("hark jobs redrive", 0),
            ("hark jobs redrive", 1),
            ("hark jobs redrive --all", 0),
            ("hark jobs redrive --all", 0),
        ];
        assert_eq!(by, expected);
        running.stop().await;
    }
}
