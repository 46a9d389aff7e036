//! The command `cargo heapledger` against files, names, numbers and surroundings that nobody meant well: it says what
//! is wrong and where, exits with 1, writes nothing, and leaves nothing behind. Most tests need no cargo project: they
//! judge runs that they write themselves.

#![cfg(all(target_os = "linux", not(miri)))]

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::json;

#[path = "common/made_up.rs"]
mod made_up;
#[path = "common/project.rs"]
mod project;

use made_up::{FIGURES, POLICY, figures_of, folder, log_of, measured, package, row, run, run_of};
use project::{ALLOCATOR, Project, Said, heapledger};

#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();

/// Records whatever the last run measured.
const ACCEPT: [&str; 4] = ["accept", "--breaches", "--reason", "meant"];
/// Nothing that is refused takes more processor time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses of a refusing process: a bound for its memory that any system can enforce.
const MOST_KIB: u64 = 500 << 10;
/// The command in `project`, below limits of memory and processor time.
fn limited(project: &Project, kib: u64, seconds: u64) -> Command {
    let inner = heapledger(project.folder());
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -v {kib}; ulimit -t {seconds}; exec \"$0\" \"$@\""));
    command.arg(inner.get_program()).args(inner.get_args()).current_dir(project.folder()).stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// What came of it. Whatever it was, it is no panic and no signal, and other tests may have slowed it down.
#[track_caller]
fn said(command: Command) -> Said {
    said_within(PATIENCE * 4, command)
}

