//! Scope maps: named lists of actions that tokens are limited to. A registry has the system's own, which nobody changes,
//! and those that its users made.

use holdfast_access::{ControlGrant, ScopeMap, SystemScopeMap, control};

use crate::{
    Error, Resources, TokenError,
    registry::{author_of, load_at},
    scope::{around, name_at},
};
use holdfast_model::{
    Counted, Durability, MetadataError, MetadataExt, Read, RegistryRecord, ScopeMapRecord, SystemData, Tx,
};

/// A scope map and the registry it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeMapView {
    /// The registry.
    pub registry: RegistryRecord,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What a token with it may do.
    pub actions: ScopeMap,
    /// By whom and when; the system's own are as old as the registry, and nobody's.
    pub system_data: SystemData,
    /// Whether it is the system's own.
    pub is_system: bool,
}

/// What a request changes; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct ScopeMapChange {
    /// What it is for.
    pub description: Option<String>,
    /// All of its actions.
    pub actions: Option<ScopeMap>,
}

impl Resources {
    /// Makes the scope map that the grant is for, or replaces it; says whether it is new. `name` is the last name of the
    /// grant's scope, as written.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Token`], [`Error::SkuLacks`], [`Error::QuotaExceeded`],
    /// [`Error::Storage`].
    pub async fn put_scope_map(
        &self,
        grant: &ControlGrant<control::ScopeMapsWrite>,
        name: String,
        description: Option<String>,
        actions: ScopeMap,
    ) -> Result<(ScopeMapView, bool), Error> {
        let (scope, actor, now) = (grant.scope().clone(), grant.actor().clone(), self.clock.now());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_at(tx, &around(&scope))?;
                refuse_system(&name)?;
                let author = author_of(tx, &actor)?;
                let found = tx.find_scope_map(registry.id, &name)?;
                let is_new = found.is_none();
                let map = ScopeMapRecord {
                    registry: registry.id,
                    name: found.as_ref().map_or(name.clone(), |map| map.name.clone()),
                    description: description.clone(),
                    actions: actions.clone(),
                    system_data: match found {
                        Some(map) => map.system_data.updated(author, now),
                        None => SystemData::new(Some(author), now),
                    },
                };
                if is_new {
                    check_quota(tx, &registry)?;
                    tx.insert_scope_map(&map)?;
                } else {
                    tx.update_scope_map(&map)?;
                }
                Ok((view(&registry, map), is_new))
            })
            .await
    }

    /// Changes the scope map that the grant is for; tokens that have it are bound by it at their next request.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Token`], [`Error::Storage`].
    pub async fn change_scope_map(
        &self,
        grant: &ControlGrant<control::ScopeMapsWrite>,
        change: ScopeMapChange,
    ) -> Result<ScopeMapView, Error> {
        let (scope, actor, now) = (grant.scope().clone(), grant.actor().clone(), self.clock.now());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_at(tx, &around(&scope))?;
                let name = &name_at(&scope);
                refuse_system(name)?;
                let mut map = load_made(tx, &registry, name)?;
                map.description = change.description.clone().or(map.description);
                map.actions = change.actions.clone().unwrap_or(map.actions);
                map.system_data = map.system_data.updated(author_of(tx, &actor)?, now);
                tx.update_scope_map(&map)?;
                Ok(view(&registry, map))
            })
            .await
    }

    /// The scope map that the grant is for.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Token`], [`Error::Storage`].
    pub async fn load_scope_map(&self, grant: &ControlGrant<control::ScopeMapsRead>) -> Result<ScopeMapView, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .query(move |read| {
                let registry = load_at(read, &around(&scope))?;
                let name = &name_at(&scope);
                match SystemScopeMap::find(name) {
                    Some(system) => Ok(system_view(&registry, system)),
                    None => Ok(view(&registry, load_made(read, &registry, name)?)),
                }
            })
            .await
    }

    /// Scope maps of the registry that the grant is for: the system's own, then those that were made, by name; at most
    /// `limit` after the one named `after` (empty for the first page).
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Storage`].
    pub async fn list_scope_maps(
        &self,
        grant: &ControlGrant<control::ScopeMapsRead>,
        after: String,
        limit: usize,
    ) -> Result<Vec<ScopeMapView>, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .query(move |read| {
                let registry = load_at(read, &scope)?;
                let all = &SystemScopeMap::ALL;
                let place = all.iter().position(|map| map.name.eq_ignore_ascii_case(&after));
                let (system, after) = match place {
                    Some(place) => (&all[place + 1..], ""),
                    None if after.is_empty() => (&all[..], ""),
                    None => (&[][..], after.as_str()),
                };
                let made = read.list_scope_maps(registry.id, after, limit)?;
                let system = system.iter().map(|map| system_view(&registry, map));
                let made = made.into_iter().map(|map| view(&registry, map));
                Ok(system.chain(made).take(limit).collect())
            })
            .await
    }

    /// Deletes the scope map that the grant is for; says whether it was there.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Token`], [`Error::Storage`].
    pub async fn delete_scope_map(&self, grant: &ControlGrant<control::ScopeMapsDelete>) -> Result<bool, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_at(tx, &around(&scope))?;
                let name = &name_at(&scope);
                refuse_system(name)?;
                if let Some(token) = tx.find_token_with_scope_map(registry.id, name)? {
                    return Err(TokenError::MapInUse {
                        name: token.scope_map,
                        token: token.name,
                    }
                    .into());
                }
                Ok(tx.remove_scope_map(registry.id, name)?)
            })
            .await
    }
}

