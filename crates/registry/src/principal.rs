//! Principals: who the directory knows, by which secrets it recognises them, and which roles they have. It refuses to
//! make or to compare secrets: they come in as verifiers.

use holdfast_access::{Assignment, ControlGrant, RoleId, control};
use uuid::Uuid;

use crate::{
    Error, Registry, Timestamp,
    ports::{Durability, MetadataExt, PrincipalRecord, PrincipalSecret, RoleAssignment},
};

/// What a new service principal starts with.
#[derive(Debug, Clone)]
pub struct NewPrincipal {
    /// Name for people.
    pub display_name: String,
    /// The verifier of its first secret.
    pub verifier: [u8; 32],
    /// When that secret ends.
    pub expires_at: Timestamp,
    /// Its first role, at the scope of the grant to assign it.
    pub role: RoleId,
}

/// A principal with the roles it has now.
#[derive(Debug, Clone)]
pub struct PrincipalView {
    /// The principal.
    pub record: PrincipalRecord,
    /// Its roles, wherever they are.
    pub assignments: Vec<Assignment>,
}

impl Registry {
    /// Makes a service principal with one secret and one role.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::Full`].
    pub async fn create_principal(
        &self,
        _grant: &ControlGrant<control::PrincipalsWrite>,
        assign: &ControlGrant<control::RoleAssignmentsWrite>,
        new: NewPrincipal,
    ) -> Result<PrincipalRecord, Error> {
        let now = self.clock.now();
        let principal = PrincipalRecord {
            id: self.ids.uuid(),
            app_id: self.ids.uuid(),
            display_name: new.display_name,
            generation: 1,
            created_at: now,
        };
        let secret = PrincipalSecret {
            id: self.ids.uuid(),
            principal: principal.id,
            verifier: new.verifier,
            expires_at: new.expires_at,
            created_at: now,
        };
        let assignment = RoleAssignment {
            id: self.ids.uuid(),
            principal: principal.id,
            role: new.role,
            scope: assign.scope().to_owned(),
            created_at: now,
        };
        self.metadata
            .transact(Durability::Durable, move |tx| {
                tx.insert_principal(&principal)?;
                tx.insert_principal_secret(&secret)?;
                tx.insert_role_assignment(&assignment)?;
                Ok(principal)
            })
            .await
    }

    /// The principal of an application id, its roles, and the verifiers of the secrets that are good now.
    ///
    /// # Errors
    /// [`Error::Metadata`].
    pub async fn find_principal_by_app(&self, app_id: Uuid) -> Result<Option<(PrincipalView, Vec<[u8; 32]>)>, Error> {
        let now = self.clock.now();
        self.metadata
            .query(move |read| {
                let Some(record) = read.find_principal_by_app(app_id)? else {
                    return Ok(None);
                };
                let secrets = read.list_principal_secrets(record.id)?;
                let good = secrets.iter().filter(|secret| secret.expires_at > now);
                let verifiers = good.map(|secret| secret.verifier).collect();
                let assignments = assignments(read.list_role_assignments(record.id)?);
                Ok(Some((PrincipalView { record, assignments }, verifiers)))
            })
            .await
    }

    /// The principal of an object id with its roles: what a request with a token needs to know.
    ///
    /// # Errors
    /// [`Error::Metadata`].
    pub async fn find_principal(&self, id: Uuid) -> Result<Option<PrincipalView>, Error> {
        self.metadata
            .query(move |read| {
                let Some(record) = read.find_principal(id)? else {
                    return Ok(None);
                };
                let assignments = assignments(read.list_role_assignments(id)?);
                Ok(Some(PrincipalView { record, assignments }))
            })
            .await
    }
}

fn assignments(rows: Vec<RoleAssignment>) -> Vec<Assignment> {
    let assignment = |row: RoleAssignment| Assignment::new(row.role, row.scope);
    rows.into_iter().map(assignment).collect()
}
