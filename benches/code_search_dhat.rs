//! `code_search` under dhat, which takes the call stack of every block, for comparison: its profile is written to
//! `dhat-heap.json` where it runs.

#[path = "../examples/code_search/app.rs"]
mod app;
#[path = "../examples/code_search/engine.rs"]
mod engine;
#[path = "../examples/code_search/progress.rs"]
mod progress;
#[path = "../examples/code_search/sources.rs"]
mod sources;

use std::io;
use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// Indexes source text with tantivy and searches it: the program that `code_search` is compared with.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: app::Options,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let _profiler = dhat::Profiler::new_heap();
    app::exit(app::run(&cli.options).and_then(|done| done.print(&mut io::stdout().lock())))
}
