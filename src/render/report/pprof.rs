//! The protocol buffers of pprof: <https://github.com/google/pprof/blob/main/proto/profile.proto>. Only the fields that
//! a report fills have a place here.

use std::collections::HashMap;

use prost::Message;

use super::charges::{ChargedFrame, ChargedStack, Charges};
use crate::reading::{Data, Program};
use crate::words::printable;

/// What every stack has, as heap profiles of Go call it, with the unit. The last one is what a viewer shows first.
const VALUES: [(&str, &str); 4] =
    [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")];
/// The label with the path of the operation.
const OPERATION: &str = "operation";

/// The totals are those of the report. An operation is a function around those of its stacks, and a label of them.
pub(crate) fn pprof(data: &Data) -> Vec<u8> {
    let charges = Charges::of(data);
    let mut strings = Strings::default();
    // The format wants this one first.
    strings.place("");
    let sample_type = VALUES.map(|(kind, unit)| ValueType { kind: strings.place(kind), unit: strings.place(unit) });
    let mut modules = PprofModules::of(data.program.as_ref(), &mut strings);
    let (mut location, mut function) = (Vec::new(), Vec::new());
    for (frame, id) in charges.frames.iter().zip(1..) {
        let name = strings.place(&frame.name);
        let file = frame.file.as_deref().map_or(0, |file| strings.place(file));
        function.push(PprofFunction { id, name, system_name: name, filename: file });
        location.push(location_of(frame, id, &mut modules, &mut strings));
    }
    let key = strings.place(OPERATION);
    let sample = charges.stacks.iter().map(|stack| {
        let ChargedStack { operation, frames, charge } = stack;
        PprofSample {
            // Innermost first.
            location_id: frames.iter().rev().map(|frame| u64::from(*frame) + 1).collect(),
            value: vec![charge.allocs, charge.allocated_bytes, charge.live_blocks, charge.live_bytes],
            label: vec![PprofLabel { key, text: strings.place(&printable(&data.rows.path(*operation))) }],
        }
    });
    let sample = sample.collect();
    let default_sample_type = strings.place(VALUES[VALUES.len() - 1].0);
    let comment = vec![strings.place(concat!("heapledger ", env!("CARGO_PKG_VERSION")))];
    let profile = PprofProfile {
        sample_type: sample_type.to_vec(),
        sample,
        mapping: modules.mappings,
        location,
        function,
        string_table: strings.all,
        comment,
        default_sample_type,
    };
    profile.encode_to_vec()
}

fn location_of<'a>(
    frame: &ChargedFrame<'a>,
    id: u64,
    modules: &mut PprofModules<'a>,
    strings: &mut Strings,
) -> PprofLocation {
    let line = PprofLine { function_id: id, line: frame.line.unwrap_or(0).into() };
    let place = frame.place.filter(|at| !at.module.is_empty());
    let mapping_id = place.map_or(0, |at| modules.place(&at.module, at.build_id.as_deref(), strings));
    let address = place.map_or(0, |at| at.address.unwrap_or(at.offset));
    PprofLocation { id, mapping_id, address, line: vec![line] }
}

/// Strings, each once, by their place.
#[derive(Default)]
struct Strings {
    places: HashMap<String, i64>,
    all: Vec<String>,
}

impl Strings {
    fn place(&mut self, text: &str) -> i64 {
        if let Some(&at) = self.places.get(text) {
            return at;
        }
        let at = self.all.len() as i64;
        self.places.insert(text.into(), at);
        self.all.push(text.into());
        at
    }
}

/// Files of code, each once: the program, and those in which something has no symbol.
#[derive(Default)]
struct PprofModules<'a> {
    ids: HashMap<(&'a str, Option<&'a str>), u64>,
    mappings: Vec<PprofMapping>,
}

impl<'a> PprofModules<'a> {
    /// The format wants the program first. Without a name it is one that is not known.
    fn of(program: Option<&'a Program>, strings: &mut Strings) -> Self {
        let mut modules = Self::default();
        let (name, build_id) = program.map_or(("", None), |one| (one.name.as_str(), one.build_id.as_deref()));
        modules.place(name, build_id, strings);
        modules
    }

    fn place(&mut self, name: &'a str, build_id: Option<&'a str>, strings: &mut Strings) -> u64 {
        *self.ids.entry((name, build_id)).or_insert_with(|| {
            let id = self.mappings.len() as u64 + 1;
            let filename = strings.place(&printable(name));
            let build_id = build_id.map_or(0, |id| strings.place(&printable(id)));
            self.mappings.push(PprofMapping { id, filename, build_id });
            id
        })
    }
}

/// Places of strings are numbers in `string_table`; other ids count from one, and zero is none.
#[derive(Clone, PartialEq, Message)]
struct PprofProfile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<PprofSample>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<PprofMapping>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<PprofLocation>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<PprofFunction>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, repeated, tag = "13")]
    comment: Vec<i64>,
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct PprofSample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<PprofLabel>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PprofLabel {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PprofMapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
    #[prost(int64, tag = "6")]
    build_id: i64,
}

#[derive(Clone, PartialEq, Message)]
struct PprofLocation {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<PprofLine>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PprofLine {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PprofFunction {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}
