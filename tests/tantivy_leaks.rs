//! Leak tests on a real search engine: tantivy.
//!
//! The four ways in which a search system leaks, each planted, found, and judged beside its repaired twin: an indexing
//! job that piles up temporary data, a result cache without bound, writers and files that stay open, a background
//! thread that keeps references. Then tantivy itself, used as its documentation says: every loop gets the verdict that
//! it deserves, and where that is a leak of tantivy's, the loop beside it shows the way around. What was found, with
//! the lines in tantivy's source, stands in `docs/finding-leaks.md`.
//!
//! Every test prints its report: `cargo test --test tantivy_leaks -- --nocapture`.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use heapledger::{LeakReport, LeakTest, Verdict, track};
use tantivy::collector::{Count, TopDocs};
use tantivy::directory::{Directory, MmapDirectory, RamDirectory};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, NoMergePolicy};
use tantivy::query::{AllQuery, FuzzyTermQuery, PhraseQuery, Query, QueryParser, RegexQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TEXT, Value};
use tantivy::snippet::SnippetGenerator;
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, SearcherGeneration, TantivyDocument, Term,
    Warmer, doc,
};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Herman Melville, Moby-Dick: the shelf of this library.
const SENTENCES: [&str; 12] = [
    "Call me Ishmael.",
    "Some years ago, having little or no money in my purse, I thought I would sail about a little.",
    "It is a way I have of driving off the spleen and regulating the circulation.",
    "Whenever it is a damp, drizzly November in my soul, I account it high time to get to sea as soon as I can.",
    "There is nothing surprising in this.",
    "If they but knew it, almost all men in their degree cherish very nearly the same feelings towards the ocean.",
    "There now is your insular city of the Manhattoes, belted round by wharves as Indian isles by coral reefs.",
    "Right and left, the streets take you waterward.",
    "Its extreme downtown is the battery, where that noble mole is washed by waves and cooled by breezes.",
    "Look at the crowds of water-gazers there.",
    "But these are all landsmen; of week days pent up in lath and plaster, tied to counters, nailed to benches.",
    "How then is this? Are the green fields gone? What do they here?",
];

/// Words to search for: each stands in a sentence.
const WORDS: [&str; 5] = ["sea", "ocean", "november", "streets", "is"];

/// What a writer holds while it is open: an arena for each worker, channels, pools. It is warm-up where the writer is
/// opened in the first iteration and kept.
const OPEN_WRITER: i64 = 3 << 20;
/// What may stay of tantivy when everything is closed: lazy statics, and what crossbeam-epoch keeps of rayon's threads
/// until later ones collect it, two blocks of some 2 KiB for each.
const EVERYTHING_CLOSED: i64 = 128 << 10;

/// One test at a time: open files are the whole process's, so a test that leaves files open on purpose could be seen by
/// its neighbours.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a leak test and prints what it found.
#[track_caller]
fn judged<R>(test: LeakTest, closure: impl FnMut(usize) -> R) -> LeakReport {
    let report = test.run(closure);
    println!("{report}\n");
    report
}

/// A test of work that commits: slow, because tantivy starts its workers anew and, in a folder, waits for the disk. So
/// the windows are short: 2 iterations of warm-up, then 4, 8 and 16.
fn slow(name: &str) -> LeakTest {
    LeakTest::new(name).iterations(4)
}

/// A test that is not slow, but leaves threads or files behind: a few will do.
fn few(name: &str) -> LeakTest {
    LeakTest::new(name).iterations(2)
}

/// Asserts that growth came to an end, with no more than `most` bytes kept.
#[track_caller]
fn assert_keeps_at_most(most: i64, report: &LeakReport) {
    let kept = match *report.verdict() {
        Verdict::Clean => 0,
        Verdict::WarmUp { bytes, .. } | Verdict::Bounded { bytes, .. } => bytes,
        _ => panic!("{report}"),
    };
    assert!(kept <= most, "{kept} B are more than {most} B: {report}");
}

/// What a leak leaves behind in each iteration.
#[derive(Debug)]
struct Left {
    bytes: f64,
    blocks: f64,
    threads: f64,
    files: f64,
}

#[track_caller]
fn assert_leaks(report: &LeakReport) -> Left {
    match *report.verdict() {
        Verdict::Leak {
            bytes_per_iteration, blocks_per_iteration, threads_per_iteration, files_per_iteration, ..
        } => Left {
            bytes: bytes_per_iteration,
            blocks: blocks_per_iteration,
            threads: threads_per_iteration,
            files: files_per_iteration,
        },
        _ => panic!("this leaks: {report}"),
    }
}

