//! Names to operations. A name is made into an operation once, under a lock and at the ledger's own expense; a known
//! one is found without allocating, mostly in a small table of the thread's own.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use dashmap::DashMap;
use once_cell::race::OnceBox;

use crate::operation::{BUILTIN, BUILTINS, MAX_DEPTH, MAX_OPERATIONS, Node, OTHER, UNATTRIBUTED, segments};
use crate::record::memory::{Link, List, Listed};
use crate::record::{fork, thread};

/// An operation looked up by what it is nested in, and its name.
trait Key {
    fn parts(&self) -> (u32, &str);
}

impl Key for (u32, &str) {
    fn parts(&self) -> (u32, &str) {
        *self
    }
}

struct Known(&'static Node);

impl Key for Known {
    fn parts(&self) -> (u32, &str) {
        (self.0.parent.map_or(UNATTRIBUTED.id, |parent| parent.id), self.0.name)
    }
}

impl Hash for dyn Key + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn Key + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Key + '_ {}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Known {}

impl<'a> std::borrow::Borrow<dyn Key + 'a> for Known {
    fn borrow(&self) -> &(dyn Key + 'a) {
        self
    }
}

/// `race`: a blocking lazy could wait for a thread that waits for this one.
static REGISTRY: OnceBox<DashMap<Known, ()>> = OnceBox::new();
/// The named operations, the latest first: read without a lock.
static NAMED: List<Named> = List::new();
static NEXT: AtomicU32 = AtomicU32::new(BUILTIN);
static REFUSED: AtomicU64 = AtomicU64::new(0);

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

const RECENT: usize = 64;

thread_local! {
    /// Operations this thread entered by name; no destructor, so that late destructors may use it.
    static RECENTLY: [Cell<Option<&'static Node>>; RECENT] = const { [const { Cell::new(None) }; RECENT] };
}

/// The operation called `name` within `within`, made if it is new. `a/b` is `b` within `a`.
#[inline]
pub(crate) fn operation(within: &'static Node, name: &str) -> &'static Node {
    RECENTLY.with(|recently| {
        let slot = &recently[slot_of(within.id, name)];
        match slot.get() {
            Some(node) if node.name == name && is_child(node, within) => node,
            _ => {
                let node = find_all(within, name);
                // Only what the name alone tells may be found by it.
                if node.name == name && is_child(node, within) {
                    slot.set(Some(node));
                }
                node
            }
        }
    })
}

#[inline]
fn is_child(node: &Node, within: &Node) -> bool {
    match node.parent {
        Some(parent) => parent.id == within.id,
        None => within.id == UNATTRIBUTED.id,
    }
}

/// Spreads names over the table by their length and their two ends.
#[inline]
fn slot_of(within: u32, name: &str) -> usize {
    let bytes = name.as_bytes();
    let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()),
            _ => (bytes.first().copied().unwrap_or(0).into(), bytes.last().copied().unwrap_or(0).into()),
        },
    };
    let mixed = (first ^ last.rotate_left(23) ^ (u64::from(within) << 32 | bytes.len() as u64))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 58) as usize % RECENT
}

/// Whatever this allocates, or the locks in it do, is the ledger's own.
#[cold]
fn find_all(within: &'static Node, name: &str) -> &'static Node {
    let _quiet = thread::quiet();
    let mut node = within;
    let mut parts = 0;
    for part in segments(name) {
        node = find(node, part);
        parts += 1;
    }
    if parts == 0 {
        node = find(within, "(unnamed)");
    }
    if node.id == OTHER.id {
        REFUSED.fetch_add(1, Relaxed);
    }
    node
}

fn find(within: &'static Node, name: &str) -> &'static Node {
    if within.id == OTHER.id {
        return &OTHER;
    }
    let parent = (!within.is_builtin()).then_some(within);
    // The ledger's own names stay its own.
    if parent.is_none() && BUILTINS.iter().any(|builtin| builtin.name == name) {
        let mut quoted = crate::operation::Written::new();
        let _ = std::fmt::Write::write_fmt(&mut quoted, format_args!("'{name}'"));
        return find_or_make(parent, quoted.as_str());
    }
    find_or_make(parent, name)
}

fn find_or_make(parent: Option<&'static Node>, name: &str) -> &'static Node {
    // One at a time: ids follow each other without gaps, a name gets one id, and a fork finds no lock held.
    fork::alone(|| {
        let by_name = REGISTRY.get_or_init(Box::default);
        let key = (parent.map_or(UNATTRIBUTED.id, |parent| parent.id), name);
        if let Some(known) = by_name.get(&key as &dyn Key) {
            return known.key().0;
        }
        let depth = parent.map_or(0, |parent| parent.depth + 1);
        let id = NEXT.load(Relaxed);
        if depth >= MAX_DEPTH || id >= MAX_OPERATIONS + BUILTIN {
            return &OTHER;
        }
        let name = Box::leak(Box::<str>::from(name));
        let node: &'static Node = Box::leak(Box::new(Node { id, depth, parent, name, peak_error: AtomicU64::new(0) }));
        by_name.insert(Known(node), ());
        NAMED.push(Box::leak(Box::new(Named { node, next: Link::none() })));
        NEXT.store(id + 1, Relaxed);
        thread::issue(id + 1);
        node
    })
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

/// The operation at `path`, if it was ever made.
pub(crate) fn known(path: &str) -> Option<&'static Node> {
    if let Some(builtin) = BUILTINS.iter().find(|builtin| builtin.name == path) {
        return Some(builtin);
    }
    thread::quietly(|| {
        fork::alone(|| {
            let by_name = REGISTRY.get()?;
            let mut node = None::<&'static Node>;
            for part in segments(path) {
                let key = (node.map_or(UNATTRIBUTED.id, |node| node.id), part);
                node = Some(by_name.get(&key as &dyn Key)?.key().0);
            }
            node
        })
    })
}

/// How many times a scope fell into `(other)`, because there were too many operations or they were nested too deep.
pub(crate) fn refused() -> u64 {
    REFUSED.load(Relaxed)
}
