//! How amounts of memory are said: what is live, and what every iteration leaves.

use super::figure::{figure, whole};
use crate::judging::leak::{Live, RARE, Rate};
use crate::words::{Bytes, counted, exact};

/// "Every 3,000 iterations": as many digits as rare events are worth.
const DIGITS_OF_RARE: i32 = 2;

pub(super) fn bytes(bytes: u64) -> String {
    signed_bytes(i128::from(bytes))
}

fn signed_bytes(bytes: i128) -> String {
    match bytes.unsigned_abs() {
        ..1024 => format!("{bytes} B"),
        _ => format!("{} ({} B)", Bytes(bytes), exact(bytes)),
    }
}

/// `-1.50 KiB (-1,536 B) in -3 blocks`.
pub(super) fn live(live: Live) -> String {
    let blocks = if live.blocks.abs() == 1 { "block" } else { "blocks" };
    format!("{} in {} {blocks}", signed_bytes(live.bytes.into()), exact(live.blocks.into()))
}

/// `24 B in 1 block per iteration`; what is rare, `100 B in 1 block every 3,000 iterations`.
pub(super) fn per_iteration(rate: Rate) -> String {
    let Rate { bytes, blocks } = rate;
    match blocks {
        _ if blocks > 0.0 && blocks < RARE => format!("{} B in 1 block {}", figure(bytes / blocks), every(blocks)),
        0.0 => format!("{} B per iteration, in blocks that grow", figure(bytes)),
        _ => format!("{} B in {} block{} per iteration", figure(bytes), figure(blocks), plural(blocks)),
    }
}

/// `2 open files per iteration`; what is rare, `1 open file every 50 iterations`.
pub(super) fn things_per_iteration(count: f64, what: &str) -> String {
    match count > 0.0 && count < RARE {
        true => format!("1 {what} {}", every(count)),
        false => format!("{} {what}{} per iteration", figure(count), plural(count)),
    }
}

fn plural(count: f64) -> &'static str {
    if whole(count) == Some(1) { "" } else { "s" }
}

/// `every 3,000 iterations`, for what happens so often in one.
fn every(often: f64) -> String {
    let iterations = 1.0 / often;
    let scale = 10f64.powi((iterations.log10().floor() as i32 + 1 - DIGITS_OF_RARE).max(0));
    format!("every {}", counted(((iterations / scale).round() * scale) as u64, "iteration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_stand_inside_parentheses_too() {
        let said = |bytes, blocks| live(Live { bytes, blocks });
        assert_eq!(said(-1536, -3), "-1.50 KiB (-1,536 B) in -3 blocks");
        assert_eq!(said(-1023, -1), "-1023 B in -1 block");
        assert_eq!(said(1024, 1), "1.00 KiB (1,024 B) in 1 block");
        assert_eq!(said(0, 0), "0 B in 0 blocks");
        assert_eq!(bytes(1536), "1.50 KiB (1,536 B)");
    }

    #[test]
    fn rare_blocks_come_every_so_many_iterations() {
        let said = |bytes, blocks| per_iteration(Rate { bytes, blocks });
        assert_eq!(said(24.0, 1.0), "24 B in 1 block per iteration");
        assert_eq!(said(110.0, 2.0), "110 B in 2 blocks per iteration");
        assert_eq!(said(8.0, 0.0), "8 B per iteration, in blocks that grow");
        assert_eq!(said(10.0, 0.1), "10 B in 0.10 blocks per iteration");
        assert_eq!(said(100.0 / 11.0, 1.0 / 11.0), "100 B in 1 block every 11 iterations");
        assert_eq!(said(100.0 / 2982.0, 1.0 / 2982.0), "100 B in 1 block every 3,000 iterations");
        assert_eq!(said(0.0, 0.01), "0 B in 1 block every 100 iterations");
        assert_eq!(said(-8.0, -0.01), "-8 B in -0.010 blocks per iteration");
    }

    #[test]
    fn rare_threads_come_every_so_many_iterations() {
        let said = |count| things_per_iteration(count, "open file");
        assert_eq!(
            [1.0, 2.0, 0.1, 0.02].map(said).join(", "),
            "1 open file per iteration, 2 open files per iteration, \
             0.10 open files per iteration, 1 open file every 50 iterations"
        );
    }
}
