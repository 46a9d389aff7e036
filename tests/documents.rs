//! Every Rust snippet of the README and of `docs/` compiles, as it stands there.

#![cfg(not(miri))]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A snippet, and where it begins.
struct Snippet {
    file: String,
    line: usize,
    code: String,
}

/// The blocks of a document that are marked as Rust, wherever they are indented.
fn snippets(file: &str, text: &str) -> Vec<Snippet> {
    let mut found: Vec<Snippet> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        let fence = line.trim_start();
        match (open, found.last_mut()) {
            (true, _) if fence.starts_with("```") => open = false,
            (true, Some(snippet)) => writeln!(snippet.code, "{line}").expect("a string takes everything"),
            _ if fence.starts_with("```rust") => {
                open = true;
                found.push(Snippet { file: file.into(), line: at + 1, code: String::new() });
            }
            _ => {}
        }
    }
    found
}

/// A program of it: items stand as they are, statements in a function.
fn program(snippet: &Snippet) -> String {
    let code = &snippet.code;
    // `println!(..);` could be an item, but is meant as a statement.
    let is_item = |item: &syn::Item| !matches!(item, syn::Item::Macro(called) if called.ident.is_none());
    let items = syn::parse_file(code).ok().filter(|file| file.items.iter().all(is_item));
    let body = match &items {
        Some(_) => code.clone(),
        None => format!(
            "#[allow(clippy::all)]\nfn snippet(runtime: Runtime, jobs: Sender<Job>, work: fn()) -> \
             Result<(), Box<dyn std::error::Error>> {{\n{code}\nOk(())\n}}"
        ),
    };
    let has_main = items.is_some_and(|file| {
        file.items.iter().any(|item| matches!(item, syn::Item::Fn(function) if function.sig.ident == "main"))
    });
    let main = if has_main { "" } else { "fn main() {}" };
    let allowed = "#![allow(unused, dead_code, unnameable_test_items, unreachable_code)]";
    format!("{allowed}\n#[path = \"../prelude.rs\"]\nmod prelude;\nuse prelude::*;\n\n{body}\n{main}\n")
}

#[test]
fn every_snippet_of_the_documents_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs")).expect("it is there");
    documents.extend(docs.map(|entry| entry.expect("it can be read").path()));
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.sort();
    let read = |path: &Path| fs::read_to_string(path).expect("it can be read");
    let named = |path: &Path| path.file_stem().expect("it has a name").to_string_lossy().into_owned();
    let all: Vec<Snippet> = documents.iter().flat_map(|path| snippets(&named(path), &read(path))).collect();
    assert!(all.len() > 20, "{} snippets: are the documents read?", all.len());

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents");
    let programs = folder.join("src/bin");
    let _ = fs::remove_dir_all(folder.join("src"));
    fs::create_dir_all(&programs).expect("the folder can be made");
    fs::copy(root.join("fixtures/documents/prelude.rs"), folder.join("src/prelude.rs")).expect("it can be copied");
    let manifest = format!(
        "[package]\nname = \"documents\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         heapledger = {{ path = {:?} }}\n",
        root.display().to_string()
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("it can be written");
    for snippet in &all {
        let program_file = programs.join(format!("{}_line_{}.rs", snippet.file, snippet.line));
        fs::write(program_file, program(snippet)).expect("it can be written");
    }
    let checked = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline", "--tests", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn snippets_are_found_wherever_they_are_indented() {
    let found =
        snippets("page", "text\n```rust\nlet a = 1;\n```\n```text\nno\n```\n   ```rust\n   fn f() {}\n   ```\n");
    let found: Vec<(usize, &str)> = found.iter().map(|one| (one.line, one.code.trim())).collect();
    assert_eq!(found, [(2, "let a = 1;"), (8, "fn f() {}")]);
}

#[test]
fn statements_are_put_into_a_function_and_items_are_not() {
    let of = |code: &str| program(&Snippet { file: "page".into(), line: 1, code: code.into() });
    assert!(of("let a = 1;").contains("fn snippet") && of("let a = 1;").contains("fn main() {}"));
    assert!(!of("fn f() {}").contains("fn snippet") && of("println!();\nfn f() {}").contains("fn snippet"));
    assert_eq!(of("fn main() {}").matches("fn main()").count(), 1);
}
