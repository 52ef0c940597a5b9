//! A refresh token becomes new tokens, also for another resource. It is good for as long as nothing voided the person's
//! tokens: another password, a disabled or deleted account.

use bytes::Bytes;
use holdfast_identity::refresh::RefreshToken;
use holdfast_model::ProvenPerson;
use http::Response;

use super::{
    client,
    form::Form,
    issued::{self, ForPerson},
    refusal,
};
use crate::{Management, Site, error::Error};

/// `grant_type=refresh_token`.
pub(super) async fn token(app: &Management, site: &Site, form: &Form) -> Result<Response<Bytes>, Error> {
    let client = client::load(&form.client_id)?;
    let now = app.directory.now().unix_secs();
    let token = RefreshToken::open(&form.refresh_token, &app.sealer)
        .filter(|token| token.client_id == client.id && now < token.expires_at)
        .ok_or_else(refusal::code_not_good)?;
    let proven = ProvenPerson {
        id: token.object_id,
        generation: token.generation,
    };
    let person = app.sign_in.find_proven_person(proven).await?;
    let person = person.ok_or_else(refusal::code_not_good)?;
    let grant = ForPerson {
        person: &person,
        client_id: client.id,
        scope: &form.scope,
        nonce: None,
        source_ends_at: Some(token.expires_at),
    };
    issued::to_person(app, site, &grant)
}
