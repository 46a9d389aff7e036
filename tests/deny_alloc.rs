//! Operations that must not allocate: what the message says, to the letter; what is allowed; who is not to blame; and
//! when the guard stays silent.

mod common;

use std::any::Any;
use std::cell::RefCell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};

use common::{again, balanced, plays, row, tally};
use heapledger::{capture, deny_alloc, permit, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

fn text(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().expect("a panic's message is text").to_string(),
    }
}

/// What `work` panics with.
fn denied<R>(work: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(_) => panic!("nothing was denied"),
        Err(panic) => text(panic),
    }
}

// Every block passes through `black_box`: the optimizer may remove an allocation that nobody needs.

fn boxed<T>(value: T) -> Box<T> {
    black_box(Box::new(value))
}

fn bytes(count: usize) -> Vec<u8> {
    black_box(vec![0u8; count])
}

/// The operation and the figures of a message, without the place.
fn headline(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    let (name, figures) = line.split_once(" (tests/deny_alloc.rs:").expect("the guard's place is in the headline");
    let figures = figures.split_once("): ").expect("the figures follow").1;
    format!("{}: {figures}", name.trim_start_matches("deny_alloc \"").trim_end_matches('"'))
}

/// The line of this file that is `code`.
fn line_of(code: &str) -> usize {
    include_str!("deny_alloc.rs").lines().position(|line| line.trim() == code).expect("it is in this file") + 1
}

/// The line of a message that says where the first `what` happened: in [`bytes`] or [`boxed`], as `code` says, which a
/// closure called on `line`.
fn first(what: &str, code: &str, function: &str, line: u32) -> String {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return format!(
            "  first    {what}  where is not known: call stacks need unwind tables, and the feature `lines`\n"
        );
    }
    let (at, denied) = (line_of(code), line_of("match catch_unwind(AssertUnwindSafe(work)) {"));
    let test = std::thread::current().name().expect("it is the test's").to_string();
    format!(
        "  first    {what}  tests/deny_alloc.rs:{at} {function} <- tests/deny_alloc.rs:{line} {test}::{{closure}} <- \
         tests/deny_alloc.rs:{denied} denied <- ..\n"
    )
}

const NEXT: &str =
    "reuse a buffer, or reserve before the scope; frees are allowed; `permit` lets a part of it allocate";

/// The line of this file on which it is called.
#[track_caller]
fn here() -> u32 {
    std::panic::Location::caller().line()
}

#[test]
fn an_operation_that_allocates_nothing_passes() {
    let mut buffer: Vec<u8> = Vec::with_capacity(100);
    let guard = deny_alloc("clean");
    assert_eq!(heapledger::current().path(), "clean".to_string().as_str(), "these strings are two allocations");
    drop(guard.allowing(100));
    let guard = deny_alloc("cleaner");
    buffer.extend_from_slice(&[7; 100]);
    assert_eq!(guard.finish(), tally! { peak_bytes: Some(0) });
    drop(deny_alloc("cleanest"));
}

#[test]
fn frees_are_allowed() {
    let (one, two) = (bytes(100), bytes(200));
    let guard = deny_alloc("frees");
    drop(one);
    drop(two);
    let did = tally! { frees: 2, freed_bytes: 300, live_blocks: -2, live_bytes: -300, peak_bytes: Some(0) };
    assert_eq!(guard.finish(), did);
}

#[test]
fn the_message_has_the_figures_the_place_and_who_did_it() {
    let line = here() + 2;
    let said = denied(|| {
        let _none = deny_alloc("parse");
        {
            let _op = track("tokens");
            drop([bytes(100), bytes(100)]);
        }
        let mut text = black_box(Vec::<u8>::with_capacity(34));
        text.resize(1_000, 0);
        black_box(text);
    });
    let first = first("1 allocation of 100 B in parse/tokens", "black_box(vec![0u8; count])", "bytes", line + 3);
    let expected = format!(
        "deny_alloc \"parse\" (tests/deny_alloc.rs:{line}): 3 allocations of 1.21 KiB (1,234 B), 1 resize, where none may \
         be\n{first}\
         \x20 by       parse/tokens: 2 allocations, 200 B; parse: 1 allocation, 1,034 B, 1 resize\n\
         \x20 next     {NEXT}"
    );
    assert_eq!(said, expected);
    // Between two calls nothing of the guard's own is left in the operation.
    let own = row("parse").own;
    assert_eq!((own.allocs, own.allocated_bytes, own.reallocs, own.live_bytes), (1, 1_034, 1, 0));
}

