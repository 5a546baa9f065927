//! The tables are carried over and compared.

use super::note::Note;
use super::sides::{COPIED, Sides};
use super::{Report, now};
use crate::backup::{Told, put_on_record};
use crate::wiring::Backends;
use hark_core::backend::Role;
use hark_core::store::archive::{Digest, Merged, TABLES, Table, digest, merge};
use hark_core::store::{Archive, SealedStore, View};
use hark_core::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::sync::Arc;

/// With a source that is in use: so often everything is walked over at the most.
const PASSES: u32 = 5;

/// With a source that is in use: where a walk had no more to do than this, the next one would have as much.
const LITTLE: u64 = 100;

/// A table on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// The table's name.
    pub table: &'static str,
    /// The source's.
    pub from: Digest,
    /// The target's.
    pub to: Digest,
}

impl Compared {
    /// Whether the same rows are there.
    pub fn is_same(&self) -> bool {
        self.from == self.to
    }
}

/// A role both sides play.
struct Part {
    role: Role,
    from: Arc<dyn Archive>,
    to: Arc<dyn Archive>,
}

impl Part {
    fn tables(&self) -> impl Iterator<Item = &'static Table> {
        TABLES.iter().filter(|table| table.role == self.role)
    }
}

/// Carries everything over and compares it. Where a copy was whole already nothing is touched: the target may have been served
/// from since.
pub(super) async fn carry(sides: &Sides<'_>, report: &mut Report, told: &Told<'_>) -> Result<()> {
    let from = sides.from.open(&COPIED, sides.registry).await?;
    let to = match sides.to.open(&COPIED, sides.registry).await {
        Ok(to) => to,
        Err(e) => {
            from.close().await;
            return Err(e);
        }
    };
    let carried = between(sides, &from, &to, report, told).await;
    to.close().await;
    from.close().await;
    carried
}

async fn between(
    sides: &Sides<'_>,
    from: &Backends,
    to: &Backends,
    report: &mut Report,
    told: &Told<'_>,
) -> Result<()> {
    if !from.pending().await?.is_empty() {
        let what = "the source: schema steps are pending; run `hark migrate` with its configuration first";
        return Err(Error::new(ErrorKind::Conflict, "copy.source", what));
    }
    check_keys(sides, &from.sealed()).await?;
    let parts = parts(sides, from, to, told)?;
    let Some(truth) = parts.iter().find(|part| part.role == Role::Memory) else {
        return Err(Error::new(ErrorKind::Internal, "copy.parts", "nobody plays the truth"));
    };
    to.migrate().await.map_err(|e| sides.to.about(e))?;

    let mut note = Note { from: sides.mark(), copied_at: None };
    match Note::read(&*truth.to).await? {
        None => refuse_full(&parts).await?,
        Some(noted) if noted.from != note.from => return Err(of_another()),
        Some(Note { copied_at: Some(at), .. }) => {
            (told.step)(&format!("the tables were copied and compared at {at}, and are left alone since"));
            report.copied_at = Some(at);
            return Ok(());
        }
        Some(_) => (told.step)("going on with the copy that was begun"),
    }
    note.write(&*truth.to).await?;
    if let Ok(memory) = from.memory(&sides.from.plan) {
        put_on_record(memory, &sides.from.around(), "hark copy", None).await;
    }

    loop {
        let pass = walk(&parts, told).await?;
        report.passes += 1;
        report.moved = sum(report.moved, pass);
        let changed = pass.written + pass.removed;
        if !sides.live || report.passes >= PASSES || changed <= LITTLE {
            break;
        }
        (told.step)(&format!("{changed} rows were carried; once more for what changed meanwhile"));
    }
    if sides.live {
        return Ok(());
    }
    (told.step)("comparing both sides");
    report.compared = compare(&parts).await?;
    if report.differing().next().is_none() {
        let at = now();
        note.copied_at = Some(at);
        note.write(&*truth.to).await?;
        report.copied_at = Some(at);
    }
    Ok(())
}

