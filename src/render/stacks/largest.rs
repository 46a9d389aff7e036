//! Classes of sizes in words, and which of them are shown. A function of values.

use std::cmp::Reverse;

/// Classes shown, those of the most bytes.
const MOST: usize = 4;
const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
/// Bits between two units.
const UNIT_BITS: u32 = 10;

/// The classes that are shown.
pub(super) struct Largest {
    /// Smallest size and blocks of each.
    pub(super) shown: Vec<(u64, i64)>,
    /// How many others there are, as the end of a sentence.
    pub(super) more: String,
}

/// Of classes of sizes, each its smallest size, its blocks and their bytes: those that moved the most bytes. Where
/// blocks have only grown within their class there is nothing to say of it.
pub(super) fn largest(sizes: impl Iterator<Item = (u64, i64, i64)>) -> Largest {
    let mut moved = Vec::from_iter(sizes.filter(|(_, blocks, _)| *blocks != 0));
    moved.sort_by_key(|(_, blocks, bytes)| Reverse((bytes.unsigned_abs(), blocks.unsigned_abs())));
    let (shown, others) = moved.split_at(moved.len().min(MOST));
    let more = match others.len() {
        0 => String::new(),
        1 => ", and 1 size more".into(),
        others => format!(", and {others} sizes more"),
    };
    Largest { shown: shown.iter().map(|(size, blocks, _)| (*size, *blocks)).collect(), more }
}

/// `4..8 KiB`: from this size to less than twice of it.
pub(super) fn class(min_size: u64) -> String {
    let unit = (min_size.ilog2() / UNIT_BITS).min(UNITS.len() as u32 - 1);
    let least = min_size >> (UNIT_BITS * unit);
    let unit = UNITS[unit as usize];
    if min_size == 1 { format!("1 {unit}") } else { format!("{least}..{} {unit}", 2 * least) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_a_unit() {
        assert_eq!(class(1 << 20), "1..2 MiB");
        assert_eq!(class(1 << 29), "512..1024 MiB");
        assert_eq!(class(1 << 30), "1..2 GiB");
        assert_eq!(class(1 << 43), "8192..16384 GiB");
    }
}
