//! A report in the forms of others, read by their own readers: what these say is what the report has, to the byte.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/charged.rs"]
mod charged;
#[path = "common/reader.rs"]
mod reader;

use std::path::Path;

use charged::{TOTALS, report};
use reader::{Reader, has};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What `go tool pprof` says of the profile.
fn pprof(file: &Path, arguments: &[&str]) -> String {
    Reader::new("go").args(["tool", "pprof", "-symbolize=none"]).args(arguments).arg(file).says()
}

#[test]
fn pprof_shows_the_totals_of_all_four_figures_to_the_byte() {
    if !has("go", &["version"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("report.pb.gz");
    report().save(&file).expect("it can be written");
    let figures = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];
    for (figure, total) in figures.into_iter().zip(TOTALS) {
        let unit = if figure.ends_with("space") { "B" } else { "" };
        let said =
            pprof(&file, &["-top", "-nodefraction=0", &format!("-unit={unit}"), &format!("-sample_index={figure}")]);
        let line = format!("Showing nodes accounting for {total}{unit}, 100% of {total}{unit} total");
        assert!(said.contains(&line), "{figure}: {said}");
    }
    let said = pprof(&file, &["-top"]);
    assert!(said.contains("\nType: inuse_space\n"), "{said}");
    // Below the program's name stands which build of it that is.
    assert!(said.contains("File: plugin.so\nBuild ID: 0123456789abcdef0123456789abcdef01234567\n"), "{said}");
    // An operation is a function around those of its stacks, and a label.
    let commit = pprof(&file, &["-top", "-nodefraction=0", "-unit=B", "-focus=app::main"]);
    assert!(commit.lines().any(|line| line.ends_with("800B 58.95%  commit")), "{commit}");
    let labels = pprof(&file, &["-tags", "-unit=B"]);
    assert!(
        labels.lines().any(|line| line.trim_start().starts_with("1000.0B") && line.ends_with(": build/commit")),
        "{labels}"
    );
}

#[test]
fn promtool_has_nothing_to_say_of_the_metrics() {
    if !has("promtool", &["--version"]) {
        return;
    }
    assert_eq!(Reader::new("promtool").args(["check", "metrics"]).reads(&report().to_prometheus()), "");
}