/// Asserts that the report names `count` threads `name`. One may be missing: the last has perhaps not begun to run.
#[track_caller]
fn assert_named(name: &str, count: usize, report: &LeakReport) {
    let named = report.threads().iter().filter(|thread| *thread == name).count();
    assert!((count - 1..=count).contains(&named), "{named} of {count} threads are named {name}: {report}");
}

/// Asserts that the report names a line of a file of tantivy, in this function, as one that leaks.
#[track_caller]
fn assert_line(report: &LeakReport, file: &str, function: &str) {
    if !cfg!(all(feature = "lines", target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let text = report.to_string();
    let place = format!("tantivy-0.27.0 src/{file}:");
    let names = |line: &str| {
        let mut calls = line.split(" <- ").flat_map(|call| call.split(", in "));
        line.starts_with("  lines    ") && calls.any(|call| call.contains(&place) && call.contains(function))
    };
    assert!(text.lines().any(names), "no line names {function} in {file}: {text}");
}

/// The operation that grows most, and by how many blocks in each iteration of the last window, as the report prints it.
fn grows_most(report: &LeakReport) -> (String, f64) {
    let text = report.to_string();
    let line = text.lines().find_map(|line| line.strip_prefix("  grows    ")).expect("what leaks grows");
    let (path, growth) = line.split_once(" (tests/tantivy_leaks.rs:").expect("the path, and where it was entered");
    let (_bytes, counts) = growth.rsplit_once(" in ").expect("bytes, in blocks");
    let counts = counts.replace(',', "");
    let numbers: Vec<f64> = counts.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [blocks, iterations] = numbers[..] else { panic!("blocks over iterations: {line}") };
    (path.to_string(), blocks / iterations)
}

/// Asserts a figure that a neighbour disturbs: the pools of a writer keep and drop blocks as they please.
#[track_caller]
fn assert_about(expected: f64, figure: f64) {
    assert!((figure - expected).abs() <= expected / 4.0, "{figure}, not about {expected}");
}

/// An index of sentences.
struct Library {
    index: Index,
    id: Field,
    body: Field,
}

impl Library {
    fn new(directory: impl Into<Box<dyn Directory>>) -> Self {
        Self::with(IndexSettings::default(), directory)
    }

    fn with(settings: IndexSettings, directory: impl Into<Box<dyn Directory>>) -> Self {
        let mut schema = Schema::builder();
        let id = schema.add_text_field("id", STRING | STORED);
        let body = schema.add_text_field("body", TEXT | STORED);
        let index = Index::create(directory, schema.build(), settings).expect("a new index");
        Self { index, id, body }
    }

    fn in_memory() -> Self {
        Self::new(RamDirectory::create())
    }

    fn in_folder(folder: &Path) -> Self {
        Self::new(MmapDirectory::open(folder).expect("the folder is there"))
    }

    /// A writer that merges only when told: every iteration does the same work.
    fn writer(&self) -> IndexWriter {
        let options = IndexWriterOptions::builder().num_merge_threads(1).build();
        let writer = self.index.writer_with_options(options).expect("no other writer is open");
        writer.set_merge_policy(Box::new(NoMergePolicy));
        writer
    }

    fn reader(&self, policy: ReloadPolicy) -> IndexReader {
        self.index.reader_builder().reload_policy(policy).try_into().expect("the index can be read")
    }

    /// Puts a dozen sentences on the shelf, in place of those that have the same ids.
    fn shelve(&self, writer: &IndexWriter) {
        for (id, sentence) in SENTENCES.iter().enumerate() {
            let id = id.to_string();
            writer.delete_term(Term::from_field_text(self.id, &id));
            writer.add_document(doc!(self.id => id, self.body => *sentence)).expect("the writer is alive");
        }
    }

    /// Commits, and merges all segments into one.
    fn publish(&self, writer: &mut IndexWriter) {
        writer.commit().expect("the folder can be written");
        let segments = self.index.searchable_segment_ids().expect("the index can be read");
        if segments.len() > 1 {
            writer.merge(&segments).wait().expect("the folder can be written");
        }
        writer.garbage_collect_files().wait().expect("the folder can be written");
    }

    fn filled(self) -> Self {
        self.rework();
        self
    }

    /// A batch of work with a writer of its own.
    fn rework(&self) {
        let mut writer = self.writer();
        self.shelve(&writer);
        self.publish(&mut writer);
        writer.wait_merging_threads().expect("nothing is merging");
    }

    fn hits(&self, searcher: &Searcher, word: &str) -> usize {
        let query = TermQuery::new(Term::from_field_text(self.body, word), IndexRecordOption::Basic);
        searcher.search(&query, &Count).expect("the index can be read")
    }
}

// The four classes, each planted and repaired.

/// An indexing job that remembers the documents of its batch, to add them again if the commit fails.
struct IndexingJob<'a> {
    library: &'a Library,
    writer: IndexWriter,
    pending: Vec<String>,
}

impl<'a> IndexingJob<'a> {
    fn new(library: &'a Library) -> Self {
        Self { library, writer: library.writer(), pending: Vec::new() }
    }

    fn batch(&mut self) {
        {
            let _op = track("remember");
            self.pending.extend(SENTENCES.map(String::from));
        }
        self.library.shelve(&self.writer);
        let _op = track("commit");
        self.library.publish(&mut self.writer);
    }

    fn batch_and_forget(&mut self) {
        self.batch();
        self.pending.clear();
    }
}

#[test]
fn an_indexing_job_that_piles_up_temporary_data_is_found() {
    let _alone = alone();
    let library = Library::in_memory();

    let mut job = None;
    let report =
        judged(slow("indexing job, piling up"), |_| job.get_or_insert_with(|| IndexingJob::new(&library)).batch());
    let left = assert_leaks(&report);
    assert_about(12.0, left.blocks);
    assert!(left.bytes >= SENTENCES.iter().map(|sentence| sentence.len()).sum::<usize>() as f64, "{left:?}");
    // A block for each sentence; the vector is one block, however long.
    assert_eq!(grows_most(&report), ("indexing job, piling up/remember".into(), 12.0));

    drop(job.take());
    let report = judged(slow("indexing job, repaired"), |_| {
        job.get_or_insert_with(|| IndexingJob::new(&library)).batch_and_forget();
    });
    assert_keeps_at_most(OPEN_WRITER, &report);
}

/// Answers queries, and keeps the answers.
struct SearchService<'a> {
    library: &'a Library,
    reader: IndexReader,
    parser: QueryParser,
    answers: HashMap<String, Vec<String>>,
    oldest_first: VecDeque<String>,
    /// How many answers to keep.
    room: usize,
}

