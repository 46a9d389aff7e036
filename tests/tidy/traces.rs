//! The rule that no file tells of the machine on which it was written. This file alone may, for it has the list.

/// Where people and machines keep their own things, and registries that only some of them have.
pub const TRACES: [&str; 9] = [
    "/home/",
    "/private/var/",
    "/root/",
    "/Users/",
    "/work/",
    "\\Users\\",
    "crates.io-index",
    "index.crates.io",
    "static.crates.io",
];

/// The one registry that `Cargo.lock` names.
const REGISTRY: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// The file that may name them.
const LIST: &str = "tests/tidy/traces.rs";

pub fn traces(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|_| path != LIST) {
        let is_lock = path.ends_with("Cargo.lock");
        if is_lock && line == REGISTRY {
            continue;
        }
        let found = TRACES.iter().find(|trace| {
            // `src/work/` is a folder of its own, and no root.
            let continues = |before: &str| before.ends_with(|one: char| one.is_alphanumeric() || "._-~}".contains(one));
            line.match_indices(**trace).any(|(at, _)| !trace.starts_with('/') || !continues(&line[..at]))
        });
        let elsewhere = is_lock && line.starts_with("source = ");
        if let Some(trace) = found.copied().or(elsewhere.then_some("source = ")) {
            wrong.push(format!("{path}:{}: `{trace}` tells of one machine: name what everybody has", at + 1));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_machine_and_other_registries_are_seen() {
        for trace in TRACES {
            let told = format!("docs/a.md:2: `{trace}` tells of one machine: name what everybody has");
            assert_eq!(traces("docs/a.md", &format!("\nsee {trace}")), [told]);
        }
        assert_eq!(traces("Cargo.lock", "source = \"sparse+https://a.b/index/\"").len(), 1);
        assert_eq!(traces("Cargo.lock", "\"registry+https://a.b/crates.io-index\"").len(), 1);
    }

    #[test]
    fn relative_folders_and_the_public_registry_pass() {
        for (path, text) in [
            ("README.md", "src/work/a.rs ~/work/ ./home/ https://a.b/root/c"),
            ("README.md", "https://crates.io/crates/a"),
            ("Cargo.lock", REGISTRY),
            (LIST, "/work/"),
        ] {
            assert_eq!(traces(path, text), [""; 0]);
        }
    }
}
