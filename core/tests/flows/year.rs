//! Ten calls from one number over a year, and what the eleventh is told.
//!
//! Two changes of address, one order taken for another, a promise kept and one broken, a husband on the same telephone,
//! a joke, and something taken back: what peers of this product are known to get wrong.

use crate::world::{NUMBER, World};
use Speaker::{Agent, User};
use chrono::{Duration, TimeZone, Utc};
use hark_core::ingest::{Call, Decision, Outcome};
use hark_core::recall::Introduction;
use hark_core::store::{ConflictFilter, MemoryFilter, NewJob};
use hark_core::testkit::fixtures::transcript;
use hark_core::{Memory, MemoryState, PageRequest, RecallQuery, Scope, Speaker, Timestamp, Transcript};

type Turns = &'static [(Speaker, &'static str)];

/// Day of the year 2026, and what was said.
const CALLS: [((u32, u32), Turns); 10] = [
    // A promise, an address, an order.
    (
        (1, 12),
        &[
            (Agent, "Hello, how can I help?"),
            (User, "Hi, my name is Anna. I live at 12 Mill Lane in York."),
            (User, "I ordered a lamp, order number 4711, and I would like to know when it comes."),
            (Agent, "I will call you back on Thursday with a date."),
            (User, "Thank you."),
        ],
    ),
    // It was kept. The lamp is broken; another promise.
    (
        (1, 20),
        &[
            (Agent, "Hello Anna, how can I help?"),
            (User, "Thanks for calling me back on Thursday."),
            (User, "The lamp from order 4711 arrived broken."),
            (Agent, "I am sorry. We will send a replacement lamp by Friday 30 January."),
        ],
    ),
    // That one was not.
    (
        (2, 10),
        &[
            (Agent, "Hello Anna, how can I help?"),
            (User, "The replacement lamp you promised never came."),
            (Agent, "I am so sorry, Anna."),
        ],
    ),
    // The first change of address.
    (
        (3, 3),
        &[
            (Agent, "Hello Anna, how can I help?"),
            (User, "I have moved. My new address is 5 Station Road, Leeds."),
            (Agent, "Thank you, I have noted it."),
        ],
    ),
    // Her husband, on her telephone.
    (
        (4, 15),
        &[
            (Agent, "Hello Anna, how can I help?"),
            (User, "This is Tom, I'm Anna's husband. I am allergic to nuts."),
            (Agent, "Hello Tom. I have noted it."),
        ],
    ),
    // A joke.
    (
        (5, 20),
        &[
            (Agent, "Hello, how can I help?"),
            (User, "It's Anna. You can call me the Queen of Sheba. Just kidding."),
            (User, "I prefer deliveries in the morning."),
            (Agent, "Of course."),
        ],
    ),
    // Taken back in the same call.
    (
        (6, 15),
        &[
            (Agent, "Hello Anna, how can I help?"),
            (User, "Please move my appointment to Monday."),
            (Agent, "Monday it is."),
            (User, "No, I said Tuesday."),
            (Agent, "Sorry. Tuesday it is."),
        ],
    ),
    // One order taken for another by the agent.
    (
        (8, 5),
        &[
            (Agent, "Hello Anna, how can I help?"),
            (User, "I ordered a table, order number 4811."),
            (Agent, "You mean the lamp, order 4711?"),
            (User, "No, the table, order 4811. It has not arrived."),
            (Agent, "Thank you, I see it now."),
        ],
    ),
    // The second change of address.
    (
        (10, 1),
        &[
            (Agent, "Hello Anna, how can I help?"),
            (User, "We moved again. My new address is 9 Harbour Street, Hull."),
            (User, "And the table arrived, thank you."),
            (Agent, "Thank you, I have noted it."),
        ],
    ),
    // A promise that is open when she calls again.
    (
        (11, 20),
        &[
            (Agent, "Hello Anna, how can I help?"),
            (User, "I need the invoice for order 4811."),
            (Agent, "We will email the invoice for order 4811 on Monday."),
            (User, "Great."),
        ],
    ),
];

