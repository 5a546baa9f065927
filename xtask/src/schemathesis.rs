//! A running server held to its own OpenAPI document, by schemathesis: no 5xx, no answer the document does not name, no
//! answer of another shape; what the document forbids is refused, and what it allows is taken.

use crate::http::Request;
use crate::process::{self, Outcome, Workspace, in_ci};
use crate::realmodel::calls;
use crate::server::{Sandbox, Server};
use crate::{build, python};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const FOLDER: &str = "server/tests/schemathesis";
const REQUIREMENTS: &str = "server/tests/schemathesis/requirements.txt";

/// There is no ElevenLabs to be asked: nobody listens on the discard port.
const CONFIG: &str = r#"
[elevenlabs.reconcile]
api_key = "none"
base_url = "http://127.0.0.1:9"
"#;

/// For binaries that are not the bundle, such as the example `sqlite_alone`.
const SMALL: &str = r#"
[roles]
vectors = "ram"
keywords = "ram"
embedder = "none"
"#;

/// How much, and of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Requests for each route at the most, of those made at random
    #[arg(long, default_value_t = 10)]
    examples: u32,
    /// Goes on with random requests and chains of them until so many seconds are over
    #[arg(long)]
    seconds: Option<u64>,
    /// Other requests than those of the last run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A program that is built already
    #[arg(long)]
    hark: Option<PathBuf>,
    /// The program knows SQLite alone: vectors and words are kept in memory, and no model is asked
    #[arg(long)]
    small: bool,
}

impl Default for Args {
    fn default() -> Self {
        Self { examples: 10, seconds: None, seed: 1, hark: None, small: false }
    }
}

/// Starts a server on a throw-away folder, gives it something to tell, and runs schemathesis against it. Without Python or
/// network it is left out, loudly; in CI that is a failure.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let python = match python::environment(workspace, "schemathesis-venv", REQUIREMENTS) {
        Ok(python) => python,
        Err(why) if in_ci() => return Err(format!("schemathesis cannot run: {why}")),
        Err(why) => {
            println!("SKIPPED: schemathesis against the OpenAPI document ({why}); CI runs it");
            return Ok(());
        }
    };
    let hark = match &args.hark {
        Some(hark) => std::path::absolute(hark).map_err(|e| format!("{}: {e}", hark.display()))?,
        None => build::hark(workspace)?,
    };
    let config = if args.small { format!("{CONFIG}{SMALL}") } else { CONFIG.to_owned() };
    // Refusals and jobs that are repeated are what is asked for here.
    let server = Sandbox::new(workspace, &hark, Some(&config))?.quiet().serve()?;
    seed(workspace, &server)?;
    let asked = ask(workspace, &python, &server, args);
    // What broke without a word over HTTP is told even when the answers were wrong.
    let stands = after(&server);
    asked.and(stands)
}

fn ask(workspace: &Workspace, python: &Path, server: &Server, args: &Args) -> Outcome {
    let folder = workspace.root().join(FOLDER);
    let mut command = workspace.command(python, &["-m", "schemathesis.cli", "--config-file"]);
    command.arg(folder.join("schemathesis.toml")).arg("run").arg(format!("{}/openapi.json", server.url()));
    command.args(["--seed", &args.seed.to_string(), "--max-examples", &args.examples.to_string()]);
    if let Some(seconds) = args.seconds {
        command.args(["--max-time", &seconds.to_string()]);
    }
    command.env("HARK_API_KEY", Server::KEY).env("HARK_WEBHOOK_SECRET", Server::SECRET);
    command.env("HARK_HOOKS", folder.join("hooks.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    // It leaves files where it runs.
    process::run(command.current_dir(server.sandbox().folder()))
}

/// People, what is known of them, links, a contradiction or two, and calls that were learnt: the dictionaries of
/// `schemathesis.toml` name them.
fn seed(workspace: &Workspace, server: &Server) -> Outcome {
    for user in 1..=8 {
        let said = ["Lives in Leeds.", "Prefers deliveries in the evening.", "Has moved to York."];
        let mut ids = Vec::new();
        for content in said {
            let memory = json!({"user_id": format!("crm-{user}"), "content": content});
            let written = server.json(&Request::post("/v1/memories", &memory))?;
            ids.push(written.get("id").cloned().unwrap_or(Value::Null));
        }
        server.json(&Request::post("/v1/links", &json!({"from": ids[0], "to": ids[1]})))?;
    }
    let folder = server.sandbox().folder();
    let calls = calls::write(workspace, folder, 3)?;
    let port = server.url();
    let mut simulate = server.sandbox().command(&["simulate"]);
    simulate.args(calls.iter().map(|call| &call.file)).args(["--url", &port]);
    // It comes back when they are learnt, and what followed from the memories is done.
    process::run(&mut simulate)
}

/// That it lives, that no handler panicked, and that no event which was accepted killed its job.
fn after(server: &Server) -> Outcome {
    let metrics = server.text("/metrics")?;
    if let Some(line) = metrics.lines().find(|line| line.starts_with("hark_http_panics_total")) {
        return Err(format!("a handler panicked: {line}"));
    }
    let dead = server.json(&Request::get("/v1/jobs?state=dead"))?;
    match dead.get("items").and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => Ok(()),
        Some([job, ..]) => Err(format!("a job died: {job}")),
        None => Err("hark does not list its jobs".to_owned()),
    }
}
