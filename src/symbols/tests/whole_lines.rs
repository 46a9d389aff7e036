//! Whole lines, from the addresses of a real program to what is printed.

use super::programs::{Case, WITH_LINES, cases};
use crate::judging::leak::{LeakLines, Live, StackGrowth};
use crate::reading::CallStackKind;
use crate::render::stacks;
use crate::symbols::{CallFrame, Origin, symbolize};

/// What is printed of a stack that leaves one block, without the amounts.
fn lines(frames: &[CallFrame]) -> String {
    let live = Live { bytes: 64, blocks: 1 };
    let mut text = String::new();
    let stack = StackGrowth { frames: frames.to_vec(), kind: CallStackKind::Complete, live };
    let (others, sizes) = ((0, Live::default()), Vec::new());
    let found = LeakLines::Found { stacks: Some(vec![stack]), others, sizes, total: live, iterations: 1 };
    stacks(&found, &mut text).expect("a text takes everything");
    text.replace("  lines    64 B in 1 block per iteration  ", "").replace(" (100.0 % of the leak)", "")
}

#[track_caller]
fn of<'a>(cases: &'a [Case], name: &str) -> &'a Case {
    cases.iter().find(|case| case.name == name).expect("the program has it")
}

#[test]
fn a_stack_is_shown_by_the_program_s_own_lines() {
    for (profile, cases) in &*WITH_LINES {
        for (name, functions) in [
            ("plain", &["plain"][..]),
            ("generic", &["generic"]),
            ("method", &["Shelf::put"]),
            ("inlined", &["inlined"]),
            // Lines alone do not say around what it stands, where it was inlined.
            ("closure", &["makes_closure::{closure}", "{closure}"]),
            ("trait-object", &["Shelf::area"]),
            ("async", &["brew::{closure}", "{async_fn}"]),
            ("elsewhere", &["main::{closure}", "{closure}"]),
            ("elsewhere-generic", &["main::{closure}", "{closure}"]),
        ] {
            let case = of(cases, name);
            let shown = lines(&case.frames);
            let begins = functions
                .iter()
                .any(|function| shown.starts_with(&format!("{}:{} {function} <- program/src/", case.file, case.line)));
            assert!(begins, "{profile} {name}: {shown}");
            assert_eq!(shown.lines().count(), 1, "{profile} {name}: {shown}");
        }
        let inlined = lines(&of(cases, "inlined").frames);
        assert!(inlined.contains("inlined <- program/src/shapes.rs:50 around <- program/src/main.rs:"), "{inlined}");
    }
}

#[test]
fn a_program_without_debug_information_shows_names_and_says_how_to_get_lines() {
    let cases = cases("bare", &[]);
    assert_eq!(
        lines(&of(&cases, "plain").frames),
        "program::shapes::plain <- program::main\n  \
           lines    are not in the program: with `debug = \"line-tables-only\"` in its profile they are\n"
    );
}

#[test]
fn a_stripped_program_shows_places_and_its_build_id() {
    let cases = cases("stripped", &[]);
    let shown = lines(&of(&cases, "plain").frames);
    assert!(shown.starts_with("program+0x"), "{shown}");
    assert!(shown.contains("\n  lines    program has no symbols; its build id is "), "{shown}");
}

#[test]
fn hostile_names_are_escaped() {
    for (profile, cases) in &*WITH_LINES {
        let first = &of(cases, "hostile").frames[..1];
        assert!(first[0].file.as_deref().is_some_and(|file| file.contains('\u{1b}')), "{profile} {first:?}");
        let shown = lines(first);
        assert!(shown.contains("/hostile\\u{1b}[31mfile.rs:4 hostile"), "{profile} {shown}");
        assert!(!shown.trim_end().contains(char::is_control), "{profile} {shown:?}");
    }
    let bare = cases("bare", &[]);
    let first = &of(&bare, "hostile").frames[..1];
    assert_eq!(first[0].function.as_deref(), Some("hostile\u{1b}[31mname"));
    assert!(lines(first).starts_with("hostile\\u{1b}[31mname\n"), "{}", lines(first));
}

#[test]
fn what_calls_the_closure_of_a_leak_test_is_folded_away() {
    let mut stack = Vec::new();
    let mut take = |_| {
        stack.clear();
        backtrace::trace(|frame| {
            stack.push(frame.ip() as usize);
            true
        });
    };
    let _ = crate::LeakTest::new("folded").iterations(4).run(&mut take);
    let mut frames = symbolize(&[stack], &[file!()]).take().expect("nobody took it").remove(0);
    // The ledger's own tests stand in for a user's.
    for frame in frames.iter_mut().filter(|frame| frame.file.as_deref() == Some(file!())) {
        frame.origin = Origin::Workspace;
    }
    let own = frames.iter().filter(|frame| frame.origin == Origin::Workspace).count();
    assert!(own >= 2, "the test's function and its closure are on the stack: {frames:#?}");
    let shown = lines(&frames);
    let closure = "what_calls_the_closure_of_a_leak_test_is_folded_away::{closure}";
    assert!(shown.trim_end().ends_with(closure) && !shown.contains("<-"), "{shown}");
}
