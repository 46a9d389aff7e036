//! What of made-up stacks is shown, word for word.

use super::short::{short, without_generics};
use super::stacks;
use crate::judging::leak::{LeakLines, Live, SizeGrowth, StackGrowth};
use crate::reading::CallStackKind;
use crate::symbols::{CallFrame, InModule, Origin};

fn folded(frames: &[CallFrame]) -> String {
    super::fold::folded(frames).to_string()
}

fn frame(origin: Origin, file: &str, line: u32, function: &str) -> CallFrame {
    let (file, line) = if file.is_empty() { (None, None) } else { (Some(file.into()), Some(line)) };
    CallFrame { function: Some(function.into()), file, line, column: line, origin, unresolved: None }
}

fn own(line: u32, function: &str) -> CallFrame {
    frame(Origin::Workspace, "src/cache.rs", line, function)
}

fn std(function: &str) -> CallFrame {
    frame(Origin::Std, "library/std/src/any.rs", 1, function)
}

fn tantivy() -> CallFrame {
    let origin = Origin::Crate { name: "tantivy".into(), version: Some("0.27.0".into()) };
    frame(origin, "src/indexer/segment_writer.rs", 100, "tantivy::indexer::segment_writer::SegmentWriter::add")
}

fn elsewhere() -> CallFrame {
    frame(Origin::PathDependency, "/elsewhere/src/lib.rs", 7, "elsewhere::fill")
}

fn named(function: &str) -> CallFrame {
    frame(Origin::Unknown, "", 0, function)
}

fn nowhere(module: &str) -> CallFrame {
    let unresolved =
        InModule { module: module.into(), offset: 0x1f0, build_id: Some("c0ffee".into()), ..InModule::default() };
    CallFrame { function: None, unresolved: Some(unresolved), ..named("") }
}

/// What is around the closure of a leak test.
fn around() -> Vec<CallFrame> {
    let run = frame(Origin::Heapledger, "src/front/leak_test/drive.rs", 40, "heapledger::front::leak_test::drive::run");
    vec![run, own(3, "leaks::the_test"), std("core::ops::FnOnce::call_once"), named("start_thread")]
}

fn on_top(inner: &[CallFrame]) -> Vec<CallFrame> {
    [inner, &around()].concat()
}

#[test]
fn names_are_short_and_keep_what_tells_them_apart() {
    for (name, expected, whole) in [
        ("app::cache::ResultCache<K,V>::insert", "ResultCache::insert", "app::cache::ResultCache::insert"),
        ("<app::cache::Cache<u8>>::insert::<u16>", "Cache::insert", "app::cache::Cache::insert"),
        ("<app::Foo<T> as app::Bar<U>>::method", "Foo::method", "app::Foo::method"),
        ("<dyn app::Shape + core::marker::Send>::area", "Shape::area", "app::Shape::area"),
        ("<&mut app::Foo as core::fmt::Debug>::fmt", "Foo::fmt", "app::Foo::fmt"),
        ("app::fmt::<impl core::fmt::Debug for app::Foo<T>>::fmt", "Foo::fmt", "app::Foo::fmt"),
        ("<[u8] as app::Sum>::sum", "[u8]::sum", "[u8]::sum"),
        ("<fn() -> app::A as core::ops::FnOnce<()>>::call_once", "fn() -> app::A::call_once", ""),
        ("<<app::A as app::B>::C as app::D>::e", "C::e", "app::A::C::e"),
        ("app::search::run", "run", "app::search::run"),
        ("app::search::run::<fn() -> u8>", "run", "app::search::run"),
        ("app::run::{{closure}}::{{closure}}", "run::{closure}", "app::run::{closure}::{closure}"),
        ("app::Foo::run::{closure#1}", "Foo::run::{closure}", "app::Foo::run::{closure}"),
        ("app::run::{closure:core::ops::Fn<()>#0}", "run::{closure}", "app::run::{closure}"),
        ("{closure#1}", "{closure}", "{closure}"),
        ("{async_fn#0}<u8>", "{async_fn}", "{async_fn}"),
        ("app::Foo::run::{shim:vtable#0}", "{shim:vtable}", "app::Foo::run::{shim:vtable}"),
        ("new<usize>", "new", "new"),
        ("main", "main", "main"),
        ("", "", ""),
        ("a<b", "a", "a"),
        (">>::", "", ""),
    ] {
        assert_eq!(short(name), expected, "{name}");
        assert!(whole.is_empty() || without_generics(name) == whole, "{name}: {}", without_generics(name));
    }
}

