//! Sizes, counts and percentages, exactly as they are written: none is rounded. What is limited by them is for
//! `setting`.

use crate::judging::budget::figure::Figure;
use crate::words::{quoted, short};

/// The units of figures in bytes, and how much each is.
const BYTES: [(&str, u128); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
/// The units of figures that count blocks, and how much each is.
const BLOCKS: [(&str, u128); 5] =
    [("", 1), ("k", 1000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000)];

/// An amount as it can be written.
pub(super) fn example(figure: Figure) -> &'static str {
    if figure.is_count() { "\"12 k\"" } else { "\"64 MiB\"" }
}

/// `64 MiB` in bytes, `12 k` in blocks, exactly.
pub(super) fn amount(figure: Figure, text: &str) -> Result<i64, String> {
    let end = text.find(|one: char| !one.is_ascii_digit() && one != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    let (integer, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if integer.is_empty() || fraction.is_empty() || fraction.contains('.') {
        let what = if text.starts_with('-') { "is below zero" } else { "is no amount" };
        return Err(format!("{} {what}: write a number and a unit, such as {}", quoted(text), example(figure)));
    }
    let size = unit_size(figure, text, unit)?;
    let too_much = || format!("{} does not fit into 64 bits: write less", quoted(text));
    // As by hand: each digit after the point, from the last, with what is carried over. What remains is less than one.
    let mut carried = 0;
    for digit in fraction.bytes().rev() {
        let product = u128::from(digit - b'0') * size + carried;
        if product % 10 != 0 {
            let one = if figure.is_count() { "block" } else { "byte" };
            return Err(format!(
                "{} is no whole number of {one}s: write fewer digits, or a smaller unit",
                quoted(text)
            ));
        }
        carried = product / 10;
    }
    let integer = integer.parse::<u64>().map_err(|_| too_much())?;
    i64::try_from(u128::from(integer) * size + carried).map_err(|_| too_much())
}

/// How much one of `unit` is.
fn unit_size(figure: Figure, text: &str, unit: &str) -> Result<u128, String> {
    let units = if figure.is_count() { &BLOCKS[..] } else { &BYTES[..] };
    if let Some((_, size)) = units.iter().find(|(name, _)| *name == unit) {
        return Ok(*size);
    }
    let first = unit.chars().next().map(|first| first.to_ascii_lowercase());
    let alike = |name: &str| first.is_some() && name.chars().next().map(|first| first.to_ascii_lowercase()) == first;
    let near: Vec<_> = units.iter().map(|(name, _)| *name).filter(|name| alike(name)).collect();
    let same = near.iter().find(|name| name.len() == 3 && name.eq_ignore_ascii_case(unit));
    let near = match (same, near.is_empty()) {
        (Some(same), _) => format!("did you mean `{same}`?"),
        (None, false) => format!("did you mean {}?", listed(&near, " or ")),
        (None, true) => {
            let all: Vec<_> = units.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect();
            format!("valid are {}", listed(&all, ", "))
        }
    };
    Err(match unit {
        "" => format!("{} has no unit: {near}", quoted(text)),
        _ if figure.is_count() => format!("`{}` is no unit of `{figure}`, which counts blocks: {near}", short(unit)),
        _ => format!("`{}` is no unit of bytes: {near}", short(unit)),
    })
}

fn listed(names: &[&str], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

/// `0.5 %` as a number. A tolerance of more than the figure would tolerate whatever is less.
pub(super) fn percent(figure: Figure, text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').map(str::trim_end).unwrap_or("");
    // The standard library also reads exponents, infinities and the like.
    let decimal = number.bytes().all(|one| one.is_ascii_digit() || one == b'.');
    let percent = number.parse().ok().filter(|_| decimal);
    match percent {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        Some(_) => Err(format!(
            "{} is a tolerance of more than the figure, which no improvement could leave: write at most \"100%\", or a \
             ceiling such as {}",
            quoted(text),
            example(figure)
        )),
        None => Err(format!("{} is no tolerance: write a percentage from \"0%\" to \"100%\"", quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        let sizes = [
            ("4096 B", 4096),
            ("500 kB", 500_000),
            ("64 MB", 64_000_000),
            ("3 GB", 3_000_000_000),
            ("3TB", 3_000_000_000_000),
            ("1 KiB", 1 << 10),
            ("64 MiB", 64 << 20),
            ("1.5 GiB", 3 << 29),
            ("7 TiB", 7 << 40),
            ("0.001 kB", 1),
            ("1.000 B", 1),
            ("0.0009765625 KiB", 1),
            ("1.0000000000009094947017729282379150390625 TiB", (1 << 40) + 1),
            ("9223372036854775807 B", i64::MAX),
            ("8388607.9999990463256835937500 TiB", i64::MAX - (1 << 20) + 1),
        ];
        for (text, expected) in sizes {
            assert_eq!(amount(Figure::PeakBytes, text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn amounts_that_are_none_are_refused_with_what_to_do() {
        let bytes = [
            ("1.5 B", "\"1.5 B\" is no whole number of bytes: write fewer digits, or a smaller unit"),
            ("0.1 KiB", "\"0.1 KiB\" is no whole number of bytes: write fewer digits, or a smaller unit"),
            ("9223372036854775808 B", "\"9223372036854775808 B\" does not fit into 64 bits: write less"),
            ("8388608 TiB", "\"8388608 TiB\" does not fit into 64 bits: write less"),
            ("99999999999999999999 TiB", "\"99999999999999999999 TiB\" does not fit into 64 bits: write less"),
            ("-1 B", "\"-1 B\" is below zero: write a number and a unit, such as \"64 MiB\""),
            ("", "\"\" is no amount: write a number and a unit, such as \"64 MiB\""),
            (".5 MiB", "\".5 MiB\" is no amount: write a number and a unit, such as \"64 MiB\""),
            ("1. MiB", "\"1. MiB\" is no amount: write a number and a unit, such as \"64 MiB\""),
            ("1.2.3 MiB", "\"1.2.3 MiB\" is no amount: write a number and a unit, such as \"64 MiB\""),
            ("64 mib", "`mib` is no unit of bytes: did you mean `MiB`?"),
            ("64 M", "`M` is no unit of bytes: did you mean `MB` or `MiB`?"),
            ("64 KB", "`KB` is no unit of bytes: did you mean `kB` or `KiB`?"),
            ("64 bytes", "`bytes` is no unit of bytes: did you mean `B`?"),
            ("64 XiB", "`XiB` is no unit of bytes: valid are `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`"),
            (
                "1,024 B",
                "`,024 B` is no unit of bytes: valid are `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`",
            ),
            ("64", "\"64\" has no unit: valid are `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`"),
        ];
        for (text, expected) in bytes {
            assert_eq!(amount(Figure::PeakBytes, text), Err(expected.to_string()), "{text}");
        }
        let blocks = [
            ("1.5", "\"1.5\" is no whole number of blocks: write fewer digits, or a smaller unit"),
            ("1 K", "`K` is no unit of `allocs`, which counts blocks: did you mean `k`?"),
            ("1 B", "`B` is no unit of `allocs`, which counts blocks: valid are `k`, `M`, `G`, `T`"),
        ];
        for (text, expected) in blocks {
            assert_eq!(amount(Figure::Allocs, text), Err(expected.to_string()), "{text}");
        }
    }
}
