//! How far the platform's list has been read. Stands in the row of the lease, so it moves with whoever reads.

use hark_core::{ConversationId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A conversation that cannot be fetched so often is given up.
pub(super) const TRIES: u32 = 5;

/// So many of those are remembered; more than that is an outage, not a conversation.
const REMEMBERED: usize = 100;

/// For so long one that is not over, or cannot be fetched, keeps the watermark from passing it.
const PATIENCE_SECS: i64 = 24 * 3_600;

/// The longest rest after a failure, and the furthest that a rest is believed to lie ahead: beyond it, the clock was
/// another's, or has gone back.
const LONGEST_REST_SECS: i64 = 24 * 3_600;

/// The first rest after a failure; doubled with each that follows.
const FIRST_REST_SECS: i64 = 30;

/// Times are unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// Up to this start of a call, everything that was over was seen. The platform's time, not ours: a clock of ours that
    /// jumps moves nothing past it.
    pub(super) watermark: Option<i64>,
    /// Somebody wants everything since then to be looked at anew; gone when it was.
    pub(super) again_since: Option<i64>,
    /// When the last round began that came to the end.
    pub(super) completed: Option<i64>,
    /// Nobody looks before then.
    pub(super) rest_until: Option<i64>,
    /// Rounds in a row that failed.
    pub(super) failures: u32,
    /// How often each conversation that could not be fetched was tried.
    pub(super) unread: BTreeMap<ConversationId, u32>,
}

impl Progress {
    /// What another version noted and this one cannot read is the beginning.
    pub(super) fn read(noted: Option<&str>) -> Self {
        noted.and_then(|noted| serde_json::from_str(noted).ok()).unwrap_or_default()
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether it is time for a round.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let now = now.timestamp();
        self.rest_until.is_none_or(|until| until <= now || until - now > LONGEST_REST_SECS)
    }

    /// From which start of a call on the list is to be read: `overlap` before the watermark, since a call is listed when it
    /// starts and can be fetched only when it is over.
    pub(super) fn since(&self, now: Timestamp, overlap: i64, first_look: i64) -> i64 {
        // A watermark ahead of us was set by a clock that ran ahead, of ours or of theirs.
        let reached = self.watermark.map(|watermark| watermark.min(now.timestamp()));
        let since = reached.map_or(now.timestamp() - first_look, |watermark| watermark - overlap);
        self.again_since.map_or(since, |again| again.min(since)).max(0)
    }

    /// The list was read up to `start`; `open` is the earliest call up to there that is not done with.
    pub(super) fn reached(&mut self, start: i64, open: Option<i64>, now: Timestamp) {
        let held = open.filter(|open| *open > now.timestamp() - PATIENCE_SECS);
        let reached = start.min(now.timestamp());
        let reached = held.map_or(reached, |open| reached.min(open));
        self.watermark = Some(self.watermark.map_or(reached, |before| match before > now.timestamp() {
            true => reached,
            false => before.max(reached),
        }));
        self.again_since = self.again_since.map(|again| again.max(reached));
    }

    /// A conversation could not be fetched. Whether it is given up.
    pub(super) fn could_not_fetch(&mut self, id: &ConversationId) -> bool {
        if !self.unread.contains_key(id) && self.unread.len() >= REMEMBERED {
            return false;
        }
        let tries = self.unread.entry(id.clone()).or_default();
        *tries += 1;
        *tries >= TRIES
    }

    /// The round that began at `began` came to the end.
    pub(super) fn completed(&mut self, began: Timestamp, now: Timestamp, every: Duration) {
        self.completed = Some(began.timestamp());
        self.again_since = None;
        self.failures = 0;
        let every = i64::try_from(every.as_secs()).unwrap_or(LONGEST_REST_SECS).min(LONGEST_REST_SECS);
        self.rest_until = Some(now.timestamp() + every);
    }

