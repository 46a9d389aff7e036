//! What a run measured as JSON, and back. Where the file stands is for `disk`.

use super::run::Run;
use crate::reading::text_of;
#[cfg(feature = "cli")]
use crate::reading::{check, parsed, possible};
#[cfg(feature = "cli")]
use crate::words::Error;
use crate::words::json_object;

json_object!(Run { complete as "whole" or false, clean or true, parts });

impl Run {
    /// The run as JSON, on one line.
    pub(crate) fn to_json(&self) -> String {
        text_of(self)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    #[cfg(feature = "cli")]
    pub(crate) fn from_json(text: &str) -> Result<Self, Error> {
        let mut run: Self = parsed("run", text)?;
        for part in &mut run.parts {
            check(&mut part.report)?;
            let leak_tests = part.leak_tests.iter().map(|test| &test.path);
            let denied = part.denied.iter().map(|denied| &denied.path);
            part.measured
                .keys()
                .chain(leak_tests)
                .chain(denied)
                .chain(&part.denying)
                .try_for_each(|path| possible(path))?;
        }
        Ok(run)
    }
}
