//! The model: what the ledger must say of a program, by plain bookkeeping that knows nothing of shards, tags or stacks.

use std::alloc::Layout;
use std::collections::BTreeMap;

use heapledger::Tally;

/// Names that programs enter; nesting makes paths of them.
pub const NAMES: [&str; 3] = ["index", "search", "commit"];
/// How deep programs nest, guarded blocks included.
pub const DEEPEST: usize = if cfg!(miri) { 2 } else { 4 };
pub const THREADS: usize = 3;
/// Blocks that may be live at once. In round `r`, thread `t` works on those with `(slot + r) % THREADS == t`.
pub const SLOTS: usize = 12;

/// What a program does.
#[derive(Clone, Debug)]
pub enum Step {
    Enter {
        name: usize,
    },
    /// Leaves one of the scopes opened since the innermost guarded block began.
    Leave {
        which: usize,
    },
    Allocate {
        slot: usize,
        size: usize,
        align: usize,
        zeroed: bool,
    },
    Resize {
        slot: usize,
        size: usize,
    },
    Free {
        slot: usize,
    },
    /// Steps inside a `catch_unwind`; whatever scopes they leave open end with it, by unwinding if it panics.
    Guarded {
        steps: Vec<Step>,
        panics: bool,
    },
}

/// What each thread of a round does.
pub type Round = [Vec<Step>; THREADS];

/// An operation of the model: the names it is made of.
type Path = Vec<usize>;

/// Whether a slot is that of a thread.
pub fn mine(slot: usize, round: usize, thread: usize) -> bool {
    (slot + round) % THREADS == thread
}

/// What the ledger must say of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    pub own: Tally,
    pub scopes: u64,
}

struct Block {
    owner: Path,
    layout: Layout,
}

/// Plain bookkeeping.
#[derive(Default)]
pub struct Model {
    pub operations: BTreeMap<Path, Expected>,
    blocks: [Option<Block>; SLOTS],
    /// What one caught panic allocates and frees: blocks and bytes.
    panic: (u64, u64),
    /// What the scopes tell that are finished, thread by thread.
    pub finished: Vec<Tally>,
}

/// A thread of the model.
#[derive(Default)]
pub struct Thread {
    open: Vec<Open>,
    /// What it did in all, and its level.
    done: Tally,
    level: i64,
}

struct Open {
    path: Path,
    before: Tally,
    start: i64,
    high: i64,
}

impl Thread {
    fn active(&self) -> Path {
        self.open.last().map(|scope| scope.path.clone()).unwrap_or_default()
    }

    fn move_level(&mut self, by: i64) {
        self.level += by;
        for scope in &mut self.open {
            scope.high = scope.high.max(self.level);
        }
    }
}

fn add_alloc(tally: &mut Tally, blocks: u64, bytes: u64) {
    tally.allocs += blocks;
    tally.allocated_bytes += bytes;
    tally.live_blocks += blocks as i64;
    tally.live_bytes += bytes as i64;
}

fn add_free(tally: &mut Tally, blocks: u64, bytes: u64) {
    tally.frees += blocks;
    tally.freed_bytes += bytes;
    tally.live_blocks -= blocks as i64;
    tally.live_bytes -= bytes as i64;
}

impl Model {
    /// Of programs in which a caught panic allocates and frees so many blocks and bytes.
    pub fn new(panic: (u64, u64)) -> Self {
        Self { panic, ..Self::default() }
    }

    fn own(&mut self, path: &Path) -> &mut Tally {
        &mut self.operations.entry(path.clone()).or_default().own
    }

    /// The block was not the active operation's own.
    fn freed_for_other(&mut self, active: &Path, blocks: u64, bytes: u64) {
        let freer = self.own(active);
        freer.others_frees += blocks;
        freer.others_freed_bytes += bytes;
        freer.live_blocks += blocks as i64;
        freer.live_bytes += bytes as i64;
    }