/// Whether the target can open whatever is sealed in the source.
async fn check_keys(sides: &Sides<'_>, sealed: &[Arc<dyn SealedStore>]) -> Result<()> {
    let mut needed = BTreeSet::new();
    for store in sealed {
        needed.extend(store.sealing_keys().await?.into_iter().map(|(_, key)| key));
    }
    let (own, there) = (sides.from.keyring.sealing_marks(), sides.to.keyring.sealing_marks());
    for id in &needed {
        let what = match (id.is_empty(), own.get(id), there.get(id)) {
            (true, ..) => {
                let what = "the source: names or summaries are not sealed yet since they are from an earlier version; run its \
                            server until `hark keyring list` tells of nothing in the clear";
                return Err(Error::new(ErrorKind::Conflict, "copy.keys", what));
            }
            (_, Some(own), Some(there)) if own == there => continue,
            (_, _, None) => "is missing from the target's keyring",
            (_, None, _) => "is missing from the source's own keyring",
            _ => "is another key than the one of that id in the target's keyring",
        };
        return Err(Error::config(format!(
            "encryption keys: something in the source is sealed with the key `{id}`, which {what}; use the source's keyring, \
             file `keys` or encryption.keys_file, for both"
        )));
    }
    Ok(())
}

fn parts(sides: &Sides<'_>, from: &Backends, to: &Backends, told: &Told<'_>) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for role in COPIED {
        if sides.share(role) {
            (told.step)(&format!("roles.{}: the same store on both sides, nothing to copy", role.name()));
            continue;
        }
        match (sides.from.archive(role, from)?, sides.to.archive(role, to)?) {
            (Some(from), Some(to)) => parts.push(Part { role, from, to }),
            (None, _) => {}
            (Some(_), None) => {
                (told.step)("roles.cache: the target keeps no embeddings; those that were paid for stay behind");
            }
        }
    }
    Ok(parts)
}

async fn refuse_full(parts: &[Part]) -> Result<()> {
    let mut full = Vec::new();
    for part in parts {
        let mut view = part.to.view().await?;
        for table in part.tables() {
            if !view.read(table, None, 1).await?.is_empty() {
                full.push(table.name);
            }
        }
    }
    if full.is_empty() {
        return Ok(());
    }
    let what = format!(
        "the target is not empty, and what it holds ({}) is not of a copy; name an empty one: another data folder, another \
         `schema`, or drop what is there",
        full.join(", ")
    );
    Err(Error::new(ErrorKind::Conflict, "copy.target", what))
}

fn of_another() -> Error {
    let what = "the target holds a copy of another source, or of this one when it was configured otherwise; name an empty \
                target: another data folder, another `schema`, or drop what is there";
    Error::new(ErrorKind::Conflict, "copy.target", what)
}

/// A store of the source, and what it held at one moment.
type Seen<'a> = (&'a Arc<dyn Archive>, Box<dyn View>);

/// One walk over everything, of one moment in each store of the source.
async fn walk(parts: &[Part], told: &Told<'_>) -> Result<Merged> {
    let mut all = Merged::default();
    let mut views: Vec<Seen<'_>> = Vec::new();
    for part in parts {
        if !views.iter().any(|(of, _)| Arc::ptr_eq(of, &part.from)) {
            views.push((&part.from, part.from.view().await?));
        }
    }
    for part in parts {
        let Some((_, view)) = views.iter_mut().find(|(of, _)| Arc::ptr_eq(of, &part.from)) else { continue };
        for table in part.tables() {
            let every = 100 * table.batch as u64;
            let tell = |rows: u64| {
                if rows > 0 && rows.is_multiple_of(every) {
                    (told.step)(&format!("{}: {rows} rows", table.name));
                }
            };
            let done = merge(table, view.as_mut(), &*part.to, &tell).await?;
            if done.read > 0 || done.is_changed() {
                let Merged { read, written, removed } = done;
                (told.step)(&format!("{}: {read} rows, {written} written, {removed} removed", table.name));
            }
            all = sum(all, done);
        }
    }
    Ok(all)
}

async fn compare(parts: &[Part]) -> Result<Vec<Compared>> {
    let mut all = Vec::new();
    for part in parts {
        let (mut from, mut to) = (part.from.view().await?, part.to.view().await?);
        for table in part.tables() {
            let (from, to) = tokio::try_join!(digest(from.as_mut(), table), digest(to.as_mut(), table))?;
            all.push(Compared { table: table.name, from, to });
        }
    }
    Ok(all)
}

fn sum(a: Merged, b: Merged) -> Merged {
    Merged { read: a.read + b.read, written: a.written + b.written, removed: a.removed + b.removed }
}
