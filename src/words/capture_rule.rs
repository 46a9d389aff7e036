//! What somebody asked to be captured, as reports say it. Which operations that are is for others to know.

use std::collections::BTreeMap;

#[cfg(feature = "json")]
use super::json::json_object;

/// A capture that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaptureRule {
    /// A path or a glob.
    pub(crate) pattern: String,
    /// How many bytes lie between two samples on average; `None` where every block is captured.
    pub(crate) sampled_every: Option<u64>,
    /// Whether there is an operation that it covers.
    pub(crate) matched: bool,
}

#[cfg(feature = "json")]
json_object!(CaptureRule { pattern, sampled_every or None, matched });

impl CaptureRule {
    /// Each rule once, in order. One that matched anywhere did match.
    pub(crate) fn joined(rules: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut known = BTreeMap::new();
        for Self { pattern, sampled_every, matched } in rules {
            *known.entry((pattern, sampled_every)).or_insert(false) |= matched;
        }
        let joined = known.into_iter();
        joined.map(|((pattern, sampled_every), matched)| Self { pattern, sampled_every, matched }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_matched_anywhere_did_match_in_whatever_order() {
        let rule = |matched| CaptureRule { pattern: "a".into(), sampled_every: None, matched };
        for (one, other) in [(true, false), (false, true), (true, true), (false, false)] {
            assert_eq!(CaptureRule::joined([rule(one), rule(other)]), [rule(one || other)]);
        }
    }
}
