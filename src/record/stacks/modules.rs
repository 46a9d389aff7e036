//! The program's modules: itself, its libraries, and what it loaded later. They are listed where a capture begins and
//! where stacks are read, never inside the allocator, so an address in a module that came later is in no module that is
//! known here.

use crate::record::atomic::Ordering::{Relaxed, SeqCst};
use crate::record::atomic::{AtomicU64, AtomicUsize};
use crate::record::memory::{Link, StaticBytes, new_permanent, zeroed};
use crate::record::system::{LoadedModule, loaded_modules, still_holds};

/// One module, and its unwind tables.
#[derive(Debug)]
pub(super) struct Module {
    /// Its first address, and the first one behind it.
    low: AtomicU64,
    high: AtomicU64,
    /// The table that leads from an address to its place in the unwind tables.
    header: StaticBytes,
    /// The part of the module that holds the unwind tables.
    segment: StaticBytes,
    /// Zero where it has none.
    build_id: AtomicU64,
}

/// More modules than programs have; those past it are unknown.
const MOST: usize = 256;

/// The modules that are loaded at one moment.
#[derive(Debug)]
struct Listing {
    count: AtomicUsize,
    /// How many modules were unloaded before.
    unloaded: AtomicU64,
    modules: [Module; MOST],
}

/// The latest listing. Earlier ones stay: a thread may be reading them.
#[derive(Debug)]
pub(super) struct Modules {
    latest: Link<Listing>,
    /// How often they changed.
    changes: AtomicU64,
}

/// Two listings, one after the other.
pub(super) struct ChangedModules {
    before: &'static Listing,
    now: Option<&'static Listing>,
    unloaded: bool,
}

zeroed!(Module { low, high, header, segment, build_id });
zeroed!(Listing { count, unloaded, modules });
zeroed!(Modules { latest, changes });

impl Module {
    fn set(&self, module: &LoadedModule) {
        self.low.store(module.low, Relaxed);
        self.high.store(module.high, Relaxed);
        self.header.set(module.header);
        self.segment.set(module.segment);
        self.build_id.store(module.build_id, Relaxed);
    }

    fn covers(&self, address: u64) -> bool {
        (self.low.load(Relaxed)..self.high.load(Relaxed)).contains(&address)
    }

    /// Whether it is at the same place and, as far as can be seen there, the same.
    fn is(&self, module: &LoadedModule) -> bool {
        let covers = (self.low.load(Relaxed), self.high.load(Relaxed)) == (module.low, module.high);
        covers && std::ptr::eq(self.header.get(), module.header) && self.build_id.load(Relaxed) == module.build_id
    }

    /// The same of a module that is listed.
    fn is_like(&self, other: &Self) -> bool {
        let Self { low, high, header, segment, build_id } = other;
        let (low, high, build_id) = (low.load(Relaxed), high.load(Relaxed), build_id.load(Relaxed));
        self.is(&LoadedModule { low, high, header: header.get(), segment: segment.get(), build_id })
    }

    pub(super) fn header(&self) -> &'static [u8] {
        self.header.get()
    }

    pub(super) fn segment(&self) -> &'static [u8] {
        self.segment.get()
    }
}

impl Listing {
    fn known(&self) -> impl Iterator<Item = &Module> {
        self.modules.iter().take(self.count.load(Relaxed))
    }
}

impl ChangedModules {
    /// Whether code that was at `address` is not there any more, or may be other code. The program itself stays.
    pub(super) fn lost(&self, address: u64) -> bool {
        let is_program = |module: &Module| self.before.modules.first().is_some_and(|first| std::ptr::eq(first, module));
        let is_there = |module: &Module| {
            let has_id = module.build_id.load(Relaxed) != 0;
            has_id && self.now.is_some_and(|now| now.known().any(|known| known.is_like(module)))
        };
        let module = self.before.known().find(|module| self.unloaded && module.covers(address));
        module.is_some_and(|module| !is_program(module) && !is_there(module))
    }
}

impl Modules {
    /// Lists the modules anew if they changed, and says how since the last time. Not to be called from inside the
    /// allocator, nor by two threads at once.
    pub(super) fn list(&self) -> Option<ChangedModules> {
        let latest = self.latest.get();
        let mut known = latest.map(Listing::known);
        let (mut count, mut same) = (0, true);
        let unloaded = loaded_modules(&mut |module| {
            count += 1;
            same &= known.as_mut().and_then(Iterator::next).is_some_and(|known| known.is(&module));
        });
        let before = latest.map_or(unloaded, |latest| latest.unloaded.load(Relaxed));
        if same && latest.is_some_and(|latest| latest.count.load(Relaxed) == count) && before == unloaded {
            return None;
        }
        let listing = new_permanent::<Listing>();
        if let Some(listing) = listing {
            let mut places = listing.modules.iter();
            let unloaded = loaded_modules(&mut |module| {
                if let Some(place) = places.next() {
                    place.set(&module);
                    listing.count.store(listing.count.load(Relaxed) + 1, Relaxed);
                }
            });
            listing.unloaded.store(unloaded, Relaxed);
        }
        // Without memory for the list, no module is known.
        self.latest.set(listing);
        self.changes.fetch_add(1, SeqCst);
        latest.map(|latest| ChangedModules { before: latest, now: listing, unloaded: before != unloaded })
    }

    /// How often they changed so far: what was looked up before is of other modules.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(SeqCst)
    }

    /// The module that holds `address`, if it is known and was not unloaded meanwhile.
    pub(super) fn of(&self, address: u64) -> Option<&'static Module> {
        let module = self.latest.get()?.known().find(|module| module.covers(address))?;
        still_holds(address, module.header()).then_some(module)
    }
}
