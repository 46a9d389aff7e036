//! The rule that what documents name is there: files, folders, headings, and items that are written `module::item`.

use std::collections::HashSet;

use quote::ToTokens;

use super::markdown::{Kind, anchors, pieces};
use super::paths::each_token;
use super::tree::{Tree, join};

/// Folders from which a path is spelled in full.
const ROOTS: [&str; 7] = [".ci/", "benches/", "docs/", "examples/", "fixtures/", "src/", "tests/"];

/// What documents name of others: the document, how the path begins, and whose it is.
const OF_OTHERS: [(&str, &str, &str); 5] = [
    ("docs/finding-leaks.md", "directory/", "tantivy"),
    ("docs/finding-leaks.md", "indexer/", "tantivy"),
    ("docs/finding-leaks.md", "reader/", "tantivy"),
    ("docs/finding-leaks.md", "src/internal.rs", "crossbeam-epoch"),
    ("docs/finding-leaks.md", "store/", "tantivy"),
];

/// Modules of std that are named without it.
const OF_STD: [&str; 1] = ["mem"];

/// Code spans that look like a path and lead to no file and no folder.
pub fn files_named(path: &str, text: &str, files: &[String]) -> Vec<String> {
    let spans = pieces(text).into_iter().filter(|piece| piece.kind == Kind::Code);
    let wrong = spans.filter(|piece| {
        let plain = without_line(&piece.text);
        let is_others = OF_OTHERS.iter().any(|(document, start, _)| *document == path && plain.starts_with(start));
        is_path(plain, files) && !exists(plain, files) && !is_others
    });
    wrong.map(|piece| format!("{path}:{}: there is no `{}`: name what is there now", piece.line, piece.text)).collect()
}

/// Links of documents, which are pairs of path and text, that lead to no file or no heading.
pub fn links(documents: &[(String, String)], files: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in documents {
        for piece in pieces(text).into_iter().filter(|piece| piece.kind == Kind::Link) {
            let link = piece.text.as_str();
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let file = if file.is_empty() { path.clone() } else { join(folder, file) };
            if !files.iter().any(|one| *one == file || one.starts_with(&format!("{file}/"))) {
                wrong.push(format!("{path}:{}: the link `{link}` leads to no file: correct it", piece.line));
            } else if let Some((_, linked)) = documents.iter().find(|(path, _)| *path == file)
                && !anchor.is_empty()
                && !anchors(linked).iter().any(|slug| slug == anchor)
            {
                wrong.push(format!("{path}:{}: the link `{link}` leads to no heading: correct it", piece.line));
            }
        }
    }
    wrong
}

/// `a/b.rs:12` without the line.
fn without_line(span: &str) -> &str {
    match span.rsplit_once(':') {
        Some((path, line)) if !line.is_empty() && line.chars().all(|one| one.is_ascii_digit()) => path,
        _ => span,
    }
}

/// Whether a code span looks like a path of this repository.
fn is_path(span: &str, files: &[String]) -> bool {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "_-./".contains(one);
    if !span.chars().all(is_plain) || span.starts_with('/') || span.contains("..") {
        return false;
    }
    let is_file_name = |name: &str| {
        [".rs", ".md"].iter().any(|end| name.strip_suffix(end).is_some_and(|stem| !stem.is_empty() && stem != "/"))
    };
    let Some((first, rest)) = span.split_once('/') else { return is_file_name(span) };
    // `record/thread`: the first part is a folder of ours, however deep below `src/`.
    let is_ours = |file: &String| {
        let folders = file.strip_prefix("src/").and_then(|file| file.rsplit_once('/'));
        folders.is_some_and(|(folders, _)| folders.split('/').any(|folder| folder == first))
    };
    rest.is_empty()
        || is_file_name(rest)
        || ROOTS.iter().any(|root| span.starts_with(root))
        || files.iter().any(is_ours)
}

/// Whether a path is there: from the top, or below `src/`, with `.rs` or without; a name alone anywhere.
fn exists(path: &str, files: &[String]) -> bool {
    let path = path.trim_end_matches('/');
    let (inside, below, below_without_end) = (format!("{path}/"), format!("/{path}"), format!("/{path}.rs"));
    let with_end = format!("{path}.rs");
    files.iter().any(|file| {
        let is_below =
            [&below, &below_without_end].iter().any(|end| file.ends_with(*end)) || file.contains(&format!("/{inside}"));
        file == path
            || *file == with_end
            || file.starts_with(&inside)
            || is_below && (file.starts_with("src/") || !path.contains('/'))
    })
}

