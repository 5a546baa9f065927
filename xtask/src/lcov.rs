//! Reads LCOV, the line-by-line form of coverage that `llvm-cov export` writes.

use std::collections::BTreeMap;

/// One source file: how often each line that can run was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// As the compiler saw it.
    pub(crate) path: String,
    /// Line number (from 1) to executions.
    pub(crate) lines: BTreeMap<usize, u64>,
}

/// Lines that can run, and those that did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Covered {
    /// Can run.
    pub(crate) lines: usize,
    /// Did.
    pub(crate) hit: usize,
}

impl Covered {
    /// In percent; a file without code is covered.
    pub(crate) fn percent(self) -> f64 {
        if self.lines == 0 { 100.0 } else { 100.0 * self.hit as f64 / self.lines as f64 }
    }
}

impl std::ops::Add for Covered {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { lines: self.lines + other.lines, hit: self.hit + other.hit }
    }
}

impl Source {
    /// Its lines before `end` (a line number, from 1).
    pub(crate) fn covered_before(&self, end: usize) -> Covered {
        let lines = self.lines.range(..end);
        lines.fold(Covered::default(), |sum, (_, &runs)| sum + Covered { lines: 1, hit: usize::from(runs > 0) })
    }
}

/// Reads a report.
pub(crate) fn parse(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut current: Option<Source> = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            current = Some(Source { path: path.to_owned(), lines: BTreeMap::new() });
        } else if let Some((number, runs)) = line.strip_prefix("DA:").and_then(data)
            && let Some(source) = &mut current
        {
            *source.lines.entry(number).or_default() += runs;
        } else if line == "end_of_record" {
            sources.extend(current.take());
        }
    }
    sources
}

fn data(fields: &str) -> Option<(usize, u64)> {
    let mut fields = fields.split(',');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The line (from 1) where a file's unit tests begin, or one after its end: tests are not counted as tested.
pub(crate) fn tests_begin(text: &str) -> usize {
    let at = text.lines().position(|line| line.starts_with("#[cfg(test)]"));
    at.unwrap_or_else(|| text.lines().count()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str =
        "SF:core/src/a.rs\nFN:1,f\nDA:1,3\nDA:2,0\nDA:5,1\nLF:3\nend_of_record\nSF:b.rs\nend_of_record\n";

    #[test]
    fn lines_are_counted_up_to_the_tests() {
        let sources = parse(REPORT);
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].covered_before(usize::MAX), Covered { lines: 3, hit: 2 });
        assert_eq!(sources[0].covered_before(5), Covered { lines: 2, hit: 1 });
        assert_eq!(sources[1].covered_before(9).percent(), 100.0);
        assert_eq!(tests_begin("fn a() {}\n#[cfg(test)]\nmod tests {}\n"), 2);
        assert_eq!(tests_begin("fn a() {}\n"), 2);
    }

    #[test]
    fn sums_are_of_lines_not_of_percentages() {
        let sum = Covered { lines: 1, hit: 1 } + Covered { lines: 9, hit: 0 };
        assert_eq!(sum.percent(), 10.0);
    }
}
