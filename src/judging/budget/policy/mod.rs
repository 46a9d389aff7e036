//! The policy: what people write into `heapledger.toml`. It is read completely or refused: no key in it can be misspelt
//! without an error.

/// Sizes, counts and percentages, exactly as they are written.
mod amount;
/// The `cfg` expressions of `[target]`.
mod cfgs;
/// A naive model of which limits hold.
#[cfg(test)]
mod model;
/// The document and its tables, made into a policy.
mod read;
/// Which limits hold for an operation.
mod rules;
/// Policies, places and environments for the tests of this folder.
#[cfg(test)]
mod samples;
/// What stands beside a figure: a limit in one of its forms, or `"none"`.
mod setting;
/// One table of limits, as it stands in the file.
mod table;
/// Values of one TOML type, and what is said of others.
mod value;

pub(crate) use rules::{Policy, Rules};
