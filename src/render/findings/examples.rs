//! Findings that the tests of all outputs share. Nothing but tests may use them.

use crate::judging::budget::{Against, Basis, Figure, Finding, Place, Status};
use crate::words::Site;

pub(super) fn place(file: &str, line: usize) -> Place {
    Place { file: file.into(), line, column: 3 }
}

/// `figure` of `path` was `value`, and is held against `limit`.
pub(super) fn compared(path: &str, figure: Figure, value: i64, basis: Basis, limit: i64) -> Finding {
    let place = match basis {
        Basis::Recorded => place("figures/linux.toml", 14),
        _ => place("heapledger.toml", 12),
    };
    let status = match (value.cmp(&limit), basis) {
        (std::cmp::Ordering::Greater, _) => Status::Breach,
        (std::cmp::Ordering::Less, Basis::Exact | Basis::Recorded) => Status::Improvement,
        _ => Status::Within,
    };
    let against = Some(Against { basis, figure: limit, tolerance: 0, place });
    let limit = Some(self::place("heapledger.toml", 12));
    Finding { value: Some(value), against, limit, ..Finding::of(path, Some(figure), status) }
}

pub(super) fn breach() -> Finding {
    Finding {
        grew: vec![("search/collect".into(), 58), ("search/parse".into(), 2)],
        why: Some("fits the smallest machine\n  we run on".into()),
        site: Some(Site { file: "tests/search.rs".into(), line: 6, column: 12 }),
        ..compared("search", Figure::Allocs, 1240, Basis::Recorded, 1180)
    }
}

/// One of everything that a run may find.
pub(super) fn run() -> Vec<Finding> {
    let noted = |note: &str, finding: Finding| Finding { note: Some(note.into()), ..finding };
    vec![
        compared("index_build", Figure::Allocs, 12, Basis::Exact, 12),
        compared("index_build", Figure::PeakBytes, 50 << 20, Basis::Ceiling, 64 << 20),
        noted(
            "the policy names it at heapledger.toml:30:1, and no test entered it",
            Finding::of("merge", None, Status::NotRun),
        ),
        breach(),
        compared("search", Figure::NetBytes, -100, Basis::Recorded, 0),
        Finding {
            value: Some(2048),
            ..noted("not in linux.toml yet", Finding::of("search", Some(Figure::PeakBytes), Status::New))
        },
        noted("no table of heapledger.toml names it", Finding::of("stray", None, Status::Unlisted)),
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
        ..compared(HOSTILE, Figure::Allocs, 3, Basis::Ceiling, 2)
    };
    finding.against.as_mut().expect("it is compared").place.file = HOSTILE.into();
    finding
}
