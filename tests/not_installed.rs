//! A program in which heapledger is not the global allocator: everything compiles and does nothing, and whatever would
//! judge says so. A reading of zero must never pass for "nothing leaked".

#![allow(unsafe_code, reason = "calls an allocator directly, to show that this does not count as being installed")]

use std::alloc::{GlobalAlloc, Layout};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use heapledger::{Track as _, current, is_installed, measure, report, snapshot, track};

#[test]
fn the_allocator_knows_that_it_is_not_installed() {
    assert!(!is_installed());
    assert!(!std::thread::spawn(is_installed).join().unwrap());
}

#[test]
fn calling_an_allocator_directly_does_not_install_it() {
    static DIRECT: heapledger::Allocator = heapledger::Allocator::system();
    let layout = Layout::new::<[u64; 8]>();
    std::thread::spawn(move || {
        // SAFETY: the layout's size is not zero.
        let block = unsafe { DIRECT.alloc(layout) };
        assert!(!block.is_null());
        assert!(!is_installed());
        // SAFETY: the block came from there with this layout.
        unsafe { DIRECT.dealloc(block, layout) };
    })
    .join()
    .unwrap();
    assert!(snapshot().check().unwrap_err().is_not_installed());
}

#[test]
fn every_entrance_is_inert() {
    let outer = track("not seen");
    let op = current();
    assert_eq!(op.path(), "(unattributed)");
    assert_eq!(op.run(|| vec![0u8; 100]).len(), 100);
    let inner = op.enter().with_threads();
    drop(outer);
    assert_eq!(inner.finish(), heapledger::Tally::default());
    let (block, tally) = measure(format_args!("not seen {}", 1), || vec![0u8; 4096]);
    assert_eq!((block.len(), tally), (4096, heapledger::Tally::default()));
    op.adopt();
    assert_eq!(current().path(), "(unattributed)");

    let mut task = pin!(async { vec![1u8; 10] }.tracked("not seen either"));
    let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(vec![1u8; 10]));
    assert!(snapshot().operation("not seen").is_none() && snapshot().operation("not seen either").is_none());
}

#[test]
fn assertions_that_cannot_see_do_not_pass() {
    let assertions: [(&str, fn()); 4] = [
        ("assert_budget", || heapledger::assert_budget("x", || ())),
        ("budget", || drop(heapledger::budget("x"))),
        ("deny_alloc", || drop(heapledger::deny_alloc("x"))),
        ("LeakTest", || heapledger::LeakTest::new("x").assert(|_| ())),
    ];
    for (name, assertion) in assertions {
        let said = std::panic::catch_unwind(assertion).expect_err(name);
        let said = said.downcast::<String>().expect(name);
        assert!(said.contains("heapledger is not the global allocator"), "{name}: {said}");
    }
}

#[test]
fn a_check_that_cannot_see_does_not_pass() {
    let error = snapshot().check().expect_err("there is nothing to judge");
    assert!(error.is_not_installed() && !error.is_unsettled() && !error.is_violated());
    let said = error.to_string();
    assert!(said.contains("heapledger is not the global allocator") && said.contains("#[global_allocator]"), "{said}");
    let earlier = snapshot();
    let difference = snapshot() - earlier;
    assert!(difference.check().unwrap_err().is_not_installed());
}

#[test]
fn a_report_says_why_it_is_empty() {
    let report = report();
    assert!(report.problem().is_some_and(|problem| problem.contains("not the global allocator")));
    let text = report.to_string();
    assert!(text.contains("heapledger is not the global allocator of this program"), "{text}");
    let read = heapledger::Report::from_json(&report.to_json()).expect("it is our own");
    assert_eq!(read.problem(), report.problem());
}
