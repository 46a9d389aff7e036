//! Which `cfg` expressions hold, and which are refused because they never would.

use crate::judging::budget::policy::samples::{FILE, environment, error, policy};

#[test]
fn expressions_are_held_against_the_environment() {
    let environment = environment(&[
        "unix",
        "miri",
        "target_env=\"\"",
        "target_arch=\"x86_64\"",
        "target_feature=\"sse2\"",
        "target_has_atomic=\"8\"",
        "target_has_atomic=\"ptr\"",
        "target_endian=\"little\"",
        "target_pointer_width=\"64\"",
        "target_vendor=\"apple\"",
        "target_abi=\"sim\"",
        "panic=\"unwind\"",
        "sanitize=\"address\"",
        "debug_assertions",
    ]);
    let holds = |cfg: &str| {
        let policy = policy(&format!("[target.'cfg({cfg})'.operation.a]\n"));
        policy.rules("a", &environment).listed
    };
    let held = [
        "unix",
        "target_family = \"unix\"",
        "not(windows)",
        "miri",
        "target_env = \"\"",
        "target_arch = \"x86_64\"",
        "target_feature = \"sse2\"",
        "all(target_has_atomic = \"8\", target_has_atomic = \"ptr\")",
        "target_endian = \"little\"",
        "target_pointer_width = \"64\"",
        "target_vendor = \"apple\"",
        "target_abi = \"sim\"",
        "panic = \"unwind\"",
        "sanitize = \"address\"",
        "debug_assertions",
        "any(windows, all(unix, not(target_os = \"macos\")))",
        "all()",
    ];
    for cfg in held {
        assert!(holds(cfg), "{cfg}");
    }
    for cfg in ["windows", "not(unix)", "target_os = \"linux\"", "any()", "target_family = \"wasm\"", "not(all())"] {
        assert!(!holds(cfg), "{cfg}");
    }
}

#[test]
fn expressions_that_never_hold_are_refused() {
    let cases = [
        (
            "x86_64-unknown-linux-gnu",
            "`x86_64-unknown-linux-gnu` is no cfg expression: write one such as `cfg(windows)`",
        ),
        ("cfg(windows", "`cfg(windows` is no cfg expression: write one such as `cfg(windows)`"),
        ("cfg()", "`cfg()` is no valid cfg expression: empty expression"),
        ("cfg(all(unix)", "`cfg(all(unix)` is no valid cfg expression: unclosed parens"),
        (
            "cfg(not(unix, windows))",
            "`cfg(not(unix, windows))` is no valid cfg expression: not() takes 1 predicate, found 2",
        ),
        ("cfg(unix, windows)", "`cfg(unix, windows)` is no valid cfg expression: multiple root predicates"),
        (
            "cfg(all(unix), not(unix))",
            "`cfg(all(unix), not(unix))` is no valid cfg expression: \
             put several predicates into `all(..)` or `any(..)`",
        ),
        ("cfg(ä)", "`cfg(ä)` is no valid cfg expression: expected one of `<key>`, `all`, `any`, `not` here"),
        ("cfg(target_os)", "`cfg(target_os)` is no valid cfg expression: expected a `= \"<target_cfg_value>\"` here"),
        (
            "cfg(target_pointer_width = \"x\")",
            "`cfg(target_pointer_width = \"x\")` is no valid cfg expression: invalid integer",
        ),
        ("cfg(window)", "`cfg(window)` never holds, because no environment tells of `window`: did you mean `windows`?"),
        (
            "cfg(all(unix, test))",
            "`cfg(all(unix, test))` never holds, because no environment tells of `test`: \
             valid are `unix`, `windows`, `miri`, `debug_assertions`, `panic`, `sanitize`, `target_abi`, \
             `target_arch`, `target_endian`, `target_env`, `target_family`, `target_feature`, `target_has_atomic`, `target_os`, `target_pointer_width`, `target_vendor`",
        ),
        (
            "cfg(os = \"linux\")",
            "`cfg(os = \"linux\")` never holds, because no environment tells of `os`: did you mean `target_os`?",
        ),
        (
            "cfg(target_oss = \"linux\")",
            "`cfg(target_oss = \"linux\")` is no valid cfg expression: expected one of `target_arch`, `target_feature`, \
             `target_os`, `target_family`, `target_env`, `target_endian`, `target_has_atomic`, `target_pointer_width`, \
             `target_vendor` here",
        ),
    ];
    for (cfg, expected) in cases {
        assert_eq!(error(&format!("[target.'{cfg}'.defaults]")), format!("{FILE}:2:9: {expected}"));
    }
    let said = error("[target.'cfg(unix)'.operations.a]");
    assert_eq!(said, format!("{FILE}:2:21: unknown key `operations`: did you mean `operation`?"));
    for never in ["cfg(feature = \"x\")", "cfg(not(proc_macro))", "cfg(any(linux, unix))"] {
        let said = error(&format!("[target.'{never}'.defaults]"));
        assert!(said.starts_with(&format!("{FILE}:2:9: `{never}` never holds, because no environment")), "{said}");
    }
    let said = error("target.'cfg(unix)' = 1");
    assert_eq!(
        said,
        format!("{FILE}:2:22: `cfg(unix)` is an integer: write tables such as `[target.'cfg(windows)'.defaults]`")
    );
}
