//! What call stacks have of a figure: stacks that look the same are one line, the largest first; where lines were
//! recorded with the figure, those first that have more than then. A function of values.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::fold::UNKNOWN;
use super::look::{look, unnumbered};
use crate::judging::budget::{ByLine, Figure, FigureByStack};
use crate::words::counted;

/// Lines shown; what more there is stands in one line.
const MOST: usize = 3;

/// What a line has.
#[derive(Default)]
struct LineShare {
    value: i64,
    /// What it had when the figure was recorded.
    then: i64,
    /// How the largest stack of the line looks, and what that has.
    largest: (i64, String),
    /// How it differs from what was recorded.
    note: String,
}

/// `45 of 49 allocs  src/engine.rs:30 Engine::collect <- .. (+41, was 4)`, and what is not shown in one line.
pub(crate) fn shares(of: &FigureByStack, recorded: Option<&ByLine>) -> Vec<String> {
    let figure = of.figure;
    let mut by_line: BTreeMap<String, LineShare> = BTreeMap::new();
    for share in &of.shares {
        let shown = look(share.kind, &share.frames);
        let line = if recorded.is_some() { unnumbered(share.kind, &share.frames) } else { shown.clone() };
        let known = by_line.entry(line).or_default();
        known.value += share.value;
        if share.value > known.largest.0 {
            known.largest = (share.value, shown);
        }
    }
    if let Some(recorded) = recorded {
        for (line, share) in &mut by_line {
            (share.then, share.note) = since(figure, share.value, line, recorded);
        }
    }
    let mut sorted = Vec::from_iter(by_line.into_values());
    sorted.sort_by_key(|share| Reverse((share.value - share.then, share.value)));
    let all = figure.short(of.shares.iter().map(|share| share.value).sum());
    let amount = |value: i64| format!("{} of {all} {}", figure.short(value), figure.name());
    let (shown, others) = sorted.split_at(sorted.len().min(MOST));
    let line = |share: &LineShare| format!("{}  {}{}", amount(share.value), share.largest.1, share.note);
    let mut lines = Vec::from_iter(shown.iter().map(line));
    if !others.is_empty() {
        let rest = others.iter().map(|share| share.value).sum();
        lines.push(format!("{} in {}", amount(rest), counted(others.len() as u64, "other stack")));
    }
    lines
}

/// What a line had when the figure was recorded, and how it differs from that.
fn since(figure: Figure, value: i64, line: &str, recorded: &ByLine) -> (i64, String) {
    let Some(&then) = recorded.get(line) else {
        // Of stacks that were not looked up then, it may have been one.
        let note = if recorded.contains_key(UNKNOWN) { " (not recorded by itself)" } else { " (new)" };
        return (0, note.into());
    };
    let plus = if value > then { "+" } else { "" };
    let note = match value == then {
        true => " (as recorded)".into(),
        false => format!(" ({plus}{}, was {})", figure.short(value.saturating_sub(then)), figure.short(then)),
    };
    (then, note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::budget::{Figure, StackShare};
    use crate::reading::CallStackKind;
    use crate::symbols::{CallFrame, Origin};

    fn share(line: u32, value: i64) -> StackShare {
        let frame = CallFrame {
            function: Some("app::copy".into()),
            file: Some("src/engine.rs".into()),
            line: Some(line),
            column: None,
            origin: Origin::Workspace,
            unresolved: None,
        };
        StackShare { frames: vec![frame], kind: CallStackKind::Complete, value }
    }

    #[test]
    fn the_largest_come_first_and_the_others_are_added_up() {
        let of = |figure, values: &[(u32, i64)]| {
            let shares = values.iter().map(|(line, value)| share(*line, *value)).collect();
            shares_text(&FigureByStack { figure, shares, lines: BTreeMap::new(), by_line: BTreeMap::new() }, None)
        };
        assert_eq!(
            of(Figure::Allocs, &[(1, 2), (2, 40), (2, 5), (3, 3), (4, 1), (5, 1)]),
            "45 of 52 allocs  src/engine.rs:2 copy\n3 of 52 allocs  src/engine.rs:3 copy\n\
             2 of 52 allocs  src/engine.rs:1 copy\n2 of 52 allocs in 2 other stacks"
        );
        let bytes = of(Figure::AllocatedBytes, &[(7, 2048)]);
        assert_eq!(bytes, "2.00 KiB of 2.00 KiB allocated_bytes  src/engine.rs:7 copy");
        assert_eq!(of(Figure::Allocs, &[]), "");
    }

    #[test]
    fn where_lines_were_recorded_those_that_have_more_come_first() {
        let shares = [(1, 4), (1, 3), (2, 40), (3, 5), (4, 1)].map(|(line, value)| share(line, value));
        let mut of = FigureByStack {
            figure: Figure::Allocs,
            shares: shares.into(),
            by_line: BTreeMap::new(),
            lines: BTreeMap::new(),
        };
        for (at, name) in ["one", "one", "two", "three", "four"].into_iter().enumerate() {
            of.shares[at].frames[0].function = Some(format!("app::{name}"));
        }
        let recorded = |lines: &[(&str, i64)]| {
            let key = |(name, value): &(&str, i64)| (format!("src/engine.rs {name}"), *value);
            ByLine::from_iter(lines.iter().map(key))
        };
        // The same function at two lines is shown at the one that has more.
        of.shares[1].frames[0].line = Some(9);
        let mut then = recorded(&[("one", 2), ("two", 40), ("three", 9), ("gone", 7)]);
        assert_eq!(
            shares_text(&of, Some(&then)),
            "7 of 53 allocs  src/engine.rs:1 one (+5, was 2)\n1 of 53 allocs  src/engine.rs:4 four (new)\n\
             40 of 53 allocs  src/engine.rs:2 two (as recorded)\n5 of 53 allocs in 1 other stack"
        );
        then.insert(UNKNOWN.into(), 1);
        then.insert("src/engine.rs two".into(), 41);
        let said = shares_text(&of, Some(&then));
        assert!(
            said.contains(":4 four (not recorded by itself)\n40 of 53 allocs  src/engine.rs:2 two (-1, was 41)"),
            "{said}"
        );
        assert!(shares_text(&of, None).starts_with("40 of 53 allocs  src/engine.rs:2 two\n"));
    }

    fn shares_text(of: &FigureByStack, recorded: Option<&ByLine>) -> String {
        shares(of, recorded).join("\n")
    }
}
