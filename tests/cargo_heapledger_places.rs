//! Where `cargo heapledger` keeps a run, from where it names places, and what it shows first: in members of a
//! workspace, in sub-folders, with a target folder elsewhere, and on a narrow terminal.

#![cfg(all(target_os = "linux", not(miri)))]

use std::path::Path;
use std::process::{Command, Stdio};

#[path = "common/made_up.rs"]
mod made_up;
#[path = "common/project.rs"]
mod project;

use made_up::{FIGURES, figures_of, folder, measured, run, run_of};
use project::{Project, Said, heapledger};

/// A workspace with one member, whose assertion of `search` is more than recorded.
fn workspace() -> Project {
    let project = folder();
    project.write("Cargo.toml", "[workspace]\nmembers = [\"core\"]\nresolver = \"3\"\n");
    project.write("Cargo.lock", "version = 4\n");
    project.write("core/Cargo.toml", "[package]\nname = \"core-of-it\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    project.write("core/src/lib.rs", "");
    project.write("core/tests/a.rs", "");
    let mut run = run();
    run["parts"][0]["measured"]["search"] = measured(&[("allocs", 13)]);
    run["parts"][0]["measured"]["search"]["site"]["file"] = "core/tests/a.rs".into();
    project.write("run.json", &run.to_string());
    project
}

fn in_folder(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    let mut command = heapledger(folder);
    command.args(arguments).env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_BUILD_DIR");
    command.envs(variables.iter().copied());
    Said::by(command)
}

#[test]
fn places_are_named_from_where_the_user_stands() {
    let project = workspace();
    let stands = [
        ("", "", "core/tests/a.rs"),
        ("core", "../", "tests/a.rs"),
        ("core/src", "../../", "../tests/a.rs"),
        ("tests", "../", "../core/tests/a.rs"),
    ];
    for (folder, to_root, site) in stands {
        let run = format!("{to_root}run.json");
        let figures =
            if folder == "tests" { FIGURES.trim_start_matches("tests/").into() } else { format!("{to_root}{FIGURES}") };
        let here = project.path(folder);
        let said = in_folder(&here, &["merge", &run], &[]);
        said.exits(2).prints(&format!("    recorded at  {figures}:8\n    entered at   {site}:3\n"));
        in_folder(&here, &["review"], &[]).exits(0).prints(&format!("    entered at   {site}:3\n"));
        project.write("heapledger.toml", "schema = 1\nnovel = 1\n");
        in_folder(&here, &["merge", &run], &[])
            .exits(1)
            .complains(&format!("error: {to_root}heapledger.toml:2:1: unknown key"));
        project.write("heapledger.toml", made_up::POLICY);
        // GitHub names files from the repository's folder, wherever the command was called.
        let root = project.folder().to_string_lossy().into_owned();
        let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", &*root)];
        in_folder(&here, &["merge", &run], &github).exits(2).prints("::error file=core/tests/a.rs,line=3,");
    }
}

#[test]
fn a_run_is_kept_in_the_target_folder_wherever_that_is() {
    let project = workspace();
    let kept = |folder: &str| project.path(folder).join("heapledger/last-run.json").exists();
    let merge = ["merge", "../run.json"];
    let core = project.path("core");
    in_folder(&core, &["review"], &[])
        .exits(1)
        .complains("no run is known: `cargo heapledger test` first, which writes ../target/heapledger/last-run.json");
    in_folder(&core, &merge, &[]).exits(2);
    assert!(kept("target"));
    project.write(".cargo/config.toml", "[build]\ntarget-dir = \"built\"\n");
    in_folder(&core, &["review"], &[]).exits(1).complains("which writes ../built/heapledger/last-run.json");
    in_folder(&core, &merge, &[]).exits(2);
    assert!(kept("built"));
    let elsewhere = project.path("elsewhere");
    let variable = [("CARGO_TARGET_DIR", elsewhere.to_str().expect("it is text"))];
    in_folder(&core, &merge, &variable).exits(2);
    assert!(kept("elsewhere"));
    in_folder(&core, &["accept", "--breaches", "--reason", "meant"], &variable).exits(0);
    assert_eq!(project.read(FIGURES).lines().last(), Some("\"search\".allocs = 13 # meant"));
}

#[test]
fn a_failing_run_ends_with_one_line_and_shows_what_matters_first() {
    let project = folder();
    let mut run = run_of(&[("a_well", 1), ("b_better", 1), ("c_worse", 3), ("d_worse", 3)]);
    project.write("run.json", &run.to_string());
    project.write(FIGURES, &figures_of(&[("a_well", 1), ("b_better", 2), ("c_worse", 2), ("d_worse", 2)]));
    let order = |said: &Said| {
        let rows = said.out.lines().filter_map(|line| line.split_whitespace().next());
        rows.filter(|name| name.get(1..2) == Some("_")).map(String::from).collect::<Vec<_>>()
    };
    let last = |said: &Said| said.out.lines().last().map(String::from);
    let said = project.heapledger(&["merge", "run.json"]);
    assert_eq!(order(&said), ["c_worse", "d_worse", "b_better"]);
    said.exits(2).prints("and 1 figure of 1 operation: 1 within; `--all` shows them\n").never_prints(" 0  within\n");
    assert_eq!(last(&said).as_deref(), Some("failed: 2 breaches (exit 2)"));
    let said = project.heapledger(&["merge", "run.json", "--all"]);
    assert_eq!(order(&said), ["c_worse", "d_worse", "b_better", "a_well"]);
    said.prints(" 0  within\n").never_prints("`--all`");
    let said = project.heapledger(&["merge", "run.json", "--strict"]);
    assert_eq!(last(&said).as_deref(), Some("failed: 2 breaches, 1 improvement (exit 2)"));
    // After the patch, too.
    let said = project.heapledger_in(&[("CI", "1")], &["merge", "run.json"]);
    said.prints("-----END HEAPLEDGER PATCH-----");
    assert_eq!(last(&said).as_deref(), Some("failed: 2 breaches (exit 2)"));

    let leak = serde_json::json!({ "path": "leaks", "verdict": "leak", "sentence": "s", "bytes_per_iteration": 8.0, "site": null });
    run["parts"][0]["leak_tests"] = serde_json::json!([leak]);
    project.write("run.json", &run.to_string());
    let said = project.heapledger(&["merge", "run.json"]);
    assert_eq!(last(said.exits(3)).as_deref(), Some("failed: 1 leak, 2 breaches (exit 3)"));
    // What is to be recorded before anything can be compared.
    project.remove(FIGURES);
    project.write("run.json", &run_of(&[("a_well", 1)]).to_string());
    let said = project.heapledger(&["merge", "run.json"]);
    assert_eq!(last(said.exits(4)).as_deref(), Some("failed: 1 new (exit 4)"));
    project.heapledger(&["accept"]).exits(1);
    project.write(FIGURES, &figures_of(&[("a_well", 1)]));
    let said = project.heapledger(&["merge", "run.json"]);
    said.exits(0).never_prints("failed").prints("1 figure of 1 operation: 1 within\n").never_prints(" 0  within\n");
    project.write("run.json", &made_up::run().to_string().replace("\"processes\":1", "\"processes\":0"));
    let said = project.heapledger(&["merge", "run.json"]);
    assert_eq!(last(said.exits(6)).as_deref(), Some("failed: heapledger was not active (exit 6)"));
}

#[test]
fn no_line_of_the_table_is_wider_than_the_terminal() {
    let project = folder();
    let long = "index_build/commit/segment/".repeat(4) + "merge";
    project.write("run.json", &run_of(&[("search", 1_300_000), (&long, 1)]).to_string());
    project.write(
        "heapledger.toml",
        &format!("{}why = \"{}\"\n", made_up::POLICY, "fits into the smallest machine ".repeat(5)),
    );
    for width in [30, 50, 80, 100] {
        let plain = heapledger(project.folder());
        let program = plain.get_program().to_string_lossy().into_owned();
        let run = format!("stty rows 40 cols {width}; '{program}' heapledger merge run.json");
        let mut command = Command::new("script");
        command.args(["-qec", &run, "/dev/null"]).current_dir(project.folder()).stdin(Stdio::null());
        command.env("NO_COLOR", "1").stderr(Stdio::null());
        let Ok(output) = command.output() else {
            eprintln!("skipped: there is no `script` on this machine to make a terminal");
            return;
        };
        let out = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let (_, table) = out.split_once("rustc 1.95.0\n").unwrap_or_else(|| panic!("there is a table:\n{out}"));
        let (table, _) = table.split_once("\n\n").unwrap_or_else(|| panic!("it ends:\n{out}"));
        let widest = table.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= width && widest + 30 > width), "{width}: {widest:?}\n{table}");
    }
}
