//! The figures for people and for programs.

use crate::Options;
use crate::measure::Size;
use crate::provider::{self, Case};
use crate::stats::Spread;
use serde::Serialize;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    sizes: Vec<Size>,
    providers: Vec<Case>,
    /// p95 of memory queries at the largest size over the smallest, at the highest rate.
    query_p95_growth: Option<f64>,
    /// p99 of an acknowledgement over p99 of one bare commit of the same bytes, at the smallest size.
    ack_over_commit_p99: Option<f64>,
    seconds: u64,
    events: usize,
}

impl Report {
    pub(crate) fn new(options: &Options, sizes: Vec<Size>, providers: Vec<Case>) -> Self {
        let p95 = |size: &Size| Some(size.loads.iter().rfind(|load| load.transcripts == 0)?.query?.p95);
        let growth = match sizes.as_slice() {
            [first, .., last] => p95(last).zip(p95(first)).map(|(last, first)| last / first),
            _ => None,
        };
        let ack = sizes.first().and_then(|size| Some(size.acks.ack?.p99 / size.acks.commit?.p99));
        Self {
            query_p95_growth: growth,
            ack_over_commit_p99: ack,
            seconds: options.seconds,
            events: options.events,
            sizes,
            providers,
        }
    }

    /// Tables in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut lines = vec![
            "| memories | callers | start | idle RSS | RSS after load | peak RSS | learnt |".to_owned(),
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned(),
        ];
        lines.extend(self.sizes.iter().map(|size| {
            let mib = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |mib| format!("{mib:.0} MiB"));
            format!(
                "| {} | {} | {:.0} ms | {} | {} | {} | {:.1} calls/s |",
                size.memories,
                size.callers,
                size.start_ms,
                mib(size.idle_mib),
                mib(size.loaded_mib),
                mib(size.peak_mib),
                size.acks.learnt_per_sec
            )
        }));
        lines.push(String::new());
        lines
            .push("| memories | what | n | p50 ms | p95 ms | p99 ms | max ms | failed | degraded | empty |".to_owned());
        lines.push("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned());
        for size in &self.sizes {
            for load in &size.loads {
                let counts = format!("{} | {} | {}", load.errors, load.degraded, load.empty);
                let told = match load.transcripts {
                    0 => String::new(),
                    calls => format!(" of callers with {calls} transcripts"),
                };
                let what = format!("memory-query, {}/s{told}", load.rate);
                lines.push(row(size.memories, &what, load.query, &counts));
                lines.push(row(size.memories, &format!("{what}, server's own"), load.query_server, NO_COUNTS));
                lines.push(row(
                    size.memories,
                    &format!("initiation, {}/s{told}", load.rate / 3),
                    load.initiation,
                    NO_COUNTS,
                ));
            }
            let event = format!("post-call acknowledged, {} bytes", size.acks.bytes);
            lines.push(row(size.memories, &event, size.acks.ack, NO_COUNTS));
            lines.push(row(size.memories, "one bare SQLite commit of them", size.acks.commit, NO_COUNTS));
        }
        lines.push(String::new());
        lines.extend(self.ratios());
        lines.extend(NOTES.map(str::to_owned));
        if !self.providers.is_empty() {
            lines.push(String::new());
            lines.extend(provider::markdown(&self.providers));
        }
        lines.join("\n")
    }

    fn ratios(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(growth) = self.query_p95_growth {
            lines.push(format!("- p95 of memory-query, largest size over smallest, highest rate: {growth:.2}"));
        }
        if let Some(ratio) = self.ack_over_commit_p99 {
            lines.push(format!("- p99 of an acknowledgement over p99 of a bare commit, smallest size: {ratio:.2}"));
        }
        lines
    }
}

const NO_COUNTS: &str = " | |";

/// What one must know to read the figures.
const NOTES: [&str; 6] = [
    "- open loop over loopback: client time counts from the moment a request was due; calls are an initiation and three different queries by a caller chosen at random",
    "- sentences are templates of customer support; 4096 different ones are embedded by the built-in embedder, and their vectors are reused for the repeats",
    "- transcripts are calls of 24 turns, delivered and learnt before those questions: their turns are recalled beside the memories",
    "- the server's own time is `took_ms`, in whole milliseconds",
    "- events are delivered one after the other while the workers learn from them, each followed by the bare commit (WAL, synchronous=FULL, the same disk)",
    "- learnt: events over the time from the first delivery until the queue was empty",
];

fn row(memories: usize, what: &str, spread: Option<Spread>, counts: &str) -> String {
    let figures = spread.map_or_else(
        || "0 | | | | ".to_owned(),
        |s| format!("{} | {:.1} | {:.1} | {:.1} | {:.1}", s.n, s.p50, s.p95, s.p99, s.max),
    );
    format!("| {memories} | {what} | {figures} | {counts} |")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ack::Acks;
    use crate::load::Load;
    use clap::Parser;

    fn size(memories: usize, p95: f64) -> Size {
        let spread = Some(Spread { n: 10, p50: 1.0, p95, p99: 12.0, max: 13.0 });
        let load = Load {
            rate: 20,
            transcripts: 0,
            query: spread,
            query_server: None,
            initiation: spread,
            errors: 0,
            degraded: 0,
            empty: 0,
        };
        let acks = Acks { bytes: 9, ack: spread, commit: spread, learnt_per_sec: 5.0 };
        Size {
            memories,
            callers: 1,
            seeded_secs: 0.0,
            start_ms: 1.0,
            idle_mib: None,
            loaded_mib: None,
            peak_mib: None,
            loads: vec![load],
            acks,
        }
    }

    #[test]
    fn ratios_are_between_sizes_of_one_run_and_rows_are_whole() {
        let options = Options::parse_from(["hark-bench", "--hark", "hark", "--out", "bench.json"]);
        let report = Report::new(&options, vec![size(100, 4.0), size(1000, 10.0)], Vec::new());
        assert_eq!(report.query_p95_growth, Some(2.5));
        assert_eq!(report.ack_over_commit_p99, Some(1.0));
        let markdown = report.markdown();
        let columns = |line: &str| line.matches('|').count();
        let tables: Vec<usize> = markdown.lines().filter(|l| l.starts_with('|')).map(columns).collect();
        assert_eq!(tables, [vec![8; 4], vec![11; 12]].concat(), "{markdown}");
        assert_eq!(Report::new(&options, vec![size(100, 4.0)], Vec::new()).query_p95_growth, None);
    }
}
