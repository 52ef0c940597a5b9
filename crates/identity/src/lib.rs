//! Everything that is hard to get right about who is who: signing keys, tokens, tokens of others, sealed secrets,
//! generated and chosen passwords, sign-in headers, the throttle on failed sign-ins, and the certificates of the HTTPS
//! listener.
//!
//! It knows no HTTP library and no database: faces hand it header values, and it hands back values to store. It decides
//! no permission; that is `holdfast-access`. No function here reads the clock: `now` is an argument, in Unix seconds.

pub mod admin_password;
pub mod authority;
pub mod basic;
pub mod certificate;
pub mod code;
pub mod directory;
pub mod external_issuer;
pub mod external_token;
mod jws;
pub mod keys;
pub mod password;
pub mod password_hasher;
pub mod pkce;
mod private_file;
pub mod refresh;
pub mod resource;
pub mod sealed;
pub mod throttle;
pub mod tls;
pub mod token;
pub mod trusted;

pub use admin_password::NewAdminPassword;
pub use basic::Credentials;
pub use directory::DirectoryIssuer;
pub use external_issuer::ExternalIssuers;
pub use keys::ServerKeys;
pub use password_hasher::PasswordHasher;
pub use private_file::Error as FileError;
pub use resource::{OwnNames, Resource};
pub use sealed::Sealer;
pub use throttle::Throttle;
pub use tls::Certificates;
pub use token::{Claims, Credential, Issuer};
