//! What a run measured as JSON, and back. Where the file stands is for `disk`.

use serde::{Deserialize, Serialize};

#[cfg(feature = "cli")]
use super::run::Part;
use super::run::Run;
use crate::reading::{File, SCHEMA, text_of};
#[cfg(feature = "cli")]
use crate::reading::{check, parsed, possible};
#[cfg(feature = "cli")]
use crate::words::Error;

/// A run as it stands in a file.
#[derive(Serialize, Deserialize)]
struct Parts<P> {
    #[serde(default, rename = "whole")]
    complete: bool,
    #[serde(default = "clean_by_default")]
    clean: bool,
    parts: P,
}

fn clean_by_default() -> bool {
    true
}

impl Run {
    /// The run as JSON, on one line.
    pub(crate) fn to_json(&self) -> String {
        let data = Parts { complete: self.complete, clean: self.clean, parts: &self.parts };
        text_of(&File { schema: SCHEMA, heapledger: env!("CARGO_PKG_VERSION").into(), data })
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    #[cfg(feature = "cli")]
    pub(crate) fn from_json(text: &str) -> Result<Self, Error> {
        let Parts { complete, clean, mut parts } = parsed::<Parts<Vec<Part>>>("run", text)?;
        for part in &mut parts {
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
        Ok(Self { complete, clean, parts })
    }
}
