//! Small cargo projects in temporary folders, for tests that run the built command `cargo heapledger` as users do. It
//! says what came of a command; what should come of it is for the tests to say.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The first lines of a test binary that can see.
pub const ALLOCATOR: &str = "\
#[global_allocator]
static ALLOC: heapledger::Allocator = heapledger::Allocator::system();
";

/// What a command said, and what it exited with.
#[derive(Debug)]
pub struct Said {
    /// The exit code; -1 where a signal ended the command.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Runs `command` to its end.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn by(mut command: Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("the command is there, and can be run");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }

    /// # Panics
    /// When the exit code is another one.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "this is what it exited with, not that:\n{self}");
        self
    }

    /// # Panics
    /// When `part` does not stand in what was printed to standard output.
    #[track_caller]
    pub fn prints(&self, part: &str) -> &Self {
        assert!(self.out.contains(part), "standard output has no {part:?}:\n{self}");
        self
    }

    /// # Panics
    /// When `part` does stand in what was printed.
    #[track_caller]
    pub fn never_prints(&self, part: &str) -> &Self {
        // Where cargo says that it compiles heapledger it names the checkout, which may be called anything.
        let is_in = |text: &str| text.replace(env!("CARGO_MANIFEST_DIR"), "").contains(part);
        assert!(!is_in(&self.out) && !is_in(&self.err), "{part:?} was printed:\n{self}");
        self
    }

    /// # Panics
    /// When `part` does not stand in what was printed to standard error.
    #[track_caller]
    pub fn complains(&self, part: &str) -> &Self {
        assert!(self.err.contains(part), "standard error has no {part:?}:\n{self}");
        self
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, out, err } = self;
        write!(f, "exit code {code}\n--- standard output\n{out}\n--- standard error\n{err}")
    }
}

/// `cargo heapledger` in `folder`, without what the surroundings may ask of it: no CI, no colours, nothing of the cargo
/// that runs this test. What it compiles is shared by all projects; what it keeps from run to run (below the target
/// folder) is not.
pub fn heapledger(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-heapledger"));
    command.arg("heapledger");
    surroundings(&mut command, folder);
    command
}

/// `cargo` there, in the same surroundings.
pub fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    surroundings(&mut command, folder);
    command
}

fn surroundings(command: &mut Command, folder: &Path) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let of_cargo = name.starts_with("CARGO") && name != "CARGO_HOME";
        let of_ci = name == "CI" || name.starts_with("GITHUB_");
        let of_output = matches!(&*name, "NO_COLOR" | "CLICOLOR" | "CLICOLOR_FORCE" | "COLUMNS" | "TERM");
        let of_tests = name.starts_with("HEAPLEDGER") || name.starts_with("NEXTEST") || name.starts_with("RUST_");
        if of_cargo || of_ci || of_output || of_tests || name == "RUSTFLAGS" || name == "LD_LIBRARY_PATH" {
            command.env_remove(&*name);
        }
    }
    command
        .current_dir(folder)
        .env("CARGO", env!("CARGO"))
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("CARGO_BUILD_BUILD_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects"))
        .stdin(std::process::Stdio::null());
}

/// A package with `src/lib.rs` and `tests/budgets.rs`, in a folder that goes when this does.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// A package that has heapledger. No two projects may have the same name: what is compiled of them goes to one
    /// folder.
    pub fn new(name: &str) -> Self {
        Self::with_dependency(name, "")
    }

    /// A package that has heapledger with more said of the dependency, such as `, default-features = false`.
    pub fn with_dependency(name: &str, more: &str) -> Self {
        let project = Self::bare();
        project.package("", name, more);
        project.lock();
        project
    }

    /// Writes a package into the folder `at`, which is empty or ends with `/`.
    pub fn package(&self, at: &str, name: &str, more: &str) {
        let heapledger = env!("CARGO_MANIFEST_DIR");
        self.write(
            &format!("{at}Cargo.toml"),
            &format!(
                "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                 [lib]\ntest = false\ndoctest = false\n\n\
                 [dependencies]\nheapledger = {{ path = {heapledger:?}{more} }}\n"
            ),
        );
        self.write(&format!("{at}src/lib.rs"), "");
        self.write(&format!("{at}tests/budgets.rs"), ALLOCATOR);
    }

    /// Has cargo take the versions of the repository: they are on this machine, or it could not run this test.
    pub fn lock(&self) {
        let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"));
        self.write("Cargo.lock", &lock.expect("the repository has a lock file"));
    }

    /// A folder with nothing in it.
    pub fn bare() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    /// The project's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where `file` is, which is named from the project's folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder().join(file)
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }

    /// Writes more at the end of a file.
    pub fn append(&self, file: &str, text: &str) {
        self.write(file, &(self.read(file) + text));
    }

    /// Writes `new` in the place of `old`, which stands there once.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn replace(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert_eq!(text.matches(old).count(), 1, "{old:?} stands once in {file}:\n{text}");
        self.write(file, &text.replace(old, new));
    }

    /// What is in a file.
    #[track_caller]
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file} can be read: {error}"))
    }

    /// Removes a file.
    pub fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).expect("a file can be removed");
    }

    /// Everything in the project's folder by its name from there, but what is below `target` and cargo's own lock file.
    /// A link is what it points to, in words; a folder ends with `/`.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        fn walk(top: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
            for entry in fs::read_dir(folder).expect("a folder can be read") {
                let path = entry.expect("an entry can be read").path();
                let name = path.strip_prefix(top).expect("it is below").to_string_lossy().into_owned();
                let kind = fs::symlink_metadata(&path).expect("an entry is there").file_type();
                if name == "target" || name == "Cargo.lock" {
                    continue;
                }
                if kind.is_symlink() {
                    let to = fs::read_link(&path).expect("a link can be read");
                    found.insert(name, format!("-> {}", to.display()).into_bytes());
                } else if kind.is_dir() {
                    found.insert(name + "/", Vec::new());
                    walk(top, &path, found);
                } else if kind.is_file() {
                    found.insert(name, fs::read(&path).unwrap_or_else(|error| error.to_string().into_bytes()));
                } else {
                    found.insert(name, b"no file".to_vec());
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(self.folder(), self.folder(), &mut found);
        found
    }

    /// The file of recorded figures, named from the project's folder.
    ///
    /// # Panics
    /// When there is none, or another one too.
    #[track_caller]
    pub fn figures(&self) -> String {
        let files: Vec<String> = self.files().into_keys().filter(|name| name.starts_with("tests/figures/")).collect();
        let [folder, file] = files.as_slice() else { panic!("there is one file of figures, not these: {files:?}") };
        assert_eq!(folder, "tests/figures/");
        file.clone()
    }

    /// Runs `cargo heapledger` with `arguments`.
    pub fn heapledger(&self, arguments: &[&str]) -> Said {
        self.heapledger_in(&[], arguments)
    }

    /// Runs `cargo heapledger` with `arguments` where these variables are set.
    pub fn heapledger_in(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
        let mut command = heapledger(self.folder());
        command.args(arguments).envs(variables.iter().copied());
        Said::by(command)
    }
}
