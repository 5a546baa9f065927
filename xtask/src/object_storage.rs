//! Vectors in an object store: the tests of LanceDB's backend against a fake of S3, a Python package.
//!
//! Not among the ordinary tests: with the client of an object store LanceDB is another build, which takes as long again.

use crate::process::{self, Outcome, Workspace};
use crate::python;

const REQUIREMENTS: &str = "backends/lancedb/tests/object_storage/requirements.txt";

/// Builds the backend with the feature and runs all its tests. Without Python or network that is a failure: whoever asks for it
/// wants to know.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let python = python::environment(workspace, "object-storage-venv", REQUIREMENTS)?;
    let mut test = workspace.cargo(&["test", "--locked", "--package", "hark-lancedb", "--features", "object-storage"]);
    process::run(test.env("HARK_OBJECT_STORAGE_PYTHON", python))
}