#[test]
fn one_small_allocation_is_one_too_many() {
    let line = here() + 2;
    let said = denied(|| {
        let _none = deny_alloc("small");
        boxed(7u64)
    });
    let first = first("1 allocation of 8 B in small", "black_box(Box::new(value))", "boxed", line + 1);
    let expected = format!(
        "deny_alloc \"small\" (tests/deny_alloc.rs:{line}): 1 allocation of 8 B, where none may be\n{first}\
         \x20 by       small: 1 allocation, 8 B\n\
         \x20 next     {NEXT}"
    );
    assert_eq!(said, expected);
}

#[test]
fn resizes_alone_are_denied_too() {
    let mut list = bytes(10);
    let said = denied(|| {
        let _none = deny_alloc("resizes");
        list.reserve_exact(2_000);
        black_box(&mut list);
        list.reserve_exact(3_000);
    });
    assert!(headline(&said).starts_with("resizes: 2 resizes of 4.90 KiB (5,020 B), where none may be"), "{said}");
    assert!(said.contains("\n  by       resizes: 2 resizes, 5,020 B\n"), "{said}");
}

#[test]
fn a_long_list_ends_after_eight() {
    let said = denied(|| {
        let _none = deny_alloc("many");
        for number in 1..=10usize {
            let _op = track(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][number - 1]);
            drop(bytes(number));
        }
    });
    let by = "  by       many/j: 1 allocation, 10 B; many/i: 1 allocation, 9 B; many/h: 1 allocation, 8 B; \
              many/g: 1 allocation, 7 B; many/f: 1 allocation, 6 B; many/e: 1 allocation, 5 B; \
              many/d: 1 allocation, 4 B; many/c: 1 allocation, 3 B; and 2 more operations";
    assert_eq!(said.lines().nth(2), Some(by));
}

#[test]
fn what_ran_before_in_the_same_operations_is_not_blamed() {
    heapledger::measure("again", || heapledger::measure("inside", || bytes(777)));
    let said = denied(|| {
        let _none = deny_alloc("again");
        heapledger::measure("inside", || bytes(10)).0
    });
    assert!(said.contains("\n  by       again/inside: 1 allocation, 10 B\n"), "{said}");
}

#[test]
fn names_are_made_printable() {
    let said = denied(|| {
        let _none = deny_alloc("line\nbreak");
        boxed(1u8)
    });
    assert!(headline(&said).starts_with("line\\nbreak: 1 allocation of 1 B,"), "{said}");
    assert_eq!(said.lines().count(), 4);
}

#[test]
fn some_allocations_can_be_allowed() {
    let two = || {
        let mut list = black_box(Vec::<u8>::with_capacity(10));
        list.reserve_exact(20);
        black_box(list);
    };
    {
        let _two = deny_alloc("allowing").allowing(2);
        two();
    }
    let said = denied(|| {
        let _one = deny_alloc("allowing").allowing(1);
        two();
    });
    assert!(headline(&said).starts_with("allowing: 1 allocation of 30 B, 1 resize, where at most 1 may be"), "{said}");
}

#[test]
fn finish_panics_as_a_drop_does_and_the_scope_has_ended_then() {
    let said = denied(|| {
        let guard = deny_alloc("finished");
        drop(boxed(1u16));
        guard.finish()
    });
    assert!(headline(&said).starts_with("finished: 1 allocation of 2 B,"), "{said}");
    assert_eq!(heapledger::current().path(), "(unattributed)");
}

#[test]
fn the_innermost_guard_is_the_one_that_panics_and_the_outer_one_stays_silent() {
    let said = denied(|| {
        let _outer = deny_alloc("outer");
        let _inner = deny_alloc("inner");
        boxed(1u32)
    });
    assert!(headline(&said).starts_with("outer/inner: 1 allocation of 4 B,"), "{said}");
}

#[test]
fn a_guard_inside_a_scope_judges_only_what_is_inside_the_guard() {
    let scope = track("whole");
    let before = bytes(64);
    drop(deny_alloc("quiet part"));
    let after = bytes(64);
    let did = tally! { allocs: 2, allocated_bytes: 128, live_blocks: 2, live_bytes: 128, peak_bytes: Some(128) };
    assert_eq!(scope.finish(), did);
    drop((before, after));
}

#[test]
fn an_operation_elsewhere_in_the_tree_is_blamed_when_this_thread_enters_it() {
    let scope = track("elsewhere");
    let elsewhere = heapledger::current();
    drop(scope);
    let said = denied(|| {
        let _none = deny_alloc("here");
        elsewhere.run(|| bytes(5))
    });
    assert!(said.contains("\n  by       elsewhere: 1 allocation, 5 B\n"), "{said}");
}

#[test]
fn a_guard_says_nothing_while_its_thread_panics() {
    let said = denied(|| {
        let _none = deny_alloc("panicking");
        let boxed = boxed(1u64);
        if *boxed == 1 {
            panic!("of another cause");
        }
    });
    assert_eq!(said, "of another cause");
    assert_eq!(heapledger::current().path(), "(unattributed)");
}

