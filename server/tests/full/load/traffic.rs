//! Who talks to the server, and a book of what was acknowledged.

use super::{LANES, Scene};
use crate::harness::{Home, call as finished};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

/// Every so manieth call's caller is erased, as soon as the call is acknowledged or a little later.
const ERASED: usize = 6;
/// So many calls of one lane begin between one death and the next: more come than are learnt, but not without end.
const CALLS: usize = 3;
/// So many memories are added for one user, counted in answers.
const OF_ONE: usize = 20;
/// Every so manieth memory that was added is forgotten again.
const FORGOTTEN: usize = 3;

/// A caller with one call.
#[derive(Debug, Clone)]
pub struct Call {
    pub number: usize,
    pub erased: bool,
}

/// A memory that was sent.
#[derive(Debug, Clone)]
pub struct Addition {
    pub user: String,
    pub words: String,
    /// Where the server answered; what it did not answer may be there or not.
    pub id: Option<String>,
    pub forgotten: bool,
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub struct Book {
    calls: Mutex<Vec<Call>>,
    additions: Mutex<Vec<Addition>>,
    questions: Mutex<usize>,
}

fn open<T>(page: &Mutex<T>) -> MutexGuard<'_, T> {
    page.lock().expect("no panic while held")
}

impl Book {
    pub fn calls(&self) -> Vec<Call> {
        open(&self.calls).clone()
    }

    pub fn additions(&self) -> Vec<Addition> {
        open(&self.additions).clone()
    }

    /// For whom memories were added.
    pub fn users(&self) -> BTreeSet<String> {
        open(&self.additions).iter().map(|addition| addition.user.clone()).collect()
    }

    /// How much it was.
    pub fn told(&self) -> String {
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

pub fn conversation(number: usize) -> String {
    format!("conv_kill_{number}")
}

pub fn phone(number: usize) -> String {
    format!("+1415{number:07}")
}

pub fn order(number: usize) -> String {
    (5_000_000 + number).to_string()
}

pub fn event(number: usize) -> Value {
    let order = format!("My order number is {}.", order(number));
    finished(&conversation(number), &phone(number), &[&order, "I prefer deliveries in the morning."])
}

/// All of them, until it is over.
pub async fn everybody(scene: &Scene, book: &Book) {
    let [calls, additions, questions] = LANES;
    tokio::join!(
        join_all((0..calls).map(|lane| call(scene, book, lane))),
        join_all((0..additions).map(|lane| add(scene, book, lane))),
        join_all((0..questions).map(|_| ask(scene, book))),
    );
}

/// A caller rings, talks, is delivered until that is acknowledged, every tenth once more; some are erased afterwards, half of
/// them once every server holds in memory what they have said, and delivered again.
async fn call(scene: &Scene, book: &Book, lane: usize) {
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
            if number % (2 * ERASED) == 1 {
                until_told_everywhere(scene, number).await;
            }
            let user = told["dynamic_variables"]["memory_user_id"].as_str().expect("a caller's id").to_owned();
            answered(scene, async |home| home.try_delete(&format!("/v1/users/{user}")).await).await;
            for home in &scene.homes {
                let told = about(scene, home, number).await;
                assert!(!told.unwrap_or_default().contains(&order(number)), "erased, and told at the next question");
            }
        }
        open(&book.calls).push(Call { number, erased });
        if erased || number.is_multiple_of(10) {
            until_acknowledged(scene, number).await;
        }
        number += LANES[0];
    }
}

/// What a server tells of a caller, from memories and turns; `None` where it gives no answer.
async fn about(scene: &Scene, home: &Home, number: usize) -> Option<String> {
    let question = json!({"query": "what is the order number", "limit": 5, "caller_id": phone(number)});
    let (status, answer) = scene.ask(home, async |home| home.try_post("/tools/memory-query", &question).await).await?;
    assert_eq!(status, 200, "{answer}");
    Some(answer.to_string())
}

