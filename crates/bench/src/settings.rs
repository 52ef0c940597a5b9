//! What the person at the keyboard may choose. It holds values only; nothing here starts or measures anything.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures Holdfast against its budget, beside distribution v3, nginx and the least that the work itself takes
#[derive(Debug, Parser)]
#[command(name = "holdfast-bench", version)]
pub(crate) struct Settings {
    /// Rows to measure, separated by commas (default: all of them)
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Row>,

    /// Runs of each row; the table shows the median
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,

    /// One short run with small sizes: shows that the benchmark works, not how fast anything is
    #[arg(long)]
    quick: bool,

    /// Seconds of load for each side in each run of a row that counts requests
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,

    /// Size of the large blob in pull and push, in MiB
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=65536))]
    blob_mib: u64,

    /// Tags in the large repository of the row `tags`
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1000..=100_000_000))]
    tags: u64,

    /// Repositories in the large registry of the row `catalog`
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    repositories: u64,

    /// Manifests in the registry of the row `start`
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    manifests: u64,

    /// Size of the large upload in the row `finish`, in GiB
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1024))]
    big_upload_gib: u64,

    /// What is sent of each of the 64 uploads of 1 GiB in the row `memory`, in MiB (1024 sends them whole)
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1024))]
    in_flight_mib: u64,

    /// Also write the results to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Folder for everything the servers store; its file system is the one that is measured
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,

    /// The holdfast program (default: target/release/holdfast of this project)
    #[arg(long, env = "HOLDFAST_BIN", value_name = "FILE")]
    holdfast: Option<PathBuf>,

    /// The registry program of distribution v3 (default: .tools/bin/registry of this project)
    #[arg(long, value_name = "FILE")]
    distribution: Option<PathBuf>,

    /// The nginx program
    #[arg(long, value_name = "FILE", default_value = "/usr/sbin/nginx")]
    pub(crate) nginx: PathBuf,
}

/// A line of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// What the load generator of the next two could measure at most
    Ceiling,
    /// GET of a manifest by tag
    Manifest,
    /// GET of a 4 KiB blob
    Blob,
    /// Pull of a large blob
    Pull,
    /// Push of a large blob
    Push,
    /// Push of small images
    Images,
    /// A page of a long tag list
    Tags,
    /// A page of a long list of repositories
    Catalog,
    /// The closing PUT of an upload
    Finish,
    /// Resident memory, idle and with 64 uploads
    Memory,
    /// Time from start to ready
    Start,
    /// The size of the program
    Binary,
}

impl Row {
    pub(crate) fn needs_distribution(self) -> bool {
        matches!(self, Self::Manifest | Self::Blob | Self::Images)
    }

    pub(crate) fn needs_nginx(self) -> bool {
        matches!(self, Self::Pull)
    }
}

/// How much of everything a run takes, after `--quick` had its say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) runs: u32,
    pub(crate) window: Duration,
    pub(crate) blob_mib: u64,
    pub(crate) tags: u64,
    pub(crate) repositories: u64,
    pub(crate) manifests: u64,
    pub(crate) big_upload_mib: u64,
    pub(crate) in_flight_mib: u64,
}

impl Settings {
    pub(crate) fn sizes(&self) -> Sizes {
        if self.quick {
            return Sizes {
                runs: 1,
                window: Duration::from_millis(300),
                blob_mib: self.blob_mib.min(16),
                tags: self.tags.min(10_000),
                repositories: self.repositories.min(2_000),
                manifests: self.manifests.min(5_000),
                big_upload_mib: 64,
                in_flight_mib: self.in_flight_mib.min(2),
            };
        }
        Sizes {
            runs: self.runs,
            window: Duration::from_secs_f64(self.seconds.clamp(0.1, 600.0)),
            blob_mib: self.blob_mib,
            tags: self.tags,
            repositories: self.repositories,
            manifests: self.manifests,
            big_upload_mib: self.big_upload_gib * 1024,
            in_flight_mib: self.in_flight_mib,
        }
    }

    /// The rows to measure, in the order of the budget.
    pub(crate) fn rows(&self) -> Vec<Row> {
        Row::value_variants()
            .iter()
            .copied()
            .filter(|row| self.only.is_empty() || self.only.contains(row))
            .collect()
    }

    pub(crate) fn work_dir(&self) -> PathBuf {
        self.work_dir.clone().unwrap_or_else(|| project_root().join("target"))
    }

    pub(crate) fn holdfast(&self) -> PathBuf {
        self.holdfast
            .clone()
            .unwrap_or_else(|| project_root().join("target/release/holdfast"))
    }

    pub(crate) fn distribution(&self) -> PathBuf {
        self.distribution
            .clone()
            .unwrap_or_else(|| project_root().join(".tools/bin/registry"))
    }
}

/// The folder this program was built from: it runs from there, or is told where its tools are.
fn project_root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
