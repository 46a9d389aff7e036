//! The curve of a leak test: what lived after so many iterations, window by window, and how fast that grew. Plain
//! values; what they mean is judged elsewhere.

#[cfg(feature = "json")]
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most windows of a test: each has twice as many iterations as the one before, and a test some million at most.
pub(crate) const MOST_WINDOWS: usize = 20;
/// The fewest windows that have a slope.
pub(crate) const FEWEST_OF_A_SLOPE: usize = 2;
/// The most readings that are kept between the ends of a window.
pub(crate) const MOST_READINGS: usize = 15;

/// What lived while a leak test ran, beyond what its operations owned before the first iteration.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let outcome = heapledger::LeakTest::new("box").run(|_| Box::leak(Box::new(7u64)));
/// let report = heapledger::report();
/// let curve = &report.leak_tests()[0].curve;
/// assert_eq!(curve.windows, outcome.windows());
/// assert_eq!(curve.slope.unwrap().bytes_per_iteration(), 8.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeakCurve {
    /// After the warm-up, where the first window begins.
    pub start: LeakReading,
    /// Those that are whole, 20 at most.
    pub windows: Vec<LeakWindow>,
    /// How fast it grew in the end; `None` where there are fewer than two windows.
    pub slope: Option<LeakSlope>,
}

/// One window of a [`LeakTest`](crate::LeakTest): so many iterations, what lives at their end, and what lived in
/// between.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let outcome = heapledger::LeakTest::new("box").warmup(1).iterations(2).run(|_| Box::leak(Box::new(7u64)));
/// let (first, second) = (&outcome.windows()[0], &outcome.windows()[1]);
/// // One iteration of warm-up, then windows of two, four, eight ..
/// assert_eq!((first.iterations, first.live_bytes, first.live_blocks), (2, 8 * 3, 3));
/// assert_eq!((second.iterations, second.live_bytes, second.live_blocks), (4, 8 * 7, 7));
/// assert_eq!((second.min_bytes, second.max_bytes), (8 * 4, 8 * 7));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeakWindow {
    /// How many iterations it has: twice as many as the window before.
    pub iterations: u64,
    /// Bytes that the test's operations own at its end, beyond what they owned before the first iteration.
    pub live_bytes: i64,
    /// The same in blocks.
    pub live_blocks: i64,
    /// The fewest bytes that any reading of the window found.
    pub min_bytes: i64,
    /// The most bytes that any reading of the window found.
    pub max_bytes: i64,
    /// What was read before its end, ascending: 15 readings at most, evenly chosen of up to 126.
    pub readings: Vec<LeakReading>,
}

/// What lived after so many iterations of a leak test.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// let outcome = heapledger::LeakTest::new("box").warmup(1).iterations(2).run(|_| Box::leak(Box::new(7u64)));
/// let between = outcome.windows()[0].readings[0];
/// assert_eq!((between.iterations, between.live_bytes, between.live_blocks), (2, 16, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeakReading {
    /// How many iterations had been run, the warm-up included.
    pub iterations: u64,
    /// Bytes beyond what the test's operations owned before the first iteration.
    pub live_bytes: i64,
    /// The same in blocks.
    pub live_blocks: i64,
}

/// How fast the curve of a leak test rises in the end: the line through its last windows, in whole numbers.
///
/// It is the growth of the last window, or, where readings swing, that between readings which lie whole teeth apart.
///
/// ```
/// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
/// heapledger::LeakTest::new("format").assert(|i| format!("{i}"));
/// let slope = heapledger::report().leak_tests()[0].curve.slope.unwrap();
/// assert_eq!((slope.bytes_per_iteration(), slope.blocks_per_iteration()), (0.0, 0.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeakSlope {
    /// So many bytes more ..
    pub bytes: i64,
    /// .. in so many blocks more ..
    pub blocks: i64,
    /// .. over so many iterations; never zero.
    pub iterations: u64,
}

impl LeakSlope {
    /// By how many bytes it rises with every iteration.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("box").run(|_| Box::leak(Box::new([7u64; 6]))).passes();
    /// let slope = heapledger::report().leak_tests()[0].curve.slope.unwrap();
    /// assert_eq!(slope.bytes_per_iteration(), 48.0);
    /// ```
    pub fn bytes_per_iteration(&self) -> f64 {
        self.bytes as f64 / self.iterations as f64
    }

    /// By how many blocks it rises with every iteration.
    ///
    /// ```
    /// # #[global_allocator] static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
    /// heapledger::LeakTest::new("box").run(|_| Box::leak(Box::new(7u64))).passes();
    /// let slope = heapledger::report().leak_tests()[0].curve.slope.unwrap();
    /// assert_eq!(slope.blocks_per_iteration(), 1.0);
    /// ```
    pub fn blocks_per_iteration(&self) -> f64 {
        self.blocks as f64 / self.iterations as f64
    }
}

impl LeakCurve {
    /// Every reading that is kept, from the start to the end of the last window.
    pub(crate) fn readings(&self) -> impl Iterator<Item = LeakReading> {
        let mut iterations = self.start.iterations;
        let windows = self.windows.iter().flat_map(move |window| {
            iterations = iterations.saturating_add(window.iterations);
            let (live_bytes, live_blocks) = (window.live_bytes, window.live_blocks);
            window.readings.iter().copied().chain([LeakReading { iterations, live_bytes, live_blocks }])
        });
        [self.start].into_iter().chain(windows)
    }

    /// What no ledger wrote, if it is that.
    #[cfg(feature = "from-json")]
    pub(super) fn is_wrong(&self) -> Option<&'static str> {
        let too_many = |window: &LeakWindow| window.readings.len() > MOST_READINGS;
        if self.windows.len() > MOST_WINDOWS || self.windows.iter().any(too_many) {
            return Some("has more windows or readings than there can be");
        }
        if !self.readings().is_sorted_by(|one, next| one.iterations < next.iterations) {
            return Some("goes back in iterations");
        }
        let within = |window: &LeakWindow| {
            let range = window.min_bytes..=window.max_bytes;
            let lives = window.readings.iter().map(|reading| reading.live_bytes);
            lives.chain([window.live_bytes]).all(|live| range.contains(&live))
        };
        if !self.windows.iter().all(within) {
            return Some("has readings beyond the range of their window");
        }
        let is_of_nothing = |slope: LeakSlope| slope.iterations == 0 || self.windows.len() < FEWEST_OF_A_SLOPE;
        self.slope.is_some_and(is_of_nothing).then_some("has a slope over no windows or no iterations")
    }
}

/// A reading is written as a list of its figures: there are many.
#[cfg(feature = "json")]
impl Serialize for LeakReading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.iterations, self.live_bytes, self.live_blocks).serialize(serializer)
    }
}

#[cfg(feature = "json")]
impl<'text> Deserialize<'text> for LeakReading {
    fn deserialize<D: Deserializer<'text>>(deserializer: D) -> Result<Self, D::Error> {
        let (iterations, live_bytes, live_blocks) = Deserialize::deserialize(deserializer)?;
        Ok(Self { iterations, live_bytes, live_blocks })
    }
}
