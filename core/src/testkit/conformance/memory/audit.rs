//! The audit log: what was noted stays.

use super::callers;
use crate::store::MemoryStore;
use crate::testkit::fixtures::{after, erasure, tenant, vault};
use crate::testkit::suite::{Must, race, walk};
use crate::{AuditAction, AuditEntry, AuditFilter, ErrorKind, KeyedHash, PageRequest};
use std::sync::Arc;

fn entry(id: &str, at: i64) -> AuditEntry {
    AuditEntry {
        id: id.into(),
        at: after(at),
        actor: "key_1".to_owned(),
        action: AuditAction::Read,
        route: "GET /v1/users/{id}".to_owned(),
        person: None,
        object: None,
        status: 200,
    }
}

async fn all(store: &dyn MemoryStore, filter: &AuditFilter) -> Vec<AuditEntry> {
    walk(2, async |page| store.audit_log(&tenant(), filter, &page).await).await
}

/// "Latest first (ties by id)", every field as it was noted, of that tenant only.
pub async fn the_audit_log_comes_back_latest_first(store: Arc<dyn MemoryStore>) {
    let person = Some(KeyedHash([7; 32]));
    let mut noted: Vec<AuditEntry> = AuditAction::ALL
        .into_iter()
        .zip(0..)
        .map(|(action, n)| AuditEntry {
            action,
            person: person.filter(|_| n % 2 == 0),
            object: (n == 3).then(|| "mem_'; --".to_owned()),
            status: u16::MAX - n,
            ..entry(&format!("aud_{n}"), i64::from(n / 2))
        })
        .collect();
    store.append_audit(&tenant(), &noted[..4]).await.must();
    store.append_audit(&tenant(), &noted[4..]).await.must();
    store.append_audit(&tenant(), &[]).await.must();
    store.append_audit(&"other".into(), &[entry("aud_other", 99)]).await.must();
    noted.sort_by(|x, y| y.at.cmp(&x.at).then_with(|| x.id.cmp(&y.id)));
    assert_eq!(all(&*store, &AuditFilter::default()).await, noted);
    let page = PageRequest { limit: 1, cursor: Some("x".to_owned()) };
    let refused = store.audit_log(&tenant(), &AuditFilter::default(), &page).await;
    assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::Invalid);
}

/// "That pass the filter": each part alone, and all together.
pub async fn the_audit_log_is_narrowed(store: Arc<dyn MemoryStore>) {
    let (one, two) = (KeyedHash([1; 32]), KeyedHash([2; 32]));
    let mut noted = Vec::new();
    for n in 0..16 {
        noted.push(AuditEntry {
            person: [None, Some(one), Some(two), Some(one)][n % 4],
            actor: ["key_1", "folder"][n / 4 % 2].to_owned(),
            action: [AuditAction::Read, AuditAction::Erase][n / 8],
            ..entry(&format!("aud_{n:02}"), -(n as i64))
        });
    }
    store.append_audit(&tenant(), &noted).await.must();
    for person in [None, Some(one), Some(two), Some(KeyedHash([3; 32]))] {
        for actor in [None, Some("key_1"), Some("key_2")] {
            for action in [None, Some(AuditAction::Erase), Some(AuditAction::Export)] {
                let filter = AuditFilter { person, actor: actor.map(str::to_owned), action };
                let expected: Vec<_> = noted.iter().filter(|entry| filter.passes(entry)).cloned().collect();
                assert_eq!(all(&*store, &filter).await, expected, "{filter:?}");
            }
        }
    }
}

/// "An id that is there is left as it is": the log can be added to, and in no other way be changed.
pub async fn an_entry_of_the_audit_log_is_never_changed(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let first = AuditEntry { person: Some(vault().person(&one.tenant, &one.caller)), ..entry("aud_1", 1) };
    store.append_audit(&tenant(), std::slice::from_ref(&first)).await.must();
    let forged = AuditEntry { actor: "nobody".to_owned(), ..first.clone() };
    store.append_audit(&tenant(), &[forged.clone(), entry("aud_2", 0)]).await.must();
    store.append_audit(&"other".into(), &[forged]).await.must();
    let raced = race(6, |_| {
        let store = store.clone();
        async move { store.append_audit(&tenant(), &[entry("aud_3", -1)]).await.must() }
    });
    raced.await;
    // Erasing the person leaves it: it names nobody.
    store.erase_user(&one, &erasure(&one)).await.must();
    store.purge().await.must();
    assert_eq!(all(&*store, &AuditFilter::default()).await, [first, entry("aud_2", 0), entry("aud_3", -1)]);
}
