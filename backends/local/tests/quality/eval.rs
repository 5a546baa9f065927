//! What the quality test and the `measure` example count alike.

/// Two columns, as they stand in a file of this folder.
pub(crate) fn columns(tsv: &str) -> (Vec<String>, Vec<String>) {
    tsv.lines().filter_map(|line| line.split_once('\t')).map(|(a, b)| (a.to_owned(), b.to_owned())).unzip()
}

/// The cosine of two vectors of unit length.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// For each question the rank of the memory of the same line, from 1; ties count against us.
pub(crate) fn ranks(memories: &[Vec<f32>], questions: &[Vec<f32>]) -> Vec<usize> {
    let rank = |(line, question): (usize, &Vec<f32>)| {
        let wanted = cosine(question, &memories[line]);
        memories.iter().filter(|memory| cosine(question, memory) >= wanted).count()
    };
    questions.iter().enumerate().map(rank).collect()
}

/// The share of ranks that are among the first `k`.
pub(crate) fn recall_at(k: usize, ranks: &[usize]) -> f64 {
    ranks.iter().filter(|&&rank| rank <= k).count() as f64 / ranks.len() as f64
}

/// Cosines of all pairs of different lines, lowest first.
pub(crate) fn unrelated(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut cosines: Vec<f32> =
        (0..vectors.len()).flat_map(|i| (0..i).map(move |j| cosine(&vectors[i], &vectors[j]))).collect();
    cosines.sort_by(f32::total_cmp);
    cosines
}

/// Cosines of the two columns of each line, lowest first.
pub(crate) fn same(a: &[Vec<f32>], b: &[Vec<f32>]) -> Vec<f32> {
    let mut cosines: Vec<f32> = a.iter().zip(b).map(|(a, b)| cosine(a, b)).collect();
    cosines.sort_by(f32::total_cmp);
    cosines
}

/// The share of cosines that reach a threshold.
pub(crate) fn reaching(threshold: f32, cosines: &[f32]) -> f64 {
    cosines.iter().filter(|&&cosine| cosine >= threshold).count() as f64 / cosines.len() as f64
}

/// Pairs of Hark's labelled set that are about the same thing: said again, put right or made more precise. Two orders or
/// two people that merely look alike are left out, and so is what shares nothing.
pub(crate) fn about_the_same(labelled: &str) -> (Vec<String>, Vec<String>) {
    let pairs: Vec<serde_json::Value> = serde_json::from_str(labelled).unwrap_or_default();
    let same = ["repeat", "update", "contradiction", "refinement"];
    let text = |pair: &serde_json::Value, side: &str| pair[side]["content"].as_str().unwrap_or_default().to_owned();
    pairs
        .iter()
        .filter(|pair| same.iter().any(|class| pair["class"] == *class))
        .map(|pair| (text(pair, "old"), text(pair, "new")))
        .unzip()
}
