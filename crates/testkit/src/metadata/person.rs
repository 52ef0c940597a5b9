//! Claims about people.

use holdfast_model::{Counted, Metadata, PersonRecord, PrincipalRecord, Timestamp, UserName};
use uuid::Uuid;

use super::fixture;

fn name(text: &str) -> UserName {
    text.parse().expect("the tests use good names")
}

fn person(user_name: &str) -> PersonRecord {
    let id = Uuid::new_v4();
    PersonRecord {
        principal: PrincipalRecord {
            id,
            app_id: id,
            display_name: "Änn".to_owned(),
            is_enabled: true,
            generation: 1,
            created_at: Timestamp(4),
        },
        user_name: name(user_name),
        verifier: "verifier".to_owned(),
    }
}

async fn insert(metadata: &dyn Metadata, person: &PersonRecord) {
    let person = person.clone();
    fixture::write(metadata, move |tx| {
        tx.insert_principal(&person.principal)?;
        tx.insert_person(&person)
    })
    .await;
}

/// Id and name, in any case, find the person with what its principal says.
pub async fn a_person_reads_back_as_written(metadata: &dyn Metadata) {
    let ann = person("Ann@Example.org");
    insert(metadata, &ann).await;
    insert(metadata, &person("bob@example.org")).await;
    let id = ann.principal.id;
    let found = fixture::read(metadata, move |read| {
        Ok((
            read.find_person(id)?,
            read.find_person_by_name(&name("aNN@example.ORG"))?,
            read.find_person_by_name(&name("ann@example.com"))?,
        ))
    })
    .await;
    assert_eq!(found, (Some(ann.clone()), Some(ann.clone()), None));
    let mut changed = ann;
    changed.verifier = "another".to_owned();
    changed.principal.generation = 2;
    changed.principal.is_enabled = false;
    let written = changed.clone();
    fixture::write(metadata, move |tx| {
        tx.update_person(&written)?;
        tx.update_principal(&written.principal)
    })
    .await;
    let found = fixture::read(metadata, move |read| read.find_person(id)).await;
    assert_eq!(found, Some(changed));
}

/// Many are looked up in one read; what is not there is left out.
pub async fn several_people_are_found_at_once(metadata: &dyn Metadata) {
    let people = ["ann@example.org", "bob@example.org", "cid@example.org"].map(person);
    for one in &people {
        insert(metadata, one).await;
    }
    let ids = [people[1].principal.id, Uuid::new_v4(), people[0].principal.id];
    let mut found = fixture::read(metadata, move |read| read.find_people(&ids)).await;
    found.sort_by(|one, another| one.user_name.as_str().cmp(another.user_name.as_str()));
    assert_eq!(found, people[..2]);
}

/// A name is one person's, whatever its case.
pub async fn a_user_name_is_taken_once(metadata: &dyn Metadata) {
    insert(metadata, &person("ann@example.org")).await;
    let again = person("ANN@example.org");
    let refused = fixture::try_write(metadata, move |tx| {
        tx.insert_principal(&again.principal)?;
        tx.insert_person(&again)
    })
    .await;
    assert!(refused.is_err());
}

/// By name, without regard to case.
pub async fn people_page_by_name(metadata: &dyn Metadata) {
    for user_name in ["carl@x", "Ann@x", "bob@x"] {
        insert(metadata, &person(user_name)).await;
    }
    let pages = fixture::read(metadata, move |read| {
        let first = read.list_people(None, 2)?;
        let last = first.last().map(|person| person.user_name.clone());
        Ok((first, read.list_people(last.as_ref(), 2)?))
    })
    .await;
    let count = fixture::read(metadata, |read| read.count(Counted::People));
    assert_eq!(count.await, 3);
    let names = |page: &[PersonRecord]| {
        page.iter()
            .map(|person| person.user_name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&pages.0), ["Ann@x", "bob@x"]);
    assert_eq!(names(&pages.1), ["carl@x"]);
}

/// The person goes first, then its principal.
pub async fn a_removed_person_is_gone(metadata: &dyn Metadata) {
    let ann = person("ann@x");
    insert(metadata, &ann).await;
    let id = ann.principal.id;
    let removed = fixture::write(metadata, move |tx| {
        Ok((tx.remove_person(id)?, tx.remove_principal(id)?, tx.remove_person(id)?))
    })
    .await;
    assert_eq!(removed, (true, true, false));
    let count = fixture::read(metadata, |read| read.count(Counted::People));
    assert_eq!(count.await, 0);
    let found = fixture::read(metadata, move |read| {
        Ok((read.find_person(id)?, read.find_person_by_name(&name("ann@x"))?))
    })
    .await;
    assert_eq!(found, (None, None));
}
