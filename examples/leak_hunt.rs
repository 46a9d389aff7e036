//! Hunts a leak in a small search service on tantivy.
//!
//! The service keeps the answer to every question, for ever. A leak test runs it over and over, says that it leaks and
//! which step keeps the memory; then the same test runs on the service whose cache has a bound.
//!
//! `cargo run --release --example leak_hunt`

use std::collections::{HashMap, VecDeque};

use heapledger::{LeakTest, track};
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::schema::{STORED, Schema, TEXT, Value};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, doc};

// 1. Install the ledger. From here on it knows every block that this program allocates.
#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const SENTENCES: [&str; 6] = [
    "Call me Ishmael.",
    "Whenever it is a damp, drizzly November in my soul, I account it high time to get to sea as soon as I can.",
    "There is nothing surprising in this.",
    "Right and left, the streets take you waterward.",
    "Its extreme downtown is the battery, where that noble mole is washed by waves and cooled by breezes.",
    "Are the green fields gone? What do they here?",
];

/// A search service with a cache of answers.
struct Service {
    index: Index,
    reader: IndexReader,
    answers: HashMap<String, Vec<String>>,
    oldest_first: VecDeque<String>,
    room: usize,
}

impl Service {
    fn new(room: usize) -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let body = schema.add_text_field("body", TEXT | STORED);
        let index = Index::create_in_ram(schema.build());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000)?;
        for sentence in SENTENCES {
            writer.add_document(doc!(body => sentence))?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { index, reader, answers: HashMap::new(), oldest_first: VecDeque::new(), room })
    }

    // 2. Name the steps. Each of them becomes a line of its own in the report.
    fn answer(&mut self, question: &str) -> tantivy::Result<&[String]> {
        if !self.answers.contains_key(question) {
            let found = self.search(question)?;
            self.remember(question, &found);
        }
        Ok(&self.answers[question])
    }

    fn search(&self, question: &str) -> tantivy::Result<Vec<String>> {
        let _op = track("search");
        let body = self.index.schema().get_field("body")?;
        let query = QueryParser::for_index(&self.index, vec![body]).parse_query(question)?;
        let searcher = self.reader.searcher();
        let mut sentences = Vec::new();
        for (_score, address) in searcher.search(&query, &TopDocs::with_limit(3).order_by_score())? {
            let document: TantivyDocument = searcher.doc(address)?;
            sentences.extend(document.get_first(body).and_then(|text| text.as_str()).map(String::from));
        }
        Ok(sentences)
    }

    fn remember(&mut self, question: &str, found: &[String]) {
        let _op = track("remember");
        if self.answers.len() >= self.room
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.answers.insert(question.into(), found.to_vec());
        self.oldest_first.push_back(question.into());
    }
}

fn main() -> tantivy::Result<()> {
    // 3. Run the work over and over. Users ask ever new questions, and so does the test.
    let question = |i: usize| format!("{} {i}", ["sea", "streets", "november", "waves"][i % 4]);

    println!("A service that keeps every answer:\n");
    let mut service = Service::new(usize::MAX)?;
    let report = LeakTest::new("answer").run(|i| assert_eq!(service.answer(&question(i)).unwrap().len(), 1));
    println!("{report}\n");
    assert!(report.verdict().is_leak());

    println!("A service that keeps the last 200 answers:\n");
    let mut service = Service::new(200)?;
    let report = LeakTest::new("answer").run(|i| assert_eq!(service.answer(&question(i)).unwrap().len(), 1));
    println!("{report}\n");
    assert!(report.passes());

    // 4. In a test, say what you expect, and let it fail when that is not so: here 200 answers are to take up to 64
    // KiB.
    let mut service = Service::new(200)?;
    LeakTest::new("answer").bounded(64 << 10).assert(|i| service.answer(&question(i)).unwrap().len());
    println!("In a test: LeakTest::new(\"answer\").bounded(64 << 10).assert(..) passes.");
    Ok(())
}
