//! A level beside a slow one that looks at every move.

use super::*;
use crate::record::random::Sequence;

/// A level, what it is to be, and how often it was looked at and told.
struct Watched {
    level: Level,
    /// Whether it climbs, and whether it is to where it may.
    climbs: bool,
    may_climb: bool,
    value: i64,
    peak: i64,
    looks: u32,
    told: u32,
}

impl Watched {
    fn new() -> Self {
        let level = Level::with_room(0);
        level.begin();
        Self { level, climbs: false, may_climb: false, value: 0, peak: 0, looks: 0, told: 0 }
    }

    /// Moves both by `fell`, as a call does.
    fn fall(&mut self, fell: i64) {
        self.value -= fell;
        self.peak = self.peak.max(self.value);
        let before = self.told();
        let limit = if self.climbs { 0 } else { MOST_ROOM };
        let has_room =
            if fell < 0 { self.level.rise(fell.unsigned_abs() as usize) } else { self.level.fallen(fell) <= limit };
        if !has_room {
            self.looks += 1;
            self.settle(fell);
            if fell < 0 && self.may_climb && self.level.is_at_peak() {
                self.level.climb();
                self.climbs = true;
            }
        }
        self.check(before);
    }

    /// Looks at the level, which climbs no longer.
    fn settle(&mut self, fell: i64) {
        match std::mem::take(&mut self.climbs) {
            true => self.level.end_climb(fell),
            false => self.level.settle(fell),
        }
    }

    /// What was told.
    fn told(&self) -> i64 {
        self.level.synced.load(Relaxed) - if self.climbs { CLIMBING } else { 0 }
    }

    /// Begins a peak, as a scope does.
    fn begin(&mut self) {
        let before = self.told();
        if self.level.is_far(self.value) {
            self.settle(0);
        }
        self.peak = self.value;
        self.level.tell_if_far();
        self.level.begin_peak(self.value);
        self.check(before);
    }

    fn check(&mut self, told_before: i64) {
        assert_eq!((self.level.value(), self.level.peak_of_scopes()), (self.value, self.peak));
        let told = self.told();
        let strayed = self.value - told;
        assert!((-(BOUND as i64)..=STEP).contains(&strayed), "{strayed} bytes from what was told");
        self.told += u32::from(told != told_before);
    }

    /// How often the level was looked at and told in `moves`.
    fn looks(&mut self, moves: impl IntoIterator<Item = i64>) -> (u32, u32) {
        let (looks, told) = (self.looks, self.told);
        moves.into_iter().for_each(|fell| self.fall(fell));
        (self.looks - looks, self.told - told)
    }
}

impl Drop for Watched {
    /// The process has none of these bytes.
    fn drop(&mut self) {
        self.settle(0);
        self.level.fall(self.value);
        self.level.sync();
    }
}

#[test]
fn blocks_of_up_to_64_kib_come_and_go_without_a_look() {
    for size in [STEP, STEP + 1, 32 << 10, BOUND as i64] {
        let mut level = Watched::new();
        level.looks([-size, size, -size, size]);
        assert_eq!(level.looks([-size, size].repeat(100)), (0, 0), "{size}");
    }
    let mut level = Watched::new();
    let size = BOUND as i64 + 1;
    level.looks([-size, size, -size, size]);
    assert_eq!(level.looks([-size, size].repeat(100)), (200, 200), "further than it may stray");
}

#[test]
fn a_vector_that_grows_to_64_kib_again_and_again_is_not_looked_at() {
    let mut level = Watched::new();
    let growth: Vec<_> = std::iter::once(-16).chain((4..16).map(|size| -(1 << size))).chain([64 << 10]).collect();
    level.looks(growth.repeat(2));
    assert_eq!(level.looks(growth.repeat(100)), (0, 0));
}

#[test]
fn small_blocks_are_told_in_steps() {
    let mut level = Watched::new();
    assert_eq!(level.looks([-64; 16_000]).1, 49, "once in 20 KiB and a block");
    level.looks([64; 16_000]);
    assert!(level.looks([-64; 16_000]).1 <= 50);
    // Scopes that free begin a peak each.
    let before = level.told;
    (0..16_000).for_each(|_| {
        level.fall(64);
        level.begin();
    });
    assert!(level.told - before <= 2 * 50 + 2, "{}", level.told - before);
}

#[test]
fn a_level_that_climbs_is_looked_at_once_for_each_step() {
    let mut level = Watched::new();
    level.may_climb = true;
    assert_eq!(level.looks([-64; 1_600]), (1 + 4, 4), "once to begin, and once past every 20 KiB");
    assert_eq!(level.looks([64]).0, 1, "the first fall ends it");
    assert_eq!(level.looks([64, -64].repeat(100)), (0, 0));
    assert_eq!(level.looks([-64]), (0, 0), "up to the peak");
    assert_eq!(level.looks([-64; 4]).0, 1, "it climbs again");
}

#[test]
fn levels_and_peaks_are_those_of_one_that_looks_at_every_move() {
    for seed in 0..200 {
        let mut level = Watched::new();
        let random = Sequence::new();
        random.begin(seed);
        for _ in 0..500 {
            level.may_climb = random.draw() % 4 > seed % 4;
            let size = (random.draw() % (1 << (random.draw() % 18))) as i64;
            let fell = if random.draw() % 16 < 7 + seed % 3 { size } else { -size };
            level.fall(fell);
            match random.draw() % 50 {
                0 => level.begin(),
                1 => {
                    // Whoever has it told ends its climb first.
                    if level.climbs {
                        level.settle(0);
                    }
                    level.level.sync();
                }
                _ => {}
            }
        }
    }
}
