//! The program's modules: itself, its libraries, and what it loaded later. They are listed where capture begins, never
//! inside the allocator, so an address in a module that came later is in no module that is known here.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use crate::record::memory::{Link, StaticBytes, new_permanent, zeroed};
use crate::record::system::{LoadedModule, loaded_modules};

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
}

zeroed!(Module { low, high, header, segment });
zeroed!(Listing { count, unloaded, modules });
zeroed!(Modules { latest });

impl Module {
    fn set(&self, module: &LoadedModule) {
        self.low.store(module.low, Relaxed);
        self.high.store(module.high, Relaxed);
        self.header.set(module.header);
        self.segment.set(module.segment);
    }

    fn covers(&self, address: u64) -> bool {
        (self.low.load(Relaxed)..self.high.load(Relaxed)).contains(&address)
    }

    fn is(&self, module: &LoadedModule) -> bool {
        let covers = (self.low.load(Relaxed), self.high.load(Relaxed)) == (module.low, module.high);
        covers && std::ptr::eq(self.header.get(), module.header)
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

impl Modules {
    /// Lists the modules anew if they changed. `false` where some were unloaded since the last time: what is known of
    /// addresses in them holds no more. Not to be called from inside the allocator.
    pub(super) fn list(&self) -> bool {
        let latest = self.latest.get();
        let mut known = latest.map(Listing::known);
        let (mut count, mut same) = (0, true);
        let unloaded = loaded_modules(&mut |module| {
            count += 1;
            same &= known.as_mut().and_then(Iterator::next).is_some_and(|known| known.is(&module));
        });
        let before = latest.map_or(unloaded, |latest| latest.unloaded.load(Relaxed));
        if same && latest.is_some_and(|latest| latest.count.load(Relaxed) == count) && before == unloaded {
            return true;
        }
        if let Some(listing) = new_permanent::<Listing>() {
            let mut places = listing.modules.iter();
            let unloaded = loaded_modules(&mut |module| {
                if let Some(place) = places.next() {
                    place.set(&module);
                    listing.count.store(listing.count.load(Relaxed) + 1, Relaxed);
                }
            });
            listing.unloaded.store(unloaded, Relaxed);
            self.latest.set(Some(listing));
        }
        before == unloaded
    }

    /// The module that holds `address`, if it is known.
    pub(super) fn of(&self, address: u64) -> Option<&'static Module> {
        self.latest.get()?.known().find(|module| module.covers(address))
    }
}
