//! `cargo run --release`, then `curl 'localhost:7878/search?q=allocator'`, and a look at
//! <http://localhost:7878/debug/heap>. Ctrl-C ends it, with a report. The first argument is another address, the second
//! one how many bytes the cache may own.

mod main_of_both;

use std::env;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// What the cache of results may own, where nobody says.
const CACHE_BYTES: u64 = 1 << 20;

fn main() -> anyhow::Result<()> {
    let cache_bytes = env::args().nth(2).map_or(Ok(CACHE_BYTES), |bytes| bytes.parse())?;
    main_of_both::main(Some(cache_bytes))?;
    heapledger::report().print()?;
    Ok(())
}
