//! Bytes as gzip holds them: for files that their readers want compressed.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Equal bytes become equal bytes: nothing in them says when or where. Compressed fast: a report is mostly names that
/// come again and again, of which that finds most.
pub(crate) fn gzipped(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}
