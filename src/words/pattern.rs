//! Globs: which paths of operations a pattern reaches. No pattern and no path takes long. What stands in a table that a
//! glob names is for `rules`.

use glob::{MatchOptions, Pattern};

use super::name::segments;
use super::text::short;

/// The longest glob in bytes: matching recurses once for each `*`.
pub(crate) const LONGEST_GLOB: usize = 1024;
/// The most segments of a glob: each has a bit of a `u128`.
pub(crate) const MOST_SEGMENTS: usize = 100;

/// A pattern for paths of operations. Segments are matched one by one. So `*` stays within one, a backslash in a name
/// is no separator on any system, and no pattern takes long: across separators, `*` would be tried at every position
/// for each `*` before it.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    parts: Vec<GlobPart>,
    /// A bit for each part that is `**`. No two stand side by side.
    deep: u128,
    /// As people wrote it.
    pub(crate) written: String,
}

/// What matches one segment, or several.
#[derive(Clone, Debug)]
enum GlobPart {
    /// `**`: any segments, or none.
    Deep,
    /// `*`: any one segment.
    Any,
    /// One segment, letter for letter.
    Named(String),
    /// One segment, by a pattern.
    Like(Pattern),
}

/// What a glob matches of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Nothing,
    /// An operation that this one is nested in.
    Above,
    Itself,
}

impl GlobPart {
    fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Deep | Self::Any => true,
            Self::Named(name) => name == segment,
            Self::Like(pattern) => {
                let options = MatchOptions {
                    case_sensitive: true,
                    require_literal_separator: false,
                    require_literal_leading_dot: false,
                };
                pattern.matches_with(segment, options)
            }
        }
    }
}

impl Glob {
    /// Whether `name` is a pattern and not a path.
    pub(crate) fn is(name: &str) -> bool {
        name.contains(['*', '?', '['])
    }

    fn parse(name: &str) -> Result<Self, glob::PatternError> {
        let (mut parts, mut deep) = (Vec::new(), 0);
        for segment in segments(name) {
            parts.push(match segment {
                "**" if matches!(parts.last(), Some(GlobPart::Deep)) => continue,
                "**" => GlobPart::Deep,
                "*" => GlobPart::Any,
                literal if !Self::is(literal) => GlobPart::Named(literal.into()),
                like => GlobPart::Like(Pattern::new(like)?),
            });
        }
        if matches!(parts.last(), Some(GlobPart::Deep)) {
            // `a/**` matches what is below `a`, but not `a`.
            parts.push(GlobPart::Any);
        }
        for (index, _) in parts.iter().enumerate().filter(|(_, part)| matches!(part, GlobPart::Deep)) {
            deep |= 1 << index;
        }
        Ok(Self { parts, deep, written: name.into() })
    }

    /// Whether it matches the operation with these names, or one that it is nested in.
    pub(crate) fn covers(&self, names: &[&str]) -> bool {
        self.reach(names) != Reach::Nothing
    }

    /// Follows all ways to match at once. Bit n: the segments so far match the first n parts.
    pub(crate) fn reach(&self, path: &[&str]) -> Reach {
        let all_parts = 1u128 << self.parts.len();
        let mut matched = self.skip_deep(1);
        let mut above = false;
        for segment in path {
            above |= matched & all_parts != 0;
            matched = self.skip_deep(self.step(matched, segment));
            if matched == 0 {
                break;
            }
        }
        match (matched & all_parts != 0, above) {
            (true, _) => Reach::Itself,
            (false, true) => Reach::Above,
            (false, false) => Reach::Nothing,
        }
    }

    /// Goes on by one segment.
    fn step(&self, matched: u128, segment: &str) -> u128 {
        let mut after = matched & self.deep;
        let mut rest = matched & !self.deep;
        while rest != 0 {
            let index = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            if self.parts.get(index).is_some_and(|part| part.matches(segment)) {
                after |= 1 << (index + 1);
            }
        }
        after
    }

    /// Adds the ways in which a `**` matches no segment.
    fn skip_deep(&self, matched: u128) -> u128 {
        matched | (matched & self.deep) << 1
    }
}

/// `a//b/` is `a/b`, as it is where operations are entered.
pub(crate) fn normalized(path: &str) -> String {
    segments(path).collect::<Vec<_>>().join("/")
}

