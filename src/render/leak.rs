//! The report of a leak test, for people: one sentence, then what stands behind it. It writes what was found and judges
//! nothing.

use std::fmt::{self, Write};

use super::amounts::{bytes, live, per_iteration, things_per_iteration};
use super::figure::figure;
use super::grouped::{SHOWN, grouped};
use super::leak_outside as outside;
use super::stacks::stacks;
use crate::judging::leak::{Beyond, Findings, Growth, LeakLines, Live, Placed, Rate, Verdict, Warning};
use crate::words::{counted, printable};

/// The least share of the first line's figures that is said not to be in the lines `grows`.
const WORTH_SAYING: f64 = 0.01;

/// The whole report.
pub(crate) fn leak(found: &Findings, out: &mut impl Write) -> fmt::Result {
    let name = printable(&found.name);
    writeln!(out, "leak test \"{name}\": {}", sentence(found))?;
    details(found, out)
}

/// What is known of a test whose closure panicked: the report on its whole windows, or that there are too few.
pub(crate) fn leak_so_far(found: &Findings, is_known: bool, out: &mut impl Write) -> fmt::Result {
    write!(out, "leak test \"{}\": {}", printable(&found.name), sentence_so_far(found, is_known))?;
    if !is_known {
        return Ok(());
    }
    writeln!(out)?;
    details(found, out)
}

/// The same in one sentence.
pub(crate) fn sentence_so_far(found: &Findings, is_known: bool) -> String {
    if is_known {
        return format!("it panicked; so far: {}", sentence(found));
    }
    let (iterations, windows) = (counted(found.iterations, "iteration"), counted(found.windows as u64, "window"));
    format!("it panicked; so far {iterations} in {windows}, too early to say")
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
        writeln!(out, "  grows    {} {over}", grown(found, growth))?;
    }
    for growth in outside::growing(found).take(SHOWN) {
        writeln!(out, "  grows    {} {over}", grown(found, growth))?;
    }
    if let Some(rest) = left_over(found) {
        writeln!(out, "  rest     {rest}")?;
    }
    if found.handed_over > 0 {
        let freers = found.freed_by.iter().take(SHOWN).map(|(freer, _)| named(freer)).collect::<Vec<_>>().join(", ");
        let by = if freers.is_empty() { "other operations of the test".into() } else { freers };
        writeln!(out, "  handed   {} were freed by {by} {over}: no leak", bytes(found.handed_over))?;
    }
    if found.taken_over > 0 {
        writeln!(out, "  took     {} in blocks of others, which it resized, {over}", bytes(found.taken_over))?;
    }
    if found.given_away > 0 {
        writeln!(out, "  gave     {} in blocks that others resized, and own since, {over}", bytes(found.given_away))?;
    }
    writeln!(out, "  outside  (unattributed) moved by {} {over}{}", live(found.unattributed), moved_by(found))?;
    list(out, "  threads  still running: ", &found.threads)?;
    list(out, "  files    opened meanwhile, still open: ", &found.files)?;
    for warning in &found.warnings {
        writeln!(out, "  warning  {}", warned_of(warning))?;
    }
    writeln!(out, "  hidden   {}", what_could_hide(found))?;
    write!(out, "  next     {}", advice(found))?;
    let Some(lines) = &found.lines else { return Ok(()) };
    let mut text = String::new();
    stacks(lines, &mut text)?;
    write!(out, "\n{}", text.trim_end())
}

/// What a test that passes says all the same.
pub(crate) fn warnings(found: &Findings) -> String {
    let name = printable(&found.name);
    let lines = found.warnings.iter().map(|warning| format!("leak test \"{name}\": {}", warned_of(warning)));
    lines.collect::<Vec<_>>().join("\n")
}

fn warned_of(warning: &Warning) -> String {
    match warning {
        Warning::OutsideInStep { operation, per_iteration } => format!(
            "outside, {} grows by {} per iteration, in step with the test: is it the test's doing?",
            named(operation),
            live(*per_iteration)
        ),
        Warning::OutsideUnsure { operation, last_window } => format!(
            "outside, {} grew by {} in the last window, too little or too unevenly to tell whether the test does it",
            named(operation),
            live(*last_window)
        ),
        Warning::NoMoreFiles => {
            "the process could open no more files: whatever would have been opened is not seen".into()
        }
        Warning::UnseenThreads { count } => format!(
            "{} began meanwhile whose memory is not counted: carry the operation to them with `tracked` or \
             `Operation::run`, or use the feature `threads`",
            counted(*count, "thread")
        ),
        Warning::UnknownFiles { names } => {
            let names = names.iter().take(SHOWN).map(|name| printable(name)).collect::<Vec<_>>().join(", ");
            format!("more and more files are open, and nobody could be asked who opens them: {names}")
        }
        Warning::CHeap { bytes_per_iteration } => {
            format!(
                "memory outside the Rust heap grew by {} B per iteration: C code that the work calls keeps it; \
                 `.c_heap(true)` judges it",
                figure(*bytes_per_iteration)
            )
        }
    }
}

