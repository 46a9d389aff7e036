//! Rows against what their paths say.

use std::collections::BTreeMap;

use super::*;
use crate::words::Tally;

/// Rows of these paths, each with something that lives; what they are nested in is made where it is missing.
fn rows(paths: &[(String, i64)]) -> Vec<OperationRow> {
    let mut all: Vec<OperationRow> = Vec::new();
    for (path, live) in paths {
        let mut parent = None;
        for name in path.split('/') {
            all.push(OperationRow::blank(name.to_string(), parent));
            parent = Some(all.len() as u32 - 1);
        }
        let (live_bytes, peak_bytes) = (*live, Some(*live as u64));
        let last = all.last_mut().expect("a path has a name");
        last.own = Tally { live_bytes, allocs: 1, peak_bytes, ..Tally::default() };
        last.scopes = 1;
    }
    all
}

#[test]
fn every_total_is_the_sum_of_what_is_below_it_whatever_the_order_and_whatever_is_missing() {
    let mut given = Vec::new();
    for at in 0..400_i64 {
        let names = ["a", "bb", "c", "a"].iter().enumerate().map(|(depth, name)| format!("{name}{}", at >> depth & 3));
        given.push((Vec::from_iter(names.take(1 + at as usize % 4)).join("/"), at * 7 % 101));
    }
    given.push(("alone/deep/deeper".into(), 3));
    given.reverse();
    let rows = Rows::arranged(rows(&given)).expect("nothing overflows");
    let mut own: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
    for (path, live) in &given {
        let known = own.entry(path).or_default();
        *known = (known.0 + 1, known.1 + live);
    }
    let listed = rows.listed();
    assert_eq!(BTreeMap::from_iter(listed.iter().map(|row| (&row.path, ()))).len(), listed.len(), "each path once");
    assert_eq!(listed.iter().map(|row| row.own.allocs).sum::<u64>(), 401);
    assert_eq!(listed.iter().filter(|row| row.scopes > 0).count(), own.len());
    let blank = listed.iter().filter(|row| row.scopes == 0 && row.path.starts_with("alone"));
    assert_eq!(Vec::from_iter(blank.map(|row| row.path.as_str())), ["alone", "alone/deep"]);
    let places = rows.places();
    for (at, row) in listed.iter().enumerate() {
        let inside = |path: &str| path == row.path || path.starts_with(&format!("{}/", row.path));
        let below = own.iter().filter(|(path, _)| inside(path));
        assert_eq!(row.total.live_bytes, below.map(|(_, (_, live))| live).sum::<i64>(), "{}", row.path);
        assert_eq!(row.total.peak_bytes, row.own.peak_bytes, "{}", row.path);
        assert_eq!(own.get(&*row.path).map_or((0, 0), |own| *own), (row.own.allocs, row.own.live_bytes));
        assert_eq!(
            (rows.path(at), rows.find(&row.path), places.find(&row.path)),
            (row.path.clone(), Some(at), Some(at as u32))
        );
        assert!(rows[at].parent.is_none_or(|parent| (parent as usize) < at), "{}", row.path);
    }
    assert_eq!((rows.find("alone/deeper"), places.find("alone/deeper"), rows.find("")), (None, None, None));
    for pair in listed.windows(2) {
        let parent_of = |path: &str| path.rsplit_once('/').map(|(parent, _)| parent.to_string());
        let (before, here) = (&pair[0], &pair[1]);
        let shared = parent_of(&here.path)
            .is_none_or(|parent| before.path == parent || before.path.starts_with(&format!("{parent}/")));
        assert!(shared, "{} stands behind {}", here.path, before.path);
        let siblings = parent_of(&before.path) == parent_of(&here.path);
        assert!(!siblings || before.total.live_bytes >= here.total.live_bytes, "{} {}", before.path, here.path);
    }
}

#[test]
fn rows_of_two_reports_are_added_up_place_by_place() {
    let of = |paths: &[(&str, i64)]| {
        let given = Vec::from_iter(paths.iter().map(|(path, live)| (path.to_string(), *live)));
        Rows::arranged(rows(&given)).expect("nothing overflows")
    };
    let (one, other) = (of(&[("a/x", 1), ("b/x", 20)]), of(&[("b", 100), ("c/x", 2000), ("a/x", 4), ("a/y", 8)]));
    let mut sum = one.joined_with(other).expect("nothing overflows");
    sum.arrange();
    let all = of(&[("a/x", 1), ("b/x", 20), ("b", 100), ("c/x", 2000), ("a/x", 4), ("a/y", 8)]);
    assert_eq!(sum, all);
    assert_eq!(sum.len(), 7);
    let mut huge = rows(&[("a".into(), 1), ("a".into(), i64::MAX)]);
    assert!(Rows::arranged(huge.clone()).is_none());
    huge.truncate(1);
    assert!(Rows::arranged(huge).is_some());
}
