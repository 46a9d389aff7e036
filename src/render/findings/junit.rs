//! Findings as JUnit XML, which CI services read: a suite per environment, a case per finding.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::cells::details;
use super::words::sentence;
use crate::judging::budget::{Figure, Finding, Status};
use crate::words::printable;

/// `parts` are the environments and what was found in each.
pub(crate) fn junit(parts: &[(String, Vec<Finding>)], strict: bool) -> String {
    let mut report = Report::new("heapledger");
    for (environment, findings) in parts {
        let mut suite = TestSuite::new(xml_text(environment));
        suite.add_test_cases(findings.iter().map(|finding| case(finding, strict)));
        report.add_test_suite(suite);
    }
    report.to_string().expect("writing to memory does not fail")
}

fn case(finding: &Finding, strict: bool) -> TestCase {
    let name = finding.figure.map_or(finding.status.name(), Figure::name);
    let said = xml_text(&sentence(finding));
    let details = details(finding).into_iter().map(|(label, said)| format!("{label}: {}", xml_text(&said)));
    let details = details.collect::<Vec<_>>().join("\n");
    let mut case = match finding.status {
        Status::NotRun | Status::Unmatched | Status::Unlisted => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(said).set_type(finding.status.name());
            TestCase::new(name, status)
        }
        verdict if verdict.fails(strict) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("{name} {said}")).set_type(verdict.name()).set_description(details);
            TestCase::new(name, status)
        }
        verdict => {
            let mut case = TestCase::new(name, TestCaseStatus::success());
            if verdict != Status::Within {
                case.set_system_out(format!("{}: {said}\n{details}", verdict.name()));
            }
            case
        }
    };
    case.set_classname(xml_text(&finding.path));
    case
}

/// The text as XML can hold it. Control characters become escapes, so that names stay different. Two other code points
/// that XML forbids (XML 1.0, section 2.2) are replaced: no text needs them.
fn xml_text(name: &str) -> String {
    printable(name).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::*;

    #[test]
    fn every_finding_is_a_case() {
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="heapledger" tests="7" skipped="2" failures="1" errors="0">
    <testsuite name="linux_debug" tests="7" skipped="2" errors="0" failures="1">
        <testcase name="allocs" classname="index_build"/>
        <testcase name="peak_bytes" classname="index_build"/>
        <testcase name="not run" classname="merge">
            <skipped message="the policy names it at heapledger.toml:30:1, and no test entered it" type="not run"/>
        </testcase>
        <testcase name="allocs" classname="search">
            <failure message="allocs 1,240 over 1,180 (+60, +5.1 %): recorded figure at figures/linux.toml:14" type="breach">grew: search/collect by 58, search/parse by 2
why: fits the smallest machine we run on
recorded at: figures/linux.toml:14
entered at: tests/search.rs:6</failure>
        </testcase>
        <testcase name="net_bytes" classname="search">
            <system-out>improvement: -100 B under 0 B (-100 B): recorded figure at figures/linux.toml:14
recorded at: figures/linux.toml:14</system-out>
        </testcase>
        <testcase name="peak_bytes" classname="search">
            <system-out>new: 2.00 KiB (2,048 B): not in linux.toml yet
note: not in linux.toml yet</system-out>
        </testcase>
        <testcase name="unlisted" classname="stray">
            <skipped message="no table of heapledger.toml names it" type="unlisted"/>
        </testcase>
    </testsuite>
</testsuites>
"#;
        assert_eq!(junit(&[("linux_debug".into(), run())], false), expected);
        let strict = junit(&[("linux_debug".into(), run())], true);
        assert!(strict.contains("failures=\"3\""), "an improvement and a new figure fail too: {strict}");
    }

    #[test]
    fn names_stay_what_they_are_and_break_nothing() {
        let xml = junit(&[(HOSTILE.into(), vec![hostile()])], false);
        let report = Report::deserialize_from_str(&xml).expect("it is well-formed");
        let suite = &report.test_suites[0];
        let shown = r#"a|b`c<d>&"'\n::error::\r\u{1b}[31m%0A\u{202e}]]>"#.to_string() + "\u{fffd}";
        assert_eq!(suite.name.as_str(), shown);
        assert_eq!(suite.test_cases[0].classname.as_ref().map(|name| name.as_str()), Some(&*shown));
        assert_eq!(suite.test_cases.len(), 1);
        assert!(xml.chars().all(|one| one == '\n' || !(one.is_control() || one == '\u{ffff}')), "{xml:?}");
    }
}
