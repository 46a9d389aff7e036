//! The report of a leak test, for people: one sentence, then what stands behind it. It writes what was found and judges
//! nothing.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::amounts::{figure, per_iteration, plural};
use super::leak_outside as outside;
use crate::judging::leak::{Findings, Live, Verdict, Warning};
use crate::words::{Bytes, counted, exact, printable};

/// Names shown of a list that may be long.
const SHOWN: usize = 8;

/// The whole report.
pub(crate) fn leak(found: &Findings, out: &mut impl Write) -> fmt::Result {
    let name = printable(&found.name);
    writeln!(out, "leak test \"{name}\": {}", sentence(found))?;
    details(found, out)
}

/// What is known of a test whose closure panicked: the report on its whole windows, or that there are too few.
pub(crate) fn leak_so_far(found: &Findings, is_known: bool, out: &mut impl Write) -> fmt::Result {
    let name = printable(&found.name);
    if !is_known {
        let (iterations, windows) = (counted(found.iterations, "iteration"), counted(found.windows as u64, "window"));
        return write!(out, "leak test \"{name}\": it panicked; so far {iterations} in {windows}, too early to say");
    }
    writeln!(out, "leak test \"{name}\": it panicked; so far: {}", sentence(found))?;
    details(found, out)
}

/// What stands behind the sentence.
fn details(found: &Findings, out: &mut impl Write) -> fmt::Result {
    let Findings { iterations, windows, elapsed, place, .. } = found;
    let iterations = counted(*iterations, "iteration");
    writeln!(out, "  ran      {iterations} in {windows} windows, {elapsed:.2?}; at {place}")?;
    if let Some(events) = found.rests_on {
        let events = counted(events, "growth event");
        writeln!(out, "  rests on {events} in the last two windows: a limit ended the run before it was confirmed")?;
    }
    if found.warm_up != Live::default() {
        writeln!(out, "  warm-up  {} before the first window", live(found.warm_up))?;
    }
    let over = format!("over the last {}", counted(found.last_window, "iteration"));
    for growth in found.growing.iter().take(SHOWN) {
        let whereabouts = outside::whereabouts(found, &growth.path);
        writeln!(out, "  grows    {}{whereabouts} by {} {over}", printable(&growth.path), live(growth.live))?;
    }
    for leak in outside::growing(found).take(SHOWN) {
        let whereabouts = outside::whereabouts(found, &leak.path);
        writeln!(out, "  grows    {}{whereabouts} by {} {over}", printable(&leak.path), live(leak.live))?;
    }
    if found.handed_over > 0 {
        let freers = found.freed_by.iter().take(SHOWN).map(|(path, _)| printable(path)).collect::<Vec<_>>().join(", ");
        let by = if freers.is_empty() { "other operations of the test".into() } else { freers };
        writeln!(out, "  handed   {} were freed by {by} {over}: no leak", bytes(found.handed_over))?;
    }
    if found.taken_over > 0 {
        writeln!(out, "  took     {} in blocks of others, which it resized, {over}", bytes(found.taken_over))?;
    }
    if found.given_away > 0 {
        writeln!(out, "  gave     {} in blocks that others resized, and own since, {over}", bytes(found.given_away))?;
    }
    writeln!(out, "  outside  (unattributed) moved by {} {over}", live(found.unattributed))?;
    list(out, "  threads  still running: ", &found.threads)?;
    list(out, "  files    opened meanwhile, still open: ", &found.files)?;
    for warning in &found.warnings {
        writeln!(out, "  warning  {}", warned_of(warning))?;
    }
    writeln!(out, "  hidden   {}", what_could_hide(found))?;
    write!(out, "  next     {}", advice(found))
}

/// What a test that passes says all the same.
pub(crate) fn warnings(found: &Findings) -> String {
    let name = printable(&found.name);
    let lines = found.warnings.iter().map(|warning| format!("leak test \"{name}\": {}", warned_of(warning)));
    lines.collect::<Vec<_>>().join("\n")
}

fn warned_of(warning: &Warning) -> String {
    match warning {
        Warning::OutsideInStep { path, per_iteration } => format!(
            "outside, {} grows by {} per iteration, in step with the test: is it the test's doing?",
            printable(path),
            live(*per_iteration)
        ),
        Warning::UnseenThreads { count } => format!(
            "{} began meanwhile whose memory is not counted: carry the operation to them with `tracked` or \
             `Operation::run`, or use the feature `threads`",
            counted(*count, "thread")
        ),
        Warning::UnknownFiles { names } => {
            let names = names.iter().take(SHOWN).map(|name| printable(name)).collect::<Vec<_>>().join(", ");
            format!("more and more files are open, and nobody could be asked who opens them: {names}")
        }
    }
}

