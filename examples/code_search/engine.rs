//! The search engine: tantivy, with a name for everything it does.
//!
//! `track` names the work of this thread until the end of the block. tantivy's own threads are named by
//! `with_threads()`: they start in the operation that asked for it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use heapledger::{Scope, track};
use tantivy::collector::{Count, TopDocs};
use tantivy::indexer::NoMergePolicy;
use tantivy::query::{QueryParser, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TEXT, Value};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term, doc};

use crate::progress::Progress;
use crate::sources::{self, Sources, Text};

/// What each indexing thread may hold before it writes a segment.
const MEMORY_PER_THREAD: usize = 32 << 20;
/// Text between two commits.
const COMMIT_EVERY: u64 = 4 << 20;
/// One file in so many is indexed again, as if it had changed meanwhile.
const AGAIN_EVERY: u64 = 16;

#[cfg(all(feature = "threads", target_os = "linux", target_env = "gnu"))]
fn and_its_threads(scope: Scope, wanted: bool) -> Scope {
    if wanted { scope.with_threads() } else { scope }
}

#[cfg(not(all(feature = "threads", target_os = "linux", target_env = "gnu")))]
fn and_its_threads(scope: Scope, _wanted: bool) -> Scope {
    scope
}

/// What to build.
pub struct Work<'a> {
    pub folder: &'a Path,
    pub threads: usize,
    pub most_bytes: u64,
    pub carry_to_threads: bool,
}

/// An index, and what it took to build it.
pub struct Built {
    index: Index,
    path: Field,
    body: Field,
    pub files: u64,
    pub bytes: u64,
    pub commits: u64,
    pub again: u64,
    /// Before they were merged into one.
    pub segments: usize,
}

/// Indexes the sources, in several commits, and merges all segments into one.
pub fn build(work: &Work<'_>, sources: &mut Sources, progress: &Progress) -> anyhow::Result<Built> {
    let _op = and_its_threads(track("index_build"), work.carry_to_threads);

    let mut schema = Schema::builder();
    let path = schema.add_text_field("path", STRING | STORED);
    let body = schema.add_text_field("body", TEXT | STORED);
    let index = Index::create_in_dir(work.folder, schema.build())?;
    let mut writer: IndexWriter = index.writer_with_num_threads(work.threads, work.threads * MEMORY_PER_THREAD)?;
    // Merging is done at the end, once: the same work in every run.
    writer.set_merge_policy(Box::new(NoMergePolicy));
    let mut built = Built { index, path, body, files: 0, bytes: 0, commits: 0, again: 0, segments: 0 };

    let mut changed: Vec<PathBuf> = Vec::new();
    let mut committed = 0;
    while built.bytes < work.most_bytes {
        let Some(text) = next(sources) else { break };
        built.files += 1;
        built.bytes += text.body.len() as u64;
        // A name that is not UTF-8 is indexed with U+FFFD in it, and so may stand for two files.
        if built.files.is_multiple_of(AGAIN_EVERY) && text.path.to_str().is_some_and(|name| !name.contains('\u{fffd}'))
        {
            changed.push(text.path.clone());
        }
        built.add(&writer, text)?;
        if built.bytes - committed >= COMMIT_EVERY {
            committed = built.bytes;
            built.commit(&mut writer, progress)?;
        }
        progress.at(built.bytes, work.most_bytes);
    }

    ensure!(built.files > 0, "nothing to index: no text files in {}\n{}", sources.place(), sources.skipped());

    for path in changed {
        built.index_again(&writer, path)?;
    }
    built.commit(&mut writer, progress)?;
    writer.wait_merging_threads()?;
    built.merge(work, progress)?;
    Ok(built)
}

fn next(sources: &mut Sources) -> Option<Text> {
    let _op = track("read");
    sources.next()
}

impl Built {
    fn add(&self, writer: &IndexWriter, text: Text) -> anyhow::Result<()> {
        let _op = track("add");
        // tantivy copies the text. Bound after the scope, it is dropped before the scope ends; an argument would not
        // be.
        let Text { path, body } = text;
        writer.add_document(doc!(self.path => path.to_string_lossy().as_ref(), self.body => body))?;
        Ok(())
    }

    fn index_again(&mut self, writer: &IndexWriter, path: PathBuf) -> anyhow::Result<()> {
        let read = {
            let _op = track("read");
            sources::read(&path)
        };
        // A file that went away meanwhile stays in the index as it was.
        let Ok(body) = read else { return Ok(()) };
        {
            let _op = track("delete");
            writer.delete_term(Term::from_field_text(self.path, &path.to_string_lossy()));
        }
        self.again += 1;
        self.add(writer, Text { path, body })
    }

    fn commit(&mut self, writer: &mut IndexWriter, progress: &Progress) -> anyhow::Result<()> {
        let _op = track("commit");
        writer.commit()?;
        self.commits += 1;
        progress.reached(format_args!("commit {}: {} files, {} MiB", self.commits, self.files, self.bytes >> 20));
        Ok(())
    }

