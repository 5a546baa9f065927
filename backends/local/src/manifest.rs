//! `hark-model.json`: what is known of a fetched model, written when it is fetched.

use crate::error::{self, LOAD, corrupt};
use hark_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// File name of the network.
pub(crate) const MODEL_FILE: &str = "model.onnx";
/// File name of the tokenizer.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
/// File name of the manifest.
pub(crate) const MANIFEST_FILE: &str = "hark-model.json";

const MAX_TOKENS: usize = 8192;
const MAX_DIMENSIONS: usize = 8192;

/// How the vectors of the pieces become the vector of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pooling {
    /// Their mean.
    Mean,
    /// The first piece's.
    Cls,
}

/// Everything that decides a model's numbers. Vectors are always made unit length, so that is no setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Numbers in a vector.
    pub(crate) dimensions: usize,
    /// Pieces read of a text, special ones included; the rest is cut off.
    pub(crate) max_tokens: usize,
    /// From pieces to text.
    pub(crate) pooling: Pooling,
    /// Put before a question.
    #[serde(default)]
    pub(crate) query_prefix: String,
    /// Put before a memory; `{sector}` in it stands for the name of its sector.
    #[serde(default)]
    pub(crate) document_prefix: String,
    /// Cosine from which two memories are linked, if it was measured.
    #[serde(default)]
    pub(crate) link_threshold: Option<f32>,
    /// SHA-256 of `model.onnx` in lower-case hexadecimal.
    pub(crate) model_sha256: String,
    /// SHA-256 of `tokenizer.json` in lower-case hexadecimal.
    pub(crate) tokenizer_sha256: String,
}

impl Manifest {
    /// Reads and checks the manifest in a folder; `None` if there is none.
    ///
    /// # Errors
    /// `Corrupt` when it does not parse, `Unavailable` when it cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(MANIFEST_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error::io(LOAD, "read", &path, error)),
        };
        let manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|error| corrupt(LOAD, format!("{} does not parse", path.display())).with_source(error))?;
        manifest.check()?;
        Ok(Some(manifest))
    }

    /// Writes the manifest into a folder.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(MANIFEST_FILE);
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| corrupt(LOAD, "the manifest cannot be written as json").with_source(error))?;
        json.push(b'\n');
        fs::write(&path, json).map_err(|error| error::io(LOAD, "write", &path, error))
    }

    /// The name of the space: the folder's name and a fingerprint of all that changes the numbers.
    pub(crate) fn space_name(&self, name: &str) -> String {
        let decides = (
            &self.model_sha256,
            &self.tokenizer_sha256,
            self.max_tokens,
            self.pooling == Pooling::Cls,
            &self.query_prefix,
            &self.document_prefix,
        );
        let fingerprint = sha256_hex(format!("{decides:?}").as_bytes());
        format!("{name}-{}", &fingerprint[..8])
    }

    /// Whether its numbers are in range.
    ///
    /// # Errors
    /// `Corrupt`, naming the field.
    pub(crate) fn check(&self) -> Result<()> {
        if !(1..=MAX_DIMENSIONS).contains(&self.dimensions) {
            return Err(unusable("dimensions", MAX_DIMENSIONS));
        }
        // Two pieces frame every text; fewer would leave no room for a word.
        if !(3..=MAX_TOKENS).contains(&self.max_tokens) {
            return Err(unusable("max_tokens", MAX_TOKENS));
        }
        if self.link_threshold.is_some_and(|cosine| !(0.0..=1.0).contains(&cosine)) {
            return Err(unusable("link_threshold", 1));
        }
        Ok(())
    }
}

fn unusable(field: &str, most: usize) -> Error {
    corrupt(LOAD, format!("{MANIFEST_FILE}: {field} is out of range, at most {most}"))
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
    }
    hex
}

/// A file's content, if it is the one meant.
///
/// # Errors
/// `Corrupt` when its SHA-256 is another, `Unavailable` when it cannot be read.
pub(crate) fn read_verified(path: &Path, sha256: &str, operation: &'static str) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(|error| error::io(operation, "read", path, error))?;
    if sha256_hex(&bytes) != sha256 {
        return Err(corrupt(operation, format!("{} is not the file it should be: its sha256 differs", path.display())));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            dimensions: 384,
            max_tokens: 256,
            pooling: Pooling::Mean,
            query_prefix: String::new(),
            document_prefix: String::new(),
            link_threshold: None,
            model_sha256: sha256_hex(b"model"),
            tokenizer_sha256: sha256_hex(b"tokenizer"),
        }
    }

    #[test]
    fn the_space_changes_its_name_with_whatever_changes_the_numbers() {
        let name = manifest().space_name("m");
        assert_eq!(name, manifest().space_name("m"));
        let others = [
            Manifest { model_sha256: sha256_hex(b"another"), ..manifest() },
            Manifest { tokenizer_sha256: sha256_hex(b"another"), ..manifest() },
            Manifest { max_tokens: 128, ..manifest() },
            Manifest { pooling: Pooling::Cls, ..manifest() },
            Manifest { query_prefix: "query: ".into(), ..manifest() },
            Manifest { document_prefix: "query: ".into(), ..manifest() },
        ];
        let mut names: Vec<_> = others.iter().map(|other| other.space_name("m")).chain([name.clone()]).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), others.len() + 1);
        assert_eq!(Manifest { link_threshold: Some(0.5), ..manifest() }.space_name("m"), name);
    }

    #[test]
    fn what_is_written_is_read_again_and_nonsense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), None);
        manifest().write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), Some(manifest()));
        for bad in [Manifest { dimensions: 0, ..manifest() }, Manifest { max_tokens: 2, ..manifest() }] {
            bad.write(folder.path()).unwrap();
            assert_eq!(Manifest::read(folder.path()).unwrap_err().kind(), hark_core::ErrorKind::Corrupt);
        }
    }
}
