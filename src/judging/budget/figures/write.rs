//! The file of recorded figures: one figure a line and always in the same order, so that people can read it in diffs.
//! `read` reads what is written here. Nothing is measured or judged.

use std::collections::BTreeMap;

use toml_edit::{DocumentMut, Item, Key, Table, Value};

use super::read::SCHEMA;
use super::reason::comment;
use crate::judging::budget::figure::Figure;
use crate::judging::budget::measured::ByLine;
use crate::judging::budget::toml_text::quoted;
use crate::reading::Environment;

const HEAD: &str = "# What operations measured, in this environment. Written by `cargo heapledger record`: read it in diffs, do \
                    not edit it.\n";

/// The text of the file of `environment`: every figure, and beside it the reason that was given for it; below, what
/// lines had of figures.
pub(crate) fn figures(
    environment: &Environment,
    values: &BTreeMap<(String, Figure), i64>,
    reasons: &BTreeMap<(String, Figure), String>,
    lines: &BTreeMap<(String, Figure), ByLine>,
) -> String {
    let mut document = DocumentMut::new();
    document.decor_mut().set_prefix(HEAD);
    document.insert("schema", SCHEMA.into());
    let Environment { target, profile, allocator, rustc, cfg: _ } = environment;
    for (name, held) in [("target", target), ("profile", profile), ("allocator", allocator), ("rustc", rustc)] {
        let held: Value = quoted(held).parse().expect("a quoted string is a value");
        document.insert(name, held.into());
    }
    let mut operations = Table::new();
    let mut values = values.iter().peekable();
    let line = |key: &(String, Figure), value: i64| line(key.1, value, reasons.get(key).map(String::as_str));
    while let Some((key, value)) = values.next() {
        let (path, figure) = key;
        let mut operation = dotted();
        operation.insert(figure.name(), line(key, *value));
        while let Some((key, value)) = values.next_if(|((next, _), _)| next == path) {
            operation.insert(key.1.name(), line(key, *value));
        }
        operations.insert_formatted(&self::key(path), operation.into());
    }
    document.insert("figures", operations.into());
    if !lines.is_empty() {
        document.insert("lines", lines_table(lines).into());
    }
    document.to_string()
}

fn lines_table(lines: &BTreeMap<(String, Figure), ByLine>) -> Table {
    let mut operations = Table::new();
    for ((path, figure), by_line) in lines {
        let mut of_figure = dotted();
        for (line, value) in by_line {
            of_figure.insert_formatted(&key(line), (*value).into());
        }
        let of_operation = operations.entry_format(&key(path)).or_insert_with(|| dotted().into());
        of_operation[figure.name()] = of_figure.into();
    }
    operations
}

fn dotted() -> Table {
    let mut table = Table::new();
    table.set_dotted(true);
    table
}

fn key(text: &str) -> Key {
    quoted(text).parse().expect("a quoted string is a key")
}

/// The number, and what there is to say of it.
fn line(figure: Figure, value: i64, reason: Option<&str>) -> Item {
    let mut number = Value::from(value);
    if let Some(comment) = comment(figure, value, reason) {
        number.decor_mut().set_suffix(format!(" # {comment}"));
    }
    number.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judging::budget::figures::read::Figures;
    use crate::words::printable;

    fn environment() -> Environment {
        Environment {
            target: "x86_64-unknown-linux-gnu".into(),
            profile: "debug".into(),
            allocator: "System".into(),
            rustc: "1.95.0".into(),
            cfg: vec!["unix".into()],
        }
    }

    /// What `environment` and `values` are once they are written and read.
    fn read_back(text: &str) -> (Environment, BTreeMap<(String, Figure), i64>) {
        let read = Figures::parse("figures.toml", text).expect("what is written can be read");
        let values = read.values.into_iter().map(|(key, (value, _))| (key, value)).collect();
        (Environment { cfg: environment().cfg, ..read.environment }, values)
    }

    #[test]
    fn figures_are_written_one_a_line_by_path_and_name() {
        let values = BTreeMap::from([
            (("index_build/commit".to_string(), Figure::NetBytes), -5),
            (("index_build".to_string(), Figure::Allocs), 1200),
            (("index_build".to_string(), Figure::AllocatedBytes), 1_234_567),
            (("index_build".to_string(), Figure::PeakBytes), 1023),
            (("a\n\"\\\u{202e}é".to_string(), Figure::NetBytes), -2048),
        ]);
        let text = figures(&environment(), &values, &BTreeMap::new(), &BTreeMap::new());
        let expected = r#"# What operations measured, in this environment. Written by `cargo heapledger record`: read it in diffs, do not edit it.
schema = 1
target = "x86_64-unknown-linux-gnu"
profile = "debug"
allocator = "System"
rustc = "1.95.0"

[figures]
"a\U0000000A\"\\\U0000202Eé".net_bytes = -2048 # -2.00 KiB
"index_build".allocs = 1200
"index_build".allocated_bytes = 1234567 # 1.18 MiB
"index_build".peak_bytes = 1023
"index_build/commit".net_bytes = -5
"#;
        assert_eq!(text, expected);
        assert_eq!(read_back(&text), (environment(), values));
    }

    #[test]
    fn a_file_without_figures_can_be_read() {
        let text = figures(&environment(), &BTreeMap::new(), &BTreeMap::new(), &BTreeMap::new());
        assert!(text.ends_with("rustc = \"1.95.0\"\n\n[figures]\n"), "{text}");
        assert_eq!(read_back(&text), (environment(), BTreeMap::new()));
    }

    /// Names of everything that a format could trip over.
    fn hostile() -> impl Strategy<Value = String> {
        let trips = "[\"'\\\\#=.,\\[\\]{}/ \t\r\n\0\u{7f}\u{85}\u{9b}\u{202e}\u{feff}\u{ffff}\u{10ffff}aé日]{0,12}";
        prop_oneof![trips, any::<String>(), Just("schema".into()), Just("figures".into()), Just("\"\"\"".into())]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            values in prop::collection::btree_map((hostile(), prop::sample::select(&Figure::ALL)), any::<i64>(), 0..40),
            parts in (hostile(), hostile(), hostile(), hostile()),
            reason in hostile(),
        ) {
            let (target, profile, allocator, rustc) = parts;
            let environment = Environment { target, profile, allocator, rustc, ..environment() };
            let reasons: BTreeMap<_, _> = values.keys().map(|key| (key.clone(), reason.clone())).collect();
            let text = figures(&environment, &values, &reasons, &BTreeMap::new());
            prop_assert_eq!(read_back(&text), (environment.clone(), values.clone()));
            let said = printable(reason.trim());
            let expected = values.keys().filter(|_| !said.is_empty()).map(|key| (key.clone(), said.clone()));
            let read = Figures::parse("figures.toml", &text).expect("what is written can be read");
            prop_assert_eq!(read.reasons, expected.collect());
            prop_assert!(text.chars().all(|one| one == '\n' || !one.is_control()));
            let lines = text.lines().skip_while(|line| *line != "[figures]").skip(1);
            prop_assert_eq!(lines.count(), values.len());
            // What lines had is read back, too, whatever functions are called.
            let by_line = |at: i64| ByLine::from([(reason.clone(), at), ("other".into(), -at)]);
            let by_line = BTreeMap::from_iter(values.iter().map(|(key, value)| (key.clone(), by_line(value / 2))));
            let text = figures(&environment, &values, &reasons, &by_line);
            let read = Figures::parse("figures.toml", &text).expect("what is written can be read");
            prop_assert_eq!(read.lines, by_line);
        }
    }
}
