//! Sizes of the blocks that came to stay, in one line. A function of values.

use std::fmt::{self, Write};

use super::largest::{Largest, class, largest};
use crate::judging::leak::SizeGrowth;
use crate::words::counted;

/// `1 x 4..8 KiB, 2 x 16..32 B per iteration`: how many blocks of which sizes; where they do not divide evenly, how
/// many in all. Nothing where blocks have only grown within their class.
pub(super) fn sizes_line(sizes: &[SizeGrowth], iterations: u64, out: &mut impl Write) -> fmt::Result {
    let Largest { shown, more } = largest(sizes.iter().map(|size| (size.min_size, size.live.blocks, size.live.bytes)));
    if shown.is_empty() {
        return Ok(());
    }
    let each = i64::try_from(iterations).unwrap_or(i64::MAX).max(1);
    let (divisor, among) = match shown.iter().all(|(_, blocks)| blocks % each == 0) {
        true => (each, "per iteration".into()),
        false => (1, format!("in {}", counted(iterations, "iteration"))),
    };
    let shown = shown.iter().map(|(size, blocks)| format!("{} x {}", blocks / divisor, class(*size)));
    writeln!(out, "  sizes    {} {among}{more}", Vec::from_iter(shown).join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::leak::Live;

    fn line(sizes: &[(u64, i64, i64)]) -> String {
        let growth =
            |&(min_size, bytes, blocks): &(u64, i64, i64)| SizeGrowth { min_size, live: Live { bytes, blocks } };
        let mut text = String::new();
        sizes_line(&Vec::from_iter(sizes.iter().map(growth)), 10, &mut text).expect("a text takes everything");
        text
    }

    #[test]
    fn the_most_bytes_come_first_and_the_others_are_counted() {
        assert_eq!(
            line(&[(1, 10, 10), (16, 480, 20), (512, 6_000, 10), (4096, 50_000, 10)]),
            "  sizes    1 x 4..8 KiB, 1 x 512..1024 B, 2 x 16..32 B, 1 x 1 B per iteration\n"
        );
        let six = [1u64, 2, 4, 8, 16, 32].map(|size| (size, size as i64 * 10, 10));
        assert_eq!(
            line(&six),
            "  sizes    1 x 32..64 B, 1 x 16..32 B, 1 x 8..16 B, 1 x 4..8 B per iteration, and 2 sizes more\n"
        );
        assert!(line(&six[1..]).ends_with(" per iteration, and 1 size more\n"));
    }

    #[test]
    fn blocks_that_do_not_divide_evenly_are_counted_in_all() {
        assert_eq!(
            line(&[(512, 600, 1), (256, -300, -1), (16, 480, 20)]),
            "  sizes    1 x 512..1024 B, 20 x 16..32 B, -1 x 256..512 B in 10 iterations\n"
        );
    }

    #[test]
    fn a_block_that_grew_has_left_its_class() {
        assert_eq!(
            line(&[(4096, -40_960, -10), (8192, 90_000, 10)]),
            "  sizes    1 x 8..16 KiB, -1 x 4..8 KiB per iteration\n"
        );
        assert_eq!(line(&[(4096, 640, 0)]), "");
    }
}
