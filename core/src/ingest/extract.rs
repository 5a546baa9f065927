//! The transcript is sealed, and what the extractor made of it is saved before anything else happens: a model
//! never says the same thing twice, so a re-run reads instead of asking (and paying) again.

use super::{Call, IngestConfig, outcomes, quarantine};
use crate::ai::Extractor;
use crate::cost::{self, Account};
use crate::crypt::{Purpose, Sealed};
use crate::engine::Engine;
use crate::{Candidate, Conversation, Error, ErrorKind, MemoryId, Result, Scope, TenantId, Timestamp, Transcript};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What was made of a transcript. Stored: old forms must stay readable; the test below holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub(super) struct Extraction {
    /// What was proposed.
    pub(super) candidates: Vec<Candidate>,
    /// The stand-in proposed it, because the extractor had failed for too long: to be done again.
    pub(super) stand_in: bool,
    /// So many candidates of a stand-in were there before; their memories have the ids 0 to this.
    pub(super) replaces: usize,
}

/// The forms that may be found in a store.
#[derive(Deserialize)]
#[serde(untagged)]
enum Saved {
    /// Of the first version: the candidates alone.
    Bare(Vec<Candidate>),
    Whole {
        candidates: Vec<Candidate>,
        #[serde(default)]
        stand_in: bool,
        #[serde(default)]
        replaces: usize,
    },
}

impl From<Saved> for Extraction {
    fn from(saved: Saved) -> Self {
        match saved {
            Saved::Bare(candidates) => Self { candidates, stand_in: false, replaces: 0 },
            Saved::Whole { candidates, stand_in, replaces } => Self { candidates, stand_in, replaces },
        }
    }
}

/// Ids of memories from a second reading begin here, so that they never meet those of the first.
const SECOND_READING: usize = 10_000;

impl Extraction {
    /// The place in the conversation's extractions that a candidate's memory id is derived from.
    pub(super) fn place(&self, index: usize) -> usize {
        if self.replaces > 0 { SECOND_READING + index } else { index }
    }
}

/// What is kept of a transcript: all of it, or what is left without its secrets.
pub(super) fn seal_transcript(engine: &Engine, tenant: &TenantId, call: &Call) -> Result<Option<Sealed>> {
    let seal = |t: &Transcript| engine.vault.seal_json(tenant, Purpose::Transcript, call.conversation.as_str(), t);
    let kept = call.transcript.as_ref();
    if engine.redaction.transcripts() {
        return kept.map(|said| seal(&engine.redaction.transcript(said))).transpose();
    }
    kept.map(seal).transpose()
}

/// What was said in a conversation, without its secrets, whether it was stored with them or not; `None` where it was not
/// kept, or its period is over.
///
/// # Errors
/// `Corrupt` or `Config` when the vault cannot open it.
pub fn open_transcript(engine: &Engine, tenant: &TenantId, of: &Conversation) -> Result<Option<Transcript>> {
    Ok(open_said(engine, tenant, of)?.map(|said| engine.redaction.transcript(&said)))
}

/// As it was stored: for nobody but the extractor. What is kept no longer is not opened, whether it is removed yet or not.
pub(super) fn open_said(engine: &Engine, tenant: &TenantId, of: &Conversation) -> Result<Option<Transcript>> {
    if engine.privacy.retention.words_are_over(tenant, of.started_at, engine.clock.now()) {
        return Ok(None);
    }
    of.transcript
        .as_ref()
        .map(|sealed| engine.vault.open_json(tenant, Purpose::Transcript, of.id.as_str(), sealed))
        .transpose()
}

/// How sure the extractor was of each memory of its saved reading.
pub(crate) fn confidences(engine: &Engine, scope: &Scope, of: &Conversation) -> Result<Vec<(MemoryId, f32)>> {
    let Some(sealed) = &of.extraction else { return Ok(Vec::new()) };
    let saved = open(engine, scope, of, sealed)?;
    let id = |index| MemoryId::derived(&scope.tenant, &of.id, saved.place(index));
    Ok(saved.candidates.iter().enumerate().map(|(index, candidate)| (id(index), candidate.confidence)).collect())
}

