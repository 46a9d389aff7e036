//! The judge of this process: the policy and the recorded figures of the package that is tested, read once. How figures
//! are judged is for `judging`.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::disk::{Book, POLICY, shown};
use crate::judging::budget::{ByLine, Case, Figure, Figures, Policy, Rules, Runs};
use crate::reading::Environment;
use crate::words::{Cause, Error};

/// The policy and the figures of this process's package.
pub(super) struct Judge {
    book: Book,
    recorded: Option<Figures>,
    environment: Environment,
}

impl Judge {
    /// The judge, or why there is none. The first call reads the files.
    pub(super) fn of_this_process() -> &'static Result<Self, Error> {
        static JUDGE: OnceLock<Result<Judge, Error>> = OnceLock::new();
        JUDGE.get_or_init(Self::read)
    }

    fn read() -> Result<Self, Error> {
        let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let folder = folder.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
        let Some(book) = Book::find(&folder)? else {
            let what = format!(
                "there is no {POLICY} in {} or above it in the workspace, so no figure can be judged: write one, or \
                 let `cargo heapledger init` write it from a first run",
                shown(&folder)
            );
            return Err(Error(Cause::Unreadable { what }));
        };
        let environment = Environment::here();
        let recorded = book.figures(&environment)?;
        Ok(Self { book, recorded, environment })
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.book.policy
    }

    /// What the policy says of one operation here.
    pub(super) fn rules(&self, path: &str) -> Rules {
        self.book.policy.rules(path, &self.environment)
    }

    /// Whether a figure that must be the same in every run still differs.
    pub(super) fn sees_difference(&self, runs: &Runs) -> bool {
        runs.differ(&self.book.policy, &self.environment)
    }

    /// What lines had of a figure when it was recorded, if they were recorded with it.
    pub(super) fn lines(&self, path: &str, figure: Figure) -> Option<&ByLine> {
        self.recorded.as_ref()?.lines.get(&(path.to_string(), figure))
    }

    /// What one assertion is judged by: within it, every operation ran.
    pub(super) fn case(&self) -> Case<'_> {
        let Self { book, recorded, environment } = self;
        Case { policy: &book.policy, recorded: recorded.as_ref(), environment, complete: true }
    }
}
