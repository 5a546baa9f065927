//! What can be set about fading and about links, with the defaults and where they come from.

use crate::{Link, LinkKind, Memory, MemoryState, Sector, Timestamp};
use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `[decay]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DecayConfig {
    /// How often memories that have faded are archived and links that have faded are removed, in seconds. One process
    /// of all that share a store does it.
    pub every_secs: u64,
    /// A memory is archived when it was learnt, and last reinforced, longer ago than so many days, and less is left of
    /// its salience than `archive_below`.
    pub archive_after_days: u32,
    /// 0 to 1; 0 archives nothing.
    pub archive_below: f64,
    /// What memories lose a day, by sector, unless they have a `decay_rate` of their own.
    pub per_day: DecayRates,
    /// What an automatic link loses a day since it was made or last used; 0 for nothing. Manual links lose nothing.
    pub link_per_day: f64,
    /// An automatic link of which less than this is left is removed, 0 to 1.
    pub link_floor: f32,
}

impl Default for DecayConfig {
    fn default() -> Self {
        Self {
            every_secs: 6 * 60 * 60,
            archive_after_days: 180,
            archive_below: 0.3,
            per_day: DecayRates::default(),
            // A link of 0.6, the weakest the built-in model makes, is gone when a memory may be archived.
            link_per_day: 0.01,
            link_floor: 0.1,
        }
    }
}

impl DecayConfig {
    /// What types alone cannot check.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let rates = [
            ("decay.per_day.semantic", self.per_day.semantic),
            ("decay.per_day.episodic", self.per_day.episodic),
            ("decay.per_day.procedural", self.per_day.procedural),
            ("decay.per_day.emotional", self.per_day.emotional),
            ("decay.per_day.reflective", self.per_day.reflective),
            ("decay.link_per_day", self.link_per_day),
        ];
        if let Some((key, _)) = rates.into_iter().find(|(_, rate)| !rate.is_finite() || *rate < 0.0) {
            return Err((key, "must be 0 or greater".to_owned()));
        }
        let shares = [("decay.archive_below", self.archive_below), ("decay.link_floor", f64::from(self.link_floor))];
        if let Some((key, _)) = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Err((key, "must be 0 to 1".to_owned()));
        }
        if self.every_secs == 0 {
            return Err(("decay.every_secs", "must be at least 1".to_owned()));
        }
        Ok(())
    }

    /// Before that moment a memory must have been learnt and last reinforced to be archived at `now`.
    pub fn archives_before(&self, now: Timestamp) -> Timestamp {
        now.checked_sub_signed(Duration::days(i64::from(self.archive_after_days))).unwrap_or(Timestamp::MIN_UTC)
    }

    /// Whether so little is left of an automatic link that it leads nowhere any more, and is removed.
    pub fn prunes(&self, link: &Link, now: Timestamp) -> bool {
        link.kind == LinkKind::Similar && link.weight_left(self.link_per_day, now) < self.link_floor
    }

    /// Whether a memory has faded so far that it is archived: only what is current, fades at all, and is no promise
    /// that somebody still waits for.
    pub fn archives(&self, memory: &Memory, now: Timestamp) -> bool {
        let told = memory.learnt_at.max(memory.reinforced_at);
        memory.state == MemoryState::Active
            && self.per_day.of(memory) > 0.0
            && told < self.archives_before(now)
            && memory.effective_salience(&self.per_day, now) < self.archive_below
            && !crate::recall::is_open_promise(memory, now)
    }
}

/// What memories lose a day, by sector: a share of what is left, continuously. The defaults are OpenMemory's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DecayRates {
    /// Facts, preferences, attributes.
    pub semantic: f64,
    /// Events, actions, what happened when.
    pub episodic: f64,
    /// How the caller does things.
    pub procedural: f64,
    /// Sentiment, satisfaction.
    pub emotional: f64,
    /// Patterns and insights over several calls.
    pub reflective: f64,
}

impl Default for DecayRates {
    fn default() -> Self {
        Self { semantic: 0.005, episodic: 0.015, procedural: 0.008, emotional: 0.020, reflective: 0.001 }
    }
}

impl DecayRates {
    /// A sector's.
    pub fn sector(&self, sector: Sector) -> f64 {
        match sector {
            Sector::Semantic => self.semantic,
            Sector::Episodic => self.episodic,
            Sector::Procedural => self.procedural,
            Sector::Emotional => self.emotional,
            Sector::Reflective => self.reflective,
        }
    }

    /// A memory's: its own, or else its sector's.
    pub fn of(&self, memory: &Memory) -> f64 {
        memory.decay_rate.unwrap_or_else(|| self.sector(memory.sector))
    }
}

/// Section `[link]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinkConfig {
    /// From this cosine on two memories are linked. Left out, it is what the embedder states: spaces differ, so each
    /// has its own.
    pub threshold: Option<f32>,
    /// What an automatic link gains by leading to a memory that is shown, once a day at the most: this share of what
    /// it lacks to 1.
    pub gain: f32,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self { threshold: None, gain: 0.05 }
    }
}

