//! The rule that a type's name occurs once in the crate.

use std::collections::BTreeMap;

use proc_macro2::TokenTree;
use syn::visit::{self, Visit};

use super::paths::each_token;
use super::tree::Tree;

/// Every name that more than one type has, with all places.
pub fn type_names(tree: &Tree) -> Vec<String> {
    let mut found = Found::default();
    for file in tree.code_files() {
        found.path = file.path.clone();
        found.visit_file(&file.code);
    }
    let mut wrong = Vec::new();
    for (name, places) in found.types {
        // Twice in one file is one type in two builds; else it would not compile.
        let mut paths = Vec::from_iter(places.iter().map(|place| &place.0));
        paths.dedup();
        if paths.len() > 1 {
            let places = Vec::from_iter(places.iter().map(|(path, line)| format!("{path}:{line}")));
            let (first, others) = places.split_first().expect("there is more than one");
            wrong.push(format!("{first}: another type is called `{name}`: {}: one name, one type", others.join(", ")));
        }
    }
    wrong
}

#[derive(Default)]
struct Found {
    path: String,
    types: BTreeMap<String, Vec<(String, usize)>>,
}

impl Found {
    fn add(&mut self, name: &syn::Ident) {
        let place = (self.path.clone(), name.span().start().line);
        self.types.entry(name.to_string()).or_default().push(place);
    }
}

impl<'a> Visit<'a> for Found {
    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.add(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.add(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_union(&mut self, item: &'a syn::ItemUnion) {
        self.add(&item.ident);
        visit::visit_item_union(self, item);
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        self.add(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'a syn::ItemType) {
        self.add(&item.ident);
        visit::visit_item_type(self, item);
    }

    /// In a macro what follows a keyword is a name; `type` is left out, because it may be a trait's.
    fn visit_macro(&mut self, item: &'a syn::Macro) {
        each_token(item.tokens.clone(), &mut |tokens, at| {
            if let [TokenTree::Ident(keyword), TokenTree::Ident(name), ..] = &tokens[at..]
                && ["struct", "enum", "trait"].iter().any(|word| keyword == word)
            {
                self.add(name);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_types_of_one_name_are_seen_in_all_places() {
        let other = [
            "enum Run {}",
            "union Run { a: u8 }",
            "trait Run {}",
            "type Run = u8;",
            "mod private { struct Run; }",
            "fn f() { struct Run; }",
            "pin_project! { pub struct Run { a: u8 } }",
            "macro_rules! m { () => { enum Run {} } }",
            "#[cfg(unix)] struct Run;",
        ];
        for other in other {
            let tree = Tree::parse(&[("src/a.rs", "\npub struct Run;"), ("src/b.rs", other), ("src/c.rs", other)]);
            assert_eq!(
                type_names(&tree),
                ["src/a.rs:2: another type is called `Run`: src/b.rs:1, src/c.rs:1: one name, one type"],
                "{other}"
            );
        }
    }

    #[test]
    fn tests_associated_types_and_two_builds_of_a_type_pass() {
        let other = [
            "#[cfg(test)] mod tests { struct Run; }",
            "impl A for B { type Run = u8; } trait A { type Run; }",
            "fn run<Run>(_: Run) {}",
            "use c::Run;",
            "#[cfg(unix)] struct Fall; #[cfg(not(unix))] struct Fall;",
        ];
        for other in other {
            let tree = Tree::parse(&[("src/a.rs", "pub struct Run;"), ("src/b.rs", other)]);
            assert_eq!(type_names(&tree), [""; 0], "{other}");
        }
    }
}
