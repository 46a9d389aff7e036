//! Whole files on a real file system: what others see of them, and what stays of a link, a pipe or an error.

use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("it can be read").file_name();
    let mut names: Vec<String> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_and_no_other_is_left() {
    let folder = folder();
    let file = folder.path().join("figures.toml");
    for (write, text) in [
        (write_whole as fn(&Path, &[u8]) -> io::Result<()>, "old, and longer than the new one"),
        (write_whole, "new"),
        (write_whole_for_now, "newer"),
    ] {
        write(&file, text.as_bytes()).expect("it can be written");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), text);
    }
    assert_eq!(names(folder.path()), ["figures.toml"]);
    let mode = fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode & !0o644, 0, "{mode:o}: others may write or run it");
    assert_eq!(mode & 0o600, 0o600, "{mode:o}: its owner may read and write it");
}

#[test]
fn the_old_file_may_be_open_and_stays_what_it_is() {
    let folder = folder();
    let file = folder.path().join("figures.toml");
    write_whole(&file, b"old").expect("it can be written");
    let open = File::open(&file).expect("it is there");
    write_whole(&file, b"new").expect("it can be written");
    assert_eq!(io::read_to_string(open).expect("it can be read"), "old");
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let folder = folder();
    let occupied = folder.path().join("a folder");
    fs::create_dir(&occupied).expect("it can be made");
    assert!(write_whole(&occupied, b"text").is_err());
    let too_long = folder.path().join("x".repeat(300));
    assert!(write_whole(&too_long, b"text").is_err());
    assert_eq!(names(folder.path()), ["a folder"]);
    let missing = write_whole(&folder.path().join("missing/file"), b"text").expect_err("there is no such folder");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.to_string().contains(" at path "), "{missing}");
    assert_eq!(names(folder.path()), ["a folder"]);
}

#[test]
fn a_link_stays_and_leads_to_the_new_text() {
    let folder = folder();
    let (file, link) = (folder.path().join("figures.toml"), folder.path().join("link"));
    write_whole(&file, b"old").expect("it can be written");
    symlink("figures.toml", &link).expect("it can be made");
    write_whole(&link, b"new").expect("it can be written");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "new");
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(names(folder.path()), ["figures.toml", "link"]);
}

// This takes a pipe of its own. If it went wrong with a link to a device, the system would lose the device.
#[test]
fn a_pipe_is_written_to_and_stays_a_pipe() {
    let folder = folder();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there");
    assert!(made.success());
    // Opening a pipe for both reading and writing waits for no other process.
    let mut open = OpenOptions::new().read(true).write(true).open(&pipe).expect("it is there");
    write_whole(&pipe, b"text").expect("somebody reads");
    assert!(fs::metadata(&pipe).expect("it is there").file_type().is_fifo());
    let mut got = [0; 4];
    open.read_exact(&mut got).expect("it was written");
    assert_eq!((&got, names(folder.path())), (b"text", vec!["pipe".to_string()]));
}

#[test]
fn what_a_killed_process_left_is_neither_used_nor_in_the_way() {
    let folder = folder();
    let left = folder.path().join(format!("{UNFINISHED}{}-0", std::process::id()));
    fs::write(&left, "left").expect("it can be written");
    write_whole(&folder.path().join("figures.toml"), b"new").expect("it can be written");
    assert_eq!(fs::read_to_string(&left).expect("it is there"), "left");
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn many_writers_at_once_write_one_text_each_and_the_last_one_stays_whole() {
    let folder = folder();
    let file = folder.path().join("figures.toml");
    let texts: Vec<String> = (0..8).map(|writer| writer.to_string().repeat(20_000)).collect();
    std::thread::scope(|scope| {
        for text in &texts {
            scope.spawn(|| write_whole(&file, text.as_bytes()).expect("it can be written"));
        }
    });
    assert!(texts.contains(&fs::read_to_string(&file).expect("it is there")));
    assert_eq!(names(folder.path()), ["figures.toml"]);
}
