//! Frames of a real program in every profile: what was inlined, what was given away by name, and what has no name.

use super::programs::{Case, WITH_LINES, cases};
use crate::symbols::raw_names::is_last_part;
use crate::symbols::{CallFrame, Origin};

/// The functions of a stack from the inside, by the ends of their names. Debug information that holds lines alone does
/// not say around what a closure stands, where it was inlined.
const FUNCTIONS: [(&str, &[&str]); 8] = [
    ("plain", &["plain", "main"]),
    ("generic", &["generic", "main"]),
    ("method", &["put", "main"]),
    ("inlined", &["inlined", "around", "main"]),
    ("closure", &["{closure}", "apply", "makes_closure", "main"]),
    ("trait-object", &["area", "main"]),
    ("async", &["{closure}", "main"]),
    ("elsewhere", &["{closure}", "call", "main"]),
];

/// Whether the function is called so. Debug information that holds lines alone has other names for closures.
fn is_called(frame: &CallFrame, expected: &str) -> bool {
    let name = frame.function.as_deref().unwrap_or("");
    match expected {
        "{closure}" => name.ends_with('}') && (name.contains("closure") || name.contains("{async_fn")),
        _ => is_last_part(expected, name),
    }
}

#[test]
fn every_profile_with_lines_has_functions_files_and_lines_of_every_kind_of_call() {
    let mut wrong = Vec::new();
    for (profile, cases) in &*WITH_LINES {
        for Case { name, file, line, frames } in cases {
            let (Some(first), Some((_, functions))) = (frames.first(), FUNCTIONS.iter().find(|(one, _)| one == name))
            else {
                continue;
            };
            if first.file.as_ref() != Some(file) || first.line != Some(*line) || first.origin != Origin::Workspace {
                wrong.push(format!("{profile} {name}: {file}:{line} is expected, not {first:?}"));
            }
            let own = Vec::from_iter(frames.iter().filter(|frame| frame.origin != Origin::Std).take(functions.len()));
            if own.len() < functions.len() || !own.iter().zip(*functions).all(|(frame, name)| is_called(frame, name)) {
                wrong.push(format!("{profile} {name}: {functions:?} are expected, not {own:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_origin_is_told_by_its_path() {
    for (profile, cases) in &*WITH_LINES {
        for case in cases {
            let origin_of = |end: &str| {
                let of = |frame: &&CallFrame| frame.file.as_deref().is_some_and(|file| file.ends_with(end));
                case.frames.iter().find(of).map(|frame| frame.origin.clone())
            };
            assert_eq!(origin_of("program/src/main.rs"), Some(Origin::Workspace), "{profile} {}", case.name);
            assert!(case.frames.iter().any(|frame| frame.origin == Origin::Std), "{profile} {}", case.name);
            if case.name.starts_with("elsewhere") {
                let called = case.frames.iter().find(|frame| frame.origin == Origin::PathDependency);
                let called = called.expect("the package outside the workspace is on the stack");
                let file = called.file.as_deref().unwrap_or("");
                assert!(file.starts_with('/') && file.ends_with("fixtures/lines_elsewhere/src/lib.rs"), "{called:?}");
                assert_eq!(called.line, Some(if case.name == "elsewhere" { 6 } else { 13 }), "{profile}");
            }
        }
    }
}

#[test]
fn without_debug_information_functions_have_their_names_and_nothing_else() {
    for Case { name, frames, .. } in cases("bare", &[]) {
        // What was inlined is nowhere.
        let function = match name.as_str() {
            "plain" => "program::shapes::plain",
            "inlined" => "program::shapes::around",
            "trait-object" => "<program::shapes::Shelf<u64> as program::shapes::Shape>::area",
            _ => continue,
        };
        let first = frames.first().expect("something called the function that prints");
        assert_eq!((first.function.as_deref(), &first.file, first.line), (Some(function), &None, None));
        let place = first.unresolved.as_ref().expect("others may have its lines");
        assert!(place.module == "program" && place.build_id.is_some() && !place.is_compressed, "{place:?}");
        assert_eq!(first.origin, Origin::Unknown);
        assert!(frames.iter().any(|frame| frame.origin == Origin::Std), "{frames:?}");
    }
}

#[cfg(not(feature = "compressed"))]
#[test]
fn compressed_debug_information_leaves_the_names_and_places_for_others_to_read() {
    for Case { name, frames, .. } in super::programs::compressed() {
        let first = frames.first().expect("something called the function that prints");
        if name == "plain" {
            assert_eq!(first.function.as_deref(), Some("program::shapes::plain"));
        }
        assert_eq!((&first.file, first.line), (&None, None));
        let place = first.unresolved.as_ref().expect("its lines are there");
        assert!(place.module == "program" && place.build_id.is_some() && place.is_compressed, "{place:?}");
    }
}

#[test]
fn a_stripped_program_has_places_in_its_file_and_a_build_id() {
    let cases = cases("stripped", &[]);
    // The C library names what it exports.
    let unnamed = cases.iter().flat_map(|case| &case.frames).filter(|frame| frame.function.is_none());
    let places = unnamed.filter_map(|frame| frame.unresolved.as_ref());
    let own = Vec::from_iter(places.filter(|place| place.module == "program"));
    assert!(own.len() > 2 * cases.len(), "{own:?}");
    for place in own {
        let build_id = place.build_id.as_deref().expect("the linker writes one");
        assert!(build_id.len() >= 16 && build_id.chars().all(|one| one.is_ascii_hexdigit()), "{place:?}");
        assert!(place.offset > 0x1000 && place.offset < 1 << 24, "{place:?}");
    }
}
