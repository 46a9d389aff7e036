//! Collapsed stacks, one on a line with what of it lives: what flame graphs are made of.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::charges::Charges;
use crate::reading::Data;

/// `operation;below;main;app::insert 4096`, outermost first. The weights add up to the live bytes. There is no line for
/// what is not positive, as in a difference: a picture has no room for it.
pub(crate) fn folded(data: &Data) -> String {
    let charges = Charges::of(data);
    // A semicolon stands between two frames, as in the type `[u8; 4]` it must not.
    let names = Vec::from_iter(charges.frames.iter().map(|frame| frame.name.replace(';', ":")));
    // Functions that differ in their lines alone have one name.
    let mut lines: BTreeMap<String, i64> = BTreeMap::new();
    for stack in &charges.stacks {
        let line = Vec::from_iter(stack.frames.iter().map(|frame| names[*frame as usize].as_str())).join(";");
        let weight = lines.entry(line).or_default();
        *weight = weight.saturating_add(stack.charge.live_bytes);
    }
    lines.into_iter().filter(|(_, weight)| *weight > 0).fold(String::new(), |mut text, (line, weight)| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line} {weight}");
        text
    })
}
