//! Rules about folders: which there are, which may name which, and that everybody goes through doors.

use super::tree::{SourceFile, Target, Tree};

/// The layers in the table of `docs/design.md`: every row names the folders of one layer.
pub fn read_layers(design: &str) -> Vec<Vec<String>> {
    let section = design.split("\n## Layers\n").nth(1).unwrap_or("");
    let section = section.split("\n## ").next().unwrap_or("");
    let first_cells = section.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    let folders = first_cells.map(|cell| {
        let spans = cell.split('`').skip(1).step_by(2);
        Vec::from_iter(spans.filter_map(|span| span.strip_suffix('/')).map(String::from))
    });
    folders.filter(|folders| !folders.is_empty()).collect()
}

/// `src/` holds `lib.rs` and a folder a layer; `lib.rs` names the layers in order and holds nothing else.
pub fn folders(tree: &Tree, layers: &[Vec<String>]) -> Vec<String> {
    let mut wrong = Vec::new();
    let known = |folder: &str| layers.iter().any(|layer| layer.iter().any(|name| name == folder));
    let mut seen = Vec::new();
    for file in &tree.files {
        match file.folder() {
            None if file.path == "src/lib.rs" => {}
            None => wrong
                .push(format!("{}:1: only `lib.rs` and folders stand in `src/`: move it into its layer", file.path)),
            Some(folder) if !seen.contains(&folder) => {
                seen.push(folder);
                if !known(folder) {
                    wrong.push(format!(
                        "{}:1: `{folder}/` is no layer: give it a row in the table of docs/design.md, or move its files",
                        file.path
                    ));
                }
            }
            Some(_) => {}
        }
    }
    for folder in layers.iter().flatten().filter(|folder| !seen.contains(&folder.as_str())) {
        wrong.push(format!("docs/design.md:1: the table of layers names `{folder}/`, which is not in `src/`"));
    }
    if let Some(root) = tree.files.iter().find(|file| file.path == "src/lib.rs") {
        let mut highest = 0;
        for item in &root.syntax.items {
            let syn::Item::Mod(module) = item else { continue };
            let Some(layer) = layers.iter().position(|layer| layer.iter().any(|name| module.ident == name)) else {
                continue;
            };
            if layer < highest {
                let line = module.ident.span().start().line;
                wrong.push(format!(
                    "src/lib.rs:{line}: `mod {}` comes later than in the table of docs/design.md: one order for both",
                    module.ident
                ));
            }
            highest = highest.max(layer);
        }
    }
    wrong
}

/// A folder names only itself and the folders above it in the table.
pub fn order(tree: &Tree, layers: &[Vec<String>]) -> Vec<String> {
    let layer_of = |folder: &str| layers.iter().position(|layer| layer.iter().any(|name| name == folder));
    let mut wrong = Vec::new();
    for (file, line, target) in crate_names(tree) {
        let (Some(folder), Some(named)) = (file.folder(), target.first()) else { continue };
        if let (Some(own), Some(other)) = (layer_of(folder), layer_of(named))
            && other > own
        {
            wrong.push(format!(
                "{}:{line}: `{folder}/` names `{}`, and `{named}/` comes after it: move the code, or pass a value instead",
                file.path,
                spell(&target),
            ));
        }
    }
    wrong
}

/// Nobody names a file behind another folder's door, and nobody goes through a door that he stands behind.
pub fn doors(tree: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, line, target) in crate_names(tree) {
        let modules = tree.modules_seen_from(file, &target);
        let (module, item) = target.split_at(modules);
        let behind = (1..=modules).find(|&end| {
            let (module, around) = (&target[..end], &target[..end - 1]);
            !tree.is_folder(module) && !file.module.starts_with(around)
        });
        if let Some(end) = behind {
            wrong.push(format!(
                "{}:{line}: `{}` stands behind the door of `{}`: re-export it in its mod.rs, and name it from there",
                file.path,
                spell(&target),
                spell(&target[..end - 1]),
            ));
        } else if tree.is_folder(module)
            && file.module.starts_with(module)
            && file.module.as_slice() != module
            && !item.is_empty()
        {
            let home = tree.home(&target);
            let advice = match home == target {
                true => "name the file in which it stands".to_string(),
                false => format!("name `{}`", spell(&home)),
            };
            wrong.push(format!(
                "{}:{line}: `{}` goes through a door that this file stands behind, which hides circles: {advice}",
                file.path,
                spell(&target),
            ));
        }
    }
    wrong
}

