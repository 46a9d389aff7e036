//! Operations that one assertion has for itself, and the pool that they come from: the number of assertions has no
//! limit, that of operations has one. Nothing is measured here.

use std::collections::{BTreeSet, HashMap};
use std::panic::Location;

use crate::reading::is_at_rest;
use crate::record::{self, Own};
use crate::registry::{self, Gated};
use crate::words::{Node, OperationId};

/// An operation that one assertion has for itself, until this is dropped.
pub(super) struct Claim {
    pub(super) node: &'static Node,
    /// Where it goes in the pool.
    key: Own<PoolKey>,
}

/// The id of the operation that another one is nested in, and the other one's name.
type PoolKey = (OperationId, String);

/// The operations of all assertions.
#[derive(Default)]
struct Pool {
    /// Those that no assertion has, in the order in which they were given back.
    spare: HashMap<PoolKey, Vec<&'static Node>>,
    /// The ids of all.
    claimed: BTreeSet<OperationId>,
}

/// The ledger's own memory.
static POOL: Gated<Option<Pool>> = Gated::new(None);

/// How many operations of one name wait until what they own is freed. With more, one is taken although it is not at
/// rest: work that always leaves something, such as filling a cache, must not use up the operations that there can be.
const MOST_SPARE: usize = 16;

fn with_pool<R>(work: impl FnOnce(&mut Pool) -> R) -> R {
    record::quietly(|| POOL.with(|pool| work(pool.get_or_insert_default())))
}

/// The ids of all operations that assertions have or had.
pub(super) fn claimed() -> BTreeSet<OperationId> {
    with_pool(|pool| pool.claimed.clone())
}

impl Claim {
    /// Claims an operation `name` within the active one.
    pub(super) fn of(name: &str, caller: &'static Location<'static>) -> Self {
        let within = record::active();
        let key = Own::new(|| (within.id, name.to_string()));
        let spare = with_pool(|pool| {
            let spares = pool.spare.get_mut(&*key)?;
            let at_rest = spares.iter().rposition(|node| is_at_rest(node));
            // The one that was given back first is the least likely to be touched again.
            let taken = at_rest.or((spares.len() >= MOST_SPARE).then_some(0))?;
            Some(spares.remove(taken))
        });
        let node = spare.unwrap_or_else(|| {
            let node = registry::new_private(within, name, Some(caller));
            with_pool(|pool| pool.claimed.insert(node.id));
            node
        });
        Self { node, key }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        with_pool(|pool| pool.spare.entry((*self.key).clone()).or_default().push(self.node));
    }
}
