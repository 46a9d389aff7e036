//! Programs that allocate, resize and free through planted functions, the model of what each path of functions must
//! have allocated in blocks of which size, and judges that hold call stacks and classes of sizes against it.

#![allow(unsafe_code, reason = "programs allocate by layout, to know every byte")]

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Mutex;

use heapledger::{CallStackKind, track};

use super::common::balanced;

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Operations: the first two are captured, the second by a glob.
pub const NAMES: [&str; 3] = ["planted", "planted_too", "elsewhere"];
pub const CAPTURED: usize = 2;
/// Threads that run at once.
pub const THREADS: usize = 3;
/// Smaller blocks than their alignment take another way through the allocator: another stack.
pub const ALIGN: usize = 8;

/// A way through the planted functions.
pub type Path = Vec<u8>;

/// What a stack must say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    allocs: u64,
    allocated_bytes: u64,
    live_blocks: i64,
    live_bytes: i64,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.allocs += other.allocs;
        self.allocated_bytes += other.allocated_bytes;
        self.live_blocks += other.live_blocks;
        self.live_bytes += other.live_bytes;
    }
}

/// Where a block was charged to: the operation, the path, and whether it was resized there.
pub type Place = (usize, Path, bool);

/// The largest power of two that is not larger than a block.
pub type Class = u64;

/// One call of the allocator, through the functions of a path.
#[derive(Clone, Debug)]
pub struct Step {
    pub operation: usize,
    pub path: Path,
    pub slot: usize,
    /// Zero frees.
    pub size: usize,
}

/// A block that lives.
pub struct Block {
    start: *mut u8,
    layout: Layout,
    place: Place,
}

impl Block {
    fn key(&self) -> (Place, Class) {
        (self.place.clone(), class(self.layout.size()))
    }
}

fn class(size: usize) -> Class {
    let mut class = 1;
    while 2 * class <= size as u64 {
        class *= 2;
    }
    class
}

// SAFETY: a block is memory that one thread at a time has.
unsafe impl Send for Block {}

/// What every stack must say.
pub type Model = BTreeMap<(Place, Class), Figures>;

/// The innermost planted function.
#[inline(never)]
fn act(block: &mut Option<Block>, step: &Step, model: &mut Model) {
    let place = |resized| (step.operation, step.path.clone(), resized);
    let layout = Layout::from_size_align(step.size.max(1), ALIGN).expect("small");
    match (block.take(), step.size) {
        (None, 0) => {}
        (None, size) => {
            // SAFETY: the size is not zero.
            let start = unsafe { alloc(layout) };
            assert!(!start.is_null());
            quietly(|| {
                let figures = model.entry((place(false), class(size))).or_default();
                figures.allocs += 1;
                figures.allocated_bytes += size as u64;
                figures.live_blocks += 1;
                figures.live_bytes += size as i64;
                *block = Some(Block { start, layout, place: place(false) });
            });
        }
        (Some(old), 0) => {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(old.start, old.layout) };
            quietly(|| leave(model, &old));
        }
        (Some(old), size) => {
            // SAFETY: allocated with this layout; the new size is not zero.
            let start = unsafe { realloc(old.start, old.layout, size) };
            assert!(!start.is_null());
            quietly(|| {
                leave(model, &old);
                let figures = model.entry((place(true), class(size))).or_default();
                figures.allocated_bytes += size as u64;
                figures.live_blocks += 1;
                figures.live_bytes += size as i64;
                *block = Some(Block { start, layout, place: place(true) });
            });
        }
    }
}

/// The block is no longer where it was charged to.
fn leave(model: &mut Model, block: &Block) {
    let figures = model.entry(block.key()).or_default();
    figures.live_blocks -= 1;
    figures.live_bytes -= block.layout.size() as i64;
}

/// The model's own memory is charged to an operation that nobody judges.
fn quietly(work: impl FnOnce()) {
    MODEL.with(|model| model.run(work));
}

thread_local! {
    /// Outside every scope.
    static MODEL: heapledger::Operation = heapledger::current();
}

macro_rules! planted {
    ($($name:ident($number:literal))*) => {
        $(
            #[inline(never)]
            fn $name(rest: &[u8], block: &mut Option<Block>, step: &Step, model: &mut Model) {
                go(rest, block, step, model);
                black_box($number);
            }
        )*
        const PLANTED: &[fn(&[u8], &mut Option<Block>, &Step, &mut Model)] = &[$($name),*];
    };
}

planted! { first(1) second(2) third(3) }

