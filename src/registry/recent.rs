//! The operations that a thread entered last by name, before all others.

use super::operations::{Caller, find_all};
use crate::record;
use crate::words::Node;

/// The operation at `name` within `within`, made if it is new.
pub(crate) fn operation(within: &'static Node, name: &str, caller: Caller) -> &'static Node {
    record::known(within, name).unwrap_or_else(|| look_up(within, name, caller))
}

#[cold]
fn look_up(within: &'static Node, name: &str, caller: Caller) -> &'static Node {
    let node = find_all(within, name, caller);
    // Only an operation that this name alone identifies within `within` is kept: not `a/b`, and not `(other)`.
    if node.name == name && node.within == within.id {
        record::remember(within, name, node);
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::UNATTRIBUTED;

    #[test]
    fn names_that_begin_and_end_alike_are_told_apart() {
        let names = ["beginning, middle, the end", "beginning, MIDDLE, the end"];
        for _ in 0..3 {
            let nodes = names.map(|name| operation(&UNATTRIBUTED, name, None));
            assert_eq!(nodes.map(|node| node.name), names);
            assert!(nodes[0].id != nodes[1].id);
        }
    }
}
