//! How well a model reads labelled calls, beside the rules.
//!
//! Arguments: the set (`heldout`, or `tuned` for the one the rules were written on) and how many calls of it, the first ones
//! by name, so that two runs read the same. What went wrong is shown of the tuned set only: nobody tunes on what is not shown.

use crate::Outcome;
use crate::chat::Counting;
use crate::extraction_score::{Measured, measure};
use hark_core::ai::ChatModel;
use hark_core::ai::by_prompt::{PromptConfig, PromptExtractor};
use hark_core::ai::by_rules::RuleExtractor;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const DEFAULT_CALLS: usize = 5;

pub(crate) async fn run(chat: Arc<Counting>, mut arguments: impl Iterator<Item = String>) -> Outcome {
    let set = arguments.next().unwrap_or_else(|| "heldout".to_owned());
    let most = arguments.next().map_or(Ok(DEFAULT_CALLS), |number| number.parse())?;
    let labelled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/tests/labelled/extraction");
    let (folder, show) = match set.as_str() {
        "heldout" => (labelled.join("heldout"), false),
        "tuned" => (labelled, true),
        other => return Err(format!("`{other}` is no set; name heldout or tuned").into()),
    };

    let by_prompt = PromptExtractor::new(chat.clone(), small_context());
    let rules = measure(&RuleExtractor, &folder, most, show).await;
    let started = Instant::now();
    let model = measure(&by_prompt, &folder, most, show).await;
    let seconds = started.elapsed().as_secs_f64();

    println!("{}", table("rules", &rules));
    println!("{}", table(chat.model(), &model));
    let calls = model.total.calls.max(1) as f64;
    println!("\n| {set}, {} calls | precision | recall | forbidden | failed |", model.total.calls);
    println!("| --- | ---: | ---: | ---: | ---: |");
    println!("{}", row("rules", &rules));
    println!("{}", row(chat.model(), &model));
    println!("\n{}: {}, {:.1} s a call", chat.model(), chat.counted(), seconds / calls);
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