impl<'a> SearchService<'a> {
    fn new(library: &'a Library, room: usize) -> Self {
        let reader = library.reader(ReloadPolicy::Manual);
        let parser = QueryParser::for_index(&library.index, vec![library.body]);
        Self { library, reader, parser, answers: HashMap::new(), oldest_first: VecDeque::new(), room }
    }

    fn search(&mut self, words: &str) -> usize {
        if let Some(known) = self.answers.get(words) {
            return known.len();
        }
        let found: Vec<String> = {
            let _op = track("search");
            let searcher = self.reader.searcher();
            let query = self.parser.parse_query(words).expect("words make a query");
            let best =
                searcher.search(&query, &TopDocs::with_limit(1).order_by_score()).expect("the index can be read");
            let id = |address| {
                let document: TantivyDocument = searcher.doc(address).expect("it was found just now");
                let id =
                    document.get_first(self.library.id).and_then(|id| id.as_str()).expect("every document has an id");
                id.to_string()
            };
            best.into_iter().map(|(_, address)| id(address)).collect()
        };
        let count = found.len();
        let _op = track("cache");
        if self.answers.len() == self.room
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.answers.insert(words.to_string(), found);
        self.oldest_first.push_back(words.to_string());
        count
    }
}

#[test]
fn a_result_cache_without_bound_is_found() {
    let _alone = alone();
    let library = Library::in_memory().filled();
    let words = |i: usize| format!("{} {i}", WORDS[i % WORDS.len()]);

    let mut service = None;
    let report = judged(LeakTest::new("search, cache without bound"), |i| {
        let service = service.get_or_insert_with(|| SearchService::new(&library, usize::MAX));
        assert_eq!(service.search(&words(i)), 1);
    });
    let left = assert_leaks(&report);
    // The vector and the one id in it come from the search, and stay in the cache with the words, which are there
    // twice.
    assert_eq!(left.blocks, 4.0, "{left:?}");
    assert_eq!(grows_most(&report), ("search, cache without bound/cache".into(), 2.0));

    drop(service.take());
    let report = judged(LeakTest::new("search, cache of 100"), |i| {
        let service = service.get_or_insert_with(|| SearchService::new(&library, 100));
        assert_eq!(service.search(&words(i)), 1);
    });
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);
    assert_eq!(service.map(|service| service.answers.len()), Some(100));
}

