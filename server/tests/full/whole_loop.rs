//! Initiation, call, post-call, and the second call that knows.

use crate::harness::{Home, call};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_second_call_is_told_what_the_first_one_taught() {
    let home = Home::new();
    let _server = home.serve().await;
    let initiation = json!({
        "caller_id": "+14155550123", "called_number": "+14155550199", "agent_id": "agent_test",
        "call_sid": "CA1", "conversation_id": "conv_1"
    });

    let first = home.post("/webhooks/conversation-initiation", &initiation).await;
    assert_eq!(first["type"], "conversation_initiation_client_data");
    assert_eq!(first["dynamic_variables"]["memory_is_returning"], false);

    let event = call("conv_1", "+14155550123", &["Please move my delivery to Friday, and call me Sam, not Samuel."]);
    assert_eq!(home.deliver(&event).await.as_deref(), Some("accepted"));
    assert_eq!(home.deliver(&event).await.as_deref(), Some("duplicate"));
    home.until_idle().await;

    let mut again = initiation.clone();
    again["conversation_id"] = json!("conv_2");
    let second = home.post("/webhooks/conversation-initiation", &again).await;
    let told = &second["dynamic_variables"];
    assert_eq!(told["memory_user_name"], "Sam");
    assert_eq!(told["memory_is_returning"], true);
    assert_eq!(told["memory_call_count"], 1);
    assert!(told["memory_context"].as_str().is_some_and(|c| c.contains("Friday 27 November 2026")), "{told}");

    let asked = json!({ "query": "which delivery day did the caller ask for", "conversation_id": "conv_2" });
    let answer = home.post("/tools/memory-query", &asked).await;
    assert_eq!(answer["mode"], "hybrid", "{answer}");
    assert_eq!(answer["degraded"], false);
    let best = &answer["memories"][0];
    assert!(best["content"].as_str().is_some_and(|c| c.contains("Friday 27 November 2026")), "{answer}");
    assert_eq!(best["source"]["turns"], json!([1]));

    let remembered = json!({ "content": "Wants the parcel left with the neighbour", "conversation_id": "conv_2" });
    home.post("/tools/remember", &remembered).await;
    let asked = json!({ "query": "where should the parcel be left", "conversation_id": "conv_2" });
    let answer = home.post("/tools/memory-query", &asked).await;
    assert!(answer["memories"][0]["content"].as_str().is_some_and(|c| c.contains("neighbour")), "{answer}");
}
