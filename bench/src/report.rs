//! The figures for people and for programs.

use crate::Options;
use crate::load::Load;
use crate::measure::Size;
use crate::provider::{self, Case};
use crate::stats::Spread;
use crate::stores::Stores;
use serde::Serialize;
use std::collections::BTreeSet;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    sizes: Vec<Size>,
    providers: Vec<Case>,
    by_stores: Vec<ByStores>,
    over_embedded: Vec<OverEmbedded>,
    /// The PostgreSQL that was measured on, and what of its settings decides.
    postgres: Option<String>,
    seconds: u64,
    events: usize,
}

/// Ratios within the same stores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct ByStores {
    stores: Stores,
    /// p95 of memory queries at the largest size over the smallest, at the highest rate.
    query_p95_growth: Option<f64>,
    /// p99 of an acknowledgement over p99 of one bare commit of the same bytes, at the smallest size.
    ack_over_commit_p99: Option<f64>,
}

/// How PostgreSQL stands to the embedded stores, at the same size and rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct OverEmbedded {
    memories: usize,
    rate: u32,
    /// Transcripts kept of each caller who is asked about.
    transcripts: usize,
    /// p95 of memory queries on PostgreSQL over p95 on the embedded stores, as the client sees them.
    query_p95: f64,
}

impl Report {
    pub(crate) fn new(options: &Options, sizes: Vec<Size>, providers: Vec<Case>, postgres: Option<String>) -> Self {
        let kinds: BTreeSet<Stores> = sizes.iter().map(|size| size.stores).collect();
        Self {
            by_stores: kinds.into_iter().map(|stores| by_stores(stores, &sizes)).collect(),
            over_embedded: over_embedded(&sizes),
            postgres,
            seconds: options.seconds,
            events: options.events,
            sizes,
            providers,
        }
    }

    /// Tables in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut lines = vec![
            "| memories | callers | stores | on disk | start | idle RSS | RSS after load | peak RSS | learnt |"
                .to_owned(),
            "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned(),
        ];
        lines.extend(self.sizes.iter().map(|size| {
            let mib = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |mib| format!("{mib:.0} MiB"));
            format!(
                "| {} | {} | {} | {} | {:.0} ms | {} | {} | {} | {:.1} calls/s |",
                size.memories,
                size.callers,
                size.stores.name(),
                mib(Some(size.stored_mib)),
                size.start_ms,
                mib(size.idle_mib),
                mib(size.loaded_mib),
                mib(size.peak_mib),
                size.acks.learnt_per_sec
            )
        }));
        lines.push(String::new());
        lines.push(
            "| memories | stores | what | n | p50 ms | p95 ms | p99 ms | max ms | failed | degraded | empty |"
                .to_owned(),
        );
        lines.push("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned());
        for size in &self.sizes {
            for load in &size.loads {
                let counts = format!("{} | {} | {}", load.errors, load.degraded, load.empty);
                let told = told(load.transcripts);
                let what = format!("memory-query, {}/s{told}", load.rate);
                lines.push(row(size, &what, load.query, &counts));
                lines.push(row(size, &format!("{what}, server's own"), load.query_server, NO_COUNTS));
                let initiations = format!("initiation, {}/s{told}", load.rate / 3);
                lines.push(row(size, &initiations, load.initiation, NO_COUNTS));
            }
            let event = format!("post-call acknowledged, {} bytes", size.acks.bytes);
            lines.push(row(size, &event, size.acks.ack, NO_COUNTS));
            let commit = format!("one bare {} commit of them", size.acks.committed_by);
            lines.push(row(size, &commit, size.acks.commit, NO_COUNTS));
        }
        lines.push(String::new());
        lines.extend(self.ratios());
        lines.extend(NOTES.map(str::to_owned));
        lines.extend(self.postgres.iter().map(|postgres| {
            format!("- postgres: {postgres}; its own processes are in no RSS; vacuumed and analysed after seeding")
        }));
        if !self.providers.is_empty() {
            lines.push(String::new());
            lines.extend(provider::markdown(&self.providers));
        }
        lines.join("\n")
    }

    fn ratios(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for by in &self.by_stores {
            let name = by.stores.name();
            if let Some(growth) = by.query_p95_growth {
                lines.push(format!(
                    "- {name}: p95 of memory-query, largest size over smallest, highest rate: {growth:.2}"
                ));
            }
            if let Some(ratio) = by.ack_over_commit_p99 {
                lines.push(format!(
                    "- {name}: p99 of an acknowledgement over p99 of a bare commit, smallest size: {ratio:.2}"
                ));
            }
        }
        lines.extend(self.over_embedded.iter().map(|over| {
            format!(
                "- postgres over embedded: p95 of memory-query at {} memories, {}/s{}: {:.2}",
                over.memories,
                over.rate,
                told(over.transcripts),
                over.query_p95
            )
        }));
        lines
    }
}

