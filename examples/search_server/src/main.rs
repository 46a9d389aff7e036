//! `cargo run --release`, then `curl 'localhost:7878/search?q=allocator'`, and a look at
//! <http://localhost:7878/debug/heap>. Ctrl-C ends it, with a report.

mod main_of_both;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

fn main() -> anyhow::Result<()> {
    main_of_both::main()?;
    heapledger::report().print()?;
    Ok(())
}
