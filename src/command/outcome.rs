//! Judging a run: every figure of it, and what the command exits with. Nothing is shown here.

use super::collect::Ran;
use super::exit::Exit;
use super::places::Places;
use crate::disk::Book;
use crate::judging::budget::{Basis, Case, Finding, Status, judge, unmatched};
use crate::render::findings::{counted_status, counts};

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
        let mut places = Places::here();
        for part in &ran.run.parts {
            let recorded = book.figures(&part.environment)?;
            let (environment, complete) = (&part.environment, ran.run.complete);
            let case = Case { policy: &book.policy, recorded: recorded.as_ref(), environment, complete };
            let heading = match part.report.processes {
                0 => "without heapledger as global allocator".into(),
                _ => part.environment.to_string(),
            };
            let mut findings = judge(&case, part);
            places.show(&mut findings);
            parts.push((heading, findings));
        }
        let mut others = unmatched(&book.policy, &ran.run, ran.run.complete);
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

    /// What failed, in one line; `None` where nothing did.
    pub(super) fn failure(&self) -> Option<String> {
        let exit = self.exit();
        if exit == Exit::Within {
            return None;
        }
        let to_record = exit == Exit::ToRecord;
        let fails = |found: &&Finding| found.status.fails(self.strict) || (to_record && found.status == Status::New);
        let counts = counts(self.findings().filter(fails));
        let others = match exit {
            Exit::Blind if !self.seen => "heapledger was not active",
            Exit::Failed => "tests failed",
            _ => "",
        };
        let said = [counts, others.into()].into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>().join(", ");
        Some(format!("failed: {said} (exit {})", exit as u8))
    }

    /// What comes next: what is better or new and what is worse are not for the same step.
    pub(super) fn next_step(&self) -> Option<String> {
        let of = |basis, statuses: &'static [Status]| {
            let is = move |found: &&Finding| found.against.as_ref().map(|against| against.basis) == basis;
            self.findings().filter(move |found| statuses.contains(&found.status)).filter(is)
        };
        let new = || of(None, &[Status::New]);
        let better = of(Some(Basis::Recorded), &[Status::Improvement]).chain(new());
        let worse = of(Some(Basis::Recorded), &[Status::Breach]).count();
        let to_lower = of(Some(Basis::Exact), &[Status::Improvement]).count();
        let to_record = counts(better);
        match self.exit() {
            Exit::Blind if !self.seen => {
                return Some(
                    "heapledger was not active: no test process that has it as its global allocator entered an operation. Put\n\
                     \n    #[global_allocator]\n    static ALLOC: heapledger::Allocator = heapledger::Allocator::system();\n\
                     \ninto the test binaries, and `track(\"..\")` into what they test"
                        .into(),
                );
            }
            Exit::Failed => {
                return Some("tests failed, and no figure of the whole run is the reason: see above".into());
            }
            Exit::ToRecord if !self.passed => {
                return Some(format!("{to_record} to record; tests failed too, for that or for more"));
            }
            _ => {}
        }
        let it = if to_record.starts_with("1 ") && !to_record.contains(',') { "it" } else { "them" };
        let steps = [
            (!to_record.is_empty()).then(|| {
                let rest = if worse > 0 { " and no breach" } else { "" };
                format!("{to_record} to record: `cargo heapledger accept` takes {it}{rest}")
            }),
            (worse > 0).then(|| {
                let breaches = counted_status(worse, Status::Breach);
                format!(
                    "{breaches}: `cargo heapledger review` shows each; what is meant takes `cargo heapledger \
                     accept --breaches --reason \"..\"`"
                )
            }),
            (to_lower > 0).then(|| format!("{to_lower} to lower in the policy: what is exact there is less now")),
        ];
        let steps = steps.into_iter().flatten().collect::<Vec<_>>().join("\n");
        (!steps.is_empty()).then_some(steps)
    }
}

/// Whether figures are to be held against recorded ones, and none is recorded: a new environment.
fn is_new(findings: &[Finding]) -> bool {
    let recorded = |one: &Finding| one.against.as_ref().is_some_and(|against| against.basis == Basis::Recorded);
    findings.iter().any(|one| one.status == Status::New) && !findings.iter().any(recorded)
}
