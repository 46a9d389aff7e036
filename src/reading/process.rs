//! What is known of the process as a whole without a reading.

use crate::record::PROCESS;

/// Live bytes of the process, as its threads last told their shared level: off by at most 64 KiB for each thread.
pub(crate) fn live_bytes_about() -> i64 {
    PROCESS.value()
}
