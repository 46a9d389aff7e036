//! Call stacks through functions of C whose frames have another size at every call (`alloca`), or a very large one. The
//! test compiles them with the C compiler that also links it, with and without optimization.

#![cfg(all(feature = "lines", target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
#![allow(unsafe_code, reason = "it loads a library and calls it")]

mod common;

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_void};
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::{mem, thread};

use common::balanced;
use heapledger::{CallStackKind, capture, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Each calls back, from a frame of the size that it is asked for, or from many large ones.
const SOURCE: &str = "
    #include <string.h>

    typedef void (*callback)(void);
    static volatile char last;

    __attribute__((noinline)) void with_alloca(callback call, unsigned long size) {
        char *room = __builtin_alloca(size);
        memset(room, 1, size);
        call();
        last = room[size / 2];
    }

    __attribute__((noinline)) void with_alloca_in_a_loop(callback call, unsigned long size) {
        char *room = 0;
        for (unsigned long taken = 0; taken < size; taken += 4000) {
            room = __builtin_alloca(1000 + taken % 64);
            memset(room, 2, 1000);
            call();
        }
        last = room[7];
    }

    __attribute__((noinline)) void with_large_frames(callback call, unsigned long size) {
        char room[150000];
        memset(room, 3, sizeof room);
        if (size > sizeof room)
            with_large_frames(call, size - sizeof room);
        else
            call();
        last = room[size % sizeof room];
    }
";

type Calls = extern "C" fn(extern "C" fn(), usize);

/// The library, loaded.
fn load(optimized: &str) -> *mut c_void {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) = (folder.join(format!("frames{optimized}.c")), folder.join(format!("frames{optimized}.so")));
    std::fs::write(&source, SOURCE).expect("the folder is cargo's own, for tests");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-fno-optimize-sibling-calls", optimized, "-o"])
        .args([&library, &source])
        .output()
        .expect("it linked this test, so it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = CString::new(library.as_os_str().as_bytes()).expect("a path has no zero");
    // SAFETY: the path ends with a zero, and the library has no initializers.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    assert!(!handle.is_null(), "the test has just built it");
    handle
}

fn function(library: *mut c_void, name: &CStr) -> Calls {
    // SAFETY: the library is loaded for ever, and the name ends with a zero.
    let address = unsafe { libc::dlsym(library, name.as_ptr()) };
    assert!(!address.is_null(), "the library has it");
    // SAFETY: the function has this type.
    unsafe { mem::transmute::<*mut c_void, Calls>(address) }
}

thread_local! {
    /// What another unwinder said at each call.
    static UNWOUND: RefCell<Vec<Vec<usize>>> = const { RefCell::new(Vec::new()) };
}

extern "C" fn call_back() {
    let mut addresses = Vec::with_capacity(100);
    backtrace::trace(|frame| {
        addresses.push(frame.ip() as usize);
        true
    });
    addresses.retain(|address| *address != 0);
    UNWOUND.with_borrow_mut(|all| all.push(addresses));
    let _op = track("in_c");
    mem::forget(black_box(Vec::<u8>::with_capacity(black_box(100))));
}

/// Calls a function so often that its stacks are recognized, and returns what another unwinder says: from the function
/// that is called out, since what is further in differs. It must be the same each time.
#[inline(never)]
fn call(calls: Calls, sizes: &[usize]) -> Vec<usize> {
    for size in sizes.iter().cycle().take(200) {
        calls(call_back, *size);
    }
    let unwound = UNWOUND.take();
    let of_it = (calls as usize)..(calls as usize + 400);
    let from_c = |addresses: &Vec<usize>| {
        let first = addresses.iter().position(|address| of_it.contains(address)).expect("it called back");
        addresses[first..].to_vec()
    };
    let expected = from_c(&unwound[0]);
    assert!(unwound.iter().all(|addresses| from_c(addresses) == expected));
    expected
}

#[test]
fn frames_of_c_that_are_large_or_of_another_size_each_time_are_walked_and_recognized() {
    for optimized in ["-O0", "-O2"] {
        let library = load(optimized);
        for (name, sizes) in [
            (c"with_alloca", &[16, 1, 300, 40_000, 17, 500_000][..]),
            (c"with_alloca_in_a_loop", &[4_000, 9_000, 200_000]),
            (c"with_large_frames", &[900_000]),
        ] {
            let calls = function(library, name);
            let _capture = capture("in_c");
            let (before, worked) = (balanced(), thread::spawn(move || call(calls, sizes)));
            let expected = worked.join().expect("it calls back");
            let stacks = (balanced() - before).stacks("in_c");
            assert_eq!(stacks.len(), 1, "{name:?} {optimized}: {stacks:#?}");
            assert_eq!(stacks[0].kind, CallStackKind::Complete, "{name:?} {optimized}");
            assert!(stacks[0].addresses().ends_with(&expected), "{name:?} {optimized}: {stacks:x?} {expected:x?}");
            assert!(expected.len() > 6, "{expected:x?}");
        }
    }
}
