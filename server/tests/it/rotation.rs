//! A rotation of the encryption keys on a real SQLite file: everybody is found and kept out as before, and the old key is
//! needed by nothing in the end.

use super::backup_home::{Home, NUMBERS};
use hark_core::crypt::{Keyring, Purpose, reseal, uses};
use hark_core::people::Claim;
use hark_core::{ErrorKind, IdentityKind, SystemEntropy, TenantId};
use hark_server::running::Running;
use std::fs;
use std::path::Path;

/// Rotates as `hark keyring rotate` does; answers the ids of the old key and of the new one.
fn rotate(file: &Path) -> (String, String) {
    let old = ring(file);
    let new = old.rotated(&SystemEntropy);
    fs::write(file, &*new.to_text()).expect("writable");
    (old.active().id().to_owned(), new.active().id().to_owned())
}

fn ring(file: &Path) -> Keyring {
    Keyring::parse(&fs::read_to_string(file).expect("a keyring")).expect("a keyring")
}

async fn is_known(running: &Running, number: &str) -> bool {
    let claims = [Claim::new(IdentityKind::Phone, number)];
    running.app.people.find(&TenantId::new("default"), None, &claims).await.expect("an answer").is_some()
}

/// How many values that key seals.
async fn sealed_by(running: &Running, key: &str) -> u64 {
    uses(&running.app.sealed).await.expect("counts").get(key).map_or(0, |values| values.values().sum())
}

/// Whether any file of the folder but the keyring holds these bytes.
fn in_files(folder: &Path, bytes: &[u8]) -> bool {
    let mut found = false;
    for entry in fs::read_dir(folder).expect("readable").flatten().filter(|entry| entry.file_name() != "keys") {
        let held = fs::read(entry.path()).unwrap_or_default();
        found |= held.windows(bytes.len()).any(|window| window == bytes);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_goes_on_beside_calls_and_loses_nobody() {
    let home = Home::new();
    let running = home.populated("data").await;
    let gone = home.scope(&running, NUMBERS[1]).await;
    running.app.ingest.erase(&gone).await.expect("it is erased").expect("somebody");
    let before = home.recalls(&running).await;
    running.stop().await;
    home.back_up("data", "before", true).await.expect("a backup");

    let (old, new) = rotate(&home.path("data").join("keys"));
    let running = home.start("data").await.expect("it starts");
    let all = sealed_by(&running, &old).await;
    assert!(all > 20 && sealed_by(&running, &new).await == 0, "{all}");
    assert_eq!(home.recalls(&running).await, before, "old keys still open");
    // Calls come in while values are sealed anew; of racing resealings one works.
    let (app, numbers) = (&running.app, ["+4930555551", "+4930555552"]);
    let (first, second, ..) = tokio::join!(
        reseal(&app.engine, &app.sealed),
        reseal(&app.engine, &app.sealed),
        home.call(&running, numbers[0], "conv_new_0", "I keep llamas in the attic."),
        home.call(&running, numbers[1], "conv_new_1", "I keep marbles in the attic."),
        // Late news of the person who was erased.
        home.call(&running, NUMBERS[1], "conv_1_0", "I keep drums on the roof."),
    );
    let done: Vec<_> = [first, second].into_iter().filter_map(|done| done.expect("it goes well")).collect();
    assert!(done.iter().map(|done| done.replaced).sum::<u64>() == all && done.iter().any(|d| d.finished), "{done:?}");
    assert_eq!(sealed_by(&running, &old).await, 0);
    for _ in 0..100 {
        assert_eq!(reseal(&app.engine, &app.sealed).await.expect("it goes well"), None);
    }
    assert!(app.metrics.render().contains(r#"hark_encryption_stale_values{purpose="transcript"} 0"#));
    for number in [NUMBERS[0], NUMBERS[2], NUMBERS[3], numbers[0], numbers[1]] {
        assert!(is_known(&running, number).await, "{number}");
    }
    home.call(&running, NUMBERS[1], "conv_1_1", "I keep eels in the cellar.").await;
    assert!(!is_known(&running, NUMBERS[1]).await, "the ledger keeps out whom it kept out");
    assert_eq!(home.recalls(&running).await, before);
    assert!(!in_files(&home.path("data"), old.as_bytes()), "nothing of the old key is in any file");
    assert!(in_files(&home.path("data"), new.as_bytes()), "the files were looked at");
    running.stop().await;

    // Nothing needs the old key, but for what was copied before.
    let file = home.path("data").join("keys");
    let (both, only_new) = (ring(&file), ring(&file).without(&old).expect("an old key"));
    fs::write(&file, &*only_new.to_text()).expect("writable");
    let running = home.start("data").await.expect("it starts without the old key");
    assert_eq!(home.recalls(&running).await, before);
    running.stop().await;
    home.copy_keys("data", "restored");
    let error = home.restore("restored", "before", None).await.expect_err("its key is gone");
    assert!(error.kind() == ErrorKind::Config && error.context().contains(&old), "{error}");
    fs::write(home.path("restored").join("keys"), &*both.to_text()).expect("writable");
    home.restore("restored", "before", None).await.expect("it comes back");
    let running = home.start("restored").await.expect("it starts");
    assert!(sealed_by(&running, &old).await > 0);
    let again = reseal(&running.app.engine, &running.app.sealed).await.expect("it goes well").expect("there was some");
    assert!(again.finished && sealed_by(&running, &old).await == 0, "{again:?}");
    assert_eq!(home.recalls(&running).await, before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_missing_is_named_before_anything_is_served() {
    let home = Home::new();
    home.populated("data").await.stop().await;
    let file = home.path("data").join("keys");
    let (old, new) = rotate(&file);
    let both = fs::read_to_string(&file).expect("a keyring");
    fs::write(&file, &*ring(&file).without(&old).expect("an old key").to_text()).expect("writable");
    let error = home.start("data").await.expect_err("it cannot open what is there");
    assert_eq!(error.kind(), ErrorKind::Config);
    for told in
        [format!("`{old}` ("), "12 of kind transcript".to_owned(), format!("it has {new}"), "--with-keys".into()]
    {
        assert!(error.context().contains(&told), "{told}: {error}");
    }
    let secret = both.lines().last().and_then(|line| line.split(' ').nth(2)).expect("a key");
    assert!(!error.context().contains(secret));
    fs::write(&file, both).expect("writable");
    let running = home.start("data").await.expect("it starts");
    assert!(uses(&running.app.sealed).await.expect("counts")[&old].contains_key(&Purpose::Identity));
    running.stop().await;
}
