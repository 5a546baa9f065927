//! Backup and restore on a real SQLite file: what was remembered is remembered, and whoever was erased stays erased.

use super::backup_home::{Home, NUMBERS, silent};
use hark_core::{AuditFilter, Error, ErrorKind, PageRequest};
use hark_server::backup::restore;
use std::path::Path;

fn is(error: &Error, kind: ErrorKind, words: &[&str]) {
    assert_eq!(error.kind(), kind, "{error:?}");
    for word in words {
        assert!(error.context().contains(word), "{word}: {error}");
    }
}

fn edit(file: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(file).expect("a file");
    let changed = change(text.clone());
    assert_ne!(text, changed, "the test changes something");
    std::fs::write(file, changed).expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recall_is_the_same_after_a_restore_into_an_empty_folder() {
    let home = Home::new();
    let running = home.populated("old").await;
    let before = home.recalls(&running).await;
    assert!(before.iter().filter(|answer| !answer.hits.is_empty()).count() > before.len() / 2, "{before:?}");
    // The server goes on while it is copied, and what it learns later is not in the copy.
    let manifest = home.back_up("old", "backup", false).await.expect("a backup");
    home.call(&running, NUMBERS[0], "conv_later", "I have just bought a yellow submarine.").await;
    assert_ne!(home.recalls(&running).await, before, "the recalls can tell");
    running.stop().await;
    assert!(!manifest.keys.included && manifest.keys.sealing.len() == 1 && manifest.files.len() == 1);
    assert_eq!(manifest.parts[0].holds.space.as_ref().expect("a space").model, "letters");

    home.copy_keys("old", "new");
    let restored = home.restore("new", "backup", None).await.expect("it comes back");
    assert_eq!(restored.manifest, manifest);
    let memories = restored.manifest.parts[0].holds.rows["memories"];
    assert_eq!(restored.again.indexed.expect("words and vectors"), memories);
    let running = home.start("new").await.expect("it starts");
    assert_eq!(home.recalls(&running).await, before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keys_a_backup_needs_nothing_else_and_nobody_else_can_read_it() {
    let home = Home::new();
    let running = home.populated("old").await;
    let before = home.recalls(&running).await;
    running.stop().await;
    assert!(home.back_up("old", "backup", true).await.expect("a backup").keys.included);
    home.restore("new", "backup", None).await.expect("it comes back");
    for secret in ["keys", "credentials.toml"] {
        let read = |place: &str| std::fs::read_to_string(home.path(place).join(secret)).expect("a file");
        assert_eq!(read("old"), read("new"), "{secret}");
    }
    #[cfg(unix)]
    for file in ["manifest.json", "keys", "credentials.toml", "memory/sqlite.db"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(home.path("backup").join(file)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let running = home.start("new").await.expect("it starts");
    assert_eq!(home.recalls(&running).await, before);
    let filter = AuditFilter { actor: Some("folder".to_owned()), ..AuditFilter::default() };
    let app = &running.app;
    let log = app.engine.memory.audit_log(app.default_tenant(), &filter, &PageRequest::first(9)).await.expect("a log");
    let lines: Vec<_> = log.items.iter().map(|line| (line.route.as_str(), line.object.as_deref())).collect();
    assert_eq!(lines, [("hark restore", None), ("hark backup", Some("with keys"))], "it says itself who has what");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_erased_after_the_backup_stays_erased_with_the_ledger() {
    let home = Home::new();
    let running = home.populated("old").await;
    home.back_up("old", "backup", true).await.expect("a backup");
    let gone = home.scope(&running, NUMBERS[1]).await;
    running.app.ingest.erase(&gone).await.expect("it is erased").expect("somebody");
    let before = home.recalls(&running).await;
    assert_eq!(home.write_ledger("old", "ledger").await.expect("a ledger"), 1);
    let text = std::fs::read_to_string(home.path("ledger")).expect("a ledger");
    for word in [gone.caller.as_str(), NUMBERS[1], "conv_"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    running.stop().await;

    // Without it the person is back, which is what the ledger is for.
    home.restore("without", "backup", None).await.expect("it comes back");
    let running = home.start("without").await.expect("it starts");
    assert!(running.app.engine.memory.user(&gone).await.expect("an answer").is_some());
    running.stop().await;

    let restored = home.restore("with", "backup", Some("ledger")).await.expect("it comes back");
    assert_eq!((restored.again.ledger, restored.again.erased_again), (1, 1));
    let running = home.start("with").await.expect("it starts");
    let memory = &running.app.engine.memory;
    assert_eq!(memory.user(&gone).await.expect("an answer"), None);
    assert_eq!(home.recalls(&running).await, before);
    // Nor does an old call bring the person back.
    home.call(&running, NUMBERS[1], "conv_1_0", "I keep bees on the roof.").await;
    let people = memory.users(&gone.tenant, &PageRequest::first(99)).await.expect("people");
    assert_eq!(people.items.len(), NUMBERS.len() - 1);
    running.stop().await;
}

/// As when an administrator has brought a database back from an archive of its own.
#[tokio::test(flavor = "multi_thread")]
async fn over_stores_that_came_back_by_themselves_whoever_was_erased_since_is_erased_again() {
    let home = Home::new();
    let running = home.populated("old").await;
    home.back_up("old", "backup", true).await.expect("a backup");
    let gone = home.scope(&running, NUMBERS[1]).await;
    running.app.ingest.erase(&gone).await.expect("it is erased").expect("somebody");
    let before = home.recalls(&running).await;
    home.write_ledger("old", "ledger").await.expect("a ledger");
    running.stop().await;

    home.restore("back", "backup", None).await.expect("it comes back");
    let running = home.start("back").await.expect("it starts");
    let error = home.forget_again("back", "ledger").await.expect_err("it is in use");
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Conflict, "data_dir.open"));
    assert!(running.app.engine.memory.user(&gone).await.expect("an answer").is_some());
    running.stop().await;
    std::fs::copy(home.path("ledger"), home.path("changed")).expect("a file");
    edit(&home.path("changed"), |text| text.replacen("\"created_at\": \"2", "\"created_at\": \"3", 1));
    is(&home.forget_again("back", "changed").await.expect_err("it was changed"), ErrorKind::Corrupt, &["ledger"]);

    for erased_again in [1, 0] {
        let again = home.forget_again("back", "ledger").await.expect("it is done");
        assert_eq!((again.ledger, again.erased_again), (1, erased_again));
        assert!(again.indexed.expect("words and vectors") > 0);
    }
    let running = home.start("back").await.expect("it starts");
    assert_eq!(running.app.engine.memory.user(&gone).await.expect("an answer"), None);
    assert_eq!(home.recalls(&running).await, before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_older_or_was_changed_is_refused() {
    let home = Home::new();
    home.populated("old").await.stop().await;
    home.write_ledger("old", "early").await.expect("a ledger");
    home.back_up("old", "backup", true).await.expect("a backup");
    let error = home.restore("new", "backup", Some("early")).await.expect_err("it is older");
    is(&error, ErrorKind::Config, &["--ledger", "older", "--ledger-only"]);
    home.write_ledger("old", "late").await.expect("a ledger");
    edit(&home.path("late"), |text| text.replacen("\"created_at\": \"2", "\"created_at\": \"3", 1));
    let error = home.restore("new", "backup", Some("late")).await.expect_err("it was changed");
    is(&error, ErrorKind::Corrupt, &["ledger", "signature"]);
    home.write_ledger("old", "late").await.expect("a ledger, in place of the other");
    home.restore("new", "backup", Some("late")).await.expect("nothing had been written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_broke_off_or_was_changed_is_refused_and_nothing_is_written() {
    let home = Home::new();
    home.populated("old").await.stop().await;
    let refused = async |words: &[&str]| {
        let error = home.restore("new", "backup", None).await.expect_err("it is refused");
        is(&error, ErrorKind::Corrupt, words);
        let left: Vec<_> = std::fs::read_dir(home.path("new")).expect("a folder").flatten().collect();
        assert!(left.iter().all(|entry| entry.file_name() == "lock"), "{left:?}");
        std::fs::remove_dir_all(home.path("backup")).expect("a folder");
        home.back_up("old", "backup", true).await.expect("a backup");
    };
    home.back_up("old", "backup", true).await.expect("a backup");
    let (manifest, copy) = (home.path("backup").join("manifest.json"), home.path("backup").join("memory/sqlite.db"));

    // The manifest is written last: until then there is none.
    std::fs::remove_file(&manifest).expect("a file");
    refused(&["manifest.json", "broken off"]).await;
    edit(&manifest, |text| text[..text.len() / 2].to_owned());
    refused(&["manifest.json", "broken off"]).await;
    edit(&manifest, |text| text.replacen("\"memories\": ", "\"memories\": 1", 1));
    refused(&["manifest.json", "signature"]).await;
    edit(&manifest, |text| text.replace("\"format\": 1", "\"format\": 2"));
    refused(&["later Hark"]).await;
    let mut bytes = std::fs::read(&copy).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&copy, &bytes).expect("a file");
    refused(&["memory/sqlite.db", "SHA-256"]).await;
    std::fs::write(&copy, &bytes[..middle]).expect("a file");
    refused(&["memory/sqlite.db", "bytes instead of"]).await;
    std::fs::remove_file(&copy).expect("a file");
    refused(&["memory/sqlite.db", "missing"]).await;
    home.restore("new", "backup", None).await.expect("whole, it comes back");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_other_keys_are_named_before_anything_is_written() {
    let home = Home::new();
    home.populated("old").await.stop().await;
    let manifest = home.back_up("old", "backup", false).await.expect("a backup");
    let id = manifest.keys.sealing.keys().next().expect("a key");
    let keys = std::fs::read_to_string(home.path("old").join("keys")).expect("keys");
    let lookup = keys.lines().next().expect("the look-up key");
    let zeros = "00".repeat(32);
    let refused = async |keys: Option<String>, words: &[&str]| {
        if let Some(keys) = keys {
            std::fs::create_dir_all(home.path("new")).expect("a folder");
            std::fs::write(home.path("new").join("keys"), keys).expect("a file");
        }
        let error = home.restore("new", "backup", None).await.expect_err("it is refused");
        is(&error, ErrorKind::Config, words);
        assert!(!home.path("new").join("memory.db").exists());
        for secret in keys_of(&std::fs::read_to_string(home.path("old").join("keys")).expect("keys")) {
            assert!(!format!("{error:?}").contains(&secret));
        }
    };
    refused(None, &["--with-keys", "encryption.keys_file"]).await;
    refused(Some(format!("lookup {zeros}\nseal {id} {zeros}\n")), &["`lookup`", "keys_file"]).await;
    refused(Some(format!("{lookup}\nseal k1 {zeros}\n")), &[id, "is missing here"]).await;
    refused(Some(format!("{lookup}\nseal {id} {zeros}\n")), &[id, "another key"]).await;
    // Rotated since: the old key is still there.
    std::fs::write(home.path("new").join("keys"), keys.replacen("seal", &format!("seal k1 {zeros}\nseal"), 1))
        .expect("keys");
    home.restore("new", "backup", None).await.expect("it comes back");
}

fn keys_of(text: &str) -> Vec<String> {
    text.split_whitespace().filter(|word| word.len() == 64).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_over_and_a_half_restored_folder_serves_nobody() {
    let home = Home::new();
    home.populated("old").await.stop().await;
    home.back_up("old", "backup", true).await.expect("a backup");
    let again = home.back_up("old", "backup", true).await.expect_err("it is not empty");
    is(&again, ErrorKind::Conflict, &["backup is not empty"]);
    let onto = home.restore("old", "backup", None).await.expect_err("it is in use");
    is(&onto, ErrorKind::Conflict, &["it holds `", "--data-dir"]);

    // The file's place is taken, which shows only when it is put there.
    let taken = home.path("elsewhere.db");
    std::fs::write(&taken, "").expect("a file");
    let loaded = home.loaded_with("new", &[("HARK_BACKENDS__MAIN__PATH", &taken.display().to_string())]);
    let error = restore(&loaded, &Home::registry(), &home.path("backup"), None, &silent()).await.expect_err("taken");
    is(&error, ErrorKind::Conflict, &["elsewhere.db", "there already"]);
    for error in [home.start("new").await.map(drop), home.restore("new", "backup", None).await.map(drop)] {
        is(&error.expect_err("half restored"), ErrorKind::Config, &["not finished", "hark restore"]);
    }
    std::fs::remove_dir_all(home.path("new")).expect("a folder");
    home.restore("new", "backup", None).await.expect("it comes back");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedder_that_is_away_costs_the_index_not_the_restore() {
    let home = Home::new();
    let running = home.populated("old").await;
    let before = home.recalls(&running).await;
    running.stop().await;
    home.back_up("old", "backup", true).await.expect("a backup");
    let loaded = home.loaded_with("new", &[("HARK_BACKENDS__LETTERS__DOWN", "true")]);
    let restored = restore(&loaded, &Home::registry(), &home.path("backup"), None, &silent()).await.expect("the truth");
    assert_eq!(restored.again.indexed.expect_err("no vectors").kind(), ErrorKind::Unavailable);
    let running = home.start("new").await.expect("it starts");
    assert_eq!(home.recalls(&running).await, before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_copied_says_so() {
    let home = Home::new();
    home.populated("old").await.stop().await;
    let error = home.back_up("nowhere", "backup", false).await.expect_err("there are no keys");
    is(&error, ErrorKind::Config, &["encryption keys"]);
    assert!(!home.path("nowhere").exists() && !home.path("backup").exists(), "nothing is made");
    let ram = home.loaded_with("old", &[("HARK_ROLES__MEMORY", "ram"), ("HARK_ROLES__JOBS", "ram")]);
    let error = home.back_up_loaded(&ram, "backup", false).await.expect_err("RAM");
    is(&error, ErrorKind::Unsupported, &["roles.jobs", "ram", "own means"]);
    // Keys and schema of a backend that plays other roles now.
    home.back_up("old", "whole", true).await.expect("a backup");
    let apart = home.loaded_with("new", &[("HARK_ROLES__JOBS", "ram")]);
    let error =
        restore(&apart, &Home::registry(), &home.path("whole"), None, &silent()).await.expect_err("other roles");
    is(&error, ErrorKind::Config, &["roles.jobs and roles.memory", "sqlite"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_truth_is_told_with_what_to_do_about_it() {
    let home = Home::new();
    home.populated("old").await.stop().await;
    let file = home.path("old").join("memory.db");
    std::fs::write(&file, "This is no database. ".repeat(1_000)).expect("a file");
    let error = home.start("old").await.expect_err("it is damaged");
    is(&error, ErrorKind::Corrupt, &["memory.db", "`hark restore`", "docs/operations/backup.md"]);
    let error = home.back_up("old", "backup", false).await.expect_err("it is damaged");
    is(&error, ErrorKind::Corrupt, &["memory.db"]);
    assert!(!home.path("backup").join("manifest.json").exists());
}
