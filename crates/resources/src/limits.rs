//! Named limits of the operations on resources. It refuses to hold limits of a wire format: those stand beside their parsers.

use std::time::Duration;

/// Due jobs looked at for one whose row can be read.
pub(crate) const JOBS_LOOKED_AT: usize = 16;
/// How long a job whose row this build cannot read or write is let be: a newer build may come back.
pub(crate) const UNREADABLE_JOB_PAUSE: Duration = Duration::from_secs(300);
/// Resource groups of a subscription (Azure: 980).
pub(crate) const MAX_GROUPS: u64 = 980;
/// Registries in one resource group: whoever may fill it leaves room to the others.
pub(crate) const MAX_REGISTRIES_PER_GROUP: u64 = 200;
/// Registries of a subscription.
pub(crate) const MAX_REGISTRIES: u64 = 1_000;
/// Users' storage accounts in one resource group: each is a folder that is kept open.
pub(crate) const MAX_STORAGE_ACCOUNTS_PER_GROUP: u64 = 100;
/// Those of a subscription (Azure: 250 in each location).
pub(crate) const MAX_STORAGE_ACCOUNTS: u64 = 250;
/// Imports that wait or run for one registry; each may hold a secret and many bytes.
pub(crate) const MAX_OPEN_IMPORTS: usize = 100;