#[test]
fn writers_that_stay_open_are_found_by_their_threads_and_lock_files() {
    let _alone = alone();
    let open = |folder: &Path| {
        let library = Library::in_folder(folder);
        let mut writer = library.writer();
        library.shelve(&writer);
        writer.commit().expect("the folder can be written");
        writer
    };

    let folders = tempfile::tempdir().expect("a folder can be made");
    let folder = |i: usize| {
        let folder = folders.path().join(i.to_string());
        std::fs::create_dir(&folder).expect("it is not there yet");
        folder
    };
    let mut writers = Vec::new();
    let report = judged(few("writers, left open"), |i| writers.push(open(&folder(i))));
    let left = assert_leaks(&report);
    // A worker, the segment updater, a merge thread; the lock.
    assert_eq!((left.threads.round(), left.files), (3.0, 1.0), "{left:?}");
    for name in ["segment_updater", "merge_thread_0"] {
        assert_named(name, report.iterations() as usize, &report);
    }
    let locks = report.files().iter().filter(|file| file.ends_with("/.tantivy-writer.lock"));
    assert_eq!(locks.count(), report.iterations() as usize, "{report}");

    drop(writers);
    let folders = tempfile::tempdir().expect("a folder can be made");
    let report = judged(few("writers, closed"), |i| {
        let folder = folders.path().join(i.to_string());
        std::fs::create_dir(&folder).expect("it is not there yet");
        open(&folder).wait_merging_threads().expect("nothing is merging");
    });
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);
    assert_eq!((report.threads(), report.files()), (&[][..], &[][..]));
}

#[test]
fn readers_that_stay_open_are_found_by_their_watchers() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder can be made");
    drop(Library::in_folder(folder.path()).filled());
    let open = || Index::open_in_dir(folder.path()).and_then(|index| index.reader()).expect("the index is there");

    let mut readers = Vec::new();
    let report = judged(few("readers, left open"), |_| readers.push(open()));
    let left = assert_leaks(&report);
    // `thread-tantivy-meta-file-watcher`: Linux keeps 15 characters.
    assert_eq!(left.threads.round(), 1.0, "{left:?}");
    assert_named("thread-tantivy-", report.iterations() as usize, &report);

    // A watcher looks twice a second whether its reader is gone, so an iteration is over when it has.
    drop(readers);
    let report = judged(few("readers, closed"), |_| {
        let documents = open().searcher().num_docs();
        assert_eq!(documents, 12);
        let began = Instant::now();
        while watchers() > 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "the watcher of a closed reader does not end");
            thread::yield_now();
        }
    });
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);
    assert_eq!(report.threads(), &[] as &[String]);
}

/// How many watchers of folders run in this process.
fn watchers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has it");
    // A thread may end between the two readings.
    let names = tasks.flatten().flat_map(|task| std::fs::read_to_string(task.path().join("comm")));
    names.filter(|name| name.trim_end() == "thread-tantivy-").count()
}

#[test]
fn watchers_that_end_half_a_second_later_are_no_leak() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder can be made");
    drop(Library::in_folder(folder.path()).filled());
    let report = judged(few("readers, closed, not waited for"), |_| {
        let index = Index::open_in_dir(folder.path()).expect("the index is there");
        index.reader().expect("the index can be read").searcher().num_docs()
    });
    assert_keeps_at_most(1 << 20, &report);
}

#[test]
fn files_that_stay_open_are_found_by_name() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder can be made");
    drop(Library::in_folder(folder.path()).filled());
    let open = || File::open(folder.path().join("meta.json")).expect("every index has one");

    let mut files = Vec::with_capacity(1000);
    let report = judged(few("files, left open"), |_| files.push(open()));
    let left = assert_leaks(&report);
    assert_eq!((left.files, left.blocks), (1.0, 0.0), "no memory at all: {left:?}");
    assert_eq!(
        report.files().iter().filter(|file| file.ends_with("/meta.json")).count(),
        report.iterations() as usize,
        "{report}"
    );

    drop(files);
    let report = judged(few("files, closed"), |_| drop(open()));
    assert_eq!(*report.verdict(), Verdict::Clean, "{report}");
}

