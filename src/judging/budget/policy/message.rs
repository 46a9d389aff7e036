//! What messages are made of: what people wrote, as a message bears it. It does not say what is wrong.

use crate::words::printable;

/// Of what people wrote: as much as a message bears, and nothing that a terminal obeys.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short = printable(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}

#[cfg(test)]
mod tests {
    use crate::judging::budget::figure::{Figure, Place};
    use crate::judging::budget::policy::tests::{FILE, linux, parsed, place};

    #[test]
    fn places_are_what_editors_show() {
        let text = "\u{feff}schema = 1\r\n# ä\r\n[operation.\"ö€\"]\r\nwhy = \"ü\"\nallocs = 1\n";
        let rules = parsed(text).expect("it is valid").rules("ö€", &linux());
        assert_eq!(rules.limits[&Figure::Allocs].place, place(5, 10));
        assert_eq!(parsed("\u{feff}schema = 2").expect_err("it is newer").find(":1:10: "), Some(FILE.len()));
        let long = format!("schema = 1\noperation.a = {{ why = '{}', allocs = 1 }}", "ä\u{301}".repeat(5000));
        let rules = parsed(&long).expect("it is valid").rules("a", &linux());
        assert_eq!(rules.limits[&Figure::Allocs].place, Place::of(FILE, &long, long.len() - 3));
        assert_eq!(rules.limits[&Figure::Allocs].place, place(2, 10_036));
    }
}
