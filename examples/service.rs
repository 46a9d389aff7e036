//! A search service that watches its own memory: tantivy, a cache of results, and a monitor that says what finished
//! work still owns, calls when the cache is too large, and has it emptied.
//!
//! `cargo run --example service`

use std::sync::Arc;

use anyhow::{Context, ensure};
use dashmap::DashMap;
use heapledger::monitor::{Limit, MemoryMonitor, MemoryTrackable};
use heapledger::track;
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::schema::{Field, STORED, Schema, TEXT, Value};
use tantivy::{Index, IndexReader, IndexWriter, TantivyDocument, doc};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What the cache may own before the monitor calls.
const CACHE_LIMIT: u64 = 128 << 10;
/// What an operation that has finished may own, in MiB.
const THRESHOLD: usize = 1;
const DOCUMENTS: u64 = 2_000;
const QUERIES: usize = 500;

type Cache = DashMap<String, Vec<String>>;

/// The service. What it does, it does under its monitor.
struct Service {
    monitor: MemoryMonitor,
    index: Index,
    body: Field,
    reader: IndexReader,
    cache: Arc<Cache>,
}

impl MemoryTrackable for Service {
    fn memory_monitor(&self) -> &MemoryMonitor {
        &self.monitor
    }
}

impl Service {
    fn open() -> anyhow::Result<Self> {
        let mut schema = Schema::builder();
        let body = schema.add_text_field("body", TEXT | STORED);
        let index = Index::create_in_ram(schema.build());
        let reader = index.reader()?;
        let cache = Arc::new(Cache::default());
        let monitor = MemoryMonitor::new(THRESHOLD);
        // Handlers and callbacks hold the cache weakly, so that they keep nothing alive.
        let held = Arc::downgrade(&cache);
        monitor.on_cleanup("result cache", move || Ok(held.upgrade().map_or(0, |cache| empty(&cache))));
        monitor.on_pressure(Limit::operation("search/cache", CACHE_LIMIT), |pressure| println!("pressure: {pressure}"));
        Ok(Self { monitor, index, body, reader, cache })
    }

    /// Indexes documents. The writer gives back what it needs when it is dropped; what stays is the index.
    fn index(&self) -> anyhow::Result<()> {
        self.with_memory_tracking("index", || {
            let mut writer: IndexWriter = self.index.writer_with_num_threads(1, 15_000_000)?;
            for number in 0..DOCUMENTS {
                let text = format!("document {number} tells of word{} and of word{}", number % 500, number % 7);
                writer.add_document(doc!(self.body => text))?;
            }
            writer.commit()?;
            writer.wait_merging_threads()?;
            self.reader.reload()?;
            Ok(())
        })
    }

    /// The best documents, from the cache if they were asked for before.
    fn search(&self, words: &str) -> anyhow::Result<usize> {
        self.with_memory_tracking("search", || {
            if let Some(found) = self.cache.get(words) {
                return Ok(found.len());
            }
            let query = QueryParser::for_index(&self.index, vec![self.body]).parse_query(words)?;
            let searcher = self.reader.searcher();
            let mut found = Vec::new();
            for (_, at) in searcher.search(&query, &TopDocs::with_limit(10).order_by_score())? {
                let document: TantivyDocument = searcher.doc(at)?;
                let body = document.get_first(self.body).and_then(|value| value.as_str()).context("it is stored")?;
                found.push(body.to_string());
            }
            // What the cache keeps is the cache's: a name of its own says how much that is.
            let _op = track("cache");
            let kept = found.iter().map(|body| body.as_str().into()).collect();
            self.cache.insert(words.into(), kept);
            Ok(found.len())
        })
    }
}

/// Empties the cache, and says how many bytes of text that gives back at least. The monitor checks it.
fn empty(cache: &Cache) -> usize {
    let mut freed = 0;
    cache.retain(|_, kept| {
        freed += kept.iter().map(String::len).sum::<usize>();
        false
    });
    cache.shrink_to_fit();
    freed
}

fn main() -> anyhow::Result<()> {
    let service = Service::open()?;
    service.index()?;
    for number in 0..QUERIES {
        ensure!(service.search(&format!("word{number}"))? > 0, "every word is in some document");
    }
    service.monitor.check_pressure();
    println!("\nAfter {QUERIES} queries:\n{}", service.monitor.generate_report());
    let freed = service.monitor.force_cleanup()?;
    println!("\nThe cleanup gave {freed} B back.\n{}", service.monitor.generate_report());
    println!("\n{}", heapledger::report());
    Ok(())
}
