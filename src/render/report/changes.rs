//! What changed from one report to a later one: what grew, shrank, is new or gone, by operation and by call stack.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr;

use crate::reading::Data;
use crate::render::markup::code;
use crate::render::stacks::stack_line;
use crate::words::{Bytes, counted, printable};

/// Stacks shown; all others stand in one line.
const MOST_STACKS: usize = 20;
const TITLES: [&str; 4] = ["change", "before", "after", ""];

/// Live bytes of one operation alone, or of one of its stacks.
struct LiveChange {
    name: String,
    before: Option<i64>,
    after: Option<i64>,
}

impl LiveChange {
    fn by(&self) -> i64 {
        self.after.unwrap_or(0).saturating_sub(self.before.unwrap_or(0))
    }

    /// By how much, from what, to what, and how that is called.
    fn cells(&self) -> [String; 4] {
        let size = |bytes: i64| Bytes(bytes.into()).to_string();
        let shown = |value: Option<i64>| value.map_or("-".into(), size);
        let sign = if self.by() > 0 { "+" } else { "" };
        let word = match (self.before, self.after) {
            (None, _) => "new",
            (_, None) => "gone",
            _ if self.by() > 0 => "grew",
            _ => "shrank",
        };
        [format!("{sign}{}", size(self.by())), shown(self.before), shown(self.after), word.into()]
    }
}

/// As text.
pub(crate) fn changes(before: &Data, after: &Data) -> String {
    sections(before, after).into_iter().fold(String::new(), |mut text, (title, changes, more)| {
        let rows = Vec::from_iter([TITLES.map(String::from)].into_iter().chain(changes.iter().map(LiveChange::cells)));
        let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let widths = [0, 1, 2, 3].map(width);
        let names = [title].into_iter().chain(changes.iter().map(|change| printable(&change.name)));
        for (row, name) in rows.iter().zip(names) {
            let blank = |column: usize| " ".repeat(widths[column] - row[column].width());
            let [by, from, to, word] = row;
            let figures = format!("{}{by}  {}{from}  {}{to}", blank(0), blank(1), blank(2));
            text.push_str(&format!("{figures}  {word}{}  {name}\n", blank(3)));
        }
        text + &more.map_or(String::new(), |more| format!("{more}\n")) + "\n"
    })
}

/// As Markdown.
pub(crate) fn changes_markdown(before: &Data, after: &Data) -> String {
    sections(before, after).into_iter().fold(String::new(), |mut text, (title, changes, more)| {
        let titles = TITLES.join(" | ");
        text.push_str(&format!("| {titles} | {title} |\n| -: | -: | -: | :- | :- |\n"));
        for change in &changes {
            text.push_str(&format!("| {} | {} |\n", change.cells().join(" | "), code(&change.name)));
        }
        text + &more.map_or(String::new(), |more| format!("\n{more}\n")) + "\n"
    })
}

/// A title, what changed most first, and what is said of the rest.
type ChangeSection = (String, Vec<LiveChange>, Option<String>);

fn sections(before: &Data, after: &Data) -> [ChangeSection; 2] {
    let operations = changed(live_of_operations(before), live_of_operations(after));
    let mut stacks = changed(live_of_stacks(before), live_of_stacks(after));
    let others = stacks.split_off(stacks.len().min(MOST_STACKS));
    let sum = others.iter().fold(0_i64, |sum, change| sum.saturating_add(change.by()));
    let more = (!others.is_empty())
        .then(|| format!("{} changed by {} together", counted(others.len() as u64, "other stack"), Bytes(sum.into())));
    let none = |changes: &[LiveChange]| changes.is_empty().then(|| "nothing changed".to_string());
    let (no_operation, no_stack) = (none(&operations), none(&stacks));
    [
        ("live bytes of each operation alone".into(), operations, no_operation),
        ("live bytes of each call stack".into(), stacks, more.or(no_stack)),
    ]
}

fn live_of_operations(data: &Data) -> BTreeMap<String, i64> {
    data.rows.iter().enumerate().map(|(at, row)| (data.rows.path(at), row.own.live_bytes)).collect()
}

/// Stacks that look the same are one.
fn live_of_stacks(data: &Data) -> BTreeMap<String, i64> {
    let mut live = BTreeMap::new();
    for at in 0..data.rows.len() {
        for stack in data.own_stacks(at).iter().filter(|stack| !stack.frames.is_empty()) {
            let name = format!("{}: {}", data.rows.path(at), stack_line(stack.kind, stack.frames.iter().copied()));
            let known: &mut i64 = live.entry(name).or_default();
            *known = known.saturating_add(stack.live_bytes);
        }
    }
    live
}

/// What is not the same, the largest change first.
fn changed(mut before: BTreeMap<String, i64>, after: BTreeMap<String, i64>) -> Vec<LiveChange> {
    let now = after.into_iter().map(|(name, after)| (before.remove(&name), name, Some(after)));
    let mut all = Vec::from_iter(now.map(|(before, name, after)| LiveChange { name, before, after }));
    all.extend(before.into_iter().map(|(name, before)| LiveChange { name, before: Some(before), after: None }));
    all.retain(|change| change.by() != 0);
    all.sort_by_key(|change| Reverse(change.by().unsigned_abs()));
    all
}
