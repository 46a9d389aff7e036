//! Rules about what may be named where: the world outside by judges and writers, printing, and the shards.

use proc_macro2::{TokenStream, TokenTree};

use super::layers::spell;
use super::paths::{each_token, is_punct};
use super::tree::{SourceFile, Target, Tree};

/// The layers that take values and give values.
const PURE: [&str; 2] = ["judging", "render"];

/// What a function of values does not ask.
const WORLD: [&str; 5] = ["env", "fs", "io", "thread", "process"];

/// The layers that hold what is counted now.
const LIVE: [&str; 2] = ["record", "registry"];

/// Judging and rendering ask neither the recorder nor the machine.
pub fn purity(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in tree.code_files().filter(|file| file.folder().is_some_and(|folder| PURE.contains(&folder))) {
        let mut tell = |line: usize, name: &str| {
            wrong.push(format!(
                "{}:{line}: `{name}` is not for a function of values: have the caller pass what it wants to know",
                file.path
            ));
        };
        for name in &file.names {
            let line = name.written.line;
            match tree.resolve(name) {
                Target::Crate(path) => {
                    // Also what another folder only hands on.
                    let homes = [&path, &tree.home(&path)].map(|path| path.first().cloned().unwrap_or_default());
                    if homes.iter().any(|folder| LIVE.contains(&folder.as_str())) {
                        tell(line, &spell(&path));
                    }
                }
                Target::Elsewhere(path) => {
                    let named: Vec<&str> = path.iter().map(String::as_str).collect();
                    let asks_world = matches!(&named[..], ["std" | "core", module, ..] if WORLD.contains(module));
                    let asks_clock =
                        named.windows(2).any(|pair| pair == ["SystemTime", "now"]) || named.contains(&"Instant");
                    if asks_world || asks_clock {
                        tell(line, &path.join("::"));
                    }
                }
            }
        }
    }
    wrong.dedup();
    wrong
}

/// The files that print, and what.
pub const PRINTING_FILES: [(&str, &str); 7] = [
    ("src/command/terminal.rs", "what the command says"),
    ("src/front/budget/assertion.rs", "the warning of an assertion that holds"),
    ("src/front/leak_test/report.rs", "the warnings of a leak test that passes"),
    ("src/front/leak_test/progress.rs", "the line that says how far a leak test is"),
    ("src/front/print.rs", "what users ask to have printed"),
    ("src/front/process.rs", "what a process tells when it ends"),
    ("src/front/variables.rs", "what is wrong with what the environment asks for"),
];

/// Nobody prints but these files, and each of them does.
pub fn printing(tree: &Tree, allowed: &[(&str, &str)]) -> Vec<String> {
    const MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];
    let mut wrong = Vec::new();
    let mut printed = Vec::new();
    for file in tree.code_files() {
        let mut lines = Vec::new();
        each_token(file.code_tokens(), &mut |tokens, at| {
            if let TokenTree::Ident(word) = &tokens[at]
                && is_punct(tokens, at + 1, '!')
                && MACROS.iter().any(|name| word == name)
            {
                lines.push((word.span().start().line, format!("{word}!")));
            }
        });
        for name in &file.names {
            if let Target::Elsewhere(path) = tree.resolve(name)
                && matches!(
                    path.iter().map(String::as_str).collect::<Vec<_>>()[..],
                    ["std", "io", "stdout" | "stderr", ..]
                )
            {
                lines.push((name.written.line, path.join("::")));
            }
        }
        if !lines.is_empty() {
            printed.push(file.path.as_str());
        }
        if !allowed.iter().any(|(path, _)| *path == file.path) {
            wrong.extend(lines.iter().map(|(line, what)| {
                format!(
                    "{}:{line}: `{what}` stands in a file that does not print: return a value, or ask one that does",
                    file.path
                )
            }));
        }
    }
    for (path, reason) in allowed.iter().filter(|(path, _)| !printed.contains(path)) {
        wrong.push(format!(
            "{path}:1: does not print `{reason}` (any more): take it off the list of tests/tidy/bans.rs"
        ));
    }
    wrong
}

