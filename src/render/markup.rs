//! Text in Markdown that is text and nothing else, whatever it holds.

use crate::words::printable;

/// The name in the type of code.
#[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only the command has tables of names"))]
pub(super) fn code(name: &str) -> String {
    format!("<code>{}</code>", escaped(&printable(name)))
}

/// The text without markup: every character that could be markup becomes a numbered one.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            _ if one.is_alphanumeric() || !one.is_ascii() || " /.,:-+()%'=;".contains(one) => escaped.push(one),
            _ => escaped.push_str(&format!("&#{};", u32::from(one))),
        }
    }
    // GitHub makes links of URLs.
    escaped.replace("://", "&#58;//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_nothing_else() {
        assert_eq!(escaped("see https://a.b/_c_"), "see https&#58;//a.b/&#95;c&#95;");
        assert_eq!(code("a|`b`\n<c>"), "<code>a&#124;&#96;b&#96;&#92;n&#60;c&#62;</code>");
    }
}
