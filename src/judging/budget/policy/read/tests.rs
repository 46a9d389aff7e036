//! What is wrong with a policy is said with its place and with what to do.

use crate::judging::budget::policy::samples::{FILE, error, parsed};

#[test]
fn errors_say_where_what_and_what_to_do() {
    let cases = [
        (
            "peak = 1",
            "2:1: unknown key `peak`: \
             valid are `schema`, `unlisted`, `strict`, `figures`, `defaults`, `operation`, `target`",
        ),
        ("default = 1", "2:1: unknown key `default`: did you mean `defaults`?"),
        ("unlisted = \"fial\"", "2:12: `unlisted` is no \"fial\": did you mean `fail`?"),
        ("unlisted = true", "2:12: `unlisted` is a boolean: write \"fail\", \"warn\" or \"allow\""),
        ("strict = \"yes\"", "2:10: `strict` is a string: write `true` or `false`"),
        ("figures = 1", "2:11: `figures` is an integer: write a folder beside this file, such as \"tests/figures\""),
        ("figures = ''", "2:11: `figures` is empty: write a folder beside this file, such as \"tests/figures\""),
        (
            "figures = '/etc'",
            "2:11: `figures` is no relative path: write a folder beside this file, such as \"tests/figures\"",
        ),
        (
            "figures = 'c:x'",
            "2:11: `figures` is no relative path: write a folder beside this file, such as \"tests/figures\"",
        ),
        (
            "figures = 'a/../../b'",
            "2:11: `figures` leads out of the policy's folder by `..`: \
             write a folder beside this file, such as \"tests/figures\"",
        ),
        (
            "figures = '\\\\host\\x'",
            "2:11: `figures` has a backslash where `/` parts folders: \
             write a folder beside this file, such as \"tests/figures\"",
        ),
        (
            "figures = \"a\\u0000\"",
            "2:11: `figures` has control characters: write a folder beside this file, such as \"tests/figures\"",
        ),
        ("defaults = 1", "2:12: `defaults` is an integer: write limits such as `peak_bytes = \"64 MiB\"` into a table"),
        ("[[operation]]", "2:1: `operation` is an array: write tables such as `[operation.\"index_build\"]`"),
        ("operation.a = 1.5", "2:15: `a` is a float: write limits such as `peak_bytes = \"64 MiB\"` into a table"),
        ("target = 2020-01-01", "2:10: `target` is a date: write tables such as `[target.'cfg(windows)'.defaults]`"),
        ("[defaults]\npeak_byte = 1", "3:1: unknown key `peak_byte`: did you mean `peak_bytes`?"),
        (
            "[defaults]\n  zzz = 1",
            "3:3: unknown key `zzz`: \
             valid are `allocs`, `allocated_bytes`, `live_bytes`, `live_bytes_per_iteration`, `net_bytes`, `peak_bytes`, `why`, `runs`",
        ),
        (
            "[operation.a.b]\nallocs = 1",
            "2:14: unknown key `b`: if `a.b` is an operation, write its whole name in quotes",
        ),
        ("[defaults]\nwhy = ' '", "3:7: `why` is empty: write the reason of the limits in a sentence"),
        ("[defaults]\nwhy = 1", "3:7: `why` is an integer: write the reason of the limits in a sentence"),
        ("[defaults]\nruns = 0", "3:8: `runs` is 0: write an integer from 1 to 1000"),
        ("[defaults]\nruns = 1001", "3:8: `runs` is 1001: write an integer from 1 to 1000"),
        (
            "[defaults]\nruns = -99999999999999999999",
            "3:8: `runs` is -99999999999999999999: write an integer from 1 to 1000",
        ),
        ("[defaults]\nruns = '3'", "3:8: `runs` is a string: write an integer from 1 to 1000"),
        ("[operation.'/']", "2:12: `/` names no operation: write its path, such as `index_build/commit`"),
        (
            "[operation.'a/b']\n[operation.'a//b']",
            "3:12: `a//b` is the operation at heapledger.toml:2:12 again: keep one of the two",
        ),
        (
            "[operation.'a/*']\n[operation.'/a/*']",
            "3:12: `/a/*` is the operation at heapledger.toml:2:12 again: keep one of the two",
        ),
        (
            "[target.'cfg(unix)'.operation.a]\n[target.'cfg(unix)'.operation.'/a']",
            "3:31: `/a` is the operation at heapledger.toml:2:31 again: keep one of the two",
        ),
        (
            "[operation.'a[b']",
            "2:12: `a[b` is no valid glob (invalid range pattern): \
             to mean `*`, `?` or `[` itself, write `[*]`, `[?]` or `[[]`",
        ),
        (
            "[operation.'a**']",
            "2:12: `a**` is no valid glob (recursive wildcards must form a single path component): \
             to mean `*`, `?` or `[` itself, write `[*]`, `[?]` or `[[]`",
        ),
        (
            "[operation.'***']",
            "2:12: `***` is no valid glob (wildcards are either regular `*` or recursive `**`): \
             to mean `*`, `?` or `[` itself, write `[*]`, `[?]` or `[[]`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), format!("{FILE}:{expected}"));
    }
}

#[test]
fn a_schema_that_is_not_ours_is_refused_before_all_else() {
    let version = env!("CARGO_PKG_VERSION");
    let cases = [
        ("", "1:1: `schema` is missing: put `schema = 1` on the first line".to_string()),
        ("novel = 1\n", "1:1: `schema` is missing: put `schema = 1` on the first line".to_string()),
        (
            "schema = 2\nnovel = 1\n",
            format!(
                "1:10: schema 2 is newer than this heapledger ({version}), which reads schema 1: update heapledger"
            ),
        ),
        ("schema = 0\n", "1:10: schema 0 never was: write `schema = 1`".to_string()),
        ("schema = '1'\n", "1:10: `schema` is a string: write `schema = 1`".to_string()),
    ];
    for (text, expected) in cases {
        assert_eq!(parsed(text).expect_err(text), format!("{FILE}:{expected}"));
    }
}

#[test]
fn what_is_no_toml_is_refused_in_one_line() {
    let cases = [
        ("<<<<<<< ours", "2:1: a merge conflict stands here: take either side; figures can be recorded anew"),
        ("strict = true\nstrict = true", "3:1: duplicate key `strict`: it stands at heapledger.toml:2:1 already"),
        ("[operation.a]\n[operation.a]", "3:12: duplicate key `a`: it stands at heapledger.toml:2:1 already"),
        ("why = \"\u{1}\"", "2:8: invalid character in string: `\\u{1}` at `why`"),
        ("why = \0", "2:7: unexpected character found: `\\u{0}` at `why`"),
        ("why = \"open", "2:12: unterminated basic string, expected `\"` at `why`"),
    ];
    for (text, expected) in cases {
        let said = error(text);
        assert_eq!(said, format!("{FILE}:{expected}"));
    }
}

#[test]
fn all_that_is_wrong_with_a_policy_is_told_at_once_in_the_order_of_the_file() {
    let text = "\
unlisted = 'fial'
strict = 'yes'
figures = '/etc'
novel = 1
[operation.search]
allocs = '150%'
peak_byte = 1
why = ''
runs = 0
net_bytes = { exakt = 1, tolerance = '2', minimum = 'x', max = [] }
peak_bytes = { exact = 1, ratchet = true }
allocs = 1
[operation.'a[b']
[operation.'/']
[operation.'/search']
[target.'cfg(unixx)'.operation.b]
live_byte = 1
[target.'cfg(unix)'.nothing]
live_bytes =
[target.'cfg(windows)'.operation.b]
allocs = 1.5
";
    let said = error(text);
    let places: Vec<&str> = said.lines().map(|line| line.split(':').nth(1).expect("it has a line")).collect();
    let lines = "2 3 4 5 7 8 9 10 11 11 11 11 12 13 14 15 16 17 18 19 20 22".split(' ').collect::<Vec<_>>();
    assert_eq!(places, lines, "{said}");
    assert!(
        said.contains("heapledger.toml:13:1: duplicate key `allocs`: it stands at heapledger.toml:7:1 already"),
        "{said}"
    );
    // What is no TOML is one problem, and not two.
    assert!(!said.contains("`live_bytes` is"), "{said}");
    // Whatever it is, a schema that is not ours is told alone.
    assert_eq!(parsed("schema = 2\nnovel = 1\nstrict = 1\n").expect_err("it is newer").lines().count(), 1);
}

#[test]
fn of_many_problems_the_first_of_the_file_are_told() {
    let said = error(&format!("strict = true\nstrict = true\n{}", "x\n".repeat(60)));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "heapledger.toml:3:1: duplicate key `strict`: it stands at heapledger.toml:2:1 already");
    assert_eq!((lines.len(), lines[24]), (25, "and more: repair these first"));
}
