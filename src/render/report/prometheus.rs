//! The report as metrics: in Prometheus' text format 0.0.4, which `promtool` checks and the textfile collector of
//! node_exporter takes, and in OpenMetrics 1.0, which servers ask for. No text is both: a counter is described by the
//! name of its samples in the first, and without their `_total` in the second. Every operation stands alone, so that
//! sums over them are those of the process.

use std::fmt::{self, Write};

use crate::reading::{Data, OperationRow};
use crate::words::{Tally, printable};

/// Whether a metric only ever grows.
#[derive(Clone, Copy)]
enum Metric {
    Counter,
    Gauge,
}

#[derive(Clone, Copy)]
enum Exposition {
    Prometheus,
    OpenMetrics,
}

/// Every counter of every operation, what it owns, and the process.
pub(crate) fn prometheus(data: &Data) -> String {
    exposed(data, Exposition::Prometheus)
}

/// The same, with the unit of what has one, and a mark that says that it is whole.
pub(crate) fn openmetrics(data: &Data) -> String {
    exposed(data, Exposition::OpenMetrics) + "# EOF\n"
}

fn exposed(data: &Data, exposition: Exposition) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = metrics(data, exposition, &mut text);
    text
}

fn metrics(data: &Data, exposition: Exposition, out: &mut String) -> fmt::Result {
    use Metric::{Counter, Gauge};
    let mut family = |name: &str, metric, help: &str, values: &mut dyn Iterator<Item = (&str, i128)>| {
        family(out, exposition, name, metric, help, values)
    };
    let labels = Vec::from_iter((0..data.rows.len()).map(|at| label(&data.rows.path(at))));
    let counters = Vec::from_iter(data.rows.iter().map(|row| row.own.counters()));
    for (at, (name, help, _)) in Tally::default().counters().into_iter().enumerate() {
        let mut values = labels.iter().zip(&counters).map(|(label, counters)| (label.as_str(), counters[at].2.into()));
        family(&format!("operation_{name}"), Counter, help.trim(), &mut values)?;
    }
    let mut of_rows = |name, metric, help, value: fn(&OperationRow) -> Option<i128>| {
        let values = labels.iter().zip(data.rows.iter());
        family(name, metric, help, &mut values.filter_map(|(label, row)| Some((label.as_str(), value(row)?))))
    };
    of_rows("operation_scopes", Counter, "How often it was entered.", |row| Some(row.scopes.into()))?;
    let help = "Threads that entered it or began in it.";
    of_rows("operation_threads", Gauge, help, |row| Some(row.threads.into()))?;
    let help = "Blocks it owns: allocated by it and not yet freed by anyone.";
    of_rows("operation_live_blocks", Gauge, help, |row| Some(row.own.live_blocks.into()))?;
    let help = "Bytes it owns: allocated by it and not yet freed by anyone.";
    of_rows("operation_live_bytes", Gauge, help, |row| Some(row.own.live_bytes.into()))?;
    let help = "The highest net bytes of one scope, everything inside it included.";
    of_rows("operation_peak_bytes", Gauge, help, |row| row.own.peak_bytes.map(i128::from))?;
    let help = "How far the peak may be off either way.";
    of_rows("operation_peak_error_bytes", Gauge, help, |row| Some(row.peak_error.into()))?;

    let mut of_process = |name, metric, help, value: Option<i128>| {
        family(name, metric, help, &mut value.map(|value| ("", value)).into_iter())
    };
    let help = "Live bytes of the process, counted by its threads and not by operations.";
    of_process("process_live_bytes", Gauge, help, Some(data.process_bytes.into()))?;
    let help = "The highest live bytes of the process.";
    of_process("process_peak_bytes", Gauge, help, data.process_peak_bytes.map(i128::from))?;
    let help = "How far the peak of the process may be off either way.";
    of_process("process_peak_error_bytes", Gauge, help, Some(data.process_peak_error.into()))?;
    let help = "Memory of the ledger outside the heap that it counts.";
    of_process("shard_bytes", Gauge, help, Some(data.shard_bytes.into()))?;
    let help = "Scopes that ended before a scope begun after them.";
    of_process("misnested_scopes", Counter, help, Some(data.misnested.into()))?;
    let help = "Scopes that could not be counted apart: too many operations, nested too deep, or no memory.";
    of_process("refused_scopes", Counter, help, Some(data.overflowed.into()))?;
    let help = "Blocks that came back without a valid owner tag.";
    of_process("foreign_blocks", Counter, help, Some(data.foreign.into()))?;
    let help = "Whether the figures can be trusted: 0 where the law does not hold, or threads moved meanwhile.";
    of_process("trusted", Gauge, help, Some(data.problem.is_none().into()))
}

/// A metric and its values, each with its label; nothing where there is none.
fn family(
    out: &mut String,
    exposition: Exposition,
    name: &str,
    metric: Metric,
    help: &str,
    values: &mut dyn Iterator<Item = (&str, i128)>,
) -> fmt::Result {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    let (kind, suffix) = match metric {
        Metric::Counter => ("counter", "_total"),
        Metric::Gauge => ("gauge", ""),
    };
    let sample = format!("heapledger_{name}{suffix}");
    let described = match exposition {
        Exposition::Prometheus => sample.as_str(),
        Exposition::OpenMetrics => sample.strip_suffix(suffix).unwrap_or(&sample),
    };
    writeln!(out, "# HELP {described} {help}\n# TYPE {described} {kind}")?;
    if matches!(exposition, Exposition::OpenMetrics) && described.ends_with("_bytes") {
        writeln!(out, "# UNIT {described} bytes")?;
    }
    values.try_for_each(|(label, value)| writeln!(out, "{sample}{label} {value}"))
}

/// The operation as a label. Backslashes, quotes and ends of lines are escaped as the format asks.
fn label(path: &str) -> String {
    format!("{{operation=\"{}\"}}", printable(path).replace('\\', "\\\\").replace('"', "\\\""))
}
