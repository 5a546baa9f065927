//! For how long what is remembered is kept.

use crate::{Memory, MemoryState, TenantId, Timestamp};
use chrono::Duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The longest period that can be told in days: a century.
const MOST_DAYS: u32 = 36_500;

/// What a period must be, as errors say it.
const REMEDY: &str = "a number of days from 1 to 36500, or \"forever\"";

/// How long something is kept: so many days, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    /// Nothing is removed for its age.
    #[default]
    Forever,
    /// So many days, 1 to 36,500.
    Days(u32),
}

impl Period {
    /// What is from before that moment is over at `now`; `None` if nothing ever is.
    pub fn cutoff(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Forever => None,
            Self::Days(days) => now.checked_sub_signed(Duration::days(days.into())),
        }
    }

    /// The shorter one.
    fn shorter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Days(one), Self::Days(two)) => Self::Days(one.min(two)),
            (Self::Forever, kept) | (kept, Self::Forever) => kept,
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Forever => serializer.serialize_str("forever"),
            Self::Days(days) => serializer.serialize_u32(*days),
        }
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Periods;
        impl Visitor<'_> for Periods {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(REMEDY)
            }

            fn visit_u64<E: serde::de::Error>(self, days: u64) -> Result<Period, E> {
                match u32::try_from(days) {
                    Ok(days @ 1..=MOST_DAYS) => Ok(Period::Days(days)),
                    _ => Err(E::custom(format!("must be {REMEDY}"))),
                }
            }

            fn visit_i64<E: serde::de::Error>(self, days: i64) -> Result<Period, E> {
                self.visit_u64(u64::try_from(days).unwrap_or(0))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Period, E> {
                match text.trim() {
                    "forever" => Ok(Period::Forever),
                    _ => Err(E::custom(format!("must be {REMEDY}"))),
                }
            }
        }
        deserializer.deserialize_any(Periods)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": MOST_DAYS },
            { "type": "string", "const": "forever" },
        ] })
    }
}

/// For how long what is remembered is kept, each a number of days from 1 to 36,500 or `"forever"`, the default. What is
/// older is removed by the schedule, by one process of all that share a store. Receipts have their own period,
/// `receipts.keep_days`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// How often what is older than it is kept is looked for, in seconds, at least 1.
    pub every_secs: u64,
    /// Transcripts and what was extracted from them, since the call began; with them goes the raw event of the call. That
    /// there was a call stays, and so do the memories of it. A transcript whose period is over is told to nobody, whether it
    /// is removed yet or not.
    pub transcripts_days: Period,
    /// Raw events, since they arrived. One that waits to be learnt from is kept until it was; where `transcripts_days` is
    /// shorter, that counts.
    pub events_days: Period,
    /// Memories that are no longer current: superseded ones since they gave way, archived ones since they were last told,
    /// those in quarantine since they were learnt.
    pub history_days: Period,
    /// Current memories, since they were learnt, last told again, corrected or recalled, whichever was last; with them goes
    /// what had given way to them. A promise that somebody still waits for is kept.
    pub memories_days: Period,
    /// Callers, since they were last heard of, with everything that is theirs. Who calls again is a stranger. Of one who
    /// has refused to be remembered only that, and by which number, is kept.
    pub callers_days: Period,
    /// Other periods for single tenants, by their names: what is left out is as above.
    #[serde(serialize_with = "write_tenants", deserialize_with = "read_tenants")]
    #[schemars(with = "BTreeMap<String, TenantRetention>")]
    pub tenants: Arc<BTreeMap<String, TenantRetention>>,
}

fn write_tenants<S: Serializer>(
    tenants: &Arc<BTreeMap<String, TenantRetention>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    tenants.as_ref().serialize(serializer)
}

fn read_tenants<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<BTreeMap<String, TenantRetention>>, D::Error> {
    let tenants = BTreeMap::<String, TenantRetention>::deserialize(deserializer)?;
    if tenants.keys().any(|name| name.trim().is_empty() || name.trim() != name) {
        return Err(D::Error::custom("a tenant's name must not be empty or begin or end with a space"));
    }
    Ok(Arc::new(tenants))
}

/// One tenant's periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantRetention {
    /// As `privacy.retention.transcripts_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcripts_days: Option<Period>,
    /// As `privacy.retention.events_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_days: Option<Period>,
    /// As `privacy.retention.history_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_days: Option<Period>,
    /// As `privacy.retention.memories_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memories_days: Option<Period>,
    /// As `privacy.retention.callers_days`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callers_days: Option<Period>,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            every_secs: 6 * 60 * 60,
            transcripts_days: Period::Forever,
            events_days: Period::Forever,
            history_days: Period::Forever,
            memories_days: Period::Forever,
            callers_days: Period::Forever,
            tenants: Arc::default(),
        }
    }
}

/// What holds for one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Periods {
    /// Transcripts and what was extracted from them.
    pub transcripts: Period,
    /// Raw events.
    pub events: Period,
    /// Memories that are no longer current.
    pub history: Period,
    /// Current memories.
    pub memories: Period,
    /// Callers.
    pub callers: Period,
}

impl Periods {
    /// Whether nothing is ever removed.
    pub fn keep_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a memory's time is over at `now`. Of a current one it is not looked at when it was last recalled, nor
    /// whether it is a promise.
    pub fn is_over(&self, memory: &Memory, now: Timestamp) -> bool {
        let told = memory.learnt_at.max(memory.reinforced_at);
        let (period, last) = match memory.state {
            MemoryState::Active => (self.memories, told.max(memory.corrected_at.unwrap_or(told))),
            MemoryState::Superseded => (self.history, memory.valid_to.unwrap_or(told)),
            MemoryState::Archived | MemoryState::Quarantined => (self.history, told),
        };
        period.cutoff(now).is_some_and(|cutoff| last < cutoff)
    }
}

