//! The rules of what a registry contains: a module for each noun, with its operations: those of [`Repositories`] take a
//! `Grant`, those of the [`Operator`] need none. They refuse to know HTTP, SQL, files and object stores; `holdfast_model`
//! says what they need of them. They refuse to know subscriptions, resource groups and people, too.

mod blob;
mod cache;
mod check;
mod current;
mod error;
mod explain;
mod failure;
mod garbage;
pub mod limits;
mod manifest;
mod object;
mod operator;
mod parsing;
mod referrer;
mod registry;
mod rehash;
mod repositories;
mod repository;
mod stores;
mod stray;
mod tag;
mod upload;

pub use blob::BlobPull;
pub use check::{CheckEvent, CheckOptions, CheckProgress, Checked, Finding};
pub use current::Current;
pub use error::Error;
pub use explain::Explanation;
pub use failure::{Batches, Failure, Failures};
pub use garbage::{CollectOptions, Collected};
pub use limits::Limits;
pub use manifest::{ManifestPage, ManifestView, Precondition, Pushed, PutManifest};
pub use operator::Operator;
pub use referrer::Referrers;
pub use registry::{find_open, find_open_by_id};
pub use repositories::{Listable, Parts, Repositories};
pub use repository::{DeletedRepository, RepositoryView};
pub use stores::Stores;
pub use stray::{Stray, Strays};
pub use upload::{Body, Progress, Purged};