/// What came of it before `patience` ended.
#[track_caller]
fn said_within(patience: Duration, mut command: Command) -> Said {
    let began = Instant::now();
    let shown = format!("{command:?}");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command can be run");
    let (send, receive) = mpsc::channel();
    let read = |mut stream: Box<dyn Read + Send>| {
        let send = send.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            let _ = send.send(());
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = read(Box::new(child.stdout.take().expect("it is a pipe")));
    let err = read(Box::new(child.stderr.take().expect("it is a pipe")));
    let in_time = (0..2).all(|_| receive.recv_timeout(patience.saturating_sub(began.elapsed())).is_ok());
    if !in_time {
        child.kill().expect("the child is ours");
    }
    let status = child.wait().expect("the child is ours");
    let text = |thread: std::thread::JoinHandle<String>| thread.join().expect("reading does not panic");
    let said = Said { code: status.code().unwrap_or(-1), out: text(out), err: text(err) };
    assert!(in_time, "this hangs: {shown}\n{said}");
    assert!((0..=6).contains(&said.code), "{status}: {shown}\n{said}");
    said.never_prints("panicked");
    said
}

#[track_caller]
fn say(project: &Project, arguments: &[&str]) -> Said {
    say_in(project, &[], arguments)
}

#[track_caller]
fn say_in(project: &Project, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = limited(project, MOST_KIB, PATIENCE.as_secs());
    command.args(arguments).envs(variables.iter().copied());
    said(command)
}

/// Runs the command, which exits with 1, says this, and changes nothing.
#[track_caller]
fn refused(project: &Project, arguments: &[&str], complaint: &str) {
    let before = project.files();
    say(project, arguments).exits(1).complains(complaint);
    assert!(before == project.files(), "{arguments:?} changed something: {:?}", project.files().keys());
}

fn no_file_is_left_behind(project: &Project) {
    let left: Vec<String> = project.files().into_keys().filter(|name| name.contains(".heapledger-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_policy_that_is_none_is_refused_with_its_place() {
    let project = folder();
    let huge = format!("schema = 1\n#{}", "x".repeat(2 << 20));
    let deep = |open: &str| format!("schema = 1\nfigures = {}", open.repeat(100_000));
    let (lists, tables) = (deep("["), deep("{a="));
    let cases: [(&[u8], &str); 16] = [
        (b"", "heapledger.toml:1:1: `schema` is missing"),
        (huge.as_bytes(), "heapledger.toml: 2097164 bytes are more than 1048576"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "heapledger.toml:1:1: "),
        (b"schema = 1\n# \xc3\xa4 \xff", "heapledger.toml:2:5: is not text: byte 0xff is not UTF-8"),
        (lists.as_bytes(), "heapledger.toml:2:268: brackets are nested too deep"),
        (tables.as_bytes(), "heapledger.toml:2:780: brackets are nested too deep"),
        (b"schema = 1\n\0", "heapledger.toml:2:1: "),
        (b"schema = 2\nnovel = true\n", "heapledger.toml:1:10: schema 2 is newer than this heapledger"),
        (b"schema = 1\nnovel = true\n", "heapledger.toml:2:1: unknown key `novel`"),
        (
            b"schema = 1\n[defaults]\n[defaults]\n",
            "heapledger.toml:3:2: duplicate key `defaults`: it stands at heapledger.toml:2:1 already",
        ),
        (b"schema = 1\n<<<<<<< ours\n", "heapledger.toml:2:1: a merge conflict"),
        (
            b"schema = 1\nfigures = \"../..\"\n",
            "heapledger.toml:2:11: `figures` leads out of the policy's folder by `..`",
        ),
        (b"schema = 1\nfigures = \"a/../../b\"\n", "heapledger.toml:2:11: `figures` leads out"),
        (b"schema = 1\nfigures = \"/etc\"\n", "heapledger.toml:2:11: `figures` is no relative path"),
        (b"schema = 1\nfigures = \"C:/x\"\n", "heapledger.toml:2:11: `figures` is no relative path"),
        (b"schema = 1\nfigures = \"a\\u0000b\"\n", "heapledger.toml:2:11: `figures` has control characters"),
    ];
    for (text, complaint) in cases {
        fs::write(project.path("heapledger.toml"), text).expect("it can be written");
        refused(&project, &["merge", "run.json"], complaint);
    }
    for text in [POLICY.replace('\n', "\r\n"), format!("\u{feff}{POLICY}")] {
        project.write("heapledger.toml", &text);
        say(&project, &["merge", "run.json"]).exits(0).prints("1 figure of 1 operation: 1 within");
    }
}

#[test]
fn figures_that_are_none_are_refused_with_their_place() {
    let project = folder();
    let good = figures_of(&[("search", 12)]);
    let deep = format!("{good}\"a\".allocs = {}", "[".repeat(100_000));
    let cases: [(&[u8], &str); 12] = [
        (b"", "toml:1:1: no `schema` stands here"),
        (b"\x89PNG\r\n", "toml:1:1: is not text: byte 0x89 is not UTF-8"),
        (b"schema = 1\n\"\xe6\xfc\"", "toml:2:2: is not text: byte 0xe6 is not UTF-8"),
        (deep.as_bytes(), "brackets are nested too deep"),
        (b"schema = 1\n[figures]\n\"a\0\".allocs = 1\n", "toml:3:"),
        (b"schema = 7\n", "toml:1:10: schema 7 is newer than this heapledger"),
        (b"schema = 1\nnovel = 1\n", "toml:2:1: unexpected `novel`"),
        (
            b"schema = 1\n[figures]\na.allocs = 1\n[figures]\n",
            "toml:4:2: duplicate key `figures`: it stands at tests/figures/",
        ),
        (
            b"schema = 1\n[figures]\n\"a\".allocs = 1\n\"a\".allocs = 2\n",
            "toml:4:5: duplicate key `allocs`: it stands at tests/figures/",
        ),
        (b"schema = 1\n<<<<<<< HEAD\n", "toml:2:1: a merge conflict"),
        (b"schema = 1\n[figures]\n\"a\".allocs = 9223372036854775808\n", "toml:3:14: `allocs` is an integer"),
        (b"schema = 1\ntarget = \"elsewhere\"\n", "these figures are of another environment"),
    ];
    for (text, complaint) in cases {
        fs::write(project.path(FIGURES), text).expect("it can be written");
        refused(&project, &["merge", "run.json"], complaint);
    }
    for text in [good.replace('\n', "\r\n"), format!("\u{feff}{good}")] {
        project.write(FIGURES, &text);
        say(&project, &["merge", "run.json"]).exits(0).prints("1 figure of 1 operation: 1 within");
    }
    let huge = File::create(project.path(FIGURES)).expect("it can be written");
    huge.set_len(65 << 20).expect("holes take no room");
    say(&project, &["merge", "run.json"]).exits(1).complains("has more than 67108864 bytes: this is no such file");
}

#[test]
fn a_run_that_is_none_is_refused() {
    let project = folder();
    let deep = "[".repeat(100_000);
    let deep_inside = format!("{{\"schema\":1,\"heapledger\":\"\",\"parts\":{}", "[{\"a\":".repeat(50_000));
    let deep_and_closed = format!("{{\"schema\":1,\"heapledger\":\"\",\"parts\":{deep}{}}}", "]".repeat(100_000));
    let without = |key: &str| {
        let mut run = run_of(&[("search", 12)]);
        run["parts"][0].as_object_mut().expect("it is a part").remove(key);
        run.to_string()
    };
    let good = run_of(&[("search", 12)]).to_string();
    let cases: [(&[u8], &str); 14] = [
        (b"", "run.json cannot be read: not a heapledger run: EOF while parsing a value at line 1 column 0"),
        (b"\x1f\x8b\x08", "run.json:1:2: is not text: byte 0x8b is not UTF-8"),
        (b"{\n\"schema\": \"\xff\"}", "run.json:2:12: is not text: byte 0xff is not UTF-8"),
        (b"\0\0\0\0", "run.json cannot be read: not a heapledger run: expected value at line 1 column 1"),
        (deep.as_bytes(), "run.json cannot be read: not a heapledger run: "),
        (deep_inside.as_bytes(), "run.json cannot be read: not a heapledger run: "),
        (deep_and_closed.as_bytes(), "not a heapledger run: invalid type: sequence"),
        (b"{\"schema\":4}", "the run has schema 4, and this heapledger ("),
        (b"{\"schema\":-1}", "not a heapledger run: invalid value"),
        (b"<<<<<<< ours\n", "expected value at line 1 column 1"),
        (&good.as_bytes()[..good.len() / 2], "EOF while parsing"),
        (b"{\"schema\":1,\"schema\":1,\"heapledger\":\"\",\"parts\":[]}", "duplicate field `schema`"),
        (&without("report").into_bytes(), "missing field `report`"),
        (&without("measured").into_bytes(), "missing field `measured`"),
    ];
    for (text, complaint) in cases {
        fs::write(project.path("run.json"), text).expect("it can be written");
        refused(&project, &["merge", "run.json"], complaint);
        refused(&project, &["diff", "run.json", "run.json"], complaint);
    }
    project.write(
        "run.json",
        &serde_json::to_string_pretty(&run_of(&[("search", 12)])).expect("it is JSON").replace('\n', "\r\n"),
    );
    say(&project, &["merge", "run.json"]).exits(0);
    refused(&project, &["merge", "run.json", "./run.json"], "run.json is given twice");
    refused(&project, &["merge", "absent.json"], "absent.json: No such file");
}

const KEY: &str = "x86_64-unknown-linux-gnu_debug_System_1.95.0";

#[test]
fn a_patch_leads_nowhere_but_to_the_figures_of_its_environment() {
    let project = folder();
    let (before, after) = (figures_of(&[("search", 12)]), figures_of(&[("search", 13)]));
    let names = [
        "../../x",
        "..",
        ".",
        "",
        ".hidden",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "C:\\x",
        "C:x",
        "a\0b",
        "x\u{202e}y",
        "ä",
        " ",
        &"x".repeat(5000),
        "--x/../y",
    ];
    for name in names {
        project.write("ci.log", &log_of(name, "", &after));
        refused(&project, &["accept", "--from", "ci.log"], "which is no environment's name");
    }
    let log = log_of(KEY, &before, &after);
    let end = log.find("-----END").expect("it ends");
    let other = after.replace("1.95.0", "../../x");
    let elsewhere = log_of("elsewhere", "", &after);
    let cases = [
        (String::new(), "ci.log has no patch of heapledger's in it"),
        ("\0\u{1b}[2J\u{7}\n".repeat(1000), "ci.log has no patch of heapledger's in it"),
        ("[".repeat(100_000), "ci.log has no patch of heapledger's in it"),
        (log[..end].into(), "ci.log has no patch of heapledger's in it"),
        (log.replace("@@ -1,", "@@ -x,"), &*format!("the patch for {KEY} is damaged")),
        (log.replace("@@ -1,", "@@ -99999999999999999999,"), &*format!("the patch for {KEY} is damaged")),
        (log.replace("-schema", "-chemas"), "it was made for another state of it"),
        (log_of(KEY, &before, &other), "holds figures of another environment"),
        (log_of(KEY, &before, "nonsense"), "what the patch makes of it is no file of figures"),
        (log_of(KEY, &before, &figures_of(&[("a\n::error::", 1)]).replace("1.95", "\u{7}1.95")), "no file of figures"),
        // One that does not fit, and nothing of the others is written.
        (format!("{log}{elsewhere}"), "the patch for elsewhere holds figures of another environment"),
    ];
    for (text, complaint) in cases {
        project.write("ci.log", &text);
        refused(&project, &["accept", "--from", "ci.log"], complaint);
    }
    // Times, colours and Windows in the log, and bytes that are no text around it.
    let stamped: String =
        log.lines().map(|line| format!("2026-01-01T00:00:00Z \u{1b}[36m{line}\u{1b}[0m\r\n")).collect();
    fs::write(project.path("ci.log"), [b"\xff\xfe\0\n", stamped.as_bytes()].concat()).expect("it can be written");
    say(&project, &["accept", "--from", "ci.log", "--breaches", "--reason", "meant"]).exits(0);
    assert!(project.read(FIGURES).ends_with("[figures]\n\"search\".allocs = 13 # meant\n"));
    no_file_is_left_behind(&project);
}

/// What is said of something that is no file, and how to make it.
type NoFile = (&'static str, fn(&Path));

#[test]
fn what_is_no_file_is_refused_and_never_waited_for() {
    let commands: [(&str, &[&str]); 4] = [
        ("heapledger.toml", &["merge", "run.json"]),
        (FIGURES, &["merge", "run.json"]),
        ("run.json", &["diff", "run.json", "run.json"]),
        ("ci.log", &["accept", "--from", "ci.log"]),
    ];
    let kinds: [NoFile; 5] = [
        ("is no file", |path| fs::create_dir(path).expect("it can be made")),
        ("is no file", |path| assert!(Command::new("mkfifo").arg(path).status().expect("it can be run").success())),
        ("is no file", |path| symlink("/dev/zero", path).expect("it can be made")),
        ("No such file", |path| symlink("nowhere", path).expect("it can be made")),
        ("symbolic link", |path| symlink(path.file_name().expect("it has a name"), path).expect("it can be made")),
    ];
    for (file, arguments) in commands {
        for (complaint, make) in kinds {
            let project = folder();
            let _ = fs::remove_file(project.path(file));
            make(&project.path(file));
            refused(&project, arguments, complaint);
            let name = Path::new(file).file_name().and_then(|name| name.to_str()).expect("it has a name");
            say(&project, arguments).complains(name);
        }
    }
}

#[test]
fn what_is_too_large_is_refused_at_once() {
    // Not in the project: it is compared byte for byte.
    let elsewhere = tempfile::tempdir().expect("a temporary folder can be made");
    let sparse = elsewhere.path().join("sparse");
    File::create(&sparse).and_then(|file| file.set_len(2 << 30)).expect("holes take no room");
    let sparse = sparse.to_str().expect("it is text");
    let project = folder();
    for arguments in [
        &["merge", sparse][..],
        &["diff", sparse, "run.json"],
        &["merge", "run.json", "--policy", sparse],
        &["accept", "--from", sparse],
    ] {
        refused(&project, arguments, " bytes: ");
    }
    let mut endless = limited(&project, 2 * MOST_KIB, PATIENCE.as_secs());
    endless.args(["accept", "--from", "-"]).stdin(File::open("/dev/zero").expect("it is there"));
    said(endless).exits(1).complains("- has more than 268435456 bytes");
}

#[test]
fn an_environment_is_the_name_of_a_file_whatever_it_says() {
    let hostile = [
        "../../../etc/x",
        "/etc/passwd",
        "a\0b",
        "C:\\x",
        "",
        ".",
        "..",
        "...",
        "a/../../b",
        "\u{202e}",
        "\n::error::x",
        "CON",
        "~",
        "%2e%2e%2f",
        "$(id)",
        "`id`",
        "-rf",
        "x\"y",
        "x\\",
        "日本",
    ];
    let mut run = run();
    run["parts"] = hostile
        .iter()
        .map(|name| {
            let mut part = run_of(&[("search", 12)])["parts"][0].clone();
            for field in ["target", "profile", "allocator", "rustc"] {
                part["environment"][field] = json!(name);
            }
            part
        })
        .collect();
    let project = package(&run);
    let before = project.files();
    say(&project, &ACCEPT).exits(0);
    for (name, text) in project.files().into_iter().filter(|(name, _)| !before.contains_key(name)) {
        let file = name.strip_prefix("tests/figures/").expect("figures stand nowhere else");
        let plain = |one: char| one.is_ascii_alphanumeric() || "-_.+".contains(one);
        assert!(file.ends_with(".toml") && !file.starts_with('.') && file.chars().all(plain), "{name:?}");
        let text = String::from_utf8(text).expect("figures are text");
        assert!(text.chars().all(|one| one == '\n' || !one.is_control()), "{text:?}");
    }
    // A line for each name that is another file than those before it.
    project.write("run.json", &run.to_string());
    let said = say(&project, &["merge", "run.json", "--json", "again.json"]);
    assert!(said.out.lines().all(|line| !line.contains(|one: char| one.is_control() || one == '\u{202e}')), "{said}");
    no_file_is_left_behind(&project);
}

#[test]
fn an_environment_too_long_for_the_name_of_a_file_is_an_error_and_no_half_of_one() {
    let mut run = run_of(&[("search", 12)]);
    for field in ["target", "profile", "allocator", "rustc"] {
        run["parts"][0]["environment"][field] = json!("x".repeat(5000));
    }
    let project = package(&run);
    let before = project.files();
    let said = say(&project, &["accept"]);
    // Either it fits, or it is refused: never is another file written.
    match said.code {
        0 => assert_eq!(project.files().len(), before.len() + 1),
        _ => assert!(said.exits(1).err.contains("too long") && project.files() == before, "{said}"),
    }
}

#[test]
fn a_link_to_figures_stays_and_leads_to_the_new_ones() {
    let project = package(&run_of(&[("search", 13)]));
    let kept = project.path("kept.toml");
    fs::rename(project.path(FIGURES), &kept).expect("it can be moved");
    symlink(&kept, project.path(FIGURES)).expect("it can be made");
    say(&project, &ACCEPT).exits(0);
    assert!(fs::symlink_metadata(project.path(FIGURES)).expect("it is there").is_symlink());
    assert!(project.read("kept.toml").ends_with("\n\"search\".allocs = 13 # meant\n"));

    fs::rename(project.path("tests/figures"), project.path("real")).expect("it can be moved");
    symlink(project.path("real"), project.path("tests/figures")).expect("it can be made");
    project.write("target/heapledger/last-run.json", &run_of(&[("search", 14)]).to_string());
    say(&project, &ACCEPT).exits(0);
    assert!(fs::symlink_metadata(project.path("tests/figures")).expect("it is there").is_symlink());
    assert!(project.read("kept.toml").ends_with("\n\"search\".allocs = 14 # meant\n"));
    no_file_is_left_behind(&project);
}

#[test]
fn a_link_that_leads_out_of_the_project_is_not_followed() {
    let outside = tempfile::tempdir().expect("there is room");
    let theirs = outside.path().join("theirs");
    let refuses = |project: &Project, arguments: &[&str]| {
        say(project, arguments).exits(1).complains(", which is outside of .: replace the link");
        let found = fs::read_dir(outside.path()).expect("it is there").count();
        assert_eq!((found, &*fs::read_to_string(&theirs).expect("it is there")), (1, ""));
    };
    fs::write(&theirs, "").expect("it can be written");
    // A folder, with what is to be in it, and a folder above it.
    for (log, linked) in
        [(None, "tests/figures"), (Some(figures_of(&[("search", 13)])), "tests/figures"), (None, "tests")]
    {
        let project = package(&run_of(&[("search", 13)]));
        fs::remove_dir_all(project.path(linked)).expect("it is there");
        symlink(outside.path(), project.path(linked)).expect("it can be made");
        match log {
            None => refuses(&project, &ACCEPT),
            Some(after) => {
                project.write("ci.log", &log_of(KEY, "", &after));
                refuses(&project, &["accept", "--from", "ci.log"]);
            }
        }
    }
    // A file.
    fs::write(&theirs, figures_of(&[("search", 12)])).expect("it can be written");
    let project = package(&run_of(&[("search", 13)]));
    fs::remove_file(project.path(FIGURES)).expect("it is there");
    symlink(&theirs, project.path(FIGURES)).expect("it can be made");
    say(&project, &ACCEPT).exits(1).complains(", which is outside of .: replace the link");
    assert_eq!(fs::read_to_string(&theirs).expect("it is there"), figures_of(&[("search", 12)]));
    no_file_is_left_behind(&project);
}

#[test]
fn a_run_is_not_kept_through_a_link_that_leads_out_of_the_target_folder() {
    let outside = tempfile::tempdir().expect("there is room");
    let theirs = outside.path().join("last-run.json");
    let without_target = || {
        let project = package(&run_of(&[("search", 12)]));
        fs::remove_dir_all(project.path("target")).expect("it is there");
        project
    };
    let refuses = |project: &Project, theirs_is: Option<&str>| {
        say(project, &["merge", "run.json"]).exits(0).complains(", which is outside of target: replace the link");
        assert_eq!(fs::read_to_string(&theirs).ok().as_deref(), theirs_is);
    };
    // The folder.
    let project = without_target();
    fs::create_dir(project.path("target")).expect("it can be made");
    symlink(outside.path(), project.path("target/heapledger")).expect("it can be made");
    refuses(&project, None);
    // The file.
    fs::write(&theirs, "theirs").expect("it can be written");
    let project = without_target();
    fs::create_dir_all(project.path("target/heapledger")).expect("it can be made");
    symlink(&theirs, project.path("target/heapledger/last-run.json")).expect("it can be made");
    refuses(&project, Some("theirs"));
    // The target folder itself may be anywhere.
    let project = without_target();
    symlink(outside.path(), project.path("target")).expect("it can be made");
    let said = say(&project, &["merge", "run.json"]);
    assert!(said.exits(0).err.is_empty() && outside.path().join("heapledger/last-run.json").exists(), "{said}");
}

#[test]
fn a_log_of_many_patches_takes_a_time_in_proportion_to_it() {
    let project = folder();
    let figures = figures_of(&[("search", 12)]);
    // The first one is refused, so none is written.
    let log: String = (0..120_000).map(|at| log_of(&format!("environment-{at}"), "", &figures)).collect();
    project.write("ci.log", &log);
    refused(
        &project,
        &["accept", "--from", "ci.log"],
        "the patch for environment-0 holds figures of another environment",
    );
}

#[test]
fn what_reads_a_log_or_two_runs_asks_no_cargo() {
    let project = package(&run_of(&[("search", 12)]));
    project.write("ci.log", &log_of(KEY, &figures_of(&[("search", 12)]), &figures_of(&[("search", 11)])));
    let say = |arguments: &[&str]| say_in(&project, &[("CARGO", "/nowhere/cargo")], arguments);
    say(&["accept", "--from", "ci.log"]).exits(0).prints("12 -> 11");
    say(&["diff", "run.json", "run.json"]).exits(0).prints("no figure differs");
    // The others ask cargo where the target folder is.
    say(&["review"]).exits(1).complains("cargo cannot say where this project is");
}

const WAITS: &str = r#"
#[test]
fn waits() {
    let _op = heapledger::track("search");
    std::fs::write("begun", "").unwrap();
    while !std::path::Path::new("end").exists() {
        std::thread::yield_now();
    }
}
"#;

#[test]
fn a_command_that_is_asked_to_end_leaves_nothing_behind() {
    let project = Project::new("asked-to-end");
    project.write("tests/budgets.rs", &format!("{ALLOCATOR}{WAITS}"));
    project.write("heapledger.toml", POLICY);
    let mut command = heapledger(project.folder());
    command.args(["test"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = command.spawn().expect("it is there");
    while !project.path("begun").exists() {
        std::thread::yield_now();
    }
    let asked = Command::new("kill").args(["-TERM", &command.id().to_string()]).status();
    assert!(asked.expect("it is there").success());
    command.wait().expect("it is ours");
    // The test itself outlives cargo, and keeps what it was given to print to.
    project.write("end", "");
    let output = command.wait_with_output().expect("it is ours");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(
        err.contains("the tests were ended (signal: 15 (SIGTERM)): nothing was judged, and nothing recorded"),
        "{err}"
    );
    let left = fs::read_dir(project.path("target/heapledger")).expect("it is there").count();
    assert_eq!(left, 0);
}

const NAMES: [&str; 16] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "a\n::error::planted",
    "::error::planted",
    "  ::add-mask::planted",
    "##[error]planted",
    "%0A::error::planted",
    "a\r\n::set-output name=x::y",
    "a|b|c",
    "`code`",
    "<script>alert(1)</script>",
    "</testcase><testcase name=\"planted\"/>",
    "]]>&quot;&#0;",
    "\u{202e}\u{2066}txt.exe\u{200b}\u{feff}",
    "\"quoted\" 'twice' \\ \"\"\"",
    "\u{0}\u{7f}\u{85}\u{9b}31m\u{fffe}\u{ffff}",
    "[link](javascript:alert(1)) ![x](x)",
];

#[test]
fn a_name_is_text_in_every_output() {
    let long = "n".repeat(256);
    let names: Vec<(&str, i64)> = NAMES.iter().copied().chain([&*long]).map(|name| (name, 7)).collect();
    let run = run_of(&names);
    let project = package(&run);
    project.write(
        "heapledger.toml",
        &format!("{POLICY}peak_bytes = 1\n").replace("\"ratchet\"", "{ ratchet = true, max = 1 }"),
    );
    project.write("run.json", &run.to_string());
    project.write("summary.md", "");
    let summary = project.path("summary.md");
    let summary = summary.to_str().expect("it is text");
    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary)];
    let outputs = ["merge", "run.json", "--all", "--markdown", "out.md", "--junit", "out.xml", "--json", "out.json"];
    let said = say_in(&project, &github, &outputs).exits(2).out.clone();

    // GitHub trims lines before it looks for commands; between these two it takes none.
    let token = said.lines().find_map(|line| line.strip_prefix("::stop-commands::")).expect("commands are stopped");
    let (stopped, open) = said.split_once(&format!("\n::{token}::\n")).expect("and allowed again");
    assert!(stopped.starts_with("::stop-commands::"), "{said}");
    let (open, _) = open.split_once("\nfailed: ").expect("the last line says what failed");
    assert!(open.lines().all(|line| line.starts_with("::error ") || line.starts_with("::warning ")), "{open}");
    assert_eq!(open.lines().count(), 10, "{open}");
    for text in [
        &said,
        &project.read("out.md"),
        &project.read("out.xml"),
        &project.read("out.json"),
        &project.read("summary.md"),
    ] {
        let hides = |one: char| {
            one != '\n' && (one.is_control() || matches!(one, '\u{202e}' | '\u{2066}' | '\u{200b}' | '\u{feff}'))
        };
        assert!(*text == project.read("out.json") || !text.contains(hides), "{text:?}");
    }
    let markdown = project.read("out.md");
    assert!(!markdown.contains("<script") && !markdown.contains("](") && !markdown.contains("https:"), "{markdown}");
    let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with("| <code>")).collect();
    assert!(rows.len() >= names.len() && rows.iter().all(|row| row.matches('|').count() == 8), "{markdown}");
    let xml = project.read("out.xml");
    assert!(!xml.contains("<script") && xml.matches("<testcase ").count() == rows.len(), "{xml}");

    say(&project, &ACCEPT).exits(0);
    let figures = project.read(FIGURES);
    assert_eq!(figures.lines().skip_while(|line| *line != "[figures]").count(), 1 + names.len(), "{figures}");
    assert!(figures.chars().all(|one| one == '\n' || !one.is_control()), "{figures:?}");
    // What was written is what is read: nothing differs.
    say(&project, &ACCEPT).exits(0).prints("nothing to record");
    say(&project, &["diff", "run.json", "out.json"]).exits(0).prints("no figure differs");
}

/// Whether this process may do anything to files, and why a test of permissions would prove nothing then.
fn as_nobody(command: &mut Command, project: &Project) -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|known| known.uid() == 0);
    if !root {
        return true;
    }
    let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    open(project.folder(), 0o755);
    command.uid(65534).gid(65534);
    let mut probe = Command::new(env!("CARGO_BIN_EXE_cargo-heapledger"));
    let runs = probe
        .args(["heapledger", "--version"])
        .uid(65534)
        .gid(65534)
        .output()
        .is_ok_and(|output| output.status.success());
    if !runs {
        eprintln!("skipped: root sees no permissions, and nobody else can reach the command");
    }
    runs
}

