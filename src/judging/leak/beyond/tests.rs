//! Threads and files on both sides of what is expected.

use super::super::left_open::left_open;
use super::super::made_up::evidence;
use super::*;

/// A test that expects so many threads and files, after so many iterations of which so many are there.
fn bounded(bounds: (u64, u64), threads: fn(u64) -> u64, files: fn(u64) -> u64) -> Evidence {
    let mut seen = evidence(3, |n| WindowEnd {
        threads: 4 + threads(n) as usize,
        files: [("/a/f#", 2 + files(n)), ("/a/", 2 + files(n)), ("/others", n)]
            .map(|(name, count)| (name.to_string(), count as usize))
            .into(),
        ..WindowEnd::default()
    });
    seen.file_owners.others.insert("/others".into());
    seen.file_owners.test.insert("/a/f#".into(), 1.0);
    (seen.bounded_threads, seen.bounded_files) = (Some(bounds.0), Some(bounds.1));
    seen
}

#[test]
fn threads_and_files_up_to_what_is_expected_are_no_leak() {
    // 112 iterations.
    assert_eq!(left_open(&bounded((112, 112), |n| n, |n| n)), None);
    assert_eq!(beyond_bounds(&bounded((112, 112), |n| n, |n| n)), Beyond::default());
    let left = |bounds| left_open(&bounded(bounds, |n| n, |n| n)).map(|left| (left.threads, left.files));
    assert_eq!(left((111, 112)), Some((1.0, 0.0)));
    assert_eq!(left((112, 111)), Some((0.0, 1.0)));
    let over = beyond_bounds(&bounded((111, 47), |n| n, |n| n));
    assert_eq!(over, Beyond { threads: Some((112, 111)), files: Some((48, 47)) }, "of the files, those that stay");
    assert_eq!(beyond_bounds(&bounded((112, 48), |n| n, |n| n)), Beyond::default());
}

#[test]
fn the_most_threads_count_and_the_files_that_stay() {
    // As many as forty-eight at the end of the second window, none at that of the third.
    let over = beyond_bounds(&bounded((47, 0), |n| n % 112, |n| n % 112));
    assert_eq!(over, Beyond { threads: Some((48, 47)), files: None });
    assert_eq!(beyond_bounds(&Evidence::default()), Beyond::default());
}
