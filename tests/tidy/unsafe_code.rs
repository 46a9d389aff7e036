//! The rule that unsafe code stands in seven files.

use proc_macro2::TokenTree;
use quote::ToTokens;

use super::paths::each_token;
use super::tree::Tree;

/// The seven files. Their unit tests may be unsafe too.
pub const UNSAFE_FILES: [&str; 7] = [
    "src/record/allocator.rs",
    "src/record/interpose.rs",
    "src/record/memory.rs",
    "src/record/stacks/machine.rs",
    "src/record/stacks/recognize.rs",
    "src/record/system.rs",
    "src/record/tag.rs",
];

/// `unsafe`, also in macros and tests, and the permission to use it, anywhere but in `allowed`.
pub fn unsafe_code(tree: &Tree, allowed: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in &tree.files {
        let parent = tree.file_of(&file.module[..file.module.len().saturating_sub(1)]);
        let tests_of = parent.filter(|_| file.is_test).map(|parent| parent.path.as_str());
        if allowed.contains(&file.path.as_str()) || tests_of.is_some_and(|parent| allowed.contains(&parent)) {
            continue;
        }
        each_token(file.syntax.to_token_stream(), &mut |tokens, at| {
            let TokenTree::Ident(word) = &tokens[at] else { return };
            let line = word.span().start().line;
            if word == "unsafe" {
                wrong.push(format!(
                    "{}:{line}: unsafe code belongs into {}: give one of them a safe function for it",
                    file.path,
                    allowed.join(", ")
                ));
            } else if (word == "allow" || word == "expect")
                && matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if group.to_string().contains("unsafe_code"))
            {
                wrong.push(format!(
                    "{}:{line}: `{word}(unsafe_code)` belongs into the files that need it: {}",
                    file.path,
                    allowed.join(", ")
                ));
            }
        });
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(files: &[(&str, &str)]) -> Vec<String> {
        unsafe_code(&Tree::parse(files), &["src/record/tag.rs"])
    }

    #[test]
    fn unsafe_code_elsewhere_is_seen() {
        for code in [
            "\nfn f() { unsafe { g() } }",
            "\nunsafe fn f() {}",
            "\nunsafe impl Send for A {}",
            "\nmacro_rules! m { () => { unsafe { g() } } }",
            "\n#[unsafe(no_mangle)] fn f() {}",
            "#[cfg(test)] mod tests {\nfn f() { unsafe { g() } } }",
        ] {
            let told =
                "src/front/a.rs:2: unsafe code belongs into src/record/tag.rs: give one of them a safe function for it";
            assert_eq!(seen(&[("src/front/a.rs", code)]), [told], "{code}");
        }
        for code in ["\n#![allow(unsafe_code, reason = \"a\")]", "\n#[expect(dead_code, unsafe_code)] fn f() {}"] {
            assert!(seen(&[("src/record/mod.rs", code)])[0].contains(":2: `"), "{code}");
        }
    }

    #[test]
    fn safe_code_and_the_named_files_with_their_tests_pass() {
        assert_eq!(
            seen(&[
                ("src/record/tag.rs", "#![allow(unsafe_code)] fn f() { unsafe { g() } } #[cfg(test)] mod tests;"),
                ("src/record/tag/tests.rs", "fn f() { unsafe { g() } }"),
                (
                    "src/record/a.rs",
                    "// unsafe\n/// unsafe\nfn f() { g(\"unsafe\"); unsafely() } #[deny(unsafe_code)] fn h() {}"
                ),
            ]),
            [""; 0]
        );
    }
}
