//! Every way a provider can fail, against everything that is asked of Hark, before, during and after. On paused time:
//! what the wire makes of each fault is tested where the wire is (`backends/openai/tests/faults.rs`); here it fails
//! in the same ways behind the real layers.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use super::harness::{Harness, call, contents, ringing};
use super::switches::{Fault, Part};
use chrono::Duration as Span;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const NUMBER: &str = "+4930111111";
/// `recall.budget_ms`, and what the scheduler may take.
const QUERY: Duration = Duration::from_millis(400 + 50);
/// `recall.initiation_budget_ms`, and the same.
const INITIATION: Duration = Duration::from_millis(1_000 + 50);
/// The tool's own last resort, and the same.
const TOOL: Duration = Duration::from_millis(2_000 + 50);
/// More than it takes to open the breaker.
const ROUNDS: usize = 7;

struct Matrix {
    hark: Harness,
    fault: Fault,
    /// Calls that were acknowledged; each says one thing of its own.
    told: usize,
    /// Sentences the agent was told to remember.
    remembered: usize,
}

impl Matrix {
    async fn new(fault: Fault) -> Self {
        let matrix = Self { hark: Harness::default(), fault, told: 0, remembered: 0 };
        matrix.hark.learn(&call("conv_0", NUMBER, &["The parcel never arrived."])).await;
        matrix
    }

    fn strike(&self) {
        for part in [Part::Embedder, Part::Extractor] {
            self.hark.switches.set(part, self.fault);
        }
    }

    fn mend(&self) {
        for part in [Part::Embedder, Part::Extractor] {
            self.hark.switches.mend(part);
        }
    }

    /// All four routes once; answers what memory-query said.
    async fn round(&mut self) -> Value {
        let fault = self.fault;
        let begun = Instant::now();
        let initiation = self.hark.post("/webhooks/conversation-initiation", ringing("conv_live", NUMBER)).await;
        assert_eq!(initiation.status, 200, "{fault:?}: {}", initiation.text);
        let variables = &initiation.json["dynamic_variables"];
        assert_eq!(variables["memory_is_returning"], true, "{fault:?}");
        assert!(variables["memory_context"].as_str().unwrap().len() > 10, "{fault:?}: {variables}");
        assert!(begun.elapsed() <= INITIATION, "{fault:?}: initiation took {:?}", begun.elapsed());

        let begun = Instant::now();
        let question = json!({"query": "where is the parcel", "conversation_id": "conv_live"});
        let answer = self.hark.post("/tools/memory-query", question).await;
        assert_eq!(answer.status, 200, "{fault:?}: {}", answer.text);
        assert!(begun.elapsed() <= QUERY, "{fault:?}: memory-query took {:?}", begun.elapsed());
        assert!(
            contents(&answer.json["memories"]).contains(&"The parcel never arrived."),
            "{fault:?}: {}",
            answer.text
        );

        let begun = Instant::now();
        self.remembered += 1;
        let note = json!({"content": format!("Note xyz{} was made.", self.remembered), "conversation_id": "conv_live"});
        let remembered = self.hark.post("/tools/remember", note).await;
        assert!(remembered.status.is_success(), "{fault:?}: {}", remembered.text);
        assert!(begun.elapsed() <= TOOL, "{fault:?}: remember took {:?}", begun.elapsed());
        let words = json!({"query": format!("xyz{}", self.remembered), "conversation_id": "conv_live"});
        let found = self.hark.ask(words).await;
        assert!(!contents(&found["memories"]).is_empty(), "{fault:?}: what was just said is found by its words");

        let begun = Instant::now();
        self.told += 1;
        let event = call(&format!("conv_{}", self.told), NUMBER, &[&format!("Case abc{} is open.", self.told)]);
        for expected in ["accepted", "duplicate"] {
            let delivered = self.hark.deliver(&event).await;
            assert_eq!((delivered.status.as_u16(), &delivered.json["status"]), (200, &json!(expected)), "{fault:?}");
        }
        assert_eq!(begun.elapsed(), Duration::ZERO, "{fault:?}: an event waits for no model");
        answer.json
    }

    async fn later(&self, secs: u64) {
        self.hark.later(Span::seconds(secs as i64));
        tokio::time::advance(Duration::from_secs(secs)).await;
    }

    async fn queue(&self) -> Value {
        self.hark.get("/v1/queue").await.json
    }

    /// Works until nothing is left, or a day has passed.
    async fn recover(&self) {
        for _ in 0..288 {
            while self.hark.work().await > 0 {}
            let queue = self.queue().await;
            assert_eq!(queue["dead"], 0, "{:?}: {queue}", self.fault);
            if queue["pending"] == 0 && queue["retrying"] == 0 {
                return;
            }
            self.later(300).await;
        }
        panic!("{:?}: not recovered within a day: {}", self.fault, self.queue().await);
    }
}

async fn play(fault: Fault) {
    let mut matrix = Matrix::new(fault).await;
    let whole = matrix.round().await;
    assert_eq!((&whole["mode"], &whole["degraded"]), (&json!("hybrid"), &json!(false)), "before");

    matrix.strike();
    for _ in 0..ROUNDS {
        let answer = matrix.round().await;
        assert_eq!((&answer["mode"], &answer["degraded"]), (&json!("keyword"), &json!(true)), "{fault:?}: {answer}");
        assert!(answer["degraded_reason"].is_string());
        matrix.hark.work().await;
        assert_eq!(matrix.queue().await["dead"], 0, "{fault:?}: nothing is given up during an outage");
        matrix.later(20).await;
    }
    // What is merely slow is waited for in the background.
    let behind = matrix.hark.app.ingest.lag().await.unwrap().is_behind();
    assert_eq!(behind, !matches!(fault, Fault::Slow(_)), "{fault:?}: the test struck nothing");

    matrix.mend();
    matrix.later(90).await;
    matrix.recover().await;
    let whole = matrix.round().await;
    assert_eq!((&whole["mode"], &whole["degraded"]), (&json!("hybrid"), &json!(false)), "after {fault:?}");
    matrix.recover().await;

    let lag = matrix.hark.app.ingest.lag().await.unwrap();
    let expected = (1 + matrix.told + matrix.remembered) as u64;
    assert_eq!(
        (lag.memories, lag.words, lag.vectors),
        (expected, expected, expected),
        "{fault:?}: once, and all of it"
    );
    for told in 1..=matrix.told {
        let answer = matrix.hark.ask(json!({"query": format!("abc{told}"), "caller_id": NUMBER})).await;
        let case = format!("Case abc{told} is open.");
        assert!(contents(&answer["memories"]).contains(&case.as_str()), "{fault:?}: {case} is lost");
    }
}

macro_rules! faults {
    ($($name:ident: $fault:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            play($fault).await;
        }
    )*};
}

faults! {
    refused_connections: Fault::Down;
    a_black_hole: Fault::Hangs;
    thirty_seconds_of_latency: Fault::Slow(Duration::from_secs(30));
    too_many_requests_with_retry_after: Fault::Limited { retry_after: Duration::from_secs(45) };
    internal_server_errors: Fault::Broken;
    truncated_json: Fault::Garbled;
    vectors_of_the_wrong_width: Fault::WrongWidth;
    tls_errors: Fault::Untrusted;
}
