//! The rule that no files and no sub-folders of a layer name each other in a circle.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::layers::crate_names;
use super::tree::Tree;

/// Who names whom in one folder, and where: the first file and line.
type Edges = BTreeMap<String, BTreeMap<String, String>>;

/// One message a circle. A sub-folder counts as one, made of all its files.
pub fn circles(tree: &Tree) -> Vec<String> {
    let mut folders: BTreeMap<Vec<String>, Edges> = BTreeMap::new();
    for (file, line, target) in crate_names(tree) {
        let home = tree.home(&target);
        let home = &home[..tree.modules_in(&home)];
        let target = &target[..tree.modules_in(&target)];
        // What is named through a door beside the file stays with that door: what it shows may be another folder's.
        let shared = |path: &[String]| path.iter().zip(&file.module).take_while(|(one, other)| one == other).count();
        let named = if shared(target) < target.len() { target } else { home };
        let common = shared(named);
        let is_same_file = tree.file_of(named).is_none_or(|named| named.path == file.path);
        if common == 0
            || is_same_file
            || (common == file.module.len() && file.is_door())
            || tree.is_folder(named) && common == named.len()
        {
            continue;
        }
        // A file that has modules of its own is one of them: `c.rs` beside what is in `c/`.
        let member = |path: &[String]| path.get(common).unwrap_or(&path[common - 1]).clone();
        let from = folders.entry(named[..common].to_vec()).or_default().entry(member(&file.module)).or_default();
        from.entry(member(named)).or_insert_with(|| format!("{}:{line}", file.path));
    }
    let mut wrong = Vec::new();
    for (folder, mut edges) in folders {
        while let Some(circle) = shortest_circle(&edges) {
            let mut places = Vec::new();
            for pair in circle.windows(2) {
                places.push(edges[&pair[0]][&pair[1]].clone());
            }
            wrong.push(format!(
                "{}: a circle in `{}/`: {} (named in {}): cut it at one place, or move what both need into a third file",
                places[0],
                folder.join("/"),
                circle.join(" -> "),
                places.join(", "),
            ));
            // Cut where it closes, so that other circles are found too.
            if let Some(last) = edges.get_mut(&circle[circle.len() - 2]) {
                last.remove(&circle[0]);
            }
        }
    }
    wrong
}

/// The shortest circle, which begins and ends with the same name; of equally long ones that which begins first.
fn shortest_circle(edges: &Edges) -> Option<Vec<String>> {
    let mut shortest: Option<Vec<String>> = None;
    for start in edges.keys() {
        let mut came_from = HashMap::new();
        let mut seen = BTreeSet::new();
        let mut waiting = VecDeque::from([start]);
        while let Some(one) = waiting.pop_front() {
            for next in edges.get(one).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    let mut circle = vec![start.clone(), one.clone()];
                    let mut last = one;
                    while last != start {
                        last = came_from[last];
                        circle.push(last.clone());
                    }
                    circle.reverse();
                    if shortest.as_ref().is_none_or(|shortest| circle.len() < shortest.len()) {
                        shortest = Some(circle);
                    }
                    waiting.clear();
                    break;
                }
                if seen.insert(next) {
                    came_from.insert(next, one);
                    waiting.push_back(next);
                }
            }
        }
    }
    shortest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(files: &[(&str, &str)]) -> Vec<String> {
        circles(&Tree::parse(files))
    }

    const ADVICE: &str = "cut it at one place, or move what both need into a third file";

    #[test]
    fn a_circle_of_files_is_told_as_a_chain() {
        let files = [
            ("src/words/mod.rs", "mod a; mod b; mod c; pub use c::C;"),
            ("src/words/a.rs", "\nuse super::b::B;"),
            ("src/words/b.rs", "use crate::words::c; fn f() -> c::C {}"),
            ("src/words/c.rs", "fn f(_: super::a::A) {}"),
        ];
        let told = "src/words/a.rs:2: a circle in `words/`: a -> b -> c -> a (named in src/words/a.rs:2, src/words/b.rs:1, \
                    src/words/c.rs:1): ";
        assert_eq!(seen(&files), [format!("{told}{ADVICE}")]);
    }

    #[test]
    fn a_circle_through_the_own_door_is_seen() {
        let files = [
            ("src/words/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
            ("src/words/a.rs", "use super::B;"),
            ("src/words/b.rs", "use crate::words::A;"),
        ];
        let told = "a circle in `words/`: a -> b -> a";
        assert!(seen(&files)[0].contains(told), "{:?}", seen(&files));
    }

    #[test]
    fn a_circle_of_sub_folders_is_seen_and_none_within_one() {
        let files = |inner: &'static str| {
            [
                ("src/front/mod.rs", "mod leak; mod budget;"),
                ("src/front/leak/mod.rs", "mod run; mod state; pub use run::Run;"),
                ("src/front/leak/run.rs", "use crate::front::budget::Budget; use super::state::State;"),
                ("src/front/leak/state.rs", ""),
                ("src/front/budget/mod.rs", "mod one; mod two; pub use one::Budget;"),
                ("src/front/budget/one.rs", ""),
                ("src/front/budget/two.rs", inner),
            ]
        };
        let told = "src/front/budget/two.rs:1: a circle in `front/`: budget -> leak -> budget (named in \
                    src/front/budget/two.rs:1, src/front/leak/run.rs:1): ";
        assert_eq!(seen(&files("use crate::front::leak::Run;")), [format!("{told}{ADVICE}")]);
        assert_eq!(seen(&files("use super::one::Budget;")), [""; 0]);
    }

    #[test]
    fn a_circle_of_a_file_and_its_own_module_is_seen() {
        let files = [
            ("src/words/mod.rs", "mod a;"),
            ("src/words/a.rs", "mod inner; use inner::B; struct A;"),
            ("src/words/a/inner.rs", "use super::A; struct B;"),
        ];
        assert!(seen(&files)[0].contains("a circle in `words/a/`: a -> inner -> a"), "{:?}", seen(&files));
    }

    #[test]
    fn what_is_no_circle_is_not_told() {
        let files = [
            ("src/words/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
            ("src/words/a.rs", "use super::b::B; mod inner { use super::A; } #[cfg(test)] mod tests { use super::*; }"),
            ("src/words/b.rs", "#[cfg(test)] mod tests { use super::super::a::A; }"),
            ("src/front/mod.rs", "mod a;"),
            ("src/front/a.rs", "use crate::words::A;"),
        ];
        assert_eq!(seen(&files), [""; 0]);
    }

    #[test]
    fn every_circle_is_told() {
        let files = [
            ("src/words/mod.rs", "mod a; mod b; mod c;"),
            ("src/words/a.rs", "use super::{b::B, c::C};"),
            ("src/words/b.rs", "use super::a::A;"),
            ("src/words/c.rs", "use super::a::A;"),
        ];
        let told = seen(&files);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("a -> b -> a") && told[1].contains("a -> c -> a"), "{told:?}");
    }
}
