//! What call stacks have of a figure: stacks that look the same are one line, the largest first. A function of values.

use std::collections::BTreeMap;

use super::look::look;
use crate::judging::budget::FigureByStack;
use crate::words::counted;

/// Lines shown; what more there is stands in one line.
const MOST: usize = 3;

/// `45 of 49 allocs  src/engine.rs:30 Engine::collect <- ..`, and what is not shown in one line.
pub(crate) fn shares(of: &FigureByStack) -> Vec<String> {
    let mut by_look: BTreeMap<String, i64> = BTreeMap::new();
    for share in &of.shares {
        *by_look.entry(look(share.kind, &share.frames)).or_default() += share.value;
    }
    let mut sorted = Vec::from_iter(by_look);
    sorted.sort_by_key(|(_, value)| -value);
    let all = of.figure.short(of.shares.iter().map(|share| share.value).sum());
    let amount = |value: i64| format!("{} of {all} {}", of.figure.short(value), of.figure.name());
    let (shown, others) = sorted.split_at(sorted.len().min(MOST));
    let mut lines = Vec::from_iter(shown.iter().map(|(look, value)| format!("{}  {look}", amount(*value))));
    if !others.is_empty() {
        let rest = others.iter().map(|(_, value)| value).sum();
        lines.push(format!("{} in {}", amount(rest), counted(others.len() as u64, "other stack")));
    }
    lines
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
            shares_text(&FigureByStack { figure, shares, lines: BTreeMap::new() })
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

    fn shares_text(of: &FigureByStack) -> String {
        shares(of).join("\n")
    }
}
