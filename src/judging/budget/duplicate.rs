//! A key that stands in a table twice: which key it is, and where it stands first. TOML's parser only tells where it
//! stands again.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::words::printable;

/// Takes the place of the second key, so that the first one stays what it was.
const STAND_IN: &str = "heapledger: the same key again";

/// The key at `again`, and the byte at which it stands first; `None` where no such key stands before it.
pub(super) fn first(text: &str, again: &Range<usize>) -> Option<(String, usize)> {
    let written = format!("{} = 0", text.get(again.clone())?);
    let alone = DeTable::parse(&written).ok()?;
    let key = alone.get_ref().keys().next()?.get_ref();
    // Not what comes after its line: the key may stand there once more.
    let (before, line) = (text.get(..again.start)?, text.get(again.end..)?.lines().next()?);
    let replaced = format!("{before}\"{STAND_IN}\"{line}");
    let (document, _) = DeTable::parse_recoverable(&replaced);
    Some((printable(key), beside_stand_in(document.get_ref(), key)?))
}

/// Where `key` stands in the table that has the stand-in.
fn beside_stand_in(table: &DeTable<'_>, key: &str) -> Option<usize> {
    if table.contains_key(STAND_IN) {
        return Some(table.get_key_value(key)?.0.span().start);
    }
    table.values().find_map(|value| inside(value.get_ref(), key))
}

fn inside(value: &DeValue<'_>, key: &str) -> Option<usize> {
    match value {
        DeValue::Table(table) => beside_stand_in(table, key),
        DeValue::Array(values) => values.iter().find_map(|value| inside(value.get_ref(), key)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_keys_is_found_in_every_kind_of_table() {
        let cases = [
            ("a = 1\nb = 2\na = 3\n", "a"),
            ("[x]\nb.a = 1\n[y]\nb.a = 1\nb.a = 2\n", "a"),
            ("[x.'a b']\nc = 1\n[y]\n[x.\"a b\"]\n", "a b"),
            ("[[x]]\na = 1\n[[x]]\na = 2\n'a' = 3\n", "a"),
            ("x = { a = 1, b = 2, a = 3 }\n", "a"),
            ("[x.a]\n[x.a]\n[x.a]\n", "a"),
        ];
        for (text, key) in cases {
            let (_, errors) = DeTable::parse_recoverable(text);
            let again = errors[0].span().expect("it has a place");
            let (named, first) = first(text, &again).expect(text);
            assert_eq!(named, key, "{text}");
            assert!(first < again.start && text[first..].trim_start_matches(['\'', '"']).starts_with(key), "{text}");
        }
        // Of the same keys in two tables, the one in the own table.
        let (_, first) = first(cases[1].0, &(26..27)).expect("there is one");
        assert_eq!(first, 18);
        assert_eq!(super::first("a = 1\nb = 2\n", &(6..7)), None);
    }
}
