//! The folder of one run and the servers started in it. Whatever happens (an error, Ctrl-C, the end), `clear` leaves
//! neither a process nor a byte behind. It does not know what the servers are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server that has not stopped this long after it was asked to is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// The temporary folder of this run and the processes that live in it.
pub(crate) struct Workplace {
    root: PathBuf,
    // Some until `clear`; the folder is removed with it.
    held: Mutex<Option<TempDir>>,
    running: Mutex<Vec<Pid>>,
}

impl Workplace {
    /// Makes the run's folder below `parent`, which is made too when it is missing.
    pub(crate) fn open(parent: &Path) -> anyhow::Result<Self> {
        let folder = std::fs::create_dir_all(parent)
            .and_then(|()| tempfile::Builder::new().prefix("holdfast-bench-").tempdir_in(parent))
            .with_context(|| format!("cannot make a work folder in {}", parent.display()))?;
        spread_folders(folder.path());
        let root = folder.path().canonicalize()?;
        Ok(Self {
            root,
            held: Mutex::new(Some(folder)),
            running: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A new folder, removed when it is dropped or the run ends.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<TempDir> {
        let folder = tempfile::Builder::new().prefix(name).tempdir_in(&self.root);
        folder.with_context(|| format!("cannot make a folder in {}", self.root.display()))
    }

    /// Kills every server and removes the folder.
    pub(crate) fn clear(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for pid in self.pids().drain(..) {
            let _ = kill_process(pid, Signal::TERM);
            std::thread::sleep(Duration::from_millis(100));
            let _ = kill_process(pid, Signal::KILL);
        }
        if let Some(folder) = held.take() {
            let path = folder.path().to_owned();
            if let Err(error) = folder.close() {
                eprintln!("holdfast-bench: cannot remove {}: {error}", path.display());
            }
        }
    }

    fn pids(&self) -> std::sync::MutexGuard<'_, Vec<Pid>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Asks ext4 to keep what different servers store apart on the disk. Otherwise the inodes one of them deletes lie among
/// those the other makes, which an ext4 without a journal must step over one by one for half a minute.
fn spread_folders(root: &Path) {
    let spread = || {
        let root = File::open(root)?;
        let flags = rustix::fs::ioctl_getflags(&root)?;
        rustix::fs::ioctl_setflags(&root, flags | rustix::fs::IFlags::TOPDIR)?;
        std::io::Result::Ok(())
    };
    // Other file systems know no such wish, and can do without.
    let _ = spread();
}

/// A running server; dropping it stops it.
pub(crate) struct Process {
    child: Child,
    name: &'static str,
    log: PathBuf,
    workplace: Arc<Workplace>,
    pid: Pid,
}

impl Process {
    /// Starts `command` with its error output in `log`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start(
        workplace: &Arc<Workplace>,
        name: &'static str,
        command: &mut Command,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stderr(output);
        // Held while the process starts: an interrupt must find it in the list.
        let mut pids = workplace.pids();
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let pid = Pid::from_child(&child);
        pids.push(pid);
        drop(pids);
        Ok(Self {
            child,
            name,
            log,
            workplace: Arc::clone(workplace),
            pid,
        })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Calls `is_ready` until it says yes.
    ///
    /// # Errors
    /// When the server ends or `timeout` passes before; the message carries the end of its log.
    pub(crate) fn wait_until(&mut self, timeout: Duration, mut is_ready: impl FnMut() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            if is_ready() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended while starting ({status})\n{}", self.name, self.log_end());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} is not ready after {} s\n{}",
                    self.name,
                    timeout.as_secs(),
                    self.log_end()
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The last lines the server wrote to its error output.
    pub(crate) fn log_end(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Asks the server to stop and waits until it has.
    pub(crate) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            self.forget();
            return Ok(status);
        }
        let _ = kill_process(self.pid, Signal::TERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill()?;
                break self.child.wait()?;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        self.forget();
        Ok(status)
    }

    fn forget(&self) {
        self.workplace.pids().retain(|pid| *pid != self.pid);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("holdfast-bench: cannot stop {}: {error}", self.name);
        }
    }
}
