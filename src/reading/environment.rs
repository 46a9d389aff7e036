//! Where figures were measured. Figures of different environments are different, and never a regression of each other.

use std::fmt;

use crate::record::allocator_name;
#[cfg(feature = "json")]
use crate::words::json_object;

/// What `build.rs` puts between two `cfg`s: ASCII's unit separator.
const CFG_SEPARATOR: char = '\u{1f}';

/// What figures depend on besides the code: they are recorded separately for each environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Environment {
    /// The target triple.
    pub(crate) target: String,
    /// The name of cargo's profile folder: `debug` for the dev and test profiles.
    pub(crate) profile: String,
    /// The inner allocator.
    pub(crate) allocator: String,
    /// The version of rustc; of a nightly with its date.
    pub(crate) rustc: String,
    /// The `cfg`s of the target, one as `unix` or `target_os="linux"`.
    pub(crate) cfg: Vec<String>,
}

#[cfg(feature = "json")]
json_object!(Environment { target, profile, allocator, rustc, cfg });

impl Environment {
    /// The environment of this process.
    pub(crate) fn here() -> Self {
        let mut cfg: Vec<String> = env!("HEAPLEDGER_CFG").split(CFG_SEPARATOR).map(String::from).collect();
        if cfg!(debug_assertions) {
            cfg.push("debug_assertions".into());
        }
        Self {
            target: env!("HEAPLEDGER_TARGET").into(),
            profile: env!("HEAPLEDGER_PROFILE").into(),
            allocator: short_name(allocator_name().unwrap_or("unknown")),
            rustc: env!("HEAPLEDGER_RUSTC").into(),
            cfg,
        }
    }

    /// The name of the file of its figures, without the ending. Whatever the fields hold, it names a file and leads to
    /// no other folder.
    pub(crate) fn key(&self) -> String {
        [&self.target, &self.profile, &self.allocator, &self.rustc].map(|part| file_name_part(part)).join("_")
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, over {}, rustc {}", self.target, self.profile, self.allocator, self.rustc)
    }
}

/// The most characters of one part: four parts and an ending stay below 255 bytes, the most that file systems allow.
const LONGEST_PART: usize = 50;

/// The part with only letters, digits and what stands in versions and triples. It begins with no dot and is not empty.
fn file_name_part(part: &str) -> String {
    let kept = part.chars().map(|one| if one.is_ascii_alphanumeric() || "-_.+".contains(one) { one } else { '-' });
    let short: String = kept.take(LONGEST_PART).collect();
    match short.strip_prefix('.') {
        Some(rest) => format!("-{rest}"),
        None if short.is_empty() => "-".into(),
        None => short,
    }
}

/// A type's name without paths: `System` for `std::alloc::System`, `StatsAlloc<System>` for
/// `&stats_alloc::StatsAlloc<std::alloc::System>`.
fn short_name(path: &str) -> String {
    let mut short = String::new();
    for part in path.trim_start_matches('&').split_inclusive(['<', '>', ',', ' ']) {
        short.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocators_have_short_names() {
        let names = ["std::alloc::System", "&stats_alloc::StatsAlloc<std::alloc::System>", "mimalloc::MiMalloc"];
        assert_eq!(names.map(short_name), ["System", "StatsAlloc<System>", "MiMalloc"]);
    }

    #[test]
    fn a_key_is_the_name_of_a_file_whatever_the_fields_hold() {
        let hostile = Environment { target: "../../etc".into(), profile: "".into(), ..Environment::here() };
        let key = hostile.key();
        assert!(key.starts_with("-.-..-etc_-_"), "{key}");
        let long = Environment { rustc: "9".repeat(5000), ..Environment::here() };
        assert!(long.key().len() < 250);
    }
}
