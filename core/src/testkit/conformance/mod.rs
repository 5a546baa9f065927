//! The conformance suites: every sentence of a trait's documentation is a behaviour, every behaviour a named
//! test. Each suite's macro holds the list of its behaviours; a test of ours sees to it that none is missing.

pub mod archive;
pub mod backup;
pub mod chat;
pub mod classifier;
pub mod embedder;
pub mod embeddings;
pub mod extractor;
pub mod job;
pub mod keys;
pub mod keyword;
pub mod limits;
pub mod memory;
pub mod sealed;
pub mod vector;

#[cfg(test)]
mod tests {
    /// Sources of a suite: first the file with the list, then those with behaviours.
    const SUITES: [&[&str]; 14] = [
        &[include_str!("archive/mod.rs"), include_str!("archive/moving.rs"), include_str!("archive/rows.rs")],
        &[include_str!("backup.rs")],
        &[include_str!("chat.rs")],
        &[include_str!("classifier.rs")],
        &[include_str!("embedder.rs")],
        &[include_str!("embeddings.rs")],
        &[include_str!("extractor.rs")],
        &[
            include_str!("job/mod.rs"),
            include_str!("job/durability.rs"),
            include_str!("job/inbox.rs"),
            include_str!("job/leases.rs"),
            include_str!("job/lists.rs"),
            include_str!("job/settling.rs"),
        ],
        &[include_str!("keys.rs")],
        &[include_str!("limits.rs")],
        &[
            include_str!("keyword/mod.rs"),
            include_str!("keyword/durability.rs"),
            include_str!("keyword/searching.rs"),
            include_str!("keyword/writing.rs"),
        ],
        &[
            include_str!("memory/mod.rs"),
            include_str!("memory/conversations.rs"),
            include_str!("memory/costs.rs"),
            include_str!("memory/durability.rs"),
            include_str!("memory/links.rs"),
            include_str!("memory/maintenance.rs"),
            include_str!("memory/memories.rs"),
            include_str!("memory/people.rs"),
            include_str!("memory/receipts.rs"),
            include_str!("memory/tenants.rs"),
        ],
        &[include_str!("sealed.rs")],
        &[
            include_str!("vector/mod.rs"),
            include_str!("vector/durability.rs"),
            include_str!("vector/searching.rs"),
            include_str!("vector/writing.rs"),
        ],
    ];

    #[test]
    fn every_behaviour_is_in_its_suites_list() {
        let mut behaviours = 0;
        for sources in SUITES {
            let lists: String =
                sources[0].split("macro_rules!").skip(1).filter_map(|m| m.split("\n}").next()).collect();
            let listed: Vec<_> = lists.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
            for rest in sources.iter().flat_map(|source| source.split("\npub async fn ").skip(1)) {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                assert!(listed.contains(&name), "`{name}` is in no list, so nobody runs it");
                behaviours += 1;
            }
        }
        assert!(behaviours > 200, "only {behaviours} behaviours were found");
    }
}
