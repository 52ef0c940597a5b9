//! Claims about tokens: when a password ends, and what keeps a scope map.

use std::time::Duration;

use holdfast_access::{ControlAction, ControlCaller, ControlGrant, Rights, ScopeMap, decide_control};
use holdfast_arm::ResourceId;
use holdfast_model::{Sku, Timestamp};
use holdfast_operations::{Claimant, Entrance, Standing};
use holdfast_resources::{Error, KeptPassword, NewTokenPasswords, TokenAccount, TokenChange, TokenError};
use holdfast_testkit::registry::{NAME, TestRegistry};

struct World {
    registry: TestRegistry,
    id: ResourceId,
}

impl World {
    async fn new() -> Self {
        let registry = TestRegistry::start().await;
        let id = ResourceId::parse(&registry.record().arm_id()).unwrap();
        Self { registry, id }
    }

    fn may<A: ControlAction>(&self, child: Option<(&str, &str)>) -> ControlGrant<A> {
        let id = child.map_or_else(|| self.id.clone(), |(kind, name)| self.id.child(kind, name).unwrap());
        decide_control(&ControlCaller::operator(), &id).unwrap()
    }

    async fn put_map(&self, name: &str) -> Result<bool, Error> {
        let grant = self.may(Some(("scopeMaps", name)));
        let actions = ScopeMap::parse(&["repositories/app/content/read"]).unwrap();
        let put = self
            .registry
            .resources()
            .put_scope_map(&grant, name.to_owned(), None, actions);
        put.await.map(|(_, is_new)| is_new)
    }

    async fn put_token(&self, name: &str, map: &str) -> Result<bool, Error> {
        let grant = self.may(Some(("tokens", name)));
        let change = TokenChange {
            scope_map: Some(self.id.child("scopeMaps", map).unwrap()),
            ..TokenChange::default()
        };
        let put = self.registry.resources().put_token(&grant, name.to_owned(), change);
        put.await.map(|(_, is_new)| is_new)
    }

    async fn set_passwords(&self, name: &str, lives: Option<Duration>) -> Result<(), Error> {
        let token = self.id.child("tokens", name).unwrap();
        let new = NewTokenPasswords {
            verifiers: vec![(1, [1; 32]), (2, [2; 32])],
            expires_at: lives.map(|lives| self.registry.now().plus(lives)),
        };
        let set = self
            .registry
            .resources()
            .generate_token_passwords(&self.may(None), &token, new)
            .await;
        set.map(drop)
    }

    /// Keeps password 1, with the end that the request names, and no other.
    async fn keep_first(&self, name: &str, expires_at: Option<Timestamp>) -> Result<(), Error> {
        let change = TokenChange {
            passwords: Some(vec![KeptPassword { slot: 1, expires_at }]),
            ..TokenChange::default()
        };
        let grant = self.may(Some(("tokens", name)));
        self.registry.resources().change_token(&grant, change).await.map(drop)
    }

    /// How many passwords are good, and the rights.
    async fn account(&self, name: &str) -> (usize, Rights) {
        let by_password = self.stand(Claimant::User { name: name.to_owned() }).await;
        let by_token = self.stand(Claimant::Token { name: name.to_owned() }).await;
        assert_eq!(by_password.name.to_ascii_lowercase(), name.to_ascii_lowercase());
        assert_eq!(by_token.passwords, by_password.passwords, "both ways in see the same");
        assert_eq!(by_token.rights, by_password.rights, "both ways in see the same");
        (by_token.passwords.len(), by_token.rights)
    }

    async fn stand(&self, claimant: Claimant) -> TokenAccount {
        let peer = std::net::Ipv4Addr::LOCALHOST.into();
        let entrance = self
            .registry
            .operator()
            .front_door()
            .enter(NAME, peer, claimant)
            .await
            .unwrap();
        match entrance {
            Entrance::Open(front) => match front.standing {
                Standing::Token(found) => found.unwrap(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_password_is_good_until_the_moment_it_expires() {
    let world = World::new().await;
    world.put_map("pullers").await.unwrap();
    world.put_token("build", "pullers").await.unwrap();
    assert_eq!(world.account("build").await.0, 0, "a new token has none");
    world
        .set_passwords("build", Some(Duration::from_secs(60)))
        .await
        .unwrap();
    world.registry.advance(Duration::from_secs(59));
    assert_eq!(world.account("BUILD").await.0, 2);
    world.registry.advance(Duration::from_secs(1));
    let (good, rights) = world.account("build").await;
    assert_eq!(good, 0);
    assert_eq!(rights.rules().len(), 1);
    world.set_passwords("build", None).await.unwrap();
    world.registry.advance(Duration::from_secs(1_000_000_000));
    assert_eq!(world.account("build").await.0, 2);
    let refused = world.set_passwords("build", Some(Duration::ZERO)).await;
    assert!(
        matches!(refused, Err(Error::Token(TokenError::ExpiryPast))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_password_that_is_kept_keeps_its_end() {
    let world = World::new().await;
    world.put_map("pullers").await.unwrap();
    world.put_token("build", "pullers").await.unwrap();
    let lives = Duration::from_secs(60);
    world.set_passwords("build", Some(lives)).await.unwrap();
    let end = world.registry.now().plus(lives);
    let later = world.keep_first("build", Some(end.plus(lives))).await;
    assert!(
        matches!(later, Err(Error::Token(TokenError::ExpiryFixed { slot: 1 }))),
        "{later:?}"
    );
    assert_eq!(world.account("build").await.0, 2, "a refused change takes nothing away");
    world.keep_first("build", Some(end)).await.unwrap();
    assert_eq!(world.account("build").await.0, 1);
    world.registry.advance(lives);
    assert_eq!(world.account("build").await.0, 0);
}

#[tokio::test]
async fn a_scope_map_stays_while_a_token_has_it() {
    let world = World::new().await;
    assert!(world.put_map("pullers").await.unwrap());
    assert!(!world.put_map("PULLERS").await.unwrap());
    world.put_token("build", "Pullers").await.unwrap();
    let delete = || async {
        let grant = world.may(Some(("scopeMaps", "pullers")));
        world.registry.resources().delete_scope_map(&grant).await
    };
    let refused = delete().await;
    assert!(
        matches!(&refused, Err(Error::Token(TokenError::MapInUse { name, token })) if name == "pullers" && token == "build"),
        "{refused:?}"
    );
    world.put_token("build", "_repositories_pull").await.unwrap();
    assert!(delete().await.unwrap());
    assert!(!delete().await.unwrap());
}

#[tokio::test]
async fn a_classic_registry_has_no_tokens() {
    let world = World::new().await;
    world.registry.switch(|registry| registry.sku = Sku::Classic).await;
    for refused in [
        world.put_map("pullers").await,
        world.put_token("build", "_repositories_pull").await,
    ] {
        assert!(matches!(refused, Err(Error::SkuLacks { .. })), "{refused:?}");
    }
}