/// A thread that notes what was searched for. It keeps what it gets until it ends, when its sender is gone.
struct SearchLog<T> {
    entries: mpsc::Sender<T>,
    noted: mpsc::Receiver<()>,
    thread: thread::JoinHandle<usize>,
}

impl<T: Send + 'static> SearchLog<T> {
    /// `keep` makes of an entry what stays in the log.
    fn start<K>(keep: impl Fn(T) -> K + Send + 'static) -> Self {
        let (entries, incoming) = mpsc::channel();
        let (note, noted) = mpsc::channel();
        let log = move || {
            // Room for all, so that only what entries refer to can grow.
            let mut kept = Vec::with_capacity(1000);
            for entry in incoming {
                kept.push(keep(entry));
                if note.send(()).is_err() {
                    break;
                }
            }
            kept.len()
        };
        let thread = thread::Builder::new().name("search-log".into()).spawn(log).expect("a thread can be started");
        Self { entries, noted, thread }
    }

    fn note(&self, entry: T) {
        self.entries.send(entry).expect("the log runs");
        self.noted.recv().expect("the log runs");
    }

    fn end(self) -> usize {
        drop(self.entries);
        self.thread.join().expect("the log does not panic")
    }
}

#[test]
fn a_background_thread_that_keeps_searchers_is_found() {
    let _alone = alone();
    let library = Library::in_memory();
    let round = |writer: &mut IndexWriter, reader: &IndexReader| {
        library.shelve(writer);
        library.publish(writer);
        reader.reload().expect("the index can be read");
        reader.searcher()
    };

    let mut kept = None;
    let report = judged(slow("search log, keeps searchers"), |_| {
        let (writer, reader, log) = kept.get_or_insert_with(|| {
            (library.writer(), library.reader(ReloadPolicy::Manual), SearchLog::start(|searcher: Searcher| searcher))
        });
        log.note(round(writer, reader));
    });
    let left = assert_leaks(&report);
    // The files of the segment of every round, in memory, which tantivy has deleted.
    assert!(left.bytes > SENTENCES.iter().map(|sentence| sentence.len()).sum::<usize>() as f64, "{left:?}");
    assert!(report.threads().iter().any(|thread| thread == "search-log"), "{report}");
    let (writer, reader, log) = kept.take().expect("it ran");
    // And those that told lines.
    assert!(log.end() as u64 >= report.iterations());
    drop((writer, reader));

    let mut kept = None;
    let report = judged(slow("search log, keeps figures"), |_| {
        let (writer, reader, log) = kept.get_or_insert_with(|| {
            let count = |searcher: Searcher| searcher.num_docs();
            (library.writer(), library.reader(ReloadPolicy::Manual), SearchLog::start(count))
        });
        log.note(round(writer, reader));
    });
    assert_keeps_at_most(OPEN_WRITER, &report);
    let (_, _, log) = kept.take().expect("it ran");
    assert_eq!(log.end() as u64, report.iterations());
}

// tantivy itself.

#[test]
fn an_index_in_memory_gives_everything_back() {
    let _alone = alone();
    let report = judged(slow("index in memory"), |_| drop(Library::in_memory().filled()));
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);
}

#[test]
fn an_index_in_a_folder_gives_everything_back() {
    let _alone = alone();
    let report = judged(slow("index in a folder"), |_| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        drop(Library::in_folder(folder.path()).filled());
    });
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);
}

#[test]
fn a_writer_that_is_opened_again_and_again_gives_everything_back() {
    let _alone = alone();
    let library = Library::in_memory();
    let report = judged(slow("writer opened anew, memory"), |_| library.rework());
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);
}

#[test]
fn a_writer_that_is_kept_gives_back_what_commits_take() {
    let _alone = alone();
    let library = Library::in_memory();
    let mut kept = None;
    let report = judged(slow("writer kept, memory"), |_| {
        let (writer, reader) =
            kept.get_or_insert_with(|| (library.writer(), library.reader(ReloadPolicy::OnCommitWithDelay)));
        library.shelve(writer);
        library.publish(writer);
        reader.reload().expect("the index can be read");
        assert_eq!(library.hits(&reader.searcher(), "sea"), 1);
    });
    assert_keeps_at_most(OPEN_WRITER, &report);
}

