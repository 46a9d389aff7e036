//! All that is asked of the operating system and the C library: work at the end of the process, a lock that survives
//! `fork`, free pages given back, signals, the number and the stack of a thread, and the program's modules. Nothing
//! here but [`still_holds`] and [`unwind`] are called from inside the allocator.

#![allow(unsafe_code, reason = "it calls C functions")]

use std::sync::atomic::AtomicBool;
#[cfg(heapledger_lines)]
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(heapledger_lines)]
use object::read::elf::NoteIterator;
#[cfg(heapledger_lines)]
use object::{Endianness, elf, elf::FileHeader64};

#[cfg(heapledger_interpose)]
use crate::words::Tid;

/// Arranges that `work` runs at the end of the process. `false` where that is not possible.
pub(crate) fn at_exit(work: extern "C" fn()) -> bool {
    #[cfg(all(any(unix, windows), not(miri)))]
    {
        unsafe extern "C" {
            fn atexit(work: extern "C" fn()) -> i32;
        }
        // SAFETY: the function lives as long as the program, and does not unwind: it is `extern "C"`.
        unsafe { atexit(work) == 0 }
    }
    #[cfg(not(all(any(unix, windows), not(miri))))]
    {
        let _ = work;
        false
    }
}

/// Has an `extern "C" fn()` run before `main`, where the system does that.
macro_rules! before_main {
    ($work:path) => {
        const _: extern "C" fn() = $work;

        #[cfg(all(any(target_os = "linux", target_os = "macos", windows), not(miri)))]
        const _: () = {
            #[used]
            #[allow(unsafe_code, reason = "the system calls what stands there, and it is a function of that type")]
            #[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
            #[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
            #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
            static BEGIN: extern "C" fn() = $work;
        };
    };
}
pub(crate) use before_main;

/// Whether the lock is held: for short times, and while the process forks.
static GATE: AtomicBool = AtomicBool::new(false);

fn lock() {
    while GATE.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
        std::thread::yield_now();
    }
}

extern "C" fn unlock() {
    GATE.store(false, Release);
}

/// Runs `work` while no other thread does so and no fork happens. Must not be nested.
pub(crate) fn lock_over_forks<R>(work: impl FnOnce() -> R) -> R {
    struct Unlock;
    impl Drop for Unlock {
        fn drop(&mut self) {
            unlock();
        }
    }
    watch_forks();
    lock();
    let _unlock = Unlock;
    work()
}

/// Arranges that the lock is taken before every fork, and given back after it on both sides.
pub(crate) fn watch_forks() {
    #[cfg(all(unix, not(miri)))]
    {
        unsafe extern "C" {
            fn pthread_atfork(
                prepare: Option<extern "C" fn()>,
                parent: Option<extern "C" fn()>,
                child: Option<extern "C" fn()>,
            ) -> i32;
        }
        extern "C" fn prepare() {
            lock();
        }
        static WATCHED: AtomicBool = AtomicBool::new(false);
        // Registered twice, it would lock twice. So only the first thread registers it, and later ones rely on that.
        if !WATCHED.load(Relaxed) && !WATCHED.swap(true, Relaxed) {
            // SAFETY: the three functions live for ever and only touch an atomic.
            unsafe { pthread_atfork(Some(prepare), Some(unlock), Some(unlock)) };
        }
    }
}

/// How many columns a terminal has; `None` where it is no terminal, or does not know.
#[cfg(all(unix, not(miri)))]
pub(crate) fn terminal_width(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    use std::os::fd::AsRawFd;

    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the file is open, and the request writes such a value, or nothing.
    let failed = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    Some(usize::from(size.ws_col)).filter(|&columns| failed == 0 && columns > 0)
}

#[cfg(windows)]
pub(crate) fn terminal_width(terminal: impl std::os::windows::io::AsHandle) -> Option<usize> {
    terminal_size::terminal_size_of(terminal).map(|(width, _)| usize::from(width.0))
}

#[cfg(not(any(all(unix, not(miri)), windows)))]
pub(crate) fn terminal_width<T>(_: T) -> Option<usize> {
    None
}

/// Whether the process ignores a signal; then the programs that it runs do so, too.
#[cfg(all(unix, feature = "cli"))]
pub(crate) fn ignores(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action nothing changes, and there is room for the one that is set.
    let is_known = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: where the call succeeds it has written the action.
    is_known && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Sends a signal to a child that nobody has waited for yet: until then no other process has its id.
#[cfg(all(unix, feature = "cli"))]
pub(crate) fn send_signal(child: &std::process::Child, signal: i32) -> bool {
    // SAFETY: it takes two numbers.
    unsafe { libc::kill(child.id() as libc::pid_t, signal) == 0 }
}

/// A file as bytes, of which the system brings into memory what is read.
#[cfg(all(feature = "lines", any(target_os = "linux", not(heapledger_backtrace))))]
pub(crate) fn mapped(file: &std::fs::File) -> std::io::Result<memmap2::Mmap> {
    // SAFETY: nobody writes into a file of machine code while it may be run: linkers make a new one.
    unsafe { memmap2::Mmap::map(file) }
}

/// Asks the system's allocator to give free pages back to the system, where it has a way to.
pub(crate) fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: may be called from any thread at any time, whichever library serves `malloc`.
        unsafe { malloc_trim(0) };
    }
}