/// Runs the command as somebody who has no rights but those that the files give.
fn without_rights(project: &Project, arguments: &[&str]) -> Option<Said> {
    let mut command = limited(project, MOST_KIB, PATIENCE.as_secs());
    command.args(arguments);
    as_nobody(&mut command, project).then(|| said(command))
}

#[test]
fn where_nothing_may_be_read_or_written_that_is_said() {
    let project = folder();
    let mode =
        |file: &str, mode| fs::set_permissions(project.path(file), Permissions::from_mode(mode)).expect("it is ours");
    let before = project.files();
    for file in ["heapledger.toml", FIGURES, "run.json"] {
        mode(file, 0o000);
        let Some(said) = without_rights(&project, &["merge", "run.json"]) else { return };
        said.exits(1).complains("Permission denied").complains(file);
        mode(file, 0o644);
    }
    project.write("ci.log", &log_of(KEY, &project.read(FIGURES), &figures_of(&[("search", 13)])));
    mode("tests/figures", 0o555);
    let meant = ["accept", "--from", "ci.log", "--breaches", "--reason", "meant"];
    let said = without_rights(&project, &meant).expect("it ran above");
    said.exits(1).complains("toml cannot be written: ").complains("Permission denied");
    let said =
        without_rights(&project, &["merge", "run.json", "--json", "tests/figures/x.json"]).expect("it ran above");
    // What was judged is still shown.
    said.exits(1).complains("tests/figures/x.json cannot be written: ").prints("1 within");
    mode("tests/figures", 0o755);
    project.remove("ci.log");
    assert!(before == project.files());
}

