//! How the open files that the system allows are shared out: to connections, to answers that are read from files, to
//! uploads, and to all the rest. Each has its own, so that none can take another's. It refuses to know what they hold.

use holdfast_face::{MAX_SENT_BLOBS, MAX_WRITTEN_BLOBS};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Most connections open at once, all listeners together.
const MAX_CONNECTIONS: usize = 8192;
/// The fewest connections, and the fewest files for answers and for uploads, however few the system allows.
const FEWEST: (usize, usize) = (16, 8);
/// Threads that wait for the disk. Each may have a file and its folder open for a moment.
pub(crate) const BLOCKING_THREADS: usize = 96;
/// Files that nobody counts: the database, the log, listeners, connections beyond the slots, and what those threads open.
const SPARE_FILES: usize = 64 + 2 * BLOCKING_THREADS;
/// More files than this are never asked for.
const MAX_FILES: u64 = 1 << 20;

/// Who may have how many open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) connections: usize,
    /// By answers.
    pub(crate) sent: usize,
    /// By uploads.
    pub(crate) written: usize,
}

impl Files {
    /// Raises the limit of open files to what the system allows, and shares them out.
    pub(crate) fn take() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.unwrap_or(u64::MAX).min(MAX_FILES);
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        let files = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => wanted,
            Err(_) => limit.current.unwrap_or(wanted),
        };
        Self::of(usize::try_from(files).unwrap_or(usize::MAX))
    }

    /// Half for connections, a quarter each for what these read and write.
    fn of(files: usize) -> Self {
        let rest = files.saturating_sub(SPARE_FILES);
        Self {
            connections: (rest / 2).clamp(FEWEST.0, MAX_CONNECTIONS),
            sent: (rest / 4).clamp(FEWEST.1, MAX_SENT_BLOBS),
            written: (rest / 4).clamp(FEWEST.1, MAX_WRITTEN_BLOBS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_stay_within_what_the_system_allows() {
        for allowed in [300, 600, 700, 1024, 4096, 65_536, 1 << 20] {
            let Files {
                connections,
                sent,
                written,
            } = Files::of(allowed);
            assert!(connections + sent + written + SPARE_FILES <= allowed, "{allowed}");
        }
    }

    #[test]
    fn however_few_files_there_are_each_has_some() {
        let files = Files::of(0);
        assert!(files.connections > 0 && files.sent > 0 && files.written > 0);
    }
}
