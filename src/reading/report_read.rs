//! A report that is read back from JSON: what no ledger wrote is refused, and what follows from the rest is computed
//! anew. What a run measured is read in the same way.

use serde::de::DeserializeOwned;

use super::report::{Data, Report};
use super::report_json::SCHEMA;
use super::row::OperationRow;
use super::rows::Rows;
use super::sums::LineSums;
use super::timeline::wrong_with;
use crate::record::{Own, quietly};
use crate::words::{Cause, Error, MAX_DEPTH, MAX_NAME, Tally, json_object};

/// The longest path that operations can have.
const MAX_PATH: usize = MAX_DEPTH as usize * (MAX_NAME + 1);

/// The oldest that is read: schema 1 has no call stacks.
const OLDEST: u32 = 1;

/// What can be read of a file of any schema.
struct Version {
    schema: u32,
}

json_object!(Version { schema });

impl Report {
    /// Reads what [`to_json`](Self::to_json) wrote. Totals are computed anew from what each operation did itself.
    ///
    /// # Errors
    /// When the text is not JSON (with line and column), not a report, of a newer schema, or names an operation that
    /// cannot exist.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// # fn main() -> Result<(), heapledger::Error> {
    /// let report = heapledger::report();
    /// assert_eq!(heapledger::Report::from_json(&report.to_json())?.rows(), report.rows());
    ///
    /// let error = heapledger::Report::from_json("{}").unwrap_err();
    /// assert!(error.to_string().contains("not a heapledger report"));
    /// # Ok(()) }
    /// ```
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let data = quietly(|| read(text))?;
        Ok(Self(Own::new(|| data)))
    }
}

fn unreadable(what: String) -> Error {
    Error(Cause::Unreadable { what })
}

/// The data of a file of the schema that is read here.
pub(crate) fn parsed<D: DeserializeOwned>(what: &str, text: &str) -> Result<D, Error> {
    let not_ours = |error: serde_json::Error| unreadable(format!("not a heapledger {what}: {error}"));
    let Version { schema } = serde_json::from_str(text).map_err(not_ours)?;
    if !(OLDEST..=SCHEMA).contains(&schema) {
        let what = format!(
            "the {what} has schema {schema}, and this heapledger ({}) reads schemas {OLDEST} to {SCHEMA}: use the heapledger that wrote it",
            env!("CARGO_PKG_VERSION"),
        );
        return Err(Error(Cause::OtherSchema { what }));
    }
    serde_json::from_str(text).map_err(not_ours)
}

fn read(text: &str) -> Result<Data, Error> {
    let mut data = parsed("report", text)?;
    check(&mut data)?;
    Ok(data)
}

/// Refuses a path that no operation can have.
pub(crate) fn possible(path: &str) -> Result<(), Error> {
    if path.is_empty() || path.len() > MAX_PATH {
        let length = path.len();
        return Err(unreadable(format!("the report names an operation of {length} bytes; 1 to {MAX_PATH} can be")));
    }
    let part = |part: &str| (1..=MAX_NAME).contains(&part.len());
    if path.split('/').count() > MAX_DEPTH as usize || !path.split('/').all(part) {
        return Err(unreadable(format!("the report names operation {:?}, which cannot be", beginning(path))));
    }
    Ok(())
}

/// The start of a path, short enough for a message.
fn beginning(path: &str) -> String {
    const LONGEST: usize = 100;
    path.chars().take(LONGEST).collect()
}

/// Refuses counters whose sum does not fit.
fn add_up(rows: &Rows) -> Result<(), Error> {
    let what = "the report's counters overflow when they are added up: it was not written by heapledger";
    let sum = rows.iter().try_fold(Tally::default(), |sum, row| sum.plus(&row.own));
    sum.map(drop).ok_or_else(|| unreadable(what.into()))
}

/// Refuses what no ledger wrote, and computes what follows from the rest: what operations own, and the totals.
pub(crate) fn check(data: &mut Data) -> Result<(), Error> {
    add_up(&data.rows)?;
    // The file's live bytes and blocks are computed anew, not believed, as are its totals.
    data.rows.recount();
    add_up(&data.rows)?;
    check_stacks(data)?;
    data.timelines.iter().flat_map(|timeline| &timeline.operations).try_for_each(|one| possible(&one.path))?;
    if let Some(wrong) = wrong_with(&data.timelines) {
        return Err(unreadable(format!("the report has a timeline that {wrong}: it was not written by heapledger")));
    }
    data.leak_tests.tests.iter().try_for_each(|test| possible(&test.path))?;
    if let Some(wrong) = data.leak_tests.are_wrong() {
        return Err(unreadable(format!("the report has a leak test that {wrong}: it was not written by heapledger")));
    }
    data.rows.arrange();
    Ok(())
}

/// Refuses stacks and sizes of an operation that is not there, or that allocated more than it.
fn check_stacks(data: &Data) -> Result<(), Error> {
    let places = data.rows.places();
    for (path, of) in &data.stacks.operations {
        let row = places.find(path).map(|at| &data.rows[at as usize]);
        let by_stack = of.stacks.values().map(|found| &found.sums);
        check_sums("stacks", path, row, by_stack)?;
        check_sums("sizes", path, row, of.sizes.values())?;
    }
    Ok(())
}

fn check_sums<'a>(
    of: &str,
    path: &str,
    row: Option<&OperationRow>,
    mut all: impl Iterator<Item = &'a LineSums>,
) -> Result<(), Error> {
    let wrong = |what: &str| unreadable(format!("the report's {of} of operation {:?} {what}", beginning(path)));
    let row = row.ok_or_else(|| wrong("belong to no row"))?;
    let sum = all.try_fold(LineSums::default(), |sum, one| sum.checked_plus(one));
    let sum = sum.ok_or_else(|| wrong("overflow when they are added up"))?;
    if sum.allocs > row.own.allocs || sum.allocated_bytes > row.own.allocated_bytes {
        return Err(wrong("allocated more than the operation"));
    }
    Ok(())
}
