//! The report as JSON, with a schema version, and back.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::report::{Data, MAX_PATH, Report, arrange};
use crate::snapshot::Own;
use crate::tally::Tally;

/// Raised when a reader of the old form would misread the new one. New fields do not raise it.
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File<D> {
    schema: u32,
    /// Who wrote it.
    heapledger: String,
    #[serde(flatten)]
    data: D,
}

/// What can be read of a report of any schema.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

impl Report {
    /// The report as JSON, on one line, without anything lost: [`from_json`](Self::from_json) reads it back.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// assert!(heapledger::report().to_json().starts_with(r#"{"schema":1,"#));
    /// ```
    pub fn to_json(&self) -> String {
        let file = File { schema: SCHEMA, heapledger: env!("CARGO_PKG_VERSION").into(), data: &*self.0 };
        let json = serde_json::to_string(&file).expect("integers, strings and lists of them always serialize");
        // JSON may hold these raw, but then a terminal that shows it obeys them. They only stand within strings.
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

    /// Reads what [`to_json`](Self::to_json) wrote. Totals are computed anew from what each operation did itself.
    ///
    /// # Errors
    /// When the text is not JSON (with line and column), not a report, of a newer schema, or names an operation that
    /// cannot be.
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
        let read = crate::record::thread::quietly(|| read(text));
        read.map(|data| Self(Own::new(|| data))).map_err(|what| Error(Kind::Unreadable { what }))
    }
}

fn read(text: &str) -> Result<Data, String> {
    let not_ours = |error: serde_json::Error| format!("not a heapledger report: {error}");
    let Version { schema } = serde_json::from_str(text).map_err(not_ours)?;
    if schema != SCHEMA {
        return Err(format!(
            "the report has schema {schema}, and this heapledger ({}) reads schema {SCHEMA}: use the heapledger that wrote it",
            env!("CARGO_PKG_VERSION"),
        ));
    }
    let mut data = serde_json::from_str::<File<Data>>(text).map_err(not_ours)?.data;
    let mut paths = std::collections::HashSet::new();
    for row in &data.rows {
        if row.path.is_empty() || row.path.len() > MAX_PATH {
            return Err(format!("the report names an operation of {} bytes; 1 to {MAX_PATH} can be", row.path.len()));
        }
        if !paths.insert(&row.path) {
            return Err(format!("the report names operation {:?} twice", row.path));
        }
    }
    let sum = data.rows.iter().try_fold(Tally::default(), |sum, row| sum.plus(&row.own));
    if sum.is_none() {
        return Err("the report's counters overflow when they are added up: it was not written by heapledger".into());
    }
    arrange(&mut data.rows);
    Ok(data)
}