#[test]
fn two_workers_and_the_default_merge_policy_give_back_what_commits_take() {
    let _alone = alone();
    let library = Library::in_memory();
    let mut kept = None;
    let report = judged(slow("log merge policy"), |_| {
        let writer = kept.get_or_insert_with(|| {
            let writer: IndexWriter = library.index.writer_with_num_threads(2, 30_000_000).expect("it is the only one");
            writer.set_merge_policy(Box::new(LogMergePolicy::default()));
            writer
        });
        library.shelve(writer);
        writer.commit().expect("memory can be written");
    });
    assert_keeps_at_most(2 * OPEN_WRITER, &report);
}

#[test]
fn deletes_give_back_what_they_take() {
    let _alone = alone();
    let library = Library::in_memory().filled();
    let mut kept = None;
    let report = judged(slow("delete_term"), |i| {
        let writer = kept.get_or_insert_with(|| library.writer());
        writer.delete_term(Term::from_field_text(library.id, &format!("{i:08}")));
        writer.commit().expect("memory can be written");
    });
    // The last batch of deletes stays until the writer is closed: one.
    assert_keeps_at_most(OPEN_WRITER, &report);

    drop(kept.take());
    let report = judged(slow("delete_all_documents"), |_| {
        let writer = kept.get_or_insert_with(|| library.writer());
        library.shelve(writer);
        writer.commit().expect("memory can be written");
        writer.delete_all_documents().expect("the writer is alive");
        writer.commit().expect("memory can be written");
    });
    assert_keeps_at_most(OPEN_WRITER, &report);
}

#[test]
fn queries_snippets_and_documents_give_back_what_they_take() {
    let _alone = alone();
    let library = Library::in_memory().filled();
    let reader = library.reader(ReloadPolicy::Manual);
    let term = |word: &str| Term::from_field_text(library.body, word);
    let report = judged(LeakTest::new("queries"), |i| {
        let searcher = reader.searcher();
        let word = WORDS[i % WORDS.len()];
        let parser = QueryParser::for_index(&library.index, vec![library.body]);
        let queries: Vec<(Box<dyn Query>, usize)> = vec![
            (Box::new(AllQuery), 12),
            (Box::new(PhraseQuery::new(vec![term("damp"), term("drizzly")])), 1),
            (Box::new(FuzzyTermQuery::new(term("ocen"), 1, true)), 1),
            (Box::new(RegexQuery::from_pattern("water.*", library.body).expect("a pattern")), 2),
            (parser.parse_query("+sea -whale").expect("a query"), 1),
        ];
        for (query, hits) in queries {
            assert_eq!(searcher.search(&query, &Count).expect("the index can be read"), hits, "{query:?}");
        }
        let query = parser.parse_query(word).expect("a query");
        let snippets = SnippetGenerator::create(&searcher, &query, library.body).expect("the index can be read");
        let best = searcher.search(&query, &TopDocs::with_limit(1).order_by_score()).expect("the index can be read");
        let document: TantivyDocument = searcher.doc(best[0].1).expect("it was found just now");
        assert!(!snippets.snippet_from_doc(&document).is_empty());
    });
    // The automaton of the fuzzy query and a cache of the document store.
    assert_keeps_at_most(1 << 20, &report);
}

#[test]
fn a_search_executor_gives_its_threads_back() {
    let _alone = alone();
    let mut library = Library::in_memory().filled();
    let report = judged(few("search executor"), |_| {
        library.index.set_multithread_executor(2).expect("threads can be started");
        let hits = library.hits(&library.reader(ReloadPolicy::Manual).searcher(), "sea");
        library.index.set_executor(tantivy::Executor::single_thread());
        assert_eq!(hits, 1);
    });
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);
    assert_eq!(report.threads(), &[] as &[String]);
}

#[test]
fn readers_that_are_reloaded_by_hand_give_everything_back() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (place, library) in [("memory", Library::in_memory()), ("folder", Library::in_folder(folder.path()))] {
        let library = library.filled();
        let report = judged(LeakTest::new(format!("readers, Manual, {place}")), |_| {
            assert_eq!(library.hits(&library.reader(ReloadPolicy::Manual).searcher(), "sea"), 1);
        });
        assert_keeps_at_most(EVERYTHING_CLOSED, &report);
    }
}

// tantivy's own leaks, and the way around each.

