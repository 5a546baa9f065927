//! How much a conversation leaves in the stores for good: what lies in them after as many conversations as before, less
//! what lay in them then. So nothing counts that is there from the beginning, nor space that is used again.

use crate::client::Client;
use crate::finished::Finished;
use crate::home::Home;
use crate::load::QUESTIONS;
use crate::postgres::{Postgres, Space};
use crate::rng::Rng;
use crate::server::Server;
use crate::stores::{Place, Stores};
use crate::{Options, Outcome, ack, measure, seed, sentences};
use hark_core::{Clock, SystemClock};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long telling of calls may take to be learnt.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// Receipts, and what models cost, are kept so often by the server; and once more, to be sure.
const KEPT: Duration = Duration::from_secs(11);
/// One of so many sentences of a caller tells something that is worth remembering.
const EXCHANGES: usize = 4;
/// Parts that are listed by name; the rest is one line.
const LISTED: usize = 8;

/// How many conversations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    /// Conversations before it is measured what there is, and as many after it.
    pub(crate) conversations: usize,
    /// Callers they are of, in turn.
    pub(crate) callers: usize,
}

/// What one conversation leaves, on average.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Growth {
    stores: Stores,
    conversations: usize,
    callers: usize,
    /// The bodies of their events.
    event_bytes: f64,
    /// What is remembered of it.
    memories: f64,
    /// Bytes, with indexes.
    bytes: f64,
    /// By table, or by what lies in the data folder; the largest first.
    parts: Vec<Part>,
}

/// What a table grew by, for each conversation.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Part {
    name: String,
    bytes: f64,
    /// Of them, those of its indexes.
    indexes: f64,
}

/// What there is.
#[derive(Debug)]
struct Standing {
    events: usize,
    memories: u64,
    parts: BTreeMap<String, Space>,
}

/// Has the conversations twice, on fresh stores.
pub(crate) async fn run(options: &Options, talk: Talk, stores: Stores, postgres: Option<&Postgres>) -> Outcome<Growth> {
    println!("twice {} conversations, {}", talk.conversations, stores.name());
    let place = Place::new(stores, postgres)?;
    place.end(run_in(options, talk, stores, &place).await).await
}

async fn run_in(options: &Options, talk: Talk, stores: Stores, place: &Place) -> Outcome<Growth> {
    let folder = tempfile::Builder::new().prefix("hark-growth-").tempdir_in(measure::base(options)?)?;
    let home = Home::new(&options.hark, folder.path())?.with(place.settings());
    seed::keyring(home.keys())?;
    let before = standing(&home, place, talk, 0).await?;
    let after = standing(&home, place, talk, 1).await?;
    Ok(Growth::between(stores, talk, &before, &after))
}

/// Has them, and looks at what there is when all is learnt, kept and tidied up.
async fn standing(home: &Home, place: &Place, talk: Talk, lot: usize) -> Outcome<Standing> {
    let server = Server::start(home).await?;
    let client = Client::new(&server.url)?;
    let events = converse(&client, talk, lot).await?;
    client.until_learnt(PATIENCE).await?;
    tokio::time::sleep(KEPT).await;
    server.stop().await?;
    let memories = seed::tidy(home, place).await?;
    Ok(Standing { events, memories, parts: place.parts(&home.data()).await? })
}

/// Each is an initiation, questions, and the event. Answers the bytes of the events.
async fn converse(client: &Client, talk: Talk, lot: usize) -> Outcome<usize> {
    let mut rng = Rng::new(41 + lot as u64);
    let mut bytes = 0;
    for n in 0..talk.conversations {
        let (conversation, number) = (format!("conv_growth_{lot}_{n}"), seed::number(n % talk.callers.max(1)));
        client.initiate(&conversation, &number).await?;
        for _ in 0..QUESTIONS {
            client.ask(&conversation, &sentences::question(&mut rng)).await?;
        }
        let at = SystemClock.now().timestamp();
        let mut call = Finished::at(conversation, number, at - 300);
        for exchange in 0..ack::TURNS / 2 {
            let tells = exchange % EXCHANGES == 1;
            call = call.saying(&if tells { sentences::utterance(&mut rng) } else { sentences::small_talk(&mut rng) });
        }
        let body = call.event()?;
        bytes += body.len();
        client.deliver_new(&body, at).await?;
    }
    Ok(bytes)
}

