//! What an operation did, in one line.

use std::fmt;

use super::size::{Bytes, counted, exact};
use super::tally::Tally;

/// `allocated 116 B in 6 allocs, freed 58 B in 3 frees, net +58 B, live 58 B in 3 blocks, peak 116 B`; with exact bytes
/// for `{:#}`. Resizes are said where there were any, and the peak where it is known.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let (kept, tally) = heapledger::measure("parse", || vec![0u8; 1500]);
/// let said = "allocated 1.46 KiB in 1 alloc, freed 0 B in 0 frees, net +1.46 KiB, live 1.46 KiB in 1 block, peak ";
/// assert!(tally.to_string().starts_with(said));
/// assert!(format!("{tally:#}").starts_with("allocated 1,500 B in 1 alloc,"));
/// # drop(kept);
/// ```
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_exact = f.alternate();
        let size = |bytes: i128| match is_exact {
            true => format!("{} B", exact(bytes)),
            false => Bytes(bytes).to_string(),
        };
        let (allocated, allocs) = (size(self.allocated_bytes.into()), counted(self.allocs, "alloc"));
        let (freed, frees) = (size(self.freed_bytes.into()), counted(self.frees, "free"));
        write!(f, "allocated {allocated} in {allocs}, freed {freed} in {frees}")?;
        if self.reallocs > 0 {
            write!(f, ", {}", counted(self.reallocs, "realloc"))?;
        }
        let sign = if self.net_bytes() > 0 { "+" } else { "" };
        let blocks = if self.live_blocks == 1 { "block" } else { "blocks" };
        let (net, live) = (size(self.net_bytes().into()), size(self.live_bytes.into()));
        write!(f, ", net {sign}{net}, live {live} in {} {blocks}", exact(self.live_blocks.into()))?;
        match self.peak_bytes {
            Some(peak) => write!(f, ", peak {}", size(peak.into())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_says_what_there_was_and_no_more() {
        let nothing = "allocated 0 B in 0 allocs, freed 0 B in 0 frees, net 0 B, live 0 B in 0 blocks";
        assert_eq!(Tally::default().to_string(), nothing);
        let freed = Tally {
            allocs: 1,
            allocated_bytes: 100,
            frees: 2,
            freed_bytes: 2_148,
            reallocs: 1,
            live_blocks: -1,
            live_bytes: -2_048,
            peak_bytes: Some(100),
            ..Tally::default()
        };
        let said = "allocated 100 B in 1 alloc, freed 2.10 KiB in 2 frees, 1 realloc, net -2.00 KiB, live -2.00 KiB in -1 \
                    blocks, peak 100 B";
        assert_eq!(freed.to_string(), said);
        let said = "allocated 100 B in 1 alloc, freed 2,148 B in 2 frees, 1 realloc, net -2,048 B, live -2,048 B in -1 \
                    blocks, peak 100 B";
        assert_eq!(format!("{freed:#}"), said);
    }
}
