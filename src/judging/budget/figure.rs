//! What can be limited: the one list of figures. Everything that names a figure, shows it, takes it from counters or
//! sums it up over runs derives from the list: a new figure is one line here. What a figure may be is for `limit`.

use std::fmt;

use crate::words::{Bytes, Tally, exact, json_word};

/// Which of several runs of the same work decides about a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecisiveRun {
    /// Pollution only adds to counts and peaks: the least of all runs is the closest to the truth.
    Least,
    /// What is kept counts in full, whichever run keeps it.
    Most,
}

macro_rules! figures {
    ($($(#[doc = $doc:literal])+ $figure:ident = $name:literal {
        counts_blocks: $counts_blocks:literal,
        goes_below_zero: $goes_below_zero:literal,
        decided_by: $run:ident,
        taken: |$tally:pat_param| $taken:expr
    })+) => {
        /// What can be limited.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Figure {
            $($(#[doc = $doc])+ $figure,)+
        }

        json_word!(Figure { $($figure as $name),+ });

        impl Figure {
            /// All of them, in the order in which outputs list them.
            pub(crate) const ALL: [Self; [$($name),+].len()] = [$(Self::$figure),+];

            /// As people and files write it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$figure => $name,)+
                }
            }

            /// Whether it counts blocks and not bytes.
            pub(crate) fn is_count(self) -> bool {
                match self {
                    $(Self::$figure => $counts_blocks,)+
                }
            }

            /// Whether it makes sense below zero.
            pub(super) fn goes_below_zero(self) -> bool {
                match self {
                    $(Self::$figure => $goes_below_zero,)+
                }
            }

            /// Which of several runs decides about it.
            pub(super) fn decided_by(self) -> DecisiveRun {
                match self {
                    $(Self::$figure => DecisiveRun::$run,)+
                }
            }

            /// The figure of what `tally` says; `None` where counters do not tell it.
            pub(crate) fn taken_from(self, tally: &Tally) -> Option<i64> {
                match (self, tally) {
                    $((Self::$figure, $tally) => $taken,)+
                }
            }
        }
    };
}

figures! {
    /// Blocks newly allocated.
    Allocs = "allocs" {
        counts_blocks: true, goes_below_zero: false, decided_by: Least, taken: |did| Some(clamped(did.allocs))
    }
    /// Bytes handed out, the new sizes of resized blocks included.
    AllocatedBytes = "allocated_bytes" {
        counts_blocks: false, goes_below_zero: false, decided_by: Least, taken: |did| Some(clamped(did.allocated_bytes))
    }
    /// Bytes that the operation owns.
    LiveBytes = "live_bytes" {
        counts_blocks: false, goes_below_zero: false, decided_by: Most, taken: |did| Some(did.live_bytes)
    }
    /// Bytes by which every iteration of a leak test, or every run of an assertion, raises what the operation owns: no
    /// counter tells it.
    LiveBytesPerIteration = "live_bytes_per_iteration" {
        counts_blocks: false, goes_below_zero: false, decided_by: Most, taken: |_| None
    }
    /// Bytes handed out less bytes given back.
    NetBytes = "net_bytes" {
        counts_blocks: false, goes_below_zero: true, decided_by: Most, taken: |did| Some(did.net_bytes())
    }
    /// The highest net bytes of one scope.
    PeakBytes = "peak_bytes" {
        counts_blocks: false, goes_below_zero: false, decided_by: Least, taken: |did| did.peak_bytes.map(clamped)
    }
}

impl Figure {
    /// The figure of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }

    /// Every figure that `tally` tells.
    pub(crate) fn all_taken_from(tally: &Tally) -> impl Iterator<Item = (Self, i64)> {
        Self::ALL.into_iter().filter_map(|figure| Some((figure, figure.taken_from(tally)?)))
    }

    /// `value` as people read it, with the exact number where that is another one.
    pub(crate) fn shown(self, value: i64) -> String {
        let short = self.short(value);
        if self.is_exact_in_short(value) { short } else { format!("{short} ({} B)", exact(value.into())) }
    }

    /// Whether `short` shows the exact number of `value`.
    pub(super) fn is_exact_in_short(self, value: i64) -> bool {
        /// From here on `Bytes` shows a unit with three digits.
        const SMALLEST_UNIT: u64 = 1 << 10;
        self.is_count() || value.unsigned_abs() < SMALLEST_UNIT
    }

    /// `value` in few characters, for a column.
    pub(crate) fn short(self, value: i64) -> String {
        if self.is_count() { exact(value.into()) } else { Bytes(value.into()).to_string() }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A counter as a figure: what is larger than any limit can be is as large as a limit can be.
pub(crate) fn clamped(counter: u64) -> i64 {
    i64::try_from(counter).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_one_name_in_all_files() {
        for figure in Figure::ALL {
            assert_eq!(Figure::named(figure.name()), Some(figure));
            assert_eq!(serde_json::to_string(&figure).expect("it is a string"), format!("{:?}", figure.name()));
        }
        assert_eq!(Figure::named("Allocs"), None);
    }

    #[test]
    fn figures_are_taken_from_counters() {
        let did = Tally {
            allocs: u64::MAX,
            allocated_bytes: 7,
            freed_bytes: 10,
            live_bytes: -2,
            peak_bytes: Some(5),
            ..Tally::default()
        };
        let all = [
            (Figure::Allocs, i64::MAX),
            (Figure::AllocatedBytes, 7),
            (Figure::LiveBytes, -2),
            (Figure::NetBytes, -3),
            (Figure::PeakBytes, 5),
        ];
        assert_eq!(Figure::all_taken_from(&did).collect::<Vec<_>>(), all);
        assert_eq!(Figure::PeakBytes.taken_from(&Tally::default()), None);
    }
}
