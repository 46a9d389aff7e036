//! A program and its plug-in, each with a heapledger of its own. A block that one of them makes and the other frees is
//! charged to nobody who has nothing to do with it, and the ledger of who frees it never passes.

#![cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
#![allow(unsafe_code, reason = "it loads a plug-in, and frees blocks on the wrong side, on purpose")]

mod common;

use std::ffi::{CString, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{plays, said_and_passed};
use heapledger::{Tally, measure, snapshot};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

const SIZE: usize = 48;
/// What a role says where both copies have the same mark, which one pair in 511 has.
const SAME_MARK: &str = "both copies have the same mark";

/// The plug-in, which is loaded for good.
struct Plugin(*mut c_void);

impl Plugin {
    fn load() -> Self {
        let path = CString::new(built().as_os_str().as_bytes()).expect("a path has no zero");
        // SAFETY: the path ends with a zero; the plug-in's initializers are those of std.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "the test has just built it");
        Self(handle)
    }

    fn find(&self, name: &str) -> *mut c_void {
        let name = CString::new(name).expect("a name has no zero");
        // SAFETY: the plug-in is loaded, and the name ends with a zero.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!found.is_null());
        found
    }

    fn makes(&self, size: usize) -> *mut u8 {
        // SAFETY: it has this type.
        let makes =
            unsafe { std::mem::transmute::<*mut c_void, extern "C" fn(usize) -> *mut u8>(self.find("plugin_makes")) };
        makes(size)
    }

    /// # Safety
    /// `block` is one of `SIZE` bytes that a global allocator of Rust made, and nobody uses it any more.
    unsafe fn frees(&self, block: *mut u8) {
        let frees = self.find("plugin_frees");
        // SAFETY: it has this type.
        let frees = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut u8, usize)>(frees) };
        // SAFETY: the caller's promise.
        unsafe { frees(block, SIZE) }
    }

    /// What its ledger says.
    fn checks(&self) -> c_int {
        // SAFETY: it has this type.
        let checks =
            unsafe { std::mem::transmute::<*mut c_void, extern "C" fn() -> c_int>(self.find("plugin_checks")) };
        checks()
    }
}

fn built() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plugin/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug/libplugin.so")
}

/// The ten upper bits of what stands behind a block of `SIZE` bytes.
fn mark(block: *mut u8) -> u32 {
    // SAFETY: the allocator made four bytes of room behind the block.
    let behind = unsafe { block.add(SIZE) }.cast::<u32>();
    // SAFETY: there they are, aligned as `SIZE` is; volatile, for no object that the compiler knows is there.
    unsafe { behind.read_volatile() >> 22 }
}

fn bytes() -> *mut u8 {
    Box::leak(vec![0u8; SIZE].into_boxed_slice()).as_mut_ptr()
}

#[test]
fn who_frees_a_block_of_the_other_copy_is_told_and_nobody_else_is_charged() {
    const NAME: &str = "who_frees_a_block_of_the_other_copy_is_told_and_nobody_else_is_charged";
    if plays(NAME) {
        return exchange_blocks();
    }
    // Where each copy is loaded is another place every time.
    for _ in 0..5 {
        if !said_and_passed(NAME, NAME).contains(SAME_MARK) {
            return;
        }
    }
    panic!("the marks of both copies are the same every time");
}

fn exchange_blocks() {
    // As many operations as the plug-in has, so that every account there has a namesake here.
    for name in ["alpha", "beta", "gamma", "delta", "epsilon"] {
        measure(name, || drop(vec![0u8; 16]));
    }
    let plugin = Plugin::load();
    let (mine, _) = measure("host", bytes);
    let theirs = plugin.makes(SIZE);
    if mark(mine) == mark(theirs) {
        return println!("{SAME_MARK}");
    }
    assert_eq!(plugin.checks(), 0);

    let before = snapshot();
    // SAFETY: the block has this size, both copies free through the system, and it is not used any more.
    unsafe { plugin.frees(mine) };
    assert_eq!(plugin.checks(), 1, "it freed what nobody there allocated");
    let did = snapshot() - before;
    assert_eq!(did.check(), Ok(()), "this ledger was told nothing, so the block still counts");
    assert!(did.operation("host").is_none_or(|row| row.own == Tally::default()));
    assert_eq!(snapshot().operation("host").expect("it ran").own.live_bytes, SIZE as i64);

    let before = snapshot();
    // SAFETY: as above.
    let ((), freed) = measure("takes", || drop(unsafe { Vec::from_raw_parts(theirs, SIZE, SIZE) }));
    assert_eq!((freed.frees, freed.freed_bytes), (1, SIZE as u64));
    let did = snapshot() - before;
    let error = did.check().expect_err("it came from the other copy");
    assert!(error.is_violated() && error.to_string().contains("came back without a valid owner tag"), "{error}");
    for row in did.report().rows() {
        let lost = (row.own.freed_elsewhere_blocks, row.own.freed_elsewhere_bytes);
        let expected = if row.path == "(foreign)" { (1, SIZE as u64) } else { (0, 0) };
        assert_eq!(lost, expected, "{}", row.path);
    }
}
