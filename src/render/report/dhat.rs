//! The JSON that DHAT's viewer reads, version 2. A report knows one moment: it is the viewer's end and its maximum.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::charges::{ChargedFrame, ChargedStack, Charges};
use crate::reading::Data;
use crate::words::json_text;

const VERSION: u32 = 2;
/// Where every stack begins: the viewer wants it as the first frame.
const ROOT: &str = "[root]";
/// The moment of the reading, in a unit of its own: rates mean nothing, and no block has a lifetime.
const READING: u32 = 1;

/// Every stack once, with what it allocated as the total, and what lives of that at the end.
pub(crate) fn dhat(data: &Data) -> String {
    json_text(&DhatFile(&Charges::of(data)))
}

struct DhatFile<'a>(&'a Charges<'a>);

impl Serialize for DhatFile<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(charges) = self;
        let frames = [ROOT.into()].into_iter().chain(charges.frames.iter().map(line)).collect::<Vec<String>>();
        let mut file = serializer.serialize_map(None)?;
        file.serialize_entry("dhatFileVersion", &VERSION)?;
        file.serialize_entry("mode", "heapledger")?;
        file.serialize_entry("verb", "Allocated")?;
        file.serialize_entry("bklt", &true)?;
        file.serialize_entry("bkacc", &false)?;
        file.serialize_entry("tu", "reading")?;
        file.serialize_entry("Mtu", "Mreading")?;
        // Below every lifetime, so that none counts as short.
        file.serialize_entry("tuth", &-1)?;
        file.serialize_entry("cmd", charges.program.as_deref().unwrap_or("a report of heapledger"))?;
        file.serialize_entry("pid", &0)?;
        file.serialize_entry("tg", &READING)?;
        file.serialize_entry("te", &READING)?;
        file.serialize_entry("pps", &Vec::from_iter(charges.stacks.iter().map(ProgramPoint)))?;
        file.serialize_entry("ftbl", &frames)?;
        file.end()
    }
}

/// `app::insert (src/cache.rs:41:9)`.
fn line(frame: &ChargedFrame) -> String {
    let after = |number: Option<u32>| number.map_or(String::new(), |number| format!(":{number}"));
    match &frame.file {
        Some(file) => format!("{} ({file}{}{})", frame.name, after(frame.line), after(frame.column)),
        None => frame.name.clone(),
    }
}

struct ProgramPoint<'a>(&'a ChargedStack);

impl Serialize for ProgramPoint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ChargedStack { frames, charge, .. }) = self;
        let mut point = serializer.serialize_map(None)?;
        point.serialize_entry("tb", &charge.allocated_bytes)?;
        point.serialize_entry("tbk", &charge.allocs)?;
        point.serialize_entry("tl", &0)?;
        // At its maximum, at the maximum of all, and at the end.
        for (bytes, blocks) in [("mb", "mbk"), ("gb", "gbk"), ("eb", "ebk")] {
            point.serialize_entry(bytes, &charge.live_bytes)?;
            point.serialize_entry(blocks, &charge.live_blocks)?;
        }
        // Innermost first, and behind the root.
        point.serialize_entry("fs", &Vec::from_iter(frames.iter().rev().map(|frame| frame + 1)))?;
        point.end()
    }
}
