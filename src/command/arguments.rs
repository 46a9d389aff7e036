//! What the arguments say that users give to cargo test or nextest: whether they select a part of the tests, and
//! whether they say when to stop. They are passed on as they are.

use std::ffi::OsString;

use super::project::{metadata, package};

/// Arguments that leave every test where it is.
const SELECT_NOTHING: [&str; 16] = [
    "--release",
    "-r",
    "--all-features",
    "--no-default-features",
    "--workspace",
    "--all",
    "--locked",
    "--offline",
    "--frozen",
    "--no-fail-fast",
    "-q",
    "--quiet",
    "-v",
    "--verbose",
    "-vv",
    "--nocapture",
];
/// Likewise, and the argument after them is theirs.
const SELECT_NOTHING_WITH_VALUE: [&str; 11] = [
    "--profile",
    "--features",
    "-F",
    "--target",
    "--target-dir",
    "--manifest-path",
    "-j",
    "--jobs",
    "--color",
    "--config",
    "--test-threads",
];

/// Whether all tests of the workspace run.
pub(super) fn run_all(arguments: &[OsString]) -> anyhow::Result<bool> {
    Ok(!selects(arguments) && every_member(arguments)?)
}

/// Whether any of them says what happens after a failure.
pub(super) fn say_when_to_stop(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| says_when_to_stop(&argument.to_string_lossy()))
}

fn says_when_to_stop(argument: &str) -> bool {
    matches!(argument, "--no-fail-fast" | "--nff" | "--fail-fast" | "--ff") || argument.starts_with("--max-fail")
}

/// Whether any of them selects a part of the tests. An argument that nobody knows here may do so.
fn selects(arguments: &[OsString]) -> bool {
    let with_value = |argument: &str| {
        let value = |known: &&str| argument.strip_prefix(*known).is_some_and(|rest| rest.starts_with('='));
        SELECT_NOTHING_WITH_VALUE.iter().any(value)
    };
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        if SELECT_NOTHING_WITH_VALUE.contains(&&*argument) {
            arguments.next();
        } else if argument != "--" && !SELECT_NOTHING.contains(&&*argument) && !with_value(&argument) {
            return true;
        }
    }
    false
}

/// Whether the tests of every package of the workspace run where none is selected: not so in the folder of one of many,
/// and not beside a root package unless `--workspace` says so.
fn every_member(arguments: &[OsString]) -> anyhow::Result<bool> {
    if arguments.iter().any(|argument| argument == "--workspace" || argument == "--all") {
        return Ok(true);
    }
    let metadata = metadata()?;
    let here = std::env::current_dir()?.canonicalize()?;
    let at_root = package(&here) == Some(&*metadata.workspace_root.as_std_path().canonicalize()?);
    let selected = if at_root { metadata.workspace_default_members.len() } else { 1 };
    Ok(selected == metadata.workspace_members.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn how_tests_are_built_and_shown_selects_none_of_them() {
        for line in [
            "",
            "--release --workspace --locked -q",
            "--profile bench -F one,two -j 4",
            "--profile=bench --features=one --jobs=4 --color=never --config=a=b",
            "--all-features -- --nocapture --test-threads 1",
            "-- --test-threads=1",
            // The argument after one of these is its value, whatever it looks like.
            "--target-dir search --manifest-path --test",
            "--target",
        ] {
            assert!(!selects(&arguments(line)), "{line}");
        }
    }

    #[test]
    fn a_name_a_package_and_a_kind_of_target_select_a_part() {
        for line in [
            "search",
            "--test search",
            "--lib",
            "-p engine",
            "--package=engine",
            "--exclude engine --workspace",
            "-- search",
            "-- --ignored",
            "-E test(search)",
            "--profile bench search",
            "--release=search",
            // Longer than an argument that is known, and none of it.
            "--jobsearch=4",
            "--test=search",
            "-vvv",
        ] {
            assert!(selects(&arguments(line)), "{line}");
        }
        assert!(run_all(&arguments("--workspace")).expect("nothing is asked of cargo"));
        assert!(!run_all(&arguments("--workspace --test search")).expect("nothing is asked of cargo"));
    }

    #[test]
    fn whoever_says_when_to_stop_is_heard_in_the_words_of_cargo_and_of_nextest() {
        for line in
            ["--no-fail-fast", "--nff", "--fail-fast", "--ff", "--max-fail=3", "--max-fail 3", "-q --max-fail all"]
        {
            assert!(say_when_to_stop(&arguments(line)), "{line}");
        }
        for line in ["", "--release", "fail-fast", "--no-fail-faster", "-- --nocapture"] {
            assert!(!say_when_to_stop(&arguments(line)), "{line}");
        }
    }
}
