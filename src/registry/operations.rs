//! All operations. A name is made into an operation once, under a lock and at the ledger's own expense; operations are
//! never renamed, merged or dropped.

#![allow(clippy::mutable_key_type, reason = "what an operation is looked up by never changes")]

use std::collections::HashSet;
use std::fmt::Write;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::gated::Gated;
use super::in_progress::covering;
use super::key::{Findable, Key, parent_id};
use crate::record::{self, Link, List, Listed};
use crate::words::{
    AccountId, BUILTIN, BUILTINS, EXCLUDED, MAX_DEPTH, MAX_OPERATIONS, Node, OTHER, OperationId, Written, segments,
};

/// The operations that a name finds; `None` before the first one.
static BY_NAME: Gated<Option<HashSet<Findable>>> = Gated::new(None);
/// The named operations, the latest first: read without a lock.
static NAMED: List<Named> = List::new();
static NEXT: AtomicU32 = AtomicU32::new(BUILTIN as u32);
/// How many times a name was entered that could not be made into an operation.
static OVERFLOWED: AtomicU64 = AtomicU64::new(0);

/// Where users enter an operation; `None` where the ledger does.
pub(crate) type Caller = Option<&'static Location<'static>>;

/// A link of [`NAMED`].
struct Named {
    node: Node,
    next: Link<Named>,
}

impl Listed for Named {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

/// The operation at `name` within `within`, looked up part by part and made where it is new. What this and its locks
/// allocate is the ledger's own.
pub(super) fn find_all(within: &'static Node, name: &str, caller: Caller) -> &'static Node {
    let _quiet = record::quiet();
    let unnamed = segments(name).next().is_none().then_some("(unnamed)");
    let mut node = within;
    for part in segments(name).chain(unnamed) {
        match find(node, part, caller) {
            Some(found) => node = found,
            None => return refused(node),
        }
    }
    node
}

/// What stands for an operation in `within` that cannot be made, which is counted: [`OTHER`]. Within an operation that
/// belongs to a test it is that one itself, so that the test sees what happens there.
fn refused(within: &'static Node) -> &'static Node {
    OVERFLOWED.fetch_add(1, Relaxed);
    if within.private { within } else { &OTHER }
}

fn find(within: &'static Node, name: &str, caller: Caller) -> Option<&'static Node> {
    if within.id == OTHER.id {
        return None;
    }
    let parent = (!within.is_builtin()).then_some(within);
    // A name that is one of the ledger's own is put in quotes, so that the two stay apart.
    if name == EXCLUDED || parent.is_none() && BUILTINS.iter().any(|builtin| builtin.name == name) {
        let mut quoted = Written::new();
        // Writing a name down does not fail.
        let _ = quoted.write_fmt(format_args!("'{name}'"));
        return find_or_make(parent, quoted.as_str(), caller);
    }
    find_or_make(parent, name, caller)
}

/// What is left out in `within`, which is that operation itself if it is left out already.
pub(crate) fn excluded(within: &'static Node, caller: Caller) -> &'static Node {
    if within.id == OTHER.id || within.name == EXCLUDED {
        return within;
    }
    let _quiet = record::quiet();
    let parent = (!within.is_builtin()).then_some(within);
    find_or_make(parent, EXCLUDED, caller).unwrap_or_else(|| refused(within))
}

fn find_or_make(parent: Option<&'static Node>, name: &str, caller: Caller) -> Option<&'static Node> {
    // One at a time: ids follow each other without gaps, a name gets one id, and a fork finds no lock held.
    BY_NAME.with(|by_name| {
        let by_name = by_name.get_or_insert_default();
        let key = (parent_id(parent), name);
        if let Some(known) = by_name.get(&key as &dyn Key) {
            return Some(known.0);
        }
        by_name.try_reserve(1).ok()?;
        let node = make(parent, name, caller, parent.is_some_and(|parent| parent.private))?;
        by_name.insert(Findable(node));
        Some(node)
    })
}

/// Makes an operation; `None` past a limit, and without memory: whoever enters a name survives that. The caller holds
/// the lock.
pub(super) fn make(parent: Option<&'static Node>, name: &str, caller: Caller, private: bool) -> Option<&'static Node> {
    let depth = parent.map_or(0, |parent| parent.depth + 1);
    let number = NEXT.load(Relaxed);
    if depth >= MAX_DEPTH || number >= MAX_OPERATIONS + BUILTIN as u32 {
        return None;
    }
    let mut text = String::new();
    text.try_reserve_exact(name.len()).ok()?;
    let mut room = Vec::new();
    room.try_reserve_exact(1).ok()?;
    text.push_str(name);
    let node = Node {
        id: OperationId::new(number),
        depth,
        parent,
        within: parent_id(parent),
        name: text.leak(),
        private,
        site: caller,
        every: AtomicU64::new(0),
        sampled_every: AtomicU64::new(0),
    };
    node.capture(covering(&node));
    room.push(Named { node, next: Link::none() });
    let named = room.leak().first()?;
    NAMED.push(named);
    NEXT.store(number + 1, Relaxed);
    record::issue(named.node.account());
    Some(&named.node)
}

/// The operation that `account` belongs to. An operation has one account with its own number, and where its call stacks
/// are captured one for each stack.
pub(crate) fn owner_of(account: AccountId) -> OperationId {
    record::operation_of(account)
}

/// The named operations, the latest first.
pub(crate) fn named() -> impl Iterator<Item = &'static Node> {
    NAMED.iter().map(|named| &named.node)
}

/// All operations, by id: the ledger's own, then the named ones in the order they were made.
pub(crate) fn all() -> Vec<&'static Node> {
    let mut nodes: Vec<&'static Node> = named().chain(BUILTINS.into_iter().rev()).collect();
    nodes.reverse();
    nodes
}

/// The operation with this id.
pub(crate) fn find_by_id(id: OperationId) -> Option<&'static Node> {
    BUILTINS.into_iter().chain(named()).find(|node| node.id == id)
}

/// The operation at `path`; `None` if it was never made.
pub(crate) fn find_by_path(path: &str) -> Option<&'static Node> {
    if let Some(builtin) = BUILTINS.iter().find(|builtin| builtin.name == path) {
        return Some(builtin);
    }
    record::quietly(|| {
        BY_NAME.with(|by_name| {
            let by_name = by_name.as_ref()?;
            let mut node = None::<&'static Node>;
            for part in segments(path) {
                let key = (parent_id(node), part);
                node = Some(by_name.get(&key as &dyn Key)?.0);
            }
            node
        })
    })
}

/// How many scopes are not counted apart: there were too many operations, they were nested too deep, or there was no
/// memory.
pub(crate) fn overflowed() -> u64 {
    OVERFLOWED.load(Relaxed) + record::unopened()
}
