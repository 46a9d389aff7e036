//! Libraries that are unloaded while call stacks are captured, and others that are loaded at the same place: no stack
//! may mean code that is not there any more, and nothing may read what was unmapped.

#![cfg(all(feature = "lines", target_os = "linux", target_env = "gnu", target_arch = "x86_64", not(miri)))]
#![allow(unsafe_code, reason = "it loads and unloads libraries")]

mod common;

use std::ffi::{CString, c_void};
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{balanced, in_its_own_process};
use heapledger::{CallStack, CallStackKind, capture, snapshot, symbolize, track};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Two functions that call back, from frames of `ROOM` words. `PAD` takes room behind them.
const SOURCE: &str = "
    #![no_std]
    use core::sync::atomic::AtomicU8;
    static PAD: [AtomicU8; PAD_BYTES] = [const { AtomicU8::new(0) }; PAD_BYTES];
    macro_rules! relay {
        ($name:ident + $more:literal) => {
            #[unsafe(no_mangle)]
            #[inline(never)]
            pub extern \"C\" fn $name(call: extern \"C\" fn(usize) -> usize, size: usize) -> usize {
                let mut room = [core::mem::MaybeUninit::<usize>::uninit(); ROOM];
                core::hint::black_box((&mut room, &PAD));
                let got = call(size);
                core::hint::black_box(&room);
                got + $more
            }
        };
    }
    relay! { one + 1 }
    relay! { two + 2 }
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        loop {}
    }
";