#[test]
fn a_target_folder_that_cannot_be_written_costs_no_verdict() {
    let project = package(&run());
    fs::set_permissions(project.path("target/heapledger"), Permissions::from_mode(0o555)).expect("it is ours");
    let Some(said) = without_rights(&project, &["merge", "run.json"]) else { return };
    said.exits(0).complains("warning: `review` and `accept` will not know this run").prints("1 within");
}

#[test]
fn on_a_full_disk_the_old_file_stays_whole() {
    let project = folder();
    let many: Vec<(String, i64)> = (0..2000).map(|at| (format!("operation{at}"), at)).collect();
    let many: Vec<(&str, i64)> = many.iter().map(|(path, at)| (&**path, *at)).collect();
    project.write("many.json", &run_of(&many).to_string());
    project.write("old.json", "old");
    let inner = heapledger(project.folder());
    let before = project.files();
    for outputs in [["--json", "old.json"], ["--junit", "old.json"], ["--markdown", "old.json"]] {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]).arg(inner.get_program());
        command.args(["heapledger", "merge", "many.json"]).args(outputs).current_dir(project.folder());
        said(command).exits(1).complains("old.json cannot be written: ").complains("File too large");
        assert!(before == project.files(), "{:?}", project.files().keys());
    }
    // A disk of 64 KiB, in a namespace of its own: gone when the shell is.
    let script = "mkdir disk && mount -t tmpfs -o size=64k tmpfs disk || exit 90
        echo old >disk/old.json
        \"$0\" heapledger merge many.json --json disk/old.json; code=$?
        [ \"$(cat disk/old.json)\" = old ] && [ \"$(ls -A disk)\" = old.json ] || exit 91
        exit $code";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).arg(inner.get_program()).current_dir(project.folder());
    let output = command.output().expect("unshare is there");
    match output.status.code() {
        Some(1) if String::from_utf8_lossy(&output.stderr).contains("No space left") => {}
        Some(1 | 90) | Some(126 | 127) => {
            eprintln!("skipped: nothing may be mounted here: {}", String::from_utf8_lossy(&output.stderr))
        }
        _ => panic!("{output:?}"),
    }
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    let project = folder();
    // Links: nothing of this system is at stake if this goes wrong.
    symlink("/dev/full", project.path("full")).expect("it can be made");
    symlink("/dev/null", project.path("null")).expect("it can be made");
    refused(&project, &["merge", "run.json", "--json", "full"], "full cannot be written: No space left on device");
    let before = project.files();
    say(&project, &["merge", "run.json", "--json", "null"]).exits(0);
    assert!(before == project.files());
}

