//! Sign-ins under way.

use std::{net::IpAddr, time::Duration};

use holdfast_directory::sign_in::{DEVICE_CODE_LIFE, NewDevice};
use holdfast_model::{DeviceAnswer, DeviceCode, Durability, MetadataExt as _};
use holdfast_testkit::registry::TestRegistry;
use uuid::Uuid;

const MAX_DEVICES: u64 = 10_000;

/// Number, in the place of a hash.
fn hash(kind: u64, number: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&kind.to_be_bytes());
    hash[8..16].copy_from_slice(&number.to_be_bytes());
    hash
}

#[tokio::test]
async fn devices_that_expired_and_are_kept_take_room_too() {
    let registry = TestRegistry::start().await;
    let expires_at = registry.now().plus(DEVICE_CODE_LIFE);
    registry
        .rows()
        .transact(Durability::Relaxed, move |tx| {
            for number in 0..MAX_DEVICES {
                tx.insert_device_code(&DeviceCode {
                    verifier: hash(1, number),
                    user_verifier: hash(2, number),
                    client_id: Uuid::from_u128(8),
                    scope: "a b".to_owned(),
                    near: IpAddr::from([192, 0, 2, 1]),
                    far: None,
                    answer: DeviceAnswer::Waiting,
                    polled_at: expires_at,
                    expires_at,
                })?;
            }
            Ok::<_, holdfast_content::Error>(())
        })
        .await
        .unwrap();
    let start = || {
        registry.sign_in().start_device_sign_in(NewDevice {
            verifier: hash(3, 0),
            user_verifier: hash(4, 0),
            client_id: Uuid::from_u128(8),
            scope: String::new(),
            near: IpAddr::from([192, 0, 2, 2]),
            far: None,
        })
    };
    registry.advance(DEVICE_CODE_LIFE + Duration::from_secs(60));
    assert!(!start().await.unwrap(), "they are expired and there");
    registry.advance(Duration::from_secs(15 * 60));
    assert!(start().await.unwrap(), "they are gone");
}
