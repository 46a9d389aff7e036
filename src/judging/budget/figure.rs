//! What can be limited, how far a figure may be from another one, and where that is written.

use std::fmt;

use crate::words::{Bytes, exact};

/// What can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Figure {
    Allocs,
    AllocatedBytes,
    LiveBytes,
    LiveBytesPerIteration,
    NetBytes,
    PeakBytes,
}

impl Figure {
    /// All of them, by name.
    pub(crate) const ALL: [Self; 6] = [
        Self::Allocs,
        Self::AllocatedBytes,
        Self::LiveBytes,
        Self::LiveBytesPerIteration,
        Self::NetBytes,
        Self::PeakBytes,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allocs => "allocs",
            Self::AllocatedBytes => "allocated_bytes",
            Self::LiveBytes => "live_bytes",
            Self::LiveBytesPerIteration => "live_bytes_per_iteration",
            Self::NetBytes => "net_bytes",
            Self::PeakBytes => "peak_bytes",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }

    /// Whether it counts blocks and not bytes.
    pub(crate) fn is_count(self) -> bool {
        self == Self::Allocs
    }

    /// `value` as people read it, with the exact number where that is another one.
    pub(crate) fn shown(self, value: i64) -> String {
        let short = Bytes(value.into()).to_string();
        match self {
            Self::Allocs => exact(value.into()),
            _ if value.unsigned_abs() < 1024 => short,
            _ => format!("{short} ({} B)", exact(value.into())),
        }
    }

    /// `value` in few characters, for a column.
    pub(crate) fn short(self, value: i64) -> String {
        match self {
            Self::Allocs => exact(value.into()),
            _ => Bytes(value.into()).to_string(),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A counter as a figure: what is larger than any limit can be is as large as a limit can be.
pub(crate) fn clamped(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A place in a file that people wrote. Lines and columns count from one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// As it is to be shown: relative to where the reader is, if it can be.
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// The place of byte `at` in `text`. Columns are characters.
    pub(crate) fn of(file: &str, text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self { file: file.into(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How far a figure may be from another one: a share of it, and at least so much.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tolerance {
    /// Of the figure, in percent.
    pub(crate) percent: f64,
    /// In the unit of the figure.
    pub(crate) minimum: i64,
}

impl Tolerance {
    /// How far a figure may be from `from`.
    pub(crate) fn around(self, from: i64) -> i64 {
        // Truncated: 1 % of 150 blocks is one block.
        let share = (from.unsigned_abs() as f64 * self.percent / 100.0) as i64;
        share.max(self.minimum)
    }
}

/// What one figure of one operation may be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FigureLimit {
    /// It is this figure, within the tolerance. More is a breach, less an improvement.
    pub(crate) exact: Option<i64>,
    /// It is the recorded figure, within the tolerance. More is a breach, less an improvement.
    pub(crate) ratchet: bool,
    /// It is at most this figure.
    pub(crate) max: Option<i64>,
    pub(crate) tolerance: Tolerance,
    /// Where the limit is written.
    pub(crate) place: Place,
}

/// What to do about an operation that no table of the policy names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unlisted {
    Fail,
    #[default]
    Warn,
    Allow,
}
