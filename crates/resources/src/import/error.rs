//! Why an import was not begun.

use holdfast_access::ControlRefusal;
use holdfast_oci::{RepositoryName, Tag};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The export policy of the registry that an image was to be imported from forbids it.
    #[error("the export policy of registry {name} is disabled: nothing is imported from it")]
    ExportDisabled {
        /// The registry that was to be imported from.
        name: String,
    },
    /// There is no such registry to import from, and the caller may know that.
    #[error("there is no registry {name} in resource group {group} to import from")]
    SourceUnknown {
        /// The registry that was to be imported from.
        name: String,
        /// Where it was looked for.
        group: String,
    },
    /// The caller may not pull what was to be imported, or may not know whether it is there.
    #[error("cannot import into {target}")]
    SourceRefused {
        /// The right that is lacking.
        #[source]
        refusal: ControlRefusal,
        /// The registry that it was to go into.
        target: String,
    },
    /// More tags in one push than allowed.
    #[error("{count} tags in one request, at most {limit} are taken")]
    TooManyTags {
        /// As sent.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// An import that moves no tags meets one that is there.
    #[error("tag {repository}:{tag} is there already; import with force to move it")]
    TagExists {
        /// Where.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
    },
    /// As many imports wait as one registry may have.
    #[error("{limit} imports into this registry are under way; wait for one to end")]
    TooManyImports {
        /// The limit.
        limit: usize,
    },
}
