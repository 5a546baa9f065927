//! How the tests open this backend.

use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_openai::fake::FakeOpenAi;
use hark_openai::register;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Opens kind `openai` with a section, as the server does.
pub(crate) async fn open(section: Value) -> hark_core::Result<Arc<dyn Backend>> {
    let context = OpenContext {
        data_dir: PathBuf::from("unused"),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    let mut registry = Registry::new();
    register(&mut registry);
    registry.open("openai", section, &context).await
}

/// A section for the fake, with what `more` says.
pub(crate) fn section(fake: &FakeOpenAi, more: Value) -> Value {
    let mut section = json!({
        "base_url": fake.base_url(), "api_key": "sk-planted", "embedding_model": "fake", "dimensions": 64
    });
    if let (Value::Object(section), Value::Object(more)) = (&mut section, more) {
        section.extend(more);
    }
    section
}