#[test]
fn other_threads_in_the_same_operation_are_not_blamed() {
    let (go, wait) = channel::<heapledger::Operation>();
    let (done, finished) = channel::<Vec<u8>>();
    let other = std::thread::spawn(move || {
        let op = wait.recv().unwrap();
        op.run(|| done.send(bytes(4_096)).unwrap());
    });
    // What a channel needs is allocated when it is first used: by the guard's thread, for one message.
    let guard = deny_alloc("shared").allowing(1_000);
    go.send(heapledger::current()).unwrap();
    let sent = finished.recv().unwrap();
    other.join().unwrap();
    let did = guard.finish();
    assert!(did.allocated_bytes < 4_096, "{did:?}");
    assert!(row("shared").own.allocated_bytes >= 4_096);
    drop(sent);
}

#[test]
fn a_guard_may_be_forgotten() {
    std::thread::spawn(|| {
        std::mem::forget(deny_alloc("forgotten"));
        drop(boxed(1u64));
    })
    .join()
    .unwrap();
    balanced();
}

#[test]
fn guards_may_be_dropped_in_any_order() {
    let said = denied(|| {
        let outer = deny_alloc("first");
        let inner = deny_alloc("second").allowing(1);
        drop(boxed(1u64));
        let out = catch_unwind(AssertUnwindSafe(|| drop(outer)));
        drop(inner);
        out.map_err(text).unwrap_err()
    });
    // The message of the first panic was made inside the second guard.
    assert!(headline(&said).starts_with("first/second: "), "{said}");
    assert_eq!(heapledger::current().path(), "(unattributed)");
}

#[test]
fn a_guard_in_a_destructor_of_a_thread_local_sees() {
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    struct Late(std::sync::mpsc::Sender<String>);
    impl Drop for Late {
        fn drop(&mut self) {
            let said = denied(|| {
                let _none = deny_alloc("late");
                bytes(3)
            });
            self.0.send(said).unwrap();
        }
    }
    let (say, said) = channel();
    std::thread::spawn(move || LATE.with(|late| *late.borrow_mut() = Some(Late(say)))).join().unwrap();
    let said = said.recv().unwrap();
    assert!(headline(&said).starts_with("late: 1 allocation of 3 B,"), "{said}");
    assert!(said.contains("\n  by       late: 1 allocation, 3 B\n"), "{said}");
}

#[test]
fn frees_can_be_denied_too_of_whatever_block() {
    let (given, kept) = (bytes(100), track("elsewhere"));
    let from_elsewhere = bytes(30);
    drop(kept);
    let said = denied(|| {
        let _none = deny_alloc("mix").frees();
        drop(given);
        drop(from_elsewhere);
        drop(bytes(7));
    });
    assert!(headline(&said).starts_with("mix: 1 allocation of 7 B, 3 frees of 137 B, where none may be"), "{said}");
    assert!(said.contains("\n  first    1 free of 100 B in mix  "), "{said}");
    assert!(said.contains("\n  by       mix: 1 allocation, 7 B, 3 frees, 137 B\n"), "{said}");
    assert!(said.contains("\n  next     reuse a buffer, reserve before the scope, and drop behind it; "), "{said}");
}

#[test]
fn frees_are_denied_of_blocks_whose_call_stack_is_captured() {
    // All of them, and hardly any.
    for every in [1, 1 << 40] {
        let _capture = capture("captured mix").every(every);
        let scope = track("captured mix");
        let given = bytes(100);
        (0..3).for_each(|_| drop(boxed(1u64)));
        drop(scope);
        let said = denied(|| {
            let guard = deny_alloc("captured mix").frees().allowing(1);
            drop(boxed(1u64));
            drop(given);
            guard.finish()
        });
        let expected = "captured mix: 1 allocation of 8 B, 2 frees of 108 B, where at most 1 may be";
        assert_eq!(headline(&said), expected);
        assert!(said.contains("\n  first    1 free of 8 B in captured mix  "), "{said}");
    }
}

#[test]
fn a_permit_lets_a_part_allocate_and_what_is_around_it_stays_denied() {
    let guard = deny_alloc("permitting").frees();
    permit(|| drop(bytes(100)));
    let kept = permit(|| {
        let _op = track("log");
        permit(|| bytes(50))
    });
    let tally = guard.finish();
    assert_eq!((tally.allocs, tally.allocated_bytes, tally.frees), (2, 150, 1), "it counts all the same");
    drop(kept);
    let said = denied(|| {
        let _none = deny_alloc("permitting");
        permit(|| drop(bytes(100)));
        drop(bytes(3));
        permit(|| drop(bytes(200)));
        drop(bytes(4));
    });
    assert!(headline(&said).starts_with("permitting: 2 allocations of 7 B, where none may be"), "{said}");
    assert!(said.contains("\n  first    1 allocation of 3 B in permitting  "), "{said}");
    assert_eq!(row("permitting").own.allocs, 5);
    assert_eq!(row("permitting/log").own.allocated_bytes, 50);
}

