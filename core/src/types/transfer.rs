//! What one caller's is becomes another's: two profiles of one person are merged, or one profile of two people is split.

use crate::{
    Conflict, ConflictId, ConflictState, ConversationId, IdentityKind, Memory, MemoryId, Standing, Timestamp,
    TransferId, User, UserId,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// All that is `from`'s becomes `into`'s, and `from`'s id goes on to name `into`.
    Merge,
    /// Some of `from`'s conversations, with the memories that come from them, become `into`'s.
    Split,
}

impl TransferKind {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Split => "split",
        }
    }
}

/// Whether it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// Done.
    Done,
    /// Done, and taken back.
    Undone,
}

impl TransferState {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Undone => "undone",
        }
    }
}

/// Who decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferredBy {
    /// Somebody, through the API.
    Person,
    /// A call that named both a known user id and a guest's number.
    Call,
}

impl TransferredBy {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Call => "call",
        }
    }
}

/// What makes an identity one: its kind and its keyed hash.
pub type IdentityKey = (IdentityKind, [u8; 32]);

/// What is to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// Its id, new.
    pub id: TransferId,
    /// Which of the two.
    pub kind: TransferKind,
    /// Whose it is.
    pub from: UserId,
    /// Whose it shall be. A split makes the caller if unknown.
    pub into: UserId,
    /// A split's conversations.
    pub conversations: Vec<ConversationId>,
    /// Who decided it.
    pub by: TransferredBy,
}

/// What was moved, and what stood before: for taking it back. Stored; must stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Ids that had named `from` before.
    #[serde(default)]
    pub aliases: Vec<UserId>,
    /// Numbers and ids.
    #[serde(default)]
    pub identities: Vec<IdentityKey>,
    /// Conversations.
    #[serde(default)]
    pub conversations: Vec<ConversationId>,
    /// Memories; once it is undone, those that went back.
    #[serde(default)]
    pub memories: Vec<MemoryId>,
    /// `from` as it was.
    pub from_before: User,
    /// `into` as it was; `None` when a split made it.
    pub into_before: Option<User>,
}

/// A merge or a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// Which of the two.
    pub kind: TransferKind,
    /// Whose it was.
    pub from: UserId,
    /// Whose it became.
    pub into: UserId,
    /// Whether it stands.
    pub state: TransferState,
    /// Who decided it.
    pub by: TransferredBy,
    /// What was moved.
    pub moved: Moved,
    /// When it was done.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub undone_at: Option<Timestamp>,
    /// Whether the derived stores no longer hold anything under the name it was moved away from.
    pub settled: bool,
}

impl Transfer {
    /// Whose the moved memories were before it was last done or undone.
    pub fn left(&self) -> &UserId {
        match self.state {
            TransferState::Done => &self.from,
            TransferState::Undone => &self.into,
        }
    }

    /// Whose they are since.
    pub fn right(&self) -> &UserId {
        match self.state {
            TransferState::Done => &self.into,
            TransferState::Undone => &self.from,
        }
    }
}

impl User {
    /// What a merge makes of the profile that stays. Counts and contacts of calls are the store's to add up.
    #[must_use]
    pub fn merged_with(&self, from: &Self) -> Self {
        let or = |own: &String, other: &String| if own.is_empty() { other.clone() } else { own.clone() };
        Self {
            name: or(&self.name, &from.name),
            summary: or(&self.summary, &from.summary),
            first_contact: self.first_contact.min(from.first_contact),
            last_contact: self.last_contact.max(from.last_contact),
            shared: self.shared || from.shared,
            consent: self.consent.joined(from.consent),
            ..self.clone()
        }
    }

    /// What taking a merge back makes of it: what `from` had given `before` goes, what came since stays.
    #[must_use]
    pub fn parted_from(&self, before: &Self, from: &Self) -> Self {
        let given = |now: &String, before: &String, from: &String| {
            if before.is_empty() && now == from { String::new() } else { now.clone() }
        };
        Self {
            name: given(&self.name, &before.name, &from.name),
            summary: given(&self.summary, &before.summary, &from.summary),
            first_contact: before.first_contact,
            shared: self.shared && (before.shared || !from.shared),
            // What was said since stands; what only came with `from` goes.
            consent: if self.consent == before.consent.joined(from.consent) { before.consent } else { self.consent },
            ..self.clone()
        }
    }
}

