//! What is on disk outlives the process, the indexes can be thrown away, and a folder has one master.

use crate::harness::{Home, call};
use std::fs;

const NUMBER: &str = "+14155550777";

async fn finds_the_boots(home: &Home) {
    let user = home.get("/v1/users").await["items"][0]["id"].as_str().expect("a user").to_owned();
    let answer = home.ask(&user, "which boots were ordered").await;
    assert_eq!(answer["mode"], "hybrid", "{answer}");
    let best = answer["memories"][0]["content"].as_str().unwrap_or_default().to_lowercase();
    assert!(best.contains("boots"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_outlive_the_process_and_lost_indexes_are_rebuilt() {
    let home = Home::new();
    let server = home.serve().await;
    home.deliver(&call("conv_b", NUMBER, &["I ordered two pairs of boots last week, order number 5521."])).await;
    home.until_idle().await;
    finds_the_boots(&home).await;
    server.kill();

    let server = home.serve().await;
    finds_the_boots(&home).await;
    server.kill();

    for index in ["vectors", "words"] {
        fs::remove_dir_all(home.data().join("data").join(index)).expect("the index folder is there");
    }
    let server = home.serve().await;
    home.until("rebuilt indexes", async || {
        let user = home.get("/v1/users").await["items"][0]["id"].as_str().expect("a user").to_owned();
        let answer = home.ask(&user, "which boots were ordered").await;
        answer["mode"] == "hybrid"
            && answer["memories"][0]["score_parts"].is_null()
            && answer["memories"][0].is_object()
    })
    .await;
    finds_the_boots(&home).await;
    server.kill();

    let reindexed = home.command().arg("reindex").status().expect("the binary starts");
    assert!(reindexed.success());
    let _server = home.serve().await;
    finds_the_boots(&home).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_folder_is_refused_and_harms_nothing() {
    let home = Home::new();
    let _server = home.serve().await;
    let other = Home::new();
    let mut second = home.command();
    second.env("HARK_SERVER__BIND", format!("127.0.0.1:{}", other.port)).arg("serve");
    let output = second.stderr(std::process::Stdio::piped()).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another hark process uses it"), "{said}");
    assert_eq!(home.get("/v1/queue").await["dead"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_stands_nowhere_in_the_clear() {
    let home = Home::new();
    let server = home.serve().await;
    // Said, but nothing the rules would make a memory of: it may exist in the sealed transcript only.
    let event = call("conv_s", NUMBER, &["Call me Sam. Hmm xylophonequartz umm well you know."]);
    home.deliver(&event).await;
    home.until_idle().await;
    server.kill();
    let mut files = vec![home.data().to_path_buf()];
    let mut looked_at = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).expect("readable").flatten().map(|entry| entry.path()));
            continue;
        }
        looked_at += 1;
        let bytes = fs::read(&path).expect("readable");
        for planted in ["xylophonequartz", NUMBER, &NUMBER[1..]] {
            let found = bytes.windows(planted.len()).any(|w| w.eq_ignore_ascii_case(planted.as_bytes()));
            assert!(!found, "found in {}", path.file_name().unwrap_or_default().to_string_lossy());
        }
    }
    assert!(looked_at > 5, "the folder was looked at");
}
