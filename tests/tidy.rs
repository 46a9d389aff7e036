//! House rules as a test: one rule a test, every violation at once with its place and what to do about it. The layers
//! stand in `docs/design.md`. Each rule is a function in `tests/tidy/`, where made-up files show that it is broken by
//! what it forbids, and by nothing else.

/// What may be named where: the world by judges and writers, printing, the lists of all counters.
#[path = "tidy/bans.rs"]
mod bans;
/// No circles of files or sub-folders.
#[path = "tidy/circles.rs"]
mod circles;
/// What documents name is there.
#[path = "tidy/doc_paths.rs"]
mod doc_paths;
/// What stands first in a file, and what in a door.
#[path = "tidy/heads.rs"]
mod heads;
/// Folders, their order, and their doors.
#[path = "tidy/layers.rs"]
mod layers;
/// What a document points at.
#[path = "tidy/markdown.rs"]
mod markdown;
/// The paths that code writes down.
#[path = "tidy/paths.rs"]
mod paths;
/// What the recorder must not do.
#[path = "tidy/recorder.rs"]
mod recorder;
/// The files of this repository.
#[path = "tidy/repository.rs"]
mod repository;
/// Sizes of files, unit tests and lines.
#[path = "tidy/sizes.rs"]
mod sizes;
/// What only tests compile.
#[path = "tidy/test_code.rs"]
mod test_code;
/// Nothing of the machine on which it was written.
#[path = "tidy/traces.rs"]
mod traces;
/// The parsed crate, and where a path leads.
#[path = "tidy/tree.rs"]
mod tree;
/// A type's name is there once.
#[path = "tidy/type_names.rs"]
mod type_names;
/// Where unsafe code stands.
#[path = "tidy/unsafe_code.rs"]
mod unsafe_code;

use std::sync::{LazyLock, Mutex, mpsc};

use repository::{files, texts};
use tree::Tree;

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn is_document(path: &str) -> bool {
    matches!(path, "README.md" | "CHANGELOG.md") || path.starts_with("docs/") && path.ends_with(".md")
}

/// What the rules for `src/` look at.
struct House {
    tree: Tree,
    layers: Vec<Vec<String>>,
}

type Rule = fn(&House) -> Vec<String>;

/// A rule, and where its violations go.
type Question = (Rule, mpsc::Sender<Vec<String>>);

/// A thread that has parsed `src/` once for all tests: a parsed file cannot go from one thread to another, a rule can.
static HOUSE: LazyLock<Mutex<mpsc::Sender<Question>>> = LazyLock::new(|| {
    let (sender, questions) = mpsc::channel::<Question>();
    std::thread::spawn(move || {
        let tree = Tree::parse(&texts(|path| path.starts_with("src/") && is_rust(path)));
        let layers = layers::read_layers(&texts(|path| path == "docs/design.md")[0].1);
        let house = House { tree, layers };
        for (rule, answer) in questions {
            let _ = answer.send(rule(&house));
        }
    });
    Mutex::new(sender)
});

/// Fails with all violations of a rule for `src/`.
#[track_caller]
fn hold_in_src(rule: Rule) {
    let (sender, answer) = mpsc::channel();
    HOUSE.lock().expect("nothing panics while it is held").send((rule, sender)).expect("the sources are Rust");
    hold(answer.recv().expect("the rule comes to an end"));
}

/// Fails with all violations.
#[track_caller]
fn hold(violations: Vec<String>) {
    assert!(violations.is_empty(), "{} violations:\n{}\n", violations.len(), violations.join("\n"));
}

#[test]
fn src_holds_lib_rs_and_a_folder_for_every_layer() {
    hold_in_src(|house| layers::folders(&house.tree, &house.layers));
}

#[test]
fn a_file_names_only_its_own_layer_and_those_before_it() {
    hold_in_src(|house| layers::order(&house.tree, &house.layers));
}

#[test]
fn names_go_through_the_doors_of_other_folders_and_never_through_the_own() {
    hold_in_src(|house| layers::doors(&house.tree));
}

#[test]
fn no_files_and_no_folders_of_a_layer_name_each_other_in_a_circle() {
    hold_in_src(|house| circles::circles(&house.tree));
}

#[test]
fn judges_and_writers_ask_neither_the_recorder_nor_the_machine() {
    hold_in_src(|house| bans::purity(&house.tree));
}

#[test]
fn only_named_files_print() {
    hold_in_src(|house| bans::printing(&house.tree, &bans::PRINTING_FILES));
}

#[test]
fn unsafe_code_is_in_the_recording_layer_alone() {
    hold_in_src(|house| unsafe_code::unsafe_code(&house.tree, &unsafe_code::UNSAFE_FILES));
}

#[test]
fn the_recorder_neither_panics_nor_locks_nor_formats() {
    hold_in_src(|house| recorder::recorder(&house.tree, &recorder::NEVER_INSIDE));
}

#[test]
fn files_and_the_unit_tests_in_them_are_short() {
    hold_in_src(|house| sizes::lengths(&house.tree));
}

#[test]
fn lines_are_not_wide() {
    hold(texts(is_rust).iter().flat_map(|(path, text)| sizes::widths(path, text)).collect());
}

#[test]
fn a_type_has_its_name_for_itself() {
    hold_in_src(|house| type_names::type_names(&house.tree));
}

#[test]
fn every_file_says_what_it_is_for() {
    hold(texts(is_rust).iter().flat_map(|(path, text)| heads::heads(path, text)).collect());
}

#[test]
fn a_door_describes_its_rooms_and_holds_nothing_else() {
    hold_in_src(|house| heads::rooms(&house.tree));
}

#[test]
fn the_lists_of_all_counters_are_walked_in_one_place() {
    hold_in_src(|house| bans::shards(&house.tree));
}

#[test]
fn no_test_is_ignored_and_no_code_is_left_to_be_written() {
    hold(texts(is_rust).iter().flat_map(|(path, text)| bans::unfinished(path, text)).collect());
}

#[test]
fn the_files_that_documents_and_comments_name_exist() {
    let files = files();
    let comments = texts(|path| is_rust(path) && !path.starts_with("tests/tidy/"));
    let comments = comments.into_iter().map(|(path, text)| (path, markdown::comments_of(&text)));
    let named = texts(is_document).into_iter().chain(comments);
    hold(named.flat_map(|(path, text)| doc_paths::files_named(&path, &text, &files)).collect());
}

#[test]
fn the_links_of_documents_lead_somewhere() {
    hold(doc_paths::links(&texts(is_document), &files()));
}

#[test]
fn the_items_that_documents_name_exist() {
    hold_in_src(|house| {
        let others = doc_paths::other_crates(&texts(|path| path == "Cargo.lock")[0].1);
        let documents = texts(is_document);
        documents.iter().flat_map(|(path, text)| doc_paths::items_named(path, text, &house.tree, &others)).collect()
    });
}

#[test]
fn no_file_tells_of_the_machine_it_was_written_on() {
    hold(texts(|_| true).iter().flat_map(|(path, text)| traces::traces(path, text)).collect());
}
