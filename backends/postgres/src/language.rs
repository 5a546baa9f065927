//! Which language a tenant's words are in, and what of a text PostgreSQL is given to make them of.

use crate::config::PostgresConfig;
use crate::db::Db;
use hark_core::{Error, Result};
use std::collections::BTreeMap;

/// Longer words are somebody's base64, not speech.
const MAX_WORD_BYTES: usize = 80;

/// Words of a document or a question that are looked at. PostgreSQL takes a megabyte of them at the most.
const MAX_WORDS: usize = 10_000;

/// What the server's list of English words without meaning has not: polite ones, and what an apostrophe leaves ("we'll",
/// "didn't"), for it is none of our letters.
const ENGLISH: [&str; 20] = [
    "aren", "couldn", "d", "didn", "doesn", "hadn", "hasn", "haven", "isn", "ll", "m", "may", "please", "re", "us",
    "ve", "wasn", "weren", "won", "wouldn",
];

/// The languages of one section.
#[derive(Debug)]
pub(crate) struct Languages {
    pub(crate) default: String,
    own: BTreeMap<String, String>,
}

impl Languages {
    pub(crate) fn new(config: &PostgresConfig) -> Self {
        Self { default: config.language.clone(), own: config.languages.clone() }
    }

    pub(crate) fn of(&self, tenant: &str) -> &str {
        self.own.get(tenant).unwrap_or(&self.default)
    }

    /// Tenants that have one of their own, and which.
    pub(crate) fn own(&self) -> (Vec<&str>, Vec<&str>) {
        self.own.iter().map(|(tenant, language)| (tenant.as_str(), language.as_str())).unzip()
    }

    /// Makes sure that the server knows all of them.
    ///
    /// # Errors
    /// `Config`, naming the field and what the server knows.
    pub(crate) async fn check(&self, db: &Db) -> Result<()> {
        const KNOWN: &str =
            "SELECT cfgname::text FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) ORDER BY cfgname::text";
        let asked = || async { Ok(sqlx::query_scalar(KNOWN).fetch_all(&db.pool).await?) };
        let known: Vec<String> = db.read("postgres.open", asked).await?;
        let own = self.own.iter().map(|(tenant, language)| (format!("languages.{tenant}"), language));
        for (field, language) in std::iter::once(("language".to_owned(), &self.default)).chain(own) {
            if !known.contains(language) {
                return Err(Error::config(format!(
                    "kind `postgres`: {field}: the server has no text search configuration `{language}`; it has {}",
                    known.join(", ")
                )));
            }
        }
        Ok(())
    }
}

/// The words of a text in small letters, with blanks between them: addresses, signs and markup, of which PostgreSQL's parser
/// would make something of its own, are not for speech.
pub(crate) fn plain(text: &str, language: &str) -> String {
    let mut words = String::new();
    let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in split.map(str::to_lowercase).take(MAX_WORDS) {
        let means_nothing = language == "english" && ENGLISH.binary_search(&word.as_str()).is_ok();
        if word.len() <= MAX_WORD_BYTES && !means_nothing {
            words.push_str(&word);
            words.push(' ');
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_word_is_left_out() {
        assert!(ENGLISH.is_sorted(), "they are looked up by halves");
        assert_eq!(
            plain("\"We'll call O'Brien\" <b>0049</b>!\0 a@b.c/d", "english"),
            "we call o brien b 0049 b a b c "
        );
        assert_eq!(plain("We'll call", "simple"), "we ll call ");
        assert_eq!(plain("Straße ÉTÉ Пермь 東京", "german"), "straße été пермь 東京 ");
        for none in ["", " \t\n", "?!...", "\u{feff}\u{200b}", "'\\''"] {
            assert_eq!(plain(none, "english"), "", "{none:?}");
        }
    }

    #[test]
    fn what_nobody_says_is_cut() {
        assert_eq!(plain(&format!("lasagne {}", "x".repeat(100_000)), "english"), "lasagne ");
        let long: String = (0..20_000).map(|n| format!("word{n} ")).collect();
        assert_eq!(plain(&long, "english").split_whitespace().count(), MAX_WORDS);
    }
}
