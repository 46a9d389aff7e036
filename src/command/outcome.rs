//! Judging a run: every figure of it, and what the command exits with. Nothing is shown here.

use super::collect::Ran;
use super::exit::Exit;
use crate::disk::Book;
use crate::judging::budget::{Basis, Case, Finding, Status, judge, missing};

/// What became of a run.
pub(super) struct Outcome {
    /// By environment, each with its heading.
    pub(super) parts: Vec<(String, Vec<Finding>)>,
    /// All tests passed.
    passed: bool,
    /// What is to be recorded fails.
    pub(super) strict: bool,
    /// The policy itself is strict: then assertions fail on what is to be recorded, and tests with them.
    strict_tests: bool,
    /// Some process had heapledger as its allocator.
    seen: bool,
}

impl Outcome {
    pub(super) fn of(book: &Book, ran: &Ran, strict: bool) -> anyhow::Result<Self> {
        let mut parts: Vec<(String, Vec<Finding>)> = Vec::new();
        for part in &ran.run.parts {
            let recorded = book.figures(&part.environment)?;
            let (environment, complete) = (&part.environment, ran.run.complete);
            let case = Case { policy: &book.policy, recorded: recorded.as_ref(), environment, complete };
            let heading = match part.report.processes {
                0 => "without heapledger as global allocator".into(),
                _ => part.environment.to_string(),
            };
            parts.push((heading, judge(&case, part)));
        }
        let mut others = missing(&book.policy, &ran.run, ran.run.complete);
        others.extend(ran.unseen.iter().cloned());
        if !others.is_empty() {
            parts.push(("of no environment".into(), others));
        }
        let strict_tests = book.policy.strict;
        let seen = ran.run.processes() > 0;
        Ok(Self { parts, passed: ran.passed, strict: strict || strict_tests, strict_tests, seen })
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.parts.iter().flat_map(|(_, findings)| findings)
    }

    pub(super) fn exit(&self) -> Exit {
        let has = |verdict| self.findings().any(|finding| finding.status == verdict);
        let to_record = self.strict && (has(Status::New) || has(Status::Improvement));
        let explained = self.passed || (to_record && self.strict_tests);
        match () {
            () if !self.seen || has(Status::Blind) => Exit::Blind,
            () if has(Status::Leak) => Exit::Leak,
            () if has(Status::Breach) => Exit::Breach,
            () if has(Status::Unstable) => Exit::Unstable,
            () if !explained => Exit::Failed,
            () if to_record => Exit::ToRecord,
            // Where nothing recorded could be compared, a regression would pass.
            () if self.parts.iter().any(|(_, findings)| is_new(findings)) => Exit::ToRecord,
            () => Exit::Within,
        }
    }

    /// One sentence on what comes next.
    pub(super) fn next_step(&self) -> Option<String> {
        let exact = |found: &&Finding| found.against.as_ref().is_some_and(|against| against.basis == Basis::Exact);
        let improved = || self.findings().filter(|found| found.status == Status::Improvement);
        let to_lower = improved().filter(exact).count();
        let new = self.findings().filter(|found| found.status == Status::New).count();
        let to_record = new + improved().count() - to_lower;
        match self.exit() {
            Exit::Blind if !self.seen => Some(
                "heapledger was not active: no test process that has it as its global allocator entered an operation. Put\n\
                 \n    #[global_allocator]\n    static ALLOC: heapledger::Allocator = heapledger::Allocator::system();\n\
                 \ninto the test binaries, `track(\"..\")` into what they test, and `features = [\"serde\"]` to the dependency"
                    .into(),
            ),
            Exit::Failed => Some("tests failed, and no figure of the whole run is the reason: see above".into()),
            Exit::ToRecord if !self.passed => {
                Some(format!("{to_record} to record; tests failed too, for that or for more"))
            }
            _ if to_record > 0 => Some(format!(
                "{to_record} to record: `cargo heapledger review` shows each, `cargo heapledger accept` takes them all"
            )),
            _ if to_lower > 0 => Some(format!("{to_lower} to lower in the policy: what is exact there is less now")),
            _ => None,
        }
    }
}

/// Whether figures are to be held against recorded ones, and none is recorded: a new environment.
fn is_new(findings: &[Finding]) -> bool {
    let recorded = |one: &Finding| one.against.as_ref().is_some_and(|against| against.basis == Basis::Recorded);
    findings.iter().any(|one| one.status == Status::New) && !findings.iter().any(recorded)
}
