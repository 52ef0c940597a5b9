//! What lies in the folder of a location, whether rows know of it or not: what a data folder whose database is gone is
//! told by. It refuses to read or change an object.

use std::{fs, io, path::Path};

use holdfast_model::StoreError;

use crate::{failure::attempted, layout::Layout};

/// Objects that were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Survey {
    /// How many.
    pub objects: u64,
    /// Bytes in them.
    pub size_bytes: u64,
}

impl Survey {
    /// Counts the objects of all storage accounts in a location's folder, as many as asked for at most. A folder that is
    /// not there holds none. Blocks.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn of_location(folder: &Path, most: u64) -> Result<Self, StoreError> {
        let mut survey = Self::default();
        survey
            .count(folder, most)
            .map_err(attempted(format!("counted the objects in {}", folder.display())))?;
        Ok(survey)
    }

    fn count(&mut self, folder: &Path, most: u64) -> io::Result<()> {
        for account in entries(folder)? {
            for (number, shard) in Layout::new(&account?.path()).shards() {
                for entry in entries(&shard)? {
                    if self.objects >= most {
                        return Ok(());
                    }
                    let entry = entry?;
                    let is_object = entry
                        .file_name()
                        .to_str()
                        .is_some_and(|name| Layout::key_of(number, name).is_some());
                    let metadata = entry.metadata()?;
                    if is_object && metadata.is_file() {
                        self.objects += 1;
                        self.size_bytes += metadata.len();
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is in a folder; nothing when it is no folder.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<fs::DirEntry>>> {
    let entries = match folder.read_dir() {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        entries => Some(entries?),
    };
    Ok(entries.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_every_account_are_counted_up_to_a_bound_and_nothing_else_is() {
        let location = tempfile::tempdir().unwrap();
        let count = |most| Survey::of_location(location.path(), most).unwrap();
        assert_eq!(count(10), Survey::default());
        for (account, objects) in [("default", 2), ("another", 1)] {
            let layout = Layout::new(&location.path().join(account));
            layout.create().unwrap();
            let (_, shard) = layout.shards().nth(0xab).unwrap();
            for number in 0..objects {
                fs::write(shard.join(format!("ab{number:030}")), "four").unwrap();
            }
            fs::write(shard.join("holiday.jpg"), "somebody's").unwrap();
        }
        fs::write(location.path().join("holdfast-location.json"), "{}").unwrap();
        let all = Survey {
            objects: 3,
            size_bytes: 12,
        };
        assert_eq!([count(10), count(3)], [all, all]);
        assert_eq!(count(2).objects, 2);
        assert_eq!(
            Survey::of_location(&location.path().join("gone"), 1).unwrap(),
            Survey::default()
        );
    }
}
