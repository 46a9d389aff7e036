//! Allocations that fail on purpose, for tests of what a program does when memory runs out. Here is only what users
//! call; the recorder makes them fail.

use super::process;
use super::scope::Scope;
use crate::record::{Failures, WHOLE};

/// Failures on purpose, for code that goes on without memory: `try_reserve`, and code that passes its error on.
///
/// Allocations of a scope fail while it is the innermost one of its thread. Scopes begun inside it, other threads in
/// the same operation and the ledger's own work get their memory, and so does everything once the scope has ended. An
/// allocation that fails changes no counter, no owner and no peak; a resize that fails leaves the block and its owner
/// as they are. Frees never fail. Code that cannot go on without memory, such as `Box::new` and `Vec::push`, ends the
/// program: std calls `handle_alloc_error`.
///
/// The optimizer may remove an allocation that the program does not need, and what is removed cannot fail: assert
/// [`failed`](Scope::failed), and use what you allocate (`std::hint::black_box`).
///
/// Costs nothing where no failures are planned. Where they are, every allocation and free of the scope takes some
/// nanoseconds more.
impl Scope {
    /// Makes the `n`-th allocation from now on fail, and no other: the code that asked for it gets null. `alloc`,
    /// `alloc_zeroed` and `realloc` count alike, from one. Replaces failures that were planned for this scope before.
    ///
    /// Counts what this scope's thread asks for while the scope is the innermost. An allocation that fails in the inner
    /// allocator may count or not.
    ///
    /// # Panics
    /// When `n` is zero, and where heapledger is not the global allocator.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// use std::collections::TryReserveError;
    ///
    /// fn joined(words: &[&str]) -> Result<String, TryReserveError> {
    ///     let mut out = String::new();
    ///     for word in words {
    ///         out.try_reserve_exact(word.len())?;
    ///         out.push_str(word);
    ///     }
    ///     Ok(out)
    /// }
    ///
    /// // Fails at every place where it can, until none is left:
    /// for n in 1.. {
    ///     let scope = heapledger::track("joined").fail_nth(n);
    ///     let out = joined(&["out ", "of ", "memory"]);
    ///     if scope.failed() == 0 {
    ///         assert_eq!((out.as_deref(), n), (Ok("out of memory"), 4));
    ///         break;
    ///     }
    ///     assert!(out.is_err());
    /// }
    /// ```
    #[track_caller]
    pub fn fail_nth(self, n: u64) -> Self {
        assert!(n > 0, "fail_nth(0) would fail nothing: allocations are counted from one");
        self.fail(Failures::Nth(n))
    }

    /// Makes this `fraction` of the allocations from now on fail, chosen by a pseudo-random sequence that `seed` fixes:
    /// the same seed chooses the same allocations. 0.0 fails none, 1.0 all. Counts as [`fail_nth`](Self::fail_nth)
    /// does, and replaces failures that were planned for this scope before.
    ///
    /// # Panics
    /// When `fraction` is not within 0.0 and 1.0, and where heapledger is not the global allocator.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let scope = heapledger::track("cache").fail_fraction(0.25, 7);
    /// let made = (0..1_000).filter(|_| Vec::<u8>::new().try_reserve(64).is_ok()).count() as u64;
    /// assert_eq!(scope.failed(), 1_000 - made);
    /// assert!((200..300).contains(&scope.failed()));
    /// ```
    #[track_caller]
    pub fn fail_fraction(self, fraction: f64, seed: u64) -> Self {
        assert!((0.0..=1.0).contains(&fraction), "fail_fraction({fraction}, ..): a fraction is within 0.0 and 1.0");
        // Rounded up, so that a fraction above zero never becomes zero.
        let share = (fraction * WHOLE as f64).ceil() as u64;
        self.fail(Failures::Share { share, seed })
    }

    /// How many allocations of this scope have failed on purpose so far. A test that expects a failure should assert
    /// that it came.
    ///
    /// # Panics
    /// Where heapledger is not the global allocator.
    ///
    /// ```
    /// // Nothing is installed in this program:
    /// let failed = std::panic::catch_unwind(|| heapledger::track("reserve").failed());
    /// let said = failed.unwrap_err().downcast::<String>().unwrap();
    /// assert!(said.contains("heapledger is not the global allocator"));
    /// assert!(std::panic::catch_unwind(|| heapledger::track("reserve").fail_nth(1)).is_err());
    /// assert!(std::panic::catch_unwind(|| heapledger::track("reserve").fail_fraction(0.5, 1)).is_err());
    /// ```
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let scope = heapledger::track("reserve").fail_nth(1);
    /// assert_eq!(scope.failed(), 0);
    /// assert!(Vec::<u8>::new().try_reserve(100).is_err());
    /// assert!(Vec::<u8>::new().try_reserve(100).is_ok());
    /// assert_eq!(scope.failed(), 1);
    /// ```
    #[track_caller]
    pub fn failed(&self) -> u64 {
        process::must_be_installed();
        self.opened.and_then(|opened| opened.failed()).unwrap_or(0)
    }

    #[track_caller]
    fn fail(self, failures: Failures) -> Self {
        process::must_be_installed();
        if let Some(opened) = self.opened {
            opened.fail(failures);
        }
        self
    }
}