#[test]
fn a_guard_inside_a_permit_denies_for_itself_alone() {
    let guard = deny_alloc("outside");
    let said = permit(|| {
        denied(|| {
            let _none = deny_alloc("inside");
            drop(bytes(9));
        })
    });
    let allocs = guard.finish().allocs;
    assert!(headline(&said).starts_with("outside/inside: 1 allocation of 9 B, where none may be"), "{said}");
    assert!(allocs > 0, "what is permitted is counted");
}

#[test]
fn a_permit_ends_when_its_work_panics() {
    let said = denied(|| {
        let _none = deny_alloc("unwound");
        let panicked = catch_unwind(|| permit(|| std::panic::resume_unwind(Box::new(1u64))));
        assert!(panicked.is_err());
        // A box of eight bytes, and what unwinding takes.
        permit(|| drop(panicked));
        drop(bytes(5));
    });
    assert!(said.contains("\n  by       unwound: 1 allocation, 5 B\n"), "{said}");
}

#[test]
fn a_permit_is_that_of_its_thread() {
    let both = Arc::new(Barrier::new(2));
    let here = Arc::clone(&both);
    let other = std::thread::spawn(move || {
        denied(|| {
            let _none = deny_alloc("denied meanwhile");
            here.wait();
            drop(bytes(6));
            here.wait();
        })
    });
    let guard = deny_alloc("permitted meanwhile");
    permit(|| {
        both.wait();
        drop(bytes(7));
        both.wait();
    });
    drop(guard);
    let said = other.join().unwrap();
    assert_eq!(headline(&said), "denied meanwhile: 1 allocation of 6 B, where none may be");
}

#[test]
fn where_nothing_is_denied_a_permit_changes_nothing() {
    let (out, tally) = heapledger::measure("free", || permit(|| bytes(10)));
    assert_eq!((out.len(), tally.allocs, row("free").scopes), (10, 1, 1));
}

#[test]
fn what_fails_on_purpose_is_no_offence() {
    let guard = deny_alloc("failing");
    let scope = track("inside").fail_fraction(1.0, 1);
    let mut list = Vec::<u8>::new();
    assert!(black_box(&mut list).try_reserve(10).is_err());
    assert!(black_box(&mut list).try_reserve(20).is_err());
    assert_eq!(scope.failed(), 2);
    drop(scope);
    assert_eq!(guard.finish().allocs, 0);
    let mut list = bytes(5);
    let guard = deny_alloc("failing").allowing(1);
    let scope = track("inside").fail_nth(1);
    assert!(list.try_reserve(100).is_err(), "a resize");
    assert!(list.try_reserve(100).is_ok());
    drop(scope);
    assert_eq!(guard.finish().reallocs, 1);
}

#[test]
fn more_than_sixty_four_operations_are_added_up() {
    let names: Vec<String> = (0..70).map(|number| format!("op {number}")).collect();
    let said = denied(|| {
        let _none = deny_alloc("crowd");
        for name in &names {
            let _op = track(name.as_str());
            drop(bytes(1));
        }
    });
    assert!(headline(&said).starts_with("crowd: 70 allocations of 70 B,"), "{said}");
    // Those past the sixty-third are the largest.
    assert!(said.contains("\n  by       (other): 7 allocations, 7 B; crowd/op 0: 1 allocation, 1 B; "), "{said}");
    assert!(said.contains("; and 56 more operations\n"), "{said}");
}

#[test]
fn allowing_less_in_the_end_judges_what_was_allowed_before() {
    let said = denied(|| {
        let guard = deny_alloc("strict").allowing(5);
        drop(bytes(8));
        guard.allowing(0).finish()
    });
    assert!(headline(&said).starts_with("strict: 1 allocation of 8 B, where none may be"), "{said}");
    assert!(!said.contains("\n  first "), "it was allowed as it happened: {said}");
    let guard = deny_alloc("lenient");
    drop(bytes(8));
    drop(guard.allowing(1));
}

#[test]
fn the_failed_test_of_a_denied_operation_shows_the_message() {
    const NAME: &str = "the_failed_test_of_a_denied_operation_shows_the_message";
    if plays("denied") {
        let _none = deny_alloc("shown");
        drop(boxed(1u64));
        return;
    }
    let output = again(NAME, "denied");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("): 1 allocation of 8 B, where none may be\n  first    1 allocation of 8 B in shown  "),
        "{said}"
    );
    assert!(said.contains("deny_alloc \"shown\" (tests/deny_alloc.rs:"), "{said}");
}
