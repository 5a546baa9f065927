//! Two callers, every route: nothing of one is ever told about the other.

use super::harness::{Harness, call, ringing};
use serde_json::{Value, json};

#[tokio::test]
async fn no_route_tells_one_caller_about_another() {
    let hark = Harness::default();
    let callers = [("+4930111111", "conv_a", "apricot"), ("+4930222222", "conv_b", "blueberry")];
    for (number, conversation, fruit) in callers {
        hark.post("/webhooks/conversation-initiation", ringing(conversation, number)).await;
        hark.learn(&call(conversation, number, &[&format!("My favourite fruit is {fruit}.")])).await;
        let body = json!({"content": format!("Owns a {fruit} tree."), "conversation_id": conversation});
        hark.post("/tools/remember", body).await;
        hark.work().await;
    }
    for (mine, other) in [(0, 1), (1, 0)] {
        let (number, conversation, fruit) = callers[mine];
        let forbidden = callers[other].2;
        let user =
            hark.get(&format!("/v1/conversations/{conversation}")).await.json["user_id"].as_str().unwrap().to_owned();
        let again = format!("{conversation}_again");
        let mut told = vec![
            hark.post("/webhooks/conversation-initiation", ringing(&again, number)).await.text,
            hark.post("/v1/sessions", json!({"user_id": user})).await.text,
            hark.get(&format!("/v1/users/{user}")).await.text,
            hark.get(&format!("/v1/users/{user}/memories")).await.text,
            hark.get(&format!("/v1/conversations/{conversation}")).await.text,
            hark.get(&format!("/v1/conversations?user_id={user}")).await.text,
        ];
        for who in [
            json!({"conversation_id": conversation}),
            json!({"conversation_id": again}),
            json!({"user_id": user}),
            json!({"caller_id": number}),
        ] {
            let mut body =
                json!({"query": format!("favourite fruit {forbidden} tree"), "limit": 50, "include_archived": true});
            body.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
            told.push(hark.ask(body).await.to_string());
        }
        for text in &told {
            assert!(!text.contains(forbidden), "{text}");
        }
        assert!(told.iter().filter(|text| text.contains(fruit)).count() >= 7);
        // What one caller's erasure removes is one caller's.
        let memories = hark.get(&format!("/v1/users/{user}/memories")).await;
        assert_eq!(memories.json["items"].as_array().unwrap().len(), 2);
    }
    let first = hark.get("/v1/conversations/conv_a").await.json["user_id"].as_str().unwrap().to_owned();
    hark.call(axum::http::Method::DELETE, &format!("/v1/users/{first}"), Value::Null).await;
    let left = hark.ask(json!({"query": "favourite fruit", "caller_id": "+4930222222"})).await;
    assert!(left.to_string().contains("blueberry"));
}
