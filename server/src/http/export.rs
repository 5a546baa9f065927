//! Everything that is known of a person, as one JSON document, written page by page: what it holds at once does not grow
//! with what is known.

use super::conflicts::ConflictRecord;
use super::error::{Problem, ProblemBody};
use super::extract::Id;
use super::receipts::{self, ReceiptView};
use super::transfers::TransferView;
use super::users::find;
use super::view::{ConversationView, MemoryView, UserView};
use crate::tenant::TenantApp;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use chrono::{DateTime, Utc};
use futures::stream;
use hark_core::crypt::Purpose;
use hark_core::ingest::open_transcript;
use hark_core::store::{ConflictFilter, MemoryFilter};
use hark_core::{
    Conversation, Error, ErrorKind, Identity, Link, LinkKind, MemoryId, PageRequest, Result, Review, ReviewWords,
    Scope, Transcript, User,
};
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::Instrument;
use utoipa::ToSchema;

/// The form of the document. A later one that reads differently has another name.
pub const FORMAT: &str = "hark-export-1";

/// Rows read at once; of conversations, whose transcripts are large, fewer.
const PAGE: usize = 500;
const CONVERSATIONS: usize = 10;

/// Pieces that wait for a slow reader.
const WAITING: usize = 4;

/// Everything that is known of a person. Lists are in the order of their pages; an export that breaks off is no whole
/// document, so that nothing incomplete is taken for complete.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// `hark-export-1`.
    pub format: String,
    /// When it was begun.
    pub exported_at: DateTime<Utc>,
    /// The profile.
    pub user: UserView,
    /// Numbers and ids, in the clear, in the order they were learnt.
    pub identities: Vec<IdentityView>,
    /// Our own ids that name this person beside `user.id`.
    pub aliases: Vec<String>,
    /// All memories, those that gave way or were archived among them, latest date first: `superseded_by` and `valid_to` are
    /// their history.
    pub memories: Vec<MemoryView>,
    /// Links between them, each once.
    pub links: Vec<ExportedLink>,
    /// What was decided about pairs of them.
    pub conflicts: Vec<ConflictRecord>,
    /// Calls, latest first, with what was said and what agents were told.
    pub conversations: Vec<ExportedConversation>,
    /// What agents were told outside of a known conversation, earliest first.
    pub receipts: Vec<ReceiptView>,
    /// What people decided about memories.
    pub reviews: Vec<ExportedReview>,
    /// Merges and splits.
    pub transfers: Vec<TransferView>,
}

/// What the person is known by.
#[derive(Debug, Serialize, ToSchema)]
pub struct IdentityView {
    /// `external`, `phone`, `whatsapp` or `sms`.
    pub kind: &'static str,
    /// As it came.
    pub value: String,
}

/// A link between two memories.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedLink {
    /// One of them.
    pub a: String,
    /// The other.
    pub b: String,
    /// As it was last written, 0 to 1.
    pub weight: f32,
    /// `similar` or `manual`.
    pub kind: &'static str,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedConversation {
    /// The conversation.
    #[serde(flatten)]
    pub conversation: ConversationView,
    /// What was said; null where it was not kept.
    #[schema(value_type = Option<Object>)]
    pub transcript: Option<Transcript>,
    /// What agents were told before and during the call.
    pub receipts: Vec<ReceiptView>,
}

/// What a person decided about a memory.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedReview {
    /// The memory.
    pub memory_id: String,
    /// `accept`, `edit` or `reject`.
    pub decision: &'static str,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the sentence was released as an example.
    pub released: bool,
    /// The sentence as it was kept with the decision; null where none was.
    pub text: Option<String>,
}

/// Where the document goes, piece by piece.
pub(crate) trait Sink {
    /// Takes a piece.
    ///
    /// # Errors
    /// When nobody takes it any more.
    async fn take(&mut self, piece: Vec<u8>) -> Result<()>;
}

impl Sink for mpsc::Sender<Result<Bytes>> {
    async fn take(&mut self, piece: Vec<u8>) -> Result<()> {
        let gone = |_| Error::new(ErrorKind::Unavailable, "users.export", "whoever asked is gone");
        self.send(Ok(piece.into())).await.map_err(gone)
    }
}

