//! A program that runs to its end, whatever signals come meanwhile: they are the program's to heed, and this command
//! has to tell of it afterwards. Signals that come later change nothing either: the report is all but there.

use std::io;
use std::process::{Command, ExitStatus};

#[cfg(unix)]
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
#[cfg(unix)]
use signal_hook::iterator::SignalsInfo;
#[cfg(unix)]
use signal_hook::iterator::exfiltrator::WithRawSiginfo;

#[cfg(unix)]
use crate::record::{ignores, send_signal};

/// Signals that ask a program to end.
#[cfg(unix)]
const ENDING: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// What Linux says of a signal that no process sent (`SI_KERNEL`).
#[cfg(target_os = "linux")]
const FROM_KERNEL: i32 = 0x80;

/// Runs a program to its end. What is sent to this process alone is passed on to it.
#[cfg(unix)]
pub(super) fn run_to_end(command: &mut Command) -> io::Result<ExitStatus> {
    // What is ignored here, as below `nohup`, is to be ignored by the program: it would not be if it was handled here.
    let ending = ENDING.into_iter().filter(|signal| !ignores(*signal));
    let mut signals = SignalsInfo::<WithRawSiginfo>::new(ending.chain([SIGCHLD]))?;
    let mut child = command.spawn()?;
    loop {
        for signal in signals.wait().filter(|signal| signal.si_signo != SIGCHLD && !is_typed(signal)) {
            // Where that is not possible there is nobody to tell.
            send_signal(&child, signal.si_signo);
        }
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
    }
}

/// Whether a signal comes from the terminal, which sends it to the program as well.
#[cfg(unix)]
fn is_typed(signal: &libc::siginfo_t) -> bool {
    #[cfg(target_os = "linux")]
    return signal.si_code == FROM_KERNEL;
    // Elsewhere nothing tells.
    #[cfg(not(target_os = "linux"))]
    return signal.si_signo == SIGINT;
}

/// Runs a program to its end.
#[cfg(not(unix))]
pub(super) fn run_to_end(command: &mut Command) -> io::Result<ExitStatus> {
    command.status()
}
