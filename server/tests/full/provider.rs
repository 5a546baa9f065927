//! A provider that misbehaves on the wire, behind the whole product: no caller hears of it, nothing is lost, and
//! nothing that was said, nor the key, is written anywhere while it does.

use crate::harness::{Home, Running, call};
use hark_core::testkit::ChatReply;
use hark_openai::fake::{Behaviour, FakeOpenAi, Route};
use serde_json::{Value, json};
use std::fs::{File, read_to_string};
use std::time::Duration;

const NUMBER: &str = "+14155550188";
/// What must be found in no log, metric or error.
const PLANTED: [&str; 3] = ["sk-planted-4711", "xylophonequartz", "14155550188"];

/// A `hark` whose embedder is the fake, with everything it logs in a file.
struct Product {
    home: Home,
    fake: FakeOpenAi,
    _server: Running,
}

impl Product {
    async fn new(base_url: impl Fn(&FakeOpenAi) -> String) -> Self {
        let (home, fake) = (Home::new(), FakeOpenAi::start().await);
        let config = format!(
            "[roles]\nembedder = \"fake\"\n[backends.fake]\nkind = \"openai\"\nbase_url = \"{}\"\n\
             api_key = \"{}\"\nembedding_model = \"fake-model\"\ndimensions = 64\nchat_model = \"\"\n\
             [worker]\nrepair_secs = 1\n[resilience]\nbreaker_open_secs = 1\nbreaker_max_open_secs = 1\n\
             retry_base_ms = 10\nbackground_timeout_secs = 2\n[recall]\nbudget_ms = 2000\n[log]\nlevel = \"debug\"\n",
            base_url(&fake),
            PLANTED[0]
        );
        std::fs::write(home.data().join("config.toml"), config).expect("writable");
        let log = File::create(home.data().join("log")).expect("writable");
        let mut command = home.command();
        command.arg("serve").stderr(log);
        let server = home.serve_by(command).await;
        Self { home, fake, _server: server }
    }

    /// One round of everything; answers what the query said.
    async fn round(&self, number: usize) -> Value {
        let ringing = json!({"caller_id": NUMBER, "called_number": "+14155550199", "agent_id": "agent_test",
            "call_sid": "CA1", "conversation_id": "conv_live"});
        let told = self.home.post("/webhooks/conversation-initiation", &ringing).await;
        assert!(told["dynamic_variables"]["memory_user_id"].is_string(), "{told}");
        let note = json!({"content": format!("The xylophonequartz number n{number}x is in stock."),
            "conversation_id": "conv_live"});
        // On a machine that is busy with other things it may say that it could not; then the agent says it again.
        self.home
            .until("the sentence is remembered", async || {
                self.home.post("/tools/remember", &note).await["status"] == "remembered"
            })
            .await;
        let said = [format!("I live in Lisbon. My order number is {}.", 5000 + number)];
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let event = call(&format!("conv_{number}"), NUMBER, &said);
        assert!(self.home.deliver(&event).await.is_some(), "an event is acknowledged whatever a model does");
        self.ask(number).await
    }

    async fn ask(&self, number: usize) -> Value {
        let question = json!({"query": format!("n{number}x"), "conversation_id": "conv_live"});
        let answer = self.home.post("/tools/memory-query", &question).await;
        let found = answer["memories"].to_string();
        assert!(found.contains(&format!("n{number}x")), "found by its words at least: {answer}");
        answer
    }

    async fn whole_again(&self, number: usize) {
        self.home
            .until("a whole answer", async || {
                let answer = self.ask(number).await;
                answer["mode"] == "hybrid" && answer["degraded"] == false
            })
            .await;
        // Every sentence has reached the embedder, however often it had to be tried.
        self.home
            .until("every memory embedded", async || {
                let texts = self.fake.embedded_texts();
                (1..=number).all(|n| texts.iter().any(|text| text.contains(&format!("n{n}x is in stock"))))
            })
            .await;
        let queue = self.home.get("/v1/queue").await;
        assert_eq!(queue["dead"], 0, "{queue}");
    }