#[test]
fn nobody_needs_to_read_what_is_printed() {
    let project = package(&run_of(&[("search", 13)]));
    project.write("run.json", &run_of(&[("search", 13)]).to_string());
    let gone = || {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        writer
    };
    let github = [("GITHUB_ACTIONS", "true")];
    let cases: [(&[&str], i32); 8] = [
        (&["merge", "run.json", "--junit", "out.xml"], 2),
        (&["diff", "run.json", "run.json"], 0),
        (&["review"], 0),
        (&ACCEPT, 0),
        (&ACCEPT, 0),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["merge", "absent.json"], 1),
    ];
    for (arguments, code) in cases {
        let mut command = heapledger(project.folder());
        let status = command.args(arguments).envs(github).stdout(gone()).stderr(gone()).status();
        assert_eq!(status.expect("it can be run").code(), Some(code), "{arguments:?}");
    }
    assert!(project.read("out.xml").contains("failures=\"1\""), "the verdict is written, whoever reads the table");
    assert!(project.read(FIGURES).contains("\"search\".allocs = 13"));

    let closed = |to: &str, code: i32| {
        let inner = heapledger(project.folder());
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$0\" heapledger merge run.json {to}")]).arg(inner.get_program());
        said({
            command.current_dir(project.folder());
            command
        })
        .exits(code);
    };
    closed(">&-", 0);
    closed(">&- 2>&-", 0);
    closed("2>/dev/full", 0);
    closed(">/dev/full", 1);
}

