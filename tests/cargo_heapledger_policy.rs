//! What `cargo heapledger` says of a policy that does not mean what it says: names that match nothing, keys that stand
//! there twice, and everything else that is wrong, all at once.

#![cfg(all(target_os = "linux", not(miri)))]

#[path = "common/made_up.rs"]
mod made_up;
#[path = "common/project.rs"]
mod project;

use made_up::{folder, run_of};

#[test]
fn a_path_and_a_glob_that_match_nothing_are_said_with_what_was_meant() {
    let project = folder();
    project.write("run.json", &run_of(&[("search", 12), ("search/parse", 3)]).to_string());
    let policy = "\
schema = 1
unlisted = \"allow\"
[operation.\"serch/*\"]
allocs = 3
[operation.\"search/*\"]
allocs = 3
[operation.\"merge*\"]
allocs = 3
[target.'cfg(windows)'.operation.\"serch/**\"]
allocs = 3
[operation.search]
allocs = 12
";
    project.write("heapledger.toml", policy);
    let said = project.heapledger(&["merge", "run.json"]);
    said.exits(0).prints("0 figures of 2 operations: 2 no match\n").never_prints("serch/**");
    said.prints("the policy names it at heapledger.toml:3:12, and no operation matches it: did you mean `search/*`?\n");
    said.prints("the policy names it at heapledger.toml:7:12, and no operation matches it\n");
    let said = project.heapledger_in(&[("GITHUB_ACTIONS", "true")], &["merge", "run.json"]);
    said.exits(0).prints("::warning title=heapledger%3A serch/*::no match the policy names it at heapledger.toml:3:12");
    // A part of the tests says nothing of globs.
    project.heapledger(&["merge", "--partial", "run.json"]).exits(0).never_prints("no match");

    project.write("heapledger.toml", &policy.replace("[operation.search]", "[operation.serch]"));
    let said = project.heapledger(&["merge", "run.json"]);
    said.exits(2).prints("heapledger.toml:11:12, and no test entered it: did you mean `search`?\n");
}

#[test]
fn all_errors_of_a_policy_are_told_at_once() {
    let project = folder();
    let policy = "schema = 1\n[operation.search]\nallocs = \"150%\"\nallocs = 1\npeek_bytes = 1\nlive_bytes =\n";
    project.write("heapledger.toml", policy);
    let said = project.heapledger(&["merge", "run.json"]);
    let expected = "\
error: heapledger.toml:3:10: \"150%\" is a tolerance of more than the figure, which no improvement could leave: write at \
most \"100%\", or a ceiling such as \"12 k\"
heapledger.toml:4:1: duplicate key `allocs`: it stands at heapledger.toml:3:1 already
heapledger.toml:5:1: unknown key `peek_bytes`: did you mean `peak_bytes`?
heapledger.toml:6:13: no value stands here: write one behind the `=`
";
    said.exits(1);
    assert_eq!((&*said.out, &*said.err), ("", expected));
}