struct Year {
    world: World,
    scope: Scope,
}

impl Year {
    async fn lived() -> Self {
        let world = World::new().await;
        world.clock.set(day((1, 12)));
        let year = Self { scope: world.scope_of(NUMBER).await, world };
        for index in 0..CALLS.len() {
            year.deliver(index).await;
        }
        year.world.clock.set(day((11, 22)));
        year
    }

    /// The call's event comes the same evening, and everything that follows from it is done.
    async fn deliver(&self, index: usize) {
        let (on, turns) = CALLS[index];
        let started_at = day(on);
        self.world.clock.set((started_at + Duration::hours(8)).max(hark_core::Clock::now(&*self.world.clock)));
        let transcript = Transcript { started_at, ..transcript(turns) };
        let call = self.world.call(&format!("conv_{index}"), turns);
        let call = Call { started_at, transcript: Some(transcript), ..call };
        let done = self.world.ingest.call(&self.world.tenant(), call).await.unwrap();
        let Outcome::Learnt { memories } = done.outcome else { panic!("{:?}", done.outcome) };
        self.follow(&done.follow_ups, &memories).await;
    }

    async fn follow(&self, jobs: &[NewJob], memories: &[hark_core::MemoryId]) {
        let (ingest, scope) = (&self.world.ingest, &self.scope);
        if !jobs.is_empty() {
            ingest.link(scope, memories).await.unwrap();
            ingest.reconcile(scope, memories).await.unwrap();
            ingest.summarise(scope).await.unwrap();
        }
    }

    async fn told(&self) -> Introduction {
        self.world.recall.introduce(&self.scope).await.unwrap()
    }

    async fn asked(&self, question: &str) -> String {
        let found = self.world.recall.ask(&self.scope, &RecallQuery::new(question)).await.unwrap();
        found.summary
    }

    async fn all(&self) -> Vec<Memory> {
        let page = PageRequest::first(200);
        self.world.engine.memory.list_memories(&self.scope, &MemoryFilter::default(), &page).await.unwrap().items
    }
}

fn day((month, day): (u32, u32)) -> Timestamp {
    Utc.with_ymd_and_hms(2026, month, day, 10, 0, 0).unwrap()
}

#[tokio::test]
async fn what_is_known_after_ten_calls_is_what_is_true() {
    let year = Year::lived().await;
    let all = year.all().await;
    let in_state = |state| {
        let mut told: Vec<&str> = all.iter().filter(|m| m.state == state).map(|m| m.content.as_str()).collect();
        told.sort_unstable();
        told
    };
    assert_eq!(
        in_state(MemoryState::Active),
        [
            "Address is 9 Harbour Street, Hull",
            "Agent did not keep the promise to send a replacement lamp by Friday 30 January 2026",
            "Agent kept the promise of a callback on Thursday 15 January 2026 with a date",
            "Agent promised to email the invoice for order 4811 on Monday 23 November 2026",
            "Asked for the invoice for order 4811",
            "Asked to move the appointment to Tuesday 16 June 2026",
            "Complained that the lamp from order 4711 arrived broken",
            "Is allergic to nuts",
            "Name is Anna",
            "Name is Tom",
            "Ordered a lamp, order 4711",
            "Ordered a table, order 4811",
            "Prefers deliveries in the morning",
            "The complaint that the table has not arrived is settled",
        ]
    );
    assert_eq!(
        in_state(MemoryState::Superseded),
        [
            "Address is 5 Station Road, Leeds",
            "Agent promised a callback on Thursday 15 January 2026 with a date",
            "Agent promised to send a replacement lamp by Friday 30 January 2026",
            "Complained that the table has not arrived",
            "Lives at 12 Mill Lane in York",
        ]
    );
}

