//! The post-call webhook: what is refused, what is ignored, and what is learnt once.

use super::harness::{Harness, OLD_SECRET, call, contents};
use super::switches::{Fault, Part};
use hark_core::{Clock, Secret};
use hark_server::elevenlabs::sign;
use serde_json::{Value, json};

#[tokio::test]
async fn a_signed_transcript_is_kept_and_learnt_once_however_often_it_comes() {
    let hark = Harness::default();
    let event = call("conv_1", "+4930111111", &["My parcel never arrived."]);
    let first = hark.deliver(&event).await;
    assert_eq!((first.status.as_u16(), &first.json["status"]), (200, &json!("accepted")));
    for _ in 0..3 {
        let again = hark.deliver(&event).await;
        assert_eq!((again.status.as_u16(), &again.json["status"]), (200, &json!("duplicate")));
        assert_eq!(again.json["event_id"], first.json["event_id"]);
        hark.work().await;
    }
    let user = hark.get("/v1/users").await.json["items"][0].clone();
    assert_eq!(user["call_count"], 1);
    let memories = hark.get(&format!("/v1/users/{}/memories", user["id"].as_str().unwrap())).await;
    assert_eq!(memories.contents(), ["My parcel never arrived."]);
    assert_eq!(
        memories.json["items"][0]["source"],
        json!({"origin": "extracted", "conversation_id": "conv_1", "turns": [1]})
    );
    let conversation = hark.get("/v1/conversations/conv_1").await.json;
    assert_eq!(
        (&conversation["state"], contents(&conversation["memories"])),
        (&json!("learnt"), vec!["My parcel never arrived."])
    );
}

