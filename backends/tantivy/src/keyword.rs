//! The keyword store.

use crate::analysis::{analyzer, query_words};
use crate::config::TantivyConfig;
use crate::error::{panicked, translate};
use crate::folder::Folder;
use crate::schema::{Fields, MAX_KEY_BYTES, document_key};
use crate::writer::{Change, Writer};
use async_trait::async_trait;
use hark_core::store::{KeywordCaps, KeywordDoc, KeywordQuery, KeywordStore, ScoredId};
use hark_core::{Error, MemoryId, Result, Scope, Sector};
use std::fmt;
use std::path::Path;
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, ConstScoreQuery, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{IndexReader, Searcher, TantivyDocument};

const SEARCH: &str = "tantivy.search";

/// Spoken questions have a dozen words; of a pasted document the rarest are enough.
const MAX_SEARCHED_WORDS: usize = 64;

/// Words on disk.
pub(crate) struct TantivyKeywords {
    fields: Fields,
    analyzer: TextAnalyzer,
    reader: IndexReader,
    writer: Writer,
}

impl fmt::Debug for TantivyKeywords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TantivyKeywords").field("writer", &self.writer).finish_non_exhaustive()
    }
}

impl TantivyKeywords {
    /// Opens or makes the index in the folder; blocks.
    pub(crate) fn open(path: &Path, config: &TantivyConfig) -> Result<Self> {
        let fields = Fields::new();
        let folder = Folder::open(path, &fields.schema, config.sync)?;
        let reader = folder.reader.clone();
        let writer = Writer::start(folder, config.writer_memory_bytes(), config.commit_interval())?;
        Ok(Self { fields, analyzer: analyzer(), reader, writer })
    }

    pub(crate) fn is_running(&self) -> bool {
        self.writer.is_running()
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.writer.close().await
    }

    fn put(&self, scope: &Scope, doc: &KeywordDoc) -> Result<Change> {
        if document_key(scope, &doc.id).len() > MAX_KEY_BYTES {
            return Err(Error::invalid("tantivy.upsert", "tenant, caller and memory id are too long together"));
        }
        Ok(Change::Put(self.fields.key_term(scope, &doc.id), Box::new(self.fields.document(scope, doc))))
    }
}

fn filter(query: impl Query) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(Box::new(query), 0.0))
}

/// A search, ready to run on a thread that may wait for the disk.
struct Search {
    reader: IndexReader,
    fields: Fields,
    scope: Scope,
    sectors: Vec<Sector>,
    words: Vec<String>,
    limit: usize,
}

impl Search {
    fn run(mut self) -> tantivy::Result<Vec<ScoredId>> {
        let searcher = self.reader.searcher();
        // The collector allocates what it is asked for.
        let limit = self.limit.min(usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX));
        if limit == 0 {
            return Ok(Vec::new());
        }
        if self.words.len() > MAX_SEARCHED_WORDS {
            self.keep_the_rarest(&searcher)?;
        }
        let found = searcher.search(&self.query(), &TopDocs::with_limit(limit).order_by_score())?;
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            let document: TantivyDocument = searcher.doc(address)?;
            hits.extend(self.fields.id_of(&document).map(|id| ScoredId { id, score }));
        }
        // Where a document lies depends on merges; the order of equals must not.
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        Ok(hits)
    }

    /// Words that no document has find nothing, and common ones tell little.
    fn keep_the_rarest(&mut self, searcher: &Searcher) -> tantivy::Result<()> {
        let mut counted = Vec::new();
        for word in self.words.drain(..) {
            let documents = searcher.doc_freq(&self.fields.word_term(&word))?;
            if documents > 0 {
                counted.push((documents, word));
            }
        }
        counted.sort();
        self.words = counted.into_iter().take(MAX_SEARCHED_WORDS).map(|(_, word)| word).collect();
        Ok(())
    }

    /// One of the words, inside the caller, inside the sectors; only the words count for the score.
    ///
    /// The filters are repeated for every word: a caller's few documents then lead through each word's list by
    /// skipping, whereas one union of all words, narrowed afterwards, reads every caller's.
    fn query(&self) -> BooleanQuery {
        let scope = TermQuery::new(self.fields.scope_term(&self.scope), IndexRecordOption::Basic);
        let mut filters = vec![filter(scope)];
        if !self.sectors.is_empty() {
            let sectors = self.sectors.iter().map(|&sector| self.fields.sector_term(sector)).collect();
            filters.push(filter(BooleanQuery::new_multiterms_query(sectors)));
        }
        let of_word = |word: &String| -> Box<dyn Query> {
            let word = TermQuery::new(self.fields.word_term(word), IndexRecordOption::WithFreqs);
            let mut all: Vec<Box<dyn Query>> = filters.iter().map(|filter| filter.box_clone()).collect();
            all.push(Box::new(word));
            Box::new(BooleanQuery::intersection(all))
        };
        BooleanQuery::union(self.words.iter().map(of_word).collect())
    }
}

#[async_trait]
impl KeywordStore for TantivyKeywords {
    fn caps(&self) -> KeywordCaps {
        KeywordCaps { durable: true, stemming: true }
    }

    async fn upsert(&self, scope: &Scope, docs: &[KeywordDoc]) -> Result<()> {
        let changes = docs.iter().map(|doc| self.put(scope, doc)).collect::<Result<_>>()?;
        self.writer.write(changes).await
    }

    async fn upsert_many(&self, docs: &[(Scope, KeywordDoc)]) -> Result<()> {
        let changes = docs.iter().map(|(scope, doc)| self.put(scope, doc)).collect::<Result<_>>()?;
        self.writer.write(changes).await
    }

    async fn search(&self, scope: &Scope, query: &KeywordQuery) -> Result<Vec<ScoredId>> {
        let words = query_words(&mut self.analyzer.clone(), &query.text);
        if words.is_empty() || query.limit == 0 {
            return Ok(Vec::new());
        }
        let search = Search {
            reader: self.reader.clone(),
            fields: self.fields.clone(),
            scope: scope.clone(),
            sectors: query.sectors.clone(),
            words,
            limit: query.limit,
        };
        match tokio::task::spawn_blocking(move || search.run()).await {
            Ok(found) => found.map_err(|e| translate(SEARCH, e)),
            Err(_) => Err(panicked(SEARCH)),
        }
    }

    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        self.writer.write(ids.iter().map(|id| Change::Remove(self.fields.key_term(scope, id))).collect()).await
    }

    async fn erase(&self, scope: &Scope) -> Result<()> {
        self.writer.write(vec![Change::Remove(self.fields.scope_term(scope))]).await
    }

    async fn count(&self) -> Result<u64> {
        Ok(self.reader.searcher().num_docs())
    }

    async fn clear(&self) -> Result<()> {
        self.writer.clear().await
    }

    async fn optimise(&self) -> Result<()> {
        self.writer.optimise().await
    }

    async fn purge(&self) -> Result<()> {
        self.writer.purge().await
    }
}
