//! This project's own budgets: what its demo, a search engine on tantivy, keeps and allocates, and that the paths which
//! users take a million times allocate nothing. The limits are in `heapledger.toml`, what was recorded in
//! `tests/figures`. `cargo heapledger test -- --test budgets` judges them as CI does.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[path = "../examples/code_search/engine.rs"]
#[allow(dead_code, reason = "the demo prints more than is looked at here")]
mod engine;
#[path = "../examples/code_search/progress.rs"]
#[allow(dead_code, reason = "the demo says more than is looked at here")]
mod progress;
#[path = "../examples/code_search/sources.rs"]
#[allow(dead_code, reason = "the demo finds its own sources")]
mod sources;

use std::path::PathBuf;

use heapledger::{LeakTest, assert_budget, current, measure, report, snapshot, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Text that is the same until another version of tantivy is locked: tantivy's own.
fn text() -> PathBuf {
    let metadata = cargo_metadata::MetadataCommand::new().manifest_path("Cargo.toml").exec();
    let metadata = metadata.expect("cargo knows this project");
    let tantivy = metadata.packages.iter().find(|package| package.name.as_str() == "tantivy");
    let tantivy = tantivy.expect("it is a dependency of the tests");
    tantivy.manifest_path.with_file_name("src").join("query").into_std_path_buf()
}

#[test]
fn the_demo_keeps_to_its_budget() {
    let text = text();
    let progress = progress::Progress::new();
    assert_budget("code_search", || {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut sources = sources::Sources::of(Some(&text)).expect("cargo has unpacked it");
        let work = engine::Work { folder: folder.path(), threads: 1, most_bytes: 1 << 20, carry_to_threads: true };
        let built = engine::build(&work, &mut sources, &progress).expect("the folder can be written");
        let found = engine::search(&built, 100, &progress).expect("it was built just now");
        assert_eq!((found.queries, found.segments), (100, 1));
    });
}

#[test]
fn entering_a_known_operation_allocates_nothing() {
    assert_budget("hot/track", || {
        for _ in 0..100 {
            let _op = track("known");
            let _inner = track(format_args!("number {}", 7));
        }
    });
    assert_budget("hot/carry", || {
        let op = current();
        (0..100).for_each(|_| op.run(|| ()));
        measure("known", || ()).1
    });
}

#[test]
fn reading_the_ledger_is_the_ledgers_own_expense() {
    assert_budget("hot/read", || drop((snapshot(), report())));
    LeakTest::new("reading").assert(|_| (snapshot(), report().to_string()));
}
