//! What the objects of Graph look like.

use holdfast_directory::ApplicationView;
use holdfast_face::moment::{parse_rfc3339, rfc3339};
use holdfast_model::{
    ApplicationCertificate, ApplicationSecret, FederatedCredential, FederatedSubject, PersonRecord, Timestamp,
};
use serde_json::{Value, json};

use super::{
    Call,
    error::{Code, Error},
};

/// Applications are this directory's alone.
pub(super) const AUDIENCE: &str = "AzureADMyOrg";
/// The one kind of certificate, and what it is for.
pub(super) const KEY_TYPE: &str = "AsymmetricX509Cert";
pub(super) const KEY_USAGE: &str = "Verify";
/// How the pattern of a flexible federated credential begins and ends (Entra ID, language version 1).
const MATCHES: (&str, &str) = ("claims['sub'] matches '", "'");

/// A moment, as it stands in a body.
pub(super) fn moment(property: &str, text: &str) -> Result<Timestamp, Error> {
    parse_rfc3339(text).ok_or_else(|| Error::invalid_value(property, "it is not a moment of RFC 3339"))
}

/// An application.
pub(super) fn application(call: &Call<'_>, view: &ApplicationView) -> Value {
    let record = &view.application;
    json!({
        "@odata.type": "#microsoft.graph.application",
        "id": record.id,
        "appId": record.app_id,
        "displayName": record.display_name,
        "createdDateTime": rfc3339(record.created_at),
        "deletedDateTime": null,
        "identifierUris": [],
        "signInAudience": AUDIENCE,
        "publisherDomain": null,
        "passwordCredentials": view.secrets.iter().map(password).collect::<Vec<_>>(),
        "keyCredentials": view.certificates.iter().map(key).collect::<Vec<_>>(),
        "@odata.context": context(call, "applications"),
    })
}

/// A service principal, of a view that has one.
pub(super) fn service_principal(call: &Call<'_>, view: &ApplicationView) -> Value {
    let record = &view.application;
    let principal = view.principal.as_ref();
    json!({
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": principal.map(|principal| principal.id),
        "appId": record.app_id,
        "displayName": record.display_name,
        "appDisplayName": record.display_name,
        "accountEnabled": principal.map(|principal| principal.is_enabled),
        "appOwnerOrganizationId": call.app.directory_issuer.tenant(),
        "createdDateTime": principal.map(|principal| rfc3339(principal.created_at)),
        "deletedDateTime": null,
        "servicePrincipalNames": [record.app_id],
        "servicePrincipalType": "Application",
        "signInAudience": AUDIENCE,
        "passwordCredentials": view.secrets.iter().map(password).collect::<Vec<_>>(),
        "keyCredentials": view.certificates.iter().map(key).collect::<Vec<_>>(),
        "@odata.context": context(call, "servicePrincipals"),
    })
}

/// A person.
pub(super) fn user(call: &Call<'_>, person: &PersonRecord) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.user",
        "id": person.principal.id,
        "displayName": person.principal.display_name,
        "userPrincipalName": person.user_name.as_str(),
        "accountEnabled": person.principal.is_enabled,
        "createdDateTime": rfc3339(person.principal.created_at),
        "mail": null,
        "@odata.context": context(call, "users"),
    })
}

fn context(call: &Call<'_>, kind: &str) -> String {
    format!("{}/v1.0/$metadata#{kind}/$entity", call.site.base_url)
}

/// A secret; its text is shown elsewhere, once.
pub(super) fn password(secret: &ApplicationSecret) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": secret.display_name,
        "endDateTime": rfc3339(secret.expires_at),
        "hint": secret.hint,
        "keyId": secret.id,
        "secretText": null,
        "startDateTime": rfc3339(secret.starts_at),
    })
}

fn key(certificate: &ApplicationCertificate) -> Value {
    let thumbprint: String = certificate.sha1.iter().map(|byte| format!("{byte:02X}")).collect();
    json!({
        "customKeyIdentifier": thumbprint,
        "displayName": certificate.display_name,
        "endDateTime": rfc3339(certificate.expires_at),
        "key": null,
        "keyId": certificate.id,
        "startDateTime": rfc3339(certificate.starts_at),
        "type": KEY_TYPE,
        "usage": KEY_USAGE,
    })
}

/// A federated credential: its subject, or the expression of its pattern.
pub(super) fn federated(credential: &FederatedCredential) -> Value {
    let (subject, expression) = match &credential.subject {
        FederatedSubject::Exact(text) => (Some(text), None),
        FederatedSubject::Pattern(text) => {
            let value = format!("{}{}{}", MATCHES.0, text.replace('\'', "''"), MATCHES.1);
            (None, Some(json!({ "value": value, "languageVersion": 1 })))
        }
    };
    let mut view = json!({
        "audiences": credential.audiences,
        "description": credential.description,
        "id": credential.id,
        "issuer": credential.issuer,
        "name": credential.name,
        "subject": subject,
    });
    if let Some(expression) = expression {
        view["claimsMatchingExpression"] = expression;
    }
    view
}

/// The pattern of an expression: the one form `claims['sub'] matches 'PATTERN'`.
pub(super) fn pattern(expression: &str) -> Result<String, Error> {
    let inner = expression
        .trim()
        .strip_prefix(MATCHES.0)
        .and_then(|rest| rest.strip_suffix(MATCHES.1))
        .filter(|inner| !inner.replace("''", "").contains('\''));
    let inner = inner.ok_or_else(|| {
        let message = "Invalid value specified for property 'claimsMatchingExpression': this server reads \
                       claims['sub'] matches 'PATTERN', where * stands for any characters and ? for one.";
        Error::new(Code::BadRequest, message)
    })?;
    // Whoever the issuer vouches for would be the application.
    if inner.starts_with(['*', '?']) {
        let why = "the pattern begins with a wildcard and would trust subjects of anybody; put the part that is yours \
                   before it, as in 'repo:OWNER/*'";
        return Err(Error::invalid_value("claimsMatchingExpression", why));
    }
    Ok(inner.replace("''", "'"))
}
