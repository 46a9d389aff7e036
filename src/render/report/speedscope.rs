//! The JSON of speedscope, <https://www.speedscope.app>: what lives and what was allocated, each as a profile over the
//! same frames.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::charges::{Charge, ChargedFrame, Charges};
use crate::reading::Data;
use crate::words::json_text;

const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

/// One profile, in the order in which the viewer offers them: its name, its unit, and its weights.
type Weighed = (&'static str, &'static str, fn(&Charge) -> i64);

const PROFILES: [Weighed; 4] = [
    ("live bytes", "bytes", |charge| charge.live_bytes),
    ("live blocks", "none", |charge| charge.live_blocks),
    ("allocated bytes", "bytes", |charge| charge.allocated_bytes),
    ("allocations", "none", |charge| charge.allocs),
];

/// The weights of each profile add up to that figure of the report, less what is negative, as in a difference.
pub(crate) fn speedscope(data: &Data) -> String {
    json_text(&SpeedscopeFile(&Charges::of(data)))
}

struct SpeedscopeFile<'a>(&'a Charges<'a>);

impl Serialize for SpeedscopeFile<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(charges) = self;
        let profiles = PROFILES.map(|weighed| SpeedscopeProfile { charges, weighed });
        let mut file = serializer.serialize_map(None)?;
        file.serialize_entry("$schema", SCHEMA)?;
        file.serialize_entry("name", charges.program.as_deref().unwrap_or("heapledger report"))?;
        file.serialize_entry("exporter", concat!("heapledger@", env!("CARGO_PKG_VERSION")))?;
        file.serialize_entry("activeProfileIndex", &0)?;
        file.serialize_entry("shared", &SharedFrames(charges))?;
        file.serialize_entry("profiles", &profiles)?;
        file.end()
    }
}

struct SharedFrames<'a>(&'a Charges<'a>);

impl Serialize for SharedFrames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shared = serializer.serialize_map(None)?;
        shared.serialize_entry("frames", &Vec::from_iter(self.0.frames.iter().map(SpeedscopeFrame)))?;
        shared.end()
    }
}

struct SpeedscopeFrame<'a>(&'a ChargedFrame<'a>);

impl Serialize for SpeedscopeFrame<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(shown) = self;
        let mut frame = serializer.serialize_map(None)?;
        frame.serialize_entry("name", &shown.name)?;
        // The schema has no null.
        if let Some(file) = &shown.file {
            frame.serialize_entry("file", file)?;
        }
        if let Some(line) = shown.line {
            frame.serialize_entry("line", &line)?;
        }
        if let Some(column) = shown.column {
            frame.serialize_entry("col", &column)?;
        }
        frame.end()
    }
}

struct SpeedscopeProfile<'a> {
    charges: &'a Charges<'a>,
    weighed: Weighed,
}

impl Serialize for SpeedscopeProfile<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, unit, weight) = self.weighed;
        let stacks = self.charges.stacks.iter().map(|stack| (&stack.frames, weight(&stack.charge)));
        let (samples, weights): (Vec<_>, Vec<_>) = stacks.filter(|(_, weight)| *weight > 0).unzip();
        let mut profile = serializer.serialize_map(None)?;
        profile.serialize_entry("type", "sampled")?;
        profile.serialize_entry("name", name)?;
        profile.serialize_entry("unit", unit)?;
        profile.serialize_entry("startValue", &0)?;
        profile.serialize_entry("endValue", &weights.iter().fold(0_i64, |sum, one| sum.saturating_add(*one)))?;
        profile.serialize_entry("samples", &samples)?;
        profile.serialize_entry("weights", &weights)?;
        profile.end()
    }
}
