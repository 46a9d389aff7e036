//! What stands beside a figure: a limit in one of its forms, or `"none"`. Whether a figure keeps to it is for `judge`.

use toml::de::{DeTable, DeValue};

use super::amount::{amount, example, percent};
use super::message::quoted;
use super::value::{Reader, TomlValue, in_order};
use crate::judging::budget::figure::Figure;
use crate::judging::budget::limit::{FigureLimit, Tolerance};
use crate::judging::budget::syntax;
use crate::words::{Cause, Error};

impl Reader<'_> {
    /// The limit that `value` writes; `None` for `"none"`.
    pub(super) fn setting(&self, figure: Figure, value: &TomlValue<'_>) -> Result<Option<FigureLimit>, Error> {
        let place = self.place(value.span().start);
        let limit = FigureLimit { exact: None, ratchet: false, max: None, tolerance: Tolerance::default(), place };
        let fail = |what: String| self.error(value.span().start, what);
        match value.get_ref() {
            DeValue::Integer(_) => {
                let exact = self.amount(figure, figure.name(), value)?;
                Ok(Some(FigureLimit { exact: Some(exact), ..limit }))
            }
            DeValue::String(text) => match text.trim() {
                "none" => Ok(None),
                "ratchet" => Ok(Some(FigureLimit { ratchet: true, ..limit })),
                share if share.ends_with('%') => {
                    let percent = percent(share).map_err(fail)?;
                    Ok(Some(FigureLimit { ratchet: true, tolerance: Tolerance { percent, minimum: 0 }, ..limit }))
                }
                word if word.starts_with(char::is_alphabetic) => {
                    let near = match syntax::nearest(word, &["ratchet", "none"]) {
                        near if near.starts_with("did you mean") => near,
                        _ => format!("write {}", ways(figure)),
                    };
                    Err(fail(format!("{} is no limit: {near}", quoted(word))))
                }
                _ => {
                    let max = self.amount(figure, figure.name(), value)?;
                    Ok(Some(FigureLimit { max: Some(max), ..limit }))
                }
            },
            DeValue::Table(table) => self.limit_table(figure, table, limit).map(Some),
            _ => Err(self.wrong(figure.name(), value, &ways(figure))),
        }
    }

    /// The limit that a table writes, with what `limit` says of it already.
    fn limit_table(&self, figure: Figure, table: &DeTable<'_>, mut limit: FigureLimit) -> Result<FigureLimit, Error> {
        let mut ratchet = None;
        // Where the keys stand that need a figure to be around.
        let (mut tolerance, mut minimum) = (None, None);
        for (key, value) in in_order(table) {
            let at = key.span().start;
            match key.get_ref().as_ref() {
                "exact" => limit.exact = Some(self.amount(figure, "exact", value)?),
                "max" => limit.max = Some(self.amount(figure, "max", value)?),
                "ratchet" => ratchet = Some(self.boolean("ratchet", value)?),
                "tolerance" => (limit.tolerance.percent, tolerance) = (self.tolerance(value)?, Some(at)),
                "minimum" => (limit.tolerance.minimum, minimum) = (self.minimum(figure, value)?, Some(at)),
                _ => return Err(self.unknown(key, &["exact", "max", "ratchet", "tolerance", "minimum"])),
            }
        }
        // A tolerance alone asks for the recorded figure; beside a ceiling it may be meant for that.
        let implied = tolerance.is_some() && limit.exact.is_none() && limit.max.is_none();
        limit.ratchet = ratchet.unwrap_or(implied);
        let place = limit.place.clone();
        let fail = |what: &str| Err(Error(Cause::Unreadable { what: format!("{place}: {what}") }));
        if limit.ratchet && limit.exact.is_some() {
            return fail("`exact` and `ratchet` exclude each other: keep the one that the figure is held against");
        }
        if !limit.ratchet && limit.exact.is_none() {
            if let Some((key, at)) = tolerance.map(|at| ("tolerance", at)).or(minimum.map(|at| ("minimum", at))) {
                let what =
                    format!("`{key}` is around no figure: add `ratchet = true` or `exact = ..`, or take it away");
                return Err(self.error(at, what));
            }
            if limit.max.is_none() {
                return fail("this table limits nothing: add `max`, `exact` or `ratchet = true`, or write \"none\"");
            }
        }
        Ok(limit)
    }

    fn tolerance(&self, value: &TomlValue<'_>) -> Result<f64, Error> {
        let text = self.string("tolerance", value, "a percentage such as \"1%\"")?;
        percent(text.trim()).map_err(|what| self.error(value.span().start, what))
    }

    fn minimum(&self, figure: Figure, value: &TomlValue<'_>) -> Result<i64, Error> {
        match self.amount(figure, "minimum", value)? {
            below if below < 0 => Err(self.error(value.span().start, "`minimum` is below zero: write 0 or more")),
            minimum => Ok(minimum),
        }
    }

    /// An integer, or a size in a string. `name` is that of the key.
    fn amount(&self, figure: Figure, name: &str, value: &TomlValue<'_>) -> Result<i64, Error> {
        let fail = |what: String| self.error(value.span().start, what);
        match value.get_ref() {
            DeValue::Integer(number) => match syntax::integer(number) {
                None => Err(fail(format!("`{name}` does not fit into 64 bits: write less"))),
                Some(below) if below < 0 && !figure.goes_below_zero() => {
                    Err(fail(format!("`{figure}` is never below zero: write 0 or more")))
                }
                Some(number) => Ok(number),
            },
            DeValue::String(text) => amount(figure, text.trim()).map_err(fail),
            _ => Err(self.wrong(name, value, &format!("an integer or a string such as {}", example(figure)))),
        }
    }
}

