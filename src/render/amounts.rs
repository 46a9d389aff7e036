//! Amounts as leak tests say them: exact where they are whole.

use crate::words::exact;

/// A whole number as it is, any other with two digits.
pub(super) fn figure(number: f64) -> String {
    if number == number.trunc() { exact(number as i128) } else { format!("{number:.2}") }
}

/// `s`, unless the count is one.
pub(super) fn plural(count: f64) -> &'static str {
    if count == 1.0 { "" } else { "s" }
}

/// What comes to stay each time. Where bytes do and blocks do not, blocks were resized.
pub(super) fn per_iteration(bytes: f64, blocks: f64) -> String {
    match (figure(bytes), blocks) {
        (bytes, 0.0) => format!("{bytes} B per iteration, in blocks that grow"),
        (bytes, blocks) => format!("{bytes} B in {} block{} per iteration", figure(blocks), plural(blocks)),
    }
}
