//! What an operation is: an id, a name, and the operation it is nested in. The path of names is its identity
//! to people; the id is its identity to the recorder. Nothing here counts or locks.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::panic::Location;
use std::sync::atomic::AtomicU64;

/// Ids below this are the ledger's own operations.
pub(crate) const BUILTIN: u32 = 4;
/// The most named operations; later names fall into [`OTHER`].
pub(crate) const MAX_OPERATIONS: u32 = 1 << 16;
/// The deepest nesting; deeper names fall into [`OTHER`].
pub(crate) const MAX_DEPTH: u32 = 128;
/// The longest name in bytes; of a longer one the start and a hash are kept.
pub(crate) const MAX_NAME: usize = 256;

/// One operation. Made once, never freed, so that tags may name it for ever.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: u32,
    /// How many operations it is nested in.
    pub(crate) depth: u32,
    pub(crate) parent: Option<&'static Node>,
    pub(crate) name: &'static str,
    /// It belongs to one test alone, itself or what it is nested in: `registry::apart`.
    pub(crate) apart: bool,
    /// Where it was first entered.
    pub(crate) place: Option<&'static Location<'static>>,
    /// How far its peak may be off, in bytes: zero unless a `with_threads()` scope saw other threads.
    pub(crate) peak_error: AtomicU64,
}

/// What happens outside every scope.
pub(crate) static UNATTRIBUTED: Node = Node::builtin(0, "(unattributed)");
/// The ledger's own memory: names, snapshots, reports.
pub(crate) static LEDGER: Node = Node::builtin(1, "(heapledger)");
/// Names past [`MAX_OPERATIONS`] or [`MAX_DEPTH`].
pub(crate) static OTHER: Node = Node::builtin(2, "(other)");
/// Owner of blocks that came back without a valid tag; its live figures are negative.
pub(crate) static FOREIGN: Node = Node::builtin(3, "(foreign)");

pub(crate) static BUILTINS: [&Node; BUILTIN as usize] = [&UNATTRIBUTED, &LEDGER, &OTHER, &FOREIGN];

impl Node {
    const fn builtin(id: u32, name: &'static str) -> Self {
        Self { id, depth: 0, parent: None, name, apart: false, place: None, peak_error: AtomicU64::new(0) }
    }

    pub(crate) fn is_builtin(&self) -> bool {
        self.id < BUILTIN
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

    /// Whether its path is `path`. Several operations may have one path: `registry::apart`.
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
        let mut names = Vec::with_capacity(self.depth as usize + 1);
        let mut node = Some(self);
        while let Some(here) = node {
            names.push(here.name);
            node = here.parent;
        }
        names.reverse();
        names.join("/")
    }
}

/// A place in source code: where an operation was first entered.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// heapledger::measure("search", || ());
/// let site = heapledger::snapshot().operation("search").unwrap().site.unwrap();
/// assert!(site.file.ends_with(".rs") && site.line > 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Site {
    /// As rustc was given it: relative to the workspace, for a package of it.
    pub file: Cow<'static, str>,
    /// From one.
    pub line: u32,
    /// From one, in characters.
    pub column: u32,
}

impl From<&'static Location<'static>> for Site {
    fn from(place: &'static Location<'static>) -> Self {
        Self { file: Cow::Borrowed(place.file()), line: place.line(), column: place.column() }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The parts of a name: `a/b` is `b` within `a`. Empty parts do not count.
pub(crate) fn segments(name: &str) -> impl Iterator<Item = &str> {
    name.split('/').filter(|segment| !segment.is_empty())
}

/// A name written down without allocating: up to [`MAX_NAME`] bytes, of a longer one its start and a hash.
pub(crate) struct Written {
    bytes: [u8; MAX_NAME],
    len: usize,
    hash: u64,
    cut: bool,
}

/// Room for the ellipsis and sixteen hexadecimal digits.
const CUT_AT: usize = MAX_NAME - '…'.len_utf8() - 16;

impl Written {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; MAX_NAME], len: 0, hash: 0xcbf2_9ce4_8422_2325, cut: false }
    }

    pub(crate) fn as_str(&mut self) -> &str {
        if self.cut {
            self.cut = false;
            let (start, hash) = (self.floor_char_boundary(CUT_AT), self.hash);
            self.len = start;
            let _ = write!(self, "…{hash:016x}");
        }
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("(unnamed)")
    }

    fn floor_char_boundary(&self, mut at: usize) -> usize {
        while at > 0 && (self.bytes[at] & 0xc0) == 0x80 {
            at -= 1;
        }
        at
    }
}

impl Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let room = MAX_NAME - self.len;
        let taken = text.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        self.cut |= taken < text.len();
        Ok(())
    }
}

/// A name that cannot do anything to a terminal: control characters and those that reorder or hide text are shown as
/// escapes.
pub(crate) fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for one in name.chars() {
        let hides = matches!(one,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        );
        if one.is_control() || hides {
            shown.extend(one.escape_default());
        } else {
            shown.push(one);
        }
    }
    shown
}