    /// What `steps` do on a thread.
    pub fn play(&mut self, thread: &mut Thread, steps: &[Step], round: usize, number: usize) {
        let floor = thread.open.len();
        for step in steps {
            let active = thread.active();
            match *step {
                Step::Enter { name } if active.len() < DEEPEST => {
                    let path = [active.as_slice(), &[name]].concat();
                    self.operations.entry(path.clone()).or_default().scopes += 1;
                    let (before, start) = (thread.done, thread.level);
                    thread.open.push(Open { path, before, start, high: start });
                }
                Step::Leave { which } if thread.open.len() > floor => {
                    let at = floor + which % (thread.open.len() - floor);
                    let scope = thread.open.remove(at);
                    let tally = self.end(&scope, &thread.done);
                    self.finished.push(tally);
                }
                Step::Allocate { slot, size, align, .. }
                    if mine(slot, round, number) && self.blocks[slot].is_none() =>
                {
                    let layout = Layout::from_size_align(size, align).expect("small");
                    add_alloc(self.own(&active), 1, size as u64);
                    add_alloc(&mut thread.done, 1, size as u64);
                    thread.move_level(size as i64);
                    self.blocks[slot] = Some(Block { owner: active, layout });
                }
                Step::Resize { slot, size } if mine(slot, round, number) => {
                    let Some(Block { owner, layout }) = self.blocks[slot].take() else { continue };
                    let old = layout.size();
                    for tally in [self.own(&active), &mut thread.done] {
                        tally.reallocs += 1;
                        add_free(tally, 0, old as u64);
                        add_alloc(tally, 0, size as u64);
                    }
                    if owner != active {
                        let taker = self.own(&active);
                        taker.taken_over_blocks += 1;
                        taker.taken_over_bytes += old as u64;
                        taker.live_blocks += 1;
                        taker.live_bytes += old as i64;
                        let giver = self.own(&owner);
                        giver.given_away_blocks += 1;
                        giver.given_away_bytes += old as u64;
                        giver.live_blocks -= 1;
                        giver.live_bytes -= old as i64;
                    }
                    thread.move_level(size as i64 - old as i64);
                    let layout = Layout::from_size_align(size, layout.align()).expect("small");
                    self.blocks[slot] = Some(Block { owner: active, layout });
                }
                Step::Free { slot } if mine(slot, round, number) => {
                    let Some(Block { owner, layout }) = self.blocks[slot].take() else { continue };
                    let size = layout.size() as u64;
                    add_free(self.own(&active), 1, size);
                    add_free(&mut thread.done, 1, size);
                    if owner != active {
                        self.freed_for_other(&active, 1, size);
                        let owner = self.own(&owner);
                        owner.freed_elsewhere_blocks += 1;
                        owner.freed_elsewhere_bytes += size;
                        owner.live_blocks -= 1;
                        owner.live_bytes -= size as i64;
                    }
                    thread.move_level(-(size as i64));
                }
                Step::Guarded { ref steps, panics } => {
                    let outside = thread.open.len();
                    self.play(thread, steps, round, number);
                    let (blocks, bytes) = self.panic;
                    if panics {
                        // The harness allocates the panic inside, and catching it frees it out here.
                        add_alloc(&mut thread.done, blocks, bytes);
                        thread.move_level(bytes as i64);
                    }
                    self.unwind(thread, outside);
                    if panics {
                        add_free(&mut thread.done, blocks, bytes);
                        add_free(self.own(&active), blocks, bytes);
                        self.freed_for_other(&active, blocks, bytes);
                        thread.move_level(-(bytes as i64));
                    }
                }
                _ => {}
            }
        }
    }

    /// Ends the scopes of a thread but for the first `floor`, the innermost first.
    pub fn unwind(&mut self, thread: &mut Thread, floor: usize) {
        while thread.open.len() > floor {
            let scope = thread.open.pop().expect("it is longer");
            self.end(&scope, &thread.done);
        }
    }

    fn end(&mut self, scope: &Open, done: &Tally) -> Tally {
        let peak = Some((scope.high - scope.start) as u64);
        let own = self.own(&scope.path);
        own.peak_bytes = own.peak_bytes.max(peak);
        let mut did = *done;
        did.allocs -= scope.before.allocs;
        did.allocated_bytes -= scope.before.allocated_bytes;
        did.frees -= scope.before.frees;
        did.freed_bytes -= scope.before.freed_bytes;
        did.reallocs -= scope.before.reallocs;
        did.live_blocks -= scope.before.live_blocks;
        did.live_bytes -= scope.before.live_bytes;
        did.peak_bytes = peak;
        did
    }
}
