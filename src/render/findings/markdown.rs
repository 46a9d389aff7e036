//! Findings as Markdown, for the summary of a CI job: what fails, what warns, and folded away what is well.

use super::cells::{TITLES, cells, details, is_quiet, summary};
use crate::judging::budget::Finding;
use crate::render::markup::{code, escaped};

/// The most bytes of a summary. GitHub refuses one of more than 1 MiB; 1 KiB is left for other text in it.
const LARGEST: usize = (1 << 20) - (1 << 10);
/// Room, in bytes, for the line that says how many rows are left out.
const LAST_LINE: usize = 200;

/// `parts` are the environments and what was found in each.
pub(crate) fn markdown(parts: &[(String, Vec<Finding>)], failed: bool) -> String {
    let heading = format!("## Memory budgets: {}\n", if failed { "failed" } else { "passed" });
    let mut room = LARGEST - LAST_LINE - heading.len();
    let mut sections: Vec<Section> = parts.iter().map_while(|part| Section::of(part, &mut room)).collect();
    // What fails or warns in any environment comes before what is well in another.
    sections.iter_mut().for_each(|section| section.loud.fill(&mut room));
    sections.iter_mut().for_each(|section| section.quiet.fill(&mut room));
    let mut text = heading;
    sections.iter().for_each(|section| section.write(&mut text));
    let shown: usize = sections.iter().map(|section| section.loud.rows.len() + section.quiet.rows.len()).sum();
    let left = parts.iter().map(|(_, findings)| findings.len()).sum::<usize>() - shown;
    if left > 0 {
        let rows = if left == 1 { "row is" } else { "rows are" };
        text.push_str(&format!("\n{left} more {rows} left out: a summary holds 1 MiB.\n"));
    }
    text
}

/// What the summary says of one environment.
struct Section<'a> {
    heading: String,
    loud: MarkdownTable<'a>,
    quiet: MarkdownTable<'a>,
}

impl<'a> Section<'a> {
    /// `None` where there is no room even for one without rows.
    fn of((environment, findings): &'a (String, Vec<Finding>), room: &mut usize) -> Option<Self> {
        let heading = format!("\n### {}\n\n{}\n", code(environment), summary(findings.iter()));
        let (quiet, mut loud): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(|finding| is_quiet(finding));
        loud.sort_by_key(|finding| std::cmp::Reverse(finding.status));
        let folded = format!("<details><summary>{}</summary>\n\n", summary(quiet.iter().copied()));
        let section = Self { heading, loud: MarkdownTable::of(loud, ""), quiet: MarkdownTable::of(quiet, &folded) };
        *room = room.checked_sub(section.heading.len() + section.loud.frame() + section.quiet.frame())?;
        Some(section)
    }

    fn write(&self, text: &mut String) {
        text.push_str(&self.heading);
        self.loud.write(text);
        self.quiet.write(text);
    }
}

/// A table, in parts that are written or left out as a whole.
struct MarkdownTable<'a> {
    findings: Vec<&'a Finding>,
    head: String,
    rows: Vec<String>,
    tail: &'static str,
}

impl<'a> MarkdownTable<'a> {
    /// `folded` begins a table that is folded away, and is empty for one that is not.
    fn of(findings: Vec<&'a Finding>, folded: &str) -> Self {
        let titles = TITLES.join(" | ");
        let head = format!("\n{folded}| operation | {titles} | details |\n| :- | :- | -: | -: | -: | :- | :- |\n");
        let tail = if folded.is_empty() { "" } else { "\n</details>\n" };
        Self { findings, head, rows: Vec::new(), tail }
    }

