//! What goes wrong in a store of metadata. What the rules make of it is theirs: they have errors of their own, which
//! this one turns into.

/// What broke, as the adapter has it.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a store of metadata did not do what it was asked. `attempted` is that, as "read a manifest".
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It has no room left.
    #[error("the metadata store was full when it {attempted}")]
    Full {
        /// What was being done.
        attempted: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// More work waits than it takes on.
    #[error("the metadata store had too much to do when it {attempted}")]
    Overloaded {
        /// What was being done.
        attempted: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// It cannot be reached, or went away in the middle; what was not answered may be asked again.
    #[error("the metadata store could not be reached when it {attempted}")]
    Unavailable {
        /// What was being done.
        attempted: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// It was closed before.
    #[error("the metadata store was closed before it {attempted}")]
    Closed {
        /// What was to be done.
        attempted: &'static str,
    },
    /// Anything else.
    #[error("the metadata store failed while it {attempted}")]
    Failed {
        /// What was being done.
        attempted: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
}

impl MetadataError {
    /// It has no room left.
    pub fn full(attempted: &'static str, source: impl Into<Cause>) -> Self {
        let source = source.into();
        Self::Full { attempted, source }
    }

    /// More work waits than it takes on.
    pub fn overloaded(attempted: &'static str, source: impl Into<Cause>) -> Self {
        let source = source.into();
        Self::Overloaded { attempted, source }
    }

    /// It cannot be reached, or went away in the middle.
    pub fn unavailable(attempted: &'static str, source: impl Into<Cause>) -> Self {
        let source = source.into();
        Self::Unavailable { attempted, source }
    }

    /// Anything that is not one of the others.
    pub fn failed(attempted: &'static str, source: impl Into<Cause>) -> Self {
        let source = source.into();
        Self::Failed { attempted, source }
    }
}
