//! A card number told in a call is found in no memory, no evidence, no receipt, no answer and no log.

use super::harness::{Harness, call, ringing};
use super::lines::Lines;
use serde_json::json;
use tracing_subscriber::EnvFilter;

const NUMBER: &str = "+4930111111";

#[tokio::test]
async fn what_was_said_of_a_card_comes_back_from_nowhere() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("hark_core=trace,hark_server=trace"))
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let hark = Harness::default();
    let mut event = call("conv_1", NUMBER, &[]);
    event["data"]["transcript"] = json!([
        {"role": "agent", "message": "The card number, please. The first eight digits?", "time_in_call_secs": 0},
        {"role": "user", "message": "Four five three two, double one oh four.", "time_in_call_secs": 6},
        {"role": "agent", "message": "And the rest?", "time_in_call_secs": 8},
        {"role": "user", "message": "Double seven double eight, 1128. I live in Rostock.", "time_in_call_secs": 11},
        {"role": "agent", "message": "What is the password on your account?", "time_in_call_secs": 20},
        {"role": "user", "message": "It's marzipan.", "time_in_call_secs": 22},
        {"role": "user", "message": "My order number is 881442.", "time_in_call_secs": 30}
    ]);
    hark.learn(&event).await;

    let mut told = vec![hark.post("/webhooks/conversation-initiation", ringing("conv_2", NUMBER)).await.text];
    for query in
        ["What is the card number?", "the rest of the card, 4532 1104 7788 1128", "the password on the account"]
    {
        told.push(hark.ask(json!({"query": query, "conversation_id": "conv_2"})).await.to_string());
    }
    let noted = json!({"content": "Pays with 4532 1104 7788 1128, password is marzipan.", "conversation_id": "conv_2"});
    told.push(hark.post("/tools/remember", noted).await.text);
    let written = json!({"user_id": "sam@example.test", "content": "CVV is 945, PIN is 4532."});
    told.push(hark.post("/v1/memories", written).await.text);
    let caller = hark.get("/v1/conversations/conv_1").await.json["user_id"].as_str().unwrap().to_owned();
    for path in [
        format!("/v1/users/{caller}/memories"),
        format!("/v1/users/{caller}"),
        "/v1/users/sam@example.test/memories".to_owned(),
        "/v1/conversations/conv_1".to_owned(),
        "/v1/conversations/conv_2".to_owned(),
        "/v1/jobs".to_owned(),
        "/metrics".to_owned(),
    ] {
        let answer = hark.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        told.push(answer.text);
    }
    let all = told.join("\n");
    for kept in ["881442", "[card number]", "[password]", "[security code]", "[PIN]"] {
        assert!(all.contains(kept), "{kept} is missing: {all}");
    }
    let log = lines.text();
    assert!(log.contains("conversation ingested"), "the log was captured");
    for secret in [
        "five three two",
        "one oh four",
        "ouble seven",
        "4532 1104",
        "45321104",
        "7788 1128",
        "77881128",
        "marzipan",
        "is 945",
        "is 4532",
    ] {
        let place = all.find(secret).map(|at| all[at.saturating_sub(200)..].chars().take(400).collect::<String>());
        assert_eq!(place, None, "{secret} was told");
        assert!(!log.contains(secret), "{secret} was logged");
    }
}
