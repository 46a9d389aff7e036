//! `with_threads()`: threads that a library spawns itself start in the operation of the scope that asked.

use super::scope::Scope;
#[cfg(heapledger_interpose)]
use crate::record;

impl Scope {
    /// Lets threads that are spawned while this scope lasts start in its operation, whoever spawns them: on the
    /// thread that spawns, the innermost scope that asked decides, and threads that began in it pass it on. A scope
    /// that has ended passes nothing on; threads that run keep their operation.
    ///
    /// Needs the feature `threads`, which interposes `pthread_create`: for programs and test binaries on Linux with a
    /// dynamic glibc. Elsewhere the call does not compile; [`run`](crate::Operation::run),
    /// [`adopt`](crate::Operation::adopt) and [`tracked`](crate::Track::tracked) work everywhere.
    ///
    /// The scope's peak is then that of all its threads together, off by at most 64 KiB for each, as the report says.
    /// Without memory for that, threads start where they would have, which the report counts, and no budget passes.
    ///
    /// # Panics
    /// When another `pthread_create` comes before ours, as in a plug-in (cdylib) of another program.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let scope = heapledger::track("index_build").with_threads();
    /// let kept = std::thread::spawn(|| vec![0u8; 256]).join().unwrap();
    /// drop(scope);
    /// assert_eq!(heapledger::snapshot().operation("index_build").unwrap().threads, 2);
    /// # drop(kept);
    /// ```
    #[cfg(heapledger_interpose)]
    pub fn with_threads(self) -> Self {
        let sees = record::interposes();
        assert!(
            !record::installed() || sees != Some(false),
            "with_threads() cannot see threads being spawned here: this program's `pthread_create` is not heapledger's \
             (is this a plug-in of another program?). Carry the operation with `Operation::run` or `adopt` instead",
        );
        if self.opened.is_some_and(|opened| sees.is_none() || !opened.share()) {
            record::note_unopened();
        }
        self
    }

    /// Lets threads that are spawned while this scope lasts start in its operation. Not on this platform: the call
    /// does not compile.
    #[cfg(not(heapledger_interpose))]
    pub fn with_threads(self) -> Self
    where
        for<'here> Here: InterposesThreads,
    {
        self
    }
}

/// Stands for this target in the bound of `with_threads()`.
#[cfg(not(heapledger_interpose))]
#[doc(hidden)]
#[derive(Debug)]
pub struct Here;

/// Targets on which `pthread_create` can be interposed.
#[cfg(not(heapledger_interpose))]
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`with_threads()` cannot work on this target: it needs Linux with a dynamic glibc, and no sanitizer",
    note = "carry the operation with `Operation::run`, `Operation::adopt` or `tracked` instead"
)]
pub trait InterposesThreads {}
