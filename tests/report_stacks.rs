//! Call stacks in reports: what they say, how they are stored, and that nothing of a file is believed.

#![cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]

mod common;
#[path = "common/schema_2.rs"]
mod schema_2;

use std::hint::black_box;

use common::alone;
use heapledger::{CallStackKind, Origin, Report, ReportedStack, SizeClass, capture, measure, report, snapshot};
use schema_2::in_schema_2;
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Where [`block`] allocates.
const LINE: u32 = line!() + 5;

/// One place where blocks are allocated.
#[inline(never)]
fn block(size: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(black_box(size)))
}

fn figures(stack: &ReportedStack) -> (u64, u64, i64, i64) {
    (stack.allocs, stack.allocated_bytes, stack.live_blocks, stack.live_bytes)
}

/// The innermost function of this file on a stack.
fn own_line(stack: &ReportedStack) -> Option<(String, u32)> {
    let own = stack.frames.iter().find(|frame| frame.origin == Origin::Workspace && frame.file.is_some())?;
    Some((own.file.clone()?, own.line?))
}

/// The same report after it was stored.
fn stored(report: &Report) -> Report {
    let json = report.to_json();
    let read = Report::from_json(&json).unwrap_or_else(|error| panic!("{error}\n{json}"));
    assert_eq!(read.to_json(), json);
    read
}

#[test]
fn a_report_says_by_line_what_its_snapshot_says_by_address() {
    let _alone = alone();
    let kept = {
        let _capture = capture("said");
        [measure("said", || block(300)).0, measure("said/below", || block(5_000)).0]
    };
    let (last, _) = measure("said", || block(7));
    let snapshot = snapshot();
    for report in [snapshot.report(), stored(&snapshot.report())] {
        for path in ["said", "said/below", "(unattributed)", "never/ran"] {
            let said = Vec::from_iter(report.stacks(path).iter().map(figures));
            let by_address = snapshot.stacks(path);
            let by_address = by_address
                .iter()
                .map(|stack| (stack.allocs, stack.allocated_bytes, stack.live_blocks, stack.live_bytes));
            let expected = if path == "never/ran" { Vec::new() } else { by_address.collect() };
            assert_eq!(said, expected, "{path}");
        }
        let said = report.stacks("said");
        let kinds = Vec::from_iter(said.iter().map(|stack| stack.kind));
        assert_eq!(kinds, [CallStackKind::Complete, CallStackKind::Complete, CallStackKind::NotCaptured]);
        assert_eq!(figures(&said[2]), (1, 7, 1, 7));
        for stack in &said[..2] {
            assert_eq!(own_line(stack), Some(("tests/report_stacks.rs".into(), LINE)), "{stack:?}");
        }
        let text = format!("{report:#120}");
        let line = text.lines().find(|line| line.contains("5,000 B") || line.contains(" 5,000 ")).map(str::trim);
        let shown = format!("tests/report_stacks.rs:{LINE} block <- tests/report_stacks.rs:");
        assert!(text.contains("call stacks of said\n") && text.contains(&shown), "{text}");
        assert!(line.is_some(), "{text}");
    }
    drop((kept, last));
}

#[test]
fn a_difference_has_the_stacks_of_what_happened_in_between() {
    let _alone = alone();
    let _capture = capture("between");
    let (first, _) = measure("between", || block(100));
    let before = snapshot();
    let (second, _) = measure("between", || block(20));
    drop(first);
    let report = (snapshot() - before).report();
    let said = stored(&report);
    let said = said.stacks("between");
    assert_eq!(said.iter().map(|stack| stack.live_bytes).sum::<i64>(), 20 - 100);
    assert_eq!(Vec::from_iter(said.iter().map(figures)), [(1, 20, 1, 20), (0, 0, -1, -100)]);
    drop(second);
}

#[test]
fn reports_of_processes_add_up_by_line() {
    let _alone = alone();
    let kept = {
        let _capture = capture("merged");
        measure("merged", || [block(10), block(30)]).0
    };
    let one = report();
    let mut both = one.clone();
    both.merge(&stored(&one)).expect("nothing overflows");
    let twice = |stack: &ReportedStack| {
        let (allocs, allocated_bytes, live_blocks, live_bytes) = figures(stack);
        (2 * allocs, 2 * allocated_bytes, 2 * live_blocks, 2 * live_bytes)
    };
    let (one, both) = (one.stacks("merged"), both.stacks("merged"));
    assert_eq!((both.len(), one.len()), (2, 2));
    assert_eq!(Vec::from_iter(both.iter().map(figures)), Vec::from_iter(one.iter().map(twice)));
    assert_eq!(both[0].frames, one[0].frames);
    drop(kept);
}

