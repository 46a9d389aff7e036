//! Whole policies, from their text to what they say of an operation.

use super::*;
use crate::judging::budget::limit::Tolerance;
use crate::judging::budget::policy::amount::{amount, percent};
use crate::judging::budget::policy::cfgs::{MOST_BRACKETS, expression};
use crate::judging::budget::policy::read::{LARGEST, MOST_OPERATIONS};
use crate::judging::budget::policy::samples::{FILE, environment, error, limit, linux, parsed, place, policy, windows};
use crate::words::{LONGEST_GLOB, MOST_SEGMENTS, glob};

const EVERYTHING: &str = r#"schema = 1
unlisted = "fail"
strict = true
figures = "budgets/recorded"

[defaults]
allocs = "ratchet"
runs = 3

[operation."index_build"]
peak_bytes = "64 MiB"
why = "fits the smallest machine we run on"

[operation."search/*"]
allocated_bytes = { ratchet = true, tolerance = "1%", minimum = "4 KiB" }

[target.'cfg(windows)'.defaults]
allocs = 7
[target.'cfg(target_os = "linux")'.operation."index_build"]
peak_bytes = "96 MiB"
"#;

#[test]
fn everything_is_read_with_its_place() {
    let policy = parsed(EVERYTHING).expect("it is valid");
    assert_eq!((policy.file.as_str(), policy.figures.as_str()), (FILE, "budgets/recorded"));
    assert_eq!((policy.unlisted, policy.strict), (Unlisted::Fail, true));

    let rules = policy.rules("index_build", &linux());
    let allocs = FigureLimit { ratchet: true, ..limit(7, 10) };
    let peak = FigureLimit { max: Some(96 << 20), ..limit(20, 14) };
    assert_eq!(rules.limits, [(Figure::Allocs, allocs.clone()), (Figure::PeakBytes, peak)].into());
    assert_eq!((rules.listed, rules.runs), (true, Some(3)));
    assert_eq!(rules.why.as_deref(), Some("fits the smallest machine we run on"));

    let rules = policy.rules("index_build", &windows());
    let exact = FigureLimit { exact: Some(7), ..limit(18, 10) };
    let peak = FigureLimit { max: Some(64 << 20), ..limit(11, 14) };
    assert_eq!(rules.limits, [(Figure::Allocs, exact), (Figure::PeakBytes, peak)].into());

    let rules = policy.rules("search/rust", &linux());
    let tolerance = Tolerance { percent: 1.0, minimum: 4096 };
    let bytes = FigureLimit { ratchet: true, tolerance, ..limit(15, 19) };
    assert_eq!(rules.limits, [(Figure::Allocs, allocs), (Figure::AllocatedBytes, bytes)].into());
    assert_eq!((rules.listed, rules.why), (true, None));

    assert_eq!(policy.named(&linux()), [("index_build".to_string(), place(10, 12))]);
}

#[test]
fn what_is_left_out_has_defaults() {
    let policy = parsed("schema = 1").expect("it is valid");
    assert_eq!((policy.unlisted, policy.strict, policy.figures.as_str()), (Unlisted::Warn, false, "tests/figures"));
    assert_eq!(policy.rules("a/b", &linux()), Rules::default());
    assert_eq!(policy.rules("", &linux()), Rules::default());
    assert_eq!(policy.named(&linux()), []);
}

/// What each adds to the one before: the one that holds is the last that names the figure.
const PRECEDENCE: &str = r#"
[target.'cfg(unix)'.operation."a/b"]
allocs = 8
why = "target, full"
[target.'cfg(unix)'.operation."a/*"]
allocs = 6
live_bytes = 6
why = "target, glob"
[target.'cfg(windows)'.operation."a/b"]
allocs = 99
[target.'cfg(unix)'.defaults]
allocs = 2
peak_bytes = 2
runs = 2
[operation."a/b"]
allocs = 7
why = "full"
runs = 7
[operation."**"]
allocs = 3
live_bytes = 3
net_bytes = 3
[operation."?/b"]
allocs = 4
live_bytes = "none"
[operation."a/[*]"]
allocs = 5
[target.'cfg(target_os = "linux")'.operation."*/b"]
allocated_bytes = 5
peak_bytes = "none"
[defaults]
allocs = 1
live_bytes = { max = 1 }
peak_bytes = 1
why = "defaults"
runs = 1
"#;

