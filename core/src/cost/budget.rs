//! How much may be spent, and how far along that is.

use super::Nanos;
use chrono::{Datelike, Days, Months, NaiveDate};
use std::collections::BTreeMap;

/// What a budget runs for. Days and months are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// A day.
    Day,
    /// A calendar month.
    Month,
}

impl Period {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The first day of the period in which a day lies.
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }

    /// The first day of the next one.
    pub fn end(self, day: NaiveDate) -> NaiveDate {
        let start = self.start(day);
        let end = match self {
            Self::Day => start.checked_add_days(Days::new(1)),
            Self::Month => start.checked_add_months(Months::new(1)),
        };
        end.unwrap_or(NaiveDate::MAX)
    }
}

/// How far a budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Not yet so far that anybody should know.
    #[default]
    Fine,
    /// Somebody should know.
    Warn,
    /// Nothing more is paid until the period ends.
    Stop,
}

impl Level {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warn => "warn",
            Self::Stop => "stopped",
        }
    }
}

/// What may be spent in one period; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// From here on somebody should know.
    pub warn: Option<Nanos>,
    /// From here on nothing more is paid.
    pub stop: Option<Nanos>,
}

impl Limits {
    /// How far this much is.
    pub fn level(self, spent: Nanos) -> Level {
        if self.stop.is_some_and(|stop| spent >= stop) {
            return Level::Stop;
        }
        if self.warn.is_some_and(|warn| spent >= warn) { Level::Warn } else { Level::Fine }
    }

    /// The part that is spent, 1 for all of it, of `stop` or else of `warn`; `None` without either. A limit of
    /// nothing is used up from the start.
    pub fn ratio(self, spent: Nanos) -> Option<f64> {
        let limit = self.stop.or(self.warn)?;
        Some(if limit == Nanos::ZERO { 1.0 } else { spent.units() / limit.units() })
    }
}

/// What may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// In a day.
    pub daily: Limits,
    /// In a month.
    pub monthly: Limits,
}

impl Budget {
    /// The limits of a period.
    pub fn limits(self, period: Period) -> Limits {
        match period {
            Period::Day => self.daily,
            Period::Month => self.monthly,
        }
    }
}

/// What one tenant has spent this month, by day, and what has been said about it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    days: BTreeMap<NaiveDate, Nanos>,
    /// The level that was told last, for the period that began then.
    told: [(NaiveDate, Level); 2],
}

impl Tally {
    /// Adds what was spent on a day.
    pub(super) fn add(&mut self, day: NaiveDate, money: Nanos) {
        *self.days.entry(day).or_default() += money;
    }

    /// Replaces everything by what is stored; what was told stays told.
    pub(super) fn replace(&mut self, days: impl IntoIterator<Item = (NaiveDate, Nanos)>) {
        self.days.clear();
        for (day, money) in days {
            self.add(day, money);
        }
    }

    /// What was spent in the period in which a day lies.
    pub(super) fn spent(&self, period: Period, day: NaiveDate) -> Nanos {
        self.days.range(period.start(day)..period.end(day)).map(|(_, money)| *money).sum()
    }

    /// The level of a period, if it is higher than the one that was told for it: it counts as told from now on.
    pub(super) fn rise(&mut self, period: Period, day: NaiveDate, level: Level) -> Option<Level> {
        let told = &mut self.told[usize::from(period == Period::Month)];
        let start = period.start(day);
        let before = if told.0 == start { told.1 } else { Level::Fine };
        *told = (start, before.max(level));
        (level > before).then_some(level)
    }

    /// Forgets the days before the month of this one.
    pub(super) fn prune(&mut self, day: NaiveDate) {
        self.days = self.days.split_off(&Period::Month.start(day));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, month, day).unwrap()
    }

    #[test]
    fn periods_end_where_the_next_begins() {
        assert_eq!(Period::Day.end(day(2, 28)), day(3, 1));
        assert_eq!((Period::Month.start(day(12, 31)), Period::Day.start(day(12, 31))), (day(12, 1), day(12, 31)));
        assert_eq!(Period::Month.end(day(12, 31)), NaiveDate::from_ymd_opt(2027, 1, 1).unwrap());
    }

    #[test]
    fn a_limit_is_reached_when_it_is_spent_and_a_limit_of_nothing_from_the_start() {
        let limits = Limits { warn: Some(Nanos(5)), stop: Some(Nanos(10)) };
        let levels = [4, 5, 9, 10, 11].map(|spent| limits.level(Nanos(spent)));
        assert_eq!(levels, [Level::Fine, Level::Warn, Level::Warn, Level::Stop, Level::Stop]);
        assert_eq!(limits.ratio(Nanos(5)), Some(0.5));
        let nothing = Limits { warn: None, stop: Some(Nanos::ZERO) };
        assert_eq!((nothing.level(Nanos::ZERO), nothing.ratio(Nanos::ZERO)), (Level::Stop, Some(1.0)));
        assert_eq!((Limits::default().level(Nanos(u64::MAX)), Limits::default().ratio(Nanos(1))), (Level::Fine, None));
    }

    #[test]
    fn days_add_up_to_months_and_old_months_are_forgotten() {
        let mut tally = Tally::default();
        for (date, money) in [(day(10, 31), 1), (day(11, 1), 2), (day(11, 30), 4), (day(11, 30), 8), (day(12, 1), 16)] {
            tally.add(date, Nanos(money));
        }
        assert_eq!(tally.spent(Period::Month, day(11, 15)), Nanos(14));
        assert_eq!(tally.spent(Period::Day, day(11, 30)), Nanos(12));
        assert_eq!(tally.spent(Period::Day, day(11, 2)), Nanos::ZERO);
        tally.prune(day(11, 30));
        assert_eq!(tally.spent(Period::Month, day(10, 31)), Nanos::ZERO);
        assert_eq!(tally.spent(Period::Month, day(11, 30)), Nanos(14));
    }

    #[test]
    fn a_crossing_is_told_once_and_again_in_the_next_period() {
        let mut tally = Tally::default();
        let mut rise = |date, level| tally.rise(Period::Day, date, level);
        assert_eq!(rise(day(11, 1), Level::Fine), None);
        assert_eq!(rise(day(11, 1), Level::Warn), Some(Level::Warn));
        assert_eq!(rise(day(11, 1), Level::Warn), None);
        assert_eq!(rise(day(11, 1), Level::Fine), None);
        assert_eq!(rise(day(11, 1), Level::Warn), None, "told already");
        assert_eq!(rise(day(11, 1), Level::Stop), Some(Level::Stop));
        assert_eq!(rise(day(11, 2), Level::Stop), Some(Level::Stop));
        assert_eq!(tally.rise(Period::Month, day(11, 2), Level::Warn), Some(Level::Warn), "each period for itself");
    }
}