#[test]
fn a_merge_keeps_each_stack_with_its_own_functions() {
    let _alone = alone();
    let first = {
        let _capture = capture("merged_first");
        measure("merged_first", || block(10)).0
    };
    let one = report();
    let second = {
        let _capture = capture("merged_second");
        measure("merged_second", || String::from("in another function")).0
    };
    let two = report();
    let mut both = one.clone();
    both.merge(&two).expect("nothing overflows");
    for path in ["merged_first", "merged_second"] {
        let frames = |of: &Report| Vec::from_iter(of.stacks(path)[0].frames.iter().map(|frame| (*frame).clone()));
        assert_eq!(frames(&both), frames(&two), "{path}");
    }
    drop((first, second));
}

#[test]
fn a_report_of_schema_1_is_read_and_has_no_stacks() {
    let (kept, _) = measure("old", || block(64));
    let mut old = in_schema_2(&report());
    old["schema"] = json!(1);
    old.as_object_mut().expect("it is an object").remove("stacks");
    let read = Report::from_json(&old.to_string()).expect("it can be read");
    let stacks = read.stacks("old");
    assert_eq!((stacks.len(), stacks[0].kind, stacks[0].live_bytes), (1, CallStackKind::NotCaptured, 64));
    drop(kept);
}

fn classes(of: &[SizeClass]) -> Vec<(u64, u64, i64, i64)> {
    Vec::from_iter(of.iter().map(|class| (class.min_size, class.allocs, class.live_blocks, class.live_bytes)))
}

#[test]
fn a_report_has_the_sizes_that_its_snapshot_has_also_stored_and_added_up() {
    let _alone = alone();
    let _capture = capture("sized");
    let (kept, _) = measure("sized", || [block(300), block(5_000), measure("below", || block(310)).0]);
    measure("sized", || drop(block(40)));
    let expected = [(32, 1, 0, 0), (256, 2, 2, 610), (4_096, 1, 1, 5_000)];
    let snapshot = snapshot();
    let one = snapshot.report();
    assert_eq!(classes(&snapshot.size_classes("sized")), expected);
    for report in [&one, &stored(&one)] {
        assert_eq!(report.size_classes("sized"), snapshot.size_classes("sized"));
        assert_eq!(classes(&report.size_classes("sized/below")), [(256, 1, 1, 310)]);
        assert_eq!(report.size_classes("(heapledger)"), []);
        assert!(format!("{report}").contains("\nsizes of what lives: 1 x 4..8 KiB, 2 x 256..512 B\n"), "{report}");
    }
    let mut both = stored(&one);
    both.merge(&one).expect("nothing overflows");
    let twice = expected.map(|(size, allocs, blocks, bytes)| (size, 2 * allocs, 2 * blocks, 2 * bytes));
    assert_eq!(classes(&both.size_classes("sized")), twice);
    drop(kept);
    let since = (heapledger::snapshot() - snapshot).report();
    assert_eq!(classes(&stored(&since).size_classes("sized")), [(256, 0, -2, -610), (4_096, 0, -1, -5_000)]);
}