#[test]
fn a_reader_that_reloads_itself_leaves_its_callback_in_the_directory() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (place, library) in [("memory", Library::in_memory()), ("folder", Library::in_folder(folder.path()))] {
        let library = library.filled();
        // The watcher of the folder starts with the first of these, and ends with the directory.
        let reader = library.reader(ReloadPolicy::OnCommitWithDelay);
        let report = judged(LeakTest::new(format!("readers, OnCommitWithDelay, {place}")), |_| {
            assert_eq!(library.hits(&library.reader(ReloadPolicy::OnCommitWithDelay).searcher(), "sea"), 1);
        });
        let left = assert_leaks(&report);
        assert_eq!(left.blocks.round(), 1.0, "{left:?}");
        assert_line(&report, "directory/watch_event_router.rs", "WatchCallbackList::subscribe");

        let report = judged(LeakTest::new(format!("one reader, cloned, {place}")), |_| {
            assert_eq!(library.hits(&reader.clone().searcher(), "sea"), 1);
        });
        assert_keeps_at_most(EVERYTHING_CLOSED, &report);
    }
}

#[test]
fn a_folder_remembers_the_name_of_every_file_that_was_ever_read() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let directory = MmapDirectory::open(folder.path()).expect("the folder is there");
    let library = Library::new(directory.clone());

    let report = judged(slow("writer opened anew, folder"), |_| library.rework());
    let left = assert_leaks(&report);
    // A path and the stub of a mapping for each of six files.
    assert_about(12.0, left.blocks);
    assert_line(&report, "directory/mmap_directory/mod.rs", "MmapCache::get_mmap");

    let report = judged(slow("writer opened anew, folder, swept"), |_| {
        library.rework();
        directory.get_cache_info()
    });
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);

    let mut kept = None;
    let report = judged(slow("writer kept, folder"), |_| {
        let writer = kept.get_or_insert_with(|| library.writer());
        library.shelve(writer);
        library.publish(writer);
    });
    assert_about(12.0, assert_leaks(&report).blocks);

    drop(kept.take());
    let report = judged(slow("writer kept, folder, swept"), |_| {
        let writer = kept.get_or_insert_with(|| library.writer());
        library.shelve(writer);
        library.publish(writer);
        directory.get_cache_info()
    });
    assert_keeps_at_most(OPEN_WRITER, &report);
}

/// Counts the documents of every generation of the index.
#[derive(Default)]
struct Counts(Mutex<HashMap<SearcherGeneration, u64>>);

impl Warmer for Counts {
    fn warm(&self, searcher: &Searcher) -> tantivy::Result<()> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.insert(searcher.generation().clone(), searcher.num_docs());
        Ok(())
    }

    fn garbage_collect(&self, live: &[&SearcherGeneration]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.retain(|generation, _| live.contains(&generation));
    }
}

#[test]
fn a_reader_with_a_warmer_leaves_a_thread_that_never_ends() {
    let _alone = alone();
    let library = Library::in_memory().filled();
    let report = judged(few("readers with a warmer"), |_| {
        let counts = Arc::new(Counts::default());
        let warmer: Arc<dyn Warmer> = counts.clone();
        let builder = library.index.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader = builder.warmers(vec![Arc::downgrade(&warmer)]).try_into().expect("the index can be read");
        assert_eq!(counts.0.lock().expect("nobody panicked").get(reader.searcher().generation()), Some(&12));
    });
    let left = assert_leaks(&report);
    assert_eq!(left.threads.round(), 1.0, "{left:?}");
    assert_named("tantivy-warm-gc", report.iterations() as usize, &report);
    assert_line(&report, "reader/warming.rs", "WarmingStateInner::gc_loop");

    // Warmed by hand: the counts live as long as the searcher that they belong to.
    let reader = library.reader(ReloadPolicy::Manual);
    let report = judged(LeakTest::new("reader warmed by hand"), |_| {
        reader.reload().expect("the index can be read");
        let searcher = reader.searcher();
        let counts = Counts::default();
        counts.warm(&searcher).expect("it counts");
        assert_eq!(counts.0.lock().expect("nobody panicked").get(searcher.generation()), Some(&12));
    });
    assert_keeps_at_most(EVERYTHING_CLOSED, &report);
}

