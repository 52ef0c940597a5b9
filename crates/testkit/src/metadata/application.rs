//! Claims about applications of the directory and their credentials.

use holdfast_model::{
    ApplicationCertificate, ApplicationRecord, ApplicationSecret, FederatedCredential, FederatedSubject, Metadata,
    PrincipalRecord, Timestamp,
};
use uuid::Uuid;

use super::fixture;

pub(super) fn application(name: &str) -> ApplicationRecord {
    ApplicationRecord {
        id: Uuid::new_v4(),
        app_id: Uuid::new_v4(),
        display_name: name.to_owned(),
        created_at: Timestamp(4),
        created_by: "somebody".to_owned(),
    }
}

fn secret(application: &ApplicationRecord, created_at: i64) -> ApplicationSecret {
    ApplicationSecret {
        id: Uuid::new_v4(),
        application: application.id,
        display_name: (created_at > 5).then(|| "rbac".to_owned()),
        hint: "abc".to_owned(),
        verifier: [7; 32],
        starts_at: Timestamp(3),
        expires_at: Timestamp(9),
        created_at: Timestamp(created_at),
    }
}

fn certificate(application: &ApplicationRecord, id: Uuid) -> ApplicationCertificate {
    ApplicationCertificate {
        id,
        application: application.id,
        display_name: Some("laptop".to_owned()),
        der: vec![0x30, 0, 255],
        sha256: [1; 32],
        sha1: [2; 20],
        starts_at: Timestamp(3),
        expires_at: Timestamp(9),
        created_at: Timestamp(5),
    }
}

fn federated(application: &ApplicationRecord, name: &str, subject: FederatedSubject) -> FederatedCredential {
    FederatedCredential {
        id: Uuid::new_v4(),
        application: application.id,
        name: name.to_owned(),
        issuer: "https://issuer.example".to_owned(),
        subject,
        audiences: vec!["api://AzureADTokenExchange".to_owned(), "b".to_owned()],
        description: None,
        created_at: Timestamp(5),
    }
}

fn exact(text: &str) -> FederatedSubject {
    FederatedSubject::Exact(text.to_owned())
}

/// Both ids find the application with its credentials in their order, and nobody else's.
pub async fn an_application_reads_back_as_written(metadata: &dyn Metadata) {
    let (one, other) = (application("Büro"), application("other"));
    let secrets = [secret(&one, 5), secret(&one, 6)];
    // A key id is the client's choice: two applications may have the same.
    let key = Uuid::new_v4();
    let certificates = [certificate(&one, key), certificate(&other, key)];
    let pattern = FederatedSubject::Pattern("exact".to_owned());
    let trusts = [federated(&one, "a", exact("exact")), federated(&one, "b", pattern)];
    let written = (
        one.clone(),
        other.clone(),
        secrets.clone(),
        certificates.clone(),
        trusts.clone(),
    );
    fixture::write(metadata, move |tx| {
        tx.insert_application(&written.0)?;
        tx.insert_application(&written.1)?;
        for row in written.2.iter().rev() {
            tx.insert_application_secret(row)?;
        }
        for row in &written.3 {
            tx.insert_application_certificate(row)?;
        }
        for row in written.4.iter().rev() {
            tx.insert_federated_credential(row)?;
        }
        Ok(())
    })
    .await;
    let (id, app_id) = (one.id, one.app_id);
    let found = fixture::read(metadata, move |read| {
        Ok((
            read.find_application(id)?,
            read.find_application_by_app(app_id)?,
            read.find_application(app_id)?,
            read.list_application_secrets_by_app(app_id)?,
            read.list_application_secrets(id)?,
            read.list_application_certificates(id)?,
            read.list_federated_credentials(id)?,
        ))
    })
    .await;
    let [first, _] = certificates;
    assert_eq!(
        found,
        (
            Some(one.clone()),
            Some(one),
            None,
            secrets.to_vec(),
            secrets.to_vec(),
            vec![first],
            trusts.to_vec()
        )
    );
    let nothing = fixture::read(metadata, move |read| {
        Ok((
            read.list_application_secrets(other.id)?,
            read.list_federated_credentials(other.id)?,
        ))
    })
    .await;
    assert_eq!(nothing, (vec![], vec![]));
}

/// Many are looked up in one read, by either id, with the credentials of all; what is not there is left out.
pub async fn several_applications_are_found_at_once(metadata: &dyn Metadata) {
    let [first, second, other] = ["first", "second", "other"].map(application);
    let secrets = [secret(&first, 6), secret(&second, 5)];
    let certificates = [certificate(&second, Uuid::new_v4())];
    let written = (
        [first.clone(), second.clone(), other.clone()],
        secrets.clone(),
        certificates.clone(),
    );
    fixture::write(metadata, move |tx| {
        let (applications, secrets, certificates) = &written;
        applications.iter().try_for_each(|one| tx.insert_application(one))?;
        secrets.iter().try_for_each(|one| tx.insert_application_secret(one))?;
        tx.insert_application_secret(&secret(&applications[2], 5))?;
        certificates
            .iter()
            .try_for_each(|one| tx.insert_application_certificate(one))
    })
    .await;
    let (ids, app_ids) = (
        [first.id, Uuid::new_v4(), second.id],
        [second.app_id, first.app_id, first.id],
    );
    let (mut by_id, mut by_app, mut found_secrets, found_certificates) = fixture::read(metadata, move |read| {
        Ok((
            read.find_applications(&ids)?,
            read.find_applications_by_app(&app_ids)?,
            read.list_secrets_of_applications(&ids)?,
            read.list_certificates_of_applications(&ids)?,
        ))
    })
    .await;
    by_id.sort_by(|one, another| one.display_name.cmp(&another.display_name));
    by_app.sort_by(|one, another| one.display_name.cmp(&another.display_name));
    assert_eq!(by_id, [first.clone(), second.clone()]);
    assert_eq!(by_app, [first, second]);
    found_secrets.sort_by_key(|secret| -secret.created_at.0);
    assert_eq!(found_secrets, secrets);
    assert_eq!(found_certificates, certificates);
    assert_eq!(fixture::read(metadata, |read| read.find_applications(&[])).await, []);
}

