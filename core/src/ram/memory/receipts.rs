//! What agents were told, how often what was recalled, and what people made of it.

use super::state::State;
use crate::ram::page::latest_first;
use crate::{
    ConversationId, Error, ErrorKind, MemoryId, Page, PageRequest, Recalls, Receipt, ReceiptId, ReceiptKind, Result,
    Returned, Review, Scope, TenantId, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Receipts {
    pub(super) kept: BTreeMap<(TenantId, ReceiptId), Receipt>,
    pub(super) recalls: BTreeMap<MemoryId, Recalls>,
    pub(super) reviews: BTreeMap<(Scope, MemoryId), Review>,
}

impl Receipts {
    /// Gives receipts and reviews to another caller: those whose conversation, or of a review whose memory, `goes`.
    pub(super) fn hand_over(
        &mut self,
        left: &Scope,
        right: &Scope,
        goes: impl Fn(Option<&ConversationId>, Option<&MemoryId>) -> bool,
    ) {
        for ((tenant, _), receipt) in &mut self.kept {
            let own = *tenant == left.tenant && receipt.caller.as_ref() == Some(&left.caller);
            if own && goes(receipt.conversation.as_ref(), None) {
                receipt.caller = Some(right.caller.clone());
            }
        }
        let leaving: Vec<_> = self
            .reviews
            .iter()
            .filter(|((scope, id), review)| scope == left && goes(review.conversation.as_ref(), Some(id)))
            .map(|(key, _)| key.clone())
            .collect();
        for key in leaving {
            if let Some(review) = self.reviews.remove(&key) {
                self.reviews.insert((right.clone(), key.1), review);
            }
        }
    }
}

impl State {
    pub(super) fn put_review(&mut self, scope: &Scope, review: &Review) -> Result<()> {
        if self.user(scope).is_none() {
            return Err(Error::new(ErrorKind::Conflict, "ram.put_review", "the caller is not known"));
        }
        self.receipts.reviews.insert((scope.clone(), review.memory.clone()), review.clone());
        Ok(())
    }

    pub(super) fn reviews_of(&self, scope: &Scope) -> Vec<Review> {
        let own = self.receipts.reviews.iter().filter(|((owner, _), _)| owner == scope);
        let mut reviews: Vec<Review> = own.map(|(_, review)| review.clone()).collect();
        reviews.sort_by(|x, y| y.at.cmp(&x.at).then_with(|| x.memory.cmp(&y.memory)));
        reviews
    }

    pub(super) fn labels(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Review>> {
        let released = self.receipts.reviews.iter().filter(|((owner, _), r)| owner.tenant == *tenant && r.label);
        let released = released.map(|(_, review)| review);
        latest_first("ram.labels", released, page, |r| (r.at, r.memory.as_str()), Review::clone)
    }

    pub(super) fn put_receipts(&mut self, tenant: &TenantId, receipts: &[Receipt]) {
        for receipt in receipts {
            let scope = receipt.caller.as_ref().map(|caller| Scope::new(tenant.clone(), caller.clone()));
            let unknown = scope.as_ref().is_some_and(|scope| !self.people.contains_key(scope));
            let key = (tenant.clone(), receipt.id.clone());
            if unknown || self.receipts.kept.contains_key(&key) {
                continue;
            }
            self.receipts.kept.insert(key, receipt.clone());
            if receipt.kind == ReceiptKind::Remember {
                continue;
            }
            let returned: BTreeSet<&MemoryId> = memories(receipt).collect();
            for id in returned.into_iter().filter(|id| scope.is_some() && self.owners.get(*id) == scope.as_ref()) {
                let recalls = self.receipts.recalls.entry(id.clone());
                let recalls = recalls.or_insert(Recalls { count: 0, last: receipt.at });
                recalls.count += 1;
                recalls.last = recalls.last.max(receipt.at);
            }
        }
    }

    pub(super) fn receipts_of(&self, tenant: &TenantId, conversation: &ConversationId) -> Vec<Receipt> {
        let of = |((owner, _), r): &(&(TenantId, ReceiptId), &Receipt)| {
            owner == tenant && r.conversation.as_ref() == Some(conversation)
        };
        let mut found: Vec<Receipt> = self.receipts.kept.iter().filter(of).map(|(_, r)| r.clone()).collect();
        found.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        found
    }

    pub(super) fn claim_receipts(
        &mut self,
        scope: &Scope,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> u64 {
        let mut claimed = 0;
        for receipt in self.own_receipts(scope) {
            if receipt.conversation.is_none() && (from..=until).contains(&receipt.at) {
                receipt.conversation = Some(conversation.clone());
                claimed += 1;
            }
        }
        claimed
    }

    pub(super) fn blank_receipts(&mut self, scope: &Scope, ids: &[MemoryId]) -> u64 {
        let mut blanked = 0;
        for receipt in self.own_receipts(scope) {
            if memories(receipt).any(|id| ids.contains(id)) && receipt.words.take().is_some() {
                blanked += 1;
            }
        }
        blanked
    }

    fn own_receipts<'a>(&'a mut self, scope: &'a Scope) -> impl Iterator<Item = &'a mut Receipt> {
        let kept = self.receipts.kept.iter_mut();
        kept.filter(|((tenant, _), r)| *tenant == scope.tenant && r.caller.as_ref() == Some(&scope.caller))
            .map(|(_, r)| r)
    }

    /// Forgets a caller's receipts and reviews, and those of the conversations that were the caller's.
    /// Answers how many receipts and reviews went.
    pub(super) fn erase_receipts(&mut self, scope: &Scope, conversations: &BTreeSet<ConversationId>) -> (u64, u64) {
        let (receipts, reviews) = (self.receipts.kept.len(), self.receipts.reviews.len());
        self.receipts.kept.retain(|(tenant, _), receipt| {
            let named = receipt.conversation.as_ref().is_some_and(|id| conversations.contains(id));
            *tenant != scope.tenant || (receipt.caller.as_ref() != Some(&scope.caller) && !named)
        });
        self.receipts.reviews.retain(|(owner, _), _| owner != scope);
        ((receipts - self.receipts.kept.len()) as u64, (reviews - self.receipts.reviews.len()) as u64)
    }
}

fn memories(receipt: &Receipt) -> impl Iterator<Item = &MemoryId> {
    receipt.items.iter().filter_map(|item: &Returned| item.memory.as_ref())
}
