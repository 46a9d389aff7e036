//! What differs between two runs: every figure that is not the same, in columns, environment by environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::words::share;
use crate::judging::budget::{Figure, Measured, Run, operations};
use crate::words::printable;

/// Operation, figure, before, after, and by how much.
type DifferenceRow = [String; 5];

/// What differs from `base` to `head`. An environment that only one of them has is named, and not compared.
pub(crate) fn difference(base: &Run, head: &Run, out: &mut impl Write) -> fmt::Result {
    for part in &head.parts {
        writeln!(out, "{}", printable(&part.environment.to_string()))?;
        match base.parts.iter().find(|before| before.environment.key() == part.environment.key()) {
            Some(before) => figures(&operations(before), &operations(part), out)?,
            None => writeln!(out, "  the base has no such environment: nothing to compare with")?,
        }
    }
    let gone =
        base.parts.iter().filter(|part| head.parts.iter().all(|one| one.environment.key() != part.environment.key()));
    for part in gone {
        writeln!(out, "{}\n  only the base has this environment", printable(&part.environment.to_string()))?;
    }
    Ok(())
}

/// A line for every figure that is not the same.
fn figures(
    before: &BTreeMap<String, Measured>,
    after: &BTreeMap<String, Measured>,
    out: &mut impl Write,
) -> fmt::Result {
    let rows = rows(before, after);
    if rows.is_empty() {
        return writeln!(out, "  no figure differs");
    }
    let mut widths = [0; 5];
    for row in &rows {
        row.iter().zip(&mut widths).for_each(|(cell, width)| *width = cell.width().max(*width));
    }
    for row in &rows {
        let blank = |column: usize| " ".repeat(widths[column] - row[column].width());
        let [path, figure, then, now, change] = row;
        write!(out, "  {path}{}  {figure}{}  ", blank(0), blank(1))?;
        writeln!(out, "{}{then} -> {}{now}  {change}", blank(2), blank(3))?;
    }
    Ok(())
}

fn rows(before: &BTreeMap<String, Measured>, after: &BTreeMap<String, Measured>) -> Vec<DifferenceRow> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut rows = Vec::new();
    for path in paths {
        for figure in Figure::ALL {
            let of = |run: &BTreeMap<String, Measured>| Some(run.get(path)?.values.get(&figure)?.value);
            let (then, now) = (of(before), of(after));
            if then == now {
                continue;
            }
            let shown = |value: Option<i64>| value.map_or("-".into(), |value| figure.short(value));
            let change = then.zip(now).map_or_else(String::new, |(then, now)| change(figure, then, now));
            rows.push([printable(path), figure.to_string(), shown(then), shown(now), change]);
        }
    }
    rows
}

/// `+60 (+5.1 %)`.
fn change(figure: Figure, then: i64, now: i64) -> String {
    let change = now.saturating_sub(then);
    let sign = if change > 0 { "+" } else { "" };
    let share = share(change, then).map_or_else(String::new, |share| format!(" ({share})"));
    format!("{sign}{}{share}", figure.short(change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::budget::{Observed, Part};
    use crate::reading::Environment;

    fn part(target: &str, figures: &[(&str, Figure, i64)]) -> Part {
        let mut measured: BTreeMap<String, Measured> = BTreeMap::new();
        for (path, figure, value) in figures {
            let none = Measured { values: BTreeMap::new(), site: None, inside: None, ..Measured::default() };
            measured.entry((*path).into()).or_insert(none).values.insert(*figure, Observed::of(*value));
        }
        let report = serde_json::json!({
            "processes": 1, "difference": false, "problem": null, "rows": [],
            "process_bytes": 0, "process_peak_bytes": null, "process_peak_error": 0,
            "misnested": 0, "refused": 0, "foreign": 0, "shards": 0, "shard_bytes": 0,
        });
        Part {
            environment: Environment { target: target.into(), ..Environment::default() },
            blind: Vec::new(),
            measured,
            leak_tests: Vec::new(),
            denied: Vec::new(),
            denying: Vec::new(),
            unmet: Vec::new(),
            report: serde_json::from_value(report).expect("it is a report of nothing"),
        }
    }

    fn shown(base: Vec<Part>, head: Vec<Part>) -> String {
        let [base, head] = [base, head].map(|parts| Run { parts, ..Run::default() });
        let mut text = String::new();
        difference(&base, &head, &mut text).expect("it is only a string");
        text
    }

    #[test]
    fn every_figure_that_is_not_the_same_is_a_line_in_columns() {
        let before = [
            ("gone", Figure::Allocs, 3),
            ("same", Figure::PeakBytes, 10_240),
            ("search", Figure::Allocs, 1180),
            ("search", Figure::NetBytes, 0),
            ("search", Figure::PeakBytes, 1 << 20),
        ];
        let after = [
            ("new\n", Figure::AllocatedBytes, 2048),
            ("same", Figure::PeakBytes, 10_240),
            ("search", Figure::Allocs, 1240),
            ("search", Figure::NetBytes, -100),
            ("search", Figure::PeakBytes, (1 << 20) + 1),
        ];
        let expected = "\
x, , over , rustc\u{20}
  gone    allocs                  3 ->        - \u{20}
  new\\n   allocated_bytes         - -> 2.00 KiB \u{20}
  search  allocs              1,180 ->    1,240  +60 (+5.1 %)
  search  net_bytes             0 B ->   -100 B  -100 B
  search  peak_bytes       1.00 MiB -> 1.00 MiB  +1 B
";
        assert_eq!(shown(vec![part("x", &before)], vec![part("x", &after)]), expected);
        let same = shown(vec![part("x", &before)], vec![part("x", &before)]);
        assert_eq!(same, "x, , over , rustc \n  no figure differs\n");
    }

    #[test]
    fn columns_are_as_wide_as_names_look() {
        let figures = |value| vec![part("x", &[("日本", Figure::Allocs, value), ("abcd", Figure::Allocs, value)])];
        let text = shown(figures(1), figures(2));
        let expected = "  abcd  allocs  1 -> 2  +1 (+100.0 %)\n  日本  allocs  1 -> 2  +1 (+100.0 %)\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn the_farthest_figures_are_compared_without_an_overflow() {
        let figures = |value| vec![part("x", &[("a", Figure::NetBytes, value)])];
        let text = shown(figures(i64::MIN), figures(i64::MAX));
        assert!(text.ends_with("  -8.00 EiB -> 8.00 EiB  +8.00 EiB (+100.0 %)\n"), "{text}");
    }

    #[test]
    fn an_environment_that_only_one_run_has_is_named_and_not_compared() {
        let one = |target: &str| part(target, &[("a", Figure::Allocs, 1)]);
        let expected = "\
new, , over , rustc\u{20}
  the base has no such environment: nothing to compare with
both, , over , rustc\u{20}
  no figure differs
old, , over , rustc\u{20}
  only the base has this environment
";
        assert_eq!(shown(vec![one("both"), one("old")], vec![one("new"), one("both")]), expected);
    }
}
