//! Where more was found than there are places: what an answer does with its last place and its last words.

use crate::evidence::{after, ask, words};
use hark_core::Speaker::{Agent, User};
use hark_core::recall::RecallConfig;
use hark_core::{Clock, Hit, RecallQuery, Sector, Speaker, Via};
use std::collections::BTreeSet;

/// Ten calls that speak of the kiln once, and one that speaks of nothing else.
const WORKSHOP: &[(Speaker, &str)] = &[
    (Agent, "Good morning, pottery supplies, what is it today?"),
    (User, "The kiln in our workshop trips the fuse whenever it gets near a thousand degrees."),
    (Agent, "Which controller does the kiln have, the old dial or the panel with buttons?"),
    (User, "The panel, somebody replaced it before we bought the place from the school."),
    (Agent, "Then the thermocouple may be the wrong type for that panel and the kiln overshoots."),
    (User, "It always climbs faster than the programme says, so that would explain a lot."),
    (Agent, "I can send an electrician who knows kilns to look at the wiring and the relay."),
    (User, "Please do, but the workshop is closed on Wednesdays because of the evening class."),
    (Agent, "He will bring a spare relay and a length of the heavy cable, in case."),
    (User, "Tell him to park behind the bakery, the yard is full of pallets at the moment."),
];

async fn kilns(config: RecallConfig) -> (crate::world::World, hark_core::Scope) {
    const TOWNS: [&str; 10] = ["Ash", "Birch", "Cedar", "Dale", "Elm", "Fern", "Gorse", "Hazel", "Iris", "Juniper"];
    let short: Vec<(String, Vec<(Speaker, &str)>)> = TOWNS
        .iter()
        .map(|town| {
            let said: &'static str =
                format!("The kiln for {town} needs two more shelves and a cone, as ordered.").leak();
            (format!("conv_{town}"), vec![(Agent, "Hello, pottery supplies."), (User, said)])
        })
        .collect();
    let config = RecallConfig { min_turn_score: 0.0, ..config };
    let mut calls: Vec<(&str, &[(Speaker, &str)])> = short.iter().map(|(id, turns)| (&**id, &**turns)).collect();
    calls.push(("conv_workshop", WORKSHOP));
    after(&calls, config).await
}

fn shown(hits: &[Hit]) -> Vec<(String, u32)> {
    let of = |hit: &Hit| {
        let excerpt = hit.excerpt()?;
        Some(excerpt.turns().into_iter().map(|turn| (excerpt.conversation.to_string(), turn)).collect::<Vec<_>>())
    };
    hits.iter().filter_map(of).flatten().collect()
}

fn question(limit: usize) -> RecallQuery {
    RecallQuery { limit, ..RecallQuery::new("the kiln and its shelves") }
}

#[tokio::test]
async fn the_last_place_goes_to_what_one_call_says_beside() {
    let (world, scope) = kilns(RecallConfig::default()).await;
    let hits = ask(&world, &scope, question(10)).await;
    assert_eq!(hits.len(), 10, "{hits:#?}");
    let passage = hits[9].excerpt().unwrap();
    assert_eq!((passage.conversation.as_str(), hits[9].via), ("conv_workshop", Via::Turn));
    assert!(passage.turns().len() > 3, "{passage:?}");
    assert!(passage.turns().is_sorted(), "in the order of the call");
    let all = shown(&hits);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "nothing is shown twice: {all:?}");
    assert!(hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    let most = RecallConfig::default().passage_words;
    assert!(words(&hits[9]) <= most, "{} words", words(&hits[9]));
    assert_eq!(ask(&world, &scope, question(10)).await, hits, "the same each time");
}

#[tokio::test]
async fn a_passage_keeps_to_its_words_and_can_be_switched_off() {
    let (world, scope) = kilns(RecallConfig { passage_words: 30, ..RecallConfig::default() }).await;
    let hits = ask(&world, &scope, question(10)).await;
    assert!(hits.len() == 10 && words(&hits[9]) <= 30, "{hits:#?}");
    let (world, scope) = kilns(RecallConfig { passage_words: 0, ..RecallConfig::default() }).await;
    let hits = ask(&world, &scope, question(10)).await;
    assert!(hits.len() == 10 && words(&hits[9]) < 60, "{hits:#?}");
}

#[tokio::test]
async fn the_usual_answer_has_none_and_neither_has_one_with_places_left() {
    let (world, scope) = kilns(RecallConfig::default()).await;
    let usual = ask(&world, &scope, question(5)).await;
    assert!(usual.len() == 5 && usual.iter().map(words).sum::<usize>() <= RecallConfig::default().answer_words);
    let wide = ask(&world, &scope, question(50)).await;
    assert!(wide.len() < 50);
    assert!(wide.iter().all(|hit| hit.excerpt().is_none_or(|excerpt| excerpt.turns().len() < 8)), "{wide:#?}");
}

#[tokio::test]
async fn a_passage_is_of_no_sector_and_of_its_time() {
    let (world, scope) = kilns(RecallConfig::default()).await;
    let semantic = RecallQuery { sectors: vec![Sector::Semantic], ..question(10) };
    assert!(ask(&world, &scope, semantic).await.iter().all(|hit| hit.via != Via::Turn));
    let before = RecallQuery { as_of: Some(world.clock.now() - chrono::Duration::hours(36)), ..question(10) };
    assert!(shown(&ask(&world, &scope, before).await).iter().all(|(call, _)| call != "conv_workshop"));
}

#[tokio::test]
async fn turns_without_a_place_join_what_is_shown_of_their_call() {
    // Two turns of one call answer, and there is one place: the second comes along, with a mark of the gap.
    let call: &[(Speaker, &str)] = &[
        (User, "My violin has gut strings from Genoa."),
        (Agent, "Understood."),
        (User, "Our piano is a black upright one."),
        (Agent, "Very well."),
        (User, "And violin strings of gut break in winter."),
    ];
    let config = RecallConfig { min_turn_score: 0.0, ..RecallConfig::default() };
    let (world, scope) = after(&[("conv_1", call)], config).await;
    let query = RecallQuery { limit: 1, ..RecallQuery::new("gut strings of the violin") };
    let hits = ask(&world, &scope, query).await;
    let excerpt = hits[0].excerpt().unwrap();
    assert_eq!((hits.len(), excerpt.turns()), (1, vec![0, 4]), "{hits:#?}");
    assert!(excerpt.script().contains("Genoa. … Caller: And violin"), "{}", excerpt.script());
}
