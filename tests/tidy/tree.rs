//! The crate as the rules see it: parsed files, the modules that they are, and where a path leads.

use std::collections::{HashMap, HashSet};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, ExprLit, Item, Lit, Meta};

use super::paths::{Written, paths_in};
use super::test_code::{attributes_of, is_for_tests, without_tests};

/// The path of a module or of an item below the crate: `["words", "error", "Error"]`.
pub type Path = Vec<String>;

/// One file of Rust.
pub struct SourceFile {
    /// From the folder of the package, with `/`.
    pub path: String,
    /// Empty for `lib.rs`.
    pub module: Path,
    pub text: String,
    pub syntax: syn::File,
    /// The same without what only tests compile.
    pub code: syn::File,
    /// Whether only tests compile the file.
    pub is_test: bool,
    /// What the code names.
    pub names: Vec<Name>,
}

/// A path that a file names.
#[derive(Debug)]
pub struct Name {
    /// The module in which it stands: the file's, or one inside it.
    pub module: Path,
    pub written: Written,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Crate(Path),
    /// Another crate, or a name that the file itself gives: the path as far as it is known.
    Elsewhere(Path),
}

/// All files of `src/`.
pub struct Tree {
    pub files: Vec<SourceFile>,
    /// Modules by path, inline ones included, with the place of their file in `files`.
    modules: HashMap<Path, usize>,
    /// What a module calls the things that it imports.
    aliases: HashMap<Path, HashMap<String, Written>>,
}

impl SourceFile {
    /// Parses a file that is no part of a tree.
    pub fn parse(path: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path} is no Rust: {error}"));
        let code = without_tests(syntax.clone());
        let is_test = is_for_tests(&syntax.attrs);
        let (path, text) = (path.to_string(), text.to_string());
        Self { module: module_of(&path), path, text, syntax, code, is_test, names: Vec::new() }
    }

    /// Whether the file is the door of a folder.
    pub fn is_door(&self) -> bool {
        self.path.ends_with("/mod.rs") || self.path == "src/lib.rs"
    }

    /// The first folder below `src/`, or `None` for a file that stands beside `lib.rs`.
    pub fn folder(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|(folder, _)| folder)
    }

    /// The code without tests; none at all if the whole file is for tests.
    pub fn code_tokens(&self) -> TokenStream {
        if self.is_test { TokenStream::new() } else { self.code.to_token_stream() }
    }
}

impl Tree {
    /// Parses pairs of a path and its text.
    pub fn parse<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Self {
        let mut files =
            Vec::from_iter(files.iter().map(|(path, text)| SourceFile::parse(path.as_ref(), text.as_ref())));
        rename_by_path_attributes(&mut files);
        mark_tests(&mut files);
        let mut tree = Self { files, modules: HashMap::new(), aliases: HashMap::new() };
        for at in 0..tree.files.len() {
            let file = &mut tree.files[at];
            if !file.is_test {
                collect(&file.code.items, &file.module, &mut file.names, &mut |module| {
                    tree.modules.insert(module.clone(), at);
                });
                for name in file.names.iter().filter(|name| name.written.alias.is_some()) {
                    let alias = name.written.alias.clone().unwrap_or_default();
                    tree.aliases.entry(name.module.clone()).or_default().insert(alias, name.written.clone());
                }
            }
        }
        tree
    }

