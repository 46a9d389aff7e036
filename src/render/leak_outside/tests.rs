//! What is said of the outside, word for word.

use std::panic::Location;

use super::super::leak::{leak, sentence, warnings};
use super::*;
use crate::judging::leak::{Live, OutsideLeaks, Rate, Verdict, bare_findings};

fn placed(path: &str) -> Placed {
    Placed { path: path.into(), site: Some(Location::caller().into()) }
}

fn found(verdict: Verdict, leaks: &[&str], are_the_verdict: bool, warnings: Vec<Warning>) -> Findings {
    let leak = |path: &&str| Growth {
        operation: placed(path),
        live: Live { bytes: 1200, blocks: 100 },
        rate: Rate { bytes: 12.0, blocks: 1.0 },
    };
    Findings {
        iterations: 200,
        windows: 3,
        last_window: 100,
        outside: OutsideLeaks { leaks: leaks.iter().map(leak).collect(), are_the_verdict },
        counts_threads: true,
        warnings,
        ..bare_findings("send", verdict)
    }
}

const LEAK: Verdict = Verdict::Leak {
    bytes_per_iteration: 12.0,
    blocks_per_iteration: 1.0,
    exact: true,
    threads_per_iteration: 1.0,
    files_per_iteration: 0.0,
};

fn in_step(path: &str) -> Warning {
    Warning::OutsideInStep { operation: placed(path), per_iteration: Live { bytes: 12, blocks: 1 } }
}

fn text(found: &Findings) -> String {
    let mut text = String::new();
    leak(found, &mut text).expect("writing to a string does not fail");
    text
}

#[test]
fn a_leak_outside_is_named_in_the_headline_and_among_what_grows() {
    let outside = found(LEAK, &["history"], true, Vec::new());
    let headline = "LEAK: it leaves exactly 12 B in 1 block per iteration, in history, outside the test, 1 running thread per iteration";
    assert_eq!(sentence(&outside), headline);
    let text = text(&outside);
    assert!(text.contains("  grows    history (src/render/leak_outside/tests.rs:"), "{text}");
    assert!(
        text.contains("), outside the test, by 12 B in 1 block per iteration; 1.17 KiB (1,200 B) in 100 blocks over"),
        "{text}"
    );
    assert!(text.contains("  next     look at what works for the test there"), "{text}");
    let mut known = found(LEAK, &["history"], true, Vec::new());
    known.growing = known.outside.leaks.clone();
    let known = self::text(&known);
    assert_eq!(known.matches("  grows    history (").count(), 1, "{known}");
    let (four, five) = (["a", "b", "c", "d"], ["a", "b", "c", "d", "e"]);
    assert_eq!(place(&found(LEAK, &four, true, Vec::new())), ", in a, b, c and 1 more, outside the test");
    assert_eq!(place(&found(LEAK, &five, true, Vec::new())), ", in a, b, c and 2 more, outside the test");
    assert_eq!(place(&found(LEAK, &[], true, Vec::new())), "");
}

#[test]
fn a_leak_of_the_test_s_own_says_what_grows_beside_it() {
    let both = found(LEAK, &["history"], false, Vec::new());
    assert!(sentence(&both).ends_with(" per iteration; outside, history grows in step with it"), "{}", sentence(&both));
    assert!(!sentence(&both).contains("outside the test"));
    assert!(text(&both).contains("  next     join the threads"), "it has advice of its own");
}

#[test]
fn clean_is_not_said_beside_what_keeps_step() {
    let clean = |warnings| sentence(&found(Verdict::Clean, &[], true, warnings));
    assert_eq!(clean(Vec::new()), "clean: every iteration gives back what it takes");
    assert_eq!(clean(vec![Warning::UnseenThreads { count: 1 }]), "clean: every iteration gives back what it takes");
    let inside = "clean inside: the test's own operations keep nothing";
    assert_eq!(clean(vec![in_step("history")]), format!("{inside}; outside, history grows in step with it"));
    assert_eq!(clean(vec![in_step("a"), in_step("b")]), format!("{inside}; outside, a, b grow in step with it"));
}

#[test]
fn what_to_do_next_is_said_of_warnings_too() {
    let next = |verdict, warnings| advice(&found(verdict, &[], true, warnings)).unwrap_or("none");
    assert_eq!(next(Verdict::Clean, Vec::new()), "none");
    assert!(next(Verdict::Clean, vec![in_step("a"), Warning::UnseenThreads { count: 1 }]).starts_with("run it alone"));
    assert!(next(Verdict::Clean, vec![Warning::UnseenThreads { count: 1 }]).starts_with("carry the operation"));
    assert_eq!(next(LEAK, vec![in_step("a"), Warning::UnseenThreads { count: 1 }]), "none");
}

#[test]
fn warnings_are_a_line_each() {
    let two = found(Verdict::Clean, &[], true, vec![in_step("history"), Warning::UnseenThreads { count: 1 }]);
    let said = warnings(&two);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(
        lines[0].starts_with("leak test \"send\": outside, history (src/render/leak_outside/tests.rs:")
            && lines[0].contains(") grows by 12 B in 1 block per iteration"),
        "{said}"
    );
    assert!(lines[1].contains("1 thread began meanwhile whose memory is not counted"), "{said}");
    assert!(lines[1].contains("`tracked`") && lines[1].contains("`Operation::run`"), "{said}");
    assert!(lines[1].contains("feature `threads`"), "{said}");
}
