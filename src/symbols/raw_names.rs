//! Names of functions out of symbols. A name stays whole; shortening it is for whoever shows it.

/// The symbol as people wrote it: without the hash, and without what tells two versions of a crate apart.
pub(super) fn demangled(symbol: &str) -> String {
    use std::fmt::Write;
    let mut name = String::new();
    // What cannot be written, such as a name without end, stays as it is.
    match write!(name, "{:#}", rustc_demangle::demangle(symbol)) {
        Ok(()) => name,
        Err(_) => symbol.into(),
    }
}

/// The name of the function that a symbol belongs to, which is the outermost one at an address. Debug information that
/// holds lines alone has no more than the last part of its name, and there may be none at all.
pub(super) fn name_of_outermost(known: Option<String>, symbol: Option<String>) -> Option<String> {
    match (known, symbol) {
        (Some(known), Some(symbol)) if !is_last_part(&known, &symbol) => Some(known),
        (known, symbol) => symbol.or(known),
    }
}

/// Whether a name that debug information has, such as `insert<u8>`, is the last part of a symbol's name. Functions with
/// the same code may share a symbol, so not every symbol is that of the function.
pub(super) fn is_last_part(name: &str, whole: &str) -> bool {
    let plain = |part: &str| {
        let plain = part.trim_start_matches('{').split(['<', '#', '}']).next().unwrap_or("");
        // Symbols have one word for all that has no name.
        if part.starts_with('{') { "closure".to_string() } else { plain.trim_end_matches(':').to_string() }
    };
    let mut depth = 0_usize;
    let mut last = 0;
    for (at, one) in whole.char_indices() {
        match one {
            '<' => depth += 1,
            '>' if !whole[..at].ends_with('-') => depth = depth.saturating_sub(1),
            ':' if depth == 0 && !whole[at + 1..].starts_with([':', '<']) => last = at + 1,
            _ => {}
        }
    }
    plain(name) == plain(&whole[last..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_lose_their_hash_and_what_is_no_symbol_stays() {
        for (symbol, name) in [
            ("_ZN7program6shapes5plain17h0123456789abcdefE", "program::shapes::plain"),
            ("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"),
            ("malloc", "malloc"),
            ("_R", "_R"),
        ] {
            assert_eq!(demangled(symbol), name);
        }
    }

    #[test]
    fn a_symbol_gives_its_name_to_no_other_function() {
        for (known, symbol, name) in [
            (Some("insert"), Some("app::Cache::insert"), Some("app::Cache::insert")),
            (Some("insert"), Some("app::other_with_the_same_code"), Some("insert")),
            (None, Some("app::insert"), Some("app::insert")),
            (Some("insert"), None, Some("insert")),
            (None, None, None),
        ] {
            let found = name_of_outermost(known.map(String::from), symbol.map(String::from));
            assert_eq!(found.as_deref(), name);
        }
    }

    #[test]
    fn the_last_part_of_a_symbol_is_the_name_in_debug_information() {
        for (name, whole, is_it) in [
            ("insert<u8>", "app::Cache<K,V>::insert", true),
            ("insert<u8>", "<app::Cache<u8>>::insert::<u8>", true),
            ("area", "<app::Foo as app::Shape>::area", true),
            ("call", "<fn() -> app::A>::call", true),
            ("{closure#1}", "app::run::{{closure}}", true),
            ("{async_fn#0}", "app::run::{closure#0}", true),
            ("main", "main", true),
            ("insert", "app::Cache<K,V>::insert_all", false),
            ("insert", "app::insert::{{closure}}", false),
            ("Cache", "app::Cache<K,V>::insert", false),
        ] {
            assert_eq!(is_last_part(name, whole), is_it, "{name} {whole}");
        }
    }
}
