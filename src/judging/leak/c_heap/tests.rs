//! C's heap and Rust's part of it, on values that are made up.

use super::super::evidence::WindowEnd;
use super::super::made_up::evidence;
use super::*;

/// What is said of so many windows, if so many bytes are in use, and of Rust's blocks so many are live, after so many
/// iterations.
fn grown(windows: usize, in_use: impl Fn(u64) -> i64, rust: impl Fn(u64) -> Live) -> Option<f64> {
    let at = |n| CHeapRead { in_use: in_use(n) + 1_000_000, mapped: 3, rust: rust(n) };
    c_heap_growth(&evidence(windows, |n| WindowEnd { c_heap: Some(at(n)), ..WindowEnd::default() }))
}

fn nothing(_: u64) -> Live {
    Live::default()
}

#[test]
fn what_c_code_keeps_with_every_iteration_is_told() {
    assert_eq!(grown(8, |n| 48 * n as i64, nothing), Some(48.0));
    assert_eq!(grown(8, |n| 8 * n as i64, nothing), Some(8.0));
    assert_eq!(grown(8, |n| 7 * n as i64, nothing), None, "less than `malloc` keeps for itself");
    assert_eq!(grown(8, |n| 48 * n as i64, |n| Live { bytes: n as i64 * -8, blocks: 0 }), Some(56.0));
}

#[test]
fn a_verdict_needs_four_windows_and_sixteen_kib_in_the_last() {
    // The fourth window has 128 iterations.
    assert_eq!(grown(4, |n| 128 * n as i64, nothing), Some(128.0));
    assert_eq!(grown(4, |n| 127 * n as i64, nothing), None);
    assert_eq!(grown(3, |n| 4096 * n as i64, nothing), None);
}

#[test]
fn what_stops_or_slows_down_is_none() {
    assert_eq!(grown(8, |n| n.min(2000) as i64 * 48, nothing), None, "it stopped in the last window");
    assert_eq!(grown(8, |n| (n as f64).sqrt() as i64 * 4800, nothing), None);
    // 48 bytes, then 0.81 or 0.79 of that.
    let slower = |share: f64| {
        grown(8, move |n| (48.0 * (n.min(2032) as f64 + share * n.saturating_sub(2032) as f64)) as i64, nothing)
    };
    assert!(slower(0.81).is_some() && slower(0.79).is_none());
    let faster = |share: f64| {
        grown(8, move |n| (48.0 * (share * n.min(2032) as f64 + n.saturating_sub(2032) as f64)) as i64, nothing)
    };
    assert!(faster(0.81).is_some() && faster(0.79).is_none());
}

#[test]
fn rust_s_own_blocks_are_no_growth_of_c_s_heap() {
    let blocks = |n: u64| Live { bytes: 100 * n as i64, blocks: n as i64 };
    let with = |around: i64| grown(8, move |n| (100 + around) * n as i64, blocks);
    assert_eq!(with(43), None, "a chunk is that much larger at most");
    assert_eq!(with(43 + 8), Some(8.0));
    // Rust gives back blocks, and C code takes as much.
    let fewer = |n: u64| Live { bytes: -100 * n as i64, blocks: -(n as i64) };
    assert_eq!(grown(8, |_| 0, fewer), Some(112.0), "the least that the blocks had");
    // The ledger's own blocks come in one window and go in the next: what was taken for theirs is not given back.
    let own = |n: u64| if n == 1008 { 40 } else { 0 };
    let rust = move |n: u64| Live { bytes: own(n) * 100, blocks: own(n) };
    assert_eq!(grown(7, move |n| 48 * n as i64 + own(n) * 116, rust), Some(48.0 - 4.0 * 40.0 / 1024.0));
}

#[test]
fn a_mapping_may_be_a_page_larger_than_its_block() {
    let grown = |around: i64, mapped: i64| {
        let at = |n: u64| CHeapRead {
            in_use: (1_000_000 + around) * n as i64,
            mapped: mapped * n as i64,
            rust: Live { bytes: 1_000_000 * n as i64, blocks: 0 },
        };
        c_heap_growth(&evidence(6, |n| WindowEnd { c_heap: Some(at(n)), ..WindowEnd::default() }))
    };
    assert_eq!(grown(4112, 1), None);
    assert_eq!(grown(4112 + 8, 1), None, "too little in 512 iterations");
    assert_eq!(grown(4112 + 40, 1), Some(40.0));
    assert_eq!(grown(40, -1), Some(40.0), "mappings that were given back excuse nothing");
}

#[test]
fn what_was_not_read_is_not_judged() {
    let mut seen = evidence(8, |n| WindowEnd {
        c_heap: Some(CHeapRead { in_use: 48 * n as i64, ..CHeapRead::default() }),
        ..WindowEnd::default()
    });
    assert_eq!(c_heap_growth(&seen), Some(48.0));
    seen.ends[4].c_heap = None;
    assert_eq!(c_heap_growth(&seen), None);
    assert_eq!(c_heap_growth(&Evidence::default()), None);
}
