//! A program whose file is not there any more, as while cargo builds it anew, knows its lines all the same.

use std::process::Command;

use super::programs::own_folder;
use crate::symbols::modules::ModuleFiles;
use crate::symbols::symbolize;

/// Asks the process below to take its own file away.
const GOES: &str = "HEAPLEDGER_TEST_FILE_GOES";

#[test]
fn a_program_whose_file_is_gone_finds_its_lines() {
    let here = std::env::current_exe().expect("this program runs");
    std::fs::create_dir_all(own_folder()).expect("the folder is cargo's own");
    let there = own_folder().join(format!("goes-{}", std::process::id()));
    std::fs::hard_link(&here, &there).or_else(|_| std::fs::copy(&here, &there).map(drop)).expect("there is room");
    let output = Command::new(&there)
        .args(["--exact", "symbols::tests::replaced::after_its_file_is_gone", "--nocapture"])
        .env(GOES, &there)
        .output()
        .expect("it is this very program");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("its lines are there"), "{text}");
}

/// Does nothing unless the test above asks.
#[test]
fn after_its_file_is_gone() {
    let Some(file) = std::env::var_os(GOES) else { return };
    std::fs::remove_file(&file).expect("the test has just made it");
    let address = after_its_file_is_gone as *const () as usize;
    let (path, place) = ModuleFiles::of_this_process().find(address as u64);
    assert_eq!(path.as_deref(), Some(std::path::Path::new("/proc/self/exe")), "{place:?}");
    let found = symbolize(&[vec![address + 1]], &[file!()]);
    assert_eq!(found[0][0].file.as_deref(), Some(file!()), "{found:?}");
    println!("its lines are there");
}