/// The name and the actions of a scope map of the registry, the system's own too; in any case.
///
/// # Errors
/// [`MetadataError`].
pub fn find_scope_map(
    read: &mut dyn Read,
    registry: &RegistryRecord,
    name: &str,
) -> Result<Option<(String, ScopeMap)>, MetadataError> {
    if let Some(system) = SystemScopeMap::find(name) {
        return Ok(Some((system.name.to_owned(), system.scope_map())));
    }
    let found = read.find_scope_map(registry.id, name)?;
    Ok(found.map(|map| (map.name, map.actions)))
}

fn refuse_system(name: &str) -> Result<(), Error> {
    match SystemScopeMap::find(name) {
        Some(system) => Err(TokenError::MapOfSystem { name: system.name }.into()),
        None => Ok(()),
    }
}

fn check_quota(tx: &mut dyn Tx, registry: &RegistryRecord) -> Result<(), Error> {
    let quota = registry.sku.limits().scope_maps;
    if quota == 0 {
        return Err(Error::SkuLacks {
            feature: "Scope map",
            sku: registry.sku,
        });
    }
    if tx.count(Counted::ScopeMaps(registry.id))? >= quota {
        return Err(Error::QuotaExceeded {
            feature: "scope map",
            quota,
            sku: registry.sku,
        });
    }
    Ok(())
}

fn load_made(read: &mut dyn Read, registry: &RegistryRecord, name: &str) -> Result<ScopeMapRecord, Error> {
    let found = read.find_scope_map(registry.id, name)?;
    Ok(found.ok_or_else(|| TokenError::MapUnknown { name: name.to_owned() })?)
}

fn view(registry: &RegistryRecord, map: ScopeMapRecord) -> ScopeMapView {
    ScopeMapView {
        registry: registry.clone(),
        name: map.name,
        description: map.description,
        actions: map.actions,
        system_data: map.system_data,
        is_system: false,
    }
}

fn system_view(registry: &RegistryRecord, map: &SystemScopeMap) -> ScopeMapView {
    ScopeMapView {
        registry: registry.clone(),
        name: map.name.to_owned(),
        description: Some(map.description.to_owned()),
        actions: map.scope_map(),
        system_data: SystemData::new(None, registry.created_at),
        is_system: true,
    }
}
