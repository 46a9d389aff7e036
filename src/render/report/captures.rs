//! What somebody asked to be captured, below the table. A function of values.

use std::fmt::{self, Write};

use crate::reading::Data;
use crate::render::look::Look;
use crate::render::wrap::wrapped;
use crate::words::{Bytes, CaptureRule, printable};

/// `captured: index_build; search/*, one sample every 512 KiB`, and which of it was not there. Nothing where nothing
/// was asked for.
pub(super) fn captures(data: &Data, look: &Look, out: &mut impl Write) -> fmt::Result {
    let (matched, others): (Vec<&CaptureRule>, Vec<_>) = data.captures.iter().partition(|rule| rule.matched);
    let sentences = [("captured: ", matched, ""), ("captured nothing of ", others, ": there was no such operation")];
    for (what, rules, why) in sentences.into_iter().filter(|(_, rules, _)| !rules.is_empty()) {
        let rules = Vec::from_iter(rules.into_iter().map(words)).join("; ");
        write!(out, "\n{}", wrapped(&format!("{what}{rules}{why}"), look.width).join("\n"))?;
    }
    Ok(())
}

fn words(rule: &CaptureRule) -> String {
    let every = rule.sampled_every.map(|every| format!(", one sample every {}", Bytes(every.into())));
    printable(&rule.pattern) + &every.unwrap_or_default()
}
