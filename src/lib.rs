//! **Which operation allocated it, and did it give it back - to the byte, at a cost nobody notices.**
//!
//! heapledger is a global allocator that charges every allocation and every free to the operation that is active on the
//! thread. It knows what each operation did to the heap, and what it still owns, exactly: no sampling, no resident set
//! size, no side table.
//!
//! # Use
//!
//! Install it in a program or a test binary, name the work that matters, read the ledger:
//!
//! ```
//! #[global_allocator]
//! static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
//!
//! fn main() {
//!     let index = {
//!         let _op = heapledger::track("index_build");
//!         let index: Vec<String> = ["leak", "ledger"].map(String::from).into();
//!         heapledger::measure("commit", || drop(index.clone()));
//!         index
//!     };
//!     println!("{}", heapledger::report());
//!     # let row = heapledger::snapshot().operation("index_build").unwrap();
//!     # assert_eq!((row.own.live_bytes, row.total.allocs), (58, 6));
//!     # drop(index);
//! }
//! ```
//!
//! prints, among the rest:
//!
//! ```text
//! operation     threads  scopes  allocs  allocated   freed     net    live   peak
//! index_build         1       1       6      116 B    58 B   +58 B    58 B  116 B
//! ├─ (own)                            3       58 B     0 B   +58 B    58 B      -
//! └─ commit           1       1       3       58 B    58 B     0 B     0 B   58 B
//! ```
//!
//! # What the numbers mean
//!
//! The ledger keeps two accounts of everything. **Activity** is what happened while an operation was active:
//! `allocated`, `freed`, and their difference `net`, whoever owned the blocks. **Ownership** is what an operation
//! allocated and nobody has freed yet: `live`. A document that one operation allocates and a worker thread frees later
//! adds to the `net` of the one, is subtracted from the `net` of the other, and is `live` in neither.
//!
//! Both add up to the same: over all operations, the sum of `net`, the sum of `live` and the live bytes of the process,
//! which each thread counts separately, are equal. [`Snapshot::check`] verifies it. What happens outside every scope is
//! the operation `(unattributed)`; the ledger's own memory is `(heapledger)`.
//!
//! "The process" is what the global allocator handed out. Not part of it are what C code takes with `malloc`, mapped
//! memory, and the few blocks that std takes from the system's allocator itself (thread handles, lists of thread-local
//! destructors). The optimizer may remove an allocation together with its free: counts are not the same in every
//! profile.
//!
//! # Other threads, and futures
//!
//! An operation is active on a thread. It is carried to others in one of these ways:
//!
//! | | |
//! |---|---|
//! | [`current`]`()`, then [`Operation::run`] or [`enter`](Operation::enter) | for work that you send elsewhere |
//! | [`Operation::adopt`] | for a thread that works for one operation all its life |
//! | [`Track::tracked`] | for a future: active on every poll and when it is dropped |
//! | `Scope::with_threads` | for threads that a library spawns itself, such as tantivy's |
//!
//! # Judging
//!
//! Three kinds of tests are built on these counters, and work beside other tests in one process:
//!
//! | | |
//! |---|---|
//! | [`LeakTest`] | runs a closure over and over, and tells warm-up, bounded caches and leaks apart |
//! | [`assert_budget`], [`budget`] | compare what a closure or a block did with the limits in `heapledger.toml` |
//! | [`deny_alloc`], [`permit`] | a scope that must not allocate, and a part of it that may |
//!
//! [`exclude`] leaves a piece out of what the scopes around it tell, and out of their budgets.
//! [`Scope::fail_nth`] and [`Scope::fail_fraction`] make allocations of one operation fail, to test what a program does
//! then. The command `cargo heapledger` judges the budgets of a whole test run; its manual is `docs/ci-budgets.md`.
//!
//! # Features
//!
//! A plain dependency has all that tests need. No feature changes what is counted, or what counting costs.
//!
//! - `testing` (on by default): [`LeakTest`], budgets, [`deny_alloc`], and what test processes tell `cargo heapledger`.
//!   Brings the next two.
//! - `lines`: [`capture`] and failing leak tests say which lines of the program allocated what stays. Cheap on
//!   x86-64 Linux; on other targets that unwind it takes the crate `backtrace`, and is slow. Elsewhere it compiles, and
//!   captures nothing but the sizes of blocks.
//! - `json` (on by default): `Report::to_json`.
//! - `from-json`: `Report::from_json`. Brings `serde_json`.
//! - `threads` (on by default): `Scope::with_threads()`. Interposes `pthread_create` in programs and test binaries on
//!   Linux with a dynamic glibc. Elsewhere it does nothing, and the call does not compile.
//! - `compressed`: lines are also read where the linker compressed debug information.
//! - `views`: reports in the forms of others: Markdown, collapsed stacks, speedscope, DHAT, Prometheus, OpenMetrics
//!   ([`Report::save`]). `pprof` adds pprof's. The command converts stored reports without either.
//! - `cli`: the command `cargo heapledger`, for `cargo install`.
//!
//! With `default-features = false` remain the allocator, operations, futures, snapshots, the report as a table, and
//! [`monitor`]: for production programs, and for libraries that name their steps.
//!
//! # Without the allocator
//!
//! Where heapledger is not the global allocator, everything compiles and costs next to nothing, and everything that
//! judges fails: [`Snapshot::check`] returns an error, [`LeakTest`], [`assert_budget`] and
//! [`monitor::MemoryMonitor::new`] panic. A check that cannot see must not pass. The same holds in a plug-in (cdylib)
//! that brings a second copy of this crate, and under Miri unless `--cfg heapledger_miri` and Tree Borrows ask for the
//! real thing.

#![cfg_attr(
    not(feature = "testing"),
    allow(dead_code, unused_imports, unused_macros, reason = "what most of it is for, judging, is missing")
)]

/// What things are called, in code and in every output.
mod words;

/// From the allocator's four methods to counters that anybody may read.
mod record;

/// Names to operations, and back.
mod registry;

/// From return addresses to lines of source code.
mod symbols;

/// The counters at one moment, as plain values.
mod reading;

/// Values in, findings out.
#[cfg(feature = "testing")]
mod judging;

/// Values to text.
mod render;

/// The only place that opens the project's files.
mod disk;

/// What users call.
mod front;

/// The command `cargo heapledger`.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod command;

pub use front::ReportTable;
pub use front::monitor;
#[cfg(feature = "testing")]
pub use front::{Budget, assert_budget, assert_budget_async, budget};
#[cfg(feature = "lines")]
pub use front::{Capture, capture, symbolize};
#[cfg(feature = "testing")]
pub use front::{DenyAlloc, deny_alloc};
#[cfg(feature = "testing")]
pub use front::{LeakReport, LeakTest};
pub use front::{MeasuredFuture, measure_async};
pub use front::{Name, Operation, Scope, current, exclude, is_installed, measure, permit, track};
pub use front::{Timeline, timeline};
pub use front::{Track, Tracked};
#[cfg(feature = "testing")]
pub use judging::leak::Verdict;
pub use reading::{CallStack, CallStackKind, Report, ReportedStack, Row, SizeClass, Snapshot, SortKey};
pub use reading::{LeakCurve, LeakReading, LeakSlope, LeakWindow, ReportedLeakTest};
pub use reading::{OperationTimeline, ReportedTimeline, report, snapshot};
pub use record::Allocator;
pub use symbols::{CallFrame, InModule, Origin};
pub use words::{Error, Site, Tally};
