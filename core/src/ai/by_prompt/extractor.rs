//! A chat model reads a call.

use super::answer::Answer;
use super::ask::ask;
use super::check::Checker;
use super::config::PromptConfig;
use super::ground::Ground;
use super::merge;
use super::prompt::{Prompt, Template, fence};
use super::window::{self, Window};
use crate::ai::{ChatModel, Extractor};
use crate::cost::Spend;
use crate::{Candidate, Result, Transcript};
use async_trait::async_trait;
use chrono::{FixedOffset, SecondsFormat, Utc};
use serde_json::json;
use std::sync::Arc;

/// Extracts by asking a chat model: once for a call that fits into its window, else once a window. What it answers is held
/// against the call before anything is proposed; see the [module](super).
///
/// A call is learnt from whole or not at all: when one window fails, so does the extraction. Errors are those of [`ask`];
/// one that is not retriable (a refusal, an unusable answer) will come again, and is the moment for the rules.
#[derive(Debug, Clone)]
pub struct PromptExtractor {
    chat: Arc<dyn ChatModel>,
    config: PromptConfig,
}

impl PromptExtractor {
    /// An extractor over a model.
    pub fn new(chat: Arc<dyn ChatModel>, config: PromptConfig) -> Self {
        Self { chat, config }
    }
}

#[async_trait]
impl Extractor for PromptExtractor {
    async fn extract(&self, transcript: &Transcript) -> Result<Vec<Candidate>> {
        let ground = Ground::of(transcript);
        if !ground.has_caller() {
            return Ok(Vec::new());
        }
        let windows = window::cut(transcript, &ground, &self.config);
        let mut parts = Vec::with_capacity(windows.len());
        for (index, window) in windows.iter().enumerate() {
            let Prompt { system, user } = prompt(transcript, window, index + 1, windows.len())?;
            let answer: Answer =
                ask(&*self.chat, Spend::Extraction, system, user, self.config.max_answer_tokens).await?;
            parts.push(Checker::new(&ground, &self.config, window.turns()).check(answer));
        }
        Ok(merge::settle(parts, self.config.max_memories))
    }
}

/// The question about one part of a call.
pub(super) fn prompt(call: &Transcript, window: &Window<'_>, part: usize, parts: usize) -> Result<Prompt> {
    let seconds = call.utc_offset_minutes.clamp(-14 * 60, 14 * 60) * 60;
    let zone = FixedOffset::east_opt(seconds);
    let (weekday, started_at, offset) = match zone {
        Some(zone) => {
            let local = call.started_at.with_timezone(&zone);
            (local.format("%A").to_string(), local.to_rfc3339_opts(SecondsFormat::Secs, false), zone.to_string())
        }
        None => {
            let utc = call.started_at.with_timezone(&Utc);
            (utc.format("%A").to_string(), utc.to_rfc3339_opts(SecondsFormat::Secs, false), "+00:00".to_owned())
        }
    };
    Template::Extract.render(json!({
        "weekday": weekday,
        "started_at": started_at,
        "offset": offset,
        "part": if parts > 1 { Some(part) } else { None },
        "parts": parts,
        "turns": fence("turns", &window.lines),
    }))
}
