//! Which operation somebody may have meant who named one that nobody entered: by a path, or by a glob.

use super::name::segments;

/// How alike two names are at least, from 0 to 1, if one is likely to be a misspelling of the other.
pub(crate) const ALIKE: f64 = 0.8;
/// So much of a name is compared, in characters: comparing takes time in proportion to the length of both.
pub(crate) const COMPARED: usize = 64;

/// The name that was meant, in the form of `named`; `None` where nothing is near.
pub(crate) fn suggestion<'a>(named: &str, seen: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let named: Vec<&str> = segments(named).collect();
    let near = seen.into_iter().filter_map(|path| {
        let path: Vec<&str> = segments(path).collect();
        near(&named, &path)
    });
    near.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, meant)| meant)
}

/// How near the path is, and what would name it.
fn near(named: &[&str], path: &[&str]) -> Option<(f64, String)> {
    // A step that is named without what it is nested in.
    if !named.is_empty() && path.len() > named.len() && path.ends_with(named) {
        return Some((ALIKE, path.join("/")));
    }
    let deep = named.iter().position(|segment| *segment == "**");
    let (compared, rest) = named.split_at(deep.unwrap_or(named.len()));
    if path.len() < compared.len() || (deep.is_none() && path.len() != compared.len()) {
        return None;
    }
    let mut least = 1.0f64;
    let mut meant = Vec::new();
    for (segment, of_path) in compared.iter().zip(path) {
        let (literal, wild) = segment.split_at(segment.find(['*', '?', '[']).unwrap_or(segment.len()));
        let short = |text: &str| text.chars().take(COMPARED).collect::<String>();
        match wild {
            "" => least = least.min(strsim::jaro_winkler(&short(literal), &short(of_path))),
            _ if literal.is_empty() => {}
            "*" => {
                let begins: String = of_path.chars().take(literal.chars().count() + 1).collect();
                least = least.min(strsim::jaro_winkler(&short(literal), &short(&begins)));
            }
            _ => return None,
        }
        meant.push(match (literal, wild) {
            ("", wild) => wild.to_string(),
            (_, wild) => format!("{of_path}{wild}"),
        });
    }
    meant.extend(rest.iter().map(ToString::to_string));
    (least >= ALIKE && meant != named).then(|| (least, meant.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_suggests_what_was_meant() {
        let seen = ["index_build", "index_build/commit", "search", "search/collect", "search/parse"];
        let cases = [
            ("serch", Some("search")),
            ("search/pars", Some("search/parse")),
            ("serch/parse", Some("search/parse")),
            ("parse", Some("search/parse")),
            ("serch/*", Some("search/*")),
            ("serch/**", Some("search/**")),
            ("index_biuld/*/x", None),
            ("serc*", Some("search*")),
            ("*/comit", Some("*/commit")),
            // A step that is gone is no other step.
            ("search/score", None),
            ("merge", None),
            ("s?rch", None),
            ("", None),
        ];
        for (named, meant) in cases {
            assert_eq!(suggestion(named, seen).as_deref(), meant, "{named}");
        }
    }
}
