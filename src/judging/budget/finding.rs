//! What judging finds, as values. How they are found is for `judge` and `judge_run`, how they are shown for `render`.

use super::figure::Figure;
use super::place::Place;
use crate::words::Site;

/// What became of one figure, or of one operation. The later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Status {
    /// It keeps to its limit.
    Within,
    /// It could be judged if it had been measured, but only a part of the tests was run.
    NotRun,
    /// A glob of the policy matches no operation, and all tests ran.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "an assertion does not know all operations"))]
    Unmatched,
    /// No table of the policy names the operation.
    Unlisted,
    /// A program that does not have heapledger as its allocator enters operations. Other programs saw theirs.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "an assertion that cannot see panics at once"))]
    Unseen,
    /// There is nothing to compare with in this environment yet.
    New,
    /// It is less than recorded: a better figure that asks to be recorded.
    Improvement,
    /// The figure does not repeat itself.
    Unstable,
    /// More than its limit; or the policy wants it judged, and nothing measured it.
    Breach,
    /// A leak test found a leak.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "an assertion is no leak test"))]
    Leak,
    /// Nothing was seen, or not all that happened: no figure can be trusted.
    Blind,
}

impl Status {
    /// As people read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::NotRun => "not run",
            Self::Unmatched => "no match",
            Self::Unlisted => "unlisted",
            Self::Unseen => "not seen",
            Self::New => "new",
            Self::Improvement => "improvement",
            Self::Unstable => "unstable",
            Self::Breach => "breach",
            Self::Leak => "leak",
            Self::Blind => "not trusted",
        }
    }

    /// Whether it turns a build red.
    pub(crate) fn fails(self, strict: bool) -> bool {
        match self {
            Self::Within | Self::NotRun | Self::Unmatched | Self::Unlisted | Self::Unseen => false,
            Self::New | Self::Improvement => strict,
            Self::Unstable | Self::Breach | Self::Leak | Self::Blind => true,
        }
    }
}

/// One figure of one operation, judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// `None` where the finding is about the operation and not about one of its figures.
    pub(crate) figure: Option<Figure>,
    pub(crate) value: Option<i64>,
    /// The figure it is held against.
    pub(crate) against: Option<Against>,
    /// Where the policy limits it.
    pub(crate) limit: Option<Place>,
    pub(crate) status: Status,
    /// One sentence, for a finding that has no figures to compare, or that needs more than them.
    pub(crate) note: Option<String>,
    /// What the policy says of the limit's reason.
    pub(crate) why: Option<String>,
    /// Operations below it that grew, or that have most of it, and by how much.
    pub(crate) grew: Vec<(String, i64)>,
    /// Where the operation is entered.
    pub(crate) site: Option<Site>,
    /// The line that has most of it.
    pub(crate) line: Option<Site>,
}

/// What a figure is held against.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Against {
    pub(crate) basis: Basis,
    pub(crate) figure: i64,
    /// How far the figure may be from it.
    pub(crate) tolerance: i64,
    /// Where it is written.
    pub(crate) place: Place,
}

/// What the figure is that another one is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The policy names it.
    Exact,
    /// It was recorded in this environment.
    Recorded,
    /// The policy allows no more.
    Ceiling,
}

impl Basis {
    /// As people read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact figure",
            Self::Recorded => "recorded figure",
            Self::Ceiling => "ceiling",
        }
    }
}

impl Finding {
    /// A program that nothing was seen of.
    pub(crate) fn blind(program: &str, note: &str) -> Self {
        Self::of(program, None, Status::Blind).noting(note)
    }

    /// By how much the figure is above what it is held against.
    pub(crate) fn difference(&self) -> Option<i64> {
        Some(self.value?.saturating_sub(self.against.as_ref()?.figure))
    }

    /// What is known of a finding from the start.
    pub(crate) fn of(path: &str, figure: Option<Figure>, status: Status) -> Self {
        Self {
            path: path.to_string(),
            figure,
            value: None,
            against: None,
            limit: None,
            status,
            note: None,
            why: None,
            grew: Vec::new(),
            site: None,
            line: None,
        }
    }

    /// The finding with one sentence more.
    pub(super) fn noting(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}