/// Bytes of all chunks of C's heap that are in use, their overhead included, and how many of these are mappings of
/// their own. `None` where its library cannot be asked; glibc can since 2.33. Walks all arenas and their free chunks,
/// and locks each of them meanwhile.
pub(super) fn malloc_in_use() -> Option<(i64, i64)> {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static"), not(miri)))]
    {
        use std::ffi::{c_char, c_void};

        /// `struct mallinfo2` of `malloc.h`.
        #[repr(C)]
        struct MallInfo {
            arena: usize,
            ordblks: usize,
            smblks: usize,
            hblks: usize,
            hblkhd: usize,
            usmblks: usize,
            fsmblks: usize,
            uordblks: usize,
            fordblks: usize,
            keepcost: usize,
        }
        unsafe extern "C" {
            fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
        }
        // Looked up by name, so that programs start where an older glibc has none. A null handle is all libraries.
        // SAFETY: the name ends with a zero.
        let found = unsafe { dlsym(std::ptr::null_mut(), c"mallinfo2".as_ptr()) };
        if found.is_null() {
            return None;
        }
        // SAFETY: whatever is called so has this type.
        let mallinfo2 = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> MallInfo>(found) };
        // SAFETY: it has no preconditions, and may be called from any thread.
        let now = unsafe { mallinfo2() };
        Some((now.uordblks as i64 + now.hblkhd as i64, now.hblks as i64))
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static"), not(miri))))]
    None
}

/// A module of the program, loaded and mapped.
#[cfg(heapledger_lines)]
pub(super) struct LoadedModule {
    /// Its first address, and the first one behind it.
    pub(super) low: u64,
    pub(super) high: u64,
    /// What leads into its unwind tables (`.eh_frame_hdr`); empty where it has none.
    pub(super) header: &'static [u8],
    /// The part of it that holds the header, and behind it the tables.
    pub(super) segment: &'static [u8],
    /// Begins its build id, which the linker makes from all that is in the module; zero where it has none.
    pub(super) build_id: u64,
}

/// `_dl_find_object`, which glibc has since 2.35; null where it was not found.
#[cfg(heapledger_lines)]
static FIND_OBJECT: AtomicPtr<libc::c_void> = AtomicPtr::new(std::ptr::null_mut());

/// Whether the module in which `address` lies now has its `header` there still, as far as the system can be asked:
/// before glibc 2.35 it says yes. To be called where a module may have been unloaded since [`loaded_modules`]. Neither
/// locks nor allocates.
#[cfg(heapledger_lines)]
pub(super) fn still_holds(address: u64, header: &'static [u8]) -> bool {
    /// `struct dl_find_object` of `dlfcn.h` on x86-64.
    #[repr(C)]
    struct FoundObject {
        flags: u64,
        map_start: *mut libc::c_void,
        map_end: *mut libc::c_void,
        link_map: *mut libc::c_void,
        eh_frame: *const u8,
        reserved: [u64; 7],
    }
    type FindObject = unsafe extern "C" fn(*const libc::c_void, *mut FoundObject) -> i32;
    let find = FIND_OBJECT.load(Acquire);
    if find.is_null() {
        return true;
    }
    // SAFETY: whatever is called so has this type.
    let find = unsafe { std::mem::transmute::<*mut libc::c_void, FindObject>(find) };
    let mut found = std::mem::MaybeUninit::<FoundObject>::uninit();
    // SAFETY: any address may be asked for, and there is room for the answer.
    if unsafe { find(std::ptr::without_provenance(address as usize), found.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the answer was written, as just seen.
    let found = unsafe { found.assume_init() };
    std::ptr::eq(found.eh_frame, header.as_ptr())
}

/// Calls `see` with every module that is loaded now. Returns how many were unloaded so far. The bytes of a module stay
/// while it is loaded. Not to be called from inside the allocator: the dynamic linker locks.
#[cfg(heapledger_lines)]
pub(super) fn loaded_modules(see: &mut dyn FnMut(LoadedModule)) -> u64 {
    struct Visit<'a> {
        see: &'a mut dyn FnMut(LoadedModule),
        unloaded: u64,
    }
    unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _: usize, visit: *mut libc::c_void) -> i32 {
        // SAFETY: the dynamic linker passes on what `loaded_modules` gave it, which nobody else uses meanwhile.
        let visit = unsafe { &mut *visit.cast::<Visit<'_>>() };
        // SAFETY: the dynamic linker's own description of a module, valid during the call.
        let info = unsafe { &*info };
        visit.unloaded = info.dlpi_subs;
        // SAFETY: it describes the module's program headers, which are mapped.
        let parts = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        if let Some(module) = module_of(info.dlpi_addr, parts) {
            (visit.see)(module);
        }
        0
    }
    if cfg!(all(target_env = "gnu", not(target_feature = "crt-static"))) {
        // SAFETY: the name ends with a zero.
        FIND_OBJECT.store(unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) }, Release);
    }
    let mut visit_all = Visit { see, unloaded: 0 };
    // SAFETY: `visit` takes the pointer for what it is, and does not unwind.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut visit_all).cast()) };
    visit_all.unloaded
}