/// Everything of this crate that its code names: the file that does, the line, and where it leads.
pub fn crate_names(tree: &Tree) -> Vec<(&SourceFile, usize, Vec<String>)> {
    let mut found = Vec::new();
    for file in tree.code_files() {
        for name in &file.names {
            if let Target::Crate(path) = tree.resolve(name) {
                found.push((file, name.written.line, path));
            }
        }
    }
    found.dedup_by(|one, other| one.0.path == other.0.path && (one.1, &one.2) == (other.1, &other.2));
    found
}

/// A path below the crate, as code writes it.
pub fn spell(path: &[String]) -> String {
    ["crate".to_string()].iter().chain(path).cloned().collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESIGN: &str = "# D\n\n## Layers\n\nOf `all/`:\n\n| folder | what |\n|---|---|\n| `words/` | Of `x/`. |\n\
                          | `front/`, `bin/` | F. |\n\n## More\n\n| `no/` | n |\n";

    fn layers() -> Vec<Vec<String>> {
        read_layers(DESIGN)
    }

    #[test]
    fn a_row_of_the_table_is_a_layer() {
        assert_eq!(layers(), [vec!["words"], vec!["front", "bin"]]);
    }

    #[test]
    fn a_loose_file_and_a_folder_without_a_row_are_seen() {
        let tree = Tree::parse(&[
            ("src/lib.rs", "mod front; mod words;"),
            ("src/loose.rs", ""),
            ("src/words/mod.rs", ""),
            ("src/other/mod.rs", ""),
            ("src/front/mod.rs", ""),
        ]);
        assert_eq!(
            folders(&tree, &layers()),
            [
                "src/loose.rs:1: only `lib.rs` and folders stand in `src/`: move it into its layer",
                "src/other/mod.rs:1: `other/` is no layer: give it a row in the table of docs/design.md, or move its files",
                "docs/design.md:1: the table of layers names `bin/`, which is not in `src/`",
                "src/lib.rs:1: `mod words` comes later than in the table of docs/design.md: one order for both",
            ]
        );
    }

    #[test]
    fn a_name_that_leads_upwards_is_seen_however_it_is_written() {
        let files = |code| {
            Tree::parse(&[
                ("src/words/mod.rs", "mod a;"),
                ("src/words/a.rs", code),
                ("src/front/mod.rs", "mod b; pub use b::B;"),
                ("src/front/b.rs", "use crate::words::A; pub struct B(A);"),
            ])
        };
        for code in [
            "use crate::front::B;",
            "use crate::{front::{B}, words};",
            "use super::super::front::B;",
            "use super::super::front; type X = front::B;",
            "#[cfg(test)] mod tests { use super::*; }\nfn f() -> crate::front::B { todo!() }",
            "macro_rules! m { () => { $crate::front::B } }",
            "fn f() { write!(g, \"\", crate::front::B) }",
            "pub(in crate::front::B) struct X;",
        ] {
            let wrong = order(&files(code), &layers());
            assert!(!wrong.is_empty(), "not seen: {code}");
            let line = code.lines().count();
            let told =
                "`words/` names `crate::front::B`, and `front/` comes after it: move the code, or pass a value instead";
            assert_eq!(wrong.last(), Some(&format!("src/words/a.rs:{line}: {told}")), "{code}");
        }
        let inside_tests =
            "#[cfg(test)] mod tests { use crate::front::B; } // crate::front::B\n/// crate::front::B\nstruct C;";
        for code in [inside_tests, "const S: &str = \"crate::front::B\";", "use ::front::B;"] {
            assert_eq!(order(&files(code), &layers()), [""; 0], "{code}");
        }
    }

    fn house(at: &str, code: &str) -> Vec<String> {
        let mut files = vec![
            ("src/lib.rs", "mod words; mod front; pub use front::B;"),
            ("src/words/mod.rs", "mod a; mod look; pub use a::A; pub use look::look;"),
            ("src/words/a.rs", "pub struct A;"),
            ("src/words/look.rs", ""),
            ("src/front/mod.rs", "mod b; mod c; pub mod sub; pub use b::B; pub use sub::D;"),
            ("src/front/b.rs", "pub struct B;"),
            ("src/front/c.rs", "mod inner;"),
            ("src/front/c/inner.rs", ""),
            ("src/front/sub/mod.rs", "mod d; mod e; pub use d::D;"),
            ("src/front/sub/d.rs", "pub struct D;"),
            ("src/front/sub/e.rs", ""),
        ];
        files.iter_mut().find(|file| file.0 == at).expect("it is in the house").1 = code;
        doors(&Tree::parse(&files))
    }

    #[test]
    fn a_file_behind_a_door_is_not_named_from_outside() {
        let told = |door: &str| {
            format!("stands behind the door of `{door}`: re-export it in its mod.rs, and name it from there")
        };
        for code in [
            "use crate::words::a::A;",
            "use crate::words::{a, A};",
            "use crate::words::look::look;",
            "use crate::words; fn f() { words::a::A; }",
        ] {
            let wrong = house("src/front/c.rs", code);
            assert_eq!(wrong.len(), 1, "{code}: {wrong:?}");
            assert!(wrong[0].ends_with(&told("crate::words")), "{wrong:?}");
        }
        assert_eq!(
            house("src/front/c.rs", "use super::sub::d::D;"),
            [format!("src/front/c.rs:1: `crate::front::sub::d::D` {}", told("crate::front::sub"))]
        );
    }

    #[test]
    fn doors_siblings_and_files_of_enclosing_folders_may_be_named() {
        for (at, code) in [
            ("src/front/c.rs", "use crate::words::A; use crate::front::sub::D; use super::b::B;"),
            ("src/front/c.rs", "use super::b; fn f(_: b::B) {} pub(super) struct S; pub(in crate::front) struct T;"),
            ("src/front/sub/e.rs", "use super::d::D; use crate::front::b::B; use super::super::b::B as C;"),
            ("src/front/c/inner.rs", "use super::X; use crate::front::b::B;"),
            // The function that the door shows, and not the file of the same name that it hides.
            ("src/front/c.rs", "use crate::words::look; fn f() { look() }"),
            (
                "src/front/c.rs",
                "mod inner; use inner::X; #[cfg(test)] mod tests { use super::*; use crate::words::a::A; }",
            ),
        ] {
            assert_eq!(house(at, code), [""; 0], "{code}");
        }
    }

    #[test]
    fn nobody_goes_through_a_door_that_he_stands_behind() {
        let told = "goes through a door that this file stands behind, which hides circles";
        for (at, code, name, advice) in [
            ("src/front/c.rs", "use super::B;", "crate::front::B", "name `crate::front::b::B`"),
            ("src/front/c.rs", "use super::*;", "crate::front::*", "name the file in which it stands"),
            ("src/front/sub/e.rs", "use crate::front::D;", "crate::front::D", "name `crate::front::sub::d::D`"),
            ("src/front/c.rs", "use crate::front; type X = front::B;", "crate::front::B", "name `crate::front::b::B`"),
            ("src/front/c.rs", "fn f() { crate::B }", "crate::B", "name `crate::front::b::B`"),
            (
                "src/front/c.rs",
                "fn f() { super::sub::D; super::g() }",
                "crate::front::g",
                "name the file in which it stands",
            ),
        ] {
            assert_eq!(house(at, code), [format!("{at}:1: `{name}` {told}: {advice}")], "{code}");
        }
    }
}
