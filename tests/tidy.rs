//! House rules as a test: one rule a test, every violation at once with its place and what to do about it. The layers
//! stand in `docs/design.md`. Each rule is a function in `tests/tidy/`, where made-up files show that it is broken by
//! what it forbids, and by nothing else.

/// What may be named where: the world by judges and writers, printing, the lists of all counters.
#[path = "tidy/bans.rs"]
mod bans;
/// No circles of files or sub-folders.
#[path = "tidy/circles.rs"]
mod circles;
/// Folders, their order, and their doors.
#[path = "tidy/layers.rs"]
mod layers;
/// The paths that code writes down.
#[path = "tidy/paths.rs"]
mod paths;
/// The files of this repository.
#[path = "tidy/repository.rs"]
mod repository;
/// Sizes of files, unit tests and lines.
#[path = "tidy/sizes.rs"]
mod sizes;
/// What only tests compile.
#[path = "tidy/test_code.rs"]
mod test_code;
/// The parsed crate, and where a path leads.
#[path = "tidy/tree.rs"]
mod tree;
/// A type's name is there once.
#[path = "tidy/type_names.rs"]
mod type_names;
/// Where unsafe code stands.
#[path = "tidy/unsafe_code.rs"]
mod unsafe_code;

use tree::Tree;

fn sources() -> Tree {
    Tree::parse(&repository::texts(|path| path.starts_with("src/") && path.ends_with(".rs")))
}

fn layers_in_order() -> Vec<Vec<String>> {
    let design = repository::texts(|path| path == "docs/design.md");
    layers::read_layers(&design[0].1)
}

/// Fails with all violations.
#[track_caller]
fn hold(violations: Vec<String>) {
    assert!(violations.is_empty(), "{} violations:\n{}\n", violations.len(), violations.join("\n"));
}

#[test]
fn src_holds_lib_rs_and_a_folder_for_every_layer() {
    hold(layers::folders(&sources(), &layers_in_order()));
}

#[test]
fn a_file_names_only_its_own_layer_and_those_before_it() {
    hold(layers::order(&sources(), &layers_in_order()));
}

#[test]
fn names_go_through_the_doors_of_other_folders_and_never_through_the_own() {
    hold(layers::doors(&sources()));
}

#[test]
fn no_files_and_no_folders_of_a_layer_name_each_other_in_a_circle() {
    hold(circles::circles(&sources()));
}

#[test]
fn judges_and_writers_ask_neither_the_recorder_nor_the_machine() {
    hold(bans::purity(&sources()));
}

#[test]
fn only_named_files_print() {
    hold(bans::printing(&sources(), &bans::PRINTING_FILES));
}

#[test]
fn unsafe_code_is_in_the_recording_layer_alone() {
    hold(unsafe_code::unsafe_code(&sources(), &unsafe_code::UNSAFE_FILES));
}

#[test]
fn files_and_the_unit_tests_in_them_are_short() {
    hold(sizes::lengths(&sources()));
}

#[test]
fn lines_are_not_wide() {
    let sources = repository::texts(|path| path.ends_with(".rs"));
    hold(sources.iter().flat_map(|(path, text)| sizes::widths(path, text)).collect());
}

#[test]
fn a_type_has_its_name_for_itself() {
    hold(type_names::type_names(&sources()));
}

#[test]
fn the_lists_of_all_counters_are_walked_in_one_place() {
    hold(bans::shards(&sources()));
}

#[test]
fn no_test_is_ignored_and_no_code_is_left_to_be_written() {
    let sources = repository::texts(|path| path.ends_with(".rs"));
    let tokens = |text: &str| text.parse().expect("the compiler has read it");
    hold(sources.iter().flat_map(|(path, text)| bans::unfinished(path, tokens(text))).collect());
}