#[test]
fn own_functions_are_shown_and_machinery_is_not() {
    let inner = [std("alloc::vec::Vec<T>::push"), own(41, "app::ResultCache::insert"), std("core::iter::fold")];
    let stack = on_top(&[&inner[..], &[own(88, "app::Searcher::run")]].concat());
    assert_eq!(folded(&stack), "src/cache.rs:41 ResultCache::insert <- src/cache.rs:88 Searcher::run");
}

#[test]
fn the_nearest_to_the_user_are_shown_of_those_there_are() {
    let inner = [std("alloc"), named("zstd_malloc"), tantivy(), elsewhere(), own(41, "app::run")];
    let crates = "tantivy-0.27.0 src/indexer/segment_writer.rs:100 SegmentWriter::add";
    let [own, elsewhere] =
        ["src/cache.rs:41 run", "/elsewhere/src/lib.rs:7 fill"].map(|at| format!("{at}, in {crates}"));
    for (length, expected) in [
        (5, own.as_str()),
        (4, &elsewhere),
        (3, crates),
        (2, "zstd_malloc"),
        (1, "library/std/src/any.rs:1 alloc"),
        (0, "(unknown stack)"),
    ] {
        assert_eq!(folded(&on_top(&inner[..length])), expected);
    }
    // A program without symbols, on a thread of its own.
    let start = [nowhere("app"), named("__libc_start_main@@GLIBC_2.34"), named("_start")];
    assert_eq!(folded(&start), "app+0x1f0");
    assert_eq!(folded(&[std("a"), std("b"), named("main")]), "library/std/src/any.rs:1 a");
    for c_library in ["libc.so.6", "libpthread.so.0", "libc-2.31.so"] {
        assert_eq!(folded(&[std("a"), nowhere(c_library)]), "library/std/src/any.rs:1 a");
    }
    assert_eq!(folded(&[std("a"), nowhere("libcurl.so.4")]), "libcurl.so.4+0x1f0");
}

#[test]
fn what_calls_the_ledger_elsewhere_stays_in_sight() {
    let measure = frame(Origin::Heapledger, "src/front/scope.rs", 9, "heapledger::front::scope::measure");
    let stack = on_top(&[std("alloc"), measure, own(41, "app::run")]);
    assert_eq!(folded(&stack), "src/cache.rs:41 run");
    // A user's own folder of that name.
    let stack = [frame(Origin::Workspace, "src/leak_test/a.rs", 1, "app::leak_test::a"), own(2, "app::main")];
    assert_eq!(folded(&stack), "src/leak_test/a.rs:1 a <- src/cache.rs:2 main");
}

#[test]
fn what_took_the_stack_is_not_what_allocated() {
    let origin = Origin::Crate { name: "backtrace".into(), version: Some("0.3.77".into()) };
    let unwinder = frame(origin, "src/backtrace/libunwind.rs", 117, "backtrace::backtrace::libunwind::trace");
    let frames = on_top(&[unwinder.clone(), std("alloc::alloc"), unwinder, own(41, "app::cache::insert")]);
    assert_eq!(folded(&frames[..2]), folded(&frames[1..2]), "it stands innermost");
    assert!(
        folded(&frames).ends_with(", in backtrace-0.3.77 src/backtrace/libunwind.rs:117 trace"),
        "here it allocated"
    );
    let bare = [named("_Unwind_Backtrace"), named("backtrace::trace"), named("app::insert")];
    assert_eq!(folded(&bare), "app::insert");
}

