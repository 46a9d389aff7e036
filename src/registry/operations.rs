//! Names to operations. A name is made into an operation once, under a lock and at the ledger's own expense; a known
//! one is found without allocating, mostly in a small table of the thread's own.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use dashmap::DashMap;
use once_cell::race::OnceBox;

use crate::record::{self, Link, List, Listed};
use crate::words::{BUILTIN, BUILTINS, MAX_DEPTH, MAX_OPERATIONS, Node, OTHER, UNATTRIBUTED, segments};

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
/// How many operations are apart from those that names find.
static APART: AtomicU32 = AtomicU32::new(0);

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

/// Where users enter an operation; nothing where the ledger does.
pub(crate) type Place = Option<&'static Location<'static>>;

/// The operation called `name` within `within`, made at `place` if it is new. `a/b` is `b` within `a`.
#[inline]
pub(crate) fn operation(within: &'static Node, name: &str, place: Place) -> &'static Node {
    let at = slot_of(within.id, name);
    match RECENTLY.with(|recently| recently[at].get()) {
        Some(node) if node.name == name && is_child(node, within) => node,
        _ => look_up(at, within, name, place),
    }
}

#[cold]
fn look_up(at: usize, within: &'static Node, name: &str, place: Place) -> &'static Node {
    let node = find_all(within, name, place);
    // Only what the name alone tells may be found by it.
    if node.name == name && is_child(node, within) {
        RECENTLY.with(|recently| recently[at].set(Some(node)));
    }
    node
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
fn find_all(within: &'static Node, name: &str, place: Place) -> &'static Node {
    let _quiet = record::quiet();
    let mut node = within;
    let mut parts = 0;
    for part in segments(name) {
        node = find(node, part, place);
        parts += 1;
    }
    if parts == 0 {
        node = find(within, "(unnamed)", place);
    }
    if node.id == OTHER.id {
        REFUSED.fetch_add(1, Relaxed);
    }
    node
}

fn find(within: &'static Node, name: &str, place: Place) -> &'static Node {
    if within.id == OTHER.id {
        return &OTHER;
    }
    let parent = (!within.is_builtin()).then_some(within);
    // The ledger's own names stay its own.
    if parent.is_none() && BUILTINS.iter().any(|builtin| builtin.name == name) {
        let mut quoted = crate::words::Written::new();
        let _ = std::fmt::Write::write_fmt(&mut quoted, format_args!("'{name}'"));
        return find_or_make(parent, quoted.as_str(), place);
    }
    find_or_make(parent, name, place)
}

fn find_or_make(parent: Option<&'static Node>, name: &str, place: Place) -> &'static Node {
    // One at a time: ids follow each other without gaps, a name gets one id, and a fork finds no lock held.
    record::alone(|| {
        let by_name = REGISTRY.get_or_init(Box::default);
        let key = (parent.map_or(UNATTRIBUTED.id, |parent| parent.id), name);
        if let Some(known) = by_name.get(&key as &dyn Key) {
            return known.key().0;
        }
        let apart = parent.is_some_and(|parent| parent.apart);
        let Some(node) = make(parent, name, place, apart) else { return &OTHER };
        by_name.insert(Known(node), ());
        node
    })
}

/// Makes an operation. Under the lock.
fn make(parent: Option<&'static Node>, name: &str, place: Place, apart: bool) -> Option<&'static Node> {
    let depth = parent.map_or(0, |parent| parent.depth + 1);
    let id = NEXT.load(Relaxed);
    if depth >= MAX_DEPTH || id >= MAX_OPERATIONS + BUILTIN {
        return None;
    }
    let name = Box::leak(Box::<str>::from(name));
    let node = Node { id, depth, parent, name, apart, place, peak_error: AtomicU64::new(0) };
    let node: &'static Node = Box::leak(Box::new(node));
    NAMED.push(Box::leak(Box::new(Named { node, next: Link::none() })));
    NEXT.store(id + 1, Relaxed);
    record::issue(id + 1);
    Some(node)
}

/// A new operation at the path that `name` has within `within`, which nobody enters by that name: for a test whose
/// figures must not have anything of what others do under the same name. In snapshots and reports it is part of whatever
/// is at that path.
pub(crate) fn apart(within: &'static Node, name: &str, place: Place) -> &'static Node {
    let _quiet = record::quiet();
    // The operation that the name finds exists too, so that its path is known.
    let twin = operation(within, name, place);
    if twin.id == OTHER.id {
        return twin;
    }
    APART.fetch_add(1, Relaxed);
    record::alone(|| make(twin.parent, twin.name, place, true)).unwrap_or(&OTHER)
}

/// Whether a path may have several operations.
pub(crate) fn has_apart() -> bool {
    APART.load(Relaxed) > 0
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
    record::quietly(|| {
        record::alone(|| {
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
