//! The same server with std's own allocator, for comparison: nobody watches its memory.

#[path = "../main_of_both.rs"]
mod main_of_both;

fn main() -> anyhow::Result<()> {
    main_of_both::main(None)
}