#[test]
fn what_is_estimated_is_marked_and_says_of_how_many_samples() {
    let _alone = alone();
    let kept = {
        let _capture = capture("estimated").every(4_096).seed(1);
        measure("estimated", || Vec::from_iter((0..1_000).map(|_| block(100)))).0
    };
    let one = report();
    let samples = |of: &Report| of.stacks("estimated").iter().map(|stack| stack.samples.unwrap_or(0)).sum::<u64>();
    let by_address = snapshot().stacks("estimated").iter().map(|stack| stack.samples.unwrap_or(0)).sum::<u64>();
    assert!(by_address > 2, "{by_address}");
    let mut both = stored(&one);
    assert_eq!((samples(&one), samples(&both)), (by_address, by_address));
    let said = |of: &Report| {
        let text = of.to_string();
        let at = |what: &str| text.lines().find(|line| line.contains(what)).map(str::trim).unwrap_or("").to_string();
        (at(" block <- "), at("estimated from"), text)
    };
    let (line, note, text) = said(&both);
    assert!(line.starts_with('~') && line.matches('~').count() == 3, "{text}");
    assert_eq!(note, format!("~ estimated from {by_address} samples, one every 4.00 KiB"));
    both.merge(&one).expect("nothing overflows");
    assert_eq!(samples(&both), 2 * by_address);
    // Of sizes without a sample all is counted: that is exact.
    let unsampled = {
        let _capture = capture("unsampled").every(1 << 40).seed(1);
        measure("unsampled", || block(100)).0
    };
    let text = heapledger::report().to_string();
    let line = text.split("call stacks of unsampled").nth(1).and_then(|text| text.lines().nth(1));
    let line = line.expect("it was captured");
    assert!(line.ends_with("(blocks of sizes of which there was no sample)") && !line.contains('~'), "{text}");
    drop(unsampled);
    let exact = {
        let _capture = capture("exact");
        measure("exact", || block(64)).0
    };
    let both = said(&report()).2;
    let of_exact = both.split("call stacks of exact").nth(1).and_then(|text| text.split("\n\n").next());
    assert!(!of_exact.expect("it was captured").contains('~'), "{both}");
    // What a report of before says of neither is exact, and has no sizes.
    let mut old = in_schema_2(&one);
    for of in old["stacks"]["operations"].as_array_mut().expect("they are a list") {
        let of = of.as_object_mut().expect("it is an object");
        of.retain(|name, _| name == "path" || name == "stacks");
        for stack in of["stacks"].as_array_mut().expect("they are a list") {
            stack.as_object_mut().expect("it is an object").remove("samples");
        }
    }
    let old = Report::from_json(&old.to_string()).expect("it can be read");
    assert_eq!(old.size_classes("estimated"), []);
    assert!(old.stacks("estimated").iter().all(|stack| stack.samples.is_none()));
    drop((kept, exact));
}

#[test]
fn a_report_says_what_was_asked_to_be_captured_and_what_of_it_was_not_there() {
    let _alone = alone();
    let rules = |of: &Report| {
        let json: Value = serde_json::from_str(&of.to_json()).expect("a report is JSON");
        let text = of.to_string();
        let said = text.lines().filter(|line| line.starts_with("captured")).map(String::from);
        (json["captures"].clone(), Vec::from_iter(said))
    };
    assert_eq!(rules(&report()), (json!([]), vec![]));
    measure("asked/below", || ());
    let _all = (capture("asked/**"), capture("asked/**"), measure("asked", || heapledger::current().capture()).0);
    let few = capture("ask\u{1b}et").every(512 << 10);
    let missing = report();
    let rule = |pattern: &str, every: Option<u64>, matched: bool| json!({ "pattern": pattern, "sampled_every": every, "matched": matched });
    let always = [rule("asked", None, true), rule("asked/**", None, true)];
    let all = |few: &Value| json!([few, always[0], always[1]]);
    let unmatched = r"captured nothing of ask\u{1b}et, one sample every 512 KiB: there was no such operation";
    assert_eq!(
        rules(&stored(&missing)),
        (
            all(&rule("ask\u{1b}et", Some(512 << 10), false)),
            vec!["captured: asked; asked/**".into(), unmatched.to_string()]
        )
    );
    measure("ask\u{1b}et", || ());
    let said = r"captured: ask\u{1b}et, one sample every 512 KiB; asked; asked/**";
    let said = (all(&rule("ask\u{1b}et", Some(512 << 10), true)), vec![said.to_string()]);
    assert_eq!(rules(&report()), said);
    // Where another process has it, it is there.
    let mut both = missing;
    both.merge(&report()).expect("nothing overflows");
    assert_eq!(rules(&both), said);
    drop(few);
    assert_eq!(rules(&report()), (json!(always), vec!["captured: asked; asked/**".into()]));
}

/// Another stack for every number: each bit is a call of one function or of the other.
#[inline(never)]
fn left(path: usize, depth: u32, size: usize) -> Vec<u8> {
    let next = if path & 1 == 0 { left } else { right };
    black_box(if depth == 0 { block(size) } else { black_box(next)(path >> 1, depth - 1, size) })
}

#[inline(never)]
fn right(path: usize, depth: u32, size: usize) -> Vec<u8> {
    let next = if path & 1 == 0 { left } else { right };
    black_box(if depth == 0 { block(size) } else { black_box(next)(path >> 1, depth - 1, size) })
}