#[test]
fn deletes_in_an_empty_index_pile_up_until_the_writer_is_closed() {
    let _alone = alone();
    let library = Library::in_memory();
    let mut kept = None;
    let mut delete = |i: usize, empty_the_queue: bool| {
        let writer: &mut IndexWriter = kept.get_or_insert_with(|| library.writer());
        writer.delete_term(Term::from_field_text(library.id, &format!("{i:08}")));
        if empty_the_queue {
            writer.rollback().expect("the writer is alive");
        } else {
            writer.commit().expect("memory can be written");
        }
    };
    let report = judged(slow("delete_term, empty index"), |i| delete(i, false));
    let left = assert_leaks(&report);
    assert_about(3.0, left.blocks);
    // What a deleted term is made into. That it is kept in a queue, no line can tell.
    assert_line(&report, "query/term_query/term_query.rs", "TermQuery::weight");

    // There is nothing to delete: to roll back is as good as to commit, and makes a new queue.
    let report = judged(slow("delete_term, empty index, rolled back"), |i| delete(i, true));
    assert_keeps_at_most(OPEN_WRITER, &report);
}

#[test]
fn what_is_rolled_back_stays_on_the_list_of_files_until_they_are_collected() {
    let _alone = alone();
    let library = Library::in_memory().filled();
    let listed = |library: &Library| library.index.directory().list_managed_files().len() as u64;
    let before = listed(&library);
    let mut kept = None;
    let report = judged(slow("rollback"), |_| {
        let writer = kept.get_or_insert_with(|| library.writer());
        library.shelve(writer);
        writer.rollback().expect("the writer is alive");
    });
    assert_leaks(&report);
    assert_line(&report, "directory/managed_directory.rs", "ManagedDirectory::register_file_as_managed");
    assert!(listed(&library) > before + report.iterations(), "{} files are listed", listed(&library));

    // To collect is not enough by default: the thread that compresses documents may finish the file of a segment that
    // was given up after the file was taken off the list, and nobody ever deletes it then.
    let settings = IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() };
    let library = Library::with(settings, RamDirectory::create()).filled();
    let before = listed(&library);
    let mut kept = None;
    let report = judged(slow("rollback, collected"), |_| {
        let writer = kept.get_or_insert_with(|| library.writer());
        library.shelve(writer);
        writer.rollback().expect("the writer is alive");
        writer.garbage_collect_files().wait().expect("memory can be written");
    });
    assert_keeps_at_most(OPEN_WRITER, &report);
    assert_eq!(listed(&library), before);
}

#[test]
fn a_document_store_that_is_finished_after_its_collection_stays_in_memory() {
    let _alone = alone();
    let _captured = heapledger::capture(NEVER_DELETED);
    let _op = track(NEVER_DELETED).with_threads();
    let directory = RamDirectory::create();
    let library = Library::new(directory.clone()).filled();
    let at_first = heapledger::snapshot();
    let mut writer = library.writer();
    let before = directory.total_mem_usage();
    // More than figures in `meta.json` can add.
    let much = 1000;
    // A race, which the thread wins every few rounds.
    let mut rounds = 0;
    while directory.total_mem_usage() < before + much && rounds < 1000 {
        library.shelve(&writer);
        writer.rollback().expect("the writer is alive");
        writer.garbage_collect_files().wait().expect("memory can be written");
        rounds += 1;
    }
    // Replaces the sentences by the same ones, merges, and collects what is not in use.
    library.shelve(&writer);
    library.publish(&mut writer);
    let kept = directory.total_mem_usage() - before;
    println!("after {rounds} rollbacks {kept} B of files stay that nobody deletes\n");
    assert!(kept > much / 2, "{kept} B after {rounds} rollbacks");
    drop(writer);
    // The line that allocated what stays: where the file was finished, behind what crossbeam-epoch keeps anyway.
    let mut grown = (heapledger::snapshot() - at_first).stacks(NEVER_DELETED);
    grown.retain(|stack| stack.live_bytes > much as i64 / 2);
    let lines = heapledger::symbolize(&grown);
    for (stack, line) in grown.iter().zip(&lines) {
        println!("{} B in {} blocks  {line}", stack.live_bytes, stack.live_blocks);
    }
    let finished = |line: &String| line.starts_with("tantivy-0.27.0 src/directory/ram_directory.rs:");
    let mut finished = lines.iter().filter(|line| finished(line));
    let is_named = finished.any(|line| line.contains(" VecWriter::terminate_ref"));
    assert!(is_named || !cfg!(all(feature = "lines", target_arch = "x86_64")), "{lines:#?}");
}

/// The operation of the test above.
const NEVER_DELETED: &str = "rolled back and collected";