impl RetentionConfig {
    /// What types alone cannot check.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        match self.every_secs {
            0 => Err(("privacy.retention.every_secs", "must be at least 1".to_owned())),
            _ => Ok(()),
        }
    }

    /// What holds for a tenant.
    pub fn of(&self, tenant: &TenantId) -> Periods {
        let own = self.tenants.get(tenant.as_str()).copied().unwrap_or_default();
        let transcripts = own.transcripts_days.unwrap_or(self.transcripts_days);
        Periods {
            transcripts,
            // An event holds the words of its call.
            events: own.events_days.unwrap_or(self.events_days).shorter(transcripts),
            history: own.history_days.unwrap_or(self.history_days),
            memories: own.memories_days.unwrap_or(self.memories_days),
            callers: own.callers_days.unwrap_or(self.callers_days),
        }
    }

    /// Whether nothing of anybody is ever removed.
    pub fn keeps_everything(&self) -> bool {
        let named = self.tenants.keys().map(|name| TenantId::new(name.as_str()));
        // Of a tenant that is not named, the general periods hold.
        named.chain([TenantId::new("")]).all(|tenant| self.of(&tenant).keep_everything())
    }

    /// Whether the period of a transcript is over at `now`, of a call that began at `started_at`.
    pub fn words_are_over(&self, tenant: &TenantId, started_at: Timestamp, now: Timestamp) -> bool {
        self.of(tenant).transcripts.cutoff(now).is_some_and(|cutoff| started_at < cutoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixtures::{memory, start};

    fn read(text: &str) -> Result<RetentionConfig, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_kept_for_ever_and_a_tenant_may_say_otherwise() {
        assert!(read("{}").unwrap().keeps_everything());
        let config = read(
            r#"{"transcripts_days": 30, "callers_days": 700, "tenants": {
                "acme": {"transcripts_days": "forever", "history_days": 7}, "quick": {"events_days": 90}}}"#,
        )
        .unwrap();
        assert!(!config.keeps_everything());
        let general = config.of(&"anybody".into());
        assert_eq!((general.transcripts, general.events), (Period::Days(30), Period::Days(30)));
        assert_eq!((general.history, general.callers), (Period::Forever, Period::Days(700)));
        let acme = config.of(&"acme".into());
        assert_eq!((acme.transcripts, acme.events), (Period::Forever, Period::Forever));
        assert_eq!((acme.history, acme.callers), (Period::Days(7), Period::Days(700)));
        assert_eq!(config.of(&"quick".into()).events, Period::Days(30), "it holds the transcript");
        assert!(!read(r#"{"tenants": {"acme": {"events_days": 1}}}"#).unwrap().keeps_everything());
        let again: RetentionConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn a_period_that_is_none_is_refused_with_the_remedy() {
        for wrong in ["0", "-1", "36501", "1e3", "1.5", r#""for ever""#, r#""30""#, "true", "null"] {
            for text in [
                format!(r#"{{"transcripts_days": {wrong}}}"#),
                format!(r#"{{"tenants": {{"acme": {{"memories_days": {wrong}}}}}}}"#),
            ] {
                match read(&text) {
                    // Left out, said aloud.
                    Ok(read) => assert!(wrong == "null" && read.keeps_everything(), "{text}"),
                    Err(why) => assert!(why.contains("1 to 36500, or \"forever\""), "{text}: {why}"),
                }
            }
        }
        for name in ["", " ", " acme"] {
            read(&format!(r#"{{"tenants": {{"{name}": {{}}}}}}"#)).unwrap_err();
        }
        let never = RetentionConfig { every_secs: 0, ..RetentionConfig::default() };
        assert_eq!(never.check().unwrap_err().0, "privacy.retention.every_secs");
        assert_eq!(RetentionConfig::default().check(), Ok(()));
    }

    #[test]
    fn each_memory_is_over_by_its_own_time() {
        let day = Duration::days(1);
        let at = |days: i32| start() + day * days;
        let periods = Periods { memories: Period::Days(100), history: Period::Days(10), ..Periods::default() };
        let of = |state| Memory { state, ..memory("mem_1", "x") };
        let superseded = Memory { valid_to: Some(at(50)), ..of(MemoryState::Superseded) };
        for (what, memory, last) in [
            ("current", of(MemoryState::Active), 100),
            ("told again", Memory { reinforced_at: at(20), ..of(MemoryState::Active) }, 120),
            ("corrected", Memory { corrected_at: Some(at(30)), ..of(MemoryState::Active) }, 130),
            ("superseded", superseded, 60),
            ("archived", Memory { reinforced_at: at(3), ..of(MemoryState::Archived) }, 13),
            ("in quarantine", of(MemoryState::Quarantined), 10),
        ] {
            assert!(!periods.is_over(&memory, at(last)), "{what}");
            assert!(periods.is_over(&memory, at(last) + Duration::seconds(1)), "{what}");
            assert!(!Periods::default().is_over(&memory, at(99_999)), "{what}");
        }
        // A period that reaches beyond the beginning of time holds nothing.
        assert_eq!(Period::Days(MOST_DAYS).cutoff(Timestamp::MIN_UTC), None);
    }
}
