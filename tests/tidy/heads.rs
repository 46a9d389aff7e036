//! Rules about what stands first: every file says what it is for; a door says what is in each of its rooms, and holds
//! nothing else.

use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, Item, Lit, Meta};

use super::paths::is_punct;
use super::test_code::{attributes_of, is_for_tests};
use super::tree::Tree;

/// Every file begins with `//!`.
pub fn heads(path: &str, text: &str) -> Vec<String> {
    match text.starts_with("//!") {
        true => Vec::new(),
        false => vec![format!("{path}:1: begins with no `//!`: say what the file is for, and what it must not do")],
    }
}

/// A `mod.rs`, like `lib.rs`, holds `mod` and `use`, and for every `mod` one sentence.
pub fn rooms(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_door()) {
        let mut tell = |line: usize, what: String| wrong.push(format!("{}:{line}: {what}", file.path));
        for item in &file.syntax.items {
            let line = line_of(item);
            match item {
                Item::Use(_) => {}
                Item::Mod(module) if module.content.is_none() => {
                    let doc = doc_of(&module.attrs);
                    if is_for_tests(&module.attrs) || is_sentence(&doc) {
                        continue;
                    }
                    let name = &module.ident;
                    let what =
                        if doc.is_empty() { "has no `///`" } else { "is not described in one sentence with a period" };
                    tell(line, format!("`mod {name}` {what}: say in one sentence above it what is in that room"));
                }
                _ if is_for_tests(attributes_of(item)) => {
                    tell(line, "a door has no tests of its own: move them to what they test".into());
                }
                _ => tell(line, "a door holds nothing but `mod` and `use`: move this into a file of the folder".into()),
            }
        }
    }
    wrong
}

/// Where the item itself begins, below its attributes and docs.
fn line_of(item: &Item) -> usize {
    let tokens = Vec::from_iter(item.to_token_stream());
    let own = (0..tokens.len()).step_by(2).find(|&at| !is_punct(&tokens, at, '#'));
    own.map_or(1, |at| tokens[at].span().start().line)
}

fn doc_of(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_string()),
            _ => None,
        },
        _ => None,
    });
    Vec::from_iter(lines).join(" ")
}

/// One sentence: it ends with a period, and no other begins before.
fn is_sentence(doc: &str) -> bool {
    let mut ends = doc.match_indices(". ").map(|(at, _)| &doc[at + 2..]);
    doc.len() > 1 && doc.ends_with('.') && ends.all(|rest| !rest.starts_with(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_seen() {
        assert_eq!(heads("src/a.rs", "//! For b.\n"), [""; 0]);
        for text in ["", "// For b.", "\n//! For b.", "use a::b;"] {
            let told = "src/a.rs:1: begins with no `//!`: say what the file is for, and what it must not do";
            assert_eq!(heads("src/a.rs", text), [told], "{text}");
        }
    }

    fn seen(door: &str) -> Vec<String> {
        rooms(&Tree::parse(&[("src/a/mod.rs", door), ("src/a/b.rs", "fn f() {}")]))
    }

    #[test]
    fn a_room_without_its_sentence_is_seen() {
        let advice = "say in one sentence above it what is in that room";
        for (door, what) in [
            ("//! A.\n\nmod b;", "has no `///`"),
            ("//! A.\n#[doc(hidden)]\npub mod b;", "has no `///`"),
            ("/// For c\n\nmod b;", "is not described in one sentence with a period"),
            ("/// For c. It does.\n\nmod b;", "is not described in one sentence with a period"),
        ] {
            assert_eq!(seen(door), [format!("src/a/mod.rs:3: `mod b` {what}: {advice}")], "{door}");
        }
    }

    #[test]
    fn what_is_no_room_and_no_export_is_seen() {
        for item in ["fn f() {}", "struct A;", "const A: u8 = 1;", "macro_rules! m { () => {} }", "mod b { fn f() {} }"]
        {
            let told = "src/a/mod.rs:2: a door holds nothing but `mod` and `use`: move this into a file of the folder";
            assert_eq!(seen(&format!("/// A.\n{item}")), [told], "{item}");
        }
        let told = "src/a/mod.rs:1: a door has no tests of its own: move them to what they test";
        assert_eq!(seen("#[cfg(test)] mod tests { fn f() {} }"), [told]);
    }

    #[test]
    fn a_door_with_a_sentence_a_room_passes() {
        let door = "//! A.\n\n#![warn(missing_docs)]\n/// For c, e.g. d: `x.y`.\n#[cfg(unix)]\npub(crate) mod b;\n\
                    /// Goes on\n/// in the next line.\nmod c;\n#[cfg(test)]\nmod tests;\npub use b::B;\nuse c as d;";
        assert_eq!(seen(door), [""; 0]);
    }
}
