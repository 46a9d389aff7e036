//! What C code keeps in C's heap, by the figures of `malloc`; and innocents that make that heap grow or rattle. Each
//! test has a process of its own, because that heap is the process's.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(unsafe_code, reason = "it calls C functions")]

mod common;

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Random, in_its_own_process};
use heapledger::{LeakReport, LeakTest, Verdict};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What C code does: takes so many bytes, and forgets them.
fn c_forgets(size: usize) {
    // SAFETY: it has no preconditions.
    let block = unsafe { libc::malloc(size) };
    assert!(!block.is_null());
    std::hint::black_box(block);
}

fn c_frees(block: *mut libc::c_void) {
    // SAFETY: every caller got it from `malloc`, and forgets it.
    unsafe { libc::free(block) };
}

const WARNED: &str = "warning  memory outside the Rust heap grew by ";

/// The figure of the warning, if there is one.
fn warned(report: &LeakReport) -> Option<f64> {
    let text = report.to_string();
    let (_, rest) = text.split_once(WARNED)?;
    Some(rest.split(' ').next()?.replace(',', "").parse().expect("a figure"))
}

fn judged(report: &LeakReport) -> f64 {
    let Verdict::Leak { bytes_per_iteration, .. } = *report.verdict() else { panic!("{report}") };
    bytes_per_iteration
}

