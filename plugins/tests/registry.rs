//! No kind without its suites: what a kind offers is run against the contract, in `backends/<kind>/tests/`.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use hark_core::backend::{Registry, Role};
use std::path::{Path, PathBuf};

/// The macro that runs a role's suite.
fn suite(role: Role) -> &'static str {
    match role {
        Role::Memory => "memory_store_suite!",
        Role::Jobs => "job_queue_suite!",
        Role::Vectors => "vector_store_suite!",
        Role::Keywords => "keyword_store_suite!",
        Role::Embedder => "embedder_suite!",
        Role::Chat => "chat_suite!",
        Role::Extractor => "extractor_suite!",
        Role::Classifier => "classifier_suite!",
        Role::Cache => "embedding_cache_suite!",
        Role::Limits => "rate_limiter_suite!",
    }
}

fn tests_of(kind: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    match kind {
        "ram" => root.join("core/tests/ram.rs"),
        kind => root.join(format!("backends/{kind}/tests/conformance.rs")),
    }
}

#[test]
fn every_kind_runs_the_suite_of_every_role_it_offers() {
    let mut registry = Registry::new();
    hark_plugins::install(&mut registry);
    let kinds = registry.kinds();
    assert!(kinds.iter().any(|info| info.kind == "ram") && kinds.len() > 6, "{kinds:?}");
    for info in kinds {
        let file = tests_of(info.kind);
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|e| panic!("kind `{}` has no {}: {e}", info.kind, file.display()));
        for suite in info.roles.iter().map(|role| suite(*role)) {
            assert!(text.contains(suite), "kind `{}` does not run {suite}", info.kind);
        }
    }
}
