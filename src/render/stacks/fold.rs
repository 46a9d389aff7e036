//! What of a stack is shown: the user's own functions. How memory is allocated, how a program starts, and how a leak
//! test calls its closure is the same in every stack and is folded away.

use std::fmt;

use super::short::{short, without_generics};
use crate::symbols::{CallFrame, InModule, Origin};
use crate::words::printable;

/// What stands for a stack without functions.
pub(super) const UNKNOWN: &str = "(unknown stack)";
/// Functions shown of one stack.
const MOST: usize = 3;
/// The same where functions have no names.
const MOST_UNNAMED: usize = 12;

/// Functions of the C library below which every thread runs.
const STARTS: [&str; 9] = [
    "__clone",
    "__clone3",
    "__libc_start_call_main",
    "__libc_start_main",
    "_start",
    "clone",
    "clone3",
    "main",
    "start_thread",
];

/// How near a function is to the user: the nearest are shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    Workspace,
    PathDependency,
    Crate,
    Named,
    Unnamed,
    /// The same in every stack.
    Machinery,
}

/// What of a stack is shown.
pub(super) struct Folded<'a> {
    /// Innermost first, with their words. A function that calls itself is there once.
    shown: Vec<(String, &'a CallFrame)>,
    is_cut: bool,
    /// The innermost function of a crate or a path dependency, if it is not among those.
    inner: Option<String>,
}

/// The functions nearest to the user, of any that are there, and the code of others in which they allocated.
pub(super) fn folded<'a>(frames: impl IntoIterator<Item = &'a CallFrame>) -> Folded<'a> {
    let frames = Vec::from_iter(frames);
    // Who calls the closure of a leak test, and what is around that, leaks nothing.
    let end = frames.iter().position(|frame| is_leak_test(frame)).unwrap_or(frames.len());
    let begin = frames[..end].iter().take_while(|frame| is_unwinder(frame)).count();
    let frames = &frames[begin..end];
    let best = frames.iter().copied().map(nearness).min().unwrap_or(Nearness::Machinery);
    let most = match best {
        // Of nothing but machinery the innermost function says what there is to say.
        Nearness::Machinery => 1,
        // Which of them are machinery, only those know who have the symbols.
        Nearness::Unnamed => MOST_UNNAMED,
        _ => MOST,
    };
    let nearest = frames.iter().copied().filter(|frame| nearness(frame) == best);
    let mut shown = Vec::from_iter(nearest.map(|frame| (words(frame), frame)));
    shown.dedup_by(|one, other| one.0 == other.0);
    let is_cut = shown.len() > most && best != Nearness::Machinery;
    shown.truncate(most);
    let innermost = frames.iter().copied().find(|frame| nearness(frame) <= Nearness::Crate);
    let inner = innermost.filter(|frame| nearness(frame) > best).map(words);
    Folded { shown, is_cut, inner }
}

impl<'a> Folded<'a> {
    /// Those that are shown.
    pub(super) fn frames(&self) -> impl Iterator<Item = &'a CallFrame> {
        self.shown.iter().map(|(_, frame)| *frame)
    }
}

impl fmt::Display for Folded<'_> {
    /// The stack in one line: `src/cache.rs:41 ResultCache::insert <- src/search.rs:88 Searcher::run`, and behind it
    /// the code of others that they called: `, in tantivy-0.27.0 src/store/writer.rs:100 StoreWriter::store`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Vec::from_iter(self.shown.iter().map(|(words, _)| printable(words)));
        match words.is_empty() {
            true => f.write_str(UNKNOWN)?,
            false => write!(f, "{}{}", words.join(" <- "), if self.is_cut { " <- .." } else { "" })?,
        }
        match &self.inner {
            Some(inner) => write!(f, ", in {}", printable(inner)),
            None => Ok(()),
        }
    }
}

fn is_leak_test(frame: &CallFrame) -> bool {
    let names = |text: &Option<String>, what| text.as_deref().is_some_and(|text| text.contains(what));
    frame.origin == Origin::Heapledger && (names(&frame.function, "::leak_test::") || names(&frame.file, "/leak_test/"))
}

/// What took the stack stands innermost, where the recorder did not do so itself.
fn is_unwinder(frame: &CallFrame) -> bool {
    let name = frame.function.as_deref().unwrap_or("");
    let is_crate = matches!(&frame.origin, Origin::Crate { name, .. } if name == "backtrace");
    is_crate || name.starts_with("backtrace::") || name == "_Unwind_Backtrace"
}

fn nearness(frame: &CallFrame) -> Nearness {
    match (&frame.origin, frame.function.as_deref()) {
        (Origin::Workspace, _) => Nearness::Workspace,
        (Origin::PathDependency, _) => Nearness::PathDependency,
        (Origin::Crate { .. }, _) => Nearness::Crate,
        (Origin::Std | Origin::Heapledger, _) => Nearness::Machinery,
        (Origin::Unknown, Some(name)) if STARTS.contains(&name.split('@').next().unwrap_or(name)) => {
            Nearness::Machinery
        }
        (Origin::Unknown, Some(_)) => Nearness::Named,
        (Origin::Unknown, None) if is_in_c_library(frame) => Nearness::Machinery,
        (Origin::Unknown, None) => Nearness::Unnamed,
    }
}

/// For who shows stacks in another way: the shortest name of a function, and how near it is to the user. Behind all
/// others stands what is folded away at both ends of a stack: what took it, and who calls a leak test's closure.
#[cfg(feature = "views")]
pub(crate) fn in_brief(frame: &CallFrame) -> (String, u8) {
    let near = match nearness(frame) {
        _ if is_leak_test(frame) => Nearness::Machinery as u8 + 1,
        _ if is_unwinder(frame) => Nearness::Machinery as u8,
        near => near as u8,
    };
    let name = match (&frame.function, &frame.unresolved) {
        (Some(name), _) => short(name),
        (None, Some(at)) => in_module(at),
        (None, None) => String::new(),
    };
    (name, near)
}

/// Code of the C library that has no symbol: it starts threads and programs.
fn is_in_c_library(frame: &CallFrame) -> bool {
    frame.unresolved.as_ref().is_some_and(|at| at.is_in_c_library())
}

/// One function: whose it is, where, and its name. A name that stands alone keeps its path.
fn words(frame: &CallFrame) -> String {
    let owner = match &frame.origin {
        Origin::Crate { name, version: Some(version) } => format!("{name}-{version} "),
        Origin::Crate { name, version: None } => format!("{name} "),
        _ => String::new(),
    };
    let place = match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => String::new(),
    };
    let name = match (&frame.function, &frame.unresolved) {
        (Some(name), _) if frame.file.is_some() => format!(" {}", short(name)),
        (Some(name), _) => without_generics(name),
        (None, Some(at)) if frame.file.is_none() => in_module(at),
        (None, _) => String::new(),
    };
    owner + &place + &name
}

/// A place in a module, as the name of what stands there.
pub(crate) fn in_module(at: &InModule) -> String {
    match at.module.as_str() {
        "" => format!("{:#x}", at.offset),
        module => format!("{module}+{:#x}", at.offset),
    }
}
