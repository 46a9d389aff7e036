//! How figures with a fraction are said. One that is not zero never reads as zero.

use crate::words::exact;

/// How far from a whole number a figure may be, as a share, to be said as one: what comes of adding fractions.
const WHOLE: f64 = 1e-6;
/// Digits behind the point of figures of one and more.
const DIGITS: i32 = 2;
/// From here on nobody reads what is behind the point.
const LARGE: f64 = 1000.0;

/// The whole number that it is, or would be but for what comes of adding fractions.
pub(super) fn whole(number: f64) -> Option<i128> {
    let near = number.round();
    let is_whole = (number - near).abs() <= WHOLE * number.abs();
    is_whole.then_some(near as i128)
}

/// A whole number as it is, and a large one without its fraction; any other with two digits behind the point, or, below
/// one, with two that are not zero.
pub(super) fn figure(number: f64) -> String {
    if let Some(whole) = whole(number) {
        return exact(whole);
    }
    if number.abs() >= LARGE {
        return exact(number.round() as i128);
    }
    let leading = number.abs().log10().floor() as i32;
    let digits = if leading < 0 { DIGITS - 1 - leading } else { DIGITS };
    format!("{number:.*}", digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_not_zero_never_reads_as_zero() {
        let said = [0.0, 1.0, 24.000_000_001, 23.99, 1.0 / 3.0, 0.05, 0.0333, 0.000_333, -0.004, 999.5, -1000.5, 1e-9];
        let expected = ["0", "1", "24", "23.99", "0.33", "0.050", "0.033", "0.00033", "-0.0040", "999.50", "-1,001"];
        assert_eq!(said[..11].iter().map(|number| figure(*number)).collect::<Vec<_>>(), expected);
        assert!(figure(said[11]).contains('1'));
    }
}