    async fn leaks_nothing(&self) {
        let mut written = read_to_string(self.home.data().join("log")).expect("a log");
        assert!(written.lines().count() > 3, "the log was looked at");
        let (_, metrics) = self.home.try_get_text("/metrics").await.expect("metrics");
        assert!(metrics.contains("hark_recall_degraded_total"), "{metrics}");
        written.push_str(&metrics);
        written.push_str(&self.home.get("/v1/jobs").await.to_string());
        written.push_str(&self.home.get("/v1/backends").await.to_string());
        for planted in PLANTED {
            assert!(!written.contains(planted), "{planted} was written");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_wire_does_callers_are_answered_and_everything_is_embedded_afterwards() {
    let product = Product::new(|fake| fake.base_url()).await;
    assert_eq!(product.round(1).await["degraded"], false);
    let faults = [
        Behaviour::status(500),
        Behaviour::limited(1),
        Behaviour::TruncatedJson,
        Behaviour::Garbage,
        Behaviour::CutStream,
        Behaviour::WrongWidth(3),
        Behaviour::Hang,
        Behaviour::Latency(Duration::from_secs(30)),
    ];
    let mut number = 1;
    for fault in faults {
        product.fake.always(fault);
        number += 1;
        let answer = product.round(number).await;
        assert_eq!((&answer["mode"], &answer["degraded"]), (&json!("keyword"), &json!(true)), "{answer}");
        product.fake.recover();
        product.whole_again(number).await;
    }
    // Nobody at home at all.
    product.fake.stop().await;
    number += 1;
    assert_eq!(product.round(number).await["degraded"], true);
    product.fake.restart();
    product.whole_again(number).await;
    assert!(product.fake.requests(Route::Embeddings) > number);
    product.leaks_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_who_it_says_it_is_is_a_provider_that_is_away() {
    let product = Product::new(|fake| fake.https_url()).await;
    let answer = product.round(1).await;
    assert_eq!((&answer["mode"], &answer["degraded"]), (&json!("keyword"), &json!(true)), "{answer}");
    assert_eq!(product.fake.requests(Route::Embeddings), 0, "nothing was sent in the clear");
    assert_eq!(product.home.get("/v1/queue").await["dead"], 0);
    product.leaks_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_model_reads_calls_costs_are_told_and_rules_stand_in_when_it_refuses() {
    let (home, fake) = (Home::new(), FakeOpenAi::start().await);
    fake.reply_by_rules();
    let config = format!(
        "[roles]\nchat = \"fake\"\n[backends.fake]\nkind = \"openai\"\nbase_url = \"{}\"\nembedding_model = \"\"\n\
         chat_model = \"gpt-4o-mini\"\n",
        fake.base_url()
    );
    std::fs::write(home.data().join("config.toml"), config).expect("writable");
    let _server = home.serve().await;
    home.deliver(&call("conv_1", NUMBER, &["Please call me Sam. I live in Lisbon."])).await;
    home.until_idle().await;
    assert!(fake.requests(Route::Chat) >= 1);
    let conversation = home.get("/v1/conversations/conv_1").await;
    assert!(conversation["costs"].to_string().contains("extraction"), "{conversation}");
    let costs = home.get("/v1/costs?group_by=spend").await;
    assert!(costs.to_string().contains("extraction"), "{costs}");

    fake.reply(ChatReply::Refusal);
    home.deliver(&call("conv_2", NUMBER, &["My order number is 88231 and it arrived broken."])).await;
    home.until("the stand-in", async || {
        let user = home.get("/v1/users").await["items"][0]["id"].as_str().unwrap_or_default().to_owned();
        home.get(&format!("/v1/users/{user}/memories")).await.to_string().contains("88231")
    })
    .await;
    home.until("the mark for a second reading", async || {
        home.get("/v1/jobs").await.to_string().contains("extract_again")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_model_is_refused_filled_beside_and_taken_over() {
    let (home, fake) = (Home::new(), FakeOpenAi::start().await);
    let local = home.serve().await;
    home.deliver(&call("conv_1", NUMBER, &["I ordered two pairs of boots last week, order number 5521."])).await;
    home.until_idle().await;
    let user = home.get("/v1/users").await["items"][0]["id"].as_str().expect("a user").to_owned();
    assert_eq!(home.ask(&user, "which boots were ordered").await["mode"], "hybrid");
    local.kill();

    let config = format!(
        "[roles]\nembedder = \"fake\"\n[backends.fake]\nkind = \"openai\"\nbase_url = \"{}\"\n\
         embedding_model = \"fake-model\"\ndimensions = 64\nchat_model = \"\"\n",
        fake.base_url()
    );
    std::fs::write(home.data().join("config.toml"), config).expect("writable");
    let refused = home.command().arg("serve").stderr(std::process::Stdio::piped()).output().expect("it starts");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("hark reindex") && said.contains("--reindex"), "{said}");

    let mut beside = home.command();
    beside.args(["serve", "--reindex"]);
    let beside = home.serve_by(beside).await;
    let answer = home.ask(&user, "which boots were ordered").await;
    assert_eq!((&answer["mode"], &answer["degraded"]), (&json!("hybrid"), &json!(false)), "the old ones serve");
    home.until("new vectors", async || fake.embedded_texts().iter().any(|text| text.contains("boots"))).await;
    home.until("the new space noted", async || {
        let (_, metrics) = home.try_get_text("/metrics").await.unwrap_or_default();
        metrics.contains("hark_reindex_complete 1")
    })
    .await;
    beside.kill();

    let _new = home.serve().await;
    let asked = fake.requests(Route::Embeddings);
    let answer = home.ask(&user, "which boots were ordered").await;
    assert_eq!((&answer["mode"], &answer["degraded"]), (&json!("hybrid"), &json!(false)), "{answer}");
    assert!(fake.requests(Route::Embeddings) > asked, "the new model is asked");
}