#[test]
fn recursion_is_said_once_and_deep_stacks_are_cut() {
    let deep = [own(1, "a"), own(1, "a"), own(2, "b"), own(3, "c"), own(4, "d")];
    assert_eq!(folded(&deep[..4]), "src/cache.rs:1 a <- src/cache.rs:2 b <- src/cache.rs:3 c");
    assert_eq!(folded(&deep), "src/cache.rs:1 a <- src/cache.rs:2 b <- src/cache.rs:3 c <- ..");
    let unnamed = |offset| {
        let mut frame = nowhere("app");
        frame.unresolved.as_mut().expect("it is nowhere").offset = offset;
        frame
    };
    // Of those any may be the user's.
    let unnamed = Vec::from_iter((0..13).map(unnamed));
    assert!(folded(&unnamed).ends_with(" <- app+0xb <- .."), "{}", folded(&unnamed));
}

#[test]
fn no_name_reaches_the_terminal_raw() {
    let hostile = frame(Origin::Workspace, "src/\u{1b}[31m.rs", 1, "a\n  lines    b\u{202e}");
    let expected = "src/\\u{1b}[31m.rs:1 a\\n  lines    b\\u{202e}";
    assert_eq!(folded(std::slice::from_ref(&hostile)), expected);
    let mut module = nowhere("m\u{1b}");
    assert_eq!(folded(std::slice::from_ref(&module)), "m\\u{1b}+0x1f0");
    let text = text(&[(std::slice::from_ref(&module), 1, 1)]);
    assert!(text.ends_with("  lines    m\\u{1b} has no symbols; its build id is c0ffee\n"), "{text}");
    module.unresolved = Some(InModule { offset: 0x70, ..InModule::default() });
    assert_eq!(folded(&[module]), "0x70");
}

/// The lines for stacks that leave so many bytes and blocks in 10 iterations.
fn text(found: &[(&[CallFrame], i64, i64)]) -> String {
    let growth = |(frames, bytes, blocks): &(&[CallFrame], i64, i64)| StackGrowth {
        frames: frames.to_vec(),
        kind: CallStackKind::Complete,
        live: Live { bytes: *bytes, blocks: *blocks },
    };
    let found = Vec::from_iter(found.iter().map(growth));
    said(found, (0, Live::default()))
}

fn said(stacks: Vec<StackGrowth>, others: (usize, Live)) -> String {
    let total = stacks.iter().fold(others.1, |sum, stack| sum.plus(stack.live));
    written(&LeakLines::Found { stacks: Some(stacks), others, sizes: Vec::new(), total, iterations: 10 })
}

fn written(lines: &LeakLines) -> String {
    let mut text = String::new();
    stacks(lines, &mut text).expect("a text takes everything");
    text
}

#[test]
fn stacks_without_addresses_have_names_and_others_are_added_up() {
    let of = |kind, bytes| StackGrowth { frames: Vec::new(), kind, live: Live { bytes, blocks: 10 } };
    let found = vec![of(CallStackKind::NotCaptured, 20), of(CallStackKind::Other, 10)];
    assert_eq!(
        said(found, (3, Live { bytes: 10, blocks: 0 })),
        "  lines    2 B in 1 block per iteration  (blocks of which no call stack was captured) (50.0 % of the leak)\n  \
           lines    1 B in 1 block per iteration  (stacks for which there was no room) (25.0 % of the leak)\n  \
           lines    and 3 other stacks: 1 B per iteration, in blocks that grow (25.0 % of the leak)\n"
    );
}

#[test]
fn where_lines_are_not_known_that_is_said() {
    assert_eq!(written(&LeakLines::NotPossible), "  lines    are not known here: the system is out of memory\n");
    let total = Live { bytes: 50_000, blocks: 10 };
    let sizes = vec![SizeGrowth { min_size: 4096, live: total }];
    assert_eq!(
        written(&LeakLines::Found { stacks: None, others: (1, total), sizes, total, iterations: 10 }),
        "  lines    are not known here: call stacks need unwind tables\n  \
           sizes    1 x 4..8 KiB per iteration\n"
    );
    let none = said(Vec::new(), (0, Live { bytes: 0, blocks: 0 }));
    assert_eq!(none, "  lines    are not known: the next 10 iterations, with call stacks captured, left nothing\n");
    assert!(!said(Vec::new(), (1, Live { bytes: 0, blocks: 1 })).contains("not known"), "a block of no bytes");
}

