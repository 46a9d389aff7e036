//! What growth rests on: how often something grew in each window, and whether chance explains the difference between a
//! leak and growth that slows down. Pure functions of numbers; no curve and no verdict is made here.

/// How one counter grew in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Grown {
    pub(super) iterations: f64,
    /// By how much, from the end of the window before to its own end.
    pub(super) growth: f64,
    /// The variance of `growth`, as the steps from reading to reading tell. Zero where all steps are the same.
    pub(super) variance: f64,
    /// How many readings were higher than all before them.
    pub(super) events: u64,
    /// Of how many readings.
    pub(super) readings: u64,
    /// `growth` of the first half of the readings, and of the second.
    pub(super) halves: [f64; 2],
}

/// Whether growth is in proportion to the iterations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proportion {
    /// It slows down, or there is none to speak of.
    No,
    /// It looks so, but rests on too few events to tell.
    Unsure,
    /// It is.
    Yes,
}

/// The fewest windows that a row of events is judged over.
const FEWEST: usize = 3;
/// The fewest events of the last two windows that prove anything: a pool of eight threads that fills has fewer.
const ENOUGH_EVENTS: u64 = 10;
/// The fewest events of the last two windows that are worth more iterations.
pub(super) const SOME_EVENTS: u64 = 3;
/// Growth per iteration that falls below this share of the window before is not in proportion. A leak keeps all of it,
/// a logarithm half.
pub(super) const KEEPS: f64 = 0.55;
/// Growth per iteration that falls significantly, and below this share of the window before, slows down. That of a
/// cache of 100,000 entries under Zipf access keeps 0.78 after 131,000 iterations. A leak beside a cache that is still
/// filling keeps more, unless it is smaller than four times what the cache took.
const SLOWS: f64 = 0.8;
/// Growth per iteration that falls significantly, and below this share, may have a part that slows down: it is not yet
/// a leak.
const WANES: f64 = 0.95;
/// What grows as fast in the second half of the last window as in the first, but for this share, has a steady part,
/// however it slowed down before: a leak beside a cache that has filled.
const STEADY: f64 = 0.97;
/// Over so many of the last windows a row of events may show that it thins out.
const RECENT: usize = 4;
/// Events can be told apart if no more than one in so many readings shows one.
const SPARSE: u64 = 2;
/// So many standard deviations are significant: of a normal variable 1 in 4,300 is as far out on one side.
const SIGNIFICANT: f64 = 3.5;
/// How much likelier a row of events must be from a leak than from growth by the logarithm: the natural logarithm of
/// 1,000.
pub(super) const CONVINCING: f64 = 6.9;
/// A container that doubles just before the end of a window, and not just after it, has grown twice as much in it.
const TWICE: f64 = 2.0;
/// Two rates agree if they differ by no more than this share.
const AGREE: f64 = 0.02;

impl Grown {
    fn rate(&self) -> f64 {
        self.growth / self.iterations
    }

    fn variance_of_rate(&self) -> f64 {
        self.variance / (self.iterations * self.iterations)
    }
}

/// Whether growth of the last two windows is in proportion to the iterations. What it is told from is growth that has
/// stopped, that slows down, and that goes by the logarithm: as much in each window as in the one before.
pub(super) fn proportion(windows: &[Grown]) -> Proportion {
    let [.., before, last] = windows else { return Proportion::No };
    if windows.len() < FEWEST || before.rate() <= 0.0 || last.rate() <= 0.0 || slows(before, last) {
        return Proportion::No;
    }
    if doubles(windows) {
        return Proportion::Yes;
    }
    let events = events_of_last_two(windows);
    let keeps = last.rate() >= KEEPS * before.rate();
    let wanes = falls_below(WANES, before, last);
    if events >= ENOUGH_EVENTS
        && !wanes
        && (keeps && exceeds_logarithm(before, last) || favours_leak(windows) >= CONVINCING)
    {
        return Proportion::Yes;
    }
    if events >= SOME_EVENTS && keeps && !thins_out(windows) { Proportion::Unsure } else { Proportion::No }
}

/// Whether events that can be told apart come so much rarer of late that the logarithm is by far the likelier reason.
fn thins_out(windows: &[Grown]) -> bool {
    let recent = &windows[windows.len().saturating_sub(RECENT)..];
    let is_sparse = recent.iter().rev().take(2).all(|window| window.events * SPARSE <= window.readings);
    is_sparse && leak_over_logarithm(recent) <= -CONVINCING
}

/// How often something grew in the last two windows.
pub(super) fn events_of_last_two(windows: &[Grown]) -> u64 {
    windows.iter().rev().take(2).map(|window| window.events).sum()
}

/// Whether the rate fell so far that growth slows down.
pub(super) fn slows(before: &Grown, last: &Grown) -> bool {
    falls_below(SLOWS, before, last)
}

/// Whether the rate fell below a share of what it was, by more than chance explains, and falls.
fn falls_below(share: f64, before: &Grown, last: &Grown) -> bool {
    let deviation = (before.variance_of_rate() + last.variance_of_rate()).sqrt();
    let is_steady = last.halves[1] > 0.0 && last.halves[1] >= STEADY * last.halves[0];
    !is_steady && last.rate() < share * before.rate() && before.rate() - last.rate() > SIGNIFICANT * deviation
}

/// Whether the rate is higher than growth by the logarithm would leave it, by more than chance explains.
fn exceeds_logarithm(before: &Grown, last: &Grown) -> bool {
    let deviation = (KEEPS * KEEPS * before.variance_of_rate() + last.variance_of_rate()).sqrt();
    last.rate() - KEEPS * before.rate() > SIGNIFICANT * deviation
}

/// Whether two rates, the later one last, are one.
pub(super) fn agree(before: f64, last: f64) -> bool {
    (before - last).abs() <= AGREE * last.abs()
}

/// Whether the last two windows grew at one rate in equally many steps, and the one before them by a step more or less:
/// a container that grows in proportion, and so doubles once in every window, but for one where a step of its own is at
/// the edge of a window.
fn doubles(windows: &[Grown]) -> bool {
    let [.., first, second, last] = windows else { return false };
    let rate = last.rate();
    let agrees = last.events == second.events && agree(second.rate(), rate);
    let before = (1.0 - AGREE) * rate / TWICE..=(1.0 + AGREE) * rate * TWICE;
    last.growth > 0.0 && last.events > 0 && agrees && before.contains(&first.rate())
}

/// How much likelier the events are from a leak, which has them in proportion to the iterations, than from growth by
/// the logarithm, which has as many in each window: the logarithm of the ratio, over as many of the last windows as say
/// it best. What came before them may have been warm-up.
pub(super) fn favours_leak(windows: &[Grown]) -> f64 {
    let first = (windows.len() + 1).saturating_sub(FEWEST);
    (0..first).map(|from| leak_over_logarithm(&windows[from..])).fold(0.0, f64::max)
}

fn leak_over_logarithm(windows: &[Grown]) -> f64 {
    let (count, iterations) = (windows.len() as f64, windows.iter().map(|window| window.iterations).sum::<f64>());
    let each = |window: &Grown| window.events as f64 * (window.iterations / iterations * count).ln();
    windows.iter().map(each).sum()
}

#[cfg(test)]
mod tests;
