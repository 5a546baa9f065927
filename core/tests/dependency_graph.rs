//! Who may know whom, asked of Cargo itself.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What does input and output, or belongs to one outside system: not core's business.
const DRIVERS: [&str; 13] = [
    "axum",
    "sqlx",
    "sqlx-core",
    "lancedb",
    "lance",
    "arrow",
    "datafusion",
    "tantivy",
    "reqwest",
    "async-openai",
    "hyper",
    "tower-http",
    "redis",
];

/// Runs cargo in this workspace and answers what it wrote.
fn cargo(args: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo).args(args).current_dir(root).output().unwrap();
    assert!(done.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Every package a package reaches with these features, without what only its tests and build scripts need.
fn reaches(package: &str, features: &[&str]) -> BTreeSet<String> {
    let mut args = vec!["tree", "--locked", "--package", package, "--edges", "normal", "--prefix", "none"];
    args.extend(["--target", "all", "--format", "{p}"]);
    args.extend(features);
    let names = cargo(&args).lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    let names: BTreeSet<String> = names;
    assert!(names.contains(package), "cargo tree knows no {package}");
    names
}

/// The packages of this workspace, each with its direct normal dependencies.
fn members() -> Vec<(String, Vec<String>)> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--locked", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            // A normal dependency has no kind; optional ones count, whatever the features.
            (name(package), dependencies.filter(|d| d["kind"].is_null()).map(name).collect())
        })
        .collect()
}

/// The crates under `backends/`.
fn backends() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("backends");
    let names: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| format!("hark-{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    assert!(names.contains("hark-sqlite"), "{names:?}");
    names
}

fn direct(package: &str) -> Vec<String> {
    members().into_iter().find(|(name, _)| name == package).unwrap().1
}

#[test]
fn core_knows_nobody() {
    let reached = reaches("hark-core", &["--all-features"]);
    let wrong: Vec<_> = DRIVERS.iter().filter(|driver| reached.contains(**driver)).collect();
    assert!(wrong.is_empty(), "hark-core reaches {wrong:?}");
    let ours: Vec<_> = reached.iter().filter(|name| name.starts_with("hark-") && *name != "hark-core").collect();
    assert!(ours.is_empty(), "hark-core reaches {ours:?}");
}

#[test]
fn the_server_library_knows_only_core() {
    let reached = reaches("hark-server", &["--no-default-features"]);
    let ours: Vec<_> = reached.iter().filter(|name| name.starts_with("hark-")).collect();
    assert_eq!(ours, ["hark-core", "hark-server"]);
    let drivers = ["sqlx", "sqlx-core", "lancedb", "tantivy", "datafusion", "arrow"];
    let wrong: Vec<_> = drivers.iter().filter(|driver| reached.contains(**driver)).collect();
    assert!(wrong.is_empty(), "the server without its bundle reaches {wrong:?}");
}

#[test]
fn the_binary_has_the_whole_bundle() {
    let reached = reaches("hark-server", &[]);
    let missing: Vec<_> = backends().into_iter().filter(|backend| !reached.contains(backend)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in the binary");
}

#[test]
fn backends_know_core_alone() {
    for backend in backends() {
        let reached = reaches(&backend, &["--all-features"]);
        let ours: Vec<_> = reached.iter().filter(|name| name.starts_with("hark-")).map(String::as_str).collect();
        let expected = BTreeSet::from(["hark-core", backend.as_str()]);
        assert_eq!(ours.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn the_bundle_does_not_know_the_server() {
    let reached = reaches("hark-plugins", &["--all-features"]);
    assert!(!reached.contains("hark-server"), "hark-plugins reaches hark-server");
}

#[test]
fn the_chores_know_none_of_our_crates() {
    let ours: Vec<_> = direct("xtask").into_iter().filter(|name| name.starts_with("hark-")).collect();
    assert!(ours.is_empty(), "xtask depends on {ours:?}");
}

#[test]
fn only_the_binary_s_feature_brings_the_bundle_into_the_server() {
    let known: Vec<_> = direct("hark-server").into_iter().filter(|name| name.starts_with("hark-")).collect();
    assert_eq!(known, ["hark-core", "hark-plugins"]);
}
