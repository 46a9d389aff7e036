//! The report as JSON, with a schema version. The JSON of what a run measured has the same frame. Reading it back is
//! for `report_read`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::leak_tests::{LeakCurve, LeakSlope, LeakTests, LeakVerdict, LeakWindow, ReportedLeakTest};
use super::process::Program;
use super::report::{Data, Report};
use super::stacks_json::StackTables;
use super::timeline::{OperationTimeline, ReportedTimeline};
use crate::words::{json_object, json_text, json_word};

/// Raised when a reader of the old form would misread the new one. New fields do not raise it.
pub(super) const SCHEMA: u32 = 3;

/// The data as a file has it.
type StoredData = Data<Option<StackTables>>;

json_object!(StoredData {
    processes,
    program or None,
    difference,
    process_bytes,
    process_peak_bytes or None,
    process_peak_error,
    problem or None,
    unsettled or false,
    misnested,
    overflowed as "refused",
    foreign,
    shards,
    shard_bytes,
    rows,
    stacks or None,
    captures or Vec::new(),
    timelines or Vec::new(),
    leak_tests or LeakTests::default(),
});

impl<S> Data<S> {
    /// The same with the stacks in another form.
    fn with<Other>(&self, stacks: Other) -> Data<Other> {
        Data {
            processes: self.processes,
            program: self.program.clone(),
            difference: self.difference,
            process_bytes: self.process_bytes,
            process_peak_bytes: self.process_peak_bytes,
            process_peak_error: self.process_peak_error,
            problem: self.problem.clone(),
            unsettled: self.unsettled,
            misnested: self.misnested,
            overflowed: self.overflowed,
            foreign: self.foreign,
            shards: self.shards,
            shard_bytes: self.shard_bytes,
            rows: self.rows.clone(),
            stacks,
            captures: self.captures.clone(),
            timelines: self.timelines.clone(),
            leak_tests: self.leak_tests.clone(),
        }
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored: StoredData = self.with(StackTables::of(&self.stacks, &self.rows));
        stored.serialize(serializer)
    }
}

impl<'text> Deserialize<'text> for Data {
    fn deserialize<D: Deserializer<'text>>(deserializer: D) -> Result<Self, D::Error> {
        let mut stored = StoredData::deserialize(deserializer)?;
        let stacks = stored.stacks.take().map(|tables| tables.stacks(&stored.rows));
        let stacks = stacks.transpose().map_err(D::Error::custom)?;
        Ok(stored.with(stacks.unwrap_or_default()))
    }
}

json_object!(Program { name, build_id or None });

json_object!(ReportedTimeline {
    program,
    process,
    every_us,
    elapsed_us,
    unsettled,
    operations,
    others,
    problem or None,
});

json_object!(OperationTimeline { path, known_from, live_bytes });

json_object!(LeakTests { tests, dropped });

json_object!(ReportedLeakTest { path, program, process, site, outcome, verdict, curve });

json_word!(LeakVerdict { Passed as "passed", Leak as "leak", Unstable as "unstable" });

json_object!(LeakCurve { start, windows, slope });

json_object!(LeakWindow { iterations, live_bytes, live_blocks, min_bytes, max_bytes, readings });

json_object!(LeakSlope { bytes, blocks, iterations });

impl Report {
    /// The report as JSON, on one line and without loss: `from_json` reads it back (feature `from-json`).
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().to_json().starts_with(r#"{"schema":3,"#));
    /// ```
    pub fn to_json(&self) -> String {
        text_of(&*self.0)
    }
}

/// A file of the data, which is an object: in front of its entries stand the schema and the version of heapledger that
/// wrote it.
pub(crate) fn text_of(data: &impl Serialize) -> String {
    let json = json_text(data);
    let json = format!(r#"{{"schema":{SCHEMA},"heapledger":"{}",{}"#, env!("CARGO_PKG_VERSION"), &json[1..]);
    // JSON may hold these characters as they are, but a terminal that shows them obeys them. They only stand within
    // strings.
    let raw = |one: char| matches!(one, '\u{7f}'..='\u{9f}');
    if !json.contains(raw) {
        return json;
    }
    json.chars().fold(String::with_capacity(json.len()), |mut escaped, one| {
        match raw(one) {
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(one))),
            false => escaped.push(one),
        }
        escaped
    })
}
