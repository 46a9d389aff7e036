//! Spans of time as people write them: a whole number and a unit, `100ms`.

use std::time::Duration;

use super::text::short;

/// A span of time, or what is wrong with it.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{}` is no span of time: write a whole number and ms, s or min, as in `100ms`", short(text));
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|one: char| !one.is_ascii_digit()).unwrap_or(text.len()));
    let millis = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        _ => return Err(wrong()),
    };
    let number = number.parse::<u64>().ok().filter(|number| *number > 0);
    number.and_then(|number| number.checked_mul(millis)).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_span_and_nothing_else_is() {
        for (text, millis) in [("1ms", 1), (" 100 ms ", 100), ("2s", 2_000), ("5min", 300_000)] {
            assert_eq!(span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "100", "ms", "0s", "-1s", "1.5s", "1 h", "1s2", "18446744073709551615min"] {
            let said = format!("`{text}` is no span of time: write a whole number and ms, s or min, as in `100ms`");
            assert_eq!(span(text), Err(said));
        }
        assert!(span("\u{1b}[1ms").is_err_and(|said| said.starts_with("`\\u{1b}[1ms` is")));
    }
}
