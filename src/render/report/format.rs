//! The forms that a report can be saved in: one list, from which the choice by a file's name, what is said where there
//! is no such form, and the help of the command derive.

#[cfg(feature = "pprof")]
use super::pprof::pprof;
use super::table::table;
#[cfg(feature = "views")]
use super::{
    dhat::dhat, folded::folded, markdown::markdown, prometheus::openmetrics, prometheus::prometheus,
    speedscope::speedscope,
};
#[cfg(feature = "json")]
use crate::reading::text_of;
use crate::reading::{Data, Selection};
use crate::render::look::Look;
use crate::words::short;

/// A form that a report can be saved in.
struct Format {
    /// How the names of its files end.
    extension: &'static str,
    /// What it is, and who reads it.
    what: &'static str,
    /// The feature that brings it; empty where no build is without.
    feature: &'static str,
    /// `None` where that feature is off.
    render: Option<fn(&Data) -> Rendered>,
}

/// What a file holds.
pub(crate) enum Rendered {
    Text(String),
    /// In the file it is compressed with gzip.
    #[cfg(feature = "pprof")]
    ToCompress(Vec<u8>),
    /// What it holds says more with the lines of source code at the report's functions, which are in files.
    #[cfg(feature = "views")]
    WithSources,
}

/// The renderer, where the feature is on.
macro_rules! brought_by {
    ($feature:literal, $render:expr) => {{
        #[cfg(feature = $feature)]
        let render: Option<fn(&Data) -> Rendered> = Some($render);
        #[cfg(not(feature = $feature))]
        let render: Option<fn(&Data) -> Rendered> = None;
        render
    }};
}

/// Every form. An extension that ends like another one stands before it.
const FORMATS: [Format; 10] = [
    Format { extension: ".txt", what: "the table that a program prints", feature: "", render: Some(text) },
    Format {
        extension: ".html",
        what: "a page for browsers",
        feature: "views",
        render: brought_by!("views", |_| Rendered::WithSources),
    },
    Format {
        extension: ".dhat.json",
        what: "for DHAT's viewer",
        feature: "views",
        render: brought_by!("views", |data| Rendered::Text(dhat(data))),
    },
    Format {
        extension: ".speedscope.json",
        what: "for https://www.speedscope.app",
        feature: "views",
        render: brought_by!("views", |data| Rendered::Text(speedscope(data))),
    },
    Format {
        extension: ".json",
        what: "all of it, which `cargo heapledger show` reads back",
        feature: "json",
        render: brought_by!("json", |data| Rendered::Text(text_of(data))),
    },
    Format {
        extension: ".folded",
        what: "collapsed stacks with live bytes, for flame graphs",
        feature: "views",
        render: brought_by!("views", |data| Rendered::Text(folded(data))),
    },
    Format {
        extension: ".pb.gz",
        what: "for `go tool pprof` and what reads the same",
        feature: "pprof",
        render: brought_by!("pprof", |data| Rendered::ToCompress(pprof(data))),
    },
    Format {
        extension: ".md",
        what: "Markdown, for comments and summaries",
        feature: "views",
        render: brought_by!("views", |data| Rendered::Text(markdown(data))),
    },
    Format {
        extension: ".prom",
        what: "metrics, for Prometheus",
        feature: "views",
        render: brought_by!("views", |data| Rendered::Text(prometheus(data))),
    },
    Format {
        extension: ".openmetrics",
        what: "the same metrics as OpenMetrics",
        feature: "views",
        render: brought_by!("views", |data| Rendered::Text(openmetrics(data))),
    },
];

/// What writes a report in the form of a file with this name. An error says which forms there are, or which feature is
/// off.
pub(crate) fn renderer(file: &str) -> Result<fn(&Data) -> Rendered, String> {
    let found = FORMATS.iter().find(|format| file.ends_with(format.extension));
    let found = found.ok_or_else(|| format!("{}: the name of a report ends with its form:{}", short(file), list()))?;
    found.render.ok_or_else(|| found.lacking(file))
}

impl Format {
    /// What is said where the feature is off.
    fn lacking(&self, file: &str) -> String {
        let Self { extension, feature, .. } = self;
        format!(
            "{}: a report as `{extension}` needs the feature `{feature}` of heapledger: add it to the dependency, or \
             save it as report.json and convert that: `cargo heapledger show report.json --to report{extension}`",
            short(file)
        )
    }
}

/// Every form in a line of its own.
pub(crate) fn list() -> String {
    FORMATS.iter().map(|format| format!("\n  {:<16}  {}", format.extension, format.what)).collect()
}

fn text(data: &Data) -> Rendered {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = table(data, &Selection::default(), &Look::PLAIN, &mut text);
    Rendered::Text(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_by_its_own_extension() {
        for format in &FORMATS {
            let name = format!("a.b{}", format.extension);
            let found = FORMATS.iter().find(|format| name.ends_with(format.extension));
            assert_eq!(found.map(|found| found.extension), Some(format.extension));
            assert_eq!(renderer(&name).is_ok(), format.render.is_some());
        }
        assert!(renderer("report.TXT").is_err() && renderer("txt").is_err());
    }

    #[test]
    fn a_form_that_the_build_lacks_says_what_to_add_and_what_to_do_without() {
        let lacking = Format { extension: ".pb.gz", what: "", feature: "pprof", render: None };
        let said = lacking.lacking("out\n.pb.gz");
        let expected = "out\\n.pb.gz: a report as `.pb.gz` needs the feature `pprof` of heapledger: add it to the \
                        dependency, or save it as report.json and convert that: `cargo heapledger show report.json --to \
                        report.pb.gz`";
        assert_eq!(said, expected);
    }
}
