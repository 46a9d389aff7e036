//! What the policy names and no test entered, be it a path or a glob, and what may have been meant. Operations that
//! were entered are for `judge_run`.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Status};
use super::judge_run::operations;
use super::place::Place;
use super::policy::Policy;
use super::run::Run;
use crate::words::suggestion;

/// So many pairs of names are compared at most: of a policy that has little in common with what ran, nothing could be
/// suggested anyway.
const MOST_COMPARED: usize = 1 << 20;

/// What the policy names and no test measured in any environment. Of globs that is said only where all tests ran.
pub(crate) fn unmatched(policy: &Policy, run: &Run, complete: bool) -> Vec<Finding> {
    let seen: BTreeSet<String> = run.parts.iter().flat_map(|part| operations(part).into_keys()).collect();
    let missing: BTreeMap<String, Place> = run.parts.iter().flat_map(|part| policy.named(&part.environment)).collect();
    let missing = missing.into_iter().filter(|(path, _)| !seen.contains(path));
    let mut all: Vec<(Status, String, Place)> = Vec::new();
    all.extend(missing.map(|(path, place)| (if complete { Status::Breach } else { Status::NotRun }, path, place)));
    if complete {
        let environments: Vec<_> = run.parts.iter().map(|part| &part.environment).collect();
        let idle = policy.idle_globs(&environments, &seen);
        all.extend(idle.into_iter().map(|(glob, place)| (Status::Unmatched, glob, place)));
    }
    // What did not run may only have been left out.
    let suggests = complete && all.len().saturating_mul(seen.len()) <= MOST_COMPARED;
    let found = all.into_iter().map(|(status, name, place)| {
        let near = suggests.then(|| suggestion(&name, seen.iter().map(String::as_str))).flatten();
        let near = near.map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
        let what = if status == Status::Unmatched { "no operation matches it" } else { "no test entered it" };
        Finding::of(&name, None, status).noting(format!("the policy names it at {place}, and {what}{near}"))
    });
    found.collect()
}
