//! Conversations.

use super::callers;
use crate::store::MemoryStore;
use crate::testkit::fixtures::{after, conversation, sealed, start, tenant};
use crate::testkit::suite::{Must, race, walk};
use crate::{AgentId, Conversation, ConversationId, ConversationState, PageRequest, Scope, UserId};
use std::sync::Arc;

fn ids(conversations: &[Conversation]) -> Vec<&str> {
    conversations.iter().map(|c| c.id.as_str()).collect()
}

fn of(scope: &Scope, id: &str, at: i64) -> Conversation {
    Conversation { caller: Some(scope.caller.clone()), started_at: after(at), ..conversation(id) }
}

/// "Binds a conversation to a caller before or during the call."
pub async fn binding_makes_an_open_conversation(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let (id, agent) = (ConversationId::new("conv_1"), AgentId::new("agent_1"));
    assert_eq!(store.conversation(&one.tenant, &id).await.must(), None);
    assert_eq!(store.bind_conversation(&one, &id, Some(&agent), after(3)).await.must(), one.caller);
    let bound = store.conversation(&one.tenant, &id).await.must().must();
    assert_eq!((bound.caller.as_ref(), bound.agent.as_ref()), (Some(&one.caller), Some(&agent)));
    assert_eq!((bound.state, bound.started_at), (ConversationState::Open, after(3)));
    assert_eq!((bound.transcript, bound.extraction, bound.duration_secs), (None, None, None));
}

/// "If it is bound already, to whomever, the binding stays. Answers the caller it is bound to now."
pub async fn a_binding_stays_whoever_binds_again(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = callers(&*store).await;
    let id = ConversationId::new("conv_1");
    store.bind_conversation(&one, &id, None, start()).await.must();
    for scope in [&two, &one] {
        assert_eq!(store.bind_conversation(scope, &id, None, after(5)).await.must(), one.caller);
    }
    assert_eq!(store.conversation(&one.tenant, &id).await.must().must().caller, Some(one.caller));
}

/// A conversation nobody is bound to yet is bound, and keeps the rest of what it has.
pub async fn binding_gives_a_caller_to_a_conversation_that_had_none(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let heard = Conversation { transcript: Some(sealed("words")), ..conversation("conv_1") };
    store.save_conversation(&one.tenant, &heard).await.must();
    assert_eq!(store.bind_conversation(&one, &heard.id, None, after(5)).await.must(), one.caller);
    let bound = store.conversation(&one.tenant, &heard.id).await.must().must();
    assert_eq!((bound.caller, bound.transcript, bound.state), (Some(one.caller), heard.transcript, heard.state));
}

/// Racing bindings all answer the same caller.
pub async fn racing_bindings_agree_on_one_caller(store: Arc<dyn MemoryStore>) {
    let t = tenant();
    for i in 0..8 {
        store.ensure_user(&t, &[], &UserId::new(format!("usr_{i}")), start()).await.must();
    }
    let answers = race(8, |i| {
        let (store, scope) = (Arc::clone(&store), Scope::new(tenant(), format!("usr_{i}")));
        async move { store.bind_conversation(&scope, &"conv_1".into(), None, start()).await.must() }
    })
    .await;
    let bound = store.conversation(&t, &"conv_1".into()).await.must().must().caller.must();
    assert!(answers.iter().all(|caller| *caller == bound), "{answers:?} but {bound}");
}

/// A platform's id means something only inside a tenant.
pub async fn conversations_of_two_tenants_with_one_id_are_two(store: Arc<dyn MemoryStore>) {
    let [one, _, other] = callers(&*store).await;
    let id = ConversationId::new("conv_1");
    store.bind_conversation(&one, &id, Some(&"agent_1".into()), start()).await.must();
    assert_eq!(store.conversation(&other.tenant, &id).await.must(), None);
    let theirs = Conversation { transcript: Some(sealed("theirs")), ..of(&other, "conv_1", 9) };
    let saved = store.save_conversation(&other.tenant, &theirs).await.must();
    assert_eq!(saved, theirs);
    assert_eq!(store.conversation(&one.tenant, &id).await.must().must().transcript, None);
    store.finish_conversation(&other, &id, after(99)).await.must();
    assert_eq!(store.conversation(&one.tenant, &id).await.must().must().state, ConversationState::Open);
    assert_eq!(store.user(&one).await.must().must().call_count, 0);
}

/// "Writes a conversation whole"; "answers what is stored now".
pub async fn a_conversation_comes_back_as_it_was_saved(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    use ConversationState::{AwaitingTranscript, Ignored, Learning, Learnt, Open};
    for (i, state) in [Open, AwaitingTranscript, Learning, Learnt, Ignored].into_iter().enumerate() {
        let full = Conversation {
            caller: Some(one.caller.clone()),
            agent: Some(AgentId::new("agent_'1\"")),
            state,
            started_at: after(-1),
            duration_secs: Some(u32::MAX),
            transcript: Some(sealed("words")),
            extraction: Some(sealed("facts")),
            updated_at: after(7),
            ..conversation(&format!("conv_{i}"))
        };
        assert_eq!(store.save_conversation(&one.tenant, &full).await.must(), full);
        assert_eq!(store.conversation(&one.tenant, &full.id).await.must(), Some(full));
    }
    let bare = conversation("conv_bare");
    assert_eq!(store.save_conversation(&one.tenant, &bare).await.must(), bare);
    assert_eq!(store.conversation(&one.tenant, &bare.id).await.must(), Some(bare));
}

