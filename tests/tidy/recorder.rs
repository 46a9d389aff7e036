//! The rule that the recorder neither panics nor locks nor formats nor allocates: it runs inside the allocator.

use proc_macro2::{Delimiter, TokenTree};
use syn::visit::{self, Visit};

use super::paths::is_punct;
use super::tree::Tree;

/// Functions of `src/record/` that never run inside the allocator, and why. The name of a type stands for its methods.
pub const NEVER_INSIDE: [(&str, &str); 3] = [
    ("Own", "readers hold it; whoever takes its value out puts it back"),
    ("probe", "asks from outside whether `std::alloc` leads here, and must allocate for that"),
    ("read_running", "fills the list that a reader brings"),
];

const MACROS: [(&str, &str); 19] = [
    ("assert", "panics"),
    ("assert_eq", "panics"),
    ("assert_ne", "panics"),
    ("dbg", "formats"),
    ("debug_assert", "panics"),
    ("debug_assert_eq", "panics"),
    ("debug_assert_ne", "panics"),
    ("eprint", "formats"),
    ("eprintln", "formats"),
    ("format", "allocates"),
    ("format_args", "formats"),
    ("panic", "panics"),
    ("print", "formats"),
    ("println", "formats"),
    ("todo", "panics"),
    ("unimplemented", "panics"),
    ("unreachable", "panics"),
    ("write", "formats"),
    ("writeln", "formats"),
];

const METHODS: [(&str, &str); 4] =
    [("expect", "panics"), ("expect_err", "panics"), ("unwrap", "panics"), ("unwrap_err", "panics")];

const TYPES: [(&str, &str); 17] = [
    ("Arc", "allocates"),
    ("BTreeMap", "allocates"),
    ("Barrier", "locks"),
    ("Box", "allocates"),
    ("CString", "allocates"),
    ("Condvar", "locks"),
    ("HashMap", "allocates"),
    ("HashSet", "allocates"),
    ("LazyLock", "locks"),
    ("Mutex", "locks"),
    ("Once", "locks"),
    ("OnceLock", "locks"),
    ("Rc", "allocates"),
    ("RwLock", "locks"),
    ("String", "allocates"),
    ("Vec", "allocates"),
    ("VecDeque", "allocates"),
];

/// What in `src/record/` can panic, lock, format or allocate when it runs; what the compiler runs may do all of it.
pub fn recorder(tree: &Tree, never_inside: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut excused = Vec::new();
    for file in tree.code_files().filter(|file| file.folder() == Some("record")) {
        let mut look = Look { path: &file.path, never_inside, wrong: Vec::new(), excused: Vec::new() };
        look.visit_file(&file.code);
        wrong.append(&mut look.wrong);
        excused.append(&mut look.excused);
    }
    for (name, _) in never_inside.iter().filter(|(name, _)| !excused.contains(name)) {
        wrong.push(format!(
            "src/record/mod.rs:1: `{name}` needs no exception: take it off the list of tests/tidy/recorder.rs"
        ));
    }
    wrong
}

struct Look<'a> {
    path: &'a str,
    never_inside: &'a [(&'a str, &'a str)],
    wrong: Vec<String>,
    /// The exceptions that did something forbidden.
    excused: Vec<&'a str>,
}

