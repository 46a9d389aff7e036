//! Findings as workflow commands of GitHub Actions: what fails or warns, on the line of the code it is about.

use super::cells::details;
use super::words::{RECORD, counts, file_and_line, sentence};
use crate::judging::budget::{Basis, Figure, Finding, Status};
use crate::words::printable;

/// The most annotations: GitHub shows no more of one step.
const MOST: usize = 10;

/// One command a line, the worst first. `prefix` leads from the repository's root to where the files' names begin.
pub(crate) fn annotations(findings: &[Finding], prefix: &str, strict: bool) -> String {
    let mut loud: Vec<&Finding> =
        findings.iter().filter(|finding| !matches!(finding.status, Status::Within | Status::NotRun)).collect();
    loud.sort_by_key(|finding| std::cmp::Reverse((finding.status.fails(strict), finding.status)));
    let (shown, left) = loud.split_at(if loud.len() > MOST { MOST - 1 } else { loud.len() });
    let mut commands: String = shown.iter().map(|finding| annotation(finding, prefix, strict)).collect();
    if let Some(worst) = left.first() {
        let more = format!("and {} more: {}", left.len(), counts(left.iter().copied()));
        commands.push_str(&format!("::{} title=heapledger::{}\n", level(worst, strict), escaped_data(&more)));
    }
    commands
}

fn level(finding: &Finding, strict: bool) -> &'static str {
    match finding.status {
        status if status.fails(strict) => "error",
        // Good news is no warning.
        Status::Improvement => "notice",
        _ => "warning",
    }
}

fn annotation(finding: &Finding, prefix: &str, strict: bool) -> String {
    let site = finding
        .line
        .as_ref()
        .or(finding.site.as_ref())
        .map(|site| (&*site.file, site.line as usize, site.column as usize));
    let limit = finding.against.as_ref().map(|against| &against.place);
    let place = site.or(limit.map(|place| (&*place.file, place.line, place.column)));
    let place = place.map_or(String::new(), |(file, line, column)| {
        format!("file={},line={line},col={column},", escaped_property(&within(prefix, file)))
    });
    let title = escaped_property(&format!("heapledger: {}", printable(&finding.path)));
    let about = finding.figure.map_or(finding.status.name(), Figure::name);
    // Where the operation is entered stands above the message, unless the line that has most of it does.
    let told = |label: &str| matches!(label, "grew" | "why") || label == "entered at" && finding.line.is_some();
    let details = details(finding).into_iter().filter(|(label, _)| told(label));
    let lines = good_news(finding).into_iter().chain([format!("{about} {}", sentence(finding))]);
    let lines = lines.chain(details.map(|(label, said)| format!("{label} {said}")));
    let message = escaped_data(&lines.collect::<Vec<_>>().join("\n"));
    format!("::{} {place}title={title}::{message}\n", level(finding, strict))
}

/// ``good news: fewer allocations than recorded: `cargo heapledger record` ``, where the finding is an improvement.
fn good_news(finding: &Finding) -> Option<String> {
    let (figure, against) =
        finding.figure.zip(finding.against.as_ref()).filter(|_| finding.status == Status::Improvement)?;
    let what = if figure.is_count() { "allocations" } else { "bytes" };
    Some(match against.basis {
        Basis::Recorded => format!("good news: fewer {what} than recorded: `{RECORD}`"),
        _ => format!("good news: fewer {what} than the policy says: lower it at {}", file_and_line(&against.place)),
    })
}

