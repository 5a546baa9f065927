//! No kind without its suites: what a kind offers is run against the contract, in `backends/<kind>/tests/`.

use hark_core::backend::{Registry, Role};
use std::path::{Path, PathBuf};

/// The macro that runs a role's suite; `None` for roles whose contract is tested through what is built on them.
fn suite(role: Role) -> Option<&'static str> {
    match role {
        Role::Memory => Some("memory_store_suite!"),
        Role::Jobs => Some("job_queue_suite!"),
        Role::Vectors => Some("vector_store_suite!"),
        Role::Keywords => Some("keyword_store_suite!"),
        Role::Embedder | Role::Chat | Role::Extractor | Role::Classifier => None,
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
    assert!(kinds.iter().any(|info| info.kind == "ram") && kinds.len() > 4, "{kinds:?}");
    for info in kinds {
        let file = tests_of(info.kind);
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|e| panic!("kind `{}` has no {}: {e}", info.kind, file.display()));
        for suite in info.roles.iter().filter_map(|role| suite(*role)) {
            assert!(text.contains(suite), "kind `{}` does not run {suite}", info.kind);
        }
    }
}