#[test]
fn the_more_specific_table_wins_figure_by_figure() {
    let policy = policy(PRECEDENCE);
    let exact = |path: &str, environment: &Environment| {
        let rules = policy.rules(path, environment);
        let exact: Vec<_> = Figure::ALL.map(|figure| rules.limits.get(&figure).and_then(|limit| limit.exact)).into();
        (exact, rules.why.unwrap_or_default(), rules.runs.unwrap_or_default())
    };
    // allocs, allocated_bytes, live_bytes, live_bytes_per_iteration, net_bytes, peak_bytes
    let all = |figures: [i64; 6]| figures.map(|figure| (figure > 0).then_some(figure)).to_vec();
    assert_eq!(exact("a/b", &linux()), (all([8, 5, 6, 0, 3, 0]), "target, full".into(), 7));
    assert_eq!(exact("a/b", &environment(&["unix"])), (all([8, 0, 6, 0, 3, 2]), "target, full".into(), 7));
    assert_eq!(exact("a/b", &environment(&[])), (all([7, 0, 0, 0, 3, 1]), "full".into(), 7));
    assert_eq!(exact("a/b", &windows()).0[0], Some(99));
    assert_eq!(exact("a/*", &environment(&[])), (all([5, 0, 3, 0, 3, 1]), "defaults".into(), 1));
    assert_eq!(exact("a/*", &linux()), (all([6, 0, 6, 0, 3, 2]), "target, glob".into(), 2));
    assert_eq!(exact("x/b", &linux()), (all([4, 5, 0, 0, 3, 0]), "defaults".into(), 2));
    assert_eq!(exact("x/y/z", &environment(&[])), (all([3, 0, 3, 0, 3, 1]), "defaults".into(), 1));
}

#[test]
fn a_limit_is_replaced_wholly() {
    let text = "[defaults]\nallocs = { max = 9, ratchet = true }\n[operation.a]\nallocs = { exact = 3 }\n";
    let limits = policy(text).rules("a", &linux()).limits;
    assert_eq!(limits[&Figure::Allocs], FigureLimit { exact: Some(3), ..limit(5, 10) });
}

#[test]
fn an_operation_is_listed_if_it_or_one_above_it_is_named() {
    let text = "[defaults]\nruns = 2\n[operation.\"a/b\"]\nallocs = 1\n[operation.\"g*/h\"]\n\
                [target.'cfg(windows)'.operation.w]\n[target.'cfg(windows)'.operation.\"v*\"]\n";
    let policy = policy(text);
    let listed = |path: &str, environment: &Environment| policy.rules(path, environment).listed;
    let paths = ["a/b", "a/b/c/d", "/a//b/", "g/h", "gg/h/i/j"];
    assert!(paths.iter().all(|path| listed(path, &linux())));
    let paths = ["a", "a/bc", "b", "g", "g/i", "x/g/h", "w", "w/x", "vv", "vv/x"];
    assert!(paths.iter().all(|path| !listed(path, &linux())));
    assert!(["w", "w/x", "vv", "vv/x"].iter().all(|path| listed(path, &windows())));
    assert_eq!(policy.rules("a/b/c", &linux()).limits, BTreeMap::new());
}

#[test]
fn operations_named_in_full_are_told_by_path() {
    let text = "[operation.\"z//b\"]\n[operation.\"*\"]\n[target.'cfg(windows)'.operation.\"a\"]\n\
                [target.'cfg(windows)'.operation.\"z/b\"]\n";
    let policy = policy(text);
    assert_eq!(policy.named(&linux()), [("z/b".to_string(), place(2, 12))]);
    let expected = [("a".to_string(), place(4, 34)), ("z/b".to_string(), place(2, 12))];
    assert_eq!(policy.named(&windows()), expected);
}

