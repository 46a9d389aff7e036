//! Reports as files: what is written is `render::report`'s, and how, `disk`'s.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

#[cfg(feature = "views")]
use super::page::page;
#[cfg(feature = "pprof")]
use crate::disk::gzipped;
use crate::disk::{shown, write_whole};
use crate::reading::{Data, Report};
use crate::record::quietly;
use crate::render::report::{Rendered, renderer};
use crate::words::{Cause, Error};

/// Stands for the process's id in the name of a file.
const PROCESS: &str = "%p";

impl Report {
    /// Writes the report to a file, whole or not at all, in the form that the file's name ends with:
    ///
    /// | name | form | feature |
    /// |---|---|---|
    /// | `.txt` | the table | |
    /// | `.json` | all of it, which `cargo heapledger show` and `from_json` read back | `json`, on by default |
    /// | `.html` | a page for browsers | `views` |
    /// | `.md` | the table as Markdown | `views` |
    /// | `.folded` | collapsed stacks with live bytes, for flame graphs | `views` |
    /// | `.speedscope.json` | for <https://www.speedscope.app> | `views` |
    /// | `.dhat.json` | for DHAT's viewer | `views` |
    /// | `.prom` | metrics, for Prometheus | `views` |
    /// | `.openmetrics` | the same metrics as OpenMetrics | `views` |
    /// | `.pb.gz` | for `go tool pprof` | `pprof` |
    ///
    /// Stacks are in it where a [`capture`](crate::capture) took them. `%p` in the name is the process's id. The folder
    /// must be there.
    ///
    /// # Errors
    /// When no form ends so, when its feature is off (then a stored `.json` can be converted by `cargo heapledger
    /// show`), and when the file cannot be written: [`Error::is_unsaved`], with the reason in the message.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # fn main() -> Result<(), heapledger::Error> {
    /// let file = std::env::temp_dir().join("heapledger-%p.txt");
    /// heapledger::report().save(&file)?;
    /// # let name = format!("heapledger-{}.txt", std::process::id());
    /// # std::fs::remove_file(file.with_file_name(name)).unwrap();
    /// let error = heapledger::report().save("report.doc").unwrap_err();
    /// assert!(error.is_unsaved() && error.to_string().contains(".txt"));
    /// # Ok(()) }
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        save(&self.0, &with_process(path.as_ref()))
    }
}

/// Writes the report to a file in the form that the file's name ends with.
pub(crate) fn save(data: &Data, path: &Path) -> Result<(), Error> {
    quietly(|| {
        let file = shown(path);
        let written = match renderer(&file)?(data) {
            Rendered::Text(text) => write_whole(path, text.as_bytes()),
            #[cfg(feature = "views")]
            Rendered::WithSources => write_whole(path, page(data, None).as_bytes()),
            #[cfg(feature = "pprof")]
            Rendered::ToCompress(bytes) => gzipped(&bytes).and_then(|bytes| write_whole(path, &bytes)),
        };
        written.map_err(|error| format!("{file}: cannot be written: {error}"))
    })
    .map_err(|what| Error(Cause::Unsaved { what }))
}

/// The path with the process's id where it is asked for.
pub(super) fn with_process(path: &Path) -> Cow<'_, Path> {
    match path.to_str().filter(|path| path.contains(PROCESS)) {
        Some(path) => PathBuf::from(path.replace(PROCESS, &std::process::id().to_string())).into(),
        None => path.into(),
    }
}
