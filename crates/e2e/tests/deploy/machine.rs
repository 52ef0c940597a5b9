//! A machine with a systemd of its own, in a container that has this machine's programs and nothing else of it: services
//! are installed, started and hardened there as on any Debian. It has a network of its own, with nobody in it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use holdfast_e2e::{Output, Sandbox, Tool, project};

use crate::checkout::{binary, comes_true};

/// Units of systemd that would change the kernel that all share.
const MASKED: [&str; 7] = [
    "systemd-sysctl.service",
    "systemd-modules-load.service",
    "systemd-binfmt.service",
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-random-seed.service",
    "proc-sys-fs-binfmt_misc.automount",
];
/// The tests are root already; a machine for tests may have no sudo.
const SUDO: &str = r#"#!/bin/sh
[ "$1" = -u ] && { user=$2; shift 2; exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"; }
exec "$@"
"#;

/// A running machine with a checkout in `/project`.
pub(crate) struct Machine {
    pub(crate) sandbox: Sandbox,
}

impl Machine {
    pub(crate) fn start() -> Self {
        let sandbox = Sandbox::new();
        let root = sandbox.work().join("root");
        make_root(&root);
        // Programs of which there are several lie behind these links.
        sandbox.run("cp", ["--archive", "/etc/alternatives", &sandbox.path("root/etc")]);
        fs::create_dir(sandbox.work().join("project")).expect("the sandbox is writable");
        let machine = Self { sandbox };
        let mount = |from: &Path, to: &str| format!("--volume={}:{to}", from.display());
        let deploy = fs::canonicalize(project::root().join("deploy")).expect("the project has it");
        let mounts = [
            "--volume=/usr:/usr:ro".to_owned(),
            "--tmpfs=/usr/local:exec,mode=755".to_owned(),
            mount(&machine.sandbox.work().join("project"), "/project"),
            mount(&deploy, "/project/deploy:ro"),
            mount(&binary(), "/project/target/release/holdfast:ro"),
        ];
        let run = [
            "run",
            "--detach",
            "--name=machine",
            "--systemd=always",
            "--network=none",
            "--privileged",
        ];
        // Podman's own limits are above what an unprivileged machine allows.
        let limits = ["--ulimit=nofile=512:512", "--ulimit=nproc=4096:4096"];
        let system = ["--rootfs", &machine.sandbox.path("root"), "/lib/systemd/systemd"];
        let podman = machine.podman().args(run).args(limits).args(mounts);
        podman.args(system).args(["systemd.unit=multi-user.target"]).run();
        let state = || machine.attempt("systemctl is-system-running").text();
        let has_started = comes_true(|| ["running", "degraded"].contains(&state().as_str()));
        assert!(has_started, "systemd did not start: {}", machine.journal());
        machine.sandbox.write("project/sudo", SUDO);
        machine.type_in("install -D sudo /usr/local/bin/sudo");
        machine
    }

    /// Types a line at a shell of root's, in the checkout.
    pub(crate) fn type_in(&self, line: &str) -> Output {
        let output = self.attempt(line);
        assert!(output.success(), "{line}: {output}\n{}", self.journal());
        output
    }

    /// The same for a line that may fail.
    pub(crate) fn attempt(&self, line: &str) -> Output {
        let exec = [
            "exec",
            "--workdir=/project",
            "machine",
            "bash",
            "-euo",
            "pipefail",
            "-c",
            line,
        ];
        self.podman().args(exec).finish()
    }

    /// What a failure is explained by.
    pub(crate) fn journal(&self) -> String {
        self.attempt("journalctl --no-pager --lines=30").text()
    }

    fn podman(&self) -> Tool<'_> {
        let [root, run] = ["podman/root", "podman/run"].map(|name| self.sandbox.path(name));
        let own = ["--root", &root, "--runroot", &run, "--storage-driver=vfs"];
        let quiet = ["--cgroup-manager=cgroupfs", "--events-backend=none"];
        // It looks for credentials where it pulls nothing, and wants the file that it is told to be there.
        let none = self.sandbox.write("auth.json", "{}");
        let podman = self.sandbox.tool("podman").env("REGISTRY_AUTH_FILE", none);
        podman.args(own).args(quiet)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It is there unless it never started.
        drop(self.podman().args(["rm", "--force", "--time=5", "machine"]).finish());
    }
}

/// Writes a root folder in which the programs come from `/usr`, and everything else is fresh.
fn make_root(root: &Path) {
    for name in [
        "etc/systemd/system",
        "var",
        "run",
        "tmp",
        "proc",
        "sys",
        "dev",
        "usr",
        "root",
        "project",
    ] {
        fs::create_dir_all(root.join(name)).expect("the sandbox is writable");
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        symlink(Path::new("usr").join(name), root.join(name)).expect("the sandbox takes links");
    }
    for name in ["passwd", "group", "ld.so.cache", "os-release"] {
        fs::copy(Path::new("/etc").join(name), root.join("etc").join(name)).expect("every Debian has it");
    }
    for unit in MASKED {
        symlink("/dev/null", root.join("etc/systemd/system").join(unit)).expect("the sandbox takes links");
    }
    fs::write(root.join("etc/machine-id"), "").expect("the sandbox is writable");
    fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n").expect("the sandbox is writable");
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("the sandbox is writable");
}
