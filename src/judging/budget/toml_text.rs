//! Text as it may stand in a file of TOML that people review. Reading is for `syntax`.

use crate::words::{literal, printable};

/// A string of TOML on one line. Beyond what TOML wants escaped, whatever could play tricks on the reader of a diff is.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for one in text.chars() {
        match one {
            '"' | '\\' => quoted.extend(['\\', one]),
            _ if hides(one) => quoted.push_str(&format!("\\U{:08X}", u32::from(one))),
            _ => quoted.push(one),
        }
    }
    quoted.push('"');
    quoted
}

/// The line that begins a policy's table for the operation at `path`, and for no other.
pub(crate) fn table_header(path: &str) -> String {
    format!("[operation.{}]", quoted(&literal(path)))
}

/// Whether it is shown as an escape to people.
fn hides(one: char) -> bool {
    let mut room = [0; 4];
    let text: &str = one.encode_utf8(&mut room);
    !matches!(one, ' '..='~') && printable(text) != text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_names_one_operation_whatever_it_is_called() {
        let cases = [
            ("index_build/commit", r#"[operation."index_build/commit"]"#),
            ("items[0]", r#"[operation."items[[]0]"]"#),
            ("a\n\"\\", r#"[operation."a\U0000000A\"\\"]"#),
            ("**", r#"[operation."[*][*]"]"#),
            ("why?\u{202e}\u{34f}", r#"[operation."why[?]\U0000202E\U0000034F"]"#),
        ];
        for (path, header) in cases {
            assert_eq!(table_header(path), header);
        }
    }
}