#[tokio::test]
async fn what_is_not_signed_right_is_refused_by_name() {
    let hark = Harness::default();
    let body = call("conv_1", "+4930111111", &["Hello."]).to_string().into_bytes();
    let good = hark.sign(&body, 0);
    let wrong = sign(&Secret::new("wsec_wrong"), hark.clock.now().timestamp(), &body);
    for (signatures, code) in [
        (vec![], "signature_missing"),
        (vec![good.clone(), good.clone()], "signature_duplicate"),
        (vec!["garbage".to_owned()], "signature_malformed"),
        (vec![hark.sign(&body, -1_801)], "signature_too_old"),
        (vec![hark.sign(&body, 301)], "signature_in_future"),
        (vec![wrong], "signature_mismatch"),
        (vec![hark.sign(b"another body", 0)], "signature_mismatch"),
    ] {
        hark.deliver_signed(&body, &signatures).await.is_problem(401, code);
    }
    assert_eq!(hark.get("/v1/queue").await.json["pending"], 0, "nothing was kept");
    let (t, v0) = good.split_once(',').unwrap();
    hark.deliver_signed(&body, &[format!("{v0} , {t}")]).await;
    let old = sign(&Secret::new(OLD_SECRET), hark.clock.now().timestamp() - 1_790, &body);
    assert_eq!(hark.deliver_signed(&body, &[old]).await.json["status"], "duplicate", "two secrets are live");
    let metrics = hark.get("/metrics").await.text;
    assert!(metrics.contains(r#"hark_webhook_signature_failures_total{reason="signature_too_old"}"#), "{metrics}");
}

#[tokio::test]
async fn what_cannot_be_read_or_keyed_is_refused() {
    let hark = Harness::default();
    for body in ["", "not json", "{\"type\":", "{} {}"] {
        hark.deliver_raw(body.as_bytes()).await.is_problem(400, "invalid_json");
    }
    for data in [json!({}), json!({"conversation_id": ""}), json!({"conversation_id": null}), json!([1]), Value::Null] {
        let event = json!({"type": "post_call_transcription", "data": data});
        hark.deliver(&event).await.is_problem(400, "missing_conversation");
    }
    let mut large = call("conv_1", "+4930111111", &["Hello."]);
    large["data"]["padding"] = json!("x".repeat(70 << 10));
    hark.deliver(&large).await.is_problem(413, "too_large");
    hark.deliver_raw(&vec![b' '; 300 << 10]).await.is_problem(413, "too_large");
    assert_eq!(hark.get("/v1/queue").await.json["pending"], 0);
}

#[tokio::test]
async fn other_types_are_answered_and_ignored_even_large_recordings() {
    let hark = Harness::default();
    let audio = json!({"type": "post_call_audio", "data": {"conversation_id": "conv_1", "full_audio": "SUQz".repeat(20 << 10)}});
    // As the platform writes it: the type stands first.
    let audio = format!("{{\"type\":\"post_call_audio\",\"data\":{}}}", audio["data"]);
    for body in [
        audio,
        json!({"type": "call_initiation_failure", "data": {"conversation_id": "conv_1"}}).to_string(),
        json!({"type": "voice_removed"}).to_string(),
        json!({"type": {"odd": 1}}).to_string(),
        json!({}).to_string(),
        json!([1, 2]).to_string(),
    ] {
        let answer = hark.deliver_raw(body.as_bytes()).await;
        assert_eq!((answer.status.as_u16(), &answer.json["status"]), (200, &json!("ignored")), "{}", answer.text);
    }
    assert_eq!(hark.work().await, 0);
    let metrics = hark.get("/metrics").await.text;
    assert!(!metrics.contains("voice_removed"), "a sender's words are no label");
}

#[tokio::test]
async fn when_it_cannot_be_kept_the_platform_is_asked_to_try_again() {
    let hark = Harness::default();
    let event = call("conv_1", "+4930111111", &["My parcel never arrived."]);
    hark.switches.set(Part::Queue, Fault::Down);
    let refused = hark.deliver(&event).await;
    refused.is_problem(503, "unavailable");
    assert!(refused.headers.contains_key("retry-after"));
    hark.switches.mend(Part::Queue);
    assert_eq!(hark.deliver(&event).await.json["status"], "accepted");
}

#[tokio::test]
async fn odd_transcripts_are_survived_and_nothing_is_made_up() {
    let hark = Harness::default();
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let deep = format!(
        r#"{{"type":"post_call_transcription","data":{{"conversation_id":"conv_deep","other":{deep},"user_id":{deep},"transcript":[]}}}}"#
    );
    assert_eq!(hark.deliver_raw(deep.as_bytes()).await.json["status"], "accepted");
    let event = |id: &str, transcript: Value, rest: Value| {
        let mut data = json!({"conversation_id": id, "transcript": transcript});
        data.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({"type": "post_call_transcription", "data": data})
    };
    let phone = json!({"metadata": {"phone_call": {"external_number": "+4930222222"}}});
    for event in [
        event("conv_empty", json!([]), phone.clone()),
        event("conv_types", json!([null, 7, "x", {"role": 5, "message": {"a": 1}}]), phone.clone()),
        event(
            "conv_tools",
            json!([{"role": "agent", "message": null, "tool_calls": [{"tool_name": "x"}]}]),
            phone.clone(),
        ),
        event("conv_missing", json!("redacted"), phone),
        event(
            "conv_nobody",
            json!([{"role": "user", "message": "I am nobody."}]),
            json!({"metadata": 5, "user_id": null}),
        ),
    ] {
        assert_eq!(hark.deliver(&event).await.json["status"], "accepted");
    }
    hark.work().await;
    assert_eq!(hark.get("/v1/jobs?state=dead").await.json["items"], json!([]));
    for (id, state) in [
        ("conv_empty", "ignored"),
        ("conv_types", "ignored"),
        ("conv_tools", "ignored"),
        ("conv_missing", "awaiting_transcript"),
        ("conv_nobody", "ignored"),
    ] {
        let conversation = hark.get(&format!("/v1/conversations/{id}")).await.json;
        assert_eq!((id, &conversation["state"], &conversation["memories"]), (id, &json!(state), &json!([])));
    }
}

#[tokio::test]
async fn a_call_in_opentelemetry_form_waits_for_its_transcript_and_is_attributed() {
    let hark = Harness::default();
    let event = json!({"type": "post_call_transcription_otel", "data": {"conversation_id": "conv_1", "otlp_traces": {
        "resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [
            {"key": "elevenlabs.user_id", "value": {"stringValue": "crm-7"}}]}]}]}]}}});
    hark.learn(&event).await;
    let conversation = hark.get("/v1/conversations/conv_1").await.json;
    assert_eq!(conversation["state"], "awaiting_transcript");
    assert_eq!(hark.get("/v1/users/crm-7").await.json["id"], conversation["user_id"]);
}
