//! `code_search` without heapledger: the same engine on the same input with std's own allocator, for comparison. Where
//! the allocator is not installed, `track` does nothing.
//!
//! ```text
//! cargo run --release --example code_search_plain
//! ```

#[path = "code_search/app.rs"]
mod app;
#[path = "code_search/engine.rs"]
mod engine;
#[path = "code_search/progress.rs"]
mod progress;
#[path = "code_search/sources.rs"]
mod sources;

use std::io;
use std::process::ExitCode;

use clap::Parser;

/// Indexes source text with tantivy and searches it: the program that `code_search` is compared with.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: app::Options,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    app::exit(app::run(&cli.options).and_then(|done| done.print(&mut io::stdout().lock())))
}
