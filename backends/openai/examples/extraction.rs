//! How well a real model reads labelled calls, beside the rules.
//!
//! ```text
//! HARK_EXAMPLE_BASE_URL=http://127.0.0.1:8080/v1 HARK_EXAMPLE_MODEL=chat HARK_EXAMPLE_STRUCTURED=full_schema \
//!     cargo run -p hark-openai --example extraction -- heldout 5
//! ```
//!
//! The set (`heldout`, or `tuned` for the one the rules were written on) and how many calls of it, the first ones by
//! name, so that two runs read the same. `HARK_EXAMPLE_API_KEY` where the server wants one. What went wrong is shown of the
//! tuned set only: nobody tunes on what is not shown. `cargo xtask realmodel` starts a server and runs this.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

#[path = "../../../core/tests/support/extraction_score.rs"]
mod extraction_score;

use async_trait::async_trait;
use extraction_score::{Measured, measure};
use hark_core::ai::by_prompt::{PromptConfig, PromptExtractor};
use hark_core::ai::by_rules::RuleExtractor;
use hark_core::ai::{AnswerEnd, ChatAnswer, ChatModel, ChatRequest, Usage};
use hark_core::backend::{OpenContext, Registry};
use hark_core::{SystemClock, SystemEntropy};
use serde_json::json;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

const DEFAULT_CALLS: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let set = arguments.next().unwrap_or_else(|| "heldout".to_owned());
    let most = arguments.next().map_or(Ok(DEFAULT_CALLS), |number| number.parse())?;
    let labelled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/tests/labelled/extraction");
    let (folder, show) = match set.as_str() {
        "heldout" => (labelled.join("heldout"), false),
        "tuned" => (labelled, true),
        other => return Err(format!("`{other}` is no set; name heldout or tuned").into()),
    };

    let chat = Arc::new(Counting { inner: chat().await?, counted: Mutex::default() });
    let by_prompt = PromptExtractor::new(chat.clone(), small_context());
    let rules = measure(&RuleExtractor, &folder, most, show).await;
    let started = Instant::now();
    let model = measure(&by_prompt, &folder, most, show).await;
    let seconds = started.elapsed().as_secs_f64();

    println!("{}", table("rules", &rules));
    println!("{}", table(chat.model(), &model));
    let counted = chat.counted.lock().unwrap_or_else(PoisonError::into_inner);
    let calls = model.total.calls.max(1) as f64;
    println!("\n| {set}, {} calls | precision | recall | forbidden | failed |", model.total.calls);
    println!("| --- | ---: | ---: | ---: | ---: |");
    println!("{}", row("rules", &rules));
    println!("{}", row(chat.model(), &model));
    println!(
        "\n{}: {} answers ({} cut off, {} refused), {} tokens read, {} written, {:.1} s a call",
        chat.model(),
        counted.answers,
        counted.truncated,
        counted.refused,
        counted.usage.input_tokens,
        counted.usage.output_tokens,
        seconds / calls
    );
    // A wrong answer is the model's affair; when none can be used, nothing was measured.
    if model.total.calls == 0 || model.total.failed == model.total.calls {
        return Err("no call was read; is the server up, and the model the one it serves?".into());
    }
    Ok(())
}

/// Windows and answers for a model with a context of 4,096 tokens, of which the instructions take about 1,000.
fn small_context() -> PromptConfig {
    PromptConfig { window_tokens: 1_200, max_answer_tokens: 1_500, ..PromptConfig::default() }
}

/// The chat model the environment names, opened as the server would.
async fn chat() -> Result<Arc<dyn ChatModel>, Box<dyn Error>> {
    let needed = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let mut section = json!({
        "base_url": needed("HARK_EXAMPLE_BASE_URL")?,
        "chat_model": needed("HARK_EXAMPLE_MODEL")?,
        "structured": std::env::var("HARK_EXAMPLE_STRUCTURED").unwrap_or_else(|_| "json_schema".to_owned()),
        "embedding_model": "",
        "request_timeout_secs": 900,
    });
    if let Ok(key) = std::env::var("HARK_EXAMPLE_API_KEY") {
        section["api_key"] = key.into();
    }
    let mut registry = Registry::new();
    hark_openai::register(&mut registry);
    let context =
        OpenContext { data_dir: std::env::temp_dir(), clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let backend = registry.open(hark_openai::KIND, section, &context).await?;
    Ok(backend.chat().ok_or("this backend answers nothing")?)
}

/// Counts what the model was asked and what it cost.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn ChatModel>,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    answers: u32,
    truncated: u32,
    refused: u32,
    usage: Usage,
}

#[async_trait]
impl ChatModel for Counting {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn chat(&self, request: &ChatRequest) -> hark_core::Result<ChatAnswer> {
        let answer = self.inner.chat(request).await?;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.answers += 1;
        counted.truncated += u32::from(answer.end == AnswerEnd::Truncated);
        counted.refused += u32::from(answer.end == AnswerEnd::Refused);
        counted.usage += answer.usage;
        Ok(answer)
    }
}

fn table(who: &str, measured: &Measured) -> String {
    format!("\n{:<28} found   right   forbidden\n{}{}", "call", measured.table, measured.summary(who))
}

fn row(who: &str, measured: &Measured) -> String {
    let t = &measured.total;
    format!(
        "| {who} | {:.2} ({}/{}) | {:.2} ({}/{}) | {} | {} |",
        t.precision(),
        t.right,
        t.proposed,
        t.recall(),
        t.found,
        t.expected,
        t.forbidden,
        t.failed
    )
}