/// The name of the file relative to the repository's root. An absolute name stays as it is.
fn within(prefix: &str, file: &str) -> String {
    let (prefix, file) = (prefix.replace('\\', "/"), file.replace('\\', "/"));
    let absolute = file.starts_with('/') || file.get(1..3) == Some(":/");
    let prefix = if absolute { "" } else { prefix.trim_end_matches('/') };
    let mut parts: Vec<&str> = Vec::new();
    for part in prefix.split('/').filter(|part| !part.is_empty()).chain(file.split('/')) {
        match part {
            ".." if parts.last().is_some_and(|above| *above != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    printable(&parts.join("/"))
}

/// A command's text, escaped as by `escapeData` in GitHub's package `@actions/core`.
fn escaped_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A command's property, escaped as by `escapeProperty` in GitHub's package `@actions/core`.
fn escaped_property(text: &str) -> String {
    escaped_data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::findings::examples::*;
    use crate::words::Site;

    #[test]
    fn what_fails_or_warns_is_a_command_and_the_worst_comes_first() {
        let expected = "\
::error file=crates/engine/tests/search.rs,line=6,col=12,title=heapledger%3A search::allocs 1,240 over 1,180 (+60, +5.1 %25): recorded figure at figures/linux.toml:14%0Agrew search/collect by 58, search/parse by 2%0Awhy fits the smallest machine we run on
::notice file=crates/engine/figures/linux.toml,line=14,col=3,title=heapledger%3A search::good news: fewer bytes than recorded: `cargo heapledger record`%0Anet_bytes -100 B under 0 B (-100 B): recorded figure at figures/linux.toml:14
::warning title=heapledger%3A search::peak_bytes 2.00 KiB (2,048 B): not in linux.toml yet
::warning title=heapledger%3A stray::unlisted no table of heapledger.toml names it
";
        assert_eq!(annotations(&run(), "crates/engine/", false), expected);
        let strict = annotations(&run(), "crates\\engine", true);
        assert_eq!(
            strict,
            expected
                .replace("::notice file", "::error file")
                .replace("::warning title=heapledger%3A search", "::error title=heapledger%3A search")
        );
        assert_eq!(annotations(&[], "", false), "");
    }

    #[test]
    fn an_annotation_stands_at_the_line_that_has_most_of_the_figure() {
        let line = Some(Site { file: "src/cache.rs".into(), line: 41, column: 9 });
        let text = annotations(&[Finding { line, ..breach() }], "crates/engine", false);
        assert!(text.starts_with("::error file=crates/engine/src/cache.rs,line=41,col=9,title="), "{text}");
        assert!(text.trim_end().ends_with("we run on%0Aentered at tests/search.rs:6"), "{text}");
    }

    #[test]
    fn there_are_at_most_ten_and_the_tenth_counts_the_rest() {
        let mut findings = vec![compared("better", Figure::Allocs, 1, Basis::Exact, 2)];
        findings.extend((0..9).map(|at| compared(&format!("worse{at}"), Figure::Allocs, 3, Basis::Exact, 2)));
        let ten = annotations(&findings, "", false);
        assert_eq!((ten.lines().count(), ten.matches("::error ").count()), (10, 9));
        findings.push(breach());
        let text = annotations(&findings, "", false);
        assert_eq!(text.lines().count(), 10);
        assert_eq!(text.lines().last(), Some("::error title=heapledger::and 2 more: 1 breach, 1 improvement"));
    }

    #[test]
    fn files_are_named_as_git_names_them() {
        let file = |prefix: &str, name: &str| within(prefix, name);
        assert_eq!(file("", "tests\\a.rs"), "tests/a.rs");
        assert_eq!(file("crates/x", "tests/a.rs"), "crates/x/tests/a.rs");
        assert_eq!(file("crates/x", "../y/tests/a.rs"), "crates/y/tests/a.rs");
        assert_eq!(file("crates", "../../a.rs"), "../a.rs");
        assert_eq!(file("crates/x/", "/elsewhere/a.rs"), "/elsewhere/a.rs");
        assert_eq!(file("crates/x/", "C:\\elsewhere\\a.rs"), "C:/elsewhere/a.rs");
    }

    #[test]
    fn a_name_cannot_give_another_command() {
        let finding = Finding { site: Some(Site { file: "a,line=9:\n::b".into(), line: 1, column: 1 }), ..hostile() };
        let text = annotations(&[finding], "%,:", true);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("::error file=%25%2C%3A/a%2Cline=9%3A\\n%3A%3Ab,line=1,col=1,title=heapledger%3A a|b`c<d>&\"'\\n%3A%3Aerror%3A%3A\\r"), "{text}");
        assert!(!text.trim_end().contains(char::is_control), "{text:?}");
    }
}
