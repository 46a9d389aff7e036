//! The files whose code the process has mapped, from what Linux shows of it. No file is opened but that list.

use std::path::{Path, PathBuf};

use super::call_frame::InModule;

/// Code that is mapped, in the order of addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct ModuleFiles {
    mapped: Vec<Mapped>,
}

/// A stretch of a file, mapped to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapped {
    start: u64,
    end: u64,
    /// Where it begins in the file.
    offset: u64,
    path: String,
}

/// What Linux adds to the path of a file that is not there any more.
const DELETED: &str = " (deleted)";

/// Leads to the program, also if its file is not there any more.
pub(super) const PROGRAM: &str = "/proc/self/exe";

impl ModuleFiles {
    /// Those of this process; none on other systems than Linux.
    pub(super) fn of_this_process() -> Self {
        let mut modules = Self::read(&std::fs::read("/proc/self/maps").unwrap_or_default());
        let program = std::fs::read_link(PROGRAM).unwrap_or_default();
        for mapped in &mut modules.mapped {
            // The file was replaced, as cargo does that builds meanwhile: what stands there now has other lines.
            if mapped.path.ends_with(DELETED) && Path::new(&mapped.path) == program {
                mapped.path = PROGRAM.into();
            }
        }
        modules
    }

    /// Understands the list: `start-end permissions offset device inode path`.
    pub(super) fn read(list: &[u8]) -> Self {
        let list = String::from_utf8_lossy(list);
        let mapped = list.lines().filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (permissions, rest) = rest.split_once(' ')?;
            let (offset, rest) = rest.split_once(' ')?;
            let (_device, rest) = rest.split_once(' ')?;
            let path = rest.split_once(' ').map_or("", |(_inode, path)| path.trim_start());
            let (start, end) = range.split_once('-')?;
            let number = |digits| u64::from_str_radix(digits, 16).ok();
            let (start, end, offset) = (number(start)?, number(end)?, number(offset)?);
            permissions.contains('x').then(|| Mapped { start, end, offset, path: path.into() })
        });
        Self { mapped: mapped.collect() }
    }

    /// Where an address stands: the file to open, if there is one, and the place in it.
    pub(super) fn find(&self, address: u64) -> (Option<PathBuf>, InModule) {
        let after = self.mapped.partition_point(|mapped| mapped.start <= address);
        let mapped = after.checked_sub(1).map(|at| &self.mapped[at]).filter(|mapped| address < mapped.end);
        let Some(mapped) = mapped else {
            return (None, InModule { offset: address, ..InModule::default() });
        };
        let path = mapped.path.as_str();
        // What has no file is called `[vdso]` and the like.
        let is_there = path.starts_with('/') && !path.ends_with(DELETED);
        let module = path.rsplit('/').next().unwrap_or(path).into();
        let offset = address - mapped.start + mapped.offset;
        (is_there.then(|| path.into()), InModule { module, offset, ..InModule::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
        1000-2000 r--p 00000000 fd:00 12    /usr/bin/my app\n\
        2000-4000 r-xp 00001000 fd:00 12    /usr/bin/my app\n\
        4000-5000 rw-p 00003000 fd:00 12    /usr/bin/my app\n\
        8000-9000 r-xp 00000000 00:00 0 \n\
        a000-b000 r-xp 00002000 fd:00 13    /lib/old.so (deleted)\n\
        f000-10000 r-xp 00000000 00:00 0    [vdso]\n\
        what else there is\n";

    fn found(address: u64) -> (Option<String>, String, u64) {
        let (path, place) = ModuleFiles::read(LIST.as_bytes()).find(address);
        (path.map(|path| path.display().to_string()), place.module, place.offset)
    }

    #[test]
    fn an_address_is_found_in_what_is_mapped_to_be_run() {
        for (address, path, module, offset) in [
            (0x1fff, None, "", 0x1fff),
            (0x2000, Some("/usr/bin/my app"), "my app", 0x1000),
            (0x3fff, Some("/usr/bin/my app"), "my app", 0x2fff),
            (0x4000, None, "", 0x4000),
            (0x8010, None, "", 0x10),
            (0xa010, None, "old.so (deleted)", 0x2010),
            (0xf010, None, "[vdso]", 0x10),
            (0x10000, None, "", 0x10000),
        ] {
            assert_eq!(found(address), (path.map(String::from), module.into(), offset), "{address:x}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_code_of_its_own() {
        let program = std::env::current_exe().expect("this program runs");
        let (path, place) = ModuleFiles::of_this_process().find(found as *const () as usize as u64);
        assert_eq!(path, Some(program), "{place:?}");
    }
}
