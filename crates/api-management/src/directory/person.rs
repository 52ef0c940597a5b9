//! People prove themselves by name and password, on pages of this server only.

use std::{sync::Arc, time::Duration};

use holdfast_identity::throttle::Target;
use holdfast_model::{PersonRecord, ProvenPerson};
use secrecy::SecretString;
use tokio::time::timeout;

use super::refusal;
use crate::{Management, Site, error::Error};

/// Passwords that are looked at at once: each takes a processor and some memory for a while.
pub(crate) const MAX_PASSWORD_CHECKS: usize = 2;
/// Sign-ins that are looked at or wait for it; who comes then is told at once that the server is busy.
pub(crate) const MAX_QUEUED: usize = 64;
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
    let now = app.directory.now().unix_secs();
    let take = |target| {
        app.throttle
            .take(site.origin.address, target, now)
            .map_err(refusal::throttled)
    };
    let at_name = take(Target::Account(name))?;
    // Names are free to make up, and one that nobody has costs as much as another.
    let at_source = match take(Target::Passwords) {
        Ok(attempt) => attempt,
        Err(error) => {
            at_name.withdraw();
            return Err(error);
        }
    };
    let person = match find(app, name, password).await {
        Ok(Some(person)) => {
            at_name.succeeded();
            // Not a success: somebody who signs in as themselves must not gain guesses at others' passwords by it.
            at_source.withdraw();
            person
        }
        Ok(None) => {
            at_name.failed();
            at_source.failed();
            return Err(refusal::wrong_password());
        }
        Err(error) => {
            at_name.withdraw();
            at_source.withdraw();
            return Err(error);
        }
    };
    if !person.principal.is_enabled {
        return Err(refusal::disabled());
    }
    Ok(ProvenPerson {
        id: person.principal.id,
        generation: person.principal.generation,
    })
}

/// The person whose password it is. The same work for a name that nobody has, so that time tells nothing.
async fn find(app: &Management, name: &str, password: SecretString) -> Result<Option<PersonRecord>, Error> {
    let Ok(_queued) = app.queue.try_acquire() else {
        return Err(refusal::busy());
    };
    let found = match name.parse() {
        Ok(name) => app.sign_in.find_person(name).await?,
        Err(_) => None,
    };
    let verifier = found.as_ref().map(|person| person.verifier.clone());
    let turn = timeout(MAX_WAIT, Arc::clone(&app.password_checks).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(refusal::busy());
    };
    let password_hasher = Arc::clone(&app.password_hasher);
    let compare = move || {
        let _turn = turn;
        password_hasher.matches(&password, verifier.as_deref())
    };
    let matches = tokio::task::spawn_blocking(compare).await.unwrap_or(false);
    Ok(found.filter(|_| matches))
}
