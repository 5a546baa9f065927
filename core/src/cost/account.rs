//! On whose account a model is asked. The flows open an account around their work; the layer that counts reads
//! it, so that extractors, classifiers and strangers' parts need not pass it along.

use crate::{AgentId, ConversationId, TenantId};

/// Whose call or conversation a cost belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose deployment.
    pub tenant: TenantId,
    /// The conversation, if it is for one.
    pub conversation: Option<ConversationId>,
    /// The agent, if known.
    pub agent: Option<AgentId>,
}

impl Account {
    /// A tenant's, for no conversation in particular.
    pub fn of(tenant: TenantId) -> Self {
        Self { tenant, conversation: None, agent: None }
    }
}

tokio::task_local! {
    static ACCOUNT: Account;
}

/// Does the work on an account: every model asked within it, in this task, is charged there.
pub async fn charged_to<F: Future>(account: Account, work: F) -> F::Output {
    ACCOUNT.scope(account, work).await
}

/// As [`charged_to`], unless an account is open already: then that one pays. For flows whose caller may know more.
pub async fn charged_at_least_to<F: Future>(account: Account, work: F) -> F::Output {
    match self::account() {
        Some(_) => work.await,
        None => charged_to(account, work).await,
    }
}

/// The account of the current task; `None` outside of [`charged_to`]. A task spawned within does not inherit it:
/// whoever spawns passes it on.
pub fn account() -> Option<Account> {
    ACCOUNT.try_with(Clone::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_account_is_open_for_its_work_alone() {
        assert_eq!(account(), None);
        let own = Account::of(TenantId::new("t"));
        let (inside, spawned) =
            charged_to(own.clone(), async { (account(), tokio::spawn(async { account() }).await.unwrap()) }).await;
        assert_eq!((inside, spawned), (Some(own), None));
        assert_eq!(account(), None);
    }

    #[tokio::test]
    async fn whoever_knows_more_pays() {
        let of = |tenant| Account::of(TenantId::new(tenant));
        assert_eq!(charged_at_least_to(of("inner"), async { account() }).await, Some(of("inner")));
        let nested = charged_to(of("outer"), charged_at_least_to(of("inner"), async { account() }));
        assert_eq!(nested.await, Some(of("outer")));
    }
}