/// What parting does to memories that had been decided against each other.
#[derive(Debug, Default, PartialEq)]
pub struct Parting {
    /// Memories that stand otherwise from now on.
    pub standings: BTreeMap<MemoryId, Standing>,
    /// Conflicts between one that goes and one that stays: they are no more.
    pub conflicts: Vec<ConflictId>,
}

impl Parting {
    /// Parts a caller's memories into those that leave and those that stay: two people's memories say nothing about
    /// each other. What a decision between the two sides did is taken back where it still stands; what gave way to a
    /// memory of the other side leads on to the next of its own, or is current again.
    pub fn of(memories: &[Memory], conflicts: &[Conflict], leaving: &BTreeSet<MemoryId>) -> Self {
        let crosses = |a: &MemoryId, b: &MemoryId| leaving.contains(a) != leaving.contains(b);
        let before: BTreeMap<&MemoryId, Standing> = memories.iter().map(|m| (&m.id, Standing::of(m))).collect();
        let mut now = before.clone();
        let mut crossing: Vec<&Conflict> = conflicts.iter().filter(|c| crosses(&c.old, &c.new)).collect();
        // The latest first, as one undoes.
        crossing.sort_by(|x, y| (y.resolved_at, &y.id).cmp(&(x.resolved_at, &x.id)));
        for conflict in crossing.iter().filter(|c| c.state == ConflictState::Resolved) {
            for change in &conflict.changes {
                if let Some(standing) = now.get_mut(&change.memory)
                    && as_stored(standing) == as_stored(&change.after)
                {
                    *standing = change.before.clone();
                }
            }
        }
        let pointers: BTreeMap<&MemoryId, Option<MemoryId>> =
            now.iter().map(|(id, standing)| (*id, standing.superseded_by.clone())).collect();
        for (id, standing) in &mut now {
            let Some(mut next) = standing.superseded_by.clone().filter(|next| crosses(id, next)) else { continue };
            if !pointers.contains_key(&next) {
                continue;
            }
            let mut own = None;
            for _ in 0..pointers.len() {
                let Some(Some(further)) = pointers.get(&next) else { break };
                next = further.clone();
                if !crosses(id, &next) {
                    own = Some(next).filter(|next| next != *id && pointers.contains_key(next));
                    break;
                }
            }
            *standing = match own {
                Some(own) => Standing { superseded_by: Some(own), ..standing.clone() },
                None => standing.clone().current(),
            };
        }
        let standings = now
            .into_iter()
            .filter(|(id, standing)| before.get(id) != Some(standing))
            .map(|(id, standing)| (id.clone(), standing))
            .collect();
        Self { standings, conflicts: crossing.into_iter().map(|c| c.id.clone()).collect() }
    }
}

