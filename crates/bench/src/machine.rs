//! What the machine is, and what its kernel says about a process. Linux only, from /proc.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// The unit of processor time in /proc: USER_HZ, 100 on every machine Linux and this program run on.
const TICKS_PER_SECOND: u64 = 100;

/// The size of the machine the numbers were taken on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    /// Of the folder the servers store to.
    pub(crate) file_system: String,
}

impl Machine {
    pub(crate) fn of(folder: &Path) -> anyhow::Result<Self> {
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let memory = std::fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
        Ok(Self {
            processor: model.map_or("processor unknown", |(_, name)| name).to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: kib_field(&memory, "MemTotal")? as f64 / f64::from(1 << 20),
            file_system: file_system(folder)?,
        })
    }
}

/// The name of the file system a folder is on: the mount with the longest path above it.
fn file_system(folder: &Path) -> anyhow::Result<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (mount, kind) = (words.next()?, words.next()?);
        folder.starts_with(mount).then_some((mount.len(), kind))
    });
    // The last of equals is the one mounted on top.
    let (_, kind) = above
        .max_by_key(|(len, _)| *len)
        .context("no file system holds the work folder")?;
    Ok(kind.to_owned())
}

/// A line such as `VmRSS:   1234 kB`.
fn kib_field(text: &str, name: &str) -> anyhow::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok())
        .with_context(|| format!("the kernel does not say {name}"))
}

/// A field of /proc/PID/status in MiB: `VmRSS` is resident now, `VmHWM` the most there ever was.
pub(crate) fn memory_mib(pid: u32, field: &str) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(kib_field(&text, field)? as f64 / 1024.0)
}

/// Processor time a process and its children, such as the workers of nginx, used so far.
pub(crate) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    let mut sum = own_processor_time(pid)?;
    for child in children {
        sum += own_processor_time(child)?;
    }
    Ok(sum)
}

fn own_processor_time(pid: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in brackets, and may hold spaces.
    let (_, fields) = text.rsplit_once(')').context("/proc/PID/stat has no name")?;
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse().unwrap_or(0u64))
        .sum::<u64>();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Processor time the calling thread used so far.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // The clock of a thread starts at zero and only grows.
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// The first line a program prints when it is asked for its version.
pub(crate) fn version_of(program: &Path, flag: &str) -> anyhow::Result<String> {
    let output = Command::new(program).arg(flag).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    // nginx prints it as an error.
    let text = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_this_process_uses() {
        assert!(memory_mib(std::process::id(), "VmRSS").unwrap() > 0.1);
        processor_time(std::process::id()).unwrap();
        assert!(Machine::of(Path::new("/")).unwrap().cores > 0);
    }
}