/// A name, what an iteration does, and the bytes per iteration that are in use then, with a page more at most.
type Leak = (&'static str, fn(usize), f64);

const LEAKS: [Leak; 6] = [
    ("a small block", |_| c_forgets(32), 48.0),
    ("one that is rounded up", |_| c_forgets(100), 112.0),
    ("a large block", |_| c_forgets(5000), 5008.0),
    ("a copy of a text", |_| _ = std::hint::black_box(a_copy()), 32.0),
    (
        "on an error path",
        |i| {
            if i % 5 == 0 {
                c_forgets(600)
            }
        },
        608.0 / 5.0,
    ),
    ("beside Rust blocks that are freed", |i| (c_forgets(64), vec![0u8; i % 99 + 1]).1.clear(), 80.0),
];

fn a_copy() -> *mut libc::c_char {
    // SAFETY: the text ends with a zero.
    unsafe { libc::strdup(c"twenty characters ..".as_ptr()) }
}

#[test]
fn what_c_code_keeps_is_warned_of_and_judged_when_asked() {
    in_its_own_process("what_c_code_keeps_is_warned_of_and_judged_when_asked", || {
        for (name, work, each) in LEAKS {
            let report = LeakTest::new(name).run(work);
            let found = warned(&report).unwrap_or_else(|| panic!("{report}"));
            assert!((found - each).abs() <= each * 0.05, "{each} expected: {report}");
            assert!(report.passes(), "{report}");
            let report = LeakTest::new(name).c_heap(true).run(work);
            assert!((judged(&report) - each).abs() <= each * 0.05, "{each} expected: {report}");
            assert!(report.to_string().contains(" B per iteration outside the Rust heap, in C code"), "{report}");
            assert!(!LeakTest::new(name).strict().run(work).passes());
        }
        let within = LeakTest::new("beside a cache").c_heap(true).bounded(1 << 20).run(|_| c_forgets(32));
        assert!(within.verdict().is_leak(), "a cache of Rust blocks excuses no C code: {within}");
        let both = LeakTest::new("both").c_heap(true).run(|_| {
            c_forgets(1000);
            mem::forget(vec![0u8; 20]);
        });
        let text = both.to_string();
        assert!(text.contains("20 B in 1 block per iteration") && text.contains("outside the Rust heap"), "{text}");
    });
}

/// An innocent: its name, and a run that keeps nothing in C.
type Innocent = (&'static str, fn(LeakTest) -> LeakReport);

const INNOCENTS: [Innocent; 9] = [
    ("nothing", |test| test.run(|_| ())),
    ("C code that gives back", |test| {
        // SAFETY: it has no preconditions.
        test.run(|i| c_frees(std::hint::black_box(unsafe { libc::malloc(i % 3000 + 1) })))
    }),
    ("a cache in C", c_cache),
    ("Rust blocks of mixed sizes that come and go", mixed_sizes),
    ("Rust blocks of mixed sizes that leak", |test| {
        let mut random = Random::new(1);
        test.run(move |_| mem::forget(vec![0u8; 1 + random.below(600)]))
    }),
    ("small Rust blocks that leak", |test| test.run(|i| mem::forget((vec![0u8; 1], vec![0u8; i % 30 + 1])))),
    ("large Rust blocks that leak", |test| test.iterations(4).run(|_| mem::forget(vec![0u8; 300_000]))),
    ("threads that come and go", |test| {
        test.run(|i| std::thread::spawn(move || vec![0u8; i % 5000]).join().expect("it returns").len())
    }),
    ("a Vec that grows", |test| {
        let mut kept = Vec::new();
        test.run(move |i| kept.push(i))
    }),
];

fn c_cache(test: LeakTest) -> LeakReport {
    let mut kept = VecDeque::new();
    let report = test.run(|_| {
        if kept.len() == 500 {
            c_frees(kept.pop_front().expect("it is full"));
        }
        // SAFETY: it has no preconditions.
        kept.push_back(unsafe { libc::malloc(200) });
    });
    kept.into_iter().for_each(c_frees);
    report
}

fn mixed_sizes(test: LeakTest) -> LeakReport {
    let mut random = Random::new(7);
    let mut kept: Vec<Vec<u8>> = (0..2000).map(|_| Vec::new()).collect();
    test.run(move |_| {
        for _ in 0..20 {
            let (at, size) = (random.below(2000), 1 << random.below(15));
            kept[at] = vec![0; random.below(size) + 1];
        }
    })
}

#[test]
fn innocents_are_not_warned_of() {
    in_its_own_process("innocents_are_not_warned_of", || {
        for (name, run) in INNOCENTS {
            let report = run(LeakTest::new(name));
            assert_eq!(warned(&report), None, "{report}");
            let report = run(LeakTest::new(name).c_heap(true));
            assert!(!report.to_string().contains("outside the Rust heap"), "{report}");
        }
    });
}

#[test]
fn indexing_with_tantivy_is_not_warned_of() {
    in_its_own_process("indexing_with_tantivy_is_not_warned_of", || {
        use tantivy::schema::{STORED, Schema, TEXT};
        use tantivy::{Index, doc};
        let report = LeakTest::new("indexing").iterations(2).run(|i| {
            let mut schema = Schema::builder();
            let text = schema.add_text_field("text", TEXT | STORED);
            let index = Index::create_in_ram(schema.build());
            let mut writer =
                index.writer_with_num_threads::<tantivy::TantivyDocument>(1, 15_000_000).expect("a writer");
            for one in 0..20 {
                writer.add_document(doc!(text => format!("call me {one} of {i}"))).expect("it is added");
            }
            writer.commit().expect("it is committed");
            writer.wait_merging_threads().expect("they end");
        });
        assert_eq!(warned(&report), None, "{report}");
    });
}

#[test]
fn what_is_leaked_in_c_beside_an_innocent_is_seen_all_the_same() {
    in_its_own_process("what_is_leaked_in_c_beside_an_innocent_is_seen_all_the_same", || {
        let mut random = Random::new(3);
        let mut kept: Vec<Vec<u8>> = (0..200).map(|_| Vec::new()).collect();
        let report = LeakTest::new("rattles").run(|_| {
            kept[random.below(200)] = vec![0; random.below(900) + 1];
            c_forgets(200);
        });
        let found = warned(&report).unwrap_or_else(|| panic!("{report}"));
        assert!((found - 208.0).abs() < 208.0 * 0.2, "{report}");
        let caught = catch_unwind(AssertUnwindSafe(|| LeakTest::new("judged").c_heap(true).assert(|_| c_forgets(64))));
        let message = *caught.expect_err("it leaks").downcast::<String>().expect("a message");
        assert!(
            message.contains("LEAK: it leaves about 80") || message.contains("LEAK: it leaves about 79."),
            "{message}"
        );
    });
}