    /// How many bytes it takes without rows.
    fn frame(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Makes rows while there is room.
    fn fill(&mut self, room: &mut usize) {
        for finding in &self.findings {
            let row = row(finding);
            let Some(left) = room.checked_sub(row.len()) else {
                // Once a row is left out, all later ones are.
                *room = 0;
                return;
            };
            *room = left;
            self.rows.push(row);
        }
    }

    fn write(&self, text: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        text.push_str(&self.head);
        self.rows.iter().for_each(|row| text.push_str(row));
        text.push_str(self.tail);
    }
}

fn row(finding: &Finding) -> String {
    // The words in the cells are heapledger's own, and only their `<=` could be markup.
    let cells = cells(finding).map(|cell| cell.replace('<', "&lt;")).join(" | ");
    let details = if is_quiet(finding) && finding.note.is_none() { Vec::new() } else { details(finding) };
    let details = details.into_iter().map(|(label, said)| format!("{label} {}", escaped(&said)));
    let details = details.collect::<Vec<_>>().join("<br>");
    format!("| {} | {cells} | {details} |\n", code(&finding.path))
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::*;
    use crate::judging::budget::{Basis, Figure};

    #[test]
    fn what_fails_comes_first_and_what_is_well_is_folded_away() {
        let expected = "\
## Memory budgets: failed

### <code>linux&#95;debug</code>

5 figures of 4 operations: 2 within, 1 breach, 1 improvement, 1 new, 1 unlisted, 1 not run

| operation | figure | measured | budget | difference | verdict | details |
| :- | :- | -: | -: | -: | :- | :- |
| <code>search</code> | allocs | 1,240 | 1,180 | +60 (+5.1 %) | breach | grew search/collect by 58, search/parse by 2<br>why fits the smallest machine we run on<br>recorded at figures/linux.toml:14<br>entered at tests/search.rs:6 |
| <code>search</code> | net_bytes | -100 B | 0 B | -100 B | improvement | recorded at figures/linux.toml:14 |
| <code>search</code> | peak_bytes | 2.00 KiB |  |  | new | note not in linux.toml yet |
| <code>stray</code> |  |  |  |  | unlisted | note no table of heapledger.toml names it |

<details><summary>2 figures of 2 operations: 2 within, 1 not run</summary>

| operation | figure | measured | budget | difference | verdict | details |
| :- | :- | -: | -: | -: | :- | :- |
| <code>index&#95;build</code> | allocs | 12 | = 12 | 0 | within |  |
| <code>index&#95;build</code> | peak_bytes | 50.0 MiB | &lt;= 64.0 MiB | -14.0 MiB (-21.9 %) | within |  |
| <code>merge</code> |  |  |  |  | not run | note the policy names it at heapledger.toml:30:1, and no test entered it |

</details>
";
        assert_eq!(markdown(&[("linux_debug".into(), run())], true), expected);
        assert_eq!(markdown(&[], false), "## Memory budgets: passed\n");
    }

    #[test]
    fn names_are_text_and_nothing_else() {
        let text = markdown(&[(HOSTILE.into(), vec![hostile()])], true);
        let row = text.lines().find(|line| line.starts_with("| <code>a")).expect("the row stands there");
        assert_eq!(row.matches('|').count(), 8, "{row}");
        assert!(!row.contains('`') && !row.contains("&#60;br") && !text.contains("<d>"), "{row}");
        assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
    }

    #[test]
    fn rows_are_left_out_from_the_end_and_counted() {
        let many = |path: &str, value| -> Vec<Finding> {
            (0..12_000).map(|at| compared(&format!("{path}{at:06}"), Figure::Allocs, value, Basis::Exact, 1)).collect()
        };
        let mut first = many("well", 1);
        first.extend(many("worse", 2));
        let parts = [("one".to_string(), first), ("other".to_string(), vec![breach()])];
        let text = markdown(&parts, true);
        assert!(text.len() <= LARGEST && text.len() > LARGEST - 1000, "{}", text.len());
        let last = text.lines().last().expect("there are lines");
        let rows = text.lines().filter(|line| line.starts_with("| <code>")).count();
        assert_eq!(last, format!("{} more rows are left out: a summary holds 1 MiB.", 24_001 - rows));
        // The rows of what is well are left out first.
        assert_eq!((text.matches("| within |").count(), text.matches("| breach |").count()), (0, rows));
    }
}