impl LinkConfig {
    /// What types alone cannot check.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let wrong = |share: f32| !(0.0..=1.0).contains(&share);
        if self.threshold.is_some_and(wrong) {
            return Err(("link.threshold", "must be 0 to 1".to_owned()));
        }
        if wrong(self.gain) {
            return Err(("link.gain", "must be 0 to 1".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryKind;
    use crate::testkit::fixtures::{memory, start};

    fn faint() -> Memory {
        Memory { salience: 0.5, ..memory("mem_1", "Likes tea") }
    }

    #[test]
    fn only_what_is_old_and_faint_is_archived() {
        let decay = DecayConfig::default();
        let at = |days| start() + Duration::days(days);
        // 0.5 · e^(−0.005 · 180) is 0.203.
        assert!(decay.archives(&faint(), at(181)));
        for (why, memory, now) in [
            ("young", faint(), at(180)),
            ("strong", Memory { salience: 1.0, ..faint() }, at(181)),
            ("never fades", Memory { decay_rate: Some(0.0), salience: 0.01, ..faint() }, at(9_999)),
            ("told again", Memory { reinforced_at: at(100), ..faint() }, at(280)),
            ("superseded", Memory { state: MemoryState::Superseded, ..faint() }, at(181)),
            ("archived", Memory { state: MemoryState::Archived, ..faint() }, at(181)),
            ("promised", Memory { kind: MemoryKind::Promise, occurred_at: at(170), ..faint() }, at(181)),
            ("before it was learnt", faint(), at(-9_999)),
        ] {
            assert!(!decay.archives(&memory, now), "{why}");
        }
        let broken = Memory { kind: MemoryKind::Promise, occurred_at: at(10), ..faint() };
        assert!(decay.archives(&broken, at(181)), "nobody waits for it any more");
        assert!(!DecayConfig { archive_below: 0.0, ..decay }.archives(&faint(), at(9_999)));
        let slow = DecayRates { semantic: 0.0, ..DecayRates::default() };
        assert!(!DecayConfig { per_day: slow, ..decay }.archives(&faint(), at(9_999)));
    }

    #[test]
    fn numbers_that_are_none_are_refused_by_name() {
        let base = DecayConfig::default();
        let wrong = |config: DecayConfig| config.check().unwrap_err().0;
        assert_eq!(base.check(), Ok(()));
        for rate in [-0.1, f64::NAN, f64::INFINITY] {
            let per_day = DecayRates { emotional: rate, ..DecayRates::default() };
            assert_eq!(wrong(DecayConfig { per_day, ..base }), "decay.per_day.emotional");
            assert_eq!(wrong(DecayConfig { link_per_day: rate, ..base }), "decay.link_per_day");
        }
        assert_eq!(wrong(DecayConfig { archive_below: 1.5, ..base }), "decay.archive_below");
        assert_eq!(wrong(DecayConfig { link_floor: f32::NAN, ..base }), "decay.link_floor");
        assert_eq!(wrong(DecayConfig { every_secs: 0, ..base }), "decay.every_secs");
        let link = LinkConfig::default();
        assert_eq!(link.check(), Ok(()));
        assert_eq!(LinkConfig { threshold: Some(1.1), ..link }.check().unwrap_err().0, "link.threshold");
        assert_eq!(LinkConfig { gain: -0.1, ..link }.check().unwrap_err().0, "link.gain");
    }
}
