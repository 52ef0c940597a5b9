//! What outlives a disaster: a killed process, a power cut, a full disk.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

mod again;
mod full_disk;
mod kill;
mod power_cut;
mod writers;
