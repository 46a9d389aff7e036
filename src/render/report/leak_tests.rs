//! Leak tests below the table, a line each: a small picture of the curve, its slope, and the verdict. A function of
//! values.

use std::fmt::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::reading::{Data, LeakCurve, ReportedLeakTest, Selection};
use crate::render::figure::figure;
use crate::render::look::{BAD, HEADER, Look};
use crate::render::wrap::wrapped;
use crate::words::{counted, printable};

/// So many are shown: those that leak first.
const MOST: usize = 20;
/// The least width of a verdict, in columns.
const NARROWEST: usize = 40;
/// How many columns a picture has. The last window is half of it.
const PICTURE: u64 = 16;
/// From nothing to the most that lived.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The leak tests of the operations that are selected; nothing where there are none.
pub(super) fn leak_tests(data: &Data, selection: &Selection, look: &Look, out: &mut impl Write) -> fmt::Result {
    let tests = Vec::from_iter(data.leak_tests.tests.iter().filter(|test| selection.wants(&test.path)));
    let shown = &tests[..tests.len().min(MOST)];
    if !shown.is_empty() {
        let slopes = Vec::from_iter(shown.iter().map(|test| slope(&test.curve)));
        let title = "per iteration";
        let width = slopes.iter().map(|slope| slope.width()).chain([title.width()]).max().unwrap_or(0);
        let picture = PICTURE as usize;
        let head = format!("{:picture$}  {title:>width$}  leak tests", "live");
        write!(out, "\n\n{}", look.paint(HEADER, &head))?;
        let indent = picture + 2 + width + 2;
        for (test, slope) in shown.iter().zip(slopes) {
            let before = format!("{}  {slope:>width$}  ", drawn(&test.curve));
            let said = wrapped(&said(test), look.width.saturating_sub(indent).max(NARROWEST));
            for (part, text) in said.iter().enumerate() {
                let before = if part == 0 { before.clone() } else { " ".repeat(indent) };
                let text = if test.is_leak() { look.paint(BAD, text) } else { text.clone() };
                write!(out, "\n{before}{text}")?;
            }
        }
    }
    let more = [
        ((tests.len() - shown.len()) as u64, "are in the report too"),
        (data.leak_tests.dropped, "are not in the report: there was no room for more"),
    ];
    for (count, where_they_are) in more.into_iter().filter(|(count, _)| *count > 0) {
        write!(out, "\n{} {where_they_are}", counted(count, "other leak test"))?;
    }
    Ok(())
}

fn slope(curve: &LeakCurve) -> String {
    curve.slope.map_or("-".into(), |slope| format!("{} B", figure(slope.bytes_per_iteration())))
}

fn said(test: &ReportedLeakTest) -> String {
    let site = test.site.as_ref().map_or(String::new(), |site| format!(" ({})", printable(&site.to_string())));
    format!("{}{site}: {}", printable(&test.path), printable(&test.verdict))
}

/// What lived after each part of the iterations, from nothing to the most.
fn drawn(curve: &LeakCurve) -> String {
    let readings = Vec::from_iter(curve.readings());
    let lives = || readings.iter().map(|reading| i128::from(reading.live_bytes));
    let (lowest, highest) = (lives().fold(0, i128::min), lives().fold(0, i128::max));
    let first = curve.start.iterations;
    let last = readings.last().map_or(first, |reading| reading.iterations);
    let column = |at: u64| {
        let until = first + (u128::from(last - first) * u128::from(at) / u128::from(PICTURE)) as u64;
        let reading = readings.iter().rev().find(|reading| reading.iterations <= until);
        let live = reading.map_or(0, |reading| reading.live_bytes.into());
        let steps = LEVELS.len() as i128 - 1;
        LEVELS[((live - lowest) * steps / (highest - lowest).max(1)) as usize]
    };
    (1..=PICTURE).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{LeakReading, LeakSlope, LeakWindow};

    /// A curve of one window whose readings are these, an iteration each, after two of warm-up.
    fn curve(start: i64, lives: &[i64]) -> LeakCurve {
        let reading = |(at, live)| LeakReading { iterations: at, live_bytes: live, live_blocks: 0 };
        let (end, before) = lives.split_last().expect("there is a reading");
        let window = LeakWindow {
            iterations: lives.len() as u64,
            live_bytes: *end,
            live_blocks: 0,
            min_bytes: *lives.iter().min().expect("there is a reading"),
            max_bytes: *lives.iter().max().expect("there is a reading"),
            readings: (3..).zip(before.iter().copied()).map(reading).collect(),
        };
        LeakCurve { start: reading((2, start)), windows: vec![window], ..LeakCurve::default() }
    }

    #[test]
    fn a_picture_goes_from_nothing_to_the_most_that_lived() {
        let line = Vec::from_iter((1..=16).map(|at| at * 48));
        assert_eq!(drawn(&curve(0, &line)), "▁▁▂▂▃▃▄▄▄▅▅▆▆▇▇█");
        // Twice as many readings as columns: of two the later one.
        let teeth = Vec::from_iter((0..32).map(|at| if at % 4 == 1 { 700 } else { 0 }));
        assert_eq!(drawn(&curve(0, &teeth)), "█▁█▁█▁█▁█▁█▁█▁█▁");
        // Of fewer readings each stands until the next one.
        assert_eq!(drawn(&curve(700, &[700, 0])), "███████████████▁");
        assert_eq!(drawn(&curve(0, &[0])), "▁".repeat(16));
        assert_eq!(drawn(&curve(5, &[5, 5, 5])), "█".repeat(16));
        assert_eq!(drawn(&curve(0, &[-700, 0, 700, 0])), "▄▄▄▁▁▁▁▄▄▄▄████▄");
        assert_eq!(drawn(&LeakCurve::default()), "▁".repeat(16));
        assert_eq!(drawn(&curve(i64::MIN, &[i64::MAX])), format!("{}█", "▁".repeat(15)));
    }

    #[test]
    fn a_slope_has_its_unit_and_what_has_none_a_dash() {
        let of = |bytes, iterations| {
            slope(&LeakCurve { slope: Some(LeakSlope { bytes, blocks: 0, iterations }), ..LeakCurve::default() })
        };
        assert_eq!([of(48 * 64, 64), of(0, 64), of(1, 3000), of(-7, 2)], ["48 B", "0 B", "0.00033 B", "-3.50 B"]);
        assert_eq!(slope(&LeakCurve::default()), "-");
    }
}
