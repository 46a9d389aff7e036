//! What a first policy limits a figure to: exactly where it is zero or the same in all runs, with a ceiling where no
//! two runs agree, else with a tolerance that is no larger than a quarter of it. Which operations are limited is for
//! `init`.

use crate::judging::budget::{Figure, Observed};

/// The limit as it is written into the policy; `None` for a figure that is better left alone.
pub(super) fn first_limit(figure: Figure, observed: Observed) -> Option<String> {
    let value = observed.value;
    Some(match figure {
        // Other threads that free its blocks make it wobble.
        Figure::NetBytes => return None,
        // What stays each time is a leak, and no limit to keep to.
        Figure::LiveBytesPerIteration => "0".into(),
        _ if value == 0 => "0".into(),
        // In every environment exactly what is recorded there.
        _ if observed.same => "\"ratchet\"".into(),
        _ if observed.unstable || figure == Figure::PeakBytes => ceiling(figure, observed.highest),
        _ => around(figure, value),
    })
}

/// What is recorded, with a tolerance.
fn around(figure: Figure, value: i64) -> String {
    let minimum = match value.unsigned_abs() / 4 {
        0 => return "\"2%\"".into(),
        quarter if figure.is_count() => quarter.min(10).to_string(),
        1024.. => "\"1 KiB\"".into(),
        quarter => format!("\"{quarter} B\""),
    };
    format!("{{ tolerance = \"2%\", minimum = {minimum} }}")
}

/// Half as much again in two digits, and less than twice as much.
fn ceiling(figure: Figure, highest: i64) -> String {
    /// A unit of which there were fewer would be too coarse.
    const LEAST: u64 = 4;
    let highest = highest.max(1).unsigned_abs();
    let most = highest + highest / 2;
    let units = if figure.is_count() { &[("", 0)][..] } else { &[(" MiB", 20), (" KiB", 10), (" B", 0)] };
    let (unit, shift) = units.iter().find(|(_, shift)| most >= LEAST << shift).unwrap_or(&units[units.len() - 1]);
    let number = most.div_ceil(1 << shift);
    let rounded = 10u64.pow(number.ilog10().saturating_sub(1));
    format!("\"{}{unit}\"", number.div_ceil(rounded) * rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_ceiling_is_half_as_much_again_in_two_digits() {
        for (bytes, expected) in [
            (i64::MIN, "1 B"),
            (1, "1 B"),
            (10, "15 B"),
            (682, "1100 B"),
            (1 << 11, "3100 B"),
            (6 << 10, "9 KiB"),
            (7 << 10, "11 KiB"),
            (20 << 10, "30 KiB"),
            (683 << 10, "1100 KiB"),
            (40 << 20, "60 MiB"),
            (67 << 20, "110 MiB"),
            (i64::MAX, "14000000000000 MiB"),
        ] {
            assert_eq!(ceiling(Figure::PeakBytes, bytes), format!("\"{expected}\""), "{bytes}");
        }
    }

    #[test]
    fn zero_and_what_repeats_itself_is_exact_and_no_tolerance_is_larger_than_a_quarter_of_the_figure() {
        let once = Observed::of;
        let same = |value| Observed { same: true, ..once(value) };
        let cases = [
            (Figure::Allocs, once(0), "0"),
            (Figure::LiveBytes, once(0), "0"),
            (Figure::PeakBytes, once(0), "0"),
            (Figure::Allocs, same(4), "\"ratchet\""),
            (Figure::PeakBytes, same(4), "\"ratchet\""),
            (Figure::Allocs, Observed { highest: 10, unstable: true, ..once(4) }, "\"15\""),
            (Figure::Allocs, once(1), "\"2%\""),
            (Figure::Allocs, once(3), "\"2%\""),
            (Figure::Allocs, once(4), "{ tolerance = \"2%\", minimum = 1 }"),
            (Figure::Allocs, once(20), "{ tolerance = \"2%\", minimum = 5 }"),
            (Figure::Allocs, once(2000), "{ tolerance = \"2%\", minimum = 10 }"),
            (Figure::AllocatedBytes, once(989), "{ tolerance = \"2%\", minimum = \"247 B\" }"),
            (Figure::LiveBytes, once(4096), "{ tolerance = \"2%\", minimum = \"1 KiB\" }"),
            (Figure::LiveBytes, once(-4), "{ tolerance = \"2%\", minimum = \"1 B\" }"),
            (Figure::PeakBytes, once(2000), "\"3000 B\""),
            (Figure::LiveBytesPerIteration, once(-5), "0"),
            (Figure::LiveBytesPerIteration, once(7), "0"),
        ];
        for (figure, observed, expected) in cases {
            assert_eq!(first_limit(figure, observed).as_deref(), Some(expected), "{figure} {observed:?}");
        }
        assert_eq!(first_limit(Figure::NetBytes, same(5)), None);
    }
}