#[inline(never)]
fn go(path: &[u8], block: &mut Option<Block>, step: &Step, model: &mut Model) {
    match path {
        [] => act(block, step, model),
        [next, rest @ ..] => black_box(PLANTED[usize::from(*next)])(rest, block, step, model),
    }
    black_box(path);
}

/// What every thread runs.
#[inline(never)]
fn work(steps: &[Step], blocks: &mut [Option<Block>], model: &mut Model) {
    for step in steps {
        let _op = track(NAMES[step.operation]);
        go(&step.path, &mut blocks[step.slot], step, model);
    }
}

/// Runs `steps` on a thread, one after the other, and says after each.
fn on_a_thread(steps: &[Step], blocks: &mut [Option<Block>], model: &mut Model, after: &mut (dyn FnMut(&Step) + Send)) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            MODEL.with(|_| ());
            for step in steps {
                work(std::slice::from_ref(step), blocks, model);
                after(step);
            }
        });
    });
}

/// Every path of up to three functions.
pub fn paths() -> Vec<Path> {
    let longer = |paths: Vec<Path>| -> Vec<Path> {
        paths.iter().flat_map(|path| (0..3).map(move |next| [path.as_slice(), &[next]].concat())).collect()
    };
    let one = longer(vec![vec![]]);
    let two = longer(one.clone());
    let three = longer(two.clone());
    [one, two, three].concat()
}

fn stacks_of(snapshot: &heapledger::Snapshot, operation: usize) -> Vec<(Vec<usize>, CallStackKind, Figures)> {
    let stacks = snapshot.stacks(NAMES[operation]);
    let figures = |stack: &heapledger::CallStack| Figures {
        allocs: stack.allocs,
        allocated_bytes: stack.allocated_bytes,
        live_blocks: stack.live_blocks,
        live_bytes: stack.live_bytes,
    };
    stacks.iter().map(|stack| (stack.addresses().to_vec(), stack.kind, figures(stack))).collect()
}

/// Which return addresses belong to which path.
pub type Known = BTreeMap<Vec<usize>, (Path, bool)>;

/// Learns which return addresses belong to which path.
pub fn learn() -> Known {
    let mut known = BTreeMap::new();
    for path in paths() {
        let step = |size| Step { operation: 0, path: path.clone(), slot: 0, size };
        let mut blocks = [None];
        let mut before = balanced();
        let learned = Mutex::new(Vec::new());
        on_a_thread(&[step(10), step(20), step(0)], &mut blocks, &mut Model::new(), &mut |_| {
            let now = balanced();
            learned.lock().expect("nobody panics").push(stacks_of(&(&now - &before), 0));
            before = now;
        });
        let learned = learned.into_inner().expect("nobody panics");
        let grown = |stacks: &[(Vec<usize>, CallStackKind, Figures)], by| {
            let grown: Vec<_> = stacks.iter().filter(|stack| stack.2.live_bytes == by).collect();
            assert!(grown.len() == 1 && grown[0].1 == CallStackKind::Complete, "{stacks:?}");
            grown[0].0.clone()
        };
        assert!(known.insert(grown(&learned[0], 10), (path.clone(), false)).is_none(), "two paths, one stack");
        assert!(known.insert(grown(&learned[1], 20), (path.clone(), true)).is_none(), "two paths, one stack");
    }
    known
}

/// What has the same key, added up; without what did not move.
fn summed<'a, K: Ord>(figures: impl Iterator<Item = (K, &'a Figures)>) -> BTreeMap<K, Figures> {
    let mut sums: BTreeMap<K, Figures> = BTreeMap::new();
    figures.for_each(|(key, one)| sums.entry(key).or_default().add(one));
    sums.retain(|_, sum| *sum != Figures::default());
    sums
}

fn classes_of(snapshot: &heapledger::Snapshot, name: &str) -> Vec<(Class, Figures)> {
    let figures = |class: heapledger::SizeClass| Figures {
        allocs: class.allocs,
        allocated_bytes: class.allocated_bytes,
        live_blocks: class.live_blocks,
        live_bytes: class.live_bytes,
    };
    snapshot.size_classes(name).into_iter().map(|class| (class.min_size, figures(class))).collect()
}

