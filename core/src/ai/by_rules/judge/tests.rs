//! What the rules are for, case by case. How well they do on pairs nobody tuned them on: `core/tests/conflicts.rs`.

use super::*;
use crate::testkit::fixtures::{after, start};

fn judged(old: &str, new: &str) -> Verdict {
    let statement = |content| Statement { content, kind: MemoryKind::Fact, slot: None, about: start(), speaker: None };
    RuleJudge.judge(&statement(old), &statement(new)).verdict
}

#[track_caller]
fn all(verdict: Verdict, pairs: &[(&str, &str)]) {
    for (old, new) in pairs {
        assert_eq!(judged(old, new), verdict, "{old} | {new}");
    }
}

#[test]
fn a_later_value_of_a_thing_of_which_there_is_one_gives_way() {
    all(
        Verdict::Update,
        &[
            ("Lives in Oslo", "Has moved to Bergen"),
            ("Address is 4 Pine Road, Hull", "Address is 9 Oak Road, Hull"),
            ("Works for Alder Freight", "Now works for Beech Lines"),
            ("E-mail address is a@x.example", "E-mail address is b@x.example"),
            ("Phone number is +1 555 0142", "New phone number is +1 555 0199"),
            ("Prefers to be called Robert", "Prefers to be called Bob"),
            ("Has two cats", "Has three cats"),
            ("Prefers visits in the morning", "Prefers visits in the evening"),
            ("The shop closes at 5 pm", "The shop now closes at 6 pm"),
            ("Is on the Basic plan", "Upgraded to the Premium plan"),
            ("Contact person is Maria Lopez", "The new contact person is Jan Novak"),
            ("Budget is 5,000 euros", "The budget has gone up to 7,000 euros"),
            ("Is available on Mondays", "Is only available on Thursdays now"),
        ],
    );
}

#[test]
fn what_somebody_says_after_their_name_is_no_value_of_it() {
    all(
        Verdict::Unrelated,
        &[
            ("Anna: Thanks!", "Anna: Great."),
            ("Caller: The parcel never came.", "Caller: I would like a refund."),
            ("Anna: I went to the concert yesterday and it was wonderful.", "Anna: My son starts school in May."),
            ("Anna Smith: Yes please.", "Anna Smith: Tomorrow would be fine."),
            ("My opinion is That was a long day with far too many calls.", "My opinion is Nobody should have to wait."),
        ],
    );
    all(Verdict::Update, &[("Contact person: Maria Lopez", "Contact person: Jan Novak")]);
}

#[test]
fn what_ended_was_cancelled_or_came_to_its_next_state_gives_way() {
    all(
        Verdict::Update,
        &[
            ("Has a gym membership", "Cancelled the gym membership"),
            ("Smokes", "Has quit smoking"),
            ("Has a cat called Misty", "Misty the cat has passed away"),
            ("Studies medicine in Graz", "Switched from medicine to law"),
            ("Prefers to be contacted by e-mail", "Wants to be phoned instead of e-mailed from now on"),
            ("Is vegetarian", "Eats meat again"),
            ("Is engaged to Priya", "Married Priya in spring"),
            ("Works as a baker", "Has retired"),
            ("The boiler is broken", "The boiler was repaired"),
            ("Is waiting for the refund for the lamp", "The refund for the lamp arrived"),
        ],
    );
    all(
        Verdict::Contradiction,
        &[
            ("Parcels may be left in the shed", "Asked never to leave parcels in the shed"),
            ("Likes fish", "Hates fish"),
        ],
    );
}

#[test]
fn what_was_moved_to_another_day_gives_way_and_another_occasion_does_not() {
    all(
        Verdict::Update,
        &[
            ("Asked to deliver the desk on 3 May 2027", "Asked to move the desk to 5 May 2027"),
            ("Agent promised order 4410 by 3 May 2027", "Agent promised order 4410 for 9 May 2027 instead"),
        ],
    );
    all(
        Verdict::Unrelated,
        &[
            ("Complained about the noise on 3 May 2027", "Complained about the noise on 9 June 2027"),
            ("Asked to deliver the desk on 3 May 2027", "Asked to move the chairs to 5 May 2027"),
            ("Asked to move order 4410 to 3 May 2027", "Asked to move order 4420 to 9 May 2027"),
        ],
    );
}