impl Look<'_> {
    fn tell(&mut self, line: usize, what: &str, does: &str) {
        self.wrong.push(format!(
            "{}:{line}: {what} {does}, and the recorder runs inside the allocator: match, or give the count to the overflow",
            self.path
        ));
    }

    fn tell_if_listed(&mut self, word: &syn::Ident, list: &[(&str, &str)], around: (&str, &str)) {
        if let Some((name, does)) = list.iter().find(|(name, _)| word == name) {
            self.tell(word.span().start().line, &format!("`{}{name}{}`", around.0, around.1), does);
        }
    }

    /// Looks with `walk`; if `name` is excused, only to see whether it needs that.
    fn look_or_excuse(&mut self, name: &syn::Ident, walk: impl FnOnce(&mut Self)) {
        let before = self.wrong.len();
        walk(self);
        if let Some((name, _)) = self.never_inside.iter().find(|(excused, _)| name == excused)
            && self.wrong.len() > before
        {
            self.wrong.truncate(before);
            self.excused.push(name);
        }
    }

    /// What a macro is given. Its syntax is its own, so the signs must do.
    fn look_at_tokens(&mut self, tokens: proc_macro2::TokenStream) {
        let tokens = Vec::from_iter(tokens);
        for (at, token) in tokens.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| tokens.get(before));
            match token {
                // `const { .. }` is run by the compiler.
                TokenTree::Group(_) if matches!(before, Some(TokenTree::Ident(word)) if word == "const") => {}
                TokenTree::Group(group) => {
                    let follows_value = match before {
                        Some(TokenTree::Ident(word)) => !["in", "mut", "return", "match"].iter().any(|key| word == key),
                        Some(TokenTree::Group(before)) => {
                            let is_attribute = at > 1 && is_punct(&tokens, at - 2, '#');
                            before.delimiter() != Delimiter::Brace && !is_attribute
                        }
                        _ => false,
                    };
                    if group.delimiter() == Delimiter::Bracket && follows_value {
                        self.tell(group.span_open().start().line, "an index", "panics");
                    }
                    self.look_at_tokens(group.stream());
                }
                TokenTree::Ident(word) if is_punct(&tokens, at + 1, '!') => {
                    self.tell_if_listed(word, &MACROS, ("", "!"))
                }
                TokenTree::Ident(word)
                    if at > 0 && (is_punct(&tokens, at - 1, '.') || is_punct(&tokens, at - 1, ':')) =>
                {
                    self.tell_if_listed(word, &METHODS, (".", "()"));
                    self.tell_if_listed(word, &TYPES, ("", ""));
                }
                TokenTree::Ident(word) => self.tell_if_listed(word, &TYPES, ("", "")),
                _ => {}
            }
        }
    }
}

