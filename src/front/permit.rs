//! `permit`: what may allocate although a guard around it denies that. The recorder's stack of scopes knows both.

use super::scope::Scope;
use crate::record;

/// Runs `work`, in which this thread may allocate, resize and free although a `deny_alloc` around it denies that:
/// logging, an error's message, a buffer that grows once. What it does counts for its operation as ever, and for no
/// guard around it. A guard begun inside denies what it denies, for itself alone.
///
/// Does nothing else where nothing is denied. Where it is, it costs what a scope does. A library has it without default
/// features, for what it must do although it may run where a program denies that.
///
/// # Panics
/// When `work` does; what comes then is denied again.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _none = heapledger::deny_alloc("mix").frees();
/// let warning = heapledger::permit(|| format!("{} samples are missing", 12));
/// # assert_eq!(warning.len(), 22);
/// heapledger::permit(|| drop(warning));
/// ```
pub fn permit<R>(work: impl FnOnce() -> R) -> R {
    let _permit = Permit::begin();
    work()
}

/// While it lives, allocations of this thread are denied by no guard around it.
struct Permit(Option<Scope>);

impl Permit {
    fn begin() -> Self {
        Self(record::is_denied().then(|| {
            let scope = Scope::resume(record::active(), 0);
            scope.opened.inspect(|opened| opened.permit());
            scope
        }))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(scope) = self.0.take() {
            drop(scope);
            record::look_again();
        }
    }
}
