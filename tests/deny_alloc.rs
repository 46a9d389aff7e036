//! Operations that must not allocate: what the message says, to the letter; what is allowed; who is not to blame; and
//! when the guard stays silent.

mod common;

use std::any::Any;
use std::cell::RefCell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;

use common::{again, balanced, plays, row, tally};
use heapledger::{deny_alloc, track};

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
    let expected = format!(
        "deny_alloc \"parse\": 3 allocations of 1.21 KiB (1,234 B), 1 resize, where none may be\n\
         \x20 at       tests/deny_alloc.rs:{line}:21\n\
         \x20 by       parse/tokens: 2 allocations, 200 B; parse: 1 allocation, 1,034 B, 1 resize\n\
         \x20 next     reuse a buffer, or reserve before the scope; frees are allowed"
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
    let expected = format!(
        "deny_alloc \"small\": 1 allocation of 8 B, where none may be\n\
         \x20 at       tests/deny_alloc.rs:{line}:21\n\
         \x20 by       small: 1 allocation, 8 B\n\
         \x20 next     reuse a buffer, or reserve before the scope; frees are allowed"
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
    assert!(said.starts_with("deny_alloc \"resizes\": 2 resizes of 4.90 KiB (5,020 B), where none may be\n"), "{said}");
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
    assert!(said.starts_with("deny_alloc \"line\\nbreak\": 1 allocation of 1 B,"), "{said}");
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
    assert!(
        said.starts_with("deny_alloc \"allowing\": 1 allocation of 30 B, 1 resize, where at most 1 may be\n"),
        "{said}"
    );
}

#[test]
fn finish_panics_as_a_drop_does_and_the_scope_has_ended_then() {
    let said = denied(|| {
        let guard = deny_alloc("finished");
        drop(boxed(1u16));
        guard.finish()
    });
    assert!(said.starts_with("deny_alloc \"finished\": 1 allocation of 2 B,"), "{said}");
    assert_eq!(heapledger::current().path(), "(unattributed)");
}

#[test]
fn the_innermost_guard_is_the_one_that_panics_and_the_outer_one_stays_silent() {
    let said = denied(|| {
        let _outer = deny_alloc("outer");
        let _inner = deny_alloc("inner");
        boxed(1u32)
    });
    assert!(said.starts_with("deny_alloc \"outer/inner\": 1 allocation of 4 B,"), "{said}");
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
    assert!(said.starts_with("deny_alloc \"first/second\": "), "{said}");
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
    assert!(said.starts_with("deny_alloc \"late\": 1 allocation of 3 B,"), "{said}");
    assert!(said.contains("\n  by       late: 1 allocation, 3 B\n"), "{said}");
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
    assert!(said.contains("deny_alloc \"shown\": 1 allocation of 8 B, where none may be\n  at       tests/"), "{said}");
}
