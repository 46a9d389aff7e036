//! Panics of code that users gave: they end here, and so do those of what they carry.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`. Where it panics, says with what message. The panic hook has reported it by then.
pub(super) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let message = message_of(&*payload).to_string();
        // What it carries is a user's, too: where dropping that panics, what is carried then is kept.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        dropped.unwrap_or_else(std::mem::forget);
        message
    })
}

/// What a panic says.
fn message_of(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics wherever it is dropped, with itself.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(Self);
        }
    }

    #[test]
    fn nothing_that_a_panic_carries_gets_past_it() {
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught(|| panic!("with {}", "words")), Err::<(), _>("with words".into()));
        assert_eq!(caught(|| panic_any("words")), Err::<(), _>("words".into()));
        assert_eq!(caught(|| panic_any(7)), Err::<(), _>("without a message".into()));
        assert_eq!(caught(|| panic_any(Bomb)), Err::<(), _>("without a message".into()));
    }
}