    /// The files that are compiled without tests.
    pub fn code_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| !file.is_test)
    }

    /// The file of a module.
    pub fn file_of(&self, module: &[String]) -> Option<&SourceFile> {
        self.modules.get(module).map(|&at| &self.files[at])
    }

    /// Whether a module is a folder: its path leads to a door.
    pub fn is_folder(&self, module: &[String]) -> bool {
        module.is_empty() || self.file_of(module).is_some_and(|file| file.is_door() && file.module == module)
    }

    /// How many of the first segments of a path are modules.
    pub fn modules_in(&self, path: &[String]) -> usize {
        (0..=path.len()).take_while(|&end| end == 0 || self.modules.contains_key(&path[..end])).last().unwrap_or(0)
    }

    /// The same for a path that stands in `file`: if a door shows a function and hides the file of the same name, those
    /// outside see the function.
    pub fn modules_seen_from(&self, file: &SourceFile, path: &[String]) -> usize {
        let modules = self.modules_in(path);
        let Some((last, door)) = path.split_last().filter(|_| modules == path.len()) else { return modules };
        let shows_item = self.aliases.get(door).is_some_and(|aliases| aliases.contains_key(last));
        if shows_item && !self.is_folder(path) && !file.module.starts_with(door) { modules - 1 } else { modules }
    }

    /// Where a name leads.
    pub fn resolve(&self, name: &Name) -> Target {
        self.resolve_in(&name.module, &name.written, 0)
    }

    fn resolve_in(&self, module: &[String], written: &Written, depth: usize) -> Target {
        /// Longer than any chain of imports that name each other.
        const DEEPEST: usize = 16;
        let mut base = module.to_vec();
        let mut rest = written.segments.as_slice();
        if written.rooted || depth > DEEPEST {
            return Target::Elsewhere(rest.to_vec());
        }
        match rest[0].as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
            }
            first => {
                let alias = self.aliases.get(module).and_then(|aliases| aliases.get(first));
                if let Some(alias) = alias.filter(|alias| *alias != written) {
                    let joined = |mut path: Path| {
                        path.extend(rest[1..].iter().cloned());
                        path
                    };
                    return match self.resolve_in(module, alias, depth + 1) {
                        Target::Crate(path) => Target::Crate(joined(path)),
                        Target::Elsewhere(path) => Target::Elsewhere(joined(path)),
                    };
                }
                base.push(first.to_string());
                if !self.modules.contains_key(&base) {
                    return Target::Elsewhere(rest.to_vec());
                }
            }
        }
        rest = &rest[1..];
        while let [first, after @ ..] = rest
            && first == "super"
        {
            base.pop();
            rest = after;
        }
        base.extend(rest.iter().cloned());
        Target::Crate(base)
    }

    /// The path of the thing itself, if `path` leads to it through the re-exports of doors.
    pub fn home(&self, path: &[String]) -> Path {
        let mut path = path.to_vec();
        for _ in 0..path.len() + 4 {
            let modules = self.modules_in(&path);
            let (door, item) = path.split_at(modules);
            let Some(first) = item.first().filter(|_| self.is_folder(door)) else { break };
            let Some(export) = self.aliases.get(door).and_then(|aliases| aliases.get(first)) else { break };
            let Target::Crate(mut behind) = self.resolve_in(door, export, 0) else { break };
            behind.extend(item[1..].iter().cloned());
            if behind == path {
                break;
            }
            path = behind;
        }
        path
    }
}

/// The module that a file is, if no attribute says otherwise.
fn module_of(path: &str) -> Path {
    let below = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let mut module = Vec::from_iter(below.split('/').map(String::from));
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

/// The modules that a file declares and that are files: name, `#[path]`, whether only tests have it.
fn declarations(file: &SourceFile) -> impl Iterator<Item = (String, Option<String>, bool)> {
    file.syntax.items.iter().filter_map(|item| {
        let Item::Mod(module) = item else { return None };
        if module.content.is_some() {
            return None;
        }
        let path = module.attrs.iter().find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
        Some((module.ident.to_string(), path, is_for_tests(attributes_of(item))))
    })
}

/// `#[path = "b.rs"] mod c;` makes `b.rs` the module `c` of the file that says so.
fn rename_by_path_attributes(files: &mut [SourceFile]) {
    // From the outside in: a file's own module must be known before those that it declares.
    let mut order = Vec::from_iter(0..files.len());
    order.sort_by_key(|&at| files[at].module.len());
    for at in order {
        let folder = files[at].path.rsplit_once('/').map_or("", |(folder, _)| folder).to_string();
        let parent = files[at].module.clone();
        for (name, path, _) in Vec::from_iter(declarations(&files[at])) {
            let Some(path) = path.map(|path| join(&folder, &path)) else { continue };
            if let Some(file) = files.iter_mut().find(|file| file.path == path) {
                file.module = [parent.clone(), vec![name]].concat();
            }
        }
    }
}

/// A relative path seen from a folder, without `..`.
pub fn join(folder: &str, path: &str) -> String {
    let mut parts = Vec::from_iter(folder.split('/').filter(|part| !part.is_empty()));
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Marks the files whose module, or one around it, only tests have.
fn mark_tests(files: &mut [SourceFile]) {
    let mut for_tests = HashSet::new();
    for file in files.iter() {
        if file.is_test {
            for_tests.insert(file.module.clone());
        }
        let declared = declarations(file).filter(|(.., is_test)| *is_test);
        for_tests.extend(declared.map(|(name, ..)| [file.module.clone(), vec![name]].concat()));
    }
    for file in files {
        file.is_test = (1..=file.module.len()).any(|end| for_tests.contains(&file.module[..end]));
    }
}

/// Adds what the items name, and says which modules they are in.
fn collect(items: &[Item], module: &Path, names: &mut Vec<Name>, found: &mut impl FnMut(&Path)) {
    found(module);
    for item in items {
        match item {
            Item::Mod(inner) if inner.content.is_some() => {
                let path = [module.clone(), vec![inner.ident.to_string()]].concat();
                let (_, items) = inner.content.as_ref().expect("it was just seen");
                collect(items, &path, names, found);
            }
            item => {
                let written = paths_in(item.to_token_stream());
                names.extend(written.into_iter().map(|written| Name { module: module.clone(), written }));
            }
        }
    }
}
