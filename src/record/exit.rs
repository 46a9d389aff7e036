//! Work that is done when the process ends: when `main` returns, and when somebody calls `exit`.

/// Has `work` run at the process's end. Whether it could be arranged.
pub(crate) fn at_exit(work: extern "C" fn()) -> bool {
    #[cfg(all(any(unix, windows), not(miri)))]
    {
        unsafe extern "C" {
            fn atexit(work: extern "C" fn()) -> i32;
        }
        // SAFETY: the function lives as long as the program, and does not unwind: it is `extern "C"`.
        unsafe { atexit(work) == 0 }
    }
    #[cfg(not(all(any(unix, windows), not(miri))))]
    {
        let _ = work;
        false
    }
}
