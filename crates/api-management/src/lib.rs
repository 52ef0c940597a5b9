//! The control plane's face: ARM (`/subscriptions`, `/metadata/endpoints`), the directory's token service, and a part of
//! Graph (`/v1.0`), as the Azure CLI and SDKs speak to them. It says what a path means (`route`), who calls (`caller`),
//! which operation that is (`serve`), and how an outcome looks on the wire (`error`, the noun modules). It refuses to hold
//! rules: those are `holdfast-resources`' and `holdfast-directory`'s.

mod arm;
mod body;
mod caller;
mod conditional;
mod directory;
mod error;
mod graph;
mod headers;
mod paging;
mod route;
mod serve;

pub use graph::GraphRoute;
pub use route::{ArmRoute, DirectoryRoute, Route};
pub use serve::{Management, ManagementParts, Site};
