//! The search engine and its cache of results, with a name for what each does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use heapledger::track;
use serde::Serialize;
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::schema::{Field, STORED, Schema, TEXT, Value};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, doc};

/// What the writer may hold before it writes a segment.
const WRITER_MEMORY: usize = 15 << 20;
const HITS: usize = 10;

/// One document that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Hit {
    /// How well it fits.
    pub score: f32,
    /// The text of the document.
    pub body: String,
}

/// An index in memory that can be written and searched at the same time.
pub struct Engine {
    index: Index,
    body: Field,
    reader: IndexReader,
    writer: Mutex<IndexWriter>,
    cache: Arc<Cache>,
}

impl Engine {
    /// An empty index.
    pub fn new() -> anyhow::Result<Self> {
        // The threads of the writer live as long as it does: what they take is the index's.
        let _op = track("index").with_threads();
        let mut schema = Schema::builder();
        let body = schema.add_text_field("body", TEXT | STORED);
        let index = Index::create_in_ram(schema.build());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let writer = Mutex::new(index.writer_with_num_threads(1, WRITER_MEMORY)?);
        Ok(Self { index, body, reader, writer, cache: Arc::default() })
    }

    /// The results that were given before.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Adds each line that is not empty as a document, and says how many there were. What was found before may be out
    /// of date now, so the cache is emptied.
    pub fn add(&self, lines: &str) -> anyhow::Result<usize> {
        let _op = track("index").with_threads();
        let mut writer = locked(&self.writer);
        let mut added = 0;
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            writer.add_document(doc!(self.body => line))?;
            added += 1;
        }
        writer.commit()?;
        self.reader.reload()?;
        self.cache.clear();
        Ok(added)
    }

    /// The best documents for these words, from the cache if they were asked for before.
    pub fn search(&self, words: &str) -> anyhow::Result<Arc<[Hit]>> {
        if let Some(found) = self.cache.get(words) {
            return Ok(found);
        }
        let query = QueryParser::for_index(&self.index, vec![self.body]).parse_query(words)?;
        let searcher = self.reader.searcher();
        let mut hits = Vec::new();
        for (score, at) in searcher.search(&query, &TopDocs::with_limit(HITS).order_by_score())? {
            let document: TantivyDocument = searcher.doc(at)?;
            let body = document.get_first(self.body).and_then(|value| value.as_str()).context("it is stored")?;
            hits.push(Hit { score, body: body.into() });
        }
        Ok(self.cache.insert(words, hits))
    }
}

/// Results by the words that were asked for. It has no bound of its own: the monitor has it emptied.
#[derive(Default)]
pub struct Cache(Mutex<HashMap<Box<str>, Arc<[Hit]>>>);

impl Cache {
    fn get(&self, words: &str) -> Option<Arc<[Hit]>> {
        locked(&self.0).get(words).cloned()
    }

    /// What the cache keeps is the cache's, not the search's: it is copied under a name of its own.
    fn insert(&self, words: &str, hits: Vec<Hit>) -> Arc<[Hit]> {
        let _op = track("cache");
        let kept: Arc<[Hit]> = hits.as_slice().into();
        locked(&self.0).insert(words.into(), Arc::clone(&kept));
        kept
    }

    /// Gives all of it back.
    pub fn clear(&self) {
        let entries = std::mem::take(&mut *locked(&self.0));
        drop(entries);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