/// What is finer than a microsecond is not kept by every store.
fn as_stored(standing: &Standing) -> Standing {
    let cut = |at: Timestamp| Timestamp::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at);
    Standing { valid_to: standing.valid_to.map(cut), reinforced_at: cut(standing.reinforced_at), ..standing.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Consent;
    use crate::testkit::fixtures::{after, memory, start};
    use crate::{Change, JudgedBy, MemoryState, Reason, Resolution, Verdict};

    fn gave_way(id: &str, to: &str) -> Memory {
        Memory {
            state: MemoryState::Superseded,
            valid_to: Some(after(9)),
            superseded_by: Some(to.into()),
            ..memory(id, "x")
        }
    }

    fn leaving(ids: &[&str]) -> BTreeSet<MemoryId> {
        ids.iter().map(|id| MemoryId::new(*id)).collect()
    }

    #[test]
    fn what_gave_way_to_the_other_side_is_current_again_or_leads_on() {
        let chain = [gave_way("a", "b"), gave_way("b", "c"), memory("c", "x"), gave_way("d", "c"), gave_way("e", "b")];
        let parting = Parting::of(&chain, &[], &leaving(&["b"]));
        let next = |id: &str| parting.standings.get(&id.into()).map(|s| (s.state, s.superseded_by.clone()));
        assert_eq!(next("a"), Some((MemoryState::Superseded, Some("c".into()))), "led on");
        assert_eq!(next("b"), Some((MemoryState::Active, None)), "alone on its side");
        assert_eq!((next("c"), next("d")), (None, None), "not concerned");
        assert!(Parting::of(&chain, &[], &leaving(&[])).standings.is_empty());
        let ring = [gave_way("a", "b"), gave_way("b", "a")];
        let parted = Parting::of(&ring, &[], &leaving(&["a"]));
        assert!(parted.standings.values().all(|s| s.state == MemoryState::Active && s.superseded_by.is_none()));
    }

    #[test]
    fn a_decision_between_the_sides_is_taken_back_where_it_still_stands() {
        let kept = memory("old", "x");
        let stronger = Memory { salience: 0.7, reinforced_at: after(5), ..kept.clone() };
        let repeat = memory("new", "x");
        let gone = gave_way("new", "old");
        let change = |before: &Memory, after: &Memory| Change {
            memory: before.id.clone(),
            before: Standing::of(before),
            after: Standing::of(after),
        };
        let conflict = Conflict {
            id: ConflictId::between(&kept.id, &repeat.id),
            caller: "usr_1".into(),
            old: kept.id.clone(),
            new: repeat.id.clone(),
            verdict: Verdict::Same,
            reason: Reason::SameStatement,
            confidence: 0.9,
            judged_by: JudgedBy::Rules,
            state: ConflictState::Resolved,
            resolution: Some(Resolution::Reinforced),
            changes: vec![change(&kept, &stronger), change(&repeat, &gone)],
            created_at: start(),
            resolved_at: Some(after(5)),
        };
        let all = [conflict.clone()];
        let parting = Parting::of(&[stronger.clone(), gone.clone()], &all, &leaving(&["new"]));
        assert_eq!(parting.standings.get(&kept.id), Some(&Standing::of(&kept)));
        assert_eq!(parting.standings.get(&repeat.id), Some(&Standing::of(&repeat)));
        assert_eq!(parting.conflicts, std::slice::from_ref(&conflict.id));
        // Strengthened again since: that is not undone.
        let since = Memory { salience: 0.8, ..stronger };
        let parting = Parting::of(&[since, gone], &all, &leaving(&["new"]));
        assert_eq!((parting.standings.get(&kept.id), parting.standings.len()), (None, 1));
        // Both on one side: nothing happens.
        assert_eq!(Parting::of(&[kept, repeat], &all, &leaving(&["new", "old"])), Parting::default());
    }

    #[test]
    fn a_profile_takes_what_it_lacks_and_gives_it_back() {
        let user = |id: &str, name: &str, secs| User {
            id: id.into(),
            name: name.to_owned(),
            call_count: 0,
            first_contact: after(secs),
            last_contact: after(secs),
            summary: String::new(),
            shared: false,
            consent: Consent::Unknown,
            revision: 0,
        };
        let (into, from) = (user("usr_1", "", 10), User { shared: true, ..user("usr_2", "Sam", 0) });
        let whole = into.merged_with(&from);
        assert_eq!((whole.name.as_str(), whole.first_contact, whole.last_contact), ("Sam", after(0), after(10)));
        assert!(whole.shared);
        assert_eq!(whole.parted_from(&into, &from), User { last_contact: after(10), ..into.clone() });
        let renamed = User { name: "Samuel".to_owned(), ..whole };
        assert_eq!(renamed.parted_from(&into, &from).name, "Samuel", "said since");
        assert_eq!(user("usr_1", "Ann", 0).merged_with(&from).name, "Ann");
    }

    #[test]
    fn a_refusal_outlives_a_merge_and_goes_back_with_whose_it_was() {
        let user = |consent| User {
            id: "usr_1".into(),
            name: String::new(),
            call_count: 0,
            first_contact: after(0),
            last_contact: after(0),
            summary: String::new(),
            shared: false,
            consent,
            revision: 0,
        };
        use Consent::{Given, Refused, Unknown};
        for (into, from, whole) in [
            (Unknown, Refused, Refused),
            (Given, Refused, Refused),
            (Refused, Given, Refused),
            (Unknown, Given, Given),
            (Unknown, Unknown, Unknown),
        ] {
            let merged = user(into).merged_with(&user(from));
            assert_eq!(merged.consent, whole);
            assert_eq!(merged.parted_from(&user(into), &user(from)).consent, into);
        }
        let since = User { consent: Refused, ..user(Given) };
        assert_eq!(since.parted_from(&user(Unknown), &user(Given)).consent, Refused, "said since");
    }
}
