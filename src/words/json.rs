//! How a struct is written as a JSON object and read back: from one list of its fields, by serde's own traits and
//! without its derive, which would bring a compiler's parts into every build.

use super::json_writer::JsonWriter;

/// The value as JSON, on one line.
pub(crate) fn json_text(value: &impl serde::Serialize) -> String {
    let mut text = String::new();
    value.serialize(JsonWriter(&mut text)).expect("numbers, texts, and lists and maps of them, are written");
    text
}

/// Implements `Serialize` and `Deserialize` for a struct with named fields: an object with an entry for each field, in
/// the order of the list. What else an object has is passed over when it is read. A field has its own name, or the one
/// after `as`; it must be there, unless `or` says what stands for it. Fields after a `;` are read from older files, and
/// not written. Whoever uses this imports it by its name alone.
macro_rules! json_object {
    ($type:ident {
        $($field:ident $(as $name:literal)? $(or $absent:expr)?),+ $(,)?
        $(; $($old:ident or $without:expr),+ $(,)?)?
    }) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut object = serializer.serialize_map(None)?;
                $(serde::ser::SerializeMap::serialize_entry(
                    &mut object,
                    json_object!(@name $field $($name)?),
                    &self.$field,
                )?;)+
                serde::ser::SerializeMap::end(object)
            }
        }

        impl<'text> serde::Deserialize<'text> for $type {
            fn deserialize<D: serde::Deserializer<'text>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;

                impl<'text> serde::de::Visitor<'text> for Fields {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object with the fields of ", stringify!($type)))
                    }

                    fn visit_map<A: serde::de::MapAccess<'text>>(self, mut object: A) -> Result<$type, A::Error> {
                        $(let mut $field = None;)+
                        $($(let mut $old = None;)+)?
                        while let Some(key) = object.next_key::<String>()? {
                            match key.as_str() {
                                $(json_object!(@name $field $($name)?) => {
                                    if $field.is_some() {
                                        let name = json_object!(@name $field $($name)?);
                                        return Err(serde::de::Error::duplicate_field(name));
                                    }
                                    $field = Some(object.next_value()?);
                                })+
                                $($(stringify!($old) => {
                                    if $old.is_some() {
                                        return Err(serde::de::Error::duplicate_field(stringify!($old)));
                                    }
                                    $old = Some(object.next_value()?);
                                })+)?
                                _ => drop(object.next_value::<serde::de::IgnoredAny>()?),
                            }
                        }
                        Ok($type {
                            $($field: match $field {
                                Some(value) => value,
                                None => json_object!(@absent $field $($name)? $(or $absent)?),
                            },)+
                            $($($old: $old.unwrap_or($without),)+)?
                        })
                    }
                }

                deserializer.deserialize_map(Fields)
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (@absent $field:ident $($name:literal)? or $absent:expr) => { $absent };
    (@absent $field:ident $($name:literal)?) => {
        return Err(serde::de::Error::missing_field(json_object!(@name $field $($name)?)))
    };
}

/// Implements `Serialize` and `Deserialize` for an enum without fields: the word after `as`, also as a key of a map.
macro_rules! json_word {
    ($type:ident { $($variant:ident as $word:literal),+ $(,)? }) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }

        impl<'text> serde::Deserialize<'text> for $type {
            fn deserialize<D: serde::Deserializer<'text>>(deserializer: D) -> Result<Self, D::Error> {
                let word: String = serde::Deserialize::deserialize(deserializer)?;
                match word.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(serde::de::Error::unknown_variant(&word, &[$($word),+])),
                }
            }
        }
    };
}

pub(crate) use {json_object, json_word};

#[cfg(test)]
mod tests {
    #[derive(Debug, PartialEq)]
    struct Shape {
        sides: u32,
        name: Option<String>,
        closed: bool,
    }

    json_object!(Shape { sides, name as "called" or None, closed or true });

    #[derive(Debug, PartialEq, PartialOrd, Eq, Ord)]
    enum Colour {
        Red,
        DarkBlue,
    }

    json_word!(Colour { Red as "red", DarkBlue as "dark_blue" });

    #[test]
    fn a_word_stands_for_itself_and_as_a_key() {
        let text = r#"{"red":["dark_blue"]}"#;
        let map = std::collections::BTreeMap::from([(Colour::Red, [Colour::DarkBlue])]);
        assert_eq!(serde_json::to_string(&map).expect("it is text"), text);
        assert_eq!(serde_json::from_str::<std::collections::BTreeMap<_, _>>(text).expect("it is the same"), map);
        for (text, expected) in [
            ("\"Red\"", "unknown variant `Red`, expected `red` or `dark_blue`"),
            ("7", "invalid type: integer `7`, expected a string at line 1 column 1"),
        ] {
            assert_eq!(serde_json::from_str::<Colour>(text).expect_err(text).to_string(), expected);
        }
    }

    fn read(text: &str) -> Result<Shape, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_is_written_in_the_order_of_its_list_and_read_in_any() {
        let square = Shape { sides: 4, name: Some("square".into()), closed: false };
        let text = r#"{"sides":4,"called":"square","closed":false}"#;
        assert_eq!(serde_json::to_string(&square).expect("it is text"), text);
        assert_eq!(read(text), Ok(square));
        let triangle = r#"{"name": 7, "called": null, "\u0073ides": 3, "what": [{"else": 1}]}"#;
        assert_eq!(read(triangle), Ok(Shape { sides: 3, name: None, closed: true }));
    }

    #[derive(Debug, PartialEq)]
    struct Renamed {
        name: Option<String>,
        title: Option<String>,
    }

    json_object!(Renamed { name or None; title or None });

    #[test]
    fn a_field_of_older_files_is_read_and_not_written() {
        let read = |text: &str| serde_json::from_str::<Renamed>(text).map_err(|error| error.to_string());
        let old = Renamed { name: None, title: Some("square".into()) };
        assert_eq!(serde_json::to_string(&old).expect("it is text"), r#"{"name":null}"#);
        assert_eq!(read(r#"{"title":"square"}"#), Ok(old));
        assert_eq!(read("{}"), Ok(Renamed { name: None, title: None }));
        let twice = read(r#"{"title":"square","title":"square"}"#);
        assert!(twice.is_err_and(|error| error.starts_with("duplicate field `title` at line 1")));
    }

    #[test]
    fn what_is_no_such_object_is_an_error_that_says_where() {
        for (text, expected) in [
            ("{}", "missing field `sides` at line 1 column 2"),
            ("{\"sides\":1,\n\"sides\":1}", "duplicate field `sides` at line 2 column 7"),
            (r#"{"sides":-1}"#, "invalid value: integer `-1`, expected u32 at line 1 column 11"),
            ("[4]", "invalid type: sequence, expected an object with the fields of Shape at line 1 column 0"),
        ] {
            assert_eq!(read(text), Err(expected.into()));
        }
    }
}
