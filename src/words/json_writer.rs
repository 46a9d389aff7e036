//! Writes values as JSON, through serde's traits. What reads JSON implements comparisons of its own values with numbers
//! and texts, which can take away what the compiler infers elsewhere in a program; so whoever only writes has this.

use std::fmt::{self, Display, Write};

use serde::Serialize;
use serde::ser::{Error, Impossible, SerializeMap, SerializeSeq, SerializeTuple, Serializer};

/// Appends one value to a text.
pub(super) struct JsonWriter<'out>(pub(super) &'out mut String);

/// What cannot be written: no value of ours.
#[derive(Debug)]
pub(super) struct Unwritable(String);

impl Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unwritable {}

impl Error for Unwritable {
    fn custom<T: Display>(what: T) -> Self {
        Self(what.to_string())
    }
}

/// The values of a list, or the entries of a map, as far as they are written.
pub(super) struct JsonItems<'out> {
    out: &'out mut String,
    is_first: bool,
    end: char,
}

impl<'out> JsonWriter<'out> {
    fn plain(self, value: impl Display) -> Result<(), Unwritable> {
        // Writing to a string does not fail.
        let _ = write!(self.0, "{value}");
        Ok(())
    }

    fn begin(self, begin: char, end: char) -> JsonItems<'out> {
        self.0.push(begin);
        JsonItems { out: self.0, is_first: true, end }
    }

    fn unwritable<T>(what: &str) -> Result<T, Unwritable> {
        Err(Unwritable(format!("{what} is not written")))
    }
}

impl JsonItems<'_> {
    fn add(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Unwritable> {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(',');
        }
        value.serialize(JsonWriter(self.out))
    }

    fn close(self) -> Result<(), Unwritable> {
        self.out.push(self.end);
        Ok(())
    }
}

/// A list, whether serde knows its length or not.
macro_rules! list {
    ($($kind:ident),+) => {
        $(impl $kind for JsonItems<'_> {
            type Ok = ();
            type Error = Unwritable;

            fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
                self.add(value)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.close()
            }
        })+
    };
}

list!(SerializeSeq, SerializeTuple);

impl SerializeMap for JsonItems<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        let start = self.out.len() + usize::from(!self.is_first);
        self.add(key)?;
        // A number is a text as a key.
        if !self.out[start..].starts_with('"') {
            self.out.insert(start, '"');
            self.out.push('"');
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.out.push(':');
        value.serialize(JsonWriter(self.out))
    }

    fn end(self) -> Result<(), Unwritable> {
        self.close()
    }
}

/// Methods for values that are written as they are displayed.
macro_rules! plain {
    ($($method:ident($type:ty)),+) => {
        $(fn $method(self, value: $type) -> Result<(), Unwritable> {
            self.plain(value)
        })+
    };
}

impl<'out> Serializer for JsonWriter<'out> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = JsonItems<'out>;
    type SerializeTuple = JsonItems<'out>;
    type SerializeMap = JsonItems<'out>;
    type SerializeTupleStruct = Impossible<(), Unwritable>;
    type SerializeTupleVariant = Impossible<(), Unwritable>;
    type SerializeStruct = Impossible<(), Unwritable>;
    type SerializeStructVariant = Impossible<(), Unwritable>;

    plain!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128)
    );

    fn serialize_f32(self, value: f32) -> Result<(), Unwritable> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unwritable> {
        match value.is_finite() {
            // The shortest text that is read back as the same number, with a point or an exponent.
            true => self.plain(format_args!("{value:?}")),
            false => self.serialize_unit(),
        }
    }

    fn serialize_char(self, value: char) -> Result<(), Unwritable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        self.0.push('"');
        let mut written = 0;
        for (at, byte) in value.bytes().enumerate().filter(|(_, byte)| matches!(byte, ..0x20 | b'"' | b'\\')) {
            self.0.push_str(&value[written..at]);
            written = at + 1;
            let _ = match byte {
                b'"' | b'\\' => write!(self.0, "\\{}", char::from(byte)),
                b'\n' => write!(self.0, "\\n"),
                b'\t' => write!(self.0, "\\t"),
                b'\r' => write!(self.0, "\\r"),
                _ => write!(self.0, "\\u{byte:04x}"),
            };
        }
        self.0.push_str(&value[written..]);
        self.0.push('"');
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.plain("null")
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<JsonItems<'out>, Unwritable> {
        Ok(self.begin('[', ']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<JsonItems<'out>, Unwritable> {
        Ok(self.begin('[', ']'))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<JsonItems<'out>, Unwritable> {
        Ok(self.begin('{', '}'))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unwritable> {
        Self::unwritable("a text of bytes")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Unwritable> {
        Self::unwritable(name)
    }

    fn serialize_unit_variant(self, name: &'static str, _: u32, _: &'static str) -> Result<(), Unwritable> {
        Self::unwritable(name)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unwritable> {
        Self::unwritable(name)
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unwritable> {
        Self::unwritable(name)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        Self::unwritable(name)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeStruct, Unwritable> {
        Self::unwritable(name)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        Self::unwritable(name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use crate::words::json_text;

    type Nested = BTreeMap<String, (Vec<Option<i64>>, BTreeMap<u64, (bool, String)>)>;

    /// A text of what JSON escapes, and what it does not.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[\"\\\\/\\n\\t\\r\\x00-\\x1f\\x7f\u{80}\u{2028}äé日a]{0,12}", any::<String>()]
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_others_write(
            nested in prop::collection::btree_map(
                text(),
                (
                    prop::collection::vec(any::<Option<i64>>(), 0..4),
                    prop::collection::btree_map(any::<u64>(), (any::<bool>(), text()), 0..4),
                ),
                0..4,
            ),
        ) {
            let nested: Nested = nested;
            let written = json_text(&nested);
            let read: serde_json::Value = serde_json::from_str(&written).expect("it is JSON");
            prop_assert_eq!(read, serde_json::to_value(&nested).expect("it is a value"));
            prop_assert!(!written.contains(|one: char| one < ' '));
        }

        #[test]
        fn a_number_is_written_whole(number in any::<f64>()) {
            let written = json_text(&number);
            let read: serde_json::Value = serde_json::from_str(&written).expect("it is JSON");
            prop_assert_eq!(read.is_number(), number.is_finite());
            if number.is_finite() {
                prop_assert_eq!(written.parse::<f64>().map(f64::to_bits), Ok(number.to_bits()));
            } else {
                prop_assert_eq!(written, "null");
            }
        }
    }
}
