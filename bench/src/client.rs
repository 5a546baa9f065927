//! Asks the server as ElevenLabs does.

use crate::Outcome;
use crate::server::{KEY, SECRET};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::{Duration, Instant};

const AGENT: &str = "agent_bench";

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

/// What of a recall's answer is measured.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Recalled {
    /// What the server says it took, in whole milliseconds.
    pub(crate) took_ms: f64,
    /// Whether something was down or late.
    pub(crate) degraded: bool,
    memories: Vec<Value>,
}

impl Recalled {
    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.memories.is_empty()
    }
}

impl Client {
    /// A client of the server there.
    pub(crate) fn new(base: &str) -> Outcome<Self> {
        let builder = reqwest::Client::builder().timeout(Duration::from_secs(30)).pool_max_idle_per_host(256);
        // Loopback needs no certificates, and small containers have none.
        Ok(Self { http: builder.tls_certs_only([]).build()?, base: base.to_owned() })
    }

    /// A call begins.
    pub(crate) async fn initiate(&self, conversation: &str, number: &str) -> Outcome {
        let body = json!({
            "caller_id": number, "called_number": "+14155550199", "agent_id": AGENT,
            "call_sid": "CAbench", "conversation_id": conversation,
        });
        self.post("/webhooks/conversation-initiation", &body).await.map(drop)
    }

    /// The agent asks during the call.
    pub(crate) async fn ask(&self, conversation: &str, question: &str) -> Outcome<Recalled> {
        let body = json!({"query": question, "conversation_id": conversation, "agent_id": AGENT, "limit": 5});
        Ok(serde_json::from_value(self.post("/tools/memory-query", &body).await?)?)
    }

    /// The call is over. `at` is in unix seconds. What became of the event: `accepted`, `duplicate` or `ignored`.
    pub(crate) async fn deliver(&self, body: &[u8], at: i64) -> Outcome<String> {
        let request = self.http.post(format!("{}/webhooks/post-call", self.base));
        let request = request.header("elevenlabs-signature", sign(SECRET, at, body)?);
        let request = request.header("content-type", "application/json").body(body.to_vec());
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(answer["status"].as_str().unwrap_or_default().to_owned())
    }

    /// The same of an event that is new: a duplicate would be answered without a commit and flatter the figure.
    pub(crate) async fn deliver_new(&self, body: &[u8], at: i64) -> Outcome {
        let status = self.deliver(body, at).await?;
        if status == "accepted" { Ok(()) } else { Err(format!("not accepted: {status}").into()) }
    }

    /// Whose a number is.
    pub(crate) async fn user_of(&self, number: &str) -> Outcome<String> {
        let body = json!({"query": "anything", "caller_id": number});
        let answer = self.post("/tools/memory-query", &body).await?;
        Ok(answer["user_id"].as_str().ok_or("the number is nobody's")?.to_owned())
    }

    /// Jobs that are not done.
    pub(crate) async fn queued(&self) -> Outcome<u64> {
        let stats = self.get("/v1/queue").await?;
        Ok(["pending", "running", "retrying"].iter().filter_map(|state| stats[*state].as_u64()).sum())
    }

    /// Waits until every event is learnt.
    pub(crate) async fn until_learnt(&self, patience: Duration) -> Outcome {
        let begin = Instant::now();
        while self.queued().await? > 0 {
            if begin.elapsed() > patience {
                return Err("the queue did not empty".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub(crate) async fn get(&self, path: &str) -> Outcome<Value> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(KEY);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    pub(crate) async fn delete(&self, path: &str) -> Outcome {
        let request = self.http.delete(format!("{}{path}", self.base)).bearer_auth(KEY);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(KEY).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

/// `ElevenLabs-Signature`: HMAC-SHA-256 over the time, a dot and the raw body.
fn sign(secret: &str, at: i64, body: &[u8]) -> Outcome<String> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    Ok(format!("t={at},v0={hex}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_platforms() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac wsec_x
        let expected = "t=1700000000,v0=73edec60025ca55f0989d008ace6acba3dc5df1371662bb626a2ff656469eec3";
        assert_eq!(sign("wsec_x", 1_700_000_000, b"{}").unwrap(), expected);
    }
}
