//! What a document in Markdown points at: its code spans, its links, and the anchors of its headings.

use std::collections::HashMap;

/// A piece of a document that may name something.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub line: usize,
    pub kind: Kind,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Code,
    Link,
}

/// The code spans and the targets of links, outside of fenced blocks.
pub fn pieces(text: &str) -> Vec<Piece> {
    let prose = without_fenced(text);
    let mut found = Vec::new();
    let mut line = 1;
    let mut at = 0;
    let mut add = |line, kind, text: &str| found.push(Piece { line, kind, text: text.to_string() });
    while let Some(next) = prose[at..].find(['`', ']', '\n']) {
        at += next;
        let rest = &prose[at..];
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let mut length = ticks.max(1);
        if ticks > 0 {
            let paragraph = rest.find("\n\n").unwrap_or(rest.len());
            if let Some(end) = find_run(&rest[ticks..paragraph], ticks) {
                add(line, Kind::Code, rest[ticks..ticks + end].trim());
                length = ticks + end + ticks;
            }
        } else if let Some(target) = rest.strip_prefix("](") {
            let end = target.find([')', ' ', '\n']).unwrap_or(target.len());
            add(line, Kind::Link, &target[..end]);
            length = 2 + end;
        } else if let Some(target) = rest.strip_prefix("]: ")
            && prose[..at].rsplit('\n').next().is_some_and(|start| start.starts_with('['))
        {
            let end = target.find(char::is_whitespace).unwrap_or(target.len());
            add(line, Kind::Link, &target[..end]);
            length = 3 + end;
        }
        line += rest[..length].matches('\n').count();
        at += length;
    }
    found
}

/// Where exactly as many backticks stand as opened the span.
fn find_run(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`') {
        at += next;
        let run = text[at..].len() - text[at..].trim_start_matches('`').len();
        if run == ticks {
            return Some(at);
        }
        at += run;
    }
    None
}

/// The same lines, those of fenced blocks empty.
fn without_fenced(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut prose = String::new();
    for line in text.lines() {
        let start = line.trim_start();
        match fence {
            Some(sign) if start.starts_with(sign) => fence = None,
            None if start.starts_with("```") || start.starts_with("~~~") => fence = Some(&start[..3]),
            Some(_) => {}
            None => prose.push_str(line),
        }
        prose.push('\n');
    }
    prose
}

/// The anchors of a document's headings, as GitHub makes them.
pub fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let prose = without_fenced(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let slugs = headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|&one| one.is_alphanumeric() || " -_".contains(one));
        let slug = String::from_iter(kept).replace(' ', "-");
        let earlier = seen.entry(slug.clone()).or_default();
        *earlier += 1;
        if *earlier == 1 { slug } else { format!("{slug}-{}", *earlier - 1) }
    });
    slugs.collect()
}

/// The comments of a file of Rust, as a document with the same lines.
pub fn comments_of(code: &str) -> String {
    let lines = code.lines().map(|line| {
        let comment = ["//!", "///", "//"].iter().find_map(|sign| line.trim_start().strip_prefix(sign)).unwrap_or("");
        comment.strip_prefix(' ').unwrap_or(comment)
    });
    Vec::from_iter(lines).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, Kind, String)> {
        pieces(text).into_iter().map(|piece| (piece.line, piece.kind, piece.text)).collect()
    }

    fn code(line: usize, text: &str) -> (usize, Kind, String) {
        (line, Kind::Code, text.to_string())
    }

    fn link(line: usize, text: &str) -> (usize, Kind, String) {
        (line, Kind::Link, text.to_string())
    }

    #[test]
    fn spans_and_links_are_found_with_their_lines() {
        let text = "# `a`\n\n[b](c.md#d) and [`e`](f.md)\n``g ` h`` `i\nj` ![k](l.png \"m\")\n\n[n]: o.md\n";
        assert_eq!(
            found(text),
            [
                code(1, "a"),
                link(3, "c.md#d"),
                code(3, "e"),
                link(3, "f.md"),
                code(4, "g ` h"),
                code(4, "i\nj"),
                link(5, "l.png"),
                link(7, "o.md"),
            ]
        );
    }

    #[test]
    fn fenced_blocks_and_lone_backticks_name_nothing() {
        assert_eq!(found("a\n```rust\n`b` [c](d)\n```\n~~~\n`e`\n~~~\n`f`"), [code(8, "f")]);
        assert_eq!(found("a ` b\n\nc ` d `e`"), [code(3, "d")]);
        assert_eq!(found("`[a](b)`"), [code(1, "[a](b)")]);
    }

    #[test]
    fn anchors_are_made_of_headings() {
        let text = "# The `a_b`: c, d-e\n## Two\n```\n# no\n```\n## Two\n### (own)\n";
        assert_eq!(anchors(text), ["the-a_b-c-d-e", "two", "two-1", "own"]);
    }

    #[test]
    fn comments_keep_their_lines() {
        assert_eq!(comments_of("//! `a`\nfn f() {\n    /// b\n    c(); // d\n    //e\n"), "`a`\n\nb\n\ne");
    }
}