#[tokio::test]
async fn the_eleventh_call_is_told_what_is_open_and_that_two_people_call() {
    let year = Year::lived().await;
    let told = year.told().await;
    assert_eq!((told.name.as_str(), told.is_returning, told.call_count), ("", true, 10));
    assert_eq!(told.greeting, "Hello, good to hear from you again. How can I help?");
    assert_eq!(told.last_call, "Friday 20 November 2026");
    assert_eq!(
        told.context,
        [
            "Anna and Tom call from here, so it is not known who is calling.",
            "Agent promised to email the invoice for order 4811 on Monday 23 November 2026.",
            "Asked for the invoice for order 4811 (Friday 20 November 2026).",
            "Address is 9 Harbour Street, Hull.",
            // She said it was Anna in words the rules take for no name.
            "Prefers deliveries in the morning.",
            "Tom: Is allergic to nuts.",
        ]
        .join(" ")
    );
}

#[tokio::test]
async fn the_eleventh_call_hears_what_is_true_now() {
    let year = Year::lived().await;
    for (question, answer) in [
        ("Where does the caller live?", "Address is 9 Harbour Street, Hull."),
        ("What is the address?", "Address is 9 Harbour Street, Hull."),
        (
            "Did the replacement lamp come?",
            "Agent did not keep the promise to send a replacement lamp by Friday 30 January 2026.",
        ),
        ("Which day is the appointment?", "Asked to move the appointment to Tuesday 16 June 2026."),
    ] {
        assert_eq!(year.asked(question).await, answer, "{question}");
    }
    for (question, sentence) in [
        ("Was the promised callback made?", "Agent kept the promise of a callback on Thursday 15 January 2026"),
        ("What did they order?", "Ordered a table, order 4811 (Wednesday 5 August 2026)."),
        ("Did the table arrive?", "The complaint that the table has not arrived is settled"),
        (
            "When is the invoice coming?",
            "Agent promised to email the invoice for order 4811 on Monday 23 November 2026.",
        ),
    ] {
        let answer = year.asked(question).await;
        assert!(answer.contains(sentence), "{question}: {answer}");
    }
}

#[tokio::test]
async fn a_settled_matter_can_be_opened_again() {
    let year = Year::lived().await;
    let store = &year.world.engine.memory;
    let page = PageRequest::first(100);
    let conflicts = store.conflicts(&year.world.tenant(), &ConflictFilter::default(), &page).await.unwrap().items;
    let all = year.all().await;
    let promise = all.iter().find(|m| m.content.starts_with("Agent promised to send a replacement")).unwrap();
    let settled = conflicts.iter().find(|conflict| conflict.old == promise.id).unwrap();
    year.world.ingest.resolve(&year.world.tenant(), &settled.id, Decision::Undo).await.unwrap().unwrap();
    let again = store.memories(&year.scope, std::slice::from_ref(&promise.id)).await.unwrap().remove(0);
    assert_eq!((again.state, again.superseded_by), (MemoryState::Active, None));
}

#[tokio::test]
async fn all_ten_calls_delivered_again_change_nothing() {
    let year = Year::lived().await;
    let (before, told) = (year.all().await, year.told().await);
    for index in 0..CALLS.len() {
        year.deliver(index).await;
    }
    assert_eq!(year.all().await, before);
    assert_eq!(year.told().await, told);
}

#[tokio::test]
async fn fading_once_or_a_hundred_times_is_the_same() {
    let (often, once) = (Year::lived().await, Year::lived().await);
    for _ in 0..100 {
        often.world.clock.advance(Duration::hours(6));
        hark_core::decay::sweep(&often.world.engine).await.unwrap();
    }
    once.world.clock.advance(Duration::hours(600));
    let swept = hark_core::decay::sweep(&once.world.engine).await.unwrap();
    assert!(swept.is_some_and(|swept| swept.archived > 0), "something had faded");
    let states = |all: Vec<Memory>| all.into_iter().map(|m| (m.content, m.state, m.salience)).collect::<Vec<_>>();
    assert_eq!(states(often.all().await), states(once.all().await));
    assert_eq!(often.told().await.context, once.told().await.context);
}