/// The counters of all threads, and of those that have no shard.
const ALL_COUNTERS: [&str; 2] = ["SHARDS", "OVERFLOW"];

/// The one file outside `record/` that walks them.
const SWEEP: &str = "src/reading/sweep.rs";

/// Only the recorder and the sweep name the lists of all counters.
pub fn shards(tree: &Tree) -> Vec<String> {
    let may = |file: &&SourceFile| file.path == SWEEP || file.folder() == Some("record");
    let mut wrong = Vec::new();
    for file in tree.code_files().filter(|file| !may(file)) {
        each_token(file.code_tokens(), &mut |tokens, at| {
            if let TokenTree::Ident(word) = &tokens[at]
                && ALL_COUNTERS.iter().any(|name| word == name)
            {
                let line = word.span().start().line;
                wrong.push(format!(
                    "{}:{line}: `{word}` is walked in {SWEEP} alone: ask it for what you need",
                    file.path
                ));
            }
        });
    }
    wrong
}

/// No test is switched off, and nothing is left to be written.
pub fn unfinished(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !["ignore", "todo", "unimplemented"].iter().any(|word| text.contains(word)) {
        return wrong;
    }
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path} is no Rust: {error}"));
    each_token(tokens, &mut |tokens, at| match &tokens[at] {
        TokenTree::Group(group) if at > 0 && is_punct(tokens, at - 1, '#') => {
            let mut words = Vec::new();
            each_token(group.stream(), &mut |tokens, at| words.push(tokens[at].to_string()));
            let switches_off = words.first().is_some_and(|first| first == "ignore")
                || words.first().is_some_and(|first| first == "cfg_attr") && words.iter().any(|word| word == "ignore");
            if switches_off {
                let line = group.span().start().line;
                wrong
                    .push(format!("{path}:{line}: a test that is ignored sees nothing: make it pass, or take it away"));
            }
        }
        TokenTree::Ident(word) if (word == "todo" || word == "unimplemented") && is_punct(tokens, at + 1, '!') => {
            let line = word.span().start().line;
            wrong.push(format!("{path}:{line}: `{word}!` is a promise: write the code, or return an error"));
        }
        _ => {}
    });
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_asks_the_recorder_or_the_machine_is_seen() {
        for (code, name) in [
            ("use crate::record::Shard;", "crate::record::Shard"),
            ("use crate::{registry, words};", "crate::registry"),
            ("use crate::reading::Shard;", "crate::reading::Shard"),
            ("fn f() { super::super::record::now() }", "crate::record::now"),
            ("use std::{collections::BTreeMap, env};", "std::env"),
            ("use std::{fs::{self, File}};", "std::fs"),
            ("fn f(out: &mut dyn std::io::Write) {}", "std::io::Write"),
            ("fn f() { ::std::process::exit(1) }", "std::process::exit"),
            ("use std::time::{Duration, Instant};", "std::time::Instant"),
            ("fn f() { g!(std::thread::sleep(d)) }", "std::thread::sleep"),
            ("use std::time::SystemTime; fn f() { SystemTime::now() }", "std::time::SystemTime::now"),
        ] {
            let tree = Tree::parse(&[
                ("src/record/mod.rs", "mod shard; pub use shard::Shard;"),
                ("src/record/shard.rs", ""),
                ("src/registry/mod.rs", ""),
                ("src/reading/mod.rs", "pub use crate::record::Shard;"),
                ("src/judging/a.rs", code),
            ]);
            let told = "is not for a function of values: have the caller pass what it wants to know";
            assert_eq!(purity(&tree).first(), Some(&format!("src/judging/a.rs:1: `{name}` {told}")), "{code}");
        }
    }

    #[test]
    fn a_judge_of_values_passes() {
        let code =
            "use std::fmt::{self, Write}; use std::time::Duration; use crate::reading::Row; use std::time::SystemTime;
                    #[cfg(test)] mod tests { use std::fs; }
                    fn f(thread: u8, io: u8) { io.fs::<u8>(\"std::env\", self.process.thread()) }";
        let files = [
            ("src/render/a.rs", code),
            ("src/front/a.rs", "use std::env; use crate::record::X;"),
            ("src/record/mod.rs", ""),
        ];
        assert_eq!(purity(&Tree::parse(&files)), [""; 0]);
    }

    #[test]
    fn printing_elsewhere_is_seen() {
        let allowed = [("src/front/print.rs", "reports")];
        let print = ("src/front/print.rs", "fn f() { println!() }");
        for (code, what) in [
            ("fn f() { eprintln!(\"a\") }", "eprintln!"),
            ("macro_rules! m { () => { dbg!(1) } }", "dbg!"),
            ("use std::io; fn f() { write!(io::stderr(), \"a\") }", "std::io::stderr"),
            ("use std::{io::{stdout, Write}};", "std::io::stdout"),
        ] {
            let told = "stands in a file that does not print: return a value, or ask one that does";
            assert_eq!(
                printing(&Tree::parse(&[print, ("src/words/a.rs", code)]), &allowed),
                [format!("src/words/a.rs:1: `{what}` {told}")],
                "{code}"
            );
        }
        let silent =
            "/// println!()\nfn f() { let print = \"eprintln!\"; write!(g, \"\"); } #[test] fn t() { println!() }";
        assert_eq!(printing(&Tree::parse(&[print, ("src/words/a.rs", silent)]), &allowed), [""; 0]);
        assert_eq!(
            printing(&Tree::parse(&[("src/front/print.rs", silent)]), &allowed),
            ["src/front/print.rs:1: does not print `reports` (any more): take it off the list of tests/tidy/bans.rs"]
        );
    }

    #[test]
    fn a_second_walk_over_the_shards_is_seen() {
        let files = [
            ("src/reading/snapshot.rs", "use crate::record::SHARDS;\nfn f() { record::OVERFLOW.sum() }"),
            ("src/reading/sweep.rs", "use crate::record::SHARDS;"),
            ("src/record/mod.rs", "pub(crate) use shard::{OVERFLOW, SHARDS};"),
            ("src/front/a.rs", "// SHARDS\nfn f() { g(\"OVERFLOW\") }"),
        ];
        assert_eq!(
            shards(&Tree::parse(&files)),
            [
                "src/reading/snapshot.rs:1: `SHARDS` is walked in src/reading/sweep.rs alone: ask it for what you need",
                "src/reading/snapshot.rs:2: `OVERFLOW` is walked in src/reading/sweep.rs alone: ask it for what you need",
            ]
        );
    }

    #[test]
    fn ignored_tests_and_promises_are_seen() {
        let seen = |code: &str| unfinished("tests/a.rs", code);
        let ignored = "tests/a.rs:2: a test that is ignored sees nothing: make it pass, or take it away";
        assert_eq!(seen("#[test]\n#[ignore] fn f() {}"), [ignored]);
        assert_eq!(seen("#[test]\n#[ignore = \"slow\"] fn f() {}"), [ignored]);
        assert_eq!(
            seen("fn f() { todo!() }"),
            ["tests/a.rs:1: `todo!` is a promise: write the code, or return an error"]
        );
        assert_eq!(seen("mod m { fn f() { g(unimplemented!()) } }").len(), 1);
        assert_eq!(seen("fn f(ignore: bool) { g(ignore, todo); h(\"todo!()\") } // todo!()"), [""; 0]);
        assert_eq!(seen("#[serde(ignore)] struct A; fn f() { if ignore { [ignore] } }"), [""; 0]);
        assert_eq!(seen("#[test]\n#[cfg_attr(miri, ignore)] fn f() {}"), [ignored]);
    }
}
