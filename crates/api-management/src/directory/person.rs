//! People prove themselves by name and password, on pages of this server only.

use std::{sync::Arc, time::Duration};

use holdfast_registry::ports::ProvenPerson;
use secrecy::SecretString;
use tokio::time::timeout;

use super::refusal;
use crate::{Management, Site, error::Error};

/// Passwords that are looked at at once: each takes a processor and some memory for a while.
pub(crate) const MAX_STRETCHING: usize = 2;
/// How long a sign-in waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The person of a name and a password.
///
/// # Errors
/// The same for a name that nobody has and for a wrong password; a disabled account is told to who knows its password.
pub(super) async fn prove(
    app: &Management,
    site: &Site,
    name: &str,
    password: SecretString,
) -> Result<ProvenPerson, Error> {
    let name = name.trim();
    let now = app.registry.now().unix_secs();
    app.throttle.check(site.peer, name, now).map_err(refusal::throttled)?;
    let found = match name.parse() {
        Ok(name) => app.registry.find_person_by_name(name).await?,
        Err(_) => None,
    };
    // Before the work, so that many at once do not get more tries than one after the other.
    app.throttle.failed(site.peer, name, now);
    let verifier = found.as_ref().map(|person| person.verifier.clone());
    let turn = timeout(MAX_WAIT, Arc::clone(&app.stretching).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(refusal::busy());
    };
    let stretcher = Arc::clone(&app.stretcher);
    let compare = move || {
        let _turn = turn;
        stretcher.matches(&password, verifier.as_deref())
    };
    let matches = tokio::task::spawn_blocking(compare).await.unwrap_or(false);
    let Some(person) = found.filter(|_| matches) else {
        return Err(refusal::wrong_password());
    };
    app.throttle.succeeded(site.peer, name);
    if !person.principal.is_enabled {
        return Err(refusal::disabled());
    }
    Ok(ProvenPerson {
        id: person.principal.id,
        generation: person.principal.generation,
    })
}
