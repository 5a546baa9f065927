//! The loop on real models, through the door everybody uses: `hark doctor`, `hark simulate`, HTTP.
//!
//! What is checked is that everything arrives and is counted, not what a small model makes of a call.

use super::calls::{self, Call};
use super::serve::{Llama, OllamaImitation, until};
use crate::http::Request;
use crate::process::{self, Outcome, Workspace};
use crate::server::{Sandbox, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A model reads a call for half a minute, on a busy machine for minutes.
const PATIENCE: Duration = Duration::from_secs(1_800);
const LOOK: Duration = Duration::from_secs(1);

/// What is the same for every backend. Times are those of a model on two busy processors; rules never stand in, since then
/// nothing of the model would be shown; one call is read at a time, as the server answers one at a time; the context of
/// 4,096 tokens holds instructions, window and answer.
const COMMON: &str = r#"
[worker]
concurrency = 1
[resilience]
interactive_timeout_ms = 10000
background_timeout_secs = 900
[recall]
budget_ms = 10000
[elevenlabs]
tool_deadline_ms = 12000
[ingest]
stand_in_after_secs = 86400
extract_timeout_secs = 1800
[extraction]
window_tokens = 1200
max_answer_tokens = 1500
"#;

/// On llama.cpp's server by kind `openai`: everything.
pub(super) fn openai(workspace: &Workspace, hark: &Path, llama: &Llama) -> Outcome {
    println!("\n## hark on llama.cpp's server (kind openai)\n");
    let (chat_url, embedder_url) = (llama.chat_url(), llama.embedder_url());
    let (chat, embedder) = (Llama::CHAT, Llama::EMBEDDER);
    let config = format!(
        r#"
[roles]
embedder = "llama_embed"
chat = "llama"
extractor = "by_prompt"
[backends.llama]
kind = "openai"
base_url = "{chat_url}"
chat_model = "{chat}"
embedding_model = ""
structured = "full_schema"
request_timeout_secs = 900
[backends.llama_embed]
kind = "openai"
base_url = "{embedder_url}"
chat_model = ""
embedding_model = "{embedder}"
dimensions = 384
max_text_bytes = 1000
{COMMON}"#
    );
    run(workspace, hark, &config, 5)
}

/// On the imitation of Ollama by kind `ollama`: that both models are reached, and one call.
pub(super) fn ollama(workspace: &Workspace, hark: &Path, imitation: &OllamaImitation) -> Outcome {
    println!("\n## hark on ollama-proxy-plus in front of llama.cpp's server (kind ollama; an imitation, not Ollama)\n");
    let (url, chat, embedder) = (imitation.url(), OllamaImitation::CHAT, OllamaImitation::EMBEDDER);
    let config = format!(
        r#"
[roles]
embedder = "ollama"
chat = "ollama"
extractor = "by_prompt"
[backends.ollama]
kind = "ollama"
base_url = "{url}"
chat_model = "{chat}"
embedding_model = "{embedder}"
dimensions = 384
max_text_bytes = 1000
request_timeout_secs = 900
{COMMON}"#
    );
    run(workspace, hark, &config, 1)
}

fn run(workspace: &Workspace, hark: &Path, config: &str, count: usize) -> Outcome {
    let sandbox = Sandbox::new(workspace, hark, Some(config))?;
    process::run(&mut sandbox.command(&["doctor"]))?;
    let calls = calls::write(workspace, sandbox.folder(), count)?;
    let server = sandbox.serve()?;
    let url = server.url();
    let mut simulate = server.sandbox().command(&["simulate", "--no-wait", "--url", &url]);
    process::run(simulate.args(calls.iter().map(|call| &call.file)))?;
    drain(&server)?;
    let learnt = learnt(&server, &calls)?;
    let dead = server.json(&Request::get("/v1/jobs?state=dead"))?;
    if !dead["items"].as_array().is_some_and(Vec::is_empty) {
        return Err(format!("jobs are dead: {}", reasons(&dead)));
    }
    ask(&server, &learnt)?;
    costs(&server, count as u64)
}

/// Until nothing waits and nothing runs.
fn drain(server: &Server) -> Outcome {
    let drained = until(PATIENCE, LOOK, || {
        let queue = server.json(&Request::get("/v1/queue"))?;
        let open: u64 = ["pending", "running", "retrying"].iter().filter_map(|state| queue[*state].as_u64()).sum();
        Ok((open == 0).then_some(()))
    })?;
    drained.ok_or_else(|| format!("the calls were not read within {} s", PATIENCE.as_secs()))
}

/// What was learnt of each call: whose, and the first sentence. Every call must be read; not in every one does a small
/// model find something that was said, but if in none, the loop is broken.
fn learnt(server: &Server, calls: &[Call]) -> Outcome<Vec<(String, String)>> {
    let mut learnt = Vec::new();
    for call in calls {
        let found = server.json(&Request::get(&format!("/v1/conversations/{}", call.conversation)))?;
        if found["state"] != "learnt" {
            return Err(format!("{}: its state is {}, not learnt", call.name, found["state"]));
        }
        let extraction = spent(&found["costs"]["by_spend"], "extraction");
        if extraction.is_none_or(|tokens| tokens == 0) {
            return Err(format!("{}: no tokens were counted for reading it", call.name));
        }
        let memories = found["memories"].as_array().map(Vec::as_slice).unwrap_or_default();
        println!("{:<20} {} memories", call.name, memories.len());
        if let (Some(memory), Some(user)) = (memories.first(), found["user_id"].as_str()) {
            let text = memory["content"].as_str().ok_or_else(|| format!("{}: a memory says nothing", call.name))?;
            learnt.push((user.to_owned(), text.to_owned()));
        }
    }
    if learnt.is_empty() { Err("nothing was learnt from any call".to_owned()) } else { Ok(learnt) }
}

/// A question to each caller's memory, answered by words and vectors both.
fn ask(server: &Server, learnt: &[(String, String)]) -> Outcome {
    for (user, text) in learnt {
        let body = json!({"query": text, "user_id": user});
        let answer = server.json(&Request::post("/tools/memory-query", &body))?;
        let found = answer["memories"].as_array().is_some_and(|found| !found.is_empty());
        if answer["mode"] != "hybrid" || answer["degraded"] != false || !found {
            let (mode, reason) = (&answer["mode"], &answer["degraded_reason"]);
            return Err(format!("a question was answered in mode {mode}, degraded for {reason}, found: {found}"));
        }
    }
    println!("{} questions answered, mode hybrid, none degraded", learnt.len());
    Ok(())
}

/// What it has cost is counted by purpose.
fn costs(server: &Server, calls: u64) -> Outcome {
    let costs = server.json(&Request::get("/v1/costs?group_by=spend"))?;
    for spend in ["extraction", "embedding"] {
        let tokens = spent(&costs["items"], spend).filter(|tokens| *tokens > 0);
        let tokens = tokens.ok_or_else(|| format!("GET /v1/costs counts no tokens of {spend}"))?;
        println!("{spend:<12} {tokens} tokens");
    }
    let total = costs["total"]["calls"].as_u64().unwrap_or_default();
    if total < calls * 2 {
        return Err(format!("GET /v1/costs counts {total} calls to models, of {calls} calls read and embedded"));
    }
    Ok(())
}

/// Tokens of a purpose, read and written.
fn spent(items: &Value, spend: &str) -> Option<u64> {
    let item = items.as_array()?.iter().find(|item| item["group"] == spend)?;
    Some(item["input_tokens"].as_u64()? + item["output_tokens"].as_u64()?)
}

fn reasons(jobs: &Value) -> String {
    let items = jobs["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|job| format!("{} ({})", job["name"], job["last_error"])).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_by_purpose() {
        let items = json!([
            {"group": null, "input_tokens": 1, "output_tokens": 1},
            {"group": "extraction", "input_tokens": 900, "output_tokens": 80}
        ]);
        assert_eq!(spent(&items, "extraction"), Some(980));
        assert_eq!(spent(&items, "embedding"), None);
        assert_eq!(spent(&Value::Null, "extraction"), None);
    }

    #[test]
    fn dead_jobs_are_told_with_their_reason() {
        let jobs = json!({"items": [{"name": "ingest", "last_error": "gone"}]});
        assert_eq!(reasons(&jobs), "\"ingest\" (\"gone\")");
    }
}
