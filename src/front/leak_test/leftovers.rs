//! Threads and files that iterations leave behind, and the line of progress on a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::keepers::ends;
use super::test::{End, State};
use crate::judging::leak::{Judged, Live, Verdict, judge};
use crate::words::Tid;

/// Threads and files that every iteration leaves, if their number grows in proportion.
pub(super) fn left_open(state: &State) -> Option<(f64, f64)> {
    let threads = rate_of(state, |end| end.threads);
    let own = files_that_grow(state).into_iter();
    // Those that could not be asked about, for lack of time, are the test's own.
    let own = own.map(|(name, rate)| match state.own_files.get(&name) {
        Some(asked) => (name, *asked),
        None => (name, rate),
    });
    // One file has two names. The folder is for those that have a new one every time.
    let (folders, named): (Vec<_>, Vec<_>) = own.partition(|(name, _)| name.ends_with('/'));
    let of = if named.is_empty() { folders } else { named };
    let files = of.into_iter().map(|(_, rate)| rate).sum();
    (threads > 0.0 || files > 0.0).then_some((threads, files))
}

pub(super) fn rate_of(state: &State, count: impl Fn(&End) -> usize) -> f64 {
    match judge(&ends(state, |end| Live { bytes: count(end) as i64, blocks: 0 })) {
        Judged::Decided(Verdict::Leak { bytes_per_iteration, .. }) => bytes_per_iteration,
        _ => 0.0,
    }
}

/// What the files are called whose number grows in proportion, and by how many per iteration.
pub(super) fn files_that_grow(state: &State) -> Vec<(String, f64)> {
    let names = state.ends.last().into_iter().flat_map(|end| end.files.keys());
    let names = names.filter(|name| !state.others_files.contains(*name));
    let rates = names.map(|name| (name.clone(), rate_of(state, |end| end.files.get(name).copied().unwrap_or(0))));
    rates.filter(|(_, rate)| *rate > 0.0).collect()
}

/// Who opens files: asks after every iteration what it left open, and after as long a rest what the rest did. Counts
/// how often there was any, not how many: others open files in bursts, when they have the processor.
#[derive(Default)]
pub(super) struct Asked {
    before: BTreeSet<(u32, String)>,
    iterations: u64,
    elapsed: Duration,
    by_iterations: Files,
    by_rests: Files,
}

impl Asked {
    /// No longer than this, if it has asked often enough.
    pub(super) const LONG: Duration = Duration::from_millis(300);
    pub(super) const OFTEN: u64 = 16;

    pub(super) fn asks(&self) -> bool {
        self.iterations < Self::OFTEN || self.elapsed < Self::LONG
    }

    pub(super) fn before(&mut self) {
        if self.asks() {
            self.before = open_files();
        }
    }

    pub(super) fn after(&mut self, took: Duration) {
        if !self.asks() {
            return;
        }
        let began = Instant::now();
        let after = open_files();
        note_names(&mut self.by_iterations, after.difference(&self.before), Some(1));
        std::thread::sleep(took);
        note_names(&mut self.by_rests, open_files().difference(&after), Some(1));
        self.iterations += 1;
        self.elapsed += took + began.elapsed();
    }

    /// How many files of this name an iteration leaves open, if it is the test that does: far oftener than its rests,
    /// by half of what the growth of `rate` promises and twice what chance does.
    pub(super) fn ours(&self, name: &str, rate: f64) -> Option<f64> {
        let times = |files: &Files| files.get(name).copied().unwrap_or(0) as f64;
        let (busy, idle) = (times(&self.by_iterations), times(&self.by_rests));
        let iterations = self.iterations as f64;
        let ours = busy - idle >= rate.min(1.0) * iterations / 2.0 && busy - idle >= 2.0 * (busy + idle).sqrt();
        // Where others open files of this name too, the rate is also theirs.
        ours.then_some(if idle == 0.0 { rate } else { (busy - idle) / iterations })
    }
}

