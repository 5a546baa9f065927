//! What every [`Embedder`] does.

use crate::ai::{EmbedPurpose, Embedder};
use crate::testkit::fixtures::ODD_TEXTS;
use crate::testkit::suite::{Must, race};
use crate::{ErrorKind, Sector};
use std::sync::Arc;

/// Runs every behaviour of an [`Embedder`] as a test of its own. Takes the name of an async function without
/// arguments that gives `(Arc<dyn Embedder>, guard)`.
#[macro_export]
macro_rules! embedder_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            embedder,
            embedder,
            [
                an_embedder_says_sensible_things_of_itself,
                every_text_gets_one_vector_of_unit_length_and_the_declared_width,
                vectors_come_in_the_order_of_their_texts,
                a_text_gives_the_same_vector_alone_and_in_a_batch,
                no_texts_give_no_vectors,
                an_empty_or_senseless_text_gives_a_valid_vector,
                a_full_batch_is_taken_and_one_more_is_invalid,
                every_purpose_is_served,
                concurrent_callers_get_their_own_vectors,
            ]
        );
    };
}

/// How far the same text's vectors may differ.
const SAME: f32 = 1e-4;

const DOCUMENT: EmbedPurpose = EmbedPurpose::Document(None);

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[track_caller]
fn valid(embedder: &dyn Embedder, vector: &[f32], what: &str) {
    assert_eq!(vector.len(), embedder.info().space.dimensions, "{what}");
    assert!(vector.iter().all(|n| n.is_finite()), "{what}");
    let length = vector.iter().map(|n| n * n).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() < 1e-3, "{what}: the length is {length}");
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= SAME)
}

/// "What an embedder says of itself. Constant for its life."
pub async fn an_embedder_says_sensible_things_of_itself(embedder: Arc<dyn Embedder>) {
    let before = embedder.info().clone();
    assert!(!before.space.model.is_empty());
    assert!(before.space.dimensions > 0 && before.max_batch > 0);
    assert!((0.0..=1.0).contains(&before.link_threshold), "{}", before.link_threshold);
    embedder.embed(&texts(&["Likes tea"]), DOCUMENT).await.must();
    assert_eq!(*embedder.info(), before);
}

/// "One vector a text … of unit length and the declared width."
pub async fn every_text_gets_one_vector_of_unit_length_and_the_declared_width(embedder: Arc<dyn Embedder>) {
    for text in ["Likes tea", "Wants the order delivered on Friday before noon, to the back door", "Wohnt in München"]
    {
        let vectors = embedder.embed(&texts(&[text]), DOCUMENT).await.must().vectors;
        assert_eq!(vectors.len(), 1);
        valid(&*embedder, &vectors[0], text);
    }
}

/// "In order."
pub async fn vectors_come_in_the_order_of_their_texts(embedder: Arc<dyn Embedder>) {
    // Of different lengths: an embedder that sorts its batch must put it back.
    let asked = texts(&["Likes tea", "The parcel with order number 4711 came two days late", "Dog"]);
    let mut turned = asked.clone();
    turned.reverse();
    let (forth, mut back) =
        (embedder.embed(&asked, DOCUMENT).await.must().vectors, embedder.embed(&turned, DOCUMENT).await.must().vectors);
    back.reverse();
    for i in 0..asked.len() {
        assert!(same(&forth[i], &back[i]), "text {i}");
        assert!(!same(&forth[i], &forth[(i + 1) % 3]), "different texts differ");
    }
}

/// "The same text gives the same vector (within 1e-4), alone or in a batch."
pub async fn a_text_gives_the_same_vector_alone_and_in_a_batch(embedder: Arc<dyn Embedder>) {
    let batch = texts(&["Likes tea", &"a rather long text ".repeat(20), "", "Likes tea"]);
    let together = embedder.embed(&batch, DOCUMENT).await.must().vectors;
    for (i, text) in batch.iter().enumerate() {
        for _ in 0..2 {
            let alone = embedder.embed(std::slice::from_ref(text), DOCUMENT).await.must().vectors;
            assert!(same(&alone[0], &together[i]), "text {i}");
        }
    }
}

/// "No texts give no vectors."
pub async fn no_texts_give_no_vectors(embedder: Arc<dyn Embedder>) {
    for purpose in [EmbedPurpose::Query, DOCUMENT] {
        assert!(embedder.embed(&[], purpose).await.must().vectors.is_empty());
    }
}

/// "An empty or senseless text gives a valid vector too": and one of any length.
pub async fn an_empty_or_senseless_text_gives_a_valid_vector(embedder: Arc<dyn Embedder>) {
    let long = "words and words ".repeat(2_000);
    for text in ODD_TEXTS.into_iter().chain(["?!", "xqzw kjhg", &long]) {
        let vectors = embedder.embed(&texts(&[text]), EmbedPurpose::Query).await.must().vectors;
        assert_eq!(vectors.len(), 1);
        valid(&*embedder, &vectors[0], text);
    }
}

/// "At most so many texts a call"; "more than `max_batch` texts are an error of kind `Invalid`".
pub async fn a_full_batch_is_taken_and_one_more_is_invalid(embedder: Arc<dyn Embedder>) {
    let limit = embedder.info().max_batch;
    // A slow model with a large limit need not fill it for the sake of a test.
    let taken = limit.min(64);
    let full: Vec<_> = (0..taken).map(|i| format!("text {i}")).collect();
    assert_eq!(embedder.embed(&full, DOCUMENT).await.must().vectors.len(), taken);
    if let Some(more) = limit.checked_add(1).filter(|more| *more <= 1_000_000) {
        let error = embedder.embed(&vec!["x".to_owned(); more], DOCUMENT).await.expect_err("more than it takes");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    }
}

/// "What a text is embedded for": a question, or a memory of any sector or none.
pub async fn every_purpose_is_served(embedder: Arc<dyn Embedder>) {
    let sectors = Sector::ALL.map(|sector| EmbedPurpose::Document(Some(sector)));
    for purpose in [EmbedPurpose::Query, DOCUMENT].into_iter().chain(sectors) {
        let vectors = embedder.embed(&texts(&["Likes tea"]), purpose).await.must().vectors;
        valid(&*embedder, &vectors[0], &format!("{purpose:?}"));
    }
}

/// Calls at once do not get each other's answers.
pub async fn concurrent_callers_get_their_own_vectors(embedder: Arc<dyn Embedder>) {
    let asked = |i: usize| texts(&[["Likes tea", "Has a dog", "Moved to Berlin", "Order 4711 is late"][i % 4]]);
    let answers = race(8, |i| {
        let (embedder, asked) = (Arc::clone(&embedder), asked(i));
        async move { embedder.embed(&asked, DOCUMENT).await.must().vectors.remove(0) }
    })
    .await;
    for (i, answer) in answers.iter().enumerate() {
        assert!(same(answer, &embedder.embed(&asked(i), DOCUMENT).await.must().vectors[0]), "caller {i}");
    }
}
