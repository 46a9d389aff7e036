//! heapledger

mod error;
mod future;
pub mod monitor;
mod operation;
mod record;
mod registry;
mod render;
mod report;
mod scope;
mod size;
mod snapshot;
mod tally;

pub use error::Error;
pub use future::{Track, Tracked};
pub use record::Allocator;
pub use report::{Report, report};
pub use scope::{Name, Operation, Scope, current, is_installed, measure, track};
pub use snapshot::{Row, Snapshot, snapshot};
pub use tally::Tally;
