//! Reports for the viewers of others, as text and bytes.

#[cfg(feature = "pprof")]
use crate::disk::gzipped;
use crate::reading::Report;
use crate::render::report;

impl Report {
    /// Collapsed stacks with what lives of each, for flame graphs: `operation;main;app::insert 4096`, outermost first.
    /// The weights add up to the report's live bytes. Without a [`capture`](crate::capture) operations stand alone.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 4096]);
    /// assert!(heapledger::report().to_folded().lines().any(|line| line == "index_build 4096"));
    /// # drop(kept);
    /// ```
    pub fn to_folded(&self) -> String {
        report::folded(&self.0)
    }

    /// The JSON of <https://www.speedscope.app>: profiles of live and allocated bytes and blocks.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().to_speedscope().contains("speedscope.app/file-format-schema.json"));
    /// ```
    pub fn to_speedscope(&self) -> String {
        report::speedscope(&self.0)
    }

    /// The JSON of DHAT's viewer, version 2: of each stack what was allocated, and what lives as what is there at the
    /// end. A report knows that moment alone, so it stands for the maximum too, and lifetimes are zero.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().to_dhat().starts_with(r#"{"dhatFileVersion":2"#));
    /// ```
    pub fn to_dhat(&self) -> String {
        report::dhat(&self.0)
    }

    /// The report as Markdown, for comments on a change and summaries of a job. Names are text, whatever they hold.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().to_markdown().contains("| operation |"));
    /// ```
    pub fn to_markdown(&self) -> String {
        report::markdown(&self.0)
    }

    /// The report as metrics in Prometheus' text format (`text/plain; version=0.0.4`), for files and for a service's
    /// `/metrics`. Every operation alone, under the label `operation`: sums over them are those of the process.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 4096]);
    /// let metrics = heapledger::report().to_prometheus();
    /// assert!(metrics.contains("heapledger_operation_live_bytes{operation=\"index_build\"} 4096\n"));
    /// # drop(kept);
    /// ```
    pub fn to_prometheus(&self) -> String {
        report::prometheus(&self.0)
    }

    /// The metrics of [`to_prometheus`](Self::to_prometheus) as OpenMetrics 1.0
    /// (`application/openmetrics-text; version=1.0.0; charset=utf-8`), for those whose `Accept` asks for it: with
    /// units, and a last line that says that nothing was cut off.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().to_openmetrics().ends_with("\n# EOF\n"));
    /// ```
    pub fn to_openmetrics(&self) -> String {
        report::openmetrics(&self.0)
    }

    /// A profile for `go tool pprof` and what reads the same: protocol buffers, compressed with gzip. Its sample types
    /// are `alloc_objects`, `alloc_space`, `inuse_objects` and `inuse_space`; an operation is a function around those
    /// of its stacks, and their label `operation`.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().to_pprof().starts_with(&[0x1f, 0x8b]));
    /// ```
    #[cfg(feature = "pprof")]
    pub fn to_pprof(&self) -> Vec<u8> {
        gzipped(&report::pprof(&self.0)).expect("memory takes all that is written")
    }
}
