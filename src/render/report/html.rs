//! The report as a page: one file with all that it needs, which asks the network for nothing and lets nothing in it be
//! read as markup or as a program. What it looks like is in `page/`; here is what the page is told.

use crate::reading::{Data, text_of};
use crate::render::stacks::in_brief;
use crate::words::{Tally, json_text};

/// The page, with the places for the rest in braces.
const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// One program, in the order in which its parts use each other.
const SCRIPT: &str = concat!(
    include_str!("page/format.js"),
    include_str!("page/report.js"),
    include_str!("page/grid.js"),
    include_str!("page/icicle.js"),
    include_str!("page/timeline.js"),
    include_str!("page/curves.js"),
    include_str!("page/page.js"),
);

/// What the page's policy names its style and its program by. A browser runs and applies nothing else.
const STYLE_HASH: &str = "sha256-jFJatPubEbTnIUNyFcq0N8ndNHhmwPR437U2gC+/lYY=";
const SCRIPT_HASH: &str = "sha256-3jtlGth1miwePFjwL2H9pfPmV/yPEZxdRnf7VattI3s=";

/// A report, and the text of the line of source code at each of its functions where somebody knows it.
pub(crate) struct Sourced<'a> {
    pub(crate) data: &'a Data,
    /// As many as `Data::frames`, or none.
    pub(crate) lines: &'a [Option<String>],
}

/// The page of a report, and of what changed since an earlier one.
pub(crate) fn html(report: &Sourced, before: Option<&Sourced>) -> String {
    let (mut page, mut rest) = (String::new(), PAGE);
    while let Some((until, after)) = rest.split_once('{') {
        page.push_str(until);
        let (place, after) = after.split_once('}').unwrap_or((after, ""));
        match place {
            "style" => page.push_str(STYLE),
            "style hash" => page.push_str(STYLE_HASH),
            "script" => page.push_str(SCRIPT),
            "script hash" => page.push_str(SCRIPT_HASH),
            _ => {
                page.push_str(r#"{"report":"#);
                tell(report, &mut page);
                page.push_str(r#","before":"#);
                match before {
                    Some(before) => tell(before, &mut page),
                    None => page.push_str("null"),
                }
                page.push('}');
            }
        }
        rest = after;
    }
    page + rest
}

/// The report as it is stored, and what the table would say of each of its functions.
fn tell(of: &Sourced, page: &mut String) {
    let (names, nearness): (Vec<String>, Vec<u8>) = of.data.frames().iter().map(in_brief).unzip();
    for (before, json) in [
        (r#"{"report":"#, text_of(of.data)),
        (r#","names":"#, json_text(&names)),
        (r#","nearness":"#, json_text(&nearness)),
        (r#","sums":"#, sums(of.data)),
        (r#","sources":"#, json_text(&of.lines)),
    ] {
        page.push_str(before);
        // Nothing ends the element that it stands in, or begins another: `<` is only in strings.
        page.push_str(&json.replace('<', "\\u003c"));
    }
    page.push('}');
}

/// The three sums of the law as texts: the page's numbers are exact up to 2^53.
fn sums(data: &Data) -> String {
    let sum = |of: fn(&Tally) -> i128| data.rows.iter().map(|row| of(&row.own)).sum::<i128>();
    let net = sum(|own| i128::from(own.allocated_bytes) - i128::from(own.freed_bytes));
    let live = sum(|own| own.live_bytes.into());
    format!(r#"{{"net":"{net}","live":"{live}","process":"{}"}}"#, data.process_bytes)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::reading::{Report, Rows, report};

    fn page_of(report: &Report) -> String {
        html(&Sourced { data: &report.0, lines: &[] }, None)
    }

    #[test]
    fn the_policy_names_the_style_and_the_program_that_are_there() {
        let hash = |text: &str| format!("sha256-{}", STANDARD.encode(Sha256::digest(text)));
        assert_eq!([STYLE_HASH, SCRIPT_HASH].map(String::from), [STYLE, SCRIPT].map(hash));
    }

    #[test]
    fn every_place_of_the_page_is_filled_and_no_name_ends_its_data() {
        let mut told = report();
        let mut data = Data::clone(&told.0);
        let mut row = data.rows.listed()[0].clone();
        row.path = "<!--<script>{style}".into();
        data.rows = Rows::of_paths([row]);
        data.problem = Some("</script>".into());
        told.0 = crate::record::Own::new(|| data);
        let page = page_of(&told);
        let (_, after) = page.split_once(r#"id="data">"#).expect("the data is there");
        let (json, _) = after.split_once("</script>").expect("it ends");
        let value: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
        assert_eq!(value["report"]["report"]["rows"][0]["name"], "<!--<script>{style}");
        assert_eq!(value["report"]["report"]["problem"], "</script>");
        assert_eq!((page.matches("<script").count(), page.matches("</script>").count()), (2, 2));
        assert_eq!((page.matches(STYLE).count(), page.matches(SCRIPT).count()), (1, 1));
        assert!(
            page.contains(&format!("script-src '{SCRIPT_HASH}'; style-src '{STYLE_HASH}'"))
                && page.ends_with("</html>\n")
        );
    }
}