    /// Merges all segments. The writer for that is its own, so that the threads that merge are this operation's too.
    fn merge(&mut self, work: &Work<'_>, progress: &Progress) -> anyhow::Result<()> {
        let _op = and_its_threads(track("merge"), work.carry_to_threads);
        let segments = self.index.searchable_segment_ids()?;
        self.segments = segments.len();
        // Also a single one, which gets rid of the documents deleted in it.
        if !segments.is_empty() {
            progress.reached(format_args!("merging {} segments", segments.len()));
            let mut writer: IndexWriter = self.index.writer_with_num_threads(1, MEMORY_PER_THREAD)?;
            writer.merge(&segments).wait()?;
            writer.wait_merging_threads()?;
        }
        Ok(())
    }
}

/// What the queries found.
pub struct Found {
    pub queries: usize,
    pub hits: u64,
    pub fetched: u64,
    pub segments: usize,
    /// Stays open, with its caches, as in a server between two requests.
    _reader: IndexReader,
}

/// Opens the index and searches it for words that are in it.
pub fn search(built: &Built, wanted: u32, progress: &Progress) -> anyhow::Result<Found> {
    let _op = track("search");
    let reader: IndexReader = {
        let _op = track("open");
        // Nothing is committed any more, so nothing need watch for it.
        built.index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?
    };
    let searcher = reader.searcher();
    ensure!(searcher.num_docs() == built.files, "{} files went in, {} came out", built.files, searcher.num_docs());
    let queries = {
        let _op = track("words");
        queries(built, &searcher, wanted as usize)?
    };
    let parser = QueryParser::for_index(&built.index, vec![built.body]);
    progress.reached(format_args!("searching for {} queries", queries.len()));

    let (mut hits, mut fetched) = (0, 0);
    for (at, Query { text, at_least }) in queries.iter().enumerate() {
        let query = {
            let _op = track("parse");
            parser.parse_query(text).with_context(|| format!("cannot parse {text:?}"))?
        };
        let (count, top) = {
            let _op = track("collect");
            searcher.search(&query, &(Count, TopDocs::with_limit(10).order_by_score()))?
        };
        ensure!(count as u64 >= *at_least, "{text:?} is in {at_least} files or more, and was found in {count}");
        hits += count as u64;
        for (_score, address) in top {
            let _op = track("fetch");
            let document: TantivyDocument = searcher.doc(address)?;
            ensure!(document.get_first(built.path).is_some(), "a document has no path");
            fetched += 1;
        }
        progress.at(at as u64 + 1, queries.len() as u64);
    }
    let segments = searcher.segment_readers().len();
    Ok(Found { queries: queries.len(), hits, fetched, segments, _reader: reader })
}

/// A query, and how many documents it must find.
struct Query {
    text: String,
    at_least: u64,
}

/// Queries of words that occur, from the commonest to the rarest: one word, two that both or either must be there, and
/// two that follow each other in some file. The same index gives the same queries.
fn queries(built: &Built, searcher: &Searcher, wanted: usize) -> anyhow::Result<Vec<Query>> {
    let mut words = terms(searcher, built.body)?;
    words.retain(|(_, word)| (3..=20).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase()));
    words.sort_unstable_by(|(one, word), (other, other_word)| other.cmp(one).then_with(|| word.cmp(other_word)));
    let paths = terms(searcher, built.path)?;
    if words.is_empty() {
        return Ok(Vec::new());
    }
    // As many of the 10 commonest words as of the next 90, and of the 900 after them.
    let word = |at: usize| {
        let rank = (words.len() as f64).powf(at as f64 / wanted as f64) - 1.0;
        &words[rank as usize]
    };
    let mut queries = Vec::with_capacity(wanted);
    for at in 0..wanted {
        let ((count, one), (other_count, other)) = (word(at), word(wanted - 1 - at));
        let either = Query { text: format!("{one} OR {other}"), at_least: *count.max(other_count) };
        queries.push(match at % 4 {
            0 => Query { text: one.clone(), at_least: *count },
            1 => Query { text: format!("{one} AND {other}"), at_least: 0 },
            2 => either,
            _ => phrase(built, searcher, &paths[at * paths.len() / wanted].1)?.unwrap_or(either),
        });
    }
    Ok(queries)
}

/// The terms of a field, with the number of documents that have each.
fn terms(searcher: &Searcher, field: Field) -> anyhow::Result<Vec<(u64, String)>> {
    let mut terms = Vec::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut stream = index.terms().stream()?;
        while let Some((term, info)) = stream.next() {
            terms.push((info.doc_freq.into(), str::from_utf8(term)?.to_string()));
        }
    }
    Ok(terms)
}

/// Two words from the middle of the file at `path`; nothing if it has none.
fn phrase(built: &Built, searcher: &Searcher, path: &str) -> anyhow::Result<Option<Query>> {
    let file = TermQuery::new(Term::from_field_text(built.path, path), IndexRecordOption::Basic);
    let top = searcher.search(&file, &TopDocs::with_limit(1).order_by_score())?;
    let (_score, address) = *top.first().context("a path of the index is not in it")?;
    let document: TantivyDocument = searcher.doc(address)?;
    let body = document.get_first(built.body).and_then(|value| value.as_str()).unwrap_or_default();
    let words: Vec<&str> = body.split(|one: char| !one.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    // The tokenizer leaves out words of more than 40 bytes.
    let pair = words.windows(2).skip(words.len() / 2).find(|pair| pair.iter().all(|word| word.len() < 40));
    Ok(pair.map(|pair| Query { text: format!("\"{} {}\"", pair[0], pair[1]), at_least: 1 }))
}
