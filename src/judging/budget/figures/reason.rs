//! Why a recorded figure may be more than the one before it was: the comment beside it, written and read. What is
//! recorded is for `read` and `write`; nothing is judged by a reason.

use std::collections::BTreeMap;

use toml_spanner::Table;

use crate::judging::budget::figure::Figure;
use crate::words::printable;

/// Parts the figure as people say it from the reason.
const BETWEEN: &str = "; ";

/// The comment beside a figure: how people say it where that is another way, and the reason.
pub(super) fn comment(figure: Figure, value: i64, reason: Option<&str>) -> Option<String> {
    let short = (!figure.is_exact_in_short(value)).then(|| figure.short(value));
    let reason = reason.map(|reason| printable(reason.trim())).filter(|reason| !reason.is_empty());
    let parts: Vec<String> = short.into_iter().chain(reason).collect();
    (!parts.is_empty()).then(|| parts.join(BETWEEN))
}

/// The reasons that stand beside the figures of `operations`, which were read from `text`.
pub(super) fn reasons(operations: &Table<'_>, text: &str) -> BTreeMap<(String, Figure), String> {
    let mut reasons = BTreeMap::new();
    for (path, figures) in operations {
        for (name, value) in figures.as_table().into_iter().flatten() {
            let Some((figure, number)) = Figure::named(name.name).zip(value.as_i64()) else { continue };
            let line = text.get(value.span().range().end..).and_then(|rest| rest.lines().next()).unwrap_or("");
            let Some(said) = line.trim().strip_prefix('#').map(str::trim) else { continue };
            if let Some(reason) = reason_in(figure, number, said) {
                reasons.insert((path.name.to_string(), figure), printable(reason));
            }
        }
    }
    reasons
}

fn reason_in(figure: Figure, value: i64, comment: &str) -> Option<&str> {
    let short = (!figure.is_exact_in_short(value)).then(|| figure.short(value));
    let reason = match short.and_then(|short| comment.strip_prefix(&short)) {
        Some("") => return None,
        Some(rest) => rest.strip_prefix(BETWEEN).unwrap_or(comment),
        None => comment,
    };
    Some(reason.trim()).filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_beside_a_figure_is_its_reason_again() {
        for reason in ["hits are owned", "a; b", "2.00 KiB; more", "#1"] {
            for (figure, value) in [(Figure::Allocs, 2048), (Figure::PeakBytes, 2048), (Figure::NetBytes, -5)] {
                let comment = comment(figure, value, Some(reason)).expect("there is something to say");
                assert_eq!(reason_in(figure, value, &comment), Some(reason), "{comment}");
            }
        }
    }

    #[test]
    fn the_figure_as_people_say_it_is_no_reason() {
        assert_eq!(comment(Figure::Allocs, 5, None), None);
        let said = comment(Figure::PeakBytes, 2048, None).expect("people say it otherwise");
        assert_eq!((&*said, reason_in(Figure::PeakBytes, 2048, &said)), ("2.00 KiB", None));
        assert_eq!(comment(Figure::Allocs, 5, Some("a\nb")).as_deref(), Some("a\\nb"));
        assert_eq!(reason_in(Figure::Allocs, 5, ""), None);
    }
}
