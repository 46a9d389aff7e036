//! A file of machine code: its debug information and its symbols, mapped as long as somebody asks. Which file and which
//! addresses is for `lookup`.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use addr2line::{Context, Frame, LookupContinuation, LookupResult, SplitDwarfLoad};
use gimli::{AbbreviationsCacheStrategy, Dwarf, DwarfPackage, EndianSlice, RunTimeEndian};
use memmap2::Mmap;
use object::{Object, ObjectSection, SymbolMap, SymbolMapName};

use crate::record::mapped;

type DwarfBytes<'d> = EndianSlice<'d, RunTimeEndian>;

/// What can be asked of a file.
pub(super) struct MachineCode<'d> {
    path: &'d Path,
    store: &'d Store,
    lines: Option<Context<DwarfBytes<'d>>>,
    /// Debug information that was parted from the program and packed into one file beside it.
    package: OnceCell<Option<DwarfPackage<DwarfBytes<'d>>>>,
    symbols: SymbolMap<SymbolMapName<'d>>,
    /// There is debug information, and it cannot be read: that takes the feature `compressed`.
    pub(super) is_compressed: bool,
}

impl<'d> MachineCode<'d> {
    /// `None` if it is no such file.
    pub(super) fn open(path: &'d Path, store: &'d Store) -> Option<Self> {
        let file = store.object(path)?;
        let dwarf = Dwarf::load(|id| store.section(&file, Some(id.name())));
        let is_compressed = dwarf.is_err();
        let lines = dwarf.ok().and_then(|mut dwarf| {
            dwarf.populate_abbreviations_cache(AbbreviationsCacheStrategy::Duplicates);
            Context::from_dwarf(dwarf).ok()
        });
        Some(Self { path, store, lines, package: OnceCell::new(), symbols: file.symbol_map(), is_compressed })
    }

    pub(super) fn symbol(&self, at: u64) -> Option<&'d str> {
        self.symbols.containing(at).map(|symbol| symbol.name())
    }

    /// Calls `see` with what debug information has at an address, the innermost function first.
    pub(super) fn frames(&self, at: u64, mut see: impl FnMut(Frame<'_, DwarfBytes<'d>>)) {
        let Some(lines) = &self.lines else { return };
        let mut result = lines.find_frames(at);
        let found = loop {
            match result {
                LookupResult::Output(found) => break found,
                LookupResult::Load { load, continuation } => result = continuation.resume(self.parted(load)),
            }
        };
        let Ok(mut found) = found else { return };
        while let Ok(Some(frame)) = found.next() {
            see(frame);
        }
    }

    /// Debug information that stands in a file of its own: the package, or one for this unit of code alone.
    fn parted(&self, load: SplitDwarfLoad<DwarfBytes<'d>>) -> Option<Arc<Dwarf<DwarfBytes<'d>>>> {
        let package = self.package.get_or_init(|| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(".dwp");
            let file = self.store.object(Path::new(&name))?;
            let none = EndianSlice::new(&[], endian(&file));
            DwarfPackage::load(|id| self.store.section(&file, id.dwo_name()), none).ok()
        });
        if let Some(Ok(Some(unit))) = package.as_ref().map(|package| package.find_cu(load.dwo_id, &load.parent)) {
            return Some(Arc::new(unit));
        }
        let text = |bytes: DwarfBytes<'d>| std::str::from_utf8(bytes.slice()).ok();
        let folder = load.comp_dir.and_then(text).unwrap_or("");
        let file = self.store.object(&PathBuf::from(folder).join(load.path.and_then(text)?))?;
        let mut dwarf = Dwarf::load(|id| self.store.section(&file, id.dwo_name())).ok()?;
        let header = dwarf.units().next().ok()??;
        let is_asked = dwarf.unit(header).is_ok_and(|unit| unit.dwo_id == Some(load.dwo_id));
        dwarf.make_dwo(&load.parent);
        is_asked.then(|| Arc::new(dwarf))
    }
}

fn endian(file: &object::File<'_>) -> RunTimeEndian {
    if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big }
}

/// The bytes of files that are open: what was found in them borrows from here. One more can be added while others are
/// borrowed.
#[derive(Default)]
pub(super) struct Store {
    first: OnceCell<Box<Stored>>,
}

struct Stored {
    bytes: CodeBytes,
    next: OnceCell<Box<Self>>,
}

enum CodeBytes {
    Mapped(Mmap),
    Uncompressed(Vec<u8>),
}

impl Store {
    fn object(&self, path: &Path) -> Option<object::File<'_>> {
        let map = File::open(path).and_then(|file| mapped(&file)).ok()?;
        object::File::parse(self.keep(CodeBytes::Mapped(map))).ok()
    }

    /// A section of debug information, empty if there is none.
    fn section<'d>(&'d self, file: &object::File<'d>, name: Option<&str>) -> gimli::Result<DwarfBytes<'d>> {
        let section = name.and_then(|name| file.section_by_name(name));
        let bytes = match section.map(|section| section.uncompressed_data()) {
            None => &[],
            Some(Ok(Cow::Borrowed(bytes))) => bytes,
            Some(Ok(Cow::Owned(bytes))) => self.keep(CodeBytes::Uncompressed(bytes)),
            Some(Err(_)) => return Err(gimli::Error::Io),
        };
        Ok(EndianSlice::new(bytes, endian(file)))
    }

    fn keep(&self, bytes: CodeBytes) -> &[u8] {
        let mut place = &self.first;
        while let Some(stored) = place.get() {
            place = &stored.next;
        }
        let stored = place.get_or_init(|| Box::new(Stored { bytes, next: OnceCell::new() }));
        match &stored.bytes {
            CodeBytes::Mapped(map) => map,
            CodeBytes::Uncompressed(bytes) => bytes,
        }
    }
}
