//! What the headers of a module say: where its segments lie, and its build id. Only these parts of the file are read.

use std::fs::File;
use std::path::Path;

use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadCache, elf};

/// Segments are loaded from the file to addresses that debug information counts from.
#[derive(Debug, Default)]
pub(super) struct Headers {
    segments: Vec<Segment>,
    pub(super) build_id: Option<String>,
}

#[derive(Debug)]
struct Segment {
    offset: u64,
    size: u64,
    address: u64,
}

impl Headers {
    /// `None` if it is no module that Linux loads.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let data = ReadCache::new(File::open(path).ok()?);
        match FileKind::parse(&data).ok()? {
            FileKind::Elf32 => Self::read_as::<elf::FileHeader32<Endianness>>(&data),
            FileKind::Elf64 => Self::read_as::<elf::FileHeader64<Endianness>>(&data),
            _ => None,
        }
    }

    fn read_as<H: FileHeader<Endian = Endianness>>(data: &ReadCache<File>) -> Option<Self> {
        let header = H::parse(data).ok()?;
        let endian = header.endian().ok()?;
        let mut headers = Self::default();
        for program in header.program_headers(endian, data).ok()? {
            if program.p_type(endian) == elf::PT_LOAD {
                let (offset, size) = program.file_range(endian);
                headers.segments.push(Segment { offset, size, address: program.p_vaddr(endian).into() });
            }
            let Ok(Some(mut notes)) = program.notes(endian, data) else { continue };
            while let Ok(Some(note)) = notes.next() {
                if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID {
                    headers.build_id = Some(hexadecimal(note.desc()));
                }
            }
        }
        Some(headers)
    }

    /// The address that debug information has for a place in the file.
    pub(super) fn address(&self, offset: u64) -> Option<u64> {
        let holds = |segment: &&Segment| offset.checked_sub(segment.offset).is_some_and(|into| into < segment.size);
        let segment = self.segments.iter().find(holds)?;
        Some(offset - segment.offset + segment.address)
    }
}

/// As build ids are written.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_file_is_loaded_where_its_segment_says() {
        let segment = |offset, size, address| Segment { offset, size, address };
        let headers = Headers { segments: vec![segment(0, 0x100, 0), segment(0x100, 0x80, 0x1100)], build_id: None };
        let at = |offset| headers.address(offset);
        assert_eq!([at(0), at(0xff), at(0x100), at(0x17f)], [0, 0xff, 0x1100, 0x117f].map(Some));
        assert_eq!([at(0x180), Headers::default().address(0)], [None, None]);
    }

    #[test]
    fn what_is_no_module_has_no_headers() {
        assert!(Headers::read(Path::new(file!())).is_none());
        assert!(Headers::read(Path::new("no such file")).is_none());
        let own = std::env::current_exe().expect("this program runs");
        assert!(Headers::read(&own).is_some_and(|headers| headers.segments.len() > 1));
    }
}
