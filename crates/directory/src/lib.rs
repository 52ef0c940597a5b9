//! The rules of who there is: applications with their principals, people, how they sign in, and which roles they have. A
//! module for each noun, with its operations on the [`Directory`], or of the [`SignIn`]. They refuse to know HTTP and SQL, and to make, compare or read
//! secrets: those come in as verifiers.

pub mod application;
mod directory;
mod limits;
mod object;
pub mod person;
mod principal;
mod quota;
mod role_assignment;
pub mod sign_in;

pub use application::{
    ApplicationChange, ApplicationKey, ApplicationView, CertificateChange, FederatedChange, GoodCredentials,
    GoodSecret, NewCertificate, NewSecret, good_secrets,
};
pub use directory::{Directory, Parts};
pub use object::DirectoryObject;
pub use person::{NewPerson, is_person};
pub use principal::{NewPrincipal, NewPrincipalError, PrincipalView};
pub use role_assignment::{NewRoleAssignment, RoleError, in_force};
pub use sign_in::SignIn;