/// Holds every stack and every class of sizes of every operation against the model.
pub fn judge(known: &Known, diff: &heapledger::Snapshot, model: &Model) {
    diff.check().expect("the law holds");
    for (operation, name) in NAMES.iter().enumerate() {
        let stacks = stacks_of(diff, operation);
        let row = diff.operation(name).map(|row| row.total).unwrap_or_default();
        let mut sum = Figures::default();
        stacks.iter().for_each(|(_, _, one)| sum.add(one));
        let own = (row.allocs, row.allocated_bytes, row.live_blocks, row.live_bytes);
        assert_eq!((sum.allocs, sum.allocated_bytes, sum.live_blocks, sum.live_bytes), own, "{name}");
        let of_it = || model.iter().filter(|(((of, ..), _), _)| *of == operation);
        let mut expected = summed(of_it().map(|((place, _), figures)| (place, figures)));
        let classes = summed(of_it().map(|((_, class), figures)| (*class, figures)));
        // A class of sizes is counted where stacks are.
        assert_eq!(classes_of(diff, name), if operation < CAPTURED { Vec::from_iter(classes) } else { Vec::new() });
        if operation >= CAPTURED {
            let mut whole = Figures::default();
            expected.values().for_each(|one| whole.add(one));
            let said = Vec::from_iter(stacks.iter().map(|(_, kind, figures)| (*kind, *figures)));
            let did = !expected.is_empty();
            assert_eq!(said, Vec::from_iter(did.then_some((CallStackKind::NotCaptured, whole))), "{name}");
            continue;
        }
        for (addresses, kind, figures) in stacks {
            assert_eq!(kind, CallStackKind::Complete, "{name}: everything is captured");
            let (path, resized) = known.get(&addresses).unwrap_or_else(|| panic!("{name}: a stack of no path"));
            let place = (operation, path.clone(), *resized);
            assert_eq!(expected.remove(&place), Some(figures), "{name}: {place:?}");
        }
        assert!(expected.is_empty(), "{name}: {expected:?}");
    }
}

/// Holds classes of sizes against the model, and the sums over stacks, of which each is an estimate.
pub fn judge_samples(diff: &heapledger::Snapshot, model: &Model) {
    diff.check().expect("the law holds");
    for (operation, name) in NAMES.iter().enumerate() {
        let of_it = model.iter().filter(|(((of, ..), _), _)| *of == operation);
        let classes = summed(of_it.map(|((_, class), figures)| (*class, figures)));
        let mut whole = Figures::default();
        classes.values().for_each(|one| whole.add(one));
        let mut sum = Figures::default();
        stacks_of(diff, operation).iter().for_each(|(_, _, one)| sum.add(one));
        assert_eq!(sum, whole, "{name}");
        let stacks = diff.stacks(name);
        assert!(stacks.iter().all(|stack| stack.samples.is_some() == (operation < CAPTURED)), "{name}");
        assert_eq!(classes_of(diff, name), if operation < CAPTURED { Vec::from_iter(classes) } else { Vec::new() });
    }
}

/// What threads hold, who go on round after round, and what the model says of it.
pub struct Run {
    before: heapledger::Snapshot,
    holdings: Vec<Vec<Option<Block>>>,
    model: Model,
}

impl Run {
    /// Threads that may hold so many blocks each.
    pub fn begin(slots: usize) -> Self {
        let holdings = (0..THREADS).map(|_| (0..slots).map(|_| None).collect()).collect();
        Self { before: balanced(), holdings, model: Model::new() }
    }

    /// Runs a program on each thread, and has judged what all did so far. In the next round others have the blocks.
    pub fn round(&mut self, programs: &[Vec<Step>], judge: impl Fn(&heapledger::Snapshot, &Model)) {
        let models: Vec<Model> = std::thread::scope(|scope| {
            let running: Vec<_> = self
                .holdings
                .iter_mut()
                .zip(programs)
                .map(|(blocks, steps)| {
                    scope.spawn(move || {
                        let mut model = Model::new();
                        on_a_thread(steps, blocks, &mut model, &mut |_| ());
                        model
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().expect("programs do not panic")).collect()
        });
        for (place, figures) in models.into_iter().flatten() {
            self.model.entry(place).or_default().add(&figures);
        }
        judge(&(balanced() - &self.before), &self.model);
        self.holdings.rotate_left(1);
    }

    /// Frees what is left, and has it all judged.
    pub fn end(mut self, judge: impl Fn(&heapledger::Snapshot, &Model)) {
        self.holdings.into_iter().flatten().flatten().for_each(|block| {
            leave(&mut self.model, &block);
            // SAFETY: allocated with this layout, and in no list any more.
            unsafe { dealloc(block.start, block.layout) };
        });
        judge(&(balanced() - &self.before), &self.model);
    }
}
