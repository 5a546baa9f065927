//! Whose words a model is given, for layers that keep something of them: what is kept must go when the person is
//! forgotten.

use crate::Scope;
use std::sync::Arc;

tokio::task_local! {
    static OWNERS: Arc<[Scope]>;
}

/// Does the work in the name of these callers: the texts that an embedder is given within it, in this task, are
/// theirs, one a text, in order. Where the number of texts is another, or nobody is named, the texts count as
/// nobody's and nothing of them is kept on disk.
pub async fn spoken_by<F: Future>(owners: impl Into<Arc<[Scope]>>, work: F) -> F::Output {
    OWNERS.scope(owners.into(), work).await
}

/// The owners of so many texts.
pub(super) fn owners(texts: usize) -> Option<Arc<[Scope]>> {
    OWNERS.try_with(Arc::clone).ok().filter(|owners| owners.len() == texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn texts_are_somebodys_only_when_each_has_an_owner() {
        let one = Scope::new("t", "usr_1");
        assert_eq!(owners(1), None);
        let named = spoken_by(vec![one.clone()], async { (owners(1), owners(2)) }).await;
        assert_eq!(named, (Some([one].into()), None));
    }
}
