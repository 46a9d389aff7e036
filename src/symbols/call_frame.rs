//! What is known of one function on a call stack, as plain values that anybody may make up. Nothing is looked up here.

use crate::words::Site;

/// One function on a call stack, as [`Report::stacks`](crate::Report::stacks) tells of it. A return address stands for
/// several if functions were inlined into one.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let _capture = heapledger::capture("index_build");
/// let (kept, _) = heapledger::measure("index_build", || vec![0u8; 4096]);
/// for stack in heapledger::report().stacks("index_build") {
///     let own = stack.frames.iter().find(|frame| frame.origin == heapledger::Origin::Workspace);
///     if let Some((file, line)) = own.and_then(|frame| frame.file.as_ref().zip(frame.line)) {
///         println!("{} B at {file}:{line}", stack.live_bytes);
///     }
/// }
/// # drop(kept);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CallFrame {
    /// Demangled, whole, without the hash. Debug information that holds lines alone has no more than the last part for
    /// an inlined function.
    pub function: Option<String>,
    /// The path that people read: relative to the workspace, to the crate's folder or to that of std; else as it is.
    pub file: Option<String>,
    /// Counted from one.
    pub line: Option<u32>,
    /// Counted from one.
    pub column: Option<u32>,
    /// Whose code it is.
    pub origin: Origin,
    /// Where the code stands, if the module has no symbol or no line for it: whoever has them can look it up later.
    pub unresolved: Option<InModule>,
}

/// The line of the innermost function of the workspace on a stack.
pub(crate) fn own_line(frames: &[CallFrame]) -> Option<Site> {
    let own = frames.iter().filter(|frame| frame.origin == Origin::Workspace);
    own.into_iter().find_map(|frame| {
        let (file, line) = frame.file.as_ref().zip(frame.line)?;
        Some(Site { file: file.clone().into(), line, column: frame.column.unwrap_or(1) })
    })
}

/// Whose code a function is.
///
/// ```
/// let tantivy = heapledger::Origin::Crate { name: "tantivy".into(), version: Some("0.27.0".into()) };
/// assert!(tantivy != heapledger::Origin::Workspace);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The user's own.
    Workspace,
    /// A package outside the workspace, used by its path.
    PathDependency,
    /// From a registry, or from a repository, which has a revision for a version. Vendored code may have neither.
    Crate {
        /// As in `Cargo.toml`.
        name: String,
        /// Its version, or the start of the revision.
        version: Option<String>,
    },
    /// The standard library, what it is made of, and the test harness.
    Std,
    /// The ledger itself, and the functions through which `std::alloc` reaches the allocator.
    Heapledger,
    /// There is no path to tell from.
    Unknown,
}

/// A place in a file of machine code: where a function stands of which the program has no symbol, or no line.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let report = heapledger::report();
/// let stacks = report.stacks("(unattributed)");
/// let places = stacks.iter().flat_map(|stack| &stack.frames).filter_map(|frame| frame.unresolved.as_ref());
/// places.for_each(|place| println!("{}+{:#x} of build {:?}", place.module, place.offset, place.build_id));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct InModule {
    /// The file's name without folders, or what the system calls the mapping. Empty if nothing is mapped there.
    pub module: String,
    /// In the file, of the call itself. The address if nothing is mapped there.
    pub offset: u64,
    /// In hexadecimal digits.
    pub build_id: Option<String>,
    /// The address that the module's symbols and debug information have for it.
    pub address: Option<u64>,
    /// Whether the module has debug information that only the feature `compressed` reads.
    pub is_compressed: bool,
}

/// How the files of the C library are called.
const C_LIBRARY: [&str; 3] = ["libc.so", "libpthread.so", "libc-2"];

impl InModule {
    /// Whether it is in the C library, which starts threads and programs.
    pub(crate) fn is_in_c_library(&self) -> bool {
        C_LIBRARY.iter().any(|name| self.module.starts_with(name))
    }
}
