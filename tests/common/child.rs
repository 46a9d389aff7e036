//! A child of this process, made by `fork`.

#![allow(unsafe_code, reason = "calls fork")]

use std::time::{Duration, Instant};

/// Forks, runs `work` in the child, and returns what it returned: less than 128. `None` when the child did not end
/// well: it was killed by a signal, or did not end within two minutes.
pub fn in_a_child(work: impl FnOnce() -> u8) -> Option<u8> {
    // SAFETY: the child only does what this crate promises for it, and ends by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "the system has room for a process");
    if child == 0 {
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(127);
        // SAFETY: ends the child at once, without the parent's exit handlers.
        unsafe { libc::_exit(code.into()) };
    }
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let mut status = 0;
        // SAFETY: the child is ours and was not waited for before; `status` is valid for writes.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        assert!(ended >= 0, "the child can be waited for");
        if ended == child {
            return libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status) as u8);
        }
        if Instant::now() > until {
            // SAFETY: the child is ours and still there.
            unsafe { libc::kill(child, libc::SIGKILL) };
            // SAFETY: as above.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            return None;
        }
        std::thread::yield_now();
    }
}
