//! What is known of the process as a whole without a reading.

use std::env;
use std::path::PathBuf;

use super::sweep::{Writer, sweep};
use crate::record::{self, PROCESS};
use crate::symbols::build_id_of_this_program;

/// Which program a process runs, and which build of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Of its file, as it was called. Where that lies is nobody's business who gets the report.
    pub(crate) name: String,
    /// In hexadecimal digits, where it has one that can be read.
    pub(crate) build_id: Option<String>,
}

impl Program {
    /// The one that runs here.
    pub(super) fn this() -> Option<Self> {
        Some(Self { name: program()?, build_id: build_id_of_this_program() })
    }
}

/// Live bytes of the process, as its threads last told their shared level: off by at most 64 KiB for each thread.
pub(crate) fn live_bytes_about() -> i64 {
    PROCESS.value()
}

/// The name of the program's file, as it was called.
pub(crate) fn program() -> Option<String> {
    let called = PathBuf::from(env::args_os().next()?);
    Some(called.file_name()?.to_string_lossy().into_owned())
}

/// The threads that began in the process since this was made and worked for no test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strangers(u32);

impl Strangers {
    /// From now on. Threads that are here already are none.
    pub(crate) fn from_now() -> Self {
        record::begin_test();
        Self(record::strangers())
    }

    /// How many threads that run now have recorded anything.
    pub(crate) fn known_threads() -> usize {
        sweep().filter(|writer| matches!(writer, Writer::Thread(shard) if shard.is_claimed())).count()
    }

    /// How many there are by now. Fewer than before where a thread came to work for a test only later.
    pub(crate) fn count(self) -> i64 {
        (record::strangers().wrapping_sub(self.0) as i32).into()
    }
}
