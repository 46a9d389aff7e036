//! What the lookup costs in a large program, and whose memory it takes: the ledger's own, while it lasts. Figures of
//! the whole process are read in one that does nothing else.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use object::{Object, ObjectSection, ObjectSymbol, ReadCache};

use crate::symbols::modules::ModuleFiles;
use crate::symbols::symbolize::symbolize_in;
use crate::symbols::{CallFrame, Origin, symbolize};
use crate::{measure, snapshot};

/// The file and the addresses that the process of its own is to look up.
const LOOK_UP: &str = "HEAPLEDGER_TEST_LOOK_UP";

/// Where the file is mapped, as far as the lookup is told.
const START: u64 = 0x7000_0000_0000;

#[global_allocator]
static ALLOC: crate::Allocator = crate::Allocator::system();

#[test]
fn twenty_functions_of_a_large_program_take_little_and_nothing_that_is_not_the_ledger_s() {
    let program = tantivy_tests();
    let addresses = functions_of(&program, "tantivy", 20);
    let addresses = Vec::from_iter(addresses.iter().map(|offset| format!("{:x}", START + offset + 1)));
    let output = Command::new(std::env::current_exe().expect("this program runs"))
        .args(["--exact", "symbols::tests::cost::in_a_process_of_its_own", "--nocapture"])
        .env(LOOK_UP, format!("{} {}", addresses.join(" "), program.display()))
        .output()
        .expect("this program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let megabytes = program.metadata().map_or(0, |file| file.len() >> 20);
    let figures = text.lines().find(|line| line.contains("at the peak")).expect("the process tells its figures");
    println!("tantivy's tests, {megabytes} MiB: {figures}");
    // In MiB, of this program, which has 200. It is twice what may be: a machine's own debug information varies.
    let heap = figures.split("of heap ").nth(1).and_then(|rest| rest.split(' ').next());
    let heap: f64 = heap.and_then(|figure| figure.parse().ok()).expect("it is a number");
    assert!(heap < 80.0, "{figures}");
}

/// Does nothing unless the test above asks.
#[test]
fn in_a_process_of_its_own() {
    let Ok(asked) = std::env::var(LOOK_UP) else { return };
    let mut words = asked.splitn(21, ' ');
    let address = |word| usize::from_str_radix(word, 16).expect("the test writes hexadecimal digits");
    let stack = Vec::from_iter(words.by_ref().take(20).map(address));
    let path = words.next().expect("the file comes last");
    let modules = ModuleFiles::read(format!("{START:x}-{:x} r-xp 00000000 00:00 0 {path}", START << 1).as_bytes());
    let before = snapshot().total();
    let begun = worked();
    let ((found, heap), _) = measure("lookup", || {
        let found = crate::record::Own::new(|| symbolize_in(&modules, &[stack], &["tests/tantivy_leaks.rs"]));
        (found, snapshot().total().peak_bytes.unwrap_or(0) as i64 - before.live_bytes)
    });
    let (took, resident) = (worked() - begun, resident());
    let lines = found[0].iter().filter(|frame| frame.line.is_some()).count();
    let functions = found[0].iter().filter(|frame| frame.function.is_some()).count();
    assert!(functions >= 20 && lines * 10 >= functions * 7, "{:#?}", *found);
    let is_tantivy = |frame: &CallFrame| matches!(&frame.origin, Origin::Crate { name, .. } if name == "tantivy");
    assert!(found[0].iter().any(is_tantivy), "{:#?}", *found);
    measure("lookup", || drop(found));
    assert_untouched();
    let after = snapshot().total().live_bytes - before.live_bytes;
    let mib = |bytes: i64| bytes as f64 / f64::from(1 << 20);
    let (heap, after) = (mib(heap), mib(after));
    println!(
        "\n{took:.0?} of work, of heap {heap:.1} MiB at the peak, {after:.2} MiB after; resident {:.1} MiB",
        mib(resident)
    );
}

/// How long this thread worked so far: others use the machine, too.
fn worked() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("it is a number"))
}

/// The most that the process had in memory, files that it read included.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
    line.trim().trim_end_matches(" kB").parse::<i64>().expect("it is a number") << 10
}

/// Nothing was allocated or freed by the operation in which the lookup was made.
#[track_caller]
fn assert_untouched() {
    let own = snapshot().operation("lookup").expect("it was measured").total;
    assert_eq!((own.allocs, own.frees, own.reallocs, own.allocated_bytes), (0, 0, 0, 0));
    assert_eq!((own.live_bytes, own.peak_bytes), (0, Some(0)));
}

#[test]
fn this_process_finds_its_own_lines_and_no_operation_sees_it() {
    let mut addresses = Vec::new();
    let line = line!() + 1;
    backtrace::trace(|frame| {
        addresses.push(frame.ip() as usize);
        true
    });
    let ledgers_own = || snapshot().operation("(heapledger)").expect("it is always there").own.allocated_bytes;
    let before = ledgers_own();
    let stacks = [addresses];
    let begun = worked();
    let (found, _) = measure("lookup", || symbolize(&stacks, &[file!()]));
    let (took, addresses) = (worked() - begun, stacks[0].len());
    let program = std::env::current_exe().and_then(std::fs::metadata).map_or(0, |file| file.len() >> 20);
    println!("this program, {program} MiB: {took:.0?} of work for {addresses} addresses");
    assert!(ledgers_own() - before > 1 << 20, "the lookup is the ledger's own work");
    let is_here = |frame: &&CallFrame| frame.function.as_deref().is_some_and(|name| name.ends_with("sees_it"));
    let here = found[0].iter().find(is_here).expect("this function is on its stack");
    assert_eq!((here.file.as_deref(), here.line), (Some(file!()), Some(line)));
    measure("lookup", || drop(found));
    assert_untouched();
}

/// The test binary with tantivy in it, which cargo has built already where all tests are run.
fn tantivy_tests() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--test", "tantivy_leaks", "--no-run", "--message-format=json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = |line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == "tantivy_leaks" && message["executable"].is_string();
        is_it.then(|| PathBuf::from(message["executable"].as_str().unwrap_or("")))
    };
    messages.lines().find_map(executable).expect("cargo has built it")
}

/// Where so many functions of that crate begin in the file, from all over it.
fn functions_of(program: &Path, name: &str, count: usize) -> Vec<u64> {
    let data = ReadCache::new(File::open(program).expect("cargo has just built it"));
    let file = object::File::parse(&data).expect("it is a program");
    let text = file.section_by_name(".text").expect("a program has code");
    let (offset, _) = text.file_range().expect("it is in the file");
    let named = file.symbols().filter(|symbol| {
        let is_of = symbol.name().is_ok_and(|symbol| symbol.contains(name));
        is_of && symbol.size() > 64 && symbol.section_index() == Some(text.index())
    });
    let mut places = Vec::from_iter(named.map(|symbol| symbol.address() - text.address() + offset + 32));
    places.sort_unstable();
    places.dedup();
    let step = places.len() / count;
    assert!(step > 10, "{} functions are few", places.len());
    places.into_iter().step_by(step).take(count).collect()
}