/// What can be written where a limit stands.
fn ways(figure: Figure) -> String {
    let size = example(figure);
    format!("an integer (exactly), {size} (at most), \"ratchet\", \"1%\" (as recorded), \"none\", or a table")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::budget::policy::samples::{FILE, error, limit, linux, place, policy};

    /// The limit of `allocs` or `net_bytes` that `written` makes.
    fn made(figure: &str, written: &str) -> Option<FigureLimit> {
        let column = figure.len() + 4;
        let rules = policy(&format!("[defaults]\n{figure} = {written}\n")).rules("a", &linux());
        let limit = rules.limits.into_values().next();
        assert!(limit.as_ref().is_none_or(|limit| limit.place == place(3, column)), "{limit:?}");
        limit
    }

    #[test]
    fn every_kind_of_limit_is_read() {
        let some = |limit: FigureLimit| Some(limit);
        let allocs = limit(3, 10);
        let around = |percent, minimum| Tolerance { percent, minimum };
        let cases = [
            ("0", some(FigureLimit { exact: Some(0), ..allocs.clone() })),
            ("0x10", some(FigureLimit { exact: Some(16), ..allocs.clone() })),
            ("\"1000\"", some(FigureLimit { max: Some(1000), ..allocs.clone() })),
            ("\"12 k\"", some(FigureLimit { max: Some(12_000), ..allocs.clone() })),
            ("' 2.5M '", some(FigureLimit { max: Some(2_500_000), ..allocs.clone() })),
            ("\"ratchet\"", some(FigureLimit { ratchet: true, ..allocs.clone() })),
            ("\"1%\"", some(FigureLimit { ratchet: true, tolerance: around(1.0, 0), ..allocs.clone() })),
            ("\"0.5 %\"", some(FigureLimit { ratchet: true, tolerance: around(0.5, 0), ..allocs.clone() })),
            ("\"1000%\"", some(FigureLimit { ratchet: true, tolerance: around(1000.0, 0), ..allocs.clone() })),
            ("\"none\"", None),
            ("{ exact = 3 }", some(FigureLimit { exact: Some(3), ..allocs.clone() })),
            ("{ exact = \"3 k\", max = 9 }", some(FigureLimit { exact: Some(3000), max: Some(9), ..allocs.clone() })),
            ("{ max = \"3 k\", ratchet = false }", some(FigureLimit { max: Some(3000), ..allocs.clone() })),
            (
                "{ tolerance = \"2%\" }",
                some(FigureLimit { ratchet: true, tolerance: around(2.0, 0), ..allocs.clone() }),
            ),
            (
                "{ tolerance = \"2%\", minimum = 5 }",
                some(FigureLimit { ratchet: true, tolerance: around(2.0, 5), ..allocs.clone() }),
            ),
            (
                "{ exact = 3, ratchet = false, minimum = \"1 k\" }",
                some(FigureLimit { exact: Some(3), tolerance: around(0.0, 1000), ..allocs.clone() }),
            ),
            (
                "{ ratchet = true, max = 9, minimum = 2 }",
                some(FigureLimit { ratchet: true, max: Some(9), tolerance: around(0.0, 2), ..allocs }),
            ),
        ];
        for (written, expected) in cases {
            assert_eq!(made("allocs", written), expected, "{written}");
        }
        let net = limit(3, 13);
        assert_eq!(made("net_bytes", "-5"), some(FigureLimit { exact: Some(-5), ..net.clone() }));
        assert_eq!(made("net_bytes", "{ max = -5 }"), some(FigureLimit { max: Some(-5), ..net.clone() }));
        assert_eq!(made("net_bytes", &i64::MIN.to_string()), some(FigureLimit { exact: Some(i64::MIN), ..net }));
    }

    #[test]
    fn limits_that_are_none_are_refused_at_their_value() {
        let ways =
            "write an integer (exactly), \"12 k\" (at most), \"ratchet\", \"1%\" (as recorded), \"none\", or a table";
        let cases = [
            ("true", format!("10: `allocs` is a boolean: {ways}")),
            ("1.5", format!("10: `allocs` is a float: {ways}")),
            ("[1]", format!("10: `allocs` is an array: {ways}")),
            ("'much'", format!("10: \"much\" is no limit: {ways}")),
            ("'rachet'", "10: \"rachet\" is no limit: did you mean `ratchet`?".into()),
            ("-1", "10: `allocs` is never below zero: write 0 or more".into()),
            ("9223372036854775808", "10: `allocs` does not fit into 64 bits: write less".into()),
            ("'-1'", "10: \"-1\" is below zero: write a number and a unit, such as \"12 k\"".into()),
            ("'1 x'", "10: `x` is no unit of `allocs`, which counts blocks: valid are `k`, `M`, `G`, `T`".into()),
            ("'1001%'", "10: \"1001%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("'-1%'", "10: \"-1%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("'inf%'", "10: \"inf%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("'1e2%'", "10: \"1e2%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("'%'", "10: \"%\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("{}", "10: this table limits nothing: add `max`, `exact` or `ratchet = true`, or write \"none\"".into()),
            (
                "{ ratchet = false }",
                "10: this table limits nothing: add `max`, `exact` or `ratchet = true`, or write \"none\"".into(),
            ),
            (
                "{ ratchet = true, exact = 1 }",
                "10: `exact` and `ratchet` exclude each other: keep the one that the figure is held against".into(),
            ),
            (
                "{ minimum = 1 }",
                "12: `minimum` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
            ),
            (
                "{ max = 1, tolerance = '1%' }",
                "21: `tolerance` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
            ),
            (
                "{ ratchet = false, tolerance = '1%' }",
                "29: `tolerance` is around no figure: add `ratchet = true` or `exact = ..`, or take it away".into(),
            ),
            ("{ exact = -1 }", "20: `allocs` is never below zero: write 0 or more".into()),
            ("{ max = true }", "18: `max` is a boolean: write an integer or a string such as \"12 k\"".into()),
            ("{ max = 'ratchet' }", "18: \"ratchet\" is no amount: write a number and a unit, such as \"12 k\"".into()),
            ("{ ratchet = 1 }", "22: `ratchet` is an integer: write `true` or `false`".into()),
            ("{ tolerance = 1 }", "24: `tolerance` is an integer: write a percentage such as \"1%\"".into()),
            ("{ tolerance = '1' }", "24: \"1\" is no tolerance: write a percentage from \"0%\" to \"1000%\"".into()),
            ("{ maxi = 1 }", "12: unknown key `maxi`: did you mean `max`?".into()),
        ];
        for (written, expected) in cases {
            assert_eq!(error(&format!("[defaults]\nallocs = {written}")), format!("{FILE}:3:{expected}"));
        }
        let said = error("[defaults]\nnet_bytes = { ratchet = true, minimum = -1 }");
        assert_eq!(said, format!("{FILE}:3:41: `minimum` is below zero: write 0 or more"));
    }
}