#[test]
fn names_may_hold_anything_and_messages_nothing_that_a_terminal_obeys() {
    let policy = policy("[operation.\"a\\u0000\\u001b/\\u202e\"]\nallocs = 1\n");
    assert!(policy.rules("a\0\u{1b}/\u{202e}", &linux()).listed);
    assert!(!policy.rules("a", &linux()).listed);
    let said = error("\"\\u001b[2J\\n\" = 1\n");
    assert!(said.starts_with("heapledger.toml:2:1: unknown key `\\u{1b}[2J\\n`: "), "{said}");
    let said = error(&format!("\"{}\" = 1\n", "x".repeat(1 << 19)));
    assert!(said.starts_with(&format!("heapledger.toml:2:1: unknown key `{}…`: valid are", "x".repeat(60))), "{said}");
    let said = error(&format!("[defaults]\nallocs = '{}'\n", "9".repeat(1 << 19)));
    assert_eq!(said, format!("heapledger.toml:3:10: \"{}…\" does not fit into 64 bits: write less", "9".repeat(60)));
    let said = error(&format!("[defaults]\nallocs = '0.{}5'\n", "0".repeat(1 << 19)));
    assert!(said.contains(" is no whole number of blocks: "), "{said}");
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    assert!(parsed(&"#".repeat(LARGEST + 1)).is_err());
    assert!(parsed(&format!("schema = 1\n#{}", "#".repeat(LARGEST - 12))).is_ok());
    for open in ["[", "{ a = ", "[operation.a", "a."] {
        assert!(parsed(&format!("schema = 1\nstrict = {}", open.repeat(100_000))).is_err());
        assert!(parsed(&format!("schema = 1\n{}", open.repeat(100_000))).is_err());
    }
    let dotted = format!("schema = 1\noperation{} = 1", ".a".repeat(100_000));
    assert!(parsed(&dotted).is_err());

    let tables = |count: usize| (0..count).map(|at| format!("[operation.\"{at}\"]\n")).collect::<String>();
    assert_eq!(policy(&tables(MOST_OPERATIONS)).named(&linux()).len(), MOST_OPERATIONS);
    let said = error(&tables(MOST_OPERATIONS + 1));
    assert_eq!(said, "heapledger.toml:10002:12: more than 10000 operations: name several by one glob");
    let targets: String = (0..257).map(|at| format!("[target.'cfg(target_os = \"{at}\")'.defaults]\n")).collect();
    assert_eq!(error(&targets), "heapledger.toml:258:9: more than 256 targets: put what they share into one");
    let said = error(&format!("[operation.'{}']", "*".repeat(LONGEST_GLOB + 1)));
    assert_eq!(
        said,
        format!("heapledger.toml:2:12: `{}…` is longer than 1024 bytes: write a shorter glob", "*".repeat(60))
    );
    let said = error(&format!("[operation.'{}']", "*/".repeat(MOST_SEGMENTS + 1)));
    let start = "*/".repeat(30);
    assert_eq!(said, format!("heapledger.toml:2:12: `{start}…` has more than 100 segments: write a shorter glob"));

    let nested = |depth: usize| format!("cfg({}unix{})", "not(".repeat(depth), ")".repeat(depth));
    assert!(expression(&nested(MOST_BRACKETS)).is_ok());
    let many = format!("cfg(any({}))", "not(unix),".repeat(300));
    let wide = format!("cfg(any({}))", "unix,".repeat(1000));
    for cfg in [nested(MOST_BRACKETS + 1), nested(100_000), many, wide] {
        let start: String = cfg.chars().take(60).collect();
        let expected =
            format!("`{start}…` is too long (more than 4096 bytes or 100 brackets): write a shorter expression");
        assert_eq!(expression(&cfg).expect_err("it is too long"), expected);
    }
}

#[test]
fn nothing_that_is_written_panics() {
    let alphabet = [
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "=",
        ".",
        "\n",
        "a",
        "allocs",
        "operation",
        "target",
        "cfg(",
        ")",
        "not(",
        "all(",
        ",",
        "unix",
        "1",
        "%",
        "*",
        "?",
        "!",
        "-",
        "/",
        " ",
        "ä",
        "\\",
        "why",
        "defaults",
        "max",
        "exact",
        "KiB",
    ];
    // A linear congruential generator: the same texts every time.
    let mut state = 1u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for _ in 0..5_000 {
        let text: String = (0..next() % 24).map(|_| alphabet[next() % alphabet.len()]).collect();
        let _ = amount(Figure::PeakBytes, &text);
        let _ = percent(Figure::Allocs, &text);
        if let Ok(expression) = expression(&format!("cfg({text})")) {
            let _ = expression.eval(|_| true);
        }
        if let Ok(glob) = glob(&text) {
            let _ = glob.reach(&["a", "[a]", "ä"]);
        }
        for line in [text.clone(), format!("[defaults]\nallocs = {text}"), format!("[operation.'{text}']")] {
            if let Ok(policy) = parsed(&format!("schema = 1\n{line}")) {
                let _ = policy.rules(&text, &linux());
            }
        }
    }
}