#[test]
fn stacks_that_look_the_same_are_added_up_and_the_largest_comes_first() {
    let (small, one) = ([own(7, "app::small")], [std("a"), own(41, "app::Cache::insert")]);
    let other = [std("b"), std("c"), own(41, "app::Cache::insert")];
    assert_eq!(
        text(&[(&small, 640, 20), (&one, 30_000, 5), (&other, 10_960, 5)]),
        "  lines    4,096 B in 1 block per iteration  src/cache.rs:41 Cache::insert (98.5 % of the leak)\n  \
           lines    64 B in 2 blocks per iteration  src/cache.rs:7 small (1.5 % of the leak)\n"
    );
}

#[test]
fn blocks_that_are_resized_say_so() {
    assert_eq!(
        text(&[(&[own(7, "app::push")], 645, 0)]),
        "  lines    64.50 B per iteration, in blocks that grow  src/cache.rs:7 push (100.0 % of the leak)\n"
    );
}

#[test]
fn what_is_not_shown_is_summed_and_nothing_is_lost() {
    let frames = Vec::from_iter((1..=8).map(|line| [own(line, "app::f")]));
    let found = Vec::from_iter(frames.iter().zip([80, 70, 60, 50, 40, 30, 20, -10]).map(|(f, b)| (&f[..], b * 10, 10)));
    let text = text(&found);
    assert_eq!(text.lines().count(), 6);
    assert_eq!(
        text.lines().last(),
        Some("  lines    and 3 other stacks: 40 B in 3 blocks per iteration (11.8 % of the leak)")
    );
}

#[test]
fn a_stack_that_gives_back_is_no_line_of_its_own() {
    assert_eq!(
        text(&[(&[own(1, "a")], 100, 10), (&[own(2, "b")], -50, -10)]),
        "  lines    10 B in 1 block per iteration  src/cache.rs:1 a (200.0 % of the leak)\n  \
           lines    and 1 other stack: -5 B in -1 blocks per iteration (-100.0 % of the leak)\n"
    );
}

#[test]
fn a_name_without_a_line_says_how_to_get_one() {
    let hint = "  lines    are not in the program: with `debug = \"line-tables-only\"` in its profile they are\n";
    assert!(text(&[(&[named("app::Cache<u8>::insert")], 10, 10)]).ends_with(hint));
    assert!(text(&[(&[named("app::Cache<u8>::insert")], 10, 10)]).contains("  app::Cache::insert (100.0 %"));
    assert!(!text(&[(&[named("ZSTD_malloc"), own(1, "app::run")], 10, 10)]).contains(hint));
}

#[cfg(feature = "views")]
#[test]
fn other_views_are_told_the_name_of_a_function_and_how_near_it_is() {
    let frames =
        [own(1, "app::cache::Cache<u8>::insert"), elsewhere(), tantivy(), named("ZSTD_compress"), nowhere("app")];
    let brief = Vec::from_iter(frames.iter().chain(&around()).map(super::fold::in_brief));
    let brief = Vec::from_iter(brief.iter().map(|(name, near)| (name.as_str(), *near)));
    let expected = [
        ("Cache::insert", 0),
        ("fill", 1),
        ("SegmentWriter::add", 2),
        ("ZSTD_compress", 3),
        ("app+0x1f0", 4),
        ("run", 6),
        ("the_test", 0),
        ("FnOnce::call_once", 5),
        ("start_thread", 5),
    ];
    assert_eq!(brief, expected);
    let unwinders = [named("_Unwind_Backtrace"), named("backtrace::trace")];
    assert_eq!(unwinders.map(|frame| super::fold::in_brief(&frame).1), [5, 5]);
}
