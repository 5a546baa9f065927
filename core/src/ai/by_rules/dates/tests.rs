use super::*;
use chrono::TimeZone;
use proptest::prelude::*;

fn anchor(y: i32, m: u32, d: u32, h: u32, offset: i32) -> Anchor {
    let started_at = chrono::Utc.with_ymd_and_hms(y, m, d, h, 0, 0).unwrap();
    Anchor::of(&Transcript { started_at, utc_offset_minutes: offset, turns: Vec::new(), ..Transcript::default() })
}

fn sunday() -> Anchor {
    anchor(2026, 11, 22, 10, 0)
}

fn spelt(text: &str) -> String {
    sunday().spell_out(text, tense(text)).0
}

#[test]
fn ahead_and_past_point_different_ways() {
    assert_eq!(spelt("move it to Friday"), "move it to Friday 27 November 2026");
    assert_eq!(spelt("it broke on Friday"), "it broke on Friday 20 November 2026");
    assert_eq!(spelt("down since saturday"), "down since Saturday 21 November 2026");
    assert_eq!(spelt("I lost it yesterday"), "I lost it on Saturday 21 November 2026");
    assert_eq!(spelt("call me tomorrow morning"), "call me on Monday 23 November 2026 in the morning");
}

#[test]
fn weekdays_with_this_next_and_last() {
    let monday = anchor(2026, 11, 23, 10, 0);
    let day = |text: &str| full(monday.find(text, Tense::Ahead)[0].day);
    assert_eq!(day("this Friday"), "Friday 27 November 2026");
    assert_eq!(day("next Friday"), "Friday 4 December 2026");
    assert_eq!(day("last Friday"), "Friday 20 November 2026");
    assert_eq!(day("on Monday"), "Monday 30 November 2026");
}

#[test]
fn calendar_dates_take_the_nearest_year() {
    assert_eq!(spelt("close it on the 15th of March"), "close it on Monday 15 March 2027");
    assert_eq!(spelt("I will come on March 3rd"), "I will come on Wednesday 3 March 2027");
    assert_eq!(spelt("flying on the 10th"), "flying on Thursday 10 December 2026");
    assert_eq!(spelt("born March 3rd, 1985"), "born on Sunday 3 March 1985");
    assert_eq!(spelt("moving to Leeds in March"), "moving to Leeds in March 2027");
    assert_eq!(spelt("cancel by the end of the month"), "cancel by Monday 30 November 2026");
}

#[test]
fn distances_are_counted_from_the_call() {
    assert_eq!(spelt("I bought it three days ago"), "I bought it on Thursday 19 November 2026");
    assert_eq!(spelt("come in two weeks"), "come around Sunday 6 December 2026");
    assert_eq!(spelt("I retired last month"), "I retired in October 2026");
    assert_eq!(spelt("she died two years ago"), "she died in 2024");
    assert_eq!(spelt("within two weeks"), "within two weeks");
}

#[test]
fn what_repeats_or_ranks_is_no_date() {
    for text in
        ["every Friday", "on the first Monday of the month", "wednesday's no good", "the third time", "may I march"]
    {
        assert_eq!(spelt(text), text);
    }
}

#[test]
fn today_is_the_callers_day() {
    let late = anchor(2026, 11, 23, 2, -300);
    assert_eq!(full(late.find("today", Tense::Ahead)[0].day), "Sunday 22 November 2026");
    let early = anchor(2026, 11, 22, 20, 600);
    assert_eq!(full(early.find("today", Tense::Ahead)[0].day), "Monday 23 November 2026");
}

proptest! {
    #[test]
    fn never_later_than_the_call_for_what_was(
        secs in 0i64..4_000_000_000, offset in -720i32..=720,
        phrase in prop::sample::select(vec!["yesterday", "last Friday", "on Friday", "three days ago", "the 31st", "on March 3rd", "today", "last week", "last month", "two years ago", "in May", "tonight"]),
    ) {
        let started_at = chrono::Utc.timestamp_opt(secs, 0).unwrap();
        let anchor = Anchor::of(&Transcript { started_at, utc_offset_minutes: offset, turns: Vec::new(), ..Transcript::default() });
        for found in anchor.find(phrase, Tense::Past) {
            prop_assert!(anchor.instant(found.day, Tense::Past) <= started_at);
            prop_assert!(found.day <= anchor.today);
        }
    }

    #[test]
    fn never_earlier_than_the_day_for_what_will_be(
        secs in 0i64..4_000_000_000, offset in -720i32..=720,
        phrase in prop::sample::select(vec!["tomorrow", "next Friday", "on Friday", "in two weeks", "the 31st", "on March 3rd", "today", "on 29 February", "by the end of the month"]),
    ) {
        let started_at = chrono::Utc.timestamp_opt(secs, 0).unwrap();
        let anchor = Anchor::of(&Transcript { started_at, utc_offset_minutes: offset, turns: Vec::new(), ..Transcript::default() });
        let found = anchor.find(phrase, Tense::Ahead);
        prop_assert_eq!(found.len(), 1);
        prop_assert!(found[0].day >= anchor.today);
    }

    #[test]
    fn any_text_at_any_time_is_survived(text in "\\PC{0,120}", secs in any::<i32>(), offset in any::<i32>()) {
        let started_at = chrono::Utc.timestamp_opt(i64::from(secs) * 1000, 0).unwrap();
        let anchor = Anchor::of(&Transcript { started_at, utc_offset_minutes: offset, turns: Vec::new(), ..Transcript::default() });
        let _ = anchor.spell_out(&text, tense(&text));
    }
}

#[test]
fn the_ends_of_time_are_survived() {
    for at in [DateTime::<chrono::Utc>::MIN_UTC, DateTime::<chrono::Utc>::MAX_UTC] {
        let anchor = Anchor::of(&Transcript {
            started_at: at,
            utc_offset_minutes: 840,
            turns: Vec::new(),
            ..Transcript::default()
        });
        for text in [
            "tomorrow",
            "yesterday",
            "next week",
            "last year",
            "end of the year",
            "in 9999 years",
            "the 31st",
            "on March 3rd",
        ] {
            let _ = anchor.spell_out(text, Tense::Ahead);
            let _ = anchor.spell_out(text, Tense::Past);
        }
    }
}