    /// The round failed: the next comes when the platform says, or ever later.
    pub(super) fn failed(&mut self, now: Timestamp, advice: Option<Duration>) {
        let ours = FIRST_REST_SECS << self.failures.min(7);
        // Up to the next whole second: nobody comes back too early.
        let theirs = advice.map_or(0, |advice| i64::try_from(advice.as_millis().div_ceil(1_000)).unwrap_or(i64::MAX));
        self.failures = self.failures.saturating_add(1);
        self.rest_until = Some(now.timestamp() + ours.max(theirs).min(LONGEST_REST_SECS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn at(secs: i64) -> Timestamp {
        DateTime::from_timestamp(secs, 0).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_nonsense_is_the_beginning() {
        let progress = Progress { watermark: Some(5), unread: [("conv_1".into(), 2)].into(), ..Progress::default() };
        assert_eq!(Progress::read(Some(&progress.write())), progress);
        for noted in [None, Some(""), Some("memories 4"), Some("[]")] {
            assert_eq!(Progress::read(noted), Progress::default(), "{noted:?}");
        }
    }

    #[test]
    fn the_list_is_read_from_before_the_watermark_and_first_from_as_far_back_as_told() {
        let now = at(1_000_000);
        assert_eq!(Progress::default().since(now, 100, 5_000), 995_000);
        let seen = |watermark| Progress { watermark: Some(watermark), ..Progress::default() };
        assert_eq!(seen(900_000).since(now, 100, 5_000), 899_900, "however long ago");
        assert_eq!(seen(2_000_000).since(now, 100, 5_000), 999_900, "our clock has gone back");
        assert_eq!(seen(50).since(now, 100, 5_000), 0);
        let again = Progress { again_since: Some(7_000), ..seen(900_000) };
        assert_eq!(again.since(now, 100, 5_000), 7_000);
    }

    #[test]
    fn the_watermark_passes_nothing_that_is_not_over_but_waits_no_longer_than_a_day() {
        let now = at(1_000_000);
        let mut progress = Progress::default();
        progress.reached(999_000, Some(998_000), now);
        assert_eq!(progress.watermark, Some(998_000));
        progress.reached(999_500, None, now);
        assert_eq!(progress.watermark, Some(999_500));
        progress.reached(990_000, None, now);
        assert_eq!(progress.watermark, Some(999_500), "it never goes back");
        progress.reached(999_900, Some(1_000_000 - PATIENCE_SECS - 1), now);
        assert_eq!(progress.watermark, Some(999_900), "what is stuck does not hold it for ever");
        progress.reached(5_000_000, None, now);
        assert_eq!(progress.watermark, Some(1_000_000), "nor does a start in the future take it there");
        progress.reached(499_000, None, at(500_000));
        assert_eq!(progress.watermark, Some(499_000), "but for a clock that has gone back");
    }

    #[test]
    fn rests_grow_respect_advice_and_end_when_the_clock_jumps() {
        let now = at(1_000_000);
        let mut progress = Progress::default();
        assert!(progress.is_due(now));
        for rest in [30, 60, 120, 240] {
            progress.failed(now, None);
            assert!(!progress.is_due(at(1_000_000 + rest - 1)) && progress.is_due(at(1_000_000 + rest)), "{rest}");
        }
        progress.failed(now, Some(Duration::from_millis(700_001)));
        assert!(!progress.is_due(at(1_000_700)) && progress.is_due(at(1_000_701)), "the platform's advice");
        assert!(progress.is_due(at(1_000_000 - LONGEST_REST_SECS)), "the clock went back by a day");
        progress.completed(now, now, Duration::from_secs(600));
        assert!(!progress.is_due(at(1_000_599)) && progress.is_due(at(1_000_600)));
        progress.failed(now, None);
        assert!(progress.is_due(at(1_000_030)), "a good round forgets the bad ones");
    }

    #[test]
    fn what_cannot_be_fetched_is_given_up_after_some_tries() {
        let mut progress = Progress::default();
        let tries: Vec<_> = (0..6).map(|_| progress.could_not_fetch(&"conv_1".into())).collect();
        assert_eq!(tries, [false, false, false, false, true, true]);
        assert!(!progress.could_not_fetch(&"conv_2".into()), "each for itself");
    }
}
