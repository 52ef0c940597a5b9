//! What is saved of an upload: enough for any node to go on with it. It refuses to hold bytes of the upload.

use std::fmt;

use holdfast_model::{Checkpoint, MAX_STATE_BYTES};
use serde::{Deserialize, Serialize};

use super::bucket::Part;

/// The form that is written; others are refused.
const VERSION: u32 = 1;

/// An upload, as far as it was saved.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Saved {
    /// What the store calls the upload, once there is one. Whoever knows it may write to a stream of Google's.
    pub(super) upload: Option<String>,
    pub(super) parts: Vec<Part>,
    /// Bytes in these parts.
    pub(super) in_parts: u64,
    pub(super) tail: Option<SavedTail>,
    /// What lies beside since checkpoints before; nobody goes on from those once one goes on from this one.
    pub(super) before: Vec<String>,
}

/// Bytes that make no part yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedTail {
    pub(super) size_bytes: u64,
    /// Of the small object beside that has them.
    pub(super) nonce: String,
    /// The last part, where they were uploaded as one too.
    pub(super) part: Option<Named>,
}

/// A part by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    writer: String,
    number: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    tag: String,
}

/// Parts of one writer with numbers that follow each other.
#[derive(Debug, Serialize, Deserialize)]
struct Run(String, u32, Vec<String>);

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload: Option<String>,
    runs: Vec<Run>,
    in_parts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tail: Option<SavedTail>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    before: Vec<String>,
}

/// A state that cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub(super) enum SavedError {
    #[error("what was saved cannot be read")]
    Form(#[from] serde_json::Error),
    #[error("it was saved in form {0}, which another version of this program reads")]
    Version(u32),
    #[error("{told} bytes were to be gone on from, {saved} were saved")]
    Offset { told: u64, saved: u64 },
    #[error("there is more to save than {MAX_STATE_BYTES} bytes")]
    TooLong,
}

impl Saved {
    pub(super) fn offset(&self) -> u64 {
        self.in_parts + self.tail.as_ref().map_or(0, |tail| tail.size_bytes)
    }

    pub(super) fn write(&self) -> Result<Checkpoint, SavedError> {
        let mut runs: Vec<Run> = Vec::new();
        for part in &self.parts {
            let follows = |run: &&mut Run| {
                run.0 == part.writer && u64::from(run.1) + run.2.len() as u64 == u64::from(part.number)
            };
            match runs.last_mut().filter(follows) {
                Some(run) => run.2.push(part.tag.clone()),
                None => runs.push(Run(part.writer.clone(), part.number, vec![part.tag.clone()])),
            }
        }
        let written = Written {
            version: VERSION,
            upload: self.upload.clone(),
            runs,
            in_parts: self.in_parts,
            tail: self.tail.clone(),
            before: self.before.clone(),
        };
        let state = serde_json::to_vec(&written)?;
        if state.len() > MAX_STATE_BYTES {
            return Err(SavedError::TooLong);
        }
        Ok(Checkpoint {
            offset: self.offset(),
            state,
        })
    }

    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self, SavedError> {
        let saved = Self::of_state(&checkpoint.state)?;
        if saved.offset() != checkpoint.offset {
            return Err(SavedError::Offset {
                told: checkpoint.offset,
                saved: saved.offset(),
            });
        }
        Ok(saved)
    }

    pub(super) fn of_state(state: &[u8]) -> Result<Self, SavedError> {
        if state.is_empty() {
            return Ok(Self::default());
        }
        let written: Written = serde_json::from_slice(state)?;
        if written.version != VERSION {
            return Err(SavedError::Version(written.version));
        }
        let of_run = |Run(writer, first, tags): Run| {
            (first..).zip(tags).map(move |(number, tag)| Part {
                writer: writer.clone(),
                number,
                tag,
            })
        };
        Ok(Self {
            upload: written.upload,
            parts: written.runs.into_iter().flat_map(of_run).collect(),
            in_parts: written.in_parts,
            tail: written.tail,
            before: written.before,
        })
    }

    /// The highest number that a part has.
    pub(super) fn last_number(&self) -> u32 {
        let tail = self.tail.as_ref().and_then(SavedTail::as_part);
        let last = self.parts.last().into_iter().chain(&tail).map(|part| part.number);
        last.max().unwrap_or_default()
    }

    /// What lies beside, of this checkpoint and of the one before.
    pub(super) fn beside(&self) -> Vec<String> {
        let here = self.tail.as_ref().map(|tail| tail.nonce.clone());
        here.into_iter().chain(self.before.clone()).collect()
    }
}

impl fmt::Debug for Saved {
    /// Without what the store calls the upload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saved")
            .field("in_parts", &self.in_parts)
            .field("tail", &self.tail)
            .finish_non_exhaustive()
    }
}

impl SavedTail {
    /// The part that has these bytes too.
    pub(super) fn as_part(&self) -> Option<Part> {
        self.part.clone().map(Part::from)
    }
}

impl From<Part> for Named {
    fn from(part: Part) -> Self {
        let Part { writer, number, tag } = part;
        Self { writer, number, tag }
    }
}

impl From<Named> for Part {
    fn from(named: Named) -> Self {
        let Named { writer, number, tag } = named;
        Self { writer, number, tag }
    }
}
