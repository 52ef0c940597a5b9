//! What is known of the bytes that an upload's object has so far: the folder's part of a checkpoint.
//!
//! Bytes of a small chunk are with the operating system only until the object is complete, so a power cut may take them,
//! while the hash that was saved beside them knows them still. Bytes that were synced, and bytes that this process wrote
//! itself, are surely there.

use uuid::Uuid;

/// First byte of a state: all bytes are on the disk.
const DURABLE: u8 = 1;
/// All bytes were on the disk or handed to the operating system by the process whose id follows.
const WRITTEN: u8 = 2;

/// What is known of the bytes before a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// They are on the disk.
    Durable,
    /// The operating system has them from this opening of the store.
    Written(Uuid),
    /// A power cut may have taken some.
    Doubtful,
}

impl Standing {
    /// What a checkpoint says; one that an earlier version saved says nothing.
    pub(crate) fn of(state: &[u8]) -> Self {
        match state {
            [DURABLE] => Self::Durable,
            [WRITTEN, opening @ ..] => Uuid::from_slice(opening).map_or(Self::Doubtful, Self::Written),
            _ => Self::Doubtful,
        }
    }

    /// The same for the bytes after which a writer goes on: those of another opening are doubtful for good.
    pub(crate) fn at(self, opening: Uuid) -> Self {
        match self {
            Self::Written(other) if other != opening => Self::Doubtful,
            known => known,
        }
    }

    /// Once more bytes were handed to the operating system.
    pub(crate) fn written(self, opening: Uuid) -> Self {
        match self {
            Self::Durable | Self::Written(_) => Self::Written(opening),
            Self::Doubtful => Self::Doubtful,
        }
    }

    /// Once all bytes were synced. Those that a power cut took are durably gone.
    pub(crate) fn synced(self) -> Self {
        match self {
            Self::Durable | Self::Written(_) => Self::Durable,
            Self::Doubtful => Self::Doubtful,
        }
    }

    pub(crate) fn to_state(self) -> Vec<u8> {
        match self {
            Self::Durable => vec![DURABLE],
            Self::Written(opening) => {
                let mut state = vec![WRITTEN];
                state.extend_from_slice(opening.as_bytes());
                state
            }
            Self::Doubtful => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_is_read_back_and_anything_else_is_doubtful() {
        for standing in [Standing::Durable, Standing::Written(Uuid::new_v4()), Standing::Doubtful] {
            assert_eq!(Standing::of(&standing.to_state()), standing);
        }
        for other in [&[][..], &[0], &[DURABLE, 0], &[WRITTEN], &[WRITTEN, 1, 2], &[9]] {
            assert_eq!(Standing::of(other), Standing::Doubtful, "{other:?}");
        }
    }

    #[test]
    fn doubt_outlives_a_sync_and_another_opening_brings_it() {
        let (mine, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(Standing::Written(mine).at(mine).synced(), Standing::Durable);
        assert_eq!(Standing::Written(other).at(mine).synced(), Standing::Doubtful);
        assert_eq!(Standing::Written(other).at(mine).written(mine), Standing::Doubtful);
        assert_eq!(Standing::Durable.at(mine).written(mine), Standing::Written(mine));
    }
}