#[test]
fn the_farthest_numbers_are_only_numbers() {
    let project = package(&run());
    let figures = ["allocs", "allocated_bytes", "live_bytes", "live_bytes_per_iteration", "net_bytes", "peak_bytes"];
    let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let mut lines = figures_of(&[]);
    let mut run = run();
    for (at, recorded) in extremes.iter().enumerate() {
        for (beside, value) in extremes.iter().enumerate() {
            let path = format!("from{at}to{beside}");
            lines += &figures.map(|figure| format!("{path}.{figure} = {recorded}\n")).concat();
            run["parts"][0]["measured"][&path] = measured(&figures.map(|figure| (figure, *value)));
        }
    }
    project.write(FIGURES, &lines);
    project.write("run.json", &run.to_string());
    let tolerances = ["\"ratchet\"", "\"100%\"", "9223372036854775807", "{ ratchet = true, max = \"8191 PiB\" }"];
    for limit in tolerances {
        let limits = figures.map(|figure| {
            format!("{figure} = {}\n", limit.replace("PiB", if figure == "allocs" { "T" } else { "PiB" }))
        });
        let limits = limits.concat().replace("8191 PiB", "8388607 TiB");
        project.write("heapledger.toml", &format!("schema = 1\n[operation.'**']\n{limits}"));
        let outputs = ["merge", "run.json", "--all", "--junit", "o.xml", "--markdown", "o.md", "--json", "o.json"];
        let said = say(&project, &outputs);
        assert!(matches!(said.code, 0 | 2), "{limit}: {said}");
    }
    project.write("empty.json", &self::run().to_string());
    say(&project, &["diff", "run.json", "o.json"]).exits(0);
    say(&project, &["diff", "run.json", "empty.json"]).exits(0);
    let mut turned = run.clone();
    for (at, _) in extremes.iter().enumerate() {
        turned["parts"][0]["measured"][format!("from0to{at}")] = measured(&figures.map(|figure| (figure, i64::MIN)));
        turned["parts"][0]["measured"][format!("from6to{at}")] = measured(&figures.map(|figure| (figure, i64::MAX)));
    }
    project.write("turned.json", &turned.to_string());
    say(&project, &["diff", "run.json", "turned.json"]).exits(0);
}

#[test]
fn figures_as_far_apart_as_can_be_are_recorded() {
    let figures = ["allocs", "net_bytes", "live_bytes"];
    let project = folder();
    let mut run = run();
    run["parts"][0]["measured"]["down"] = measured(&figures.map(|figure| (figure, i64::MIN)));
    run["parts"][0]["measured"]["up"] = measured(&figures.map(|figure| (figure, i64::MAX)));
    let project = {
        drop(project);
        package(&run)
    };
    let mut lines = figures_of(&[]);
    lines += &figures.map(|figure| format!("down.{figure} = {}\nup.{figure} = {}\n", i64::MAX, i64::MIN)).concat();
    project.write(FIGURES, &lines);
    project.write(
        "heapledger.toml",
        "schema = 1\n[operation.'**']\nallocs = \"1%\"\nnet_bytes = \"1%\"\nlive_bytes = \"1%\"\n",
    );
    say(&project, &ACCEPT).exits(0);
    let text = project.read(FIGURES);
    assert!(text.contains(&format!("\"down\".net_bytes = {}", i64::MIN)), "{text}");
}

