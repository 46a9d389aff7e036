//! Findings that the tests of all outputs share. Nothing but tests may use them.

use crate::judging::budget::{Against, Figure, Finding, Kind, Place, Verdict};
use crate::words::Site;

pub(super) fn place(file: &str, line: usize) -> Place {
    Place { file: file.into(), line, column: 3 }
}

pub(super) fn about(path: &str, figure: Option<Figure>, verdict: Verdict) -> Finding {
    let (path, grew) = (path.to_string(), Vec::new());
    Finding { path, figure, value: None, against: None, limit: None, verdict, note: None, why: None, grew, site: None }
}

/// `figure` of `path` was `value`, and is held against `limit`.
pub(super) fn compared(path: &str, figure: Figure, value: i64, kind: Kind, limit: i64) -> Finding {
    let place = match kind {
        Kind::Recorded => place("figures/linux.toml", 14),
        _ => place("heapledger.toml", 12),
    };
    let verdict = match (value.cmp(&limit), kind) {
        (std::cmp::Ordering::Greater, _) => Verdict::Breach,
        (std::cmp::Ordering::Less, Kind::Exact | Kind::Recorded) => Verdict::Improvement,
        _ => Verdict::Within,
    };
    let against = Some(Against { kind, figure: limit, tolerance: 0, place });
    let limit = Some(self::place("heapledger.toml", 12));
    Finding { value: Some(value), against, limit, ..about(path, Some(figure), verdict) }
}

pub(super) fn breach() -> Finding {
    Finding {
        grew: vec![("search/collect".into(), 58), ("search/parse".into(), 2)],
        why: Some("fits the smallest machine\n  we run on".into()),
        site: Some(Site { file: "tests/search.rs".into(), line: 6, column: 12 }),
        ..compared("search", Figure::Allocs, 1240, Kind::Recorded, 1180)
    }
}

/// One of everything that a run may find.
pub(super) fn run() -> Vec<Finding> {
    let noted = |note: &str, finding: Finding| Finding { note: Some(note.into()), ..finding };
    vec![
        compared("index_build", Figure::Allocs, 12, Kind::Exact, 12),
        compared("index_build", Figure::PeakBytes, 50 << 20, Kind::Ceiling, 64 << 20),
        noted(
            "the policy names it at heapledger.toml:30:1, and no test entered it",
            about("merge", None, Verdict::NotRun),
        ),
        breach(),
        compared("search", Figure::NetBytes, -100, Kind::Recorded, 0),
        Finding {
            value: Some(2048),
            ..noted("not in linux.toml yet", about("search", Some(Figure::PeakBytes), Verdict::New))
        },
        noted("no table of heapledger.toml names it", about("stray", None, Verdict::Unlisted)),
    ]
}

/// Everything that could break out of a format.
pub(super) const HOSTILE: &str = "a|b`c<d>&\"'\n::error::\r\u{1b}[31m%0A\u{202e}]]>\u{ffff}";

pub(super) fn hostile() -> Finding {
    let mut finding = Finding {
        note: Some(HOSTILE.into()),
        why: Some(HOSTILE.into()),
        grew: vec![(HOSTILE.into(), 5)],
        site: Some(Site { file: HOSTILE.into(), line: 1, column: 2 }),
        ..compared(HOSTILE, Figure::Allocs, 3, Kind::Ceiling, 2)
    };
    finding.against.as_mut().expect("it is compared").place.file = HOSTILE.into();
    finding
}