/// Whether all files whose number grows are known to be the test's own, or others'. If not, the next window asks.
pub(super) fn files_are_known(state: &mut State, in_time: bool) -> bool {
    let growing = files_that_grow(state);
    if let Some(asked) = state.asked.take() {
        for (name, rate) in &growing {
            match asked.ours(name, *rate) {
                Some(ours) => drop(state.own_files.insert(name.clone(), ours)),
                None => drop(state.others_files.insert(name.clone())),
            }
        }
    }
    let unknown =
        growing.iter().any(|(name, _)| !state.own_files.contains_key(name) && !state.others_files.contains(name));
    if unknown && in_time {
        state.asked = Some(Asked::default());
    }
    !(unknown && in_time)
}

/// How many threads, and files of one name, there are more than at the start.
pub(super) fn left_behind(state: &State) -> usize {
    let (Some(then), Some(now)) = (state.ends.first(), state.ends.last()) else { return 0 };
    let more = |name: &str, count: usize| count.saturating_sub(then.files.get(name).copied().unwrap_or(0));
    let ours = now.files.iter().filter(|(name, _)| state.own_files.contains_key(*name));
    let files = ours.map(|(name, count)| more(name, *count)).max().unwrap_or(0);
    now.threads.saturating_sub(then.threads).max(files)
}

/// How many files are open of each name.
pub(super) type Files = BTreeMap<String, usize>;

pub(super) fn named(files: BTreeSet<(u32, String)>) -> Files {
    let mut named = Files::new();
    note_names(&mut named, files.iter(), None);
    named
}

/// Counts names, or each no more than `most` times.
pub(super) fn note_names<'a>(named: &mut Files, files: impl Iterator<Item = &'a (u32, String)>, most: Option<usize>) {
    let mut here = Files::new();
    for name in files.flat_map(|(_, target)| names_of(target)) {
        *here.entry(name).or_default() += 1;
    }
    for (name, count) in here {
        *named.entry(name).or_default() += most.map_or(count, |most| count.min(most));
    }
}

/// What a file is called, however it is numbered, and its folder, for names that are made up.
pub(super) fn names_of(target: &str) -> [String; 2] {
    let mut name: String = target.chars().map(|one| if one.is_ascii_digit() { '#' } else { one }).collect();
    while name.contains("##") {
        name = name.replace("##", "#");
    }
    let folder = name.rfind('/').map_or_else(|| format!("{name}/"), |at| name[..=at].to_string());
    [name, folder]
}

/// Open file descriptors and what they are, on Linux.
pub(super) fn open_files() -> BTreeSet<(u32, String)> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return BTreeSet::new() };
    let file = |entry: fs::DirEntry| {
        let number = entry.file_name().to_string_lossy().parse().ok()?;
        // The descriptor that reads this very folder is gone by now.
        let target = fs::read_link(entry.path()).ok()?;
        (!target.starts_with("/proc")).then(|| (number, target.to_string_lossy().into_owned()))
    };
    entries.filter_map(Result::ok).filter_map(file).collect()
}

/// The name of a thread, on Linux.
pub(super) fn name_of(thread: Tid) -> String {
    let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
    name.map_or_else(|_| format!("{thread}"), |name| name.trim_end().to_string())
}

/// A line on the terminal, for tests that take longer than a second.
pub(super) struct Progress {
    on_terminal: bool,
    shown: Duration,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { on_terminal: io::stderr().is_terminal(), shown: Duration::from_millis(800) }
    }

    pub(super) fn show(&mut self, name: &str, done: u64, window: usize, elapsed: Duration) {
        if self.on_terminal && elapsed > self.shown + Duration::from_millis(200) {
            self.shown = elapsed;
            let line = format!(
                "\r\x1b[2K{}: window {window}, {done} iterations, {elapsed:.1?}",
                crate::words::printable(name)
            );
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    pub(super) fn clear(&mut self) {
        if self.on_terminal && self.shown > Duration::from_secs(1) {
            let _ = io::stderr().write_all(b"\r\x1b[2K");
        }
    }
}
