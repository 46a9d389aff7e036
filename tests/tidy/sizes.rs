//! Rules about sizes: of files, of unit tests beside the code, and of lines.

use proc_macro2::{LineColumn, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::paths::each_token;
use super::test_code::is_for_tests;
use super::tree::{SourceFile, Tree};

/// A file that nobody has to search.
pub const MOST_LINES: usize = 400;

/// Unit tests that still leave the code beside them in sight.
pub const MOST_TEST_LINES: usize = 100;

/// What rustfmt is told, in characters; it leaves literals and comments as they are.
pub const MOST_COLUMNS: usize = 120;

/// No file is too long, and neither are the unit tests in it.
pub fn lengths(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in &tree.files {
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!(
                "{}:{}: {lines} lines, and {MOST_LINES} are the most: split it by what it is for",
                file.path,
                MOST_LINES + 1
            ));
        }
        let mut tests = InlineTests { file, wrong: &mut wrong };
        tests.visit_file(&file.syntax);
    }
    wrong
}

struct InlineTests<'a> {
    file: &'a SourceFile,
    wrong: &'a mut Vec<String>,
}

impl<'a> Visit<'a> for InlineTests<'a> {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        if !is_for_tests(&module.attrs) || self.file.is_test {
            return visit::visit_item_mod(self, module);
        }
        let Some((braces, _)) = &module.content else { return };
        let (first, last) = (module.ident.span().start().line, braces.span.close().end().line);
        let lines = last + 1 - first;
        if lines > MOST_TEST_LINES {
            self.wrong.push(format!(
                "{}:{first}: {lines} lines of unit tests, and {MOST_TEST_LINES} are the most beside code: move them into a \
                 file of their own",
                self.file.path
            ));
        }
    }
}

/// No line is too wide, unless a literal or an address in a comment makes it so.
pub fn widths(path: &str, text: &str) -> Vec<String> {
    let is_wide = |line: &str| line.chars().count() > MOST_COLUMNS;
    if !text.lines().any(is_wide) {
        return Vec::new();
    }
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path} is no Rust: {error}"));
    let lines = Vec::from_iter(text.lines());
    let mut literals = Vec::new();
    each_token(tokens, &mut |tokens, at| {
        let TokenTree::Literal(literal) = &tokens[at] else { return };
        let (start, end) = (literal.span().start(), literal.span().end());
        // The tokens of a doc comment are literals too, but begin with the slashes.
        let begins_with_slash =
            lines.get(start.line - 1).is_some_and(|line| line.chars().nth(start.column) == Some('/'));
        if !begins_with_slash {
            literals.push((start, end));
        }
    });
    let mut wrong = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_wide(line)) {
        // What closes the literal's line belongs to it: rustfmt cannot break there either.
        let last = line.trim_end_matches([',', ';', ')', ']', '}', '?']).chars().count().saturating_sub(1);
        let edge = LineColumn { line: at + 1, column: MOST_COLUMNS.min(last) };
        let in_literal = literals.iter().any(|(start, end)| (*start..*end).contains(&edge));
        if !in_literal && !is_in_address(line) {
            wrong.push(format!(
                "{path}:{}: {} characters, and {MOST_COLUMNS} are the most: break the line",
                at + 1,
                line.chars().count()
            ));
        }
    }
    wrong
}

/// Whether an address stands across the edge.
fn is_in_address(line: &str) -> bool {
    let edge = line.char_indices().nth(MOST_COLUMNS).map_or(line.len(), |(at, _)| at);
    let word = line[..edge].rfind(char::is_whitespace).map_or(line, |at| &line[at..]);
    word.contains("://") && word.trim_start().find(char::is_whitespace).is_none_or(|at| at >= edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_long_unit_tests_are_seen() {
        let long = format!("#[cfg(test)] mod tests {{{}}}{}", "\n".repeat(100), "\n".repeat(300));
        let fits = format!("#[cfg(test)] mod tests {{{}}}{}", "\n".repeat(99), "\n".repeat(301));
        let files = [("src/a/b.rs", long.as_str()), ("src/a/c.rs", fits.as_str())];
        let tests = "unit tests, and 100 are the most beside code: move them into a file of their own";
        assert_eq!(lengths(&Tree::parse(&files)), [format!("src/a/b.rs:1: 101 lines of {tests}")]);
        let longer = format!("{fits}\n");
        let told = ["src/a/b.rs:401: 401 lines, and 400 are the most: split it by what it is for"];
        assert_eq!(lengths(&Tree::parse(&[("src/a/b.rs", &longer)])), told);
        let own_file = [("src/a/b.rs", "#[cfg(test)] mod tests;"), ("src/a/b/tests.rs", long.as_str())];
        assert_eq!(lengths(&Tree::parse(&own_file)), [""; 0]);
    }

    #[test]
    fn wide_lines_are_seen_but_for_literals_and_addresses() {
        let filler = "a".repeat(113);
        for line in [
            format!("fn f() {{ {filler}(); }}"),
            format!("// {filler} words"),
            format!("/// {filler} words"),
            format!("fn f() {{ {filler}(\"literal\"); }}"),
            format!("// https://a.b {filler}"),
        ] {
            let columns = line.chars().count();
            let told = format!("src/a.rs:2: {columns} characters, and 120 are the most: break the line");
            assert_eq!(widths("src/a.rs", &format!("\n{line}")), [told], "{line}");
        }
        for line in [
            format!("fn f() {{ g(\"0123456789 {filler}\", h); }}"),
            format!("fn f() {{ g(h, \"1234{filler}\"); }}"),
            format!("const A: &str = \"\n{filler}{filler}\";"),
            format!("// see https://{filler}/{filler} and more"),
            format!("/// [a](https://{filler})"),
            format!("// {}", "ü".repeat(117)),
        ] {
            assert_eq!(widths("src/a.rs", &line), [""; 0], "{line}");
        }
    }
}