/// The module with these program headers, moved by `base`; `None` if nothing of it is loaded.
#[cfg(heapledger_lines)]
fn module_of(base: u64, parts: &[libc::Elf64_Phdr]) -> Option<LoadedModule> {
    let loaded = || parts.iter().filter(|part| part.p_type == libc::PT_LOAD);
    let range = |part: &libc::Elf64_Phdr| part.p_vaddr..part.p_vaddr.saturating_add(part.p_memsz);
    let low = loaded().map(|part| range(part).start).min()?;
    let high = loaded().map(|part| range(part).end).max()?;
    let bytes = |part: &libc::Elf64_Phdr| {
        let start = std::ptr::with_exposed_provenance::<u8>(base.wrapping_add(part.p_vaddr) as usize);
        // SAFETY: a part of the module that is mapped, readable and not writable, so it stays as it is.
        unsafe { std::slice::from_raw_parts(start, part.p_memsz as usize) }
    };
    let constant = |part: &&libc::Elf64_Phdr| part.p_flags & (libc::PF_R | libc::PF_W) == libc::PF_R;
    let segment_around = |inner: &libc::Elf64_Phdr| {
        let holds =
            |part: &&libc::Elf64_Phdr| range(part).contains(&inner.p_vaddr) && range(inner).end <= range(part).end;
        loaded().filter(constant).find(holds)
    };
    let header = parts.iter().find(|part| part.p_type == libc::PT_GNU_EH_FRAME);
    let (header, segment) = match header.and_then(|header| Some((header, segment_around(header)?))) {
        Some((header, segment)) => (bytes(header), bytes(segment)),
        None => Default::default(),
    };
    let notes = parts.iter().filter(|part| part.p_type == libc::PT_NOTE && segment_around(part).is_some());
    let build_id = notes.filter_map(|part| build_id_in(bytes(part), part.p_align)).next().unwrap_or(0);
    Some(LoadedModule { low: base.wrapping_add(low), high: base.wrapping_add(high), header, segment, build_id })
}

/// The first eight bytes of the build id in a module's notes.
#[cfg(heapledger_lines)]
fn build_id_in(notes: &[u8], align: u64) -> Option<u64> {
    let mut notes = NoteIterator::<FileHeader64<Endianness>>::new(Endianness::default(), align, notes).ok()?;
    while let Ok(Some(note)) = notes.next() {
        if note.name() == elf::ELF_NOTE_GNU && note.n_type(Endianness::default()) == elf::NT_GNU_BUILD_ID {
            return note.desc().first_chunk().copied().map(u64::from_le_bytes);
        }
    }
    None
}

/// Calls `see` with each return address of this thread's stack, from the innermost out, until it says no. It is the
/// unwinder that panics use. Before glibc 2.35, and on some other systems, it takes the lock of the dynamic linker for
/// a moment.
#[cfg(heapledger_backtrace)]
pub(super) fn unwind(see: &mut dyn FnMut(u64) -> bool) {
    // SAFETY: on the targets for which this is compiled, the system's unwinder may run on several threads at once.
    unsafe { backtrace::trace_unsynchronized(|frame| see(frame.ip() as u64)) };
}

/// The lowest address of this thread's stack, and the first one behind it; `None` where the system does not say. Not to
/// be called from inside the allocator: the C library may open a file for it.
#[cfg(heapledger_lines)]
pub(super) fn stack_of_this_thread() -> Option<(u64, u64)> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: it has no preconditions.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: the thread runs, and there is room for its attributes.
    if unsafe { libc::pthread_getattr_np(this, attributes.as_mut_ptr()) } != 0 {
        return None;
    }
    let (mut low, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes were written, as just seen.
    let failed = unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size) };
    // SAFETY: they were written above, and nobody uses them from here on.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    (failed == 0 && !low.is_null()).then(|| (low.addr() as u64, low.addr() as u64 + size as u64))
}

/// The system's number of this thread.
#[cfg(heapledger_interpose)]
pub(super) fn gettid() -> Tid {
    // SAFETY: it has no preconditions.
    Tid(unsafe { libc::gettid() } as u32)
}
