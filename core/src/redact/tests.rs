use super::*;
use crate::{MemoryKind, Slot, Turn};

fn call(turns: &[(Speaker, &str)]) -> Transcript {
    let turn = |(speaker, text): &(Speaker, &str)| Turn {
        speaker: *speaker,
        text: (*text).to_owned(),
        at_secs: 0,
        after_recall: false,
        tools: Vec::new(),
    };
    Transcript { turns: turns.iter().map(turn).collect(), ..Transcript::default() }
}

fn candidate(content: &str, value: Option<&str>) -> Candidate {
    Candidate {
        content: content.to_owned(),
        kind: MemoryKind::Fact,
        sector: None,
        salience: None,
        occurred_at: None,
        turns: vec![0],
        slot: value.map(|value| Slot { key: "number".to_owned(), value: value.to_owned() }),
        confidence: 1.0,
    }
}

fn clean(text: &str) -> String {
    Redactor::default().text(text).into_owned()
}

#[test]
fn a_mark_stands_where_the_secret_stood() {
    assert_eq!(clean("My card is 4111 1111 1111 1111, order 4711."), "My card is [card number], order 4711.");
    assert_eq!(clean("my pin is double oh seven three and I live in Leeds"), "my pin is [PIN] and I live in Leeds");
    assert_eq!(clean("My password is hunter2."), "My password is [password].");
    assert_eq!(clean("Nothing to hide, order 4711."), "Nothing to hide, order 4711.");
}

#[test]
fn pieces_over_several_turns_are_one_number() {
    let said = call(&[
        (Speaker::Agent, "The first eight digits of the card?"),
        (Speaker::User, "four one one one, one one one one"),
        (Speaker::Agent, "And the next four?"),
        (Speaker::User, "1111"),
        (Speaker::Agent, "And the last?"),
        (Speaker::User, "one one double one"),
        (Speaker::Agent, "Thanks. Which floor is it?"),
        (Speaker::User, "The third, order 1111."),
    ]);
    let turns = Redactor::default().transcript(&said).turns;
    let heard: Vec<&str> = turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(heard[1], "[card number]");
    assert_eq!((heard[3], heard[5]), ("[card number]", "[card number]"));
    assert_eq!((heard[4], heard[7]), ("And the last?", "The third, order 1111."));
}

#[test]
fn what_a_model_repeats_of_a_secret_is_known_again() {
    let said = call(&[(Speaker::Agent, "What's the password?"), (Speaker::User, "It's rosebud.")]);
    let heard = vec![candidate("Told the agent rosebud", None), candidate("Likes roses", Some("roses"))];
    let kept = Redactor::default().candidates(&said, heard);
    assert_eq!(kept[0].content, "Told the agent [password]");
    assert_eq!((kept[1].content.as_str(), kept[1].slot.as_ref().unwrap().value.as_str()), ("Likes roses", "roses"));

    let said =
        call(&[(Speaker::User, "My card is four one one one, one one one one, one one one one, one one one one.")]);
    let heard =
        vec![candidate("Pays with 4111 1111 1111 1111", Some("4111111111111111")), candidate("Said 4111-1111", None)];
    let kept = Redactor::default().candidates(&said, heard);
    assert_eq!(kept[0].content, "Pays with [card number]");
    assert_eq!(kept[0].slot.as_ref().unwrap().value, "[card number]");
    assert_eq!(kept[1].content, "Said [card number]");
}

#[test]
fn a_kind_that_is_not_named_stays() {
    let only = |kinds: &[SecretKind]| Redactor::new(RedactionConfig { kinds: kinds.to_vec(), ..Default::default() });
    let text = "My password is hunter2, the card is 4111 1111 1111 1111.";
    assert_eq!(only(&[SecretKind::Password]).text(text), "My password is [password], the card is 4111 1111 1111 1111.");
    assert_eq!(only(&[SecretKind::CardNumber]).text(text), "My password is hunter2, the card is [card number].");
    assert_eq!(only(&[]).text(text), text);
}

#[test]
fn a_name_is_no_place_for_a_card_number() {
    let said = Transcript { caller_name: Some("Sam 4111111111111111".to_owned()), ..call(&[(Speaker::User, "Hello")]) };
    assert_eq!(Redactor::default().transcript(&said).caller_name.as_deref(), Some("Sam [card number]"));
}

#[test]
fn turns_of_any_text_are_read() {
    for odd in [
        "",
        "\u{2019}s",
        "my password is",
        "password:",
        "pin 1234é",
        "İstanbul 4111111111111111",
        "code is [PIN",
        "double",
        "hundred",
    ] {
        let clean = clean(odd);
        assert_eq!(clean.contains('4'), odd.contains("é"), "{clean}");
    }
}
