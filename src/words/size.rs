//! Sizes as people read them. Exact figures stay available wherever these are shown.

use std::fmt;

/// A number of bytes shown with a binary unit and three digits: `512 B`, `1.46 KiB`, `182 MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) i128);

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match scaled(self.0, 1024, &UNITS) {
            None => format!("{} B", self.0),
            Some((number, unit)) => format!("{number} {unit}"),
        };
        f.pad(&text)
    }
}

/// The lowest count that is shown with a unit: up to four digits are shorter without one.
const FIRST_SHORTENED: i128 = 10_000;

/// A count shown with a decimal unit and three digits: `999`, `12.3 k`, `2.9 M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) i128);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            match (self.0.abs() >= FIRST_SHORTENED).then(|| scaled(self.0, 1000, &["k", "M", "G", "T", "P", "E"])) {
                Some(Some((number, unit))) => format!("{number} {unit}"),
                _ => self.0.to_string(),
            };
        f.pad(&text)
    }
}

/// The number in three digits, and its unit; `None` where it is below the first unit.
fn scaled<'a>(number: i128, base: i128, units: &[&'a str]) -> Option<(String, &'a str)> {
    let mut scale = base;
    let mut units = units.iter().peekable();
    // From 999.5 on, a number would read as 1,000 of its unit: the next unit is used then.
    while let Some(unit) = units.next() {
        let fits = number.unsigned_abs() * 2 < (scale as u128) * 1999;
        if number.unsigned_abs() < base as u128 {
            return None;
        }
        if fits || units.peek().is_none() {
            let value = number as f64 / scale as f64;
            // Below these bounds a rounded number still has one digit, or two, in front of the point.
            let digits = match value.abs() {
                size if size < 9.995 => 2,
                size if size < 99.95 => 1,
                _ => 0,
            };
            return Some((format!("{value:.digits$}"), unit));
        }
        scale *= base;
    }
    None
}

/// An exact number with commas between its thousands: `12,345,678`.
pub(crate) fn exact(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun, which gets an `s` unless the count is one: `1 shard`, `2 shards`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", exact(count.into()), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let shown: Vec<String> = [0, 1023, 1024, 1500, -1500, 10 << 20, 1023 << 10, 1 << 40, i128::from(i64::MAX)]
            .map(|bytes| Bytes(bytes).to_string())
            .to_vec();
        let expected =
            ["0 B", "1023 B", "1.00 KiB", "1.46 KiB", "-1.46 KiB", "10.0 MiB", "1.00 MiB", "1.00 TiB", "8.00 EiB"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn counts_have_three_digits() {
        let shown = [0, 9_999, 10_000, 2_900_000, 999_999].map(|count| Count(count).to_string());
        assert_eq!(shown, ["0", "9999", "10.0 k", "2.90 M", "1.00 M"]);
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1000, -1_234_567].map(exact), ["0", "999", "1,000", "-1,234,567"]);
    }
}