/// Pages go by name without regard to case, and show service principals where there are some.
pub async fn applications_page_by_folded_name(metadata: &dyn Metadata) {
    let all = ["beta", "Alpha", "alpha2", "ÄRGER", "alpha"].map(application);
    let account = PrincipalRecord {
        id: Uuid::new_v4(),
        app_id: all[2].app_id,
        display_name: "alpha2".to_owned(),
        is_enabled: false,
        generation: 1,
        created_at: Timestamp(1),
    };
    let written = (all.clone(), account.clone());
    fixture::write(metadata, move |tx| {
        for row in &written.0 {
            tx.insert_application(row)?;
        }
        tx.insert_principal(&written.1)
    })
    .await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let marker = after.clone();
        let page = fixture::read(metadata, move |read| read.list_applications("", marker.as_ref(), 2)).await;
        after = page.last().map(ApplicationRecord::marker);
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let mut expected = all.to_vec();
    expected.sort_by_key(|one| (one.folded_name(), one.id));
    assert_eq!(seen, expected);
    let found = fixture::read(metadata, |read| {
        let names =
            |rows: Vec<ApplicationRecord>| -> Vec<String> { rows.into_iter().map(|row| row.display_name).collect() };
        Ok((
            read.list_applications("alpha", None, 10)?.len(),
            names(read.list_applications("är", None, 10)?),
            read.list_service_principals("al", None, 10)?,
            read.list_service_principals("b", None, 10)?,
        ))
    })
    .await;
    let third = all[2].clone();
    assert_eq!(found, (3, vec!["ÄRGER".to_owned()], vec![(third, account)], vec![]));
}

/// A new name is found under; a federated credential keeps its name.
pub async fn applications_and_federated_credentials_change(metadata: &dyn Metadata) {
    let one = application("before");
    let trust = federated(&one, "a", exact("x"));
    let changed = FederatedCredential {
        issuer: "https://other.example".to_owned(),
        subject: FederatedSubject::Pattern("y*".to_owned()),
        audiences: vec![],
        description: Some("why".to_owned()),
        ..trust.clone()
    };
    let (id, expected) = (one.id, changed.clone());
    let found = fixture::write(metadata, move |tx| {
        tx.insert_application(&one)?;
        tx.insert_federated_credential(&trust)?;
        tx.update_application(&ApplicationRecord {
            display_name: "AFTER".to_owned(),
            ..one.clone()
        })?;
        tx.update_federated_credential(&changed)?;
        Ok((
            tx.list_applications("after", None, 2)?.len(),
            tx.list_applications("before", None, 2)?.len(),
            tx.list_federated_credentials(id)?,
        ))
    })
    .await;
    assert_eq!(found, (1, 0, vec![expected]));
}

/// One at a time, or all at once; an application with credentials cannot go.
pub async fn credentials_are_removed_with_their_application(metadata: &dyn Metadata) {
    let one = application("one");
    let (first, second) = (secret(&one, 5), secret(&one, 6));
    let key = certificate(&one, Uuid::new_v4());
    let trust = federated(&one, "a", exact("x"));
    let id = one.id;
    let removed = fixture::write(metadata, move |tx| {
        tx.insert_application(&one)?;
        tx.insert_application_secret(&first)?;
        tx.insert_application_secret(&second)?;
        tx.insert_application_certificate(&key)?;
        tx.insert_federated_credential(&trust)?;
        Ok((
            tx.remove_application_secret(id, first.id)?,
            tx.remove_application_secret(id, first.id)?,
            tx.remove_application_secret(Uuid::nil(), second.id)?,
            tx.remove_application_certificate(id, key.id)?,
            tx.remove_application_certificate(id, key.id)?,
            tx.remove_federated_credential(id, trust.id)?,
            tx.remove_federated_credential(id, trust.id)?,
        ))
    })
    .await;
    assert_eq!(removed, (true, false, false, true, false, true, false));
    let refused = fixture::try_write(metadata, move |tx| tx.remove_application(id)).await;
    assert!(refused.is_err(), "a secret is left");
    let removed = fixture::write(metadata, move |tx| {
        Ok((
            tx.remove_application_credentials(id)?,
            tx.remove_application(id)?,
            tx.remove_application(id)?,
        ))
    })
    .await;
    assert_eq!(removed, (1, true, false));
}

/// Application ids, names of federated credentials and what they trust are unique.
pub async fn what_identifies_is_unique(metadata: &dyn Metadata) {
    let one = application("one");
    let trust = federated(&one, "a", exact("x"));
    let same_app = ApplicationRecord {
        id: Uuid::new_v4(),
        ..one.clone()
    };
    let (same_name, same_subject) = (federated(&one, "a", exact("y")), federated(&one, "b", exact("x")));
    fixture::write(metadata, move |tx| {
        tx.insert_application(&one)?;
        tx.insert_federated_credential(&trust)
    })
    .await;
    assert!(
        fixture::try_write(metadata, move |tx| tx.insert_application(&same_app))
            .await
            .is_err()
    );
    for twin in [same_name, same_subject] {
        let refused = fixture::try_write(metadata, move |tx| tx.insert_federated_credential(&twin)).await;
        assert!(refused.is_err());
    }
}
