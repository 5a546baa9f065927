//! The index folder: held by one process, checked when it is opened, set aside when it is damaged.

use crate::analysis::{ANALYSIS, analyzer};
use crate::error::{is_broken, panicked, translate};
use crate::unsynced::UnsyncedDirectory;
use hark_core::{Error, ErrorKind, Result};
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use tantivy::directory::{Directory, MmapDirectory};
use tantivy::schema::Schema;
use tantivy::tokenizer::TokenizerManager;
use tantivy::{Index, IndexReader, ReloadPolicy, TantivyError};

const OPEN: &str = "tantivy.open";

/// An open index. Dropping the lock gives the folder free.
pub(crate) struct Folder {
    pub(crate) index: Index,
    pub(crate) reader: IndexReader,
    pub(crate) lock: File,
}

impl Folder {
    /// Opens the index, or makes one. Blocks; reads every file once to verify its checksum.
    ///
    /// # Errors
    /// `Config` when the folder cannot be made or written; `Conflict` when another process holds it;
    /// `Unavailable` when the disk fails.
    pub(crate) fn open(path: &Path, schema: &Schema, sync: bool) -> Result<Self> {
        let lock = hold(path)?;
        let (index, reader) = match open_checked(path, schema, sync) {
            Ok(open) => open,
            Err(Trouble::Disk(error)) => return Err(translate(OPEN, error)),
            Err(Trouble::Broken(reason)) => {
                let aside = set_aside(path)?;
                tracing::warn!(%reason, aside = %aside.display(), "the keyword index is unusable; starting empty, to be rebuilt");
                open_checked(path, schema, sync).map_err(|trouble| match trouble {
                    Trouble::Disk(error) => translate(OPEN, error),
                    Trouble::Broken(_) => panicked(OPEN),
                })?
            }
        };
        Ok(Self { index, reader, lock })
    }
}

/// The lock stands beside the folder, so that it survives the folder being set aside. The system drops it when
/// its holder dies, whatever way; a lock file left behind means nothing.
fn hold(path: &Path) -> Result<File> {
    let refused = |e: io::Error| {
        let context = format!("path: the folder {} cannot be written; correct path or its permissions", path.display());
        Error::new(ErrorKind::Config, OPEN, context).with_source(e)
    };
    fs::create_dir_all(path).map_err(refused)?;
    let lock = File::options().create(true).truncate(false).write(true).open(beside(path, "lock")).map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let context = format!("path: another process holds the folder {}", path.display());
            Err(Error::new(ErrorKind::Conflict, OPEN, context))
        }
        Err(TryLockError::Error(e)) => Err(refused(e)),
    }
}

enum Trouble {
    Broken(String),
    Disk(TantivyError),
}

impl From<TantivyError> for Trouble {
    fn from(error: TantivyError) -> Self {
        if is_broken(&error) { Self::Broken(error.to_string()) } else { Self::Disk(error) }
    }
}

/// tantivy answers some kinds of damage by panicking; here that is an answer like any other.
fn open_checked(path: &Path, schema: &Schema, sync: bool) -> Result<(Index, IndexReader), Trouble> {
    catch_unwind(AssertUnwindSafe(|| {
        let index = open_or_create(path, schema, sync)?;
        let damaged = index.validate_checksum()?;
        if !damaged.is_empty() {
            return Err(Trouble::Broken(format!("{} files have a wrong checksum", damaged.len())));
        }
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok((index, reader))
    }))
    .unwrap_or_else(|_| Err(Trouble::Broken("opening it panicked".into())))
}

fn open_or_create(path: &Path, schema: &Schema, sync: bool) -> Result<Index, TantivyError> {
    fs::create_dir_all(path)?;
    let tokenizers = TokenizerManager::default();
    tokenizers.register(ANALYSIS, analyzer());
    let directory: Box<dyn Directory> =
        if sync { Box::new(MmapDirectory::open(path)?) } else { Box::new(UnsyncedDirectory::open(path)?) };
    Index::builder().schema(schema.clone()).tokenizers(tokenizers).open_or_create(directory)
}

fn set_aside(path: &Path) -> Result<PathBuf> {
    let free = (1..).map(|n| beside(path, &format!("broken-{n}"))).find(|candidate| !candidate.exists());
    let aside = free.expect("numbers do not run out");
    fs::rename(path, &aside).map_err(|e| translate(OPEN, e.into()))?;
    Ok(aside)
}

/// `words` and `lock` make `words.lock`, in the same folder.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}
