//! What is left of a server whose database is gone: its objects, which no row names any more. A registry made anew over
//! them would have other credentials and none of their images, and nobody would hear of it; so a start refuses, says what
//! lies there and how the database comes back. It refuses to remove anything.

use std::{fmt, path::PathBuf};

use holdfast_blobs::Survey;

use crate::{folder::Folder, locations::Locations, output::bytes};

/// Objects that are counted in each location: whoever has lost a database wants to know at once.
const MAX_COUNTED: u64 = 1_000;

/// What to do where the database is gone, or holds no registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remains {
    /// Make a new registry if nothing lies there, and leave what lies there as it is.
    Refuse,
    /// Make a new registry beside what lies there: the operator asked for it.
    LeaveBehind,
    /// Make none in any case.
    MakeNone,
}

/// The objects of each location where there are some.
#[derive(Debug)]
pub(crate) struct Left(Vec<(PathBuf, Survey)>);

/// No registry is made here.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} {fault}, but {left}; put the backup of metadata.db back (docs/running.md, Restore), or begin anew without \
     them: holdfast begin-anew --data-dir '{}'",
    database.display(), folder.display()
)]
pub(crate) struct DatabaseLost {
    folder: PathBuf,
    database: PathBuf,
    fault: &'static str,
    left: Left,
}

/// No registry is made in a database that nodes share.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database of --database holds no registry, but {left}; name the database that they belong to, or begin anew without \
     them: holdfast begin-anew"
)]
pub(crate) struct SharedDatabaseEmpty {
    left: Left,
}

impl Left {
    /// Looks into the data folder and the folders of all locations, those of the last start too. Blocks.
    pub(crate) fn find(folder: &Folder, locations: &Locations) -> anyhow::Result<Self> {
        let mut left = Vec::new();
        for root in locations.folders(folder) {
            let survey = Survey::of_location(&root, MAX_COUNTED)?;
            if survey.objects > 0 {
                left.push((root, survey));
            }
        }
        Ok(Self(left))
    }

    /// Nothing.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("a server has worked here");
        }
        for (number, (folder, survey)) in self.0.iter().enumerate() {
            let (and, least) = (
                if number > 0 { ", and " } else { "" },
                if survey.objects == MAX_COUNTED { "at least " } else { "" },
            );
            let (folder, objects, size) = (folder.display(), grouped(survey.objects), bytes(survey.size_bytes));
            write!(f, "{and}{folder} holds {least}{objects} objects ({least}{size})")?;
        }
        Ok(())
    }
}

impl DatabaseLost {
    pub(crate) fn new(folder: &Folder, left: Left) -> Self {
        let database = folder.database();
        let fault = match database.metadata() {
            Err(_) => "is missing",
            Ok(metadata) if metadata.len() == 0 => "is empty",
            Ok(_) => "holds no registry",
        };
        Self {
            folder: folder.path().to_owned(),
            database,
            fault,
            left,
        }
    }
}

/// An error when objects lie where the database, known to have no registry, would be made. An interrupted first start has
/// left none. Blocks.
pub(crate) fn refuse(folder: &Folder, locations: &Locations) -> anyhow::Result<()> {
    let left = Left::find(folder, locations)?;
    if left.is_empty() {
        return Ok(());
    }
    Err(DatabaseLost::new(folder, left).into())
}

/// The same of a database that nodes share, for this node's own folders. Blocks.
pub(crate) fn refuse_beside_shared(folder: &Folder, locations: &Locations) -> anyhow::Result<()> {
    let left = Left::find(folder, locations)?;
    if left.is_empty() {
        return Ok(());
    }
    Err(SharedDatabaseEmpty { left }.into())
}

/// The same as [`refuse`], before the database is opened: SQLite removes the log of one that is empty.
pub(crate) fn refuse_if_without_rows(folder: &Folder, locations: &Locations) -> anyhow::Result<()> {
    if folder.is_without_rows() {
        return refuse(folder, locations);
    }
    Ok(())
}

/// A number as people write it.
fn grouped(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
