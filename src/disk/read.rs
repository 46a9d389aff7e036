//! Reading files: real ones, whole, and no more than is sensible. Others understand what they say.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::shown::shown;
use crate::judging::budget::Place;
use crate::words::{Cause, Error};

/// Reads a file of text: a real file, of a sensible size.
pub(crate) fn read(path: &Path, largest: u64) -> Result<String, Error> {
    let unreadable = |what: String| Error(Cause::Unreadable { what: format!("{}: {what}", shown(path)) });
    // Opening a pipe would wait for a writer.
    let known = fs::metadata(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if !known.is_file() {
        return Err(unreadable("is no file".into()));
    }
    let too_large = || unreadable(format!("has more than {largest} bytes: this is no such file"));
    // A file with holes may be so long without taking that room on the disk, but would take it in memory.
    if known.len() > largest {
        return Err(too_large());
    }
    let file = File::open(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    let got = file.take(largest + 1).read_to_end(&mut bytes);
    got.map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > largest {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|error| {
        let (at, bytes) = (error.utf8_error().valid_up_to(), error.into_bytes());
        let before = String::from_utf8_lossy(&bytes[..at]);
        let place = Place::of(&shown(path), &before, at);
        Error(Cause::Unreadable { what: format!("{place}: is not text: byte {:#04x} is not UTF-8", bytes[at]) })
    })
}