/// The saved extraction, or a new one, saved. `said` is the transcript with its secrets. `since` is when the event arrived: an extractor that has failed
/// for too long is stood in for.
pub(super) async fn checkpointed(
    engine: &Engine,
    config: &IngestConfig,
    scope: &Scope,
    conversation: &Conversation,
    said: &Transcript,
    since: Timestamp,
) -> Result<Extraction> {
    if let Some(saved) = &conversation.extraction {
        return open(engine, scope, conversation, saved);
    }
    let mut extraction = match ask(engine, config, scope, conversation, said).await {
        Ok(candidates) => Extraction { candidates, stand_in: false, replaces: 0 },
        Err(error) => stand_in(engine, config, said, since, error).await?,
    };
    // Saved with the rest: what was open then is not what is open when a walk is done again.
    let clean = engine.redaction.transcript(said);
    outcomes::add(engine, scope, &conversation.id, &clean, &mut extraction.candidates).await?;
    quarantine::add(&clean, &mut extraction.candidates);
    let sealed = seal(engine, scope, conversation, &extraction)?;
    let saving = Conversation { extraction: Some(sealed), ..conversation.clone() };
    let stored = engine.memory.save_conversation(&scope.tenant, &saving).await?;
    // Another worker may have been first; what stands in the store is what everybody reads.
    match &stored.extraction {
        Some(standing) if Some(standing) != saving.extraction.as_ref() => open(engine, scope, &stored, standing),
        _ => Ok(extraction),
    }
}

/// What an extractor makes of a call, without secrets, whether it was shown them or not.
async fn read(engine: &Engine, extractor: &dyn Extractor, said: &Transcript) -> Result<Vec<Candidate>> {
    let candidates = if engine.redaction.models() {
        extractor.extract(&engine.redaction.transcript(said)).await?
    } else {
        extractor.extract(said).await?
    };
    Ok(engine.redaction.candidates(said, candidates))
}

/// What the extractor says, on the conversation's account. One that hangs, whoever wrote it, must not hold a
/// worker for ever.
pub(super) async fn ask(
    engine: &Engine,
    config: &IngestConfig,
    scope: &Scope,
    conversation: &Conversation,
    said: &Transcript,
) -> Result<Vec<Candidate>> {
    let account = Account {
        tenant: scope.tenant.clone(),
        conversation: Some(conversation.id.clone()),
        agent: conversation.agent.clone(),
    };
    let limit = Duration::from_secs(config.extract_timeout_secs);
    let asked = cost::charged_to(account, tokio::time::timeout(limit, read(engine, &*engine.extractor, said))).await;
    asked.unwrap_or_else(|_| {
        let context = format!("no answer in {} s", limit.as_secs());
        Err(Error::new(ErrorKind::Timeout, "ingest.extract", context).of_a_model())
    })
}

/// What the stand-in says, if it is time for it: at once where waiting cannot help (a refusal, a stopped
/// budget), else when the call has waited for as long as is configured.
async fn stand_in(
    engine: &Engine,
    config: &IngestConfig,
    said: &Transcript,
    since: Timestamp,
    error: Error,
) -> Result<Extraction> {
    let Some(stand_in) = &engine.stand_in else { return Err(error) };
    let waited = (engine.clock.now() - since).num_seconds().max(0).unsigned_abs();
    let hopeless = !error.is_retriable() || error.operation() == cost::STOPPED;
    if !hopeless && waited < config.stand_in_after_secs {
        return Err(error);
    }
    tracing::warn!(?error, waited_secs = waited, "the stand-in extracts; the call will be read again");
    Ok(Extraction { candidates: read(engine, &**stand_in, said).await?, stand_in: true, replaces: 0 })
}

pub(super) fn seal(
    engine: &Engine,
    scope: &Scope,
    conversation: &Conversation,
    extraction: &Extraction,
) -> Result<Sealed> {
    engine.vault.seal_json(&scope.tenant, Purpose::Extraction, conversation.id.as_str(), extraction)
}

pub(super) fn open(engine: &Engine, scope: &Scope, conversation: &Conversation, sealed: &Sealed) -> Result<Extraction> {
    engine.vault.open_json(&scope.tenant, Purpose::Extraction, conversation.id.as_str(), sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extraction_of_the_first_version_is_still_read() {
        let candidate = r#"{"content": "Likes tea", "kind": "fact", "turns": [1]}"#;
        let bare: Extraction = serde_json::from_str(&format!("[{candidate}]")).unwrap();
        assert_eq!((bare.candidates.len(), bare.stand_in, bare.replaces), (1, false, 0));
        let whole: Extraction = serde_json::from_str(&format!(r#"{{"candidates": [{candidate}]}}"#)).unwrap();
        assert_eq!(whole, bare);
        let again = Extraction { stand_in: true, replaces: 3, ..whole };
        let text = serde_json::to_string(&again).unwrap();
        assert_eq!(serde_json::from_str::<Extraction>(&text).unwrap(), again);
    }
}