/// Writes the document.
///
/// # Errors
/// What the stores and the vault say, and what the sink says; what was written until then is no document.
pub(crate) async fn write(app: &TenantApp, scope: &Scope, user: User, sink: &mut impl Sink) -> Result<()> {
    let mut out = Writer { sink, buffer: Vec::new(), items: 0 };
    let memory = &app.engine.memory;
    out.buffer.push(b'{');
    out.field("format", &FORMAT)?;
    out.field("exported_at", &app.engine.clock.now())?;
    out.field("user", &UserView::from(user))?;
    let identities: Result<Vec<IdentityView>> =
        memory.identities(scope).await?.iter().map(|identity| open_identity(app, identity)).collect();
    out.field("identities", &identities?)?;
    let aliases: Vec<String> = memory.aliases(scope).await?.iter().map(ToString::to_string).collect();
    out.field("aliases", &aliases)?;
    memories(app, scope, &mut out).await?;
    links(app, scope, &mut out).await?;
    conflicts(app, scope, &mut out).await?;
    conversations(app, scope, &mut out).await?;
    loose_receipts(app, scope, &mut out).await?;
    let reviews: Result<Vec<ExportedReview>> =
        memory.reviews(scope).await?.iter().map(|review| open_review(app, review)).collect();
    out.field("reviews", &reviews?)?;
    transfers(app, scope, &mut out).await?;
    out.buffer.extend_from_slice(b"}\n");
    out.flush().await
}

struct Writer<'a, S> {
    sink: &'a mut S,
    buffer: Vec<u8>,
    /// Items of the list that is being written.
    items: usize,
}

impl<S: Sink> Writer<'_, S> {
    fn name(&mut self, name: &str) {
        if self.buffer.last() != Some(&b'{') {
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(format!("\n\"{name}\":").as_bytes());
    }

    fn value(&mut self, value: &impl Serialize) -> Result<()> {
        let wrong = |_| Error::new(ErrorKind::Internal, "users.export", "a value cannot be written as JSON");
        serde_json::to_writer(&mut self.buffer, value).map_err(wrong)
    }

    fn field(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        self.name(name);
        self.value(value)
    }

    fn begin(&mut self, name: &str) {
        self.name(name);
        self.buffer.push(b'[');
        self.items = 0;
    }

    fn item(&mut self, value: &impl Serialize) -> Result<()> {
        self.buffer.extend_from_slice(if self.items == 0 { b"\n" } else { b",\n" });
        self.items += 1;
        self.value(value)
    }

    fn end(&mut self) {
        self.buffer.push(b']');
    }

    async fn flush(&mut self) -> Result<()> {
        self.sink.take(std::mem::take(&mut self.buffer)).await
    }
}

