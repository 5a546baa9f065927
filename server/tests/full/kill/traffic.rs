//! Who talks to the server, and a book of what was acknowledged.

use super::{LANES, Scene};
use crate::harness::{Home, call as finished};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

/// Every so manieth call's caller is erased, as soon as the call is acknowledged or a little later.
const ERASED: usize = 6;
/// So many calls of one lane begin while a process lives: more come than are learnt, but not without end.
const CALLS: usize = 3;
/// So many memories are added for one user, counted in answers.
const OF_ONE: usize = 20;
/// Every so manieth memory that was added is forgotten again.
const FORGOTTEN: usize = 3;

/// A caller with one call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) erased: bool,
}

/// A memory that was sent.
#[derive(Debug, Clone)]
pub(super) struct Addition {
    pub(super) user: String,
    pub(super) words: String,
    /// Where the server answered; what it did not answer may be there or not.
    pub(super) id: Option<String>,
    pub(super) forgotten: bool,
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Book {
    calls: Mutex<Vec<Call>>,
    additions: Mutex<Vec<Addition>>,
    questions: Mutex<usize>,
}

fn open<T>(page: &Mutex<T>) -> MutexGuard<'_, T> {
    page.lock().expect("no panic while held")
}

impl Book {
    pub(super) fn calls(&self) -> Vec<Call> {
        open(&self.calls).clone()
    }

    pub(super) fn additions(&self) -> Vec<Addition> {
        open(&self.additions).clone()
    }

    /// For whom memories were added.
    pub(super) fn users(&self) -> BTreeSet<String> {
        open(&self.additions).iter().map(|addition| addition.user.clone()).collect()
    }

    /// How much it was.
    pub(super) fn told(&self) -> String {
        let (calls, additions) = (self.calls(), self.additions());
        format!(
            "{} calls learnt once, {} of their callers erased; {} memories added, {} of them without an answer, {} \
             forgotten again; {} questions answered",
            calls.len(),
            calls.iter().filter(|call| call.erased).count(),
            additions.len(),
            additions.iter().filter(|addition| addition.id.is_none()).count(),
            additions.iter().filter(|addition| addition.forgotten).count(),
            open(&self.questions),
        )
    }
}

pub(super) fn conversation(number: usize) -> String {
    format!("conv_kill_{number}")
}

pub(super) fn phone(number: usize) -> String {
    format!("+1415{number:07}")
}

pub(super) fn order(number: usize) -> String {
    (5_000_000 + number).to_string()
}

pub(super) fn event(number: usize) -> Value {
    let order = format!("My order number is {}.", order(number));
    finished(&conversation(number), &phone(number), &[&order, "I prefer deliveries in the morning."])
}

/// A caller rings, talks, is delivered until that is acknowledged, every tenth once more; some are erased afterwards, and
/// delivered again.
pub(super) async fn call(scene: &Scene, book: &Book, lane: usize) {
    let mut number = lane;
    let mut lives = scene.lives.subscribe();
    let mut begun = (0, 0);
    while !scene.over() {
        let life = *lives.borrow_and_update();
        begun = if begun.0 == life { (life, begun.1 + 1) } else { (life, 1) };
        if begun.1 > CALLS {
            lives.changed().await.expect("the scene outlives its lanes");
            continue;
        }
        let ringing = json!({"caller_id": phone(number), "called_number": "+14155550199", "agent_id": "agent_test",
            "call_sid": "CA1", "conversation_id": conversation(number)});
        let told =
            answered(scene, async |home| home.try_post("/webhooks/conversation-initiation", &ringing).await).await;
        until_acknowledged(scene, number).await;
        let erased = number % ERASED == 1;
        if erased {
            let user = told["dynamic_variables"]["memory_user_id"].as_str().expect("a caller's id").to_owned();
            answered(scene, async |home| home.try_delete(&format!("/v1/users/{user}")).await).await;
        }
        open(&book.calls).push(Call { number, erased });
        if erased || number.is_multiple_of(10) {
            until_acknowledged(scene, number).await;
        }
        number += LANES[0];
    }
}

async fn until_acknowledged(scene: &Scene, number: usize) {
    loop {
        if scene.write(scene.home.deliver(&event(number))).await.is_some() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Asks until there is an answer, which is a good one; or "not found", where the answer to an earlier request was lost.
async fn answered(scene: &Scene, mut request: impl AsyncFnMut(&Home) -> Option<(u16, Value)>) -> Value {
    for attempt in 0.. {
        match scene.write(request(&scene.home)).await {
            Some((200..=299, body)) => return body,
            Some((404, body)) if attempt > 0 => return body,
            Some((status, body)) => panic!("{status} {body}"),
            None => tokio::task::yield_now().await,
        }
    }
    unreachable!("an endless loop")
}

/// An integrator adds memories one after the other, none twice, and forgets some. The last one is answered, so that every
/// user of whom the book tells is there.
pub(super) async fn add(scene: &Scene, book: &Book, lane: usize) {
    let (mut acknowledged, mut is_answered) = (0, false);
    for count in 0.. {
        if scene.over() && is_answered {
            return;
        }
        let user = format!("adder_{lane}_{}", acknowledged / OF_ONE);
        // Nothing in common with any other, so that none takes another's place.
        let words = format!("Quz{lane}a{count}b likes vex{lane}a{count}b");
        let memory = json!({"user_id": user, "content": words});
        let answer = scene.write(scene.home.try_post("/v1/memories", &memory)).await;
        is_answered = answer.is_some();
        let id = answer.map(|(status, body)| {
            assert!((200..300).contains(&status), "{status} {body}");
            scene.count(&scene.progress.added);
            acknowledged += 1;
            body["id"].as_str().expect("a memory's id").to_owned()
        });
        let mut addition = Addition { user, words, id, forgotten: false };
        if count % FORGOTTEN == 0
            && let Some(id) = &addition.id
        {
            answered(scene, async |home| home.try_delete(&format!("/v1/memories/{id}")).await).await;
            addition.forgotten = true;
        }
        open(&book.additions).push(addition);
    }
}

/// Asks about callers, one after the other; of those who were erased nothing is told.
pub(super) async fn ask(scene: &Scene, book: &Book) {
    let mut turn = 0_usize;
    while !scene.over() {
        let calls = book.calls();
        let call = calls.get(turn * 7 % calls.len().max(1));
        turn += 1;
        let question = json!({"query": "what is the order number", "limit": 5,
            "caller_id": phone(call.map_or(0, |call| call.number))});
        scene.wait().await;
        let Some((status, answer)) = scene.home.try_post("/tools/memory-query", &question).await else {
            tokio::task::yield_now().await;
            continue;
        };
        assert_eq!(status, 200, "{answer}");
        *open(&book.questions) += 1;
        if let Some(call) = call.filter(|call| call.erased) {
            assert!(!answer.to_string().contains(&order(call.number)), "an erased caller is remembered: {answer}");
        }
    }
}