/// The names, each once, with how often.
fn list(out: &mut impl Write, head: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    names.iter().for_each(|name| *counts.entry(name).or_default() += 1);
    let times = |count: usize| if count > 1 { format!(" (x{count})") } else { String::new() };
    let shown = counts.iter().take(SHOWN).map(|(name, count)| format!("{}{}", printable(name), times(*count)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = counts.len().saturating_sub(SHOWN);
    writeln!(out, "{head}{shown}{}", if more > 0 { format!(" and {more} more") } else { String::new() })
}

/// The verdict in one sentence.
pub(crate) fn sentence(found: &Findings) -> String {
    verdict(found) + &outside::added(found)
}

fn verdict(found: &Findings) -> String {
    match &found.verdict {
        Verdict::Clean => outside::clean(found).into(),
        Verdict::WarmUp { bytes: kept, blocks } => {
            let kept = live(Live { bytes: *kept, blocks: *blocks });
            format!("warm-up: the first iterations keep {kept}, the others nothing{}", excess(found))
        }
        Verdict::Bounded { bytes: kept, blocks } => {
            let kept = live(Live { bytes: *kept, blocks: *blocks });
            format!("bounded: growth of up to {kept} that stops or swings{}", excess(found))
        }
        Verdict::Leak {
            bytes_per_iteration,
            blocks_per_iteration,
            exact,
            threads_per_iteration,
            files_per_iteration,
        } => {
            let mut left = Vec::new();
            if *bytes_per_iteration > 0.0 || *blocks_per_iteration > 0.0 {
                let about = if *exact { "exactly" } else { "about" };
                let memory = format!("{about} {}", per_iteration(*bytes_per_iteration, *blocks_per_iteration));
                left.push(memory + &outside::place(found));
            }
            for (count, what) in [(*threads_per_iteration, "running thread"), (*files_per_iteration, "open file")] {
                if count > 0.0 {
                    left.push(format!("{} {what}{} per iteration", figure(count), plural(count)));
                }
            }
            format!("LEAK: it leaves {}", left.join(", "))
        }
        Verdict::Unstable { min, median, max } => format!(
            "unstable: growth that does not repeat itself, of {} to {} B per iteration (median {})",
            figure(*min),
            figure(*max),
            figure(*median)
        ),
        Verdict::Undecided { .. } if found.windows < 3 => {
            format!("undecided: {} cannot be judged, three are the least", counted(found.windows as u64, "window"))
        }
        Verdict::Undecided { threads_per_iteration, files_per_iteration, events, .. }
            if *threads_per_iteration > 0.0 || *files_per_iteration > 0.0 =>
        {
            format!(
                "undecided: more and more threads or files stay open, but {} too few to tell a leak from a pool that \
                 fills",
                is_or_are(*events)
            )
        }
        Verdict::Undecided { bytes_per_iteration, blocks_per_iteration, events, .. } => format!(
            "undecided: it grows in step with the iterations, by about {} B in {} blocks each, but {} too few to tell a \
             leak from a cache that fills",
            figure(*bytes_per_iteration),
            figure(*blocks_per_iteration),
            is_or_are(*events)
        ),
        Verdict::Violated { blocks, by } => format!(
            "violated: {} freed or resized without a valid owner, by {}",
            counted(*blocks, "block"),
            by.iter().take(SHOWN).map(|name| printable(name)).collect::<Vec<_>>().join(", ")
        ),
        Verdict::Unsettled { by } => {
            let by = by.iter().take(SHOWN).map(|name| printable(name)).collect::<Vec<_>>().join(", ");
            format!("unsettled: no reading could be trusted, because these kept moving: {by}")
        }
    }
}

/// The growth events that are too few.
fn is_or_are(events: u64) -> String {
    format!("{} {}", counted(events, "growth event"), if events == 1 { "is" } else { "are" })
}

/// What the sentence adds where more grew than was allowed.
fn excess(found: &Findings) -> String {
    let allowed = match found.verdict {
        Verdict::WarmUp { .. } => found.allowed_warmup,
        _ => found.bounded,
    };
    match allowed {
        Some(allowed) if !found.passes() => format!(", MORE than the {} that are allowed", bytes(allowed)),
        _ => String::new(),
    }
}

/// What the test could not have seen.
fn what_could_hide(found: &Findings) -> String {
    let once = counted(found.last_window, "iteration");
    let mut hidden = match found.verdict {
        Verdict::Leak { .. } => format!(
            "a cache that takes more than {} to fill, or a batch as long, looks the same",
            counted(found.iterations, "iteration")
        ),
        _ => format!(
            "less than one block in {once} could still leak, as could memory inside arenas and buffers that were reserved before"
        ),
    };
    if !found.counts_threads {
        hidden.push_str("; threads that the closure spawns were not counted");
    }
    hidden
}

/// What to do next.
fn advice(found: &Findings) -> &'static str {
    if let Some(advice) = outside::advice(found) {
        return advice;
    }
    match found.verdict {
        Verdict::Clean | Verdict::WarmUp { .. } | Verdict::Bounded { .. } if found.passes() => {
            "nothing to do; for rare leaks give it more `.time(..)`"
        }
        Verdict::Leak { threads_per_iteration, files_per_iteration, .. }
            if threads_per_iteration > 0.0 || files_per_iteration > 0.0 =>
        {
            "join the threads, close the files: whoever owns them is never dropped"
        }
        Verdict::Leak { .. } => {
            "track(..) the steps inside, so that the growing one stands alone; a cache that is to fill wants `.bounded(bytes)`"
        }
        Verdict::Unstable { .. } => "give it more `.time(..)`, or make what the closure does the same every time",
        Verdict::Undecided { .. } => {
            "give it more `.time(..)`, or say what is expected: `.bounded(bytes)` for a cache that fills"
        }
        Verdict::Violated { .. } => {
            "free every block with the layout that it was made with: run the test under Miri or the address sanitizer"
        }
        Verdict::Unsettled { .. } => "join or pause what runs in the background, inside the closure",
        _ => "see what the first iterations keep, or allow more",
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        ..1024 => Bytes(bytes.into()).to_string(),
        _ => format!("{} ({} B)", Bytes(bytes.into()), exact(bytes.into())),
    }
}

fn live(live: Live) -> String {
    let blocks = if live.blocks.abs() == 1 { "block" } else { "blocks" };
    let sign = if live.bytes < 0 { "-" } else { "" };
    format!("{sign}{} in {} {blocks}", bytes(live.bytes.unsigned_abs()), exact(live.blocks.into()))
}
