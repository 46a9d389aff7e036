//! The command `cargo heapledger`. What it does is in the library's `command` module; the allocator is here for its
//! `self-test`.

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

fn main() -> std::process::ExitCode {
    heapledger::command::main()
}
