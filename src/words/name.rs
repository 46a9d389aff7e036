//! Names as users give them: their parts, and how one is written down without allocating.

use std::fmt::{self, Write};

/// The longest name in bytes; of a longer one the start and a hash are kept.
pub(crate) const MAX_NAME: usize = 256;

/// The parts of a name: `a/b` is `b` within `a`. Empty parts do not count.
pub(crate) fn segments(name: &str) -> impl Iterator<Item = &str> {
    name.split('/').filter(|segment| !segment.is_empty())
}

/// A name written down without allocating: up to [`MAX_NAME`] bytes whole, of a longer one its start and a hash.
pub(crate) struct Written {
    bytes: [u8; MAX_NAME],
    len: usize,
    hash: u64,
    cut: bool,
}

/// Hexadecimal digits of a hash.
const HASH_DIGITS: usize = 16;
/// What is kept of a name that is too long, so that the ellipsis and the hash have room.
const CUT_AT: usize = MAX_NAME - '…'.len_utf8() - HASH_DIGITS;
/// FNV-1a with 64 bits, by Fowler, Noll and Vo: small, and enough to keep long names apart.
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x0100_0000_01b3;

impl Written {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; MAX_NAME], len: 0, hash: HASH_START, cut: false }
    }

    pub(crate) fn as_str(&mut self) -> &str {
        if self.cut {
            self.cut = false;
            let (start, hash) = (self.floor_char_boundary(CUT_AT), self.hash);
            self.len = start;
            let _ = write!(self, "…{hash:0HASH_DIGITS$x}");
        }
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("(unnamed)")
    }

    fn floor_char_boundary(&self, mut at: usize) -> usize {
        // In UTF-8 a byte that continues a character is `10xxxxxx`.
        while at > 0 && (self.bytes[at] & 0xc0) == 0x80 {
            at -= 1;
        }
        at
    }
}

impl Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(HASH_PRIME);
        }
        let room = MAX_NAME - self.len;
        let taken = text.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        self.cut |= taken < text.len();
        Ok(())
    }
}
