//! The paths that a piece of code writes down: imports with their groups and new names, paths in expressions, types,
//! visibilities and attributes, and those inside macros. It reads tokens, so that a macro's body is seen like any other
//! code. It does not know what a path leads to; `tree` does.

use proc_macro2::{Spacing, TokenStream, TokenTree};

/// A path as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub line: usize,
    /// `["crate", "words", "Error"]`; the last one is `*` if everything is imported.
    pub segments: Vec<String>,
    /// Whether it begins with `::`, so that it can only lead to another crate.
    pub rooted: bool,
    /// For an import: what the file calls it from then on.
    pub alias: Option<String>,
}

/// All paths of two and more segments, and all imports.
pub fn paths_in(tokens: TokenStream) -> Vec<Written> {
    let mut found = Vec::new();
    scan(&Vec::from_iter(tokens), &mut found);
    found
}

fn scan(tokens: &[TokenTree], found: &mut Vec<Written>) {
    let mut at = 0;
    while at < tokens.len() {
        at = match &tokens[at] {
            TokenTree::Group(group) => {
                scan(&Vec::from_iter(group.stream()), found);
                at + 1
            }
            TokenTree::Ident(word) if word == "use" && !is_punct(tokens, at + 1, '<') => {
                read_import(tokens, at + 1, &Written::empty(), found)
            }
            TokenTree::Ident(_) if at > 0 && (is_punct(tokens, at - 1, '.') || is_punct(tokens, at - 1, '\'')) => {
                at + 1
            }
            TokenTree::Ident(_) => read_path(tokens, at, false, Some(found)),
            TokenTree::Punct(_) if is_separator(tokens, at) => {
                let begins = at == 0 || !closes_generics(tokens, at - 1) && !is_ident(tokens, at - 1);
                read_path(tokens, at + 2, true, begins.then_some(&mut *found))
            }
            _ => at + 1,
        }
    }
}

/// Reads the path that begins at `at`. Where it ends.
fn read_path(tokens: &[TokenTree], mut at: usize, rooted: bool, found: Option<&mut Vec<Written>>) -> usize {
    let mut path = Written { rooted, ..Written::empty() };
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        path.push(word);
        at += 1;
        if !is_separator(tokens, at) || !is_ident(tokens, at + 2) {
            break;
        }
        at += 2;
    }
    if path.segments.len() > 1
        && let Some(found) = found
    {
        found.push(path);
    }
    at
}

/// Reads one branch of an import that begins with `before`. Where it ends.
fn read_import(tokens: &[TokenTree], mut at: usize, before: &Written, found: &mut Vec<Written>) -> usize {
    let mut path = before.clone();
    if is_separator(tokens, at) {
        path.rooted = true;
        at += 2;
    }
    at += usize::from(is_punct(tokens, at, '$'));
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => path.push(word),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                path.segments.push("*".into());
                path.line = star.span().start().line;
                found.push(path);
                return at + 1;
            }
            Some(TokenTree::Group(group)) => {
                let inner = Vec::from_iter(group.stream());
                let mut next = 0;
                while next < inner.len() {
                    next = read_import(&inner, next, &path, found);
                    next += usize::from(is_punct(&inner, next, ','));
                }
                return at + 1;
            }
            _ => return at + 1,
        }
        at += 1;
        if is_separator(tokens, at) {
            at += 2;
            continue;
        }
        if path.segments.len() > 1 && path.segments.last().is_some_and(|last| last == "self") {
            path.segments.pop();
        }
        path.alias = path.segments.last().cloned();
        if let (Some(TokenTree::Ident(word)), Some(TokenTree::Ident(alias))) = (tokens.get(at), tokens.get(at + 1))
            && word == "as"
        {
            path.alias = Some(alias.to_string());
            at += 2;
        }
        found.push(path);
        return at;
    }
}

impl Written {
    fn empty() -> Self {
        Self { line: 0, segments: Vec::new(), rooted: false, alias: None }
    }

    fn push(&mut self, word: &proc_macro2::Ident) {
        self.line = word.span().start().line;
        let word = word.to_string();
        self.segments.push(word.strip_prefix("r#").map_or(word.clone(), String::from));
    }
}

fn is_ident(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Ident(_)))
}

pub fn is_punct(tokens: &[TokenTree], at: usize, sign: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// Whether `::` stands at `at`.
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let is_joint = matches!(tokens.get(at), Some(TokenTree::Punct(colon)) if colon.spacing() == Spacing::Joint);
    is_joint && is_punct(tokens, at, ':') && is_punct(tokens, at + 1, ':')
}

/// Whether `>` stands at `at`, and not as the end of `->`.
fn closes_generics(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens, at, '>') && !(at > 0 && (is_punct(tokens, at - 1, '-') || is_punct(tokens, at - 1, '=')))
}

/// Calls `look` for every token, however deep, with the tokens around it.
pub fn each_token(tokens: TokenStream, look: &mut impl FnMut(&[TokenTree], usize)) {
    let tokens = Vec::from_iter(tokens);
    for (at, token) in tokens.iter().enumerate() {
        look(&tokens, at);
        if let TokenTree::Group(group) = token {
            each_token(group.stream(), look);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: &str) -> Vec<String> {
        let paths = paths_in(code.parse().expect("it is Rust"));
        let text = |path: &Written| {
            let alias = path.alias.as_ref().filter(|alias| path.segments.last() != Some(alias));
            let rooted = if path.rooted { "::" } else { "" };
            format!(
                "{rooted}{}{}",
                path.segments.join("::"),
                alias.map_or(String::new(), |alias| format!(" as {alias}"))
            )
        };
        paths.iter().map(text).collect()
    }

    #[test]
    fn imports_are_taken_apart() {
        assert_eq!(
            written("use crate::{a::b, c::{self, d::*, e as f}}; use super::super::x; pub(crate) use ::std::io;"),
            ["crate::a::b", "crate::c", "crate::c::d::*", "crate::c::e as f", "super::super::x", "::std::io"]
        );
    }

    #[test]
    fn paths_are_found_wherever_they_stand() {
        assert_eq!(
            written(
                "fn f(a: &crate::a::A<'static, super::B>) -> ::c::C { let d: ::e::E = self::g::h(i.j, k::l!(m::n)); }"
            ),
            ["crate::a::A", "super::B", "::c::C", "::e::E", "self::g::h", "k::l", "m::n"]
        );
        assert_eq!(
            written("macro_rules! m { ($x:ty) => { $crate::a::b(<$x as c::D>::e::f, Vec::<u8>::new()) } }"),
            ["crate::a::b", "c::D"]
        );
        assert_eq!(written("pub(in crate::a) fn f<'a>() -> impl g::H + use<'a> {}"), ["crate::a", "g::H"]);
        assert_eq!(written("use crate::{\n a::b,\n c };"), ["crate::a::b", "crate::c"]);
    }

    #[test]
    fn a_path_stands_in_the_line_of_its_last_segment() {
        let paths = paths_in("use crate::{\n a::b,\n c };".parse().expect("it is Rust"));
        assert_eq!(paths.iter().map(|path| path.line).collect::<Vec<_>>(), [2, 3]);
    }
}
