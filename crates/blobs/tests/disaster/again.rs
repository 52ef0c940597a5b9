//! Runs a test of this program again in a child process, possibly in a mount namespace of its own, where it may mount and
//! break what it likes: whatever it leaves mounted is gone with the child.

use std::{ffi::OsStr, path::Path, process::Command};

/// Set in the child, to whatever the parent wants it to know.
const CHILD: &str = "HOLDFAST_TEST_CHILD";

/// What the parent told this process, if it is a child.
pub(crate) fn told() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// This test, again, as a child that is told something.
pub(crate) fn command(test: &str, told: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test has a path"));
    as_child(&mut command, test, told);
    command
}

/// Runs this test again in its own mount namespace; `false` if this machine does not let us.
///
/// # Panics
/// When the child fails.
pub(crate) fn in_own_mounts(test: &str, told: &str, needed: &[&str]) -> bool {
    for program in needed {
        let is_there = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
            .iter()
            .any(|folder| Path::new(folder).join(program).exists());
        if !is_there {
            eprintln!("skipped: this machine has no {program}");
            return false;
        }
    }
    // Root is root; anybody else becomes the root of a user namespace, which is enough for a tmpfs.
    let flags = if rustix::process::geteuid().is_root() {
        "--mount"
    } else {
        "--map-root-user"
    };
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args([flags, "--mount"]);
        command
    };
    let probe = unshare().args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("skipped: this machine does not let {flags} namespaces mount");
        return false;
    }
    let mut command = unshare();
    command.arg(std::env::current_exe().expect("the test has a path"));
    as_child(&mut command, test, told);
    let output = command.output().expect("the child runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test} failed inside its own mounts: {told}");
    true
}

/// Runs a program that has to succeed.
pub(crate) fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A]) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {told}");
}

fn as_child(command: &mut Command, test: &str, told: &str) {
    command.args(["--exact", test, "--nocapture"]).env(CHILD, told);
}