impl Growth {
    fn between(stores: Stores, talk: Talk, before: &Standing, after: &Standing) -> Self {
        let each = |after: u64, before: u64| (after as f64 - before as f64) / talk.conversations.max(1) as f64;
        let names: BTreeSet<&String> = before.parts.keys().chain(after.parts.keys()).collect();
        let part = |name: &String| {
            let [before, after] = [before, after].map(|s| s.parts.get(name).copied().unwrap_or_default());
            Part {
                name: name.clone(),
                bytes: each(after.bytes, before.bytes),
                indexes: each(after.indexes, before.indexes),
            }
        };
        let mut parts: Vec<Part> = names.into_iter().map(part).collect();
        parts.sort_by(|a, b| b.bytes.total_cmp(&a.bytes));
        Self {
            stores,
            conversations: talk.conversations,
            callers: talk.callers,
            event_bytes: each(after.events as u64, 0),
            memories: each(after.memories, before.memories),
            bytes: parts.iter().map(|part| part.bytes).sum(),
            parts,
        }
    }

    /// As a table.
    pub(crate) fn markdown(&self) -> Vec<String> {
        let mut lines = vec![
            format!("| what a conversation leaves, {} | kB | of it indexes |", self.stores.name()),
            "| --- | ---: | ---: |".to_owned(),
        ];
        let row =
            |what: &str, bytes: f64, indexes: f64| format!("| {what} | {:.1} | {:.1} |", bytes / 1e3, indexes / 1e3);
        let sum =
            |parts: &[Part]| parts.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.bytes, sum.1 + part.indexes));
        let (listed, rest) = self.parts.split_at(LISTED.min(self.parts.len()));
        lines.extend(listed.iter().map(|part| row(&part.name, part.bytes, part.indexes)));
        if !rest.is_empty() {
            let (bytes, indexes) = sum(rest);
            lines.push(row(&format!("{} others", rest.len()), bytes, indexes));
        }
        lines.push(row("all", self.bytes, sum(&self.parts).1));
        lines.push(String::new());
        lines.push(format!(
            "- {} conversations of {} callers, after as many before; each an initiation, {QUESTIONS} questions and an event of \
             {:.1} kB with {} turns, every {EXCHANGES}th sentence of the caller worth remembering: {:.1} memories were learnt of it",
            self.conversations,
            self.callers,
            self.event_bytes / 1e3,
            ack::TURNS,
            self.memories
        ));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(memories: u64, parts: &[(&str, u64, u64)]) -> Standing {
        let parts = parts.iter().map(|&(name, bytes, indexes)| (name.to_owned(), Space { bytes, indexes })).collect();
        Standing { events: 4_500, memories, parts }
    }

    #[test]
    fn what_was_there_before_does_not_count_and_the_largest_comes_first() {
        let before = standing(5, &[("events", 8_000, 2_000), ("jobs", 9_000, 0), ("gone", 10, 0)]);
        let after = standing(25, &[("events", 9_000, 2_500), ("jobs", 9_000, 0), ("memories", 4_000, 3_000)]);
        let talk = Talk { conversations: 10, callers: 2 };
        let growth = Growth::between(Stores::Postgres, talk, &before, &after);
        let part = |name: &str, bytes, indexes| Part { name: name.to_owned(), bytes, indexes };
        let expected = [
            part("memories", 400.0, 300.0),
            part("events", 100.0, 50.0),
            part("jobs", 0.0, 0.0),
            part("gone", -1.0, 0.0),
        ];
        assert_eq!(growth.parts, expected);
        assert_eq!((growth.bytes, growth.memories, growth.event_bytes), (499.0, 2.0, 450.0));
        let markdown = growth.markdown();
        assert!(markdown.contains(&"| all | 0.5 | 0.3 |".to_owned()), "{markdown:?}");
        assert!(markdown.iter().filter(|line| line.starts_with('|')).all(|line| line.matches('|').count() == 4));
    }
}
