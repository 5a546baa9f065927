//! How the tests open this backend.

use hark_core::ai::Embedder;
use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_local::{Source, fetch, register};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A context on a data folder.
pub(crate) fn context(data_dir: &Path) -> OpenContext {
    OpenContext {
        data_dir: data_dir.to_owned(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    }
}

/// Opens kind `local` with a section, as the server does.
pub(crate) async fn open(section: Value, data_dir: &Path) -> hark_core::Result<Arc<dyn Backend>> {
    let mut registry = Registry::new();
    register(&mut registry);
    registry.open("local", section, &context(data_dir)).await
}

/// The embedder of a section that opens.
pub(crate) async fn embedder(section: Value, data_dir: &Path) -> Arc<dyn Embedder> {
    open(section, data_dir).await.expect("it opens").embedder().expect("the role it offers")
}

/// The folder with the model made by `make_tiny.py`, laid out as published ones are.
pub(crate) fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny")
}

/// A data folder into which the tiny model was fetched.
pub(crate) async fn with_tiny() -> tempfile::TempDir {
    let data = tempfile::tempdir().expect("a folder");
    fetch("tiny", Source::Folder(tiny()), &data.path().join("models"), |_| {}).await.expect("it is fetched");
    data
}
