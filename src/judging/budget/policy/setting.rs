//! What stands beside a figure: a limit in one of its forms, or `"none"`. Whether a figure keeps to it is for `judge`.

use toml_spanner::{Item, Table, Value};

use super::amount::{amount, example, percent};
use super::value::Reader;
use crate::judging::budget::figure::Figure;
use crate::judging::budget::limit::{FigureLimit, Tolerance};
use crate::judging::budget::problem::Problem;
use crate::judging::budget::syntax::{self, start};
use crate::words::quoted;

impl Reader<'_> {
    /// The limit that `value` writes; `None` for `"none"`.
    pub(super) fn setting(&self, figure: Figure, value: &Item<'_>) -> Result<Option<FigureLimit>, Problem> {
        let place = self.place(start(value.span()));
        let limit = FigureLimit { exact: None, ratchet: false, max: None, tolerance: Tolerance::default(), place };
        let fail = |what: String| self.error(start(value.span()), what);
        match value.value() {
            Value::Integer(_) => {
                let exact = self.amount(figure, figure.name(), value)?;
                Ok(Some(FigureLimit { exact: Some(exact), ..limit }))
            }
            Value::String(text) => match text.trim() {
                "none" => Ok(None),
                "ratchet" => Ok(Some(FigureLimit { ratchet: true, ..limit })),
                share if share.ends_with('%') => {
                    let percent = percent(figure, share).map_err(fail)?;
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
            Value::Table(table) => self.limit_table(figure, start(value.span()), table, limit).map(Some),
            _ => Err(self.wrong(figure.name(), value, &ways(figure))),
        }
    }

    /// The limit that a table writes, with what `limit` says of it already.
    fn limit_table(
        &self,
        figure: Figure,
        at_table: usize,
        table: &Table<'_>,
        mut limit: FigureLimit,
    ) -> Result<FigureLimit, Problem> {
        let mut ratchet = None;
        // Where the keys stand that need a figure to be around.
        let (mut tolerance, mut minimum) = (None, None);
        let mut wrong = None;
        for (key, value) in table {
            let at = start(key.span);
            let read = match key.name {
                "exact" => self.amount(figure, "exact", value).map(|exact| limit.exact = Some(exact)),
                "max" => self.amount(figure, "max", value).map(|max| limit.max = Some(max)),
                "ratchet" => self.boolean("ratchet", value).map(|wanted| ratchet = Some(wanted)),
                "tolerance" => self
                    .tolerance(figure, value)
                    .map(|percent| (limit.tolerance.percent, tolerance) = (percent, Some(at))),
                "minimum" => {
                    self.minimum(figure, value).map(|least| (limit.tolerance.minimum, minimum) = (least, Some(at)))
                }
                _ => Err(self.unknown(key, &["exact", "max", "ratchet", "tolerance", "minimum"])),
            };
            // The last problem is the caller's to note.
            if let Err(problem) = read {
                self.problems.borrow_mut().extend(wrong.replace(problem));
            }
        }
        // What keys mean together is for when each of them is right.
        if let Some(problem) = wrong {
            return Err(problem);
        }
        // A tolerance alone asks for the recorded figure; beside a ceiling it may be meant for that.
        let implied = tolerance.is_some() && limit.exact.is_none() && limit.max.is_none();
        limit.ratchet = ratchet.unwrap_or(implied);
        let fail = |what: &str| Err(self.error(at_table, what));
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

    fn tolerance(&self, figure: Figure, value: &Item<'_>) -> Result<f64, Problem> {
        let text = self.string("tolerance", value, "a percentage such as \"1%\"")?;
        percent(figure, text.trim()).map_err(|what| self.error(start(value.span()), what))
    }

    fn minimum(&self, figure: Figure, value: &Item<'_>) -> Result<i64, Problem> {
        match self.amount(figure, "minimum", value)? {
            below if below < 0 => Err(self.error(start(value.span()), "`minimum` is below zero: write 0 or more")),
            minimum => Ok(minimum),
        }
    }

    /// An integer, or a size in a string. `name` is that of the key.
    fn amount(&self, figure: Figure, name: &str, value: &Item<'_>) -> Result<i64, Problem> {
        let fail = |what: String| self.error(start(value.span()), what);
        match value.value() {
            Value::Integer(number) => match number.as_i64() {
                None => Err(fail(format!("`{name}` does not fit into 64 bits: write less"))),
                Some(below) if below < 0 && !figure.goes_below_zero() => {
                    Err(fail(format!("`{figure}` is never below zero: write 0 or more")))
                }
                Some(number) => Ok(number),
            },
            Value::String(text) => amount(figure, text.trim()).map_err(fail),
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
mod tests;
