//! A call that the stand-in read is read again when the extractor is back.

use super::extract::{self, Extraction};
use super::{Ingest, Ingested, Outcome, classify, index, store};
use crate::{Conversation, ConversationId, Error, ErrorKind, Memory, MemoryId, Result, Scope, TenantId};
use std::collections::HashSet;

/// Share of a stand-in's words that must stand in one new sentence for it to have been said again.
const SAID_AGAIN: f32 = 0.6;

impl Ingest {
    /// Reads a call again that the stand-in read. What the extractor says is added; what the stand-in had said of it
    /// in other words goes, unless it was changed or strengthened since; what only the stand-in had noticed stays.
    /// Idempotent: the second reading is saved before anything follows. A call that is gone, was not read by a
    /// stand-in, or whose caller does not agree to be remembered, is left alone.
    ///
    /// # Errors
    /// What the extractor and the stores say; nothing is changed then, or the next call goes on.
    pub async fn extract_again(&self, tenant: &TenantId, id: &ConversationId) -> Result<Ingested> {
        let nothing = || Ingested::just(Outcome::Learnt { memories: Vec::new() });
        let Some(conversation) = self.engine.memory.conversation(tenant, id).await? else { return Ok(nothing()) };
        let Some(caller) = conversation.caller.clone() else { return Ok(nothing()) };
        let Some(said) = extract::open_said(&self.engine, tenant, &conversation)? else { return Ok(nothing()) };
        let transcript = self.engine.redaction.transcript(&said);
        let scope = Scope { tenant: tenant.clone(), caller };
        if !self.remembers(&scope).await? {
            return Ok(nothing());
        }
        let Some(extraction) = self.second_reading(&scope, &conversation, &said).await? else {
            return Ok(nothing());
        };
        let first: Vec<MemoryId> = (0..extraction.replaces).map(|i| MemoryId::derived(tenant, id, i)).collect();
        let classified = classify::complete(&self.engine, extraction.candidates.clone()).await?;
        let ids =
            store::write(&self.engine, &scope, (id, &transcript), &extraction, classified, self.identity.detect_shared)
                .await?;
        let embedded = index::write(&self.engine, &scope, &ids).await?;
        let before = self.engine.memory.memories(&scope, &first).await?;
        let repeated: Vec<MemoryId> = before
            .into_iter()
            .filter(|old| old.reinforced_at == old.learnt_at && old.corrected_at.is_none())
            .filter(|old| said_again(old, &extraction))
            .map(|old| old.id)
            .collect();
        // What they did to others goes with them; the second reading does it again.
        self.take_back(&scope, &repeated).await?;
        self.remove(&scope, &repeated).await?;
        let follow_ups = self.follow_ups(&scope, &ids, embedded, self.engine.clock.now())?;
        Ok(Ingested { outcome: Outcome::Learnt { memories: ids }, caller: Some(scope.caller), follow_ups })
    }

    /// The second reading, saved; `None` when there is nothing to read again.
    async fn second_reading(
        &self,
        scope: &Scope,
        conversation: &Conversation,
        said: &crate::Transcript,
    ) -> Result<Option<Extraction>> {
        let engine = &self.engine;
        let Some(sealed) = &conversation.extraction else { return Ok(None) };
        let saved = extract::open(engine, scope, conversation, sealed)?;
        if !saved.stand_in {
            // Read again already; what follows may have broken off.
            return Ok((saved.replaces > 0).then_some(saved));
        }
        let candidates = extract::ask(engine, &self.config, scope, conversation, said).await?;
        // At least one, so that it can be told from a first reading even if the stand-in had found nothing.
        let replaces = saved.candidates.len().max(1);
        let again = Extraction { candidates, stand_in: false, replaces };
        let sealed_again = extract::seal(engine, scope, conversation, &again)?;
        let replaced = engine.memory.replace_extraction(&scope.tenant, &conversation.id, sealed, &sealed_again).await?;
        if replaced {
            return Ok(Some(again));
        }
        // Another worker was first; its reading stands.
        let standing = engine.memory.conversation(&scope.tenant, &conversation.id).await?;
        let standing = standing.as_ref().and_then(|c| c.extraction.as_ref());
        let standing = standing.map(|sealed| extract::open(engine, scope, conversation, sealed)).transpose()?;
        if standing.as_ref().is_some_and(|standing| standing.stand_in) {
            // It was no worker: the first reading was only sealed anew meanwhile, and is still to be replaced.
            let what = "the first reading was sealed anew meanwhile";
            return Err(Error::new(ErrorKind::Conflict, "ingest.extract_again", what).retriable(true));
        }
        Ok(standing)
    }
}

/// Whether the new reading says the same: the same named value, or most of the words.
fn said_again(old: &Memory, new: &Extraction) -> bool {
    let words = words(&old.content);
    new.candidates.iter().any(|candidate| {
        let shared = words.intersection(&self::words(&candidate.content)).count();
        (old.slot.is_some() && old.slot == candidate.slot) || shared as f32 >= SAID_AGAIN * words.len().max(1) as f32
    })
}

fn words(text: &str) -> HashSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2).map(str::to_lowercase).collect()
}