fn by_stores(stores: Stores, sizes: &[Size]) -> ByStores {
    let sizes: Vec<&Size> = sizes.iter().filter(|size| size.stores == stores).collect();
    let p95 = |size: &Size| Some(size.loads.iter().rfind(|load| load.transcripts == 0)?.query?.p95);
    let query_p95_growth = match sizes.as_slice() {
        [first, .., last] => p95(last).zip(p95(first)).map(|(last, first)| last / first),
        _ => None,
    };
    let ack_over_commit_p99 = sizes.first().and_then(|size| Some(size.acks.ack?.p99 / size.acks.commit?.p99));
    ByStores { stores, query_p95_growth, ack_over_commit_p99 }
}

fn over_embedded(sizes: &[Size]) -> Vec<OverEmbedded> {
    let mut all = Vec::new();
    for size in sizes.iter().filter(|size| size.stores == Stores::Postgres) {
        let beside = sizes.iter().find(|other| other.stores == Stores::Embedded && other.memories == size.memories);
        for (load, other) in size.loads.iter().zip(beside.into_iter().flat_map(|other| &other.loads)) {
            if let Some((query, other)) = load.query.zip(other.query) {
                let Load { rate, transcripts, .. } = *load;
                all.push(OverEmbedded { memories: size.memories, rate, transcripts, query_p95: query.p95 / other.p95 });
            }
        }
    }
    all
}

/// Whose calls they are.
fn told(transcripts: usize) -> String {
    match transcripts {
        0 => String::new(),
        calls => format!(" of callers with {calls} transcripts"),
    }
}

const NO_COUNTS: &str = " | |";

/// What one must know to read the figures.
const NOTES: [&str; 6] = [
    "- open loop over loopback: client time counts from the moment a request was due; calls are an initiation and three different queries by a caller chosen at random",
    "- sentences are templates of customer support; 4096 different ones are embedded by the built-in embedder, and their vectors are reused for the repeats",
    "- transcripts are calls of 24 turns, delivered and learnt before those questions: their turns are recalled beside the memories",
    "- the server's own time is `took_ms`, in whole milliseconds",
    "- events are delivered one after the other while the workers learn from them, each followed by the bare commit (SQLite: WAL, synchronous=FULL, the same disk)",
    "- learnt: events over the time from the first delivery until the queue was empty",
];

fn row(size: &Size, what: &str, spread: Option<Spread>, counts: &str) -> String {
    let figures = spread.map_or_else(
        || "0 | | | | ".to_owned(),
        |s| format!("{} | {:.1} | {:.1} | {:.1} | {:.1}", s.n, s.p50, s.p95, s.p99, s.max),
    );
    format!("| {} | {} | {what} | {figures} | {counts} |", size.memories, size.stores.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ack::Acks;
    use clap::Parser;

    fn size(stores: Stores, memories: usize, p95: f64) -> Size {
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
        let acks = Acks { bytes: 9, ack: spread, commit: spread, committed_by: "SQLite", learnt_per_sec: 5.0 };
        Size {
            stores,
            memories,
            callers: 1,
            seeded_secs: 0.0,
            stored_mib: 1.0,
            start_ms: 1.0,
            idle_mib: None,
            loaded_mib: None,
            peak_mib: None,
            loads: vec![load],
            acks,
        }
    }

    fn report(sizes: Vec<Size>) -> Report {
        let options = Options::parse_from(["hark-bench", "--hark", "hark", "--out", "bench.json"]);
        Report::new(&options, sizes, Vec::new(), Some("PostgreSQL 16".to_owned()))
    }

    #[test]
    fn ratios_are_between_sizes_of_one_run_and_rows_are_whole() {
        use Stores::{Embedded, Postgres};
        let sizes = [(Embedded, 100, 4.0), (Postgres, 100, 6.0), (Embedded, 1000, 10.0), (Postgres, 1000, 9.0)];
        let report = report(sizes.map(|(stores, memories, p95)| size(stores, memories, p95)).into());
        let by = |stores, growth| ByStores { stores, query_p95_growth: Some(growth), ack_over_commit_p99: Some(1.0) };
        assert_eq!(report.by_stores, [by(Embedded, 2.5), by(Postgres, 1.5)]);
        let over = |memories, query_p95| OverEmbedded { memories, rate: 20, transcripts: 0, query_p95 };
        assert_eq!(report.over_embedded, [over(100, 1.5), over(1000, 0.9)]);
        let markdown = report.markdown();
        let columns = |line: &str| line.matches('|').count();
        let tables: Vec<usize> = markdown.lines().filter(|l| l.starts_with('|')).map(columns).collect();
        assert_eq!(tables, [vec![10; 6], vec![12; 22]].concat(), "{markdown}");
        assert!(markdown.contains("\n- postgres over embedded: p95 of memory-query at 100 memories, 20/s: 1.50\n"));
    }

    #[test]
    fn a_ratio_without_its_other_half_is_left_out() {
        let alone = report(vec![size(Stores::Embedded, 100, 4.0)]);
        assert_eq!(alone.by_stores[0].query_p95_growth, None);
        let apart = report(vec![size(Stores::Embedded, 100, 4.0), size(Stores::Postgres, 1000, 4.0)]);
        assert_eq!(apart.over_embedded, []);
    }
}
