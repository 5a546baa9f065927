//! What every [`Classifier`] does.

use crate::ai::{Classified, Classifier};
use crate::testkit::fixtures::ODD_TEXTS;
use crate::testkit::suite::Must;
use std::sync::Arc;

/// Runs every behaviour of a [`Classifier`] as a test of its own. Takes the name of an async function without
/// arguments that gives `(Arc<dyn Classifier>, guard)`.
#[macro_export]
macro_rules! classifier_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            classifier,
            classifier,
            [
                every_sentence_gets_one_verdict,
                verdicts_come_in_the_order_of_their_sentences,
                no_sentences_get_no_verdicts,
                senseless_sentences_get_a_verdict_too,
                many_sentences_get_as_many_verdicts,
            ]
        );
    };
}

fn plain() -> Vec<String> {
    ["Prefers to be called Sam", "Ordered a lamp yesterday", "Was very angry about the late delivery!", "Likes tea"]
        .map(str::to_owned)
        .to_vec()
}

async fn verdicts(classifier: &dyn Classifier, sentences: &[String]) -> Vec<Classified> {
    let verdicts = classifier.classify(sentences).await.must();
    assert_eq!(verdicts.len(), sentences.len(), "one verdict a sentence");
    for verdict in &verdicts {
        assert!((0.0..=1.0).contains(&verdict.salience), "{verdict:?}");
    }
    verdicts
}

/// "One verdict a sentence"; a salience of "0 to 1".
pub async fn every_sentence_gets_one_verdict(classifier: Arc<dyn Classifier>) {
    for sentence in plain() {
        verdicts(&*classifier, &[sentence]).await;
    }
    verdicts(&*classifier, &plain()).await;
}

/// "In order."
pub async fn verdicts_come_in_the_order_of_their_sentences(classifier: Arc<dyn Classifier>) {
    let (forth, mut turned) = (plain(), plain());
    turned.reverse();
    let mut back = verdicts(&*classifier, &turned).await;
    back.reverse();
    assert_eq!(verdicts(&*classifier, &forth).await, back);
}

/// No sentences are no work, and no error.
pub async fn no_sentences_get_no_verdicts(classifier: Arc<dyn Classifier>) {
    assert_eq!(verdicts(&*classifier, &[]).await, []);
}

/// "Every sentence gets one, senseless ones too."
pub async fn senseless_sentences_get_a_verdict_too(classifier: Arc<dyn Classifier>) {
    let odd: Vec<_> = ODD_TEXTS.iter().map(|text| (*text).to_owned()).chain(["x".repeat(50_000)]).collect();
    verdicts(&*classifier, &odd).await;
}

/// However many are written at once.
pub async fn many_sentences_get_as_many_verdicts(classifier: Arc<dyn Classifier>) {
    let many: Vec<_> = plain().into_iter().cycle().take(200).collect();
    verdicts(&*classifier, &many).await;
}
