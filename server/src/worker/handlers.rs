//! Job names and what they do: parse, call the core, say whether another attempt can help.

use crate::app::App;
use crate::elevenlabs::to_call;
use hark_core::crypt::Purpose;
use hark_core::ingest::Outcome;
use hark_core::job::{
    EmbedMemories, ExtractAgain, IngestConversation, JobPayload, LinkMemories, ReconcileMemories, SummariseUser,
};
use hark_core::store::{Job, NewJob};
use hark_core::{Error, ErrorKind, Scope, UserId};

/// Why a job failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// A model is away, or a store takes no writes, which may last for hours: postponed without counting, however often. So is
    /// who lost a race, which is nobody's failure; but for [`LONGEST_WAIT`](hark_core::store::LONGEST_WAIT) at the most, or a
    /// defect that looks like one would never be seen.
    Later(Error),
    /// Another attempt may help.
    Again(Error),
    /// None will: what it works on cannot be read. Buried at once, for a person to look at.
    Never(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.is_model_away() || error.is_unwritable() || error.is_lost_race() {
            return Self::Later(error);
        }
        // Also what is not retriable by itself: a person may mend a setting between two attempts, and five tries
        // cost nothing.
        Self::Again(error)
    }
}

type Handled = Result<Vec<NewJob>, Failure>;

/// Does a job; answers what follows from it.
pub(super) async fn handle(app: &App, job: &Job) -> Handled {
    match job.name.as_str() {
        IngestConversation::NAME => ingest(app, job).await,
        ExtractAgain::NAME => {
            let ExtractAgain { conversation_id } = payload(job)?;
            Ok(app.ingest.extract_again(&job.tenant, &conversation_id).await?.follow_ups)
        }
        EmbedMemories::NAME => {
            let EmbedMemories { caller, memory_ids } = payload(job)?;
            app.ingest.embed(&scope(job, caller), &memory_ids).await?;
            Ok(Vec::new())
        }
        LinkMemories::NAME => {
            let LinkMemories { caller, memory_ids } = payload(job)?;
            app.ingest.link(&scope(job, caller), &memory_ids).await?;
            Ok(Vec::new())
        }
        ReconcileMemories::NAME => {
            let ReconcileMemories { caller, memory_ids } = payload(job)?;
            Ok(app.ingest.reconcile(&scope(job, caller), &memory_ids).await?.follow_ups)
        }
        SummariseUser::NAME => {
            let SummariseUser { caller } = payload(job)?;
            app.ingest.summarise(&scope(job, caller)).await?;
            Ok(Vec::new())
        }
        _ => Err(Failure::Never(Error::new(
            ErrorKind::Unsupported,
            "worker.handle",
            "this version has no handler of that name; run the version that enqueued it, or delete the job",
        ))),
    }
}

/// A job's name as a label: names come from a store, and labels must not grow.
pub(super) fn label(name: &str) -> &'static str {
    const KNOWN: [&str; 6] = [
        IngestConversation::NAME,
        ExtractAgain::NAME,
        EmbedMemories::NAME,
        LinkMemories::NAME,
        ReconcileMemories::NAME,
        SummariseUser::NAME,
    ];
    KNOWN.into_iter().find(|known| *known == name).unwrap_or("unknown")
}

/// After so many failures a job is buried.
pub(super) fn max_attempts(name: &str) -> u32 {
    match name {
        IngestConversation::NAME => IngestConversation::MAX_ATTEMPTS,
        ExtractAgain::NAME => ExtractAgain::MAX_ATTEMPTS,
        EmbedMemories::NAME => EmbedMemories::MAX_ATTEMPTS,
        LinkMemories::NAME => LinkMemories::MAX_ATTEMPTS,
        ReconcileMemories::NAME => ReconcileMemories::MAX_ATTEMPTS,
        _ => SummariseUser::MAX_ATTEMPTS,
    }
}

async fn ingest(app: &App, job: &Job) -> Handled {
    let IngestConversation { event_id } = payload(job)?;
    let Some(event) = app.engine.jobs.event(&job.tenant, &event_id).await? else {
        // Erased meanwhile: there is nothing left to learn from, and that is as it should be.
        tracing::info!(event = %event_id, "event is gone");
        return Ok(Vec::new());
    };
    let body = match app.engine.vault.open(&job.tenant, Purpose::Event, event_id.as_str(), &event.body) {
        Ok(body) => body,
        Err(error) if error.kind() == ErrorKind::Corrupt => return Err(Failure::Never(error)),
        // A key is missing from the keyring, and may be put back.
        Err(error) => return Err(Failure::Again(error)),
    };
    let call = to_call(&body, event.received_at).map_err(Failure::Never)?;
    let ingested = app.ingest.call(&job.tenant, call).await?;
    let (outcome, memories) = match &ingested.outcome {
        Outcome::Learnt { memories } => ("learnt", memories.len()),
        Outcome::AwaitingTranscript => ("awaiting_transcript", 0),
        Outcome::Ignored { why } => (*why, 0),
    };
    metrics::counter!("hark_conversations_total", "outcome" => outcome).increment(1);
    tracing::info!(event = %event_id, outcome, memories, "conversation ingested");
    if let Some(caller) = ingested.caller.filter(|_| app.answers) {
        // Whoever calls back is asked about at once, perhaps without an initiation that would warm them.
        let scope = scope(job, caller);
        app.warm(&scope).await;
        app.recall.embed_turns(&scope).await;
    }
    Ok(ingested.follow_ups)
}

fn payload<T: JobPayload>(job: &Job) -> Result<T, Failure> {
    T::deserialize(&job.payload).map_err(|_| {
        let context = format!("the payload is not one of {}", T::NAME);
        Failure::Never(Error::new(ErrorKind::Corrupt, "worker.payload", context))
    })
}

fn scope(job: &Job, caller: UserId) -> Scope {
    Scope { tenant: job.tenant.clone(), caller }
}
