//! Questions in other words: each asks for one memory and shares hardly a word with it.
//!
//! A folder with `pairs.tsv`, one "memory TAB question" a line, and perhaps `distract.py` or `distract.txt`: memories
//! that answer none of the questions, one a line (of a Python file, the lines of its one long string).

use crate::Outcome;
use crate::world::World;
use std::path::Path;

/// Memories and what is asked for them.
pub(crate) struct Pairs {
    pairs: Vec<(String, String)>,
    others: Vec<String>,
}

impl Pairs {
    /// `None` where the folder holds no pairs.
    pub(crate) fn read(folder: &Path) -> Outcome<Option<Self>> {
        let file = folder.join("pairs.tsv");
        if !file.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(file)?;
        let mut pairs = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (memory, question) = line.split_once('\t').ok_or("a line of pairs.tsv has no tab")?;
            pairs.push((memory.trim().to_owned(), question.trim().to_owned()));
        }
        let mut others = Vec::new();
        for name in ["distract.txt", "distract.py"] {
            let Ok(text) = std::fs::read_to_string(folder.join(name)) else { continue };
            let lines = text.split("\"\"\"").nth(1).unwrap_or(&text).lines();
            others.extend(lines.map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned));
        }
        Ok(Some(Self { pairs, others }))
    }

    /// Asks for each among the pairs' memories alone, then among all, and prints how often it is found.
    pub(crate) async fn measure(&self, world: &World) -> Outcome {
        println!("{:<28}{:>6}{:>8}{:>8}{:>8}{:>8}", "", "n", "hit@1", "hit@5", "hit@10", "mrr");
        let memories: Vec<&str> = self.pairs.iter().map(|(memory, _)| memory.as_str()).collect();
        self.ask(world, "alone", &memories).await?;
        if !self.others.is_empty() {
            let all: Vec<&str> = memories.into_iter().chain(self.others.iter().map(String::as_str)).collect();
            self.ask(world, "among others", &all).await?;
        }
        Ok(())
    }

    async fn ask(&self, world: &World, caller: &str, memories: &[&str]) -> Outcome {
        world.remember(caller, memories).await?;
        let mut sums = [0.0; 4];
        for (memory, question) in &self.pairs {
            let hits = world.ask(caller, question, 10).await?;
            let at = hits.iter().filter_map(|hit| hit.memory()).position(|found| found.content == *memory);
            let within = |most: usize| f64::from(u8::from(at.is_some_and(|at| at < most)));
            let reciprocal = at.map_or(0.0, |at| 1.0 / (at as f64 + 1.0));
            for (sum, value) in sums.iter_mut().zip([within(1), within(5), within(10), reciprocal]) {
                *sum += value;
            }
        }
        let n = self.pairs.len();
        let [one, five, ten, mrr] = sums.map(|sum| 100.0 * sum / n as f64);
        println!("{:<28}{n:>6}{one:>8.1}{five:>8.1}{ten:>8.1}{mrr:>8.1}", format!("{caller}, of {}", memories.len()));
        Ok(())
    }
}
