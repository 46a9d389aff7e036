//! What an operation is: an id, a name, and the operation it is nested in. People know it by its path of names, the
//! ledger by its id. Nothing here counts or locks, and nothing changes but whether an operation is captured.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::account::AccountId;

/// How many operations are the ledger's own. Their ids are the lowest.
pub(crate) const BUILTIN: usize = 4;
/// The most named operations; later names fall into [`OTHER`].
pub(crate) const MAX_OPERATIONS: u32 = 1 << 16;
/// The deepest nesting; deeper names fall into [`OTHER`].
pub(crate) const MAX_DEPTH: u32 = 128;

/// Names an operation: its place in the order in which operations were made, the ledger's own first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OperationId(u32);

impl OperationId {
    #[inline]
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    #[inline]
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// Its position in lists that hold every operation in the order of ids.
    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operation. Made once, never freed, so that tags may name it for ever.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: OperationId,
    /// How many operations it is nested in.
    pub(crate) depth: u32,
    pub(crate) parent: Option<&'static Node>,
    /// The id under which it is looked up, beside its name: its parent's, or that of [`UNATTRIBUTED`].
    pub(crate) within: OperationId,
    pub(crate) name: &'static str,
    /// Whether it, or an operation that it is nested in, belongs to one test alone: then no name finds it.
    pub(crate) private: bool,
    /// Where it was first entered.
    pub(crate) site: Option<&'static Location<'static>>,
    /// While it is captured: how many bytes lie between two samples on average; one, where every block is captured.
    /// Else zero.
    pub(crate) every: AtomicU64,
    /// The same of the last capture that sampled it.
    pub(crate) sampled_every: AtomicU64,
}

/// What happens outside every scope.
pub(crate) static UNATTRIBUTED: Node = Node::builtin(0, "(unattributed)");
/// The ledger's own memory: names, snapshots, reports.
pub(crate) static LEDGER: Node = Node::builtin(1, "(heapledger)");
/// Names past [`MAX_OPERATIONS`] or [`MAX_DEPTH`].
pub(crate) static OTHER: Node = Node::builtin(2, "(other)");
/// Owner of blocks that came back without a valid tag; its live figures are negative.
pub(crate) static FOREIGN: Node = Node::builtin(3, "(foreign)");

/// The name, in any operation, of what is left out of what scopes around it tell.
pub(crate) const EXCLUDED: &str = "(excluded)";

pub(crate) static BUILTINS: [&Node; BUILTIN] = [&UNATTRIBUTED, &LEDGER, &OTHER, &FOREIGN];

impl Node {
    const fn builtin(id: u32, name: &'static str) -> Self {
        Self {
            id: OperationId(id),
            depth: 0,
            parent: None,
            within: OperationId(0),
            name,
            private: false,
            site: None,
            every: AtomicU64::new(0),
            sampled_every: AtomicU64::new(0),
        }
    }

    /// The account that its blocks are charged to.
    #[inline]
    pub(crate) const fn account(&self) -> AccountId {
        AccountId::new(self.id.number())
    }

    /// Whether blocks that it allocates are charged to it and the call stack.
    #[inline]
    pub(crate) fn is_captured(&self) -> bool {
        self.every() != 0
    }

    /// While it is captured, how many bytes lie between two samples on average.
    #[inline(always)]
    pub(crate) fn every(&self) -> u64 {
        self.every.load(Relaxed)
    }

    /// From now on it is captured so.
    pub(crate) fn capture(&self, every: u64) {
        self.every.store(every, Relaxed);
        if every > 1 {
            self.sampled_every.store(every, Relaxed);
        }
    }

    pub(crate) fn is_builtin(&self) -> bool {
        self.id.index() < BUILTIN
    }

    /// Whether `self` is `above` or nested in it.
    pub(crate) fn is_within(&self, above: &Node) -> bool {
        let mut node = self;
        loop {
            if node.id == above.id {
                return true;
            }
            match node.parent {
                Some(parent) => node = parent,
                None => return false,
            }
        }
    }

    /// Whether `self` is `above` or nested in it, and not in a piece that is left out of what `above` is judged by.
    pub(crate) fn is_judged_in(&self, above: &Node) -> bool {
        let mut up_to_above =
            std::iter::successors(Some(self), |node| node.parent).take_while(|node| node.id != above.id);
        self.is_within(above) && !up_to_above.any(|node| node.name == EXCLUDED)
    }

    /// Calls `see` with its names, from the outermost in, which allocates nothing.
    pub(crate) fn with_names<R>(&self, see: impl FnOnce(&[&str]) -> R) -> R {
        let mut names = [""; MAX_DEPTH as usize];
        let first = names.len() - 1 - self.depth as usize;
        let outward = std::iter::successors(Some(self), |node| node.parent);
        names.iter_mut().rev().zip(outward).for_each(|(name, node)| *name = node.name);
        see(&names[first..])
    }

    /// Whether its path is `path`. Several operations may have one path: those that are private to a test.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let mut names = path.rsplit('/').filter(|name| !name.is_empty());
        let mut node = Some(self);
        while let Some(here) = node {
            if names.next() != Some(here.name) {
                return false;
            }
            node = here.parent;
        }
        names.next().is_none()
    }

    /// Whether its path is `path`, or below it.
    pub(crate) fn is_at_or_below(&self, path: &str) -> bool {
        std::iter::successors(Some(self), |node| node.parent).any(|node| node.is_at(path))
    }

    pub(crate) fn path(&self) -> String {
        self.with_names(|names| names.join("/"))
    }
}