#[test]
fn the_largest_stacks_are_looked_up_and_the_rest_is_summed_and_said() {
    let _alone = alone();
    const PLACES: usize = 5_000;
    const LOOKED_UP: usize = 4_096;
    let kept = {
        let _capture = capture("summed");
        measure("summed", || Vec::from_iter((0..PLACES).map(|at| left(at, 14, 1_000 + at)))).0
    };
    let report = report();
    let total = report.operation("summed").expect("it ran").total;
    for said in [&report, &stored(&report)] {
        let stacks = said.stacks("summed");
        let other = stacks.iter().find(|stack| stack.kind == CallStackKind::Other).expect("there are more");
        // The list itself has a stack, and other operations of this process may have some.
        let summed = other.allocs as usize;
        assert!((PLACES + 1 - LOOKED_UP..PLACES - LOOKED_UP + 100).contains(&summed), "{summed}");
        assert_eq!(other.live_bytes, (0..summed as i64).map(|at| 1_000 + at).sum::<i64>(), "they are the smallest");
        assert_eq!(stacks.iter().map(|stack| stack.live_bytes).sum::<i64>(), total.live_bytes);
        assert_eq!(stacks.iter().map(|stack| stack.allocs).sum::<u64>(), total.allocs);
        assert_eq!(stacks.len(), PLACES + 1 - summed + 1);
        let note = format!("\n{summed} small stacks not looked up: with those for which there was no room");
        assert!(said.to_string().contains(&note), "{said}");
    }
    let mut both = report.clone();
    both.merge(&report).expect("nothing overflows");
    let summed = |of: &Report| {
        let json = in_schema_2(of);
        let all = json["stacks"]["operations"].as_array().expect("they are a list").clone();
        all.iter().filter(|one| one["path"] == "summed").filter_map(|one| one["summed"].as_u64()).sum::<u64>()
    };
    assert_eq!(summed(&both), 2 * summed(&report));
    drop(kept);
}

/// A report in which `count` operations have one stack each, and no two stacks are alike.
fn large(count: u32) -> String {
    let mut file: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    let row = |name: &str, parent: Option<u32>, allocs: u32| {
        let mut own = serde_json::to_value(heapledger::Tally::default()).expect("a tally is JSON");
        (own["allocs"], own["allocated_bytes"]) = (json!(allocs), json!(64 * allocs));
        json!({
            "name": name, "parent": parent, "scopes": 1, "threads": 1, "peak_error": 0, "own": own, "total": own,
        })
    };
    let inner = (0..count).map(|at| row(&at.to_string(), Some(0), 1));
    let frame =
        |at: u32| json!({ "function": at % 1_000, "file": 1_000 + at % 50, "line": at + 1, "column": 9, "origin": 0 });
    file["rows"] = [row("large", None, 0)].into_iter().chain(inner).collect();
    file["stacks"] = json!({
        "strings": (0..1_050).map(|at| format!("app::module::function_{at}")).collect::<Value>(),
        "origins": [{ "kind": "workspace" }],
        "modules": [],
        "frames": (0..count).map(frame).collect::<Value>(),
        "stacks": (0..count).map(|at| json!({
            "kind": "complete",
            "frames": (0..20).map(|depth| (at * 7 + depth * 31) % count).collect::<Value>(),
        })).collect::<Value>(),
        "operations": (0..count).map(|at| json!({
            "row": at + 1,
            "stacks": [{ "stack": at, "allocs": 1, "allocated_bytes": 64, "live_blocks": 0, "live_bytes": 0 }],
        })).collect::<Value>(),
    });
    file.to_string()
}

#[test]
fn what_it_takes_to_store_and_read_stacks_grows_with_their_number_alone() {
    let _alone = alone();
    let [few, many] = [1_000, 10_000].map(|count| {
        let text = large(count);
        let before = snapshot();
        let began = std::time::Instant::now();
        let report = Report::from_json(&text).expect("it can be read");
        let read = began.elapsed();
        let json = report.to_json();
        let written = began.elapsed() - read;
        let lines = report.to_string().lines().count();
        let shown = began.elapsed() - written - read;
        let bytes = json.len();
        println!("{count} stacks: read in {read:?}, {bytes} bytes written in {written:?}, {lines} lines in {shown:?}");
        let own = (snapshot() - before).operation("(heapledger)").expect("it is always there").own;
        assert_eq!(report.stacks("large").len(), count as usize + 1);
        (json.len() as u64, own.allocated_bytes)
    });
    // Ten times as much, and what capacities that double add to it.
    assert!(many.0 <= 11 * few.0 && many.1 <= 21 * few.1, "{few:?} {many:?}");
}