/// "Writes a conversation whole": what is written later replaces what was there.
pub async fn saving_again_replaces_everything_but_caller_and_extraction(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let first = Conversation {
        state: ConversationState::AwaitingTranscript,
        transcript: Some(sealed("half")),
        ..of(&one, "conv_1", 0)
    };
    let second = Conversation {
        agent: Some("agent_2".into()),
        state: ConversationState::Learning,
        started_at: after(-30),
        duration_secs: Some(61),
        transcript: Some(sealed("whole")),
        updated_at: after(5),
        ..first.clone()
    };
    store.save_conversation(&one.tenant, &first).await.must();
    assert_eq!(store.save_conversation(&one.tenant, &second).await.must(), second);
    assert_eq!(store.conversation(&one.tenant, &first.id).await.must(), Some(second));
}

/// "A caller or a saved extraction that is there already is kept: the first one to be saved stands."
pub async fn the_first_caller_and_extraction_stand(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = callers(&*store).await;
    let empty = conversation("conv_1");
    store.save_conversation(&one.tenant, &empty).await.must();
    let first = Conversation { extraction: Some(sealed("first")), ..of(&one, "conv_1", 0) };
    assert_eq!(store.save_conversation(&one.tenant, &first).await.must(), first, "what was empty is filled");
    let second = Conversation { extraction: Some(sealed("second")), ..of(&two, "conv_1", 0) };
    for later in [second, empty] {
        let stored = store.save_conversation(&one.tenant, &later).await.must();
        assert_eq!((&stored.caller, &stored.extraction), (&first.caller, &first.extraction));
        assert_eq!(store.conversation(&one.tenant, &first.id).await.must(), Some(stored));
    }
}

/// "Puts another extraction in the place of the one that stands, if it still stands"; nothing else changes.
pub async fn an_extraction_is_replaced_only_while_it_stands(store: Arc<dyn MemoryStore>) {
    let [one, _, other] = callers(&*store).await;
    let first = Conversation { extraction: Some(sealed("first")), ..of(&one, "conv_1", 0) };
    store.save_conversation(&one.tenant, &first).await.must();
    let (standing, new) = (sealed("first"), sealed("second"));
    assert!(!store.replace_extraction(&one.tenant, &first.id, &sealed("other"), &new).await.must());
    assert!(!store.replace_extraction(&one.tenant, &"conv_missing".into(), &standing, &new).await.must());
    assert!(!store.replace_extraction(&other.tenant, &first.id, &standing, &new).await.must());
    assert_eq!(store.conversation(&one.tenant, &first.id).await.must(), Some(first.clone()));
    assert!(store.replace_extraction(&one.tenant, &first.id, &standing, &new).await.must());
    let second = Conversation { extraction: Some(new.clone()), ..first };
    assert_eq!(store.conversation(&one.tenant, &second.id).await.must(), Some(second.clone()));
    assert!(!store.replace_extraction(&one.tenant, &second.id, &standing, &new).await.must(), "it stands no more");
}

/// Of two second readings one stands.
pub async fn racing_replacements_agree_on_one_extraction(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let first = Conversation { extraction: Some(sealed("first")), ..of(&one, "conv_1", 0) };
    store.save_conversation(&one.tenant, &first).await.must();
    let answers = race(8, |i| {
        let (store, tenant, id) = (Arc::clone(&store), one.tenant.clone(), first.id.clone());
        async move {
            let mine = sealed(&i.to_string());
            store.replace_extraction(&tenant, &id, &sealed("first"), &mine).await.must().then_some(mine)
        }
    })
    .await;
    let mut won = answers.into_iter().flatten();
    let (winner, second) = (won.next(), won.next());
    assert!(winner.is_some() && second.is_none());
    assert_eq!(store.conversation(&one.tenant, &first.id).await.must().must().extraction, winner);
}

/// Two re-runs that race read the same extraction.
pub async fn racing_saves_agree_on_one_extraction(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let answers = race(8, |i| {
        let (store, scope) = (Arc::clone(&store), one.clone());
        let mine = Conversation { extraction: Some(sealed(&i.to_string())), ..of(&scope, "conv_1", 0) };
        async move { store.save_conversation(&scope.tenant, &mine).await.must().extraction }
    })
    .await;
    let stored = store.conversation(&one.tenant, &"conv_1".into()).await.must().must().extraction;
    assert!(stored.is_some() && answers.iter().all(|extraction| *extraction == stored));
}