#[test]
fn counters_that_overflow_are_an_error() {
    let project = folder();
    let mut one = run();
    one["parts"][0]["report"]["rows"] = json!([row("search", json!({ "allocs": u64::MAX }))]);
    project.write("one.json", &one.to_string());
    project.write("other.json", &one.to_string());
    refused(&project, &["merge", "one.json", "other.json"], "the merged counters overflow");
    one["parts"][0]["report"]["rows"] =
        json!([row("a", json!({ "live_bytes": i64::MAX })), row("b", json!({ "live_bytes": 1 }))]);
    project.write("one.json", &one.to_string());
    refused(&project, &["merge", "one.json"], "one.json cannot be read: the report's counters overflow");
    for (number, complaint) in [
        ("NaN", "expected value"),
        ("Infinity", "expected value"),
        ("1e400", "number out of range"),
        ("null", "invalid type: null"),
    ] {
        let leak =
            "[{\"path\":\"a\",\"verdict\":\"leak\",\"sentence\":\"s\",\"bytes_per_iteration\":NUMBER,\"site\":null}]";
        let text = run()
            .to_string()
            .replace("\"leak_tests\":[]", &format!("\"leak_tests\":{}", leak.replace("NUMBER", number)));
        project.write("one.json", &text);
        refused(&project, &["merge", "one.json"], complaint);
    }
    for (field, number) in
        [("allocs", "-1"), ("allocs", "1.5"), ("allocs", "18446744073709551616"), ("live_bytes", "9223372036854775808")]
    {
        let mut run = run();
        run["parts"][0]["report"]["rows"] = json!([row("a", json!({ field: "NUMBER" }))]);
        project.write("one.json", &run.to_string().replace("\"NUMBER\"", number));
        refused(&project, &["merge", "one.json"], "one.json cannot be read: not a heapledger run: ");
    }
    for each in [1e300, -1e300, 1e-300, 0.0] {
        let mut run = run();
        let leak =
            json!({ "path": "a", "verdict": "leak", "sentence": "s", "bytes_per_iteration": each, "site": null });
        run["parts"][0]["leak_tests"] = json!([leak]);
        project.write("one.json", &run.to_string());
        say(&project, &["merge", "one.json", "--junit", "o.xml", "--markdown", "o.md"]).exits(3);
    }
}

#[test]
fn more_processes_than_can_be_counted_are_no_panic() {
    let project = folder();
    let mut run = run_of(&[("search", 12)]);
    run["parts"][0]["report"]["processes"] = json!(u64::MAX);
    project.write("one.json", &run.to_string());
    run["parts"][0]["environment"]["profile"] = json!("release");
    project.write("other.json", &run.to_string());
    let said = say(&project, &["merge", "one.json", "other.json"]);
    assert!(matches!(said.code, 0 | 1 | 4), "{said}");
}

#[test]
fn a_count_that_no_limit_can_reach_is_a_breach_and_not_unseen() {
    let project = folder();
    project.write("heapledger.toml", "schema = 1\n[operation.'**']\nallocs = 1\nallocated_bytes = 1\npeak_bytes = 1\n");
    let mut run = run();
    let counters =
        json!({ "allocs": u64::MAX, "allocated_bytes": u64::MAX, "freed_bytes": u64::MAX, "peak_bytes": u64::MAX });
    run["parts"][0]["report"]["rows"] = json!([row("search", counters)]);
    project.write("run.json", &run.to_string());
    say(&project, &["merge", "run.json"]).exits(2).prints("3 figures of 1 operation: 3 breach");
}

#[test]
fn a_path_that_no_operation_can_have_is_refused() {
    let project = folder();
    let deep = "a/".repeat(16_000) + "a";
    let long = "x".repeat(257);
    for path in ["", "/x", "x/", "a//b", "/", &deep, &long, &"a/".repeat(200)] {
        let mut run = run();
        run["parts"][0]["report"]["rows"] = json!([row(path, json!({}))]);
        project.write("run.json", &run.to_string());
        refused(&project, &["merge", "run.json"], "run.json cannot be read: ");
        let mut run = run_of(&[(path, 1)]);
        run["parts"][0]["leak_tests"] = json!([]);
        project.write("run.json", &run.to_string());
        refused(&project, &["merge", "run.json"], "run.json cannot be read: ");
    }
}

#[test]
fn of_eight_writers_at_once_one_is_the_last_and_every_file_is_whole() {
    let project = package(&run());
    let texts: Vec<String> = (0..8).map(|at| format!("{}", 100 + at)).collect();
    let mut children: Vec<Child> = Vec::new();
    for (at, _) in texts.iter().enumerate() {
        let paths: Vec<String> = (0..200).map(|path| format!("operation{path}")).collect();
        let allocs: Vec<(&str, i64)> = paths.iter().map(|path| (&**path, 100 + at as i64)).collect();
        project.write(&format!("target/{at}/heapledger/last-run.json"), &run_of(&allocs).to_string());
    }
    for at in 0..8 {
        let mut command = heapledger(project.folder());
        command.args(ACCEPT).env("CARGO_TARGET_DIR", project.path(&format!("target/{at}")));
        children.push(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run"));
    }
    for child in children {
        let output = child.wait_with_output().expect("it is ours");
        assert!(output.status.success(), "{output:?}");
    }
    let text = project.read(FIGURES);
    let lines = text.lines().filter(|line| line.starts_with("\"operation"));
    let lines: Vec<&str> = lines.map(|line| line.trim_end_matches(" # meant")).collect();
    let last = lines[0].rsplit(' ').next().expect("a line ends with its figure");
    assert!(texts.iter().any(|known| known == last), "{last}");
    assert!(lines.len() == 200 && lines.iter().all(|line| line.ends_with(&format!(".allocs = {last}"))), "{text}");
    no_file_is_left_behind(&project);
}

#[test]
fn a_writer_that_is_killed_leaves_the_old_file_or_the_new_one() {
    let project = package(&run());
    let paths: Vec<String> = (0..6000).map(|path| format!("operation{path:04}")).collect();
    let all = |value: i64| paths.iter().map(|path| (&**path, value)).collect::<Vec<_>>();
    let mut killed = 0;
    // Always less, which is recorded without a reason.
    let value = |round: i64| 1005 - round;
    for round in 0..6 {
        project.write("target/heapledger/last-run.json", &run_of(&all(value(round))).to_string());
        let before = project.read(FIGURES);
        let mut child = heapledger(project.folder())
            .arg("accept")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be run");
        let left = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".heapledger-");
        let writes = |known: usize| {
            let entries = fs::read_dir(project.path("tests/figures")).expect("it can be read");
            entries.filter_map(Result::ok).filter(left).count() > known
        };
        let known = fs::read_dir(project.path("tests/figures"))
            .expect("it can be read")
            .filter_map(Result::ok)
            .filter(left)
            .count();
        while !writes(known) && child.try_wait().expect("it is ours").is_none() {
            std::thread::yield_now();
        }
        let _ = child.kill();
        killed += usize::from(child.wait().expect("it is ours").code().is_none());
        let after = project.read(FIGURES);
        let new = after.lines().filter(|line| line.ends_with(&format!(" = {}", value(round)))).count();
        assert!(after == before || new == 6000, "round {round}: {new} figures are new");
    }
    eprintln!("{killed} of 6 were killed while they wrote");
    say(&project, &ACCEPT).exits(0);
    assert_eq!(project.read(FIGURES).lines().filter(|line| line.ends_with(" = 1000")).count(), 6000);
    // What a killed one left is no file of figures, and read by nobody.
    say(&project, &["merge", "target/heapledger/last-run.json"]).exits(0);
}