#[test]
fn what_cannot_be_in_a_report_is_an_error_that_says_what() {
    let _alone = alone();
    let kept = {
        let _capture = capture("hostile");
        measure("hostile", || [block(10), block(30)]).0
    };
    let good: Value = serde_json::from_str(&report().to_json()).expect("a report is JSON");
    let at = good["stacks"]["operations"].as_array().expect("they are a list");
    let is_hostile = |of: &Value| good["rows"][of["row"].as_u64().expect("it has a row") as usize]["name"] == "hostile";
    let at = at.iter().position(is_hostile).expect("it was captured");
    let charged = format!("/stacks/operations/{at}/stacks");
    let sizes = format!("/stacks/operations/{at}/sizes");
    let own = |name: &str| good["stacks"].pointer(name).expect("it is there").clone();
    for (place, value, complaint) in [
        ("/stacks", json!(7), "invalid type"),
        ("/stacks/strings", json!([]), "string 0 is named, and there are 0"),
        ("/stacks/frames/0/file", json!(u32::MAX), "string 4294967295 is named"),
        ("/stacks/frames/0/origin", json!(99), "origin 99 is named"),
        ("/stacks/frames/0/place", json!({ "module": 99, "offset": 1 }), "module 99 is named"),
        ("/stacks/frames/0/line", json!(-1), "invalid value"),
        (&format!("{charged}/0/live_bytes"), json!(i64::MAX), "\"hostile\" overflow when they are added up"),
        ("/stacks/origins/0/kind", json!("crate"), "of the kind \"crate\", which cannot be"),
        ("/stacks/stacks/0/frames/0", json!(1 << 20), "frame 1048576 is named"),
        ("/stacks/stacks/0/kind", json!("not_captured"), "of the kind \"not_captured\", which cannot be"),
        (&format!("{charged}/0/stack"), json!(1 << 20), "stack 1048576 is named"),
        (&format!("{charged}/0/stack"), own(&format!("{}/1/stack", &charged[7..])), "twice"),
        (&format!("{charged}/0/allocs"), json!(3), "\"hostile\" allocated more than the operation"),
        (&format!("{charged}/0/allocated_bytes"), json!(41), "\"hostile\" allocated more than the operation"),
        (&format!("{charged}/0/allocs"), json!(u64::MAX), "\"hostile\" overflow when they are added up"),
        (&format!("{charged}/0/samples"), json!(-1), "invalid value"),
        (&format!("{sizes}/0/min_size"), json!(9), "\"hostile\" has blocks of 9 B, which is no class"),
        (&format!("{sizes}/0/min_size"), json!(0), "\"hostile\" has blocks of 0 B, which is no class"),
        (&format!("{sizes}/0/min_size"), json!(1_u64 << 63), "which is no class"),
        (&format!("{sizes}/0/min_size"), json!(16), "\"hostile\" has blocks of 16 B twice"),
        (&format!("{sizes}/0/allocs"), json!(3), "sizes of operation \"hostile\" allocated more than the operation"),
        (&format!("{sizes}/0/allocated_bytes"), json!(41), "\"hostile\" allocated more than the operation"),
        (&format!("{sizes}/0/live_blocks"), json!(i64::MAX), "\"hostile\" overflow when they are added up"),
        (&format!("/stacks/operations/{at}/sampled_every"), json!(7), "invalid type"),
    ] {
        let mut file = good.clone();
        *file.pointer_mut(place).unwrap_or_else(|| panic!("there is no {place}")) = value;
        let error = Report::from_json(&file.to_string()).map(|read| read.to_json()).expect_err(place).to_string();
        assert!(error.contains(complaint), "{place}: {error}");
    }
    let mut old = in_schema_2(&Report::from_json(&good.to_string()).expect("it can be read"));
    old["stacks"]["operations"][at]["path"] = json!("nowhere");
    let error =
        Report::from_json(&old.to_string()).map(|read| read.to_json()).expect_err("it is not there").to_string();
    assert!(error.contains("\"nowhere\" belong to no row"), "{error}");
    // Whatever the file says of what lives: all of it together is what the operation owns.
    let mut lie = good.clone();
    *lie.pointer_mut(&format!("{charged}/0/live_bytes")).expect("it is there") = json!(1_i64 << 40);
    let read = Report::from_json(&lie.to_string()).expect("it can be read");
    let sum = read.stacks("hostile").iter().fold(0_i64, |sum, stack| sum.wrapping_add(stack.live_bytes));
    assert_eq!(sum, 40);
    drop(kept);
}