/// Asks each server until it has told of the call, from then on in its own memory.
async fn until_told_everywhere(scene: &Scene, number: usize) {
    for home in &scene.homes {
        while !about(scene, home, number).await.is_some_and(|told| told.contains(&order(number))) {
            tokio::task::yield_now().await;
        }
    }
}

async fn until_acknowledged(scene: &Scene, number: usize) {
    loop {
        if let Some((status, body)) = scene.write(async |home| home.try_deliver(&event(number)).await).await {
            assert_eq!(status, 200, "{body}");
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Asks until there is an answer, which is a good one; or "not found", where the answer to an earlier request was lost.
async fn answered(scene: &Scene, mut request: impl AsyncFnMut(&Home) -> Option<(u16, Value)>) -> Value {
    for attempt in 0.. {
        match scene.write(&mut request).await {
            Some((200..=299, body)) => return body,
            Some((404, body)) if attempt > 0 => return body,
            Some((status, body)) => panic!("{status} {body}"),
            None => tokio::task::yield_now().await,
        }
    }
    unreachable!("an endless loop")
}

/// An integrator adds memories one after the other, none twice, and forgets some. Every server tells it at the next question.
/// The last one is answered, so that every user of whom the book tells is there.
async fn add(scene: &Scene, book: &Book, lane: usize) {
    let (mut acknowledged, mut is_answered) = (0, false);
    for count in 0.. {
        if scene.over() && is_answered {
            return;
        }
        let user = format!("adder_{lane}_{}", acknowledged / OF_ONE);
        // Nothing in common with any other, so that none takes another's place.
        let words = format!("Quz{lane}a{count}b likes vex{lane}a{count}b");
        let memory = json!({"user_id": user, "content": words});
        let answer = scene.write(async |home| home.try_post("/v1/memories", &memory).await).await;
        is_answered = answer.is_some();
        let id = answer.map(|(status, body)| {
            assert!((200..300).contains(&status), "{status} {body}");
            scene.count(&scene.progress.added);
            acknowledged += 1;
            body["id"].as_str().expect("a memory's id").to_owned()
        });
        let mut addition = Addition { user, words, id, forgotten: false };
        if let Some(id) = &addition.id {
            told_everywhere(scene, &addition, true).await;
            if count % FORGOTTEN == 0 {
                answered(scene, async |home| home.try_delete(&format!("/v1/memories/{id}")).await).await;
                addition.forgotten = true;
                told_everywhere(scene, &addition, false).await;
            }
        }
        open(&book.additions).push(addition);
    }
}

/// Whether every server that answers tells of the addition, or no longer does.
async fn told_everywhere(scene: &Scene, addition: &Addition, is_to_be: bool) {
    let question = json!({"query": addition.words, "user_id": addition.user, "limit": 5});
    for home in &scene.homes {
        let answer = scene.ask(home, async |home| home.try_post("/tools/memory-query", &question).await).await;
        let Some((status, answer)) = answer else { continue };
        assert_eq!(status, 200, "{answer}");
        let told = answer["memories"].as_array().expect("a list");
        let is_told = told.iter().any(|memory| memory["content"] == addition.words.as_str());
        assert_eq!(is_told, is_to_be, "at the next question, of {addition:?}: {answer}");
    }
}

/// Asks about callers, one after the other; of those who were erased nothing is told.
async fn ask(scene: &Scene, book: &Book) {
    let mut turn = 0_usize;
    while !scene.over() {
        let calls = book.calls();
        let call = calls.get(turn * 7 % calls.len().max(1));
        turn += 1;
        let number = call.map_or(0, |call| call.number);
        let Some(told) = about(scene, scene.home(), number).await else {
            tokio::task::yield_now().await;
            continue;
        };
        *open(&book.questions) += 1;
        if call.is_some_and(|call| call.erased) {
            assert!(!told.contains(&order(number)), "an erased caller is remembered: {told}");
        }
    }
}
