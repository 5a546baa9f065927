//! What people say, their numbers and our secrets reach no log line, no metric and no problem document.

use super::harness::{Harness, KEY, OLD_SECRET, SECRET, call, ringing};
use super::lines::Lines;
use super::switches::{Fault, Part};
use axum::http::Method;
use chrono::Duration;
use serde_json::json;
use tracing_subscriber::EnvFilter;

#[tokio::test(start_paused = true)]
async fn a_whole_loop_at_trace_says_nothing_of_anybody() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("hark_core=trace,hark_server=trace"))
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let hark = Harness::default();
    let mut told = Vec::new();
    let number = "+4930777555333";
    let begun = hark.post("/webhooks/conversation-initiation", ringing("conv_1", number)).await.json;
    let token = begun["dynamic_variables"]["secret__memory_token"].as_str().unwrap().to_owned();
    for fault in [Some(Fault::Down), Some(Fault::Panics), None] {
        match fault {
            Some(fault) => hark.switches.set(Part::Extractor, fault),
            None => hark.switches.mend(Part::Extractor),
        }
        hark.deliver(&call("conv_1", number, &["My marmalade is in Wolfenbüttel."])).await;
        hark.work().await;
        hark.later(Duration::minutes(5));
    }
    let body = json!({"query": "where is the marmalade", "conversation_id": "conv_1", "user_id": "sam@example.test",
        "caller_id": number, "memory_token": token});
    assert!(hark.ask(body.clone()).await.to_string().contains("marmalade"));
    for part in [Part::Embedder, Part::Truth, Part::Queue] {
        for fault in [Fault::Down, Fault::Hangs, Fault::Panics] {
            hark.switches.set(part, fault);
            if part != Part::Queue || fault == Fault::Down {
                told.push(hark.deliver(&call("conv_2", number, &["My marmalade is gone."])).await.text);
            }
            hark.ask(body.clone()).await;
            hark.post("/webhooks/conversation-initiation", ringing("conv_2", number)).await;
            hark.post("/tools/remember", json!({"content": "Hides marmalade.", "caller_id": number})).await;
            if fault != Fault::Hangs {
                let memory = json!({"user_id": "sam@example.test", "content": "Hides marmalade."});
                told.push(hark.post("/v1/memories", memory).await.text);
                told.push(hark.get("/v1/users/sam@example.test").await.text);
            }
            hark.switches.mend(part);
        }
    }
    // Problems: of these the bodies must be as silent as the log.
    told.clear();
    let wrong = json!({"user_id": "sam@example.test", "content": "Hides marmalade.", "salience": "marmalade"});
    told.push(hark.post("/v1/memories", wrong).await.text);
    told.push(hark.raw(Method::POST, "/v1/memories", "{\"content\": \"marmalade".to_owned()).await.text);
    told.push(hark.post("/tools/memory-query", json!({"query": "marmalade", "sector": "marmalade"})).await.text);
    told.push(hark.get("/v1/users/sam@example.test?colour=blue").await.text);
    told.push(hark.get("/v1/jobs?state=marmalade").await.text);
    told.push(hark.deliver_signed(b"marmalade", &[hark.sign(b"jam", 0)]).await.text);
    told.push(hark.get("/v1/jobs").await.text);
    told.push(hark.get("/metrics").await.text);

    let log = lines.text();
    assert!(log.contains("recall") && log.contains("conversation ingested"), "the log was captured");
    told.push(log);
    for text in &told {
        for planted in [
            "marmalade",
            "Wolfenb",
            "777555333",
            "sam@example",
            KEY,
            SECRET,
            OLD_SECRET,
            token.as_str(),
            "has a defect",
        ] {
            let found = text.find(planted);
            let around = found.map(|at| text[at.saturating_sub(300)..].chars().take(600).collect::<String>());
            assert_eq!(around, None, "{planted} was told");
        }
    }
}