fn list(out: &mut impl Write, head: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() { Ok(()) } else { writeln!(out, "{head}{}", grouped(names)) }
}

/// The operation, and where it was first entered.
fn named(operation: &Placed) -> String {
    let place = operation.site.as_ref().map(|site| format!(" ({}:{})", printable(&site.file), site.line));
    format!("{}{}", printable(&operation.path), place.unwrap_or_default())
}

/// Which operation grew, and by how much: per iteration, where that is what the verdict says, and in the last window.
fn grown(found: &Findings, growth: &Growth) -> String {
    let Growth { live: Live { bytes, blocks }, rate, .. } = *growth;
    let mut said = live(growth.live);
    let head = format!("{}{} by", named(&growth.operation), outside::whereabouts(found, &growth.operation));
    let is_steady = matches!(found.verdict, Verdict::Leak { .. } | Verdict::Undecided { .. });
    let of_one = rate.blocks == 1.0;
    if blocks > 1 && bytes > 0 && bytes % blocks == 0 && !of_one {
        said.push_str(&format!(", {} B a block on average,", figure((bytes / blocks) as f64)));
    }
    match is_steady && (rate.bytes > 0.0 || rate.blocks > 0.0) {
        true => format!("{head} {}; {said}", per_iteration(rate)),
        false => format!("{head} {said}"),
    }
}

/// What of the first line's figures the operations of the test do not have together.
fn left_over(found: &Findings) -> Option<String> {
    let Verdict::Leak { bytes_per_iteration, blocks_per_iteration, .. } = found.verdict else { return None };
    let worth = |left: f64, of: f64| left.abs() > of * WORTH_SAYING;
    let left = found.left_over;
    if !worth(left.bytes, bytes_per_iteration) && !worth(left.blocks, blocks_per_iteration) {
        return None;
    }
    let less = left.bytes < 0.0 || left.bytes == 0.0 && left.blocks < 0.0;
    let why = if less { "others gave back as much" } else { "it is owned outside the operations of the test" };
    Some(format!("{}: {why}", per_iteration(left)))
}

/// Who moved what is outside, where that can be said.
fn moved_by(found: &Findings) -> String {
    let Rate { bytes, blocks } = found.unattributed_rate;
    let mut said = String::new();
    let grew = found.unattributed.bytes > 0 || found.unattributed.blocks > 0;
    if grew && (bytes > 0.0 || blocks > 0.0) {
        said.push_str(&format!(", {}", per_iteration(found.unattributed_rate)));
    }
    if found.unattributed.bytes < 0 || found.unattributed.blocks < 0 {
        if found.ended_threads > 0 {
            let ended = counted(found.ended_threads, "thread");
            said.push_str(&format!(": {ended} of others ended meanwhile, as a neighbour test's does"));
        }
        if let Some((neighbour, gave)) = &found.gave_back {
            said.push_str(&format!("; {} moved by {}", named(neighbour), live(*gave)));
        }
    }
    said
}

/// The verdict in one sentence.
pub(crate) fn sentence(found: &Findings) -> String {
    let Beyond { threads, files } = found.beyond;
    let beyond = [(threads, "running thread"), (files, "open file")].into_iter().filter_map(|(beyond, what)| {
        let (more, bound) = beyond?;
        Some(format!(", and {} more than before, MORE than the {bound} that are allowed", counted(more, what)))
    });
    verdict(found) + &beyond.collect::<String>() + &outside::added(found)
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
            let bytes_per_iteration = bytes_per_iteration - found.c_heap;
            if bytes_per_iteration > 0.0 || *blocks_per_iteration > 0.0 {
                let about = if *exact { "exactly" } else { "about" };
                let rate = Rate { bytes: bytes_per_iteration, blocks: *blocks_per_iteration };
                left.push(format!("{about} {}", per_iteration(rate)) + &outside::place(found));
            }
            for (count, what) in [(*threads_per_iteration, "running thread"), (*files_per_iteration, "open file")] {
                if count > 0.0 {
                    left.push(things_per_iteration(count, what));
                }
            }
            if found.c_heap > 0.0 {
                left.push(format!("about {} B per iteration outside the Rust heap, in C code", figure(found.c_heap)));
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
            "undecided: it grows in step with the iterations, by about {}, but {} too few to tell a leak from a cache that \
             fills",
            per_iteration(Rate { bytes: *bytes_per_iteration, blocks: *blocks_per_iteration }),
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
    if found.passes() && !found.warnings.is_empty() {
        return "see whether the warning is the test's doing; `.strict()` makes it fail";
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
        Verdict::Leak { .. } if matches!(found.lines, Some(LeakLines::Found { stacks: Some(_), .. })) => {
            "whoever owns what these lines allocate never drops it; a cache that is to fill wants `.bounded(bytes)`"
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

#[cfg(test)]
mod tests;
