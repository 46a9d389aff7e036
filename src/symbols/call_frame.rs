//! What is known of one function on a call stack, as plain values that anybody may make up. Nothing is looked up here.

/// One function on a stack. A return address stands for several if functions were inlined into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallFrame {
    /// Demangled, whole, without the hash. Debug information that holds lines alone has no more than the last part for
    /// an inlined function.
    pub(crate) function: Option<String>,
    /// The path that people read: relative to the workspace, to the crate's folder or to that of std; else as it is.
    pub(crate) file: Option<String>,
    /// Counted from one.
    pub(crate) line: Option<u32>,
    /// Counted from one.
    pub(crate) column: Option<u32>,
    pub(crate) origin: Origin,
    /// Where the code stands, if the module has no symbol for it: whoever has its symbols can look it up later.
    pub(crate) unresolved: Option<InModule>,
}

/// Whose code a function is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user's own.
    Workspace,
    /// A package outside the workspace, used by its path.
    PathDependency,
    /// From a registry, or from a repository, which has a revision for a version. Vendored code may have neither.
    Crate { name: String, version: Option<String> },
    /// The standard library, what it is made of, and the test harness.
    Std,
    /// The ledger itself, and the functions through which `std::alloc` reaches the allocator.
    Heapledger,
    /// There is no path to tell from.
    Unknown,
}

/// A place in a file of machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InModule {
    /// The file's name without folders, or what the system calls the mapping. Empty if nothing is mapped there.
    pub(crate) module: String,
    /// In the file. The address itself if nothing is mapped there.
    pub(crate) offset: u64,
    /// In hexadecimal digits.
    pub(crate) build_id: Option<String>,
}
