//! A chat model that understands Hark's own questions, without a model.

use crate::ai::by_prompt::{
    Answer, By, ClassVerdict, Item, Name, Promise, RawJudgement, Sentences, Standing, Stands, Together, Verdicts,
    YesNo, fenced,
};
use crate::ai::by_rules::{RuleClassifier, RuleExtractor};
use crate::ai::{AnswerEnd, ChatAnswer, ChatModel, ChatRequest, Usage};
use crate::{Candidate, Error, ErrorKind, MemoryKind, Reason, Result, Speaker, Transcript, Turn, Verdict};
use async_trait::async_trait;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A chat model that behaves sensibly and costs nothing: it reads the material back out of the prompt, as a model would, and
/// answers by rules. Extraction and classification are those of `by_rules`; a summary is the first memories; of two
/// memories it can only tell whether they share most words. Any other question is an error of kind `Unsupported`.
///
/// It is honest in that it knows nothing but the request: what a prompt leaves out, it does not see.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleBackedChat;

#[derive(Debug, Deserialize)]
struct Line {
    turn: u32,
    speaker: String,
    said: String,
    #[serde(default)]
    recited: bool,
}

#[derive(Debug, Deserialize)]
struct Sentence {
    index: i64,
    sentence: String,
}

#[derive(Debug, Deserialize)]
struct Memory {
    says: String,
}

fn unread() -> Error {
    Error::new(ErrorKind::Internal, "fake.chat", "the prompt has another form than this fake knows")
}

fn answer(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| unread())
}

fn extraction(user: &str) -> Result<String> {
    let lines: Vec<Line> = fenced(user, "turns").ok_or_else(unread)?;
    let started_at =
        user.split([' ', ',']).find_map(|word| DateTime::parse_from_rfc3339(word).ok()).ok_or_else(unread)?;
    let turns = lines.iter().map(|line| Turn {
        speaker: if line.speaker == "caller" { Speaker::User } else { Speaker::Agent },
        text: line.said.clone(),
        at_secs: line.turn,
        after_recall: line.recited,
        tools: Vec::new(),
    });
    let call = Transcript {
        started_at: started_at.to_utc(),
        utc_offset_minutes: started_at.offset().local_minus_utc() / 60,
        turns: turns.collect(),
        ..Transcript::default()
    };
    let mut out = Answer::default();
    for candidate in RuleExtractor.read(&call) {
        add(&mut out, &lines, candidate);
    }
    answer(&out)
}

fn add(out: &mut Answer, lines: &[Line], candidate: Candidate) {
    let numbers = candidate.turns.iter().filter_map(|at| lines.get(*at as usize));
    let turns: Vec<i64> = numbers.map(|line| i64::from(line.turn)).collect();
    let day = candidate.occurred_at.map(|at| at.to_rfc3339());
    let name = candidate.slot.as_ref().filter(|slot| slot.key == "name").map(|slot| slot.value.clone());
    match candidate.kind {
        MemoryKind::Name if out.caller_name.is_none() && name.is_some() => {
            let preferred = candidate.content.starts_with("Prefers");
            out.caller_name = name.map(|name| Name { name, preferred, turns });
        }
        MemoryKind::Promise => out.promises.push(Promise {
            by: if candidate.content.starts_with("Agent") { By::Agent } else { By::Caller },
            content: candidate.content,
            due: day,
            turns,
            confidence: Some(candidate.confidence),
            withdrawn: false,
        }),
        _ => out.memories.push(Item {
            content: candidate.content,
            kind: candidate.kind,
            sector: candidate.sector,
            salience: candidate.salience,
            confidence: Some(candidate.confidence),
            occurred_at: day,
            turns,
            slot: candidate.slot,
        }),
    }
}

fn classification(user: &str) -> Result<String> {
    let sentences: Vec<Sentence> = fenced(user, "sentences").ok_or_else(unread)?;
    let verdicts = sentences.iter().map(|one| {
        let found = RuleClassifier.judge(&one.sentence);
        ClassVerdict { index: one.index, kind: found.kind, salience: found.salience, sector: found.sector }
    });
    answer(&Verdicts { verdicts: verdicts.collect() })
}

fn summary(user: &str) -> Result<String> {
    let memories: Vec<String> = fenced(user, "memories").ok_or_else(unread)?;
    answer(&Sentences { sentences: memories.into_iter().take(3).collect() })
}

/// The words of two lines that begin with these names.
fn two(user: &str, names: [&str; 2]) -> Result<[BTreeSet<String>; 2]> {
    let after = |name: &str| user.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(unread);
    Ok([words(after(names[0])?), words(after(names[1])?)])
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

/// Whether two sentences are about one thing and differ in its value.
fn differ_in_value([one, other]: &[BTreeSet<String>; 2]) -> bool {
    one != other && one.intersection(other).count() * 2 > one.len().max(other.len())
}

fn standing(user: &str) -> Result<String> {
    let outdated = differ_in_value(&two(user, ["note: ", "said later: "])?);
    answer(&Standing { answer: if outdated { Stands::Outdated } else { Stands::Right } })
}

fn together(user: &str) -> Result<String> {
    let excluded = differ_in_value(&two(user, ["1: ", "2: "])?);
    answer(&Together { answer: if excluded { YesNo::No } else { YesNo::Yes } })
}

fn judgement(user: &str) -> Result<String> {
    let memories: Vec<Memory> = fenced(user, "memories").ok_or_else(unread)?;
    let [old, new] = &memories[..] else { return Err(unread()) };
    let (verdict, reason) = if words(&old.says) == words(&new.says) {
        (Verdict::Same, Reason::SameStatement)
    } else {
        (Verdict::Unrelated, Reason::DifferentSubject)
    };
    answer(&RawJudgement { verdict, confidence: 0.8, reason })
}

#[async_trait]
impl ChatModel for RuleBackedChat {
    fn model(&self) -> &str {
        "rules"
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        let text = match request.schema.as_ref().map(|schema| schema.name.as_str()) {
            Some("extraction") => extraction(&request.user)?,
            Some("classification") => classification(&request.user)?,
            Some("summary") => summary(&request.user)?,
            Some("standing") => standing(&request.user)?,
            Some("together") => together(&request.user)?,
            Some("judgement") => judgement(&request.user)?,
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "fake.chat",
                    "this fake knows Hark's own questions only",
                ));
            }
        };
        let tokens = |text: &str| text.split_whitespace().count() as u64;
        let input_tokens = tokens(&request.system) + tokens(&request.user);
        let usage = Usage { input_tokens, output_tokens: tokens(&text).max(1) };
        Ok(ChatAnswer { text, end: AnswerEnd::Whole, usage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::by_prompt::{JudgeContext, judge, summarise};
    use crate::cost::Spend;
    use crate::testkit::fixtures::start;

    #[tokio::test]
    async fn it_answers_harks_questions_and_no_others() {
        let context = JudgeContext { old_at: start(), new_at: start() };
        let found = judge(&RuleBackedChat, "Lives in Leeds now", "Lives in York now", context).await.unwrap();
        assert_eq!(found.verdict, Verdict::Update);
        let memories = ["Has a dog.".to_owned(), "Likes tea.".to_owned()];
        assert_eq!(summarise(&RuleBackedChat, &memories, 5).await.unwrap(), "Has a dog. Likes tea.");
        let request = ChatRequest {
            spend: Spend::Check,
            system: String::new(),
            user: "Are you there?".to_owned(),
            schema: None,
            max_tokens: 10,
        };
        assert_eq!(RuleBackedChat.chat(&request).await.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