/// "Marks a conversation learnt and counts the call once."
pub async fn finishing_marks_learnt_and_counts_once(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let spoken = Conversation { transcript: Some(sealed("words")), ..of(&one, "conv_1", 50) };
    store.save_conversation(&one.tenant, &spoken).await.must();
    for at in [100, 200] {
        store.finish_conversation(&one, &spoken.id, after(at)).await.must();
        let user = store.user(&one).await.must().must();
        assert_eq!((user.call_count, user.last_contact, user.first_contact), (1, after(50), start()));
    }
    let learnt = store.conversation(&one.tenant, &spoken.id).await.must().must();
    assert_eq!((learnt.state, learnt.transcript), (ConversationState::Learnt, spoken.transcript));
    for stranger in [&two, &other] {
        assert_eq!(store.user(stranger).await.must().must().call_count, 0);
    }
    store.save_conversation(&one.tenant, &of(&one, "conv_2", 70)).await.must();
    store.finish_conversation(&one, &"conv_2".into(), after(300)).await.must();
    let user = store.user(&one).await.must().must();
    assert_eq!((user.call_count, user.last_contact), (2, after(70)));
}

/// "Only if the conversation was not learnt before": also when two workers finish at once.
pub async fn finishing_concurrently_counts_once(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    store.save_conversation(&one.tenant, &of(&one, "conv_1", 1)).await.must();
    race(8, |_| {
        let (store, scope) = (Arc::clone(&store), one.clone());
        async move { store.finish_conversation(&scope, &"conv_1".into(), after(9)).await.must() }
    })
    .await;
    assert_eq!(store.user(&one).await.must().must().call_count, 1);
}

/// "`last_contact` moves to the call's start if that is later."
pub async fn last_contact_never_moves_back(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    for (id, at, contact) in [("conv_1", 500, 500), ("conv_2", 100, 500), ("conv_3", -100, 500), ("conv_4", 501, 501)] {
        store.save_conversation(&one.tenant, &of(&one, id, at)).await.must();
        store.finish_conversation(&one, &id.into(), after(900)).await.must();
        assert_eq!(store.user(&one).await.must().must().last_contact, after(contact), "{id}");
    }
    assert_eq!(store.user(&one).await.must().must().call_count, 4);
}

/// "Unknown conversations are ignored", and so are those of others.
pub async fn finishing_the_unknown_or_somebody_elses_changes_nothing(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    store.finish_conversation(&one, &"conv_unknown".into(), after(9)).await.must();
    assert_eq!(store.conversation(&one.tenant, &"conv_unknown".into()).await.must(), None);
    let spoken = of(&one, "conv_1", 5);
    store.save_conversation(&one.tenant, &spoken).await.must();
    for stranger in [&two, &other] {
        store.finish_conversation(stranger, &spoken.id, after(9)).await.must();
        assert_eq!(store.user(stranger).await.must().must().call_count, 0);
    }
    assert_eq!(store.conversation(&one.tenant, &spoken.id).await.must(), Some(spoken));
    assert_eq!(store.user(&one).await.must().must().call_count, 0);
}

/// "A tenant's conversations, latest start first; of one caller, if given."
pub async fn conversations_are_listed_latest_start_first(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    for (scope, id, at) in
        [(&one, "conv_b", 20), (&two, "conv_c", 30), (&one, "conv_d", 40), (&one, "conv_a", 10), (&other, "conv_z", 25)]
    {
        store.save_conversation(&scope.tenant, &of(scope, id, at)).await.must();
    }
    store
        .save_conversation(&one.tenant, &Conversation { started_at: after(35), ..conversation("conv_nobody") })
        .await
        .must();
    let page = PageRequest::first(10);
    let listed = store.conversations(&one.tenant, None, &page).await.must();
    assert_eq!(ids(&listed.items), ["conv_d", "conv_nobody", "conv_c", "conv_b", "conv_a"]);
    assert_eq!(listed.next_cursor, None);
    let own = store.conversations(&one.tenant, Some(&one.caller), &page).await.must();
    assert_eq!(ids(&own.items), ["conv_d", "conv_b", "conv_a"]);
    let theirs = store.conversations(&other.tenant, Some(&other.caller), &page).await.must();
    assert_eq!(ids(&theirs.items), ["conv_z"]);
    assert!(store.conversations(&one.tenant, Some(&"usr_9".into()), &page).await.must().items.is_empty());
}

/// "Items are neither left out nor repeated": also among calls that started at the same moment.
pub async fn pages_of_conversations_neither_omit_nor_repeat(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = callers(&*store).await;
    for i in 0..21 {
        let scope = if i % 3 == 0 { &two } else { &one };
        store.save_conversation(&scope.tenant, &of(scope, &format!("conv_{i:02}"), i / 6)).await.must();
    }
    for caller in [None, Some(&one.caller)] {
        let whole = store.conversations(&one.tenant, caller, &PageRequest::first(100)).await.must().items;
        assert_eq!(whole.len(), if caller.is_some() { 14 } else { 21 });
        for limit in [1, 4, 7] {
            let walked = walk(limit, async |page| store.conversations(&one.tenant, caller, &page).await).await;
            assert_eq!(ids(&walked), ids(&whole), "pages of {limit}");
        }
    }
}
