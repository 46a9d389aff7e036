//! Names of many things, the equal ones grouped: names that differ only in their numbers are one.

use std::collections::BTreeMap;

use crate::words::printable;

/// Names shown of a list that may be long.
pub(super) const SHOWN: usize = 8;

/// `socket (x242), worker-# (x3), /tmp/log`: numbers are folded where only they differ.
pub(super) fn grouped(names: &[String]) -> String {
    let mut groups: BTreeMap<String, (&str, usize, bool)> = BTreeMap::new();
    for name in names {
        let (first, times, differ) = groups.entry(folded(name)).or_insert((name, 0, false));
        *times += 1;
        *differ |= *first != name;
    }
    let shown = groups.iter().take(SHOWN).map(|(folded, (first, times, differ))| {
        let name = printable(if *differ { folded } else { first });
        if *times > 1 { format!("{name} (x{times})") } else { name }
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = groups.len().saturating_sub(SHOWN);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// The name with `#` for every number. The system numbers sockets and pipes: `socket:[4711]` is a socket.
fn folded(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for one in name.chars() {
        match one {
            '0'..='9' if folded.ends_with('#') => {}
            '0'..='9' => folded.push('#'),
            _ => folded.push(one),
        }
    }
    match folded.strip_suffix(":[#]") {
        Some(kind) => kind.into(),
        None => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(names: &[&str]) -> String {
        grouped(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn equal_things_are_grouped_and_numbers_folded_where_only_they_differ() {
        assert_eq!(said(&["socket:[12]", "socket:[4711]", "pipe:[7]", "pipe:[8]"]), "pipe (x2), socket (x2)");
        assert_eq!(said(&["worker-1", "worker-22", "worker-1"]), "worker-# (x3)");
        assert_eq!(said(&["worker-1", "worker-1"]), "worker-1 (x2)");
        assert_eq!(said(&["/tmp/a1", "/tmp/b1", "socket:[3]"]), "/tmp/a1, /tmp/b1, socket:[3]");
    }

    #[test]
    fn a_long_list_is_cut() {
        let many: Vec<String> = ('a'..='z').map(String::from).collect();
        assert_eq!(grouped(&many), "a, b, c, d, e, f, g, h and 18 more");
        assert_eq!(grouped(&many[..8]), "a, b, c, d, e, f, g, h");
    }
}
