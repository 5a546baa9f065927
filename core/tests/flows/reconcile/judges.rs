//! Who judges: rules, a model, rules instead of a model, nobody.

use super::Caller;
use hark_core::ingest::{JudgeChoice, NewMemory, ReconcileConfig};
use hark_core::job::{JobPayload, ReconcileMemories, SummariseUser};
use hark_core::testkit::{ChatReply, ScriptedChat};
use hark_core::{Error, ErrorKind, JudgedBy, Origin, PageRequest, Reason, Resolution};
use std::sync::Arc;

fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "test", "gone")
}

#[tokio::test]
async fn switched_off_nothing_is_held_against_anything() {
    let caller = Caller::new().await;
    let off = caller.judging(None, ReconcileConfig { enabled: false, ..ReconcileConfig::default() });
    for content in ["Lives in Leeds", "Has moved to York"] {
        let made = off.add(&caller.scope, vec![NewMemory::new(content, Origin::Api)]).await.unwrap();
        off.reconcile(&caller.scope, &[made[0].id.clone()]).await.unwrap();
    }
    let due = caller
        .world
        .engine
        .jobs
        .list(&caller.world.tenant(), &Default::default(), &PageRequest::first(50))
        .await
        .unwrap();
    assert!(!due.items.iter().any(|job| job.name == ReconcileMemories::NAME));
    assert_eq!(caller.active().await.len(), 2);
}

/// The two answers that let an old memory give way.
fn gives_way(chat: &ScriptedChat) {
    for answer in ["outdated", "no"] {
        chat.then(Ok(ChatReply::Text(format!(r#"{{"answer": "{answer}"}}"#))));
    }
}

#[tokio::test]
async fn a_model_judges_what_rules_do_not_know_and_nothing_else() {
    let caller = Caller::new().await;
    let chat = Arc::new(ScriptedChat::default());
    let ingest = caller.judging(Some(chat.clone()), ReconcileConfig::default());
    let told = async |content: &str| {
        let memory = caller.written(content).await;
        ingest.reconcile(&caller.scope, &[memory.id]).await.unwrap()
    };
    told("Keeps hens in the garden of the cottage").await;
    told("Keeps hens in the garden of the cottage.").await;
    told("Called about order 1042").await;
    told("Called about order 1043").await;
    assert_eq!(chat.asked().len(), 0, "the same words, other numbers: rules are sure");

    gives_way(&chat);
    let done = told("A fox took the hens of the cottage").await;
    assert_eq!((done.superseded, chat.asked().len()), (1, 2));
    assert!(done.follow_ups.iter().any(|job| job.name == SummariseUser::NAME), "the summary tells current truth");
    let conflict = caller.conflicts().await.remove(0);
    assert_eq!((conflict.judged_by, conflict.reason, conflict.confidence), (JudgedBy::Model, Reason::NewerValue, 0.9));
}

#[tokio::test]
async fn rules_stand_in_for_a_model_that_fails_or_refuses_and_it_is_noted() {
    for reply in [Err(gone()), Ok(ChatReply::Refusal)] {
        let caller = Caller::new().await;
        let chat = Arc::new(ScriptedChat::default());
        chat.then(reply);
        let always = ReconcileConfig { ask_below: 1.0, ..ReconcileConfig::default() };
        let ingest = caller.judging(Some(chat.clone()), always);
        caller.written("Lives in Leeds near the river").await;
        let new = caller.written("Lives in York near the river now").await;
        ingest.reconcile(&caller.scope, &[new.id]).await.unwrap();
        let conflict = caller.conflicts().await.remove(0);
        assert_eq!((conflict.judged_by, conflict.resolution), (JudgedBy::StandIn, Some(Resolution::Superseded)));
        assert_eq!(chat.asked().len(), 1);
    }
}

#[tokio::test]
async fn below_the_configured_confidence_both_stay() {
    let caller = Caller::new().await;
    let chat = Arc::new(ScriptedChat::default());
    gives_way(&chat);
    let strict = ReconcileConfig { min_confidence: 0.95, ..ReconcileConfig::default() };
    let ingest = caller.judging(Some(chat), strict);
    caller.written("Keeps hens in the garden").await;
    let new = caller.written("Keeps ducks in the garden").await;
    let done = ingest.reconcile(&caller.scope, &[new.id]).await.unwrap();
    assert_eq!((done.superseded, done.open), (0, 1));
    assert_eq!(caller.active().await.len(), 2);
}

#[tokio::test]
async fn told_to_judge_by_rules_no_model_is_asked() {
    let caller = Caller::new().await;
    let chat = Arc::new(ScriptedChat::default());
    let rules = ReconcileConfig { judge: JudgeChoice::Rules, ..ReconcileConfig::default() };
    let ingest = caller.judging(Some(chat.clone()), rules);
    caller.written("Lives in Leeds").await;
    let new = caller.written("Has moved to York").await;
    ingest.reconcile(&caller.scope, &[new.id]).await.unwrap();
    assert_eq!((chat.asked().len(), caller.conflicts().await[0].judged_by), (0, JudgedBy::Rules));
}
