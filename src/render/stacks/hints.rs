//! What would tell more of stacks than what is shown of them can.

use std::collections::BTreeSet;

use super::fold::Folded;
use crate::symbols::{CallFrame, Origin};
use crate::words::printable;

/// Each hint as the rest of a sentence that begins with "lines".
pub(super) fn hints<'a>(shown: impl IntoIterator<Item = Folded<'a>>) -> Vec<String> {
    let frames = Vec::from_iter(shown.into_iter().flat_map(|folded| Vec::from_iter(folded.frames())));
    let mut hints = Vec::new();
    let alone = || frames.iter().filter(|frame| is_name_alone(frame));
    if alone().any(|frame| frame.unresolved.as_ref().is_some_and(|at| at.is_compressed)) {
        hints.push("are compressed in the program: with heapledger's feature `compressed` they are read".into());
    } else if alone().next().is_some() {
        let setting = "debug = \"line-tables-only\"";
        hints.push(format!("are not in the program: with `{setting}` in its profile they are"));
    }
    let modules = frames.iter().filter(|frame| frame.function.is_none()).filter_map(|frame| frame.unresolved.as_ref());
    let ids = BTreeSet::from_iter(modules.filter_map(|at| Some((&at.module, at.build_id.as_ref()?))));
    for (module, build_id) in ids {
        hints.push(format!("{} has no symbols; its build id is {}", printable(module), printable(build_id)));
    }
    hints
}

/// How lines of a stored report are found that the program does not have, as another hint.
pub(super) fn later<'a>(shown: impl IntoIterator<Item = Folded<'a>>) -> Option<String> {
    let places = shown.into_iter().flat_map(|folded| Vec::from_iter(folded.frames()));
    let mut places = places.filter(|frame| frame.file.is_none()).filter_map(|frame| frame.unresolved.as_ref());
    let command = "cargo heapledger show --debug-dir DIR FILE";
    places
        .any(|at| at.build_id.is_some())
        .then(|| format!("are found for a stored report where its program, or its debug file, has them: `{command}`"))
}

fn is_name_alone(frame: &CallFrame) -> bool {
    frame.origin == Origin::Unknown && frame.function.is_some() && frame.file.is_none()
}
