//! Names of functions, short enough to be read: `<app::Cache<u8> as app::Store>::insert::<u8>` is `Cache::insert`.

/// The method with its type, or the function alone; of a closure the function around it.
pub(super) fn short(name: &str) -> String {
    let mut parts = parts(name);
    let mut closure = "";
    while parts.len() > 1 && parts.last().is_some_and(|last| last == CLOSURE) {
        parts.pop();
        closure = "::{closure}";
    }
    let from = match parts.len().checked_sub(2) {
        Some(before) if is_type(&parts[before]) => before,
        Some(before) => before + 1,
        None => 0,
    };
    parts[from..].join("::") + closure
}

/// All of the path, for where nothing else says where the function is.
pub(super) fn without_generics(name: &str) -> String {
    parts(name).join("::")
}

const CLOSURE: &str = "{closure}";

/// Modules and functions are written small, and types that are no names hold other characters.
fn is_type(part: &str) -> bool {
    part.starts_with(char::is_uppercase) || part.contains(['[', '(', '&', ' '])
}

/// The parts of a path without generics. A type in front of a method is its path, or as it is if it has none.
fn parts(name: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in split(name, "::") {
        match part.strip_prefix('<').and_then(|part| part.strip_suffix('>')) {
            // Generics of the part before: `collect::<u8>`.
            Some(inside) if !parts.is_empty() && !inside.starts_with("impl ") => {}
            Some(inside) => {
                parts.clear();
                parts.extend(type_of(inside));
            }
            None => parts.push(plain(part)),
        }
    }
    parts
}

/// The type of `Type as Trait`, of `impl Trait for Type`, or of `Type`.
fn type_of(inside: &str) -> Vec<String> {
    let mut rest = match inside.strip_prefix("impl ") {
        Some(implemented) => split(implemented, " for ").pop().unwrap_or(implemented),
        None => split(inside, " as ").swap_remove(0),
    };
    for prefix in ["&", "*", "mut ", "const ", "dyn "] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    // `dyn Shape + Send` is called by its first trait.
    rest = split(rest, " + ").swap_remove(0);
    let is_path = rest.starts_with(|one: char| one.is_alphanumeric() || one == '_' || one == '<');
    let is_function = rest.starts_with("fn(") || rest.starts_with("unsafe ") || rest.starts_with("extern ");
    if is_path && !is_function { parts(rest) } else { vec![rest.into()] }
}

/// A part without its generics, and without the number of what has no name.
fn plain(part: &str) -> String {
    let part = match part.find('<') {
        Some(at) if at > 0 && !part.starts_with('{') => &part[..at],
        _ => part,
    };
    let Some(unnamed) = part.trim_start_matches('{').split(['#', '}']).next().filter(|_| part.starts_with('{')) else {
        return part.into();
    };
    match unnamed.split(':').next() {
        Some("closure") => CLOSURE.into(),
        _ => format!("{{{unnamed}}}"),
    }
}

/// Splits where nothing is open: no generics, no list and no braces.
fn split<'a>(text: &'a str, at: &str) -> Vec<&'a str> {
    let (mut depth, mut from, mut pieces) = (0_usize, 0, Vec::new());
    for (here, one) in text.char_indices() {
        match one {
            '<' | '(' | '[' | '{' => depth += 1,
            '>' if text[..here].ends_with('-') => {}
            '>' | ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && here >= from && text[here..].starts_with(at) => {
                pieces.push(&text[from..here]);
                from = here + at.len();
            }
            _ => {}
        }
    }
    pieces.push(&text[from..]);
    pieces
}