/// The glob that matches the path alone.
pub(crate) fn literal(path: &str) -> String {
    let mut glob = String::with_capacity(path.len());
    for one in path.chars() {
        match one {
            '*' | '?' | '[' => glob.extend(['[', one, ']']),
            _ => glob.push(one),
        }
    }
    glob
}

/// The pattern that a policy, or a caller, names; or what is wrong with it.
pub(crate) fn glob(path: &str) -> Result<Glob, String> {
    if path.len() > LONGEST_GLOB {
        return Err(format!("`{}` is longer than {LONGEST_GLOB} bytes: write a shorter glob", short(path)));
    }
    if segments(path).count() > MOST_SEGMENTS {
        return Err(format!("`{}` has more than {MOST_SEGMENTS} segments: write a shorter glob", short(path)));
    }
    let wrong = |error: glob::PatternError| {
        let (path, reason) = (short(path), error.msg);
        format!("`{path}` is no valid glob ({reason}): to mean `*`, `?` or `[` itself, write `[*]`, `[?]` or `[[]`")
    };
    Glob::parse(path).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_segment_by_segment() {
        let reach = |glob: &str, path: &str| {
            let parts: Vec<&str> = segments(path).collect();
            Glob::parse(glob).expect(glob).reach(&parts)
        };
        let itself = [
            ("*", "a"),
            ("a*c", "abbc"),
            ("a/*/c", "a/b/c"),
            ("**", "a/b/c"),
            ("**/c", "c"),
            ("**/c", "a/b/c"),
            ("a/**", "a/b/c"),
            ("a/**/c", "a/c"),
            ("a/**/c", "a/b/b/c"),
            ("**/b/**/d", "a/b/b/c/d"),
            ("**/**", "a"),
            ("a[0-9]?", "a7ä"),
            ("a[!0-9]", "ab"),
            ("a[*][?][[]", "a*?["),
            ("a\\*", "a\\b"),
        ];
        for (glob, path) in itself {
            assert_eq!(reach(glob, path), Reach::Itself, "{glob} {path}");
        }
        let above = [("*", "a/b"), ("a/*", "a/b/c/d"), ("**/b", "a/b/c"), ("a*/**/c", "ab/c/d")];
        for (glob, path) in above {
            assert_eq!(reach(glob, path), Reach::Above, "{glob} {path}");
        }
        let nothing =
            [("*", ""), ("a*", "b"), ("a/**", "a"), ("*/b", "b"), ("**/c", "a/b"), ("A*", "ab"), ("a?c", "a/c")];
        for (glob, path) in nothing {
            assert_eq!(reach(glob, path), Reach::Nothing, "{glob} {path}");
        }
    }

    #[test]
    fn a_literal_glob_matches_its_own_path_alone() {
        for path in ["items[0]", "**", "a*c/?", "[", "]", "[*]", "a/b"] {
            let reach = |other: &str| {
                let parts: Vec<&str> = segments(other).collect();
                Glob::parse(&literal(path)).expect(path).reach(&parts)
            };
            assert_eq!(reach(path), Reach::Itself, "{path}");
            assert_eq!(["items0", "abc/d", "x", "y/z"].map(reach), [Reach::Nothing; 4], "{path}");
        }
    }

    #[test]
    fn hostile_globs_do_not_take_long() {
        let glob = Glob::parse(&"*a".repeat(LONGEST_GLOB / 2)).expect("it is valid");
        assert_eq!(glob.reach(&["a".repeat(20_000).as_str(), "b"]), Reach::Above);
        assert_eq!(glob.reach(&[format!("{}b", "a".repeat(20_000)).as_str()]), Reach::Nothing);
        let glob = Glob::parse(&"**/a*/".repeat(MOST_SEGMENTS / 2)).expect("it is valid");
        assert_eq!(glob.reach(&vec!["ab"; 2000]), Reach::Itself);
        let glob = Glob::parse(&format!("{}b", "**/a*a*a*/".repeat(MOST_SEGMENTS / 2 - 1))).expect("it is valid");
        assert_eq!(glob.reach(&vec!["aaaaaaaaaaaaaaaaaaaaaaaaaaaaab"; 2000]), Reach::Nothing);
    }
}