#[test]
fn as_many_operations_as_there_can_be_are_judged_in_seconds() {
    let project = folder();
    let figures = ["allocs", "allocated_bytes", "live_bytes", "live_bytes_per_iteration", "net_bytes", "peak_bytes"];
    let limits = figures.map(|figure| format!("{figure} = \"ratchet\"\n")).concat();
    project.write("heapledger.toml", &format!("schema = 1\n[operation.'**']\n{limits}"));
    let values: Vec<String> = figures
        .iter()
        .map(|figure| format!("\"{figure}\":{{\"value\":1234,\"highest\":1234,\"unstable\":false}}"))
        .collect();
    let values = values.join(",");
    let part = |count: usize| -> String {
        let all: Vec<String> = (0..count)
            .map(|at| format!("\"operation{at:05}\":{{\"values\":{{{values}}},\"site\":null,\"inside\":null}}"))
            .collect();
        run().to_string().replace("\"measured\":{}", &format!("\"measured\":{{{}}}", all.join(",")))
    };
    for (count, outputs) in [(65_536, &["--markdown", "out.md"][..]), (4_096, &["--junit", "out.xml"])] {
        project.write("run.json", &part(count));
        let began = Instant::now();
        // In a debug build it is a tenth as fast as users have it, and holds every figure as JSON, as a value and
        // judged.
        let mut command = limited(&project, 4 * MOST_KIB, 40);
        command.args(["merge", "run.json"]).args(outputs);
        let said = said_within(Duration::from_secs(240), command);
        eprintln!("{count} operations with 6 figures each, and {}: {:?}", outputs[0], began.elapsed());
        said.exits(4).prints(&format!("{} new", count * 6));
    }
    assert!(project.read("out.md").len() <= 1 << 20);
}

#[test]
fn many_breaches_take_no_longer_than_many_that_are_well() {
    let project = folder();
    let paths: Vec<String> = (0..16_384).map(|path| format!("operation{path:05}")).collect();
    project.write("run.json", &run_of(&paths.iter().map(|path| (&**path, 2)).collect::<Vec<_>>()).to_string());
    project.write("heapledger.toml", "schema = 1\n[operation.'**']\nallocs = 1\n");
    say(&project, &["merge", "run.json"]).exits(2).prints("16384 breach");
}

#[test]
fn a_process_that_cannot_report_is_noticed() {
    let project = Project::new("hostile_reports");
    project.write("heapledger.toml", "schema = 1\nunlisted = \"allow\"\n[operation.search]\nallocs = 1\n");
    let test = "\n#[test]\nfn it_searches() {\n    heapledger::assert_budget(\"search\", || drop(std::hint::black_box(Box::new(1))));\n}\n";
    project.write("tests/budgets.rs", &format!("{ALLOCATOR}{test}"));
    let runner = |script: &str| {
        let script = project.path(script);
        project.write(".cargo/config.toml", &format!("[target.'cfg(all())']\nrunner = [\"sh\", {script:?}]\n"));
    };
    project.write("well.sh", "exec \"$@\"\n");
    project.write("full.sh", "trap '' XFSZ\nulimit -f 0\nexec \"$@\"\n");
    project.write("killed.sh", "\"$@\" && kill -9 $$\n");
    project.write("removed.sh", "rm -rf \"$HEAPLEDGER_REPORTS\"\nexec \"$@\"\n");
    project.write("late.sh", "\"$@\"\ncode=$?\nrm -rf \"$HEAPLEDGER_REPORTS\"\nexit $code\n");
    let run = |arguments: &[&str]| {
        let mut command = heapledger(project.folder());
        command.args(arguments);
        // Nothing of this is about memory, and cargo compiles.
        Said::by(command)
    };
    let test = ["test", "--", "--test", "budgets"];
    runner("well.sh");
    run(&test).exits(0).prints("1 figure of 1 operation: 1 within");
    runner("full.sh");
    run(&test).exits(6).prints("it ended without a report").prints("is asked for, and cannot be written");
    for script in ["removed.sh", "late.sh"] {
        runner(script);
        let said = run(&test);
        assert!(matches!(said.code, 1 | 6), "{script}: {said}");
        said.never_prints("src/command");
    }
    runner("killed.sh");
    let said = run(&test);
    assert_ne!(said.code, 0, "{said}");
    let left = fs::read_dir(project.path("target/heapledger")).expect("it is there");
    let left: Vec<_> =
        left.filter_map(Result::ok).map(|entry| entry.file_name()).filter(|name| name != "last-run.json").collect();
    assert!(left.is_empty(), "{left:?}");
}

const ROLE: &str = "HOSTILE_ROLE";

#[test]
fn an_assertion_whose_policy_is_broken_panics_with_its_place() {
    let name = "an_assertion_whose_policy_is_broken_panics_with_its_place";
    if std::env::var_os(ROLE).is_some() {
        for _ in 0..2 {
            let asserted = std::panic::catch_unwind(|| heapledger::assert_budget("search", || Box::new(1)));
            let panic = asserted.expect_err("a broken policy does not pass");
            let message = panic.downcast_ref::<String>().expect("it panics with a message");
            assert!(message.contains("heapledger.toml:2:1: "), "{message}");
        }
        return;
    }
    let project = folder();
    project.write("heapledger.toml", "schema = 1\n<<<<<<< ours\n");
    let mut command = Command::new(std::env::current_exe().expect("a running test has an executable"));
    command
        .args(["--exact", name, "--nocapture"])
        .env(ROLE, "x")
        .env("HEAPLEDGER_POLICY", project.path("heapledger.toml"));
    Said::by(command).exits(0).prints("1 passed");
}