/// Code spans such as `thread::quiet` whose module or item is not in the crate. `others` are the crates that may be
/// named.
pub fn items_named(path: &str, text: &str, tree: &Tree, others: &HashSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for piece in pieces(text).into_iter().filter(|piece| piece.kind == Kind::Code) {
        let span = piece.text.trim_end_matches("()").trim_end_matches('!');
        let segments = Vec::from_iter(span.split("::"));
        let is_word =
            |word: &&str| !word.is_empty() && word.chars().all(|one| one.is_ascii_alphanumeric() || one == '_');
        let [module, item, ..] = segments[..] else { continue };
        // A type's own items are not followed: only where a module begins the path.
        if !segments.iter().all(is_word) || module.starts_with(char::is_uppercase) || module == "crate" {
            continue;
        }
        let files = tree.code_files().filter(|file| file.module.iter().any(|part| part == module));
        let mut is_module = false;
        let mut has_item = false;
        for file in files {
            is_module = true;
            each_token(file.code.to_token_stream(), &mut |tokens, at| has_item |= tokens[at].to_string() == item);
        }
        if !has_item && !others.contains(module) && !OF_STD.contains(&module) {
            let what = if is_module { "no such item" } else { "no such module" };
            wrong.push(format!("{path}:{}: there is no `{}` ({what}): name what is there now", piece.line, piece.text));
        }
    }
    wrong
}

/// The crates of `Cargo.lock`, as code spells them, and those of Rust.
pub fn other_crates(lock: &str) -> HashSet<String> {
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    names.map(|name| name.replace('-', "_")).chain(["std", "core", "alloc"].map(String::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<String> {
        let files =
            ["README.md", "docs/a.md", "src/lib.rs", "src/record/tag.rs", "src/front/leak/mod.rs", "tests/b.rs"];
        files.map(String::from).into()
    }

    fn seen(text: &str) -> Vec<String> {
        files_named("docs/a.md", text, &files())
    }

    #[test]
    fn a_path_that_is_not_there_is_seen() {
        for span in [
            "src/tag.rs",
            "record/gone.rs",
            "record/gone",
            "record/tag.rs/x",
            "gone.rs",
            "gone.rs:12",
            "gone/",
            "tests/gone",
            "docs/gone.md",
            "leak/gone.rs",
            "b/gone.md",
            "front/record/tag.rs",
        ] {
            let told = format!("docs/a.md:2: there is no `{span}`: name what is there now");
            assert_eq!(seen(&format!("\nsee `{span}`")), [told]);
        }
    }

    #[test]
    fn paths_that_are_there_and_what_is_no_path_pass() {
        for span in [
            "src/record/tag.rs",
            "record/tag.rs",
            "record/tag.rs:12",
            "tag.rs",
            "b.rs",
            "record/tag",
            "record/",
            "front/leak/",
            "leak/",
            "src/",
            "tests/",
            "tests/b.rs",
            "tests/b",
            "docs/a.md",
            "README.md",
            "index_build/commit",
            "a / b",
            "/proc/self",
            "others_*",
            ".rs",
            "bytes/s",
            "target/x.toml",
        ] {
            assert_eq!(seen(&format!("`{span}`")), [""; 0], "{span}");
        }
    }

    #[test]
    fn the_files_of_others_pass_where_they_are_named() {
        assert_eq!(files_named("docs/finding-leaks.md", "`store/x.rs:1`", &files()), [""; 0]);
        assert_eq!(seen("`store/x.rs:1`").len(), 1);
    }

    #[test]
    fn links_lead_to_files_and_headings() {
        let seen = |link: &str| {
            let text = format!("# Here `now`\n[a]({link})");
            links(&[("docs/a.md".to_string(), text), ("README.md".to_string(), "# X".to_string())], &files())
        };
        for (link, what) in [
            ("b.md", "file"),
            ("../src/gone.rs", "file"),
            ("#there", "heading"),
            ("a.md#there", "heading"),
            ("../README.md#y", "heading"),
        ] {
            assert_eq!(seen(link), [format!("docs/a.md:2: the link `{link}` leads to no {what}: correct it")]);
        }
        for link in
            ["a.md", "../src/record/", "../README.md#x", "#here-now", "a.md#here-now", "https://a.b/c#d", "mailto:a@b"]
        {
            assert_eq!(seen(link), [""; 0], "{link}");
        }
    }

    #[test]
    fn an_item_that_is_not_there_is_seen() {
        let tree = Tree::parse(&[
            ("src/record/mod.rs", "mod tag; pub use tag::read;"),
            ("src/record/tag.rs", "pub fn read() {} #[cfg(test)] mod tests { fn gone() {} }"),
        ]);
        let others = other_crates("[[package]]\nname = \"some-crate\"\n");
        let seen = |span: &str| items_named("docs/a.md", &format!("`{span}`"), &tree, &others);
        for (span, what) in
            [("tag::gone", "item"), ("tag::gone()", "item"), ("gone::read", "module"), ("record::x::y", "item")]
        {
            let told = format!("docs/a.md:1: there is no `{span}` (no such {what}): name what is there now");
            assert_eq!(seen(span), [told]);
        }
        for span in
            ["tag::read", "record::read()", "record::tag::read", "std::x", "some_crate::y", "Vec::z", "tag", "a :: b"]
        {
            assert_eq!(seen(span), [""; 0], "{span}");
        }
    }
}
