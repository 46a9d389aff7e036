//! All operations. A name is made into an operation once, under a lock and at the ledger's own expense; operations are
//! never renamed, merged or dropped.

use std::fmt::Write;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use dashmap::DashMap;
use once_cell::race::OnceBox;

use super::in_progress::covering;
use super::key::{Findable, Key, parent_id};
use crate::record::{self, Link, List, Listed};
use crate::words::{
    AccountId, BUILTIN, BUILTINS, EXCLUDED, MAX_DEPTH, MAX_OPERATIONS, Node, OTHER, OperationId, Written, segments,
};

/// Of `once_cell::race`: in a cell that blocks, this thread could wait for one that waits for this one.
static REGISTRY: OnceBox<DashMap<Findable, ()>> = OnceBox::new();
/// The named operations, the latest first: read without a lock.
static NAMED: List<Named> = List::new();
static NEXT: AtomicU32 = AtomicU32::new(BUILTIN as u32);
/// How many times a scope fell into `(other)`.
static OVERFLOWED: AtomicU64 = AtomicU64::new(0);

/// Where users enter an operation; `None` where the ledger does.
pub(crate) type Caller = Option<&'static Location<'static>>;

/// A link of [`NAMED`].
struct Named {
    node: &'static Node,
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
    let mut node = within;
    let mut parts = 0;
    for part in segments(name) {
        node = find(node, part, caller);
        parts += 1;
    }
    if parts == 0 {
        node = find(within, "(unnamed)", caller);
    }
    if node.id == OTHER.id {
        OVERFLOWED.fetch_add(1, Relaxed);
    }
    node
}

fn find(within: &'static Node, name: &str, caller: Caller) -> &'static Node {
    if within.id == OTHER.id {
        return &OTHER;
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
    find_or_make((!within.is_builtin()).then_some(within), EXCLUDED, caller)
}

fn find_or_make(parent: Option<&'static Node>, name: &str, caller: Caller) -> &'static Node {
    // One at a time: ids follow each other without gaps, a name gets one id, and a fork finds no lock held.
    record::lock_over_forks(|| {
        let by_name = REGISTRY.get_or_init(Box::default);
        let key = (parent_id(parent), name);
        if let Some(known) = by_name.get(&key as &dyn Key) {
            return known.key().0;
        }
        let private = parent.is_some_and(|parent| parent.private);
        let Some(node) = make(parent, name, caller, private) else { return &OTHER };
        by_name.insert(Findable(node), ());
        node
    })
}

/// Makes an operation; `None` past a limit. The caller holds the lock.
pub(super) fn make(parent: Option<&'static Node>, name: &str, caller: Caller, private: bool) -> Option<&'static Node> {
    let depth = parent.map_or(0, |parent| parent.depth + 1);
    let number = NEXT.load(Relaxed);
    if depth >= MAX_DEPTH || number >= MAX_OPERATIONS + BUILTIN as u32 {
        return None;
    }
    let name = Box::leak(Box::<str>::from(name));
    let node = Node {
        id: OperationId::new(number),
        depth,
        parent,
        within: parent_id(parent),
        name,
        private,
        site: caller,
        every: AtomicU64::new(0),
        sampled_every: AtomicU64::new(0),
    };
    node.capture(covering(&node));
    let node: &'static Node = Box::leak(Box::new(node));
    NAMED.push(Box::leak(Box::new(Named { node, next: Link::none() })));
    NEXT.store(number + 1, Relaxed);
    record::issue(node.account());
    Some(node)
}

/// The operation that `account` belongs to. An operation has one account with its own number, and where its call stacks
/// are captured one for each stack.
pub(crate) fn owner_of(account: AccountId) -> OperationId {
    record::operation_of(account)
}

/// The named operations, the latest first.
pub(crate) fn named() -> impl Iterator<Item = &'static Node> {
    NAMED.iter().map(|named| named.node)
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
        record::lock_over_forks(|| {
            let by_name = REGISTRY.get()?;
            let mut node = None::<&'static Node>;
            for part in segments(path) {
                let key = (parent_id(node), part);
                node = Some(by_name.get(&key as &dyn Key)?.key().0);
            }
            node
        })
    })
}

/// How many times a scope fell into `(other)`, because there were too many operations or they were nested too deep.
pub(crate) fn overflowed() -> u64 {
    OVERFLOWED.load(Relaxed)
}
