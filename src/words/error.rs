//! What can go wrong, and the messages that people get.
//!
//! There is one opaque type. Callers ask it what they can act on (`is_unsettled` and the like) and show the message for
//! the rest, so a new cause breaks no `match`.

use std::fmt;

/// Why a reading could not be judged, or a report could not be read.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// match heapledger::snapshot().check() {
///     Ok(()) => {}
///     Err(error) if error.is_unsettled() => eprintln!("other threads are busy: {error}"),
///     Err(error) => panic!("{error}"),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub(crate) Cause);

/// What callers ask for with the predicates of [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    NotInstalled,
    Unsettled {
        readings: u32,
    },
    Unequal {
        net: i64,
        live: i64,
        process: i64,
    },
    Negative {
        path: String,
        live_bytes: i64,
        live_blocks: i64,
    },
    Foreign {
        blocks: u64,
    },
    #[cfg_attr(not(feature = "from-json"), expect(dead_code, reason = "no report is read"))]
    OtherSchema {
        what: String,
    },
    Overflow,
    #[cfg_attr(not(feature = "lines"), expect(dead_code, reason = "no operation is looked for by a glob"))]
    Unmatched {
        what: String,
    },
    Unsaved {
        what: String,
    },
    Unreadable {
        what: String,
    },
}

impl Error {
    /// heapledger is not the global allocator of this program, so no allocation was seen.
    ///
    /// ```
    /// // Nothing is installed in this program:
    /// assert!(heapledger::snapshot().check().unwrap_err().is_not_installed());
    /// ```
    pub fn is_not_installed(&self) -> bool {
        matches!(self.0, Cause::NotInstalled)
    }

    /// Other threads moved memory during every reading, so no consistent one could be taken. Try again when they are
    /// idle.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// if let Err(error) = heapledger::snapshot().check() {
    ///     assert!(error.is_unsettled());
    /// }
    /// ```
    pub fn is_unsettled(&self) -> bool {
        matches!(self.0, Cause::Unsettled { .. })
    }

    /// The counters contradict each other: memory was corrupted, or freed with a wrong layout, a signal handler
    /// allocated or freed ([`Allocator`](crate::Allocator)), or the ledger is wrong.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// if let Err(error) = heapledger::snapshot().check() {
    ///     assert!(!error.is_violated());
    /// }
    /// ```
    pub fn is_violated(&self) -> bool {
        matches!(self.0, Cause::Unequal { .. } | Cause::Negative { .. } | Cause::Foreign { .. })
    }

    /// A report could not be written to a file. The message says which, and why.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().save("no/such/folder/report.txt").unwrap_err().is_unsaved());
    /// ```
    pub fn is_unsaved(&self) -> bool {
        matches!(self.0, Cause::Unsaved { .. })
    }

    /// A text is not what it should be: damaged, cut off, or never written by heapledger. The message says where.
    ///
    /// ```
    /// # #[cfg(feature = "from-json")]
    /// assert!(heapledger::Report::from_json("{}").unwrap_err().is_unreadable());
    /// ```
    pub fn is_unreadable(&self) -> bool {
        matches!(self.0, Cause::Unreadable { .. })
    }

    /// A path or a glob names no operation of the report. The message says which may have been meant.
    ///
    /// ```
    /// # #[cfg(feature = "lines")]
    /// assert!(heapledger::report().table().operation("no such").unwrap_err().is_unmatched());
    /// ```
    pub fn is_unmatched(&self) -> bool {
        matches!(self.0, Cause::Unmatched { .. })
    }

    /// A report was written by a version of heapledger that uses another schema. Use that version to read it.
    ///
    /// ```
    /// # #[cfg(feature = "from-json")]
    /// assert!(heapledger::Report::from_json(r#"{"schema":1000}"#).unwrap_err().is_other_schema());
    /// ```
    pub fn is_other_schema(&self) -> bool {
        matches!(self.0, Cause::OtherSchema { .. })
    }

    /// The sum of counters does not fit into 64 bits: at least one report was not written by heapledger.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let report = heapledger::report();
    /// if let Err(error) = report.clone().merge(&report) {
    ///     assert!(error.is_overflow());
    /// }
    /// ```
    pub fn is_overflow(&self) -> bool {
        matches!(self.0, Cause::Overflow)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::NotInstalled if cfg!(miri) => f.write_str(
                "heapledger does not see allocations under Miri: run with -Zmiri-tree-borrows and --cfg heapledger_miri, \
                 or skip this check there",
            ),
            Cause::NotInstalled => f.write_str(
                "heapledger is not the global allocator of this program, so there is nothing to judge: add\n\
                 \n    #[global_allocator]\n    static ALLOC: heapledger::Allocator = heapledger::Allocator::system();\n\
                 \nto the program or test binary",
            ),
            Cause::Unsettled { readings } => write!(
                f,
                "other threads moved memory during each of {readings} readings: join or pause them, then read again"
            ),
            Cause::Unequal { net, live, process } => write!(
                f,
                "the ledger does not balance: sum of net {net} B, sum of live {live} B, process {process} B. Memory was \
                 corrupted, a signal handler allocated or freed, or the ledger is wrong"
            ),
            Cause::Negative { path, live_bytes, live_blocks } => write!(
                f,
                "operation {path:?} owns less than nothing ({live_bytes} B in {live_blocks} blocks): a block was freed twice, \
                 or with another layout than it was allocated with"
            ),
            Cause::Foreign { blocks } => write!(
                f,
                "blocks that came back without a valid owner tag: {blocks}. Something wrote behind its block, \
                 or freed it with another size than it was allocated with"
            ),
            Cause::Overflow => f.write_str("the merged counters overflow"),
            Cause::OtherSchema { what }
            | Cause::Unmatched { what }
            | Cause::Unreadable { what }
            | Cause::Unsaved { what } => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}