async fn memories<S: Sink>(app: &TenantApp, scope: &Scope, out: &mut Writer<'_, S>) -> Result<()> {
    let (rates, now) = (&app.engine.decay.per_day, app.engine.clock.now());
    out.begin("memories");
    let mut page = PageRequest::first(PAGE);
    loop {
        let found = app.engine.memory.list_memories(scope, &MemoryFilter::default(), &page).await?;
        for memory in found.items {
            out.item(&MemoryView::of(scope, memory, rates, now))?;
        }
        out.flush().await?;
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    out.end();
    Ok(())
}

async fn links<S: Sink>(app: &TenantApp, scope: &Scope, out: &mut Writer<'_, S>) -> Result<()> {
    out.begin("links");
    let mut page = PageRequest::first(PAGE);
    loop {
        let found = app.engine.memory.list_memories(scope, &MemoryFilter::default(), &page).await?;
        let ids: Vec<MemoryId> = found.items.into_iter().map(|memory| memory.id).collect();
        // Each with the page of its first end.
        for link in app.engine.memory.links(scope, &ids).await?.into_iter().filter(|link| ids.contains(&link.a)) {
            out.item(&ExportedLink::from(link))?;
        }
        out.flush().await?;
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    out.end();
    Ok(())
}

impl From<Link> for ExportedLink {
    fn from(link: Link) -> Self {
        Self {
            a: link.a.to_string(),
            b: link.b.to_string(),
            weight: link.weight,
            kind: if link.kind == LinkKind::Manual { "manual" } else { "similar" },
            created_at: link.created_at,
        }
    }
}

async fn conflicts<S: Sink>(app: &TenantApp, scope: &Scope, out: &mut Writer<'_, S>) -> Result<()> {
    out.begin("conflicts");
    let filter = ConflictFilter { caller: Some(scope.caller.clone()), state: None };
    let mut page = PageRequest::first(PAGE);
    loop {
        let found = app.engine.memory.conflicts(&scope.tenant, &filter, &page).await?;
        for conflict in &found.items {
            out.item(&ConflictRecord::from(conflict))?;
        }
        out.flush().await?;
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    out.end();
    Ok(())
}

async fn conversations<S: Sink>(app: &TenantApp, scope: &Scope, out: &mut Writer<'_, S>) -> Result<()> {
    out.begin("conversations");
    let mut page = PageRequest::first(CONVERSATIONS);
    loop {
        let found = app.engine.memory.conversations(&scope.tenant, Some(&scope.caller), &page).await?;
        for conversation in &found.items {
            out.item(&exported(app, conversation).await?)?;
        }
        out.flush().await?;
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    out.end();
    Ok(())
}

async fn exported(app: &TenantApp, conversation: &Conversation) -> Result<ExportedConversation> {
    Ok(ExportedConversation {
        conversation: ConversationView::from(conversation),
        transcript: open_transcript(&app.engine, app.tenant(), conversation)?,
        receipts: receipts::of_conversation(app, conversation).await?,
    })
}

async fn loose_receipts<S: Sink>(app: &TenantApp, scope: &Scope, out: &mut Writer<'_, S>) -> Result<()> {
    out.begin("receipts");
    let mut page = PageRequest::first(PAGE);
    loop {
        let found = app.engine.memory.loose_receipts(scope, &page).await?;
        for receipt in found.items {
            out.item(&receipts::view(app, receipt, None)?)?;
        }
        out.flush().await?;
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    out.end();
    Ok(())
}

async fn transfers<S: Sink>(app: &TenantApp, scope: &Scope, out: &mut Writer<'_, S>) -> Result<()> {
    out.begin("transfers");
    let mut page = PageRequest::first(PAGE);
    loop {
        let found = app.engine.memory.transfers(&scope.tenant, Some(&scope.caller), &page).await?;
        for transfer in found.items {
            out.item(&TransferView::from(transfer))?;
        }
        out.flush().await?;
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    out.end();
    Ok(())
}

fn open_identity(app: &TenantApp, identity: &Identity) -> Result<IdentityView> {
    let kind = identity.kind.name();
    let value = app.engine.vault.open(app.tenant(), Purpose::Identity, kind, &identity.sealed)?;
    Ok(IdentityView { kind, value: String::from_utf8_lossy(&value).into_owned() })
}

fn open_review(app: &TenantApp, review: &Review) -> Result<ExportedReview> {
    let open = |sealed| app.engine.vault.open_json(app.tenant(), Purpose::Review, review.memory.as_str(), sealed);
    let words: Option<ReviewWords> = review.words.as_ref().map(open).transpose()?;
    Ok(ExportedReview {
        memory_id: review.memory.to_string(),
        decision: review.decision.name(),
        at: review.at,
        released: review.label,
        text: words.map(|words| words.content),
    })
}

/// Everything that is known of a person, in the clear, for handing it to them. Streamed: an answer that ends without its
/// last `}` broke off, and is to be asked for again.
#[utoipa::path(get, path = "/v1/users/{id}/export", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = Export), (status = 404, body = ProblemBody)))]
pub async fn export(app: TenantApp, Id(id): Id) -> Result<Response<Body>, Problem> {
    let (scope, user) = find(&app, &id).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let work = async move {
        let mut sink = sender.clone();
        if let Err(error) = write(&app, &scope, user, &mut sink).await {
            tracing::warn!(?error, "an export broke off");
            // The connection breaks off too; if nobody listens any more, that is that.
            let _ = sender.send(Err(error)).await;
        }
    };
    tokio::spawn(work.in_current_span());
    let pieces = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"person.json\""));
    Ok(response)
}