#[test]
fn look_alikes_stay_side_by_side() {
    all(
        Verdict::Unrelated,
        &[
            ("Called about order 4410", "Called about order 4420"),
            ("Has a daughter, Ana", "Has a daughter, Mia"),
            ("Lives in Oslo", "Mother lives in Bergen"),
            ("Works for Alder Freight", "Husband works for Beech Lines"),
            ("Mobile number is +44 7700 900218", "Landline number is +44 1632 960001"),
            ("Home address is 4 Pine Road, Hull", "Billing address is 9 Oak Road, Hull"),
            ("Has life insurance", "Cancelled the travel insurance"),
            ("Goes to the Thursday yoga class", "Cancelled the Tuesday yoga class"),
            ("Prefers a window seat on trains", "Prefers an aisle seat on flights"),
            ("Has a small dog", "Has a large dog"),
            ("Likes tea", "Likes coffee"),
            ("Has a dog", "The neighbour's dog died"),
            ("Works for Alder", "Used to work for Beech"),
            ("The printer in room 12 is broken", "The printer in room 14 was repaired"),
            ("Parks the van in front of the shop", "The van was stopped by police"),
            ("Stopped smoking in 2019", "Stopped drinking coffee"),
            ("Is allergic to nuts", "Is not allergic to milk"),
            ("Caller's son Leo likes chess", "Caller's son Max does not like chess"),
        ],
    );
}

#[test]
fn what_is_added_passing_or_not_decided_replaces_nothing() {
    all(
        Verdict::Unrelated,
        &[
            ("Phone number is +1 555 0142", "Another phone number is +1 555 0199"),
            ("Lives in Oslo", "Is thinking of moving to Bergen"),
            ("Lives in Oslo", "Is staying in Bergen for two weeks"),
            ("Has a gym membership", "Asked how to cancel the gym membership"),
            ("Parcels must not be left in the shed", "Asked to leave the parcel in the shed this once"),
            ("Has a car", "Has a red car, a Fiat"),
        ],
    );
}

#[test]
fn what_cannot_be_told_waits_for_somebody() {
    // Two people may call from one number; a town and a street may be two homes.
    all(
        Verdict::Unsure,
        &[("Name is Ana Silva", "Name is Tom Berg"), ("Lives in Oslo", "Address is 9 Oak Road, Hull")],
    );
}

#[test]
fn the_same_in_other_words_is_the_same_and_a_mood_is_of_its_day() {
    all(
        Verdict::Same,
        &[
            ("Is allergic to nuts", "Has a nut allergy."),
            ("likes TEA", "Likes tea"),
            ("Caller's wife is called Laura", "Has a wife, Laura"),
            ("Can be reached on 07700 900321", "Phone number is +44 7700 900321"),
        ],
    );
    let mood = |about| Statement {
        content: "Was annoyed by the wait",
        kind: MemoryKind::Feeling,
        slot: None,
        about,
        speaker: None,
    };
    assert_eq!(RuleJudge.judge(&mood(start()), &mood(after(60))).verdict, Verdict::Same);
    assert_eq!(RuleJudge.judge(&mood(start()), &mood(after(3 * 86_400))).verdict, Verdict::Unrelated);
}

#[test]
fn equal_named_values_are_the_same_unless_something_ended() {
    let slot = Slot { key: "company".to_owned(), value: "Ostrava Tools".to_owned() };
    let of = |content| Statement { content, kind: MemoryKind::Fact, slot: Some(&slot), about: start(), speaker: None };
    let judged = |old, new| RuleJudge.judge(&of(old), &of(new)).verdict;
    assert_eq!(judged("Is from Ostrava Tools", "Calls on behalf of Ostrava Tools"), Verdict::Same);
    assert_ne!(judged("Is from Ostrava Tools", "No longer works for Ostrava Tools"), Verdict::Same);
}

#[test]
fn odd_texts_are_judged_without_panic() {
    for old in crate::testkit::fixtures::ODD_TEXTS {
        for new in crate::testkit::fixtures::ODD_TEXTS {
            let verdict = judged(old, new);
            assert!(old != new || matches!(verdict, Verdict::Same | Verdict::Unrelated), "{old:?}: {verdict:?}");
        }
    }
}