impl<'a> Visit<'a> for Look<'_> {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.look_or_excuse(&item.sig.ident, |look| visit::visit_item_fn(look, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.look_or_excuse(&item.sig.ident, |look| visit::visit_impl_item_fn(look, item));
    }

    fn visit_item_impl(&mut self, block: &'a syn::ItemImpl) {
        match &*block.self_ty {
            syn::Type::Path(path) if !path.path.segments.is_empty() => {
                let name = &path.path.segments[path.path.segments.len() - 1].ident;
                self.look_or_excuse(name, |look| visit::visit_item_impl(look, block));
            }
            _ => visit::visit_item_impl(self, block),
        }
    }

    fn visit_ident(&mut self, word: &'a syn::Ident) {
        self.tell_if_listed(word, &TYPES, ("", ""));
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        self.tell_if_listed(&call.method, &METHODS, (".", "()"));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'a syn::ExprPath) {
        if let Some(last) = path.path.segments.last().filter(|_| path.path.segments.len() > 1) {
            self.tell_if_listed(&last.ident, &METHODS, (".", "()"));
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_index(&mut self, index: &'a syn::ExprIndex) {
        self.tell(index.bracket_token.span.open().start().line, "an index", "panics");
        visit::visit_expr_index(self, index);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        if let Some(last) = call.path.segments.last() {
            self.tell_if_listed(&last.ident, &MACROS, ("", "!"));
        }
        self.look_at_tokens(call.tokens.clone());
    }

    // What follows is run by the compiler: only the type is looked at.

    fn visit_item_const(&mut self, item: &'a syn::ItemConst) {
        self.visit_type(&item.ty);
    }

    fn visit_impl_item_const(&mut self, item: &'a syn::ImplItemConst) {
        self.visit_type(&item.ty);
    }

    fn visit_trait_item_const(&mut self, item: &'a syn::TraitItemConst) {
        self.visit_type(&item.ty);
    }

    fn visit_item_static(&mut self, item: &'a syn::ItemStatic) {
        self.visit_type(&item.ty);
    }

    fn visit_expr_const(&mut self, _: &'a syn::ExprConst) {}

    fn visit_type_array(&mut self, array: &'a syn::TypeArray) {
        self.visit_type(&array.elem);
    }

    fn visit_expr_repeat(&mut self, repeat: &'a syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_generic_argument(&mut self, argument: &'a syn::GenericArgument) {
        if !matches!(argument, syn::GenericArgument::Const(_)) {
            visit::visit_generic_argument(self, argument);
        }
    }

    fn visit_variant(&mut self, variant: &'a syn::Variant) {
        self.visit_fields(&variant.fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(code: &str) -> Vec<String> {
        recorder(&Tree::parse(&[("src/record/a.rs", code), ("src/front/b.rs", "fn f() { a.unwrap()[0] }")]), &[])
    }

    #[test]
    fn what_panics_locks_formats_or_allocates_is_seen() {
        for (code, what) in [
            ("fn f() {\na.unwrap() }", "`.unwrap()` panics"),
            ("fn f() {\na.expect(\"b\") }", "`.expect()` panics"),
            ("fn f() { a.map(\nOption::unwrap) }", "`.unwrap()` panics"),
            ("fn f() {\npanic!() }", "`panic!` panics"),
            ("const fn f() {\nassert!(a) }", "`assert!` panics"),
            ("fn f() { let const_a = b; \nstd::debug_assert!(a) }", "`debug_assert!` panics"),
            ("fn f() {\nwrite!(a, \"\") }", "`write!` formats"),
            ("fn f() { g(|| {\nformat!(\"\") }) }", "`format!` allocates"),
            ("\nstatic A: Mutex<u8> = Mutex::new(0);", "`Mutex` locks"),
            ("struct A {\na: std::sync::OnceLock<u8> }", "`OnceLock` locks"),
            ("\nfn f(a: &Vec<u8>) {}", "`Vec` allocates"),
            ("\nuse std::collections::HashMap as Map;", "`HashMap` allocates"),
            ("fn f() {\na[b] }", "an index panics"),
            ("fn f() {\na.b[1..] = c; }", "an index panics"),
            ("macro_rules! m { ($a:expr) => {\n$a.b[0] } }", "an index panics"),
            ("fn f() { g!((a)\n[0]) }", "an index panics"),
            ("macro_rules! m { () => {\nVec::new() } }", "`Vec` allocates"),
            ("fn f() { matches!(\na.unwrap(), b) }", "`.unwrap()` panics"),
        ] {
            let told = "and the recorder runs inside the allocator: match, or give the count to the overflow";
            assert_eq!(seen(code), [format!("src/record/a.rs:2: {what}, {told}")], "{code}");
        }
    }

    #[test]
    fn what_the_compiler_runs_and_what_cannot_panic_passes() {
        for code in [
            "const _: () = assert!(A.len() == B[0]); const C: u8 = D[1]; static E: u8 = F[0];",
            "fn f() { const { assert!(A[0] == 1) } } impl A { const B: u8 = C.unwrap(); }",
            "thread_local! { static A: B = const { C[0].unwrap() }; }",
            "fn f(a: [u8; B[0]]) -> A<{ B[0] }> { [1; C.unwrap()]; a.get(1).unwrap_or(2); #[expect(unused)] let [b] = c; }",
            "macro_rules! m { ($a:expr) => { #[inline] fn f() { g([0]); for a in [b] { return [c] } } } }",
            "// a.unwrap()\n/// panic!()\nfn f() { a.write(b); g(\"Vec\") } #[cfg(test)] mod tests { fn f() { a.unwrap() } }",
            "#[derive(Debug)] struct A { expect: u8 } fn f(a: A) { a.expect; b![c] }",
        ] {
            assert_eq!(seen(code), [""; 0], "{code}");
        }
    }

    #[test]
    fn an_exception_holds_for_its_name_alone_and_only_while_it_is_needed() {
        let code =
            "impl<T> Deref for Own<T> { fn a(&self) { b.unwrap() } } fn c() {\nd.unwrap() } fn e() { f.unwrap() }";
        let tree = Tree::parse(&[("src/record/a.rs", code)]);
        let excused = [("Own", "why"), ("e", "why"), ("g", "why")];
        let wrong = recorder(&tree, &excused);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("src/record/a.rs:2: `.unwrap()` panics"), "{wrong:?}");
        assert_eq!(
            wrong[1],
            "src/record/mod.rs:1: `g` needs no exception: take it off the list of tests/tidy/recorder.rs"
        );
    }
}
