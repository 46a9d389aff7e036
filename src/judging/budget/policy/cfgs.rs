//! The `cfg` expressions of `[target]`: in which environments they hold, and which are refused because they never hold.
//! The tables under them are for `read`.

use std::cell::OnceCell;
use std::fmt::Display;

use cfg_expr::expr::TargetPredicate;
use cfg_expr::{Expression, Predicate};

use super::table::RuleTable;
use crate::judging::budget::syntax;
use crate::reading::Environment;
use crate::words::short;

/// The longest `cfg` expression in bytes: longer than any sensible one.
const LONGEST_CFG: usize = 4096;
/// The most brackets in a `cfg` expression: its parser counts nested ones in a byte.
pub(super) const MOST_BRACKETS: usize = 100;

/// The `cfg`s that environments tell of, without those of the target.
const KNOWN: [&str; 6] = ["unix", "windows", "miri", "debug_assertions", "panic", "sanitize"];
/// The `cfg`s of the target that environments tell of.
const KNOWN_TARGETS: [&str; 10] = [
    "target_abi",
    "target_arch",
    "target_endian",
    "target_env",
    "target_family",
    "target_feature",
    "target_has_atomic",
    "target_os",
    "target_pointer_width",
    "target_vendor",
];

/// Which expressions hold in an environment. Each is evaluated once, and only if a table asks.
pub(super) struct Targets<'a> {
    expressions: &'a [Expression],
    environment: &'a Environment,
    known: Vec<OnceCell<bool>>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(expressions: &'a [Expression], environment: &'a Environment) -> Self {
        Self { expressions, environment, known: vec![OnceCell::new(); expressions.len()] }
    }

    pub(super) fn hold(&self, table: &RuleTable) -> bool {
        table.target.is_none_or(|at| *self.known[at].get_or_init(|| self.evaluate(at)))
    }

    fn evaluate(&self, at: usize) -> bool {
        let cfgs = &self.environment.cfg;
        self.expressions[at].eval(|predicate| match predicate {
            Predicate::Target(TargetPredicate::Family(family)) => {
                let full = written(predicate);
                cfgs.iter().any(|cfg| *cfg == full || cfg == family.as_str())
            }
            _ => cfgs.contains(&written(predicate)),
        })
    }
}

/// A predicate as environments have it: `target_os="linux"`.
fn written(predicate: &Predicate<'_>) -> String {
    let pair = |key: &str, value: &dyn Display| format!("{key}=\"{value}\"");
    match predicate {
        Predicate::Target(target) => match target {
            TargetPredicate::Abi(abi) => pair("target_abi", abi),
            TargetPredicate::Arch(arch) => pair("target_arch", arch),
            TargetPredicate::Endian(endian) => format!("target_endian=\"{endian:?}\""),
            TargetPredicate::Env(env) => pair("target_env", env),
            TargetPredicate::Family(family) => pair("target_family", family),
            TargetPredicate::HasAtomic(width) => pair("target_has_atomic", width),
            TargetPredicate::Os(os) => pair("target_os", os),
            TargetPredicate::Panic(panic) => pair("panic", panic),
            TargetPredicate::PointerWidth(width) => pair("target_pointer_width", width),
            TargetPredicate::Vendor(vendor) => pair("target_vendor", vendor),
        },
        Predicate::TargetFeature(feature) => pair("target_feature", feature),
        Predicate::Feature(feature) => pair("feature", feature),
        Predicate::KeyValue { key, val } => pair(key, val),
        Predicate::Flag(flag) => (*flag).into(),
        Predicate::DebugAssertions => "debug_assertions".into(),
        Predicate::ProcMacro => "proc_macro".into(),
        Predicate::Test => "test".into(),
    }
}

/// The expression that a `[target]` names, or what is wrong with it.
pub(super) fn expression(key: &str) -> Result<Expression, String> {
    let shown = short(key);
    let Some(inside) = key.strip_prefix("cfg(").and_then(|rest| rest.strip_suffix(')')) else {
        return Err(format!("`{shown}` is no cfg expression: write one such as `cfg(windows)`"));
    };
    if inside.len() > LONGEST_CFG || inside.matches('(').count() > MOST_BRACKETS {
        let most = format!("more than {LONGEST_CFG} bytes or {MOST_BRACKETS} brackets");
        return Err(format!("`{shown}` is too long ({most}): write a shorter expression"));
    }
    let wrong = |what: String| format!("`{shown}` is no valid cfg expression: {what}");
    let expression = Expression::parse(key).map_err(|error| wrong(error.reason.to_string()))?;
    if has_many(inside) {
        return Err(wrong("put several predicates into `all(..)` or `any(..)`".into()));
    }
    let unknown = expression.predicates().find_map(|predicate| unknown_name(&predicate));
    match unknown {
        Some(name) => {
            let full = format!("target_{name}");
            let near = match &*name {
                // `feature` is one of cargo's features, not `target_feature`.
                name if name != "feature" && KNOWN_TARGETS.contains(&&*full) => format!("did you mean `{full}`?"),
                name => syntax::nearest(name, &[&KNOWN[..], &KNOWN_TARGETS[..]].concat()),
            };
            Err(format!("`{shown}` never holds, because no environment tells of `{}`: {near}", short(&name)))
        }
        None => Ok(expression),
    }
}

/// Whether more than one predicate stands at the top: the parser would take the last one alone.
fn has_many(inside: &str) -> bool {
    let (mut depth, mut in_string) = (0, false);
    for one in inside.bytes() {
        match one {
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// The name of a predicate that no environment tells of: limits under it would be skipped silently.
fn unknown_name(predicate: &Predicate<'_>) -> Option<String> {
    match predicate {
        Predicate::Test => Some("test".into()),
        Predicate::ProcMacro => Some("proc_macro".into()),
        Predicate::Feature(_) => Some("feature".into()),
        Predicate::Flag(name) => (*name != "miri").then(|| (*name).into()),
        Predicate::KeyValue { key, .. } => (*key != "sanitize").then(|| (*key).into()),
        Predicate::Target(_) | Predicate::TargetFeature(_) | Predicate::DebugAssertions => None,
    }
}

#[cfg(test)]
mod tests;
