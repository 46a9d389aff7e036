//! Great numbers and hostile names: more operations than there can be, thousands of threads at once, and names that try
//! to break the table, the terminal or the JSON. There is no small fixed cap that aborts or drops counts.

mod common;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Barrier};
use std::thread::Builder;

use common::{alone, balanced, in_its_own_process, row, tally};
use heapledger::{Report, current, measure, report, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// The most named operations.
const MOST: usize = 1 << 16;

#[test]
fn of_70_000_names_the_first_65_536_are_exact_and_the_rest_falls_into_other() {
    const NAMES: usize = 70_000;
    let _alone = alone();
    in_its_own_process("of_70_000_names_the_first_65_536_are_exact_and_the_rest_falls_into_other", || {
        let count_of = |at: usize| at % 3 + 1;
        let run = |at: usize| {
            let _op = track(format_args!("operation {at}"));
            for _ in 0..count_of(at) {
                drop(std::hint::black_box(vec![0u8; at % 50 + 1]));
            }
        };
        (0..NAMES).for_each(run);
        // Names that made it are still found; those that did not make it are refused again.
        (0..100).for_each(run);
        (NAMES - 100..NAMES).for_each(run);

        let report = balanced().report();
        let rows: HashMap<&str, &heapledger::Row> = report.rows().iter().map(|row| (row.path.as_str(), row)).collect();
        for at in 0..MOST {
            let row = rows[format!("operation {at}").as_str()];
            let times = if at < 100 { 2 } else { 1 };
            let (count, bytes) = (times * count_of(at) as u64, (at % 50 + 1) as u64);
            let did = tally! {
                allocs: count, allocated_bytes: count * bytes, frees: count, freed_bytes: count * bytes,
                peak_bytes: Some(bytes),
            };
            assert_eq!((row.own, row.scopes, row.threads), (did, times, 1), "operation {at}");
        }
        assert!(!rows.contains_key(format!("operation {MOST}").as_str()));
        let (mut count, mut bytes) = (0, 0);
        for at in (MOST..NAMES).chain(NAMES - 100..NAMES) {
            count += count_of(at) as u64;
            bytes += (count_of(at) * (at % 50 + 1)) as u64;
        }
        let other = rows["(other)"].own;
        let all = tally! { allocs: count, allocated_bytes: bytes, frees: count, freed_bytes: bytes };
        assert_eq!(heapledger::Tally::clone(&other), all);
        let text = report.to_string();
        assert!(
            text.contains("4,564 scopes could not be counted apart"),
            "{}",
            text.lines().last().unwrap_or_default()
        );
        assert_eq!(text.lines().filter(|line| line.starts_with("operation ")).count(), MOST + 1, "and the heading");
    });
}

/// `cargo test --release --test many_operations 120_deep -- --nocapture` prints what it takes.
#[test]
fn a_report_of_operations_nested_120_deep_takes_memory_for_rows_and_not_for_paths() {
    const CHAINS: usize = 540;
    const DEPTH: usize = 120;
    let _alone = alone();
    in_its_own_process("a_report_of_operations_nested_120_deep_takes_memory_for_rows_and_not_for_paths", || {
        let name = |chain, depth| format!("{chain:0>115}-{depth:0>114}");
        for chain in 0..CHAINS {
            let mut open = Vec::with_capacity(DEPTH);
            open.extend((0..DEPTH).map(|depth| track(name(chain, depth))));
            while open.pop().is_some() {}
        }
        let before = balanced();
        let ledgers = |did: heapledger::Snapshot| did.operation("(heapledger)").expect("always there").own;
        let began = std::time::Instant::now();
        let report = before.report();
        println!("{} operations, {DEPTH} deep: {:?}", CHAINS * DEPTH, began.elapsed());
        let did = ledgers(balanced() - before);
        // Lists of rows: as snapshots have them, added up, and in order.
        let list = ((CHAINS * DEPTH + 2) * size_of::<heapledger::Row>()) as u64;
        println!("{did}, where a list of rows has {list} B");
        assert!(did.allocated_bytes < 6 * list, "{did}, where a list of rows has {list} B");
        let began = std::time::Instant::now();
        let (json, did) = measure("json", || report.to_json());
        println!("{} B of JSON: {:?}, {did}", json.len(), began.elapsed());
        let names = CHAINS * DEPTH * name(0, 0).len();
        // What a row says beside its name takes 700 to 1,000 bytes.
        let said = json.len() - names;
        assert!((700..1_000).contains(&(said / (CHAINS * DEPTH))), "{} B for names of {names} B", json.len());
        if cfg!(debug_assertions) {
            return;
        }
        let before = balanced();
        let began = std::time::Instant::now();
        let read = Report::from_json(&json).expect("it can be read");
        println!("read in {:?}, {}", began.elapsed(), ledgers(balanced() - before));
        assert_eq!(read.to_json(), json);
    });
}

#[test]
fn a_leak_test_makes_no_paths_of_operations_that_it_does_not_name() {
    const DEPTH: usize = 120;
    let _alone = alone();
    in_its_own_process("a_leak_test_makes_no_paths_of_operations_that_it_does_not_name", || {
        let pad = "n".repeat(200);
        for chain in 0..54 {
            let mut open = Vec::with_capacity(DEPTH);
            open.extend((0..DEPTH).map(|depth| track(format_args!("{pad}{chain}-{depth}"))));
            while open.pop().is_some() {}
        }
        let before = balanced();
        let found = heapledger::LeakTest::new("quiet").run(|_| drop(std::hint::black_box(vec![0u8; 64])));
        let did = (balanced() - before).operation("(heapledger)").expect("always there").own;
        let paths = 54 * (1..=DEPTH).map(|depth| depth * pad.len()).sum::<usize>() as u64;
        let ends = found.windows().len() as u64 + 1;
        println!("{did} at the ends of {ends} windows, where all paths have {paths} B");
        assert!(did.allocated_bytes < ends * paths / 2, "{did} at {ends} ends, where all paths have {paths} B");
    });
}

#[test]
fn two_thousand_threads_at_once_with_twenty_operations_each_are_exact() {
    const THREADS: usize = 2_000;
    const OPERATIONS: usize = 20;
    static ALL: Barrier = Barrier::new(THREADS);
    let _alone = alone();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let builder = Builder::new().stack_size(64 << 10);
            let work = move || {
                ALL.wait();
                for at in 0..OPERATIONS {
                    let _op = track(format_args!("crowd/{at}"));
                    drop(std::hint::black_box(vec![0u8; at + 1]));
                    let kept = vec![0u8; 100];
                    if thread % 2 == 0 {
                        std::mem::forget(kept);
                    }
                }
            };
            builder.spawn(work).expect("the system has room for two thousand threads")
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let threads = THREADS as u64;
    for at in 0..OPERATIONS {
        let row = row(&format!("crowd/{at}"));
        let (first, kept) = (threads * (at as u64 + 1), threads * 100);
        let did = tally! {
            allocs: 2 * threads, allocated_bytes: first + kept, frees: threads + threads / 2,
            freed_bytes: first + kept / 2, live_blocks: THREADS as i64 / 2, live_bytes: THREADS as i64 / 2 * 100,
            peak_bytes: Some(100),
        };
        assert_eq!((row.own, row.scopes, row.threads), (did, threads, threads), "operation {at}");
    }
    let total = row("crowd").total;
    assert_eq!((total.live_blocks, total.live_bytes), (20_000, 2_000_000));
}

/// Names, and the operation that each must make.
fn hostile() -> Vec<(String, String)> {
    let same = [
        "tab\there",
        "line\nbreak",
        "return\r\n",
        "nul\0inside",
        "bell\u{7}",
        "\u{1b}[31mred\u{1b}[0m",
        "\u{1b}]0;title\u{7}",
        "\u{9b}31m",
        "del\u{7f}",
        "right to left \u{202e}txt.exe",
        "isolate \u{2066}x\u{2069}",
        "arabic letter mark \u{61c}x",
        "zero\u{200b}width\u{200d}joiner\u{feff}",
        "line separator \u{2028} paragraph \u{2029}",
        "soft\u{ad}hyphen",
        "tags \u{e0041}\u{e0042}",
        "emoji \u{1f469}\u{200d}\u{1f52c}",
        "beyond the plane \u{10ffff}\u{1d11e}",
        "combining e\u{301}\u{302}\u{303}",
        "quote\"back\\slash",
        "{\"json\": [1]}",
        "</script><b>",
        " ",
        "-",
        "0 B",
    ];
    let mut names: Vec<(String, String)> = same.iter().map(|name| (name.to_string(), name.to_string())).collect();
    let made = [
        ("", "(unnamed)"),
        ("/", "(unnamed)"),
        ("////", "(unnamed)"),
        ("//a//", "a"),
        ("a//b/", "a/b"),
        ("(heapledger)", "'(heapledger)'"),
        ("(unattributed)", "'(unattributed)'"),
        ("(other)", "'(other)'"),
        ("(foreign)", "'(foreign)'"),
        ("a/(heapledger)", "a/(heapledger)"),
    ];
    names.extend(made.iter().map(|(name, path)| (name.to_string(), path.to_string())));
    names
}

/// Characters that move the cursor, hide text or turn it around.
fn dangerous(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(one, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[test]
fn hostile_names_make_the_operation_they_say_and_count_exactly() {
    let _alone = alone();
    for (name, path) in hostile() {
        let before = balanced();
        let (active, did) = measure(&name, || {
            drop(std::hint::black_box(vec![0u8; 10]));
            current()
        });
        assert_eq!((did.allocs, did.allocated_bytes, did.peak_bytes), (1, 10, Some(10)), "{name:?}");
        assert_eq!(active.path(), path, "{name:?}");
        let row = (balanced() - before).operation(&path).unwrap_or_else(|| panic!("{name:?} made no {path:?}"));
        assert_eq!((row.scopes, row.own.allocs, row.own.frees), (1, 1, 1), "{name:?}");
    }
}

#[test]
fn hostile_names_are_escaped_in_the_text_and_survive_json() {
    let _alone = alone();
    let mut kept = Vec::new();
    for (name, _) in hostile() {
        kept.push(measure(format_args!("shown/{name}"), || vec![0u8; 1]).0);
        kept.push(measure(&name, || vec![0u8; 1]).0);
    }
    let report = balanced().report();
    for width in [300, 100, 40, 1] {
        let text = format!("{report:width$}");
        let bad: Vec<char> = text.chars().filter(|one| dangerous(*one) && *one != '\n').collect();
        assert!(bad.is_empty(), "{bad:?} at width {width}");
    }
    let text = format!("{report:300}");
    assert!(text.contains("\\u{1b}[31mred") && text.contains("line\\nbreak") && text.contains("\\u{202e}txt.exe"));

    let json = report.to_json();
    assert!(!json.chars().any(char::is_control), "one line, nothing raw");
    let read = Report::from_json(&json).expect("it is our own");
    assert_eq!(read.rows(), report.rows());
    assert_eq!((read.to_json(), read.to_string()), (json, report.to_string()));
}

#[test]
fn a_name_of_ten_megabytes_keeps_its_start_and_stays_itself() {
    let _alone = alone();
    let long = "x".repeat(10 << 20);
    let other = format!("{}y", &long[1..]);
    let active = |name: &str| {
        let _op = track(name);
        current()
    };
    let (first, second) = (active(&long), active(&other));
    assert_ne!(first, second, "names that differ at the end only are different operations");
    assert_eq!((active(&long), active(&other)), (first, second));
    for operation in [first, second] {
        let path = operation.path();
        assert!(path.len() <= 256 && path.starts_with(&long[..200]) && path.contains('…'), "{path}");
    }
    // Three bytes a character, so that the cut would fall within one.
    for shift in 0..3 {
        let path = active(&format!("{}{}", "-".repeat(shift), "中".repeat(100_000))).path();
        assert!(path.len() <= 256 && path.ends_with(|end: char| end.is_ascii_hexdigit()), "{path}");
    }
    // Many segments: the depth ends at 128, nothing else does.
    let before = row("(other)").own.allocs;
    let ((), did) = measure("d/".repeat(120), || drop(std::hint::black_box(vec![0u8; 5])));
    assert_eq!(did.allocs, 1);
    assert_eq!(row(&"d/".repeat(120)).own.allocs, 1);
    assert_eq!(row("(other)").own.allocs, before);
    let read = Report::from_json(&report().to_json()).expect("it is our own");
    assert!(read.operation(&first.path()).is_some());
}

#[test]
fn names_that_look_alike_to_a_thread_are_operations_of_their_own() {
    // A thread remembers a name by its ends and its length, and more names than it has places for.
    let long = |length: usize, middle| format!("{}{middle}{}", "a".repeat(length - 9), "b".repeat(8));
    let long = (17..=25).flat_map(|length| ['x', 'y', 'z'].map(|middle| long(length, middle)));
    let names = Vec::from_iter((0..200).map(|at| format!("alike {at:03}")).chain(long));
    for _ in 0..3 {
        for name in &names {
            drop(track(name));
            drop(track(name));
        }
    }
    let snapshot = balanced();
    for name in &names {
        assert_eq!(snapshot.operation(name).map(|row| row.scopes), Some(6), "{name}");
    }
}

#[test]
fn every_reference_to_text_is_a_name() {
    let (boxed, shared): (Box<str>, Arc<str>) = ("search".into(), "search".into());
    let text: &&str = &"search";
    let (owned, borrowed) = (String::from("search"), Cow::Borrowed("search"));
    let scopes = [
        track("search").finish(),
        track(text).finish(),
        track(&owned).finish(),
        track(&boxed).finish(),
        track(&shared).finish(),
        track(&borrowed).finish(),
        track(owned.clone()).finish(),
        track(format_args!("{owned}")).finish(),
    ];
    assert_eq!(row("search").scopes, scopes.len() as u64);
}