/// A library with frames of so many words and so many bytes of padding.
fn built(name: &str, room: usize, pad: usize, build_id: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) = (folder.join(format!("{name}.rs")), folder.join(format!("lib{name}.so")));
    let text = SOURCE.replace("ROOM", &room.to_string()).replace("PAD_BYTES", &pad.to_string());
    std::fs::write(&source, text).expect("the folder is cargo's own, for tests");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=cdylib", "-O", "-Cpanic=abort", "-Cforce-unwind-tables=yes"])
        .arg(format!("-Clink-arg=-Wl,--build-id={build_id}"))
        .arg("-o")
        .args([&library, &source])
        .output()
        .expect("rustc built this test, so it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

type Relay = extern "C" fn(extern "C" fn(usize) -> usize, usize) -> usize;

/// A library that is loaded until [`unload`](Self::unload).
struct Library(*mut c_void);

impl Library {
    fn load(path: &Path) -> Self {
        let path = CString::new(path.as_os_str().as_bytes()).expect("a path has no zero");
        // SAFETY: the path ends with a zero, and the library has no initializers.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null(), "the test has just built it");
        Self(handle)
    }

    fn relay(&self, name: &str) -> Relay {
        let name = CString::new(name).expect("a name has no zero");
        // SAFETY: the library is loaded, and the name ends with a zero.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!found.is_null());
        // SAFETY: both functions have this type.
        unsafe { std::mem::transmute::<*mut c_void, Relay>(found) }
    }

    fn unload(self) {
        // SAFETY: it is loaded, and nothing of it is used any more.
        assert_eq!(unsafe { libc::dlclose(self.0) }, 0);
    }
}

/// Allocates a block that stays.
extern "C" fn keep(size: usize) -> usize {
    black_box(Vec::<u8>::with_capacity(black_box(size))).leak().len()
}

#[inline(never)]
fn through(library: &Library, relay: &str, size: usize) {
    let _op = track("through");
    library.relay(relay)(keep, size);
}

/// The stack that owns so many bytes.
#[track_caller]
fn owner(of: i64) -> CallStack {
    let stacks = snapshot().stacks("through");
    let row = balanced().operation("through").expect("it ran").total;
    assert_eq!(stacks.iter().map(|stack| stack.live_bytes).sum::<i64>(), row.live_bytes);
    stacks.iter().find(|stack| stack.live_bytes == of).unwrap_or_else(|| panic!("{of} B: {stacks:#?}")).clone()
}

/// Whether an address of `stack` is in the first bytes of the function.
fn passes(stack: &CallStack, relay: Relay) -> bool {
    let start = relay as usize;
    stack.addresses().iter().any(|address| (start..start + 4096).contains(address))
}

/// Loads `next` where `before` was.
fn replaced(before: Library, next: &Path) -> Library {
    let place = before.relay("one") as usize;
    before.unload();
    let next = Library::load(next);
    assert!(place.abs_diff(next.relay("one") as usize) < 0x4000, "the system reuses the place");
    next
}

#[test]
fn another_library_at_the_same_place_is_told_apart_and_the_report_says_so() {
    in_its_own_process("another_library_at_the_same_place_is_told_apart_and_the_report_says_so", || {
        let [small, large] = [built("apart_small", 20, 1, "sha1"), built("apart_large", 60, 1, "sha1")];
        let _capture = capture("through");
        let first = Library::load(&small);
        // Loaded after the capture began: its frames have no rules until somebody looks.
        through(&first, "one", 1_000);
        assert_eq!(owner(1_000).kind, CallStackKind::Incomplete);
        through(&first, "one", 2_000);
        let before = owner(2_000);
        assert!(before.kind == CallStackKind::Complete && passes(&before, first.relay("one")), "{before:?}");

        let place = first.relay("one") as usize;
        let second = replaced(first, &large);
        assert_eq!(second.relay("one") as usize, place, "its code is as long");
        // Nobody has looked: the first library's rules are still known here, and its stacks.
        through(&second, "one", 5_000);
        let stacks = snapshot().stacks("through");
        let there = second.relay("one");
        assert!(stacks.iter().all(|stack| !passes(stack, there)), "{stacks:#?}");
        let voided = owner(2_000);
        assert_eq!((voided.kind, voided.addresses().len()), (CallStackKind::Unloaded, before.addresses().len() - 1));
        let line = symbolize(&[voided]).remove(0);
        assert!(line.ends_with(", through a library that was unloaded"), "{line}");

        for turn in 1..=2 {
            through(&second, "one", 7_000);
            let stack = owner(turn * 7_000);
            assert!(stack.kind == CallStackKind::Complete && passes(&stack, there), "{stack:?}");
            assert_eq!(stack.addresses().len(), before.addresses().len());
        }
        balanced().check().expect("the law holds");
    });
}

#[test]
fn tables_of_a_library_that_is_gone_are_not_read() {
    in_its_own_process("tables_of_a_library_that_is_gone_are_not_read", || {
        let [first, second] = [built("tables_first", 20, 8_192, "sha1"), built("tables_second", 20, 1, "sha1")];
        let first = Library::load(&first);
        let _capture = capture("through");
        through(&first, "one", 1_000);
        assert_eq!(owner(1_000).kind, CallStackKind::Complete);
        let second = replaced(first, &second);
        // A smaller library at the end of that place: where the first one's tables were, there is nothing.
        through(&second, "two", 3_000);
        through(&second, "two", 4_000);
        assert!(snapshot().stacks("through").iter().all(|stack| !passes(stack, second.relay("two"))));
        through(&second, "two", 6_000);
        assert_eq!(owner(6_000).kind, CallStackKind::Complete);
        // And where nothing is any more.
        second.unload();
        assert_eq!(owner(6_000).kind, CallStackKind::Unloaded);
    });
}

#[test]
fn a_library_that_was_unloaded_and_is_back_is_the_same_if_its_build_id_says_so() {
    in_its_own_process("a_library_that_was_unloaded_and_is_back_is_the_same_if_its_build_id_says_so", || {
        for (build_id, size, kind) in
            [("sha1", 1_000, CallStackKind::Complete), ("none", 3_000, CallStackKind::Unloaded)]
        {
            let path = built(&format!("back_{build_id}"), 20, 1, build_id);
            let library = Library::load(&path);
            let _capture = capture("through");
            through(&library, "one", size as usize);
            assert_eq!(owner(size).kind, CallStackKind::Complete);
            let another = Library::load(&built("back_another", 60, 1, "sha1"));
            assert_eq!(owner(size).kind, CallStackKind::Complete, "one more is not one less");
            another.unload();
            assert_eq!(owner(size).kind, kind, "without a build id, nobody knows which one was unloaded");
            through(&library, "one", 2 * size as usize);
            let library = replaced(library, &path);
            assert_eq!(owner(2 * size).kind, kind, "{build_id}");
            library.unload();
        }
    });
}
