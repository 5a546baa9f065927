//! What a document looks like, and the keys that keep callers apart.

use crate::analysis::ANALYSIS;
use hark_core::store::KeywordDoc;
use hark_core::{MemoryId, Scope, Sector};
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions};
use tantivy::{TantivyDocument, Term};

/// tantivy silently drops terms above 65,530 bytes; a document without its scope would be lost or, worse, never
/// erased. Ids are a fraction of this.
pub(crate) const MAX_KEY_BYTES: usize = 8_000;

/// The fields of the one schema.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    scope: Field,
    key: Field,
    id: Field,
    sector: Field,
    text: Field,
}

impl Fields {
    pub(crate) fn new() -> Self {
        // Frequencies for BM25; no positions, since nobody asks for phrases.
        let text = TextFieldIndexing::default().set_tokenizer(ANALYSIS).set_index_option(IndexRecordOption::WithFreqs);
        let mut builder = Schema::builder();
        let scope = builder.add_text_field("scope", STRING);
        let key = builder.add_text_field("key", STRING);
        let id = builder.add_text_field("id", STORED);
        let sector = builder.add_text_field("sector", STRING);
        let text = builder.add_text_field("text", TextOptions::default().set_indexing_options(text));
        Self { schema: builder.build(), scope, key, id, sector, text }
    }

    pub(crate) fn document(&self, scope: &Scope, doc: &KeywordDoc) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(self.scope, scope_key(scope));
        document.add_text(self.key, document_key(scope, &doc.id));
        document.add_text(self.id, doc.id.as_str());
        document.add_text(self.sector, doc.sector.name());
        document.add_text(self.text, &doc.text);
        document
    }

    pub(crate) fn id_of(&self, document: &TantivyDocument) -> Option<MemoryId> {
        use tantivy::schema::Value;
        document.get_first(self.id).and_then(|value| value.as_str()).map(MemoryId::new)
    }

    pub(crate) fn scope_term(&self, scope: &Scope) -> Term {
        Term::from_field_text(self.scope, &scope_key(scope))
    }

    pub(crate) fn key_term(&self, scope: &Scope, id: &MemoryId) -> Term {
        Term::from_field_text(self.key, &document_key(scope, id))
    }

    pub(crate) fn sector_term(&self, sector: Sector) -> Term {
        Term::from_field_text(self.sector, sector.name())
    }

    pub(crate) fn word_term(&self, word: &str) -> Term {
        Term::from_field_text(self.text, word)
    }
}

/// The lengths keep ("ab", "c") and ("a", "bc") apart whatever ids hold.
fn scope_key(scope: &Scope) -> String {
    let (tenant, caller) = (scope.tenant.as_str(), scope.caller.as_str());
    format!("{}:{tenant}{}:{caller}", tenant.len(), caller.len())
}

/// What makes a document one of a kind: an id belongs to its caller.
pub(crate) fn document_key(scope: &Scope, id: &MemoryId) -> String {
    format!("{}{id}", scope_key(scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_scopes_share_a_key() {
        let hostile = ["", "a", "ab", "b", "1:a", "a1:b", "0:", "'", "%", "\u{0}", "é", "e\u{301}", "1:a1:b"];
        let mut keys = std::collections::HashSet::new();
        for tenant in hostile {
            for caller in hostile {
                assert!(keys.insert(scope_key(&Scope::new(tenant, caller))), "{tenant:?} {caller:?}");
            }
        }
        let key = |caller, id: &str| document_key(&Scope::new("t", caller), &MemoryId::from(id));
        assert_ne!(key("a", "b1"), key("ab", "1"));
    }
}
