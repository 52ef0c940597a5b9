//! Claims about sign-ins under way.

use std::net::IpAddr;

use holdfast_model::{AuthorizationCode, Counted, DeviceAnswer, DeviceCode, Metadata, ProvenPerson, Timestamp};
use uuid::Uuid;

use super::fixture;

const ANN: ProvenPerson = ProvenPerson {
    id: Uuid::from_u128(7),
    generation: 3,
};

fn code(seed: u8, expires_at: i64) -> AuthorizationCode {
    AuthorizationCode {
        verifier: [seed; 32],
        person: ANN,
        client_id: Uuid::from_u128(8),
        redirect_uri: "http://localhost:1234".to_owned(),
        challenge: [9; 32],
        scope: "a b".to_owned(),
        nonce: Some("n".to_owned()),
        expires_at: Timestamp(expires_at),
    }
}

pub(super) fn device(seed: u8, expires_at: i64) -> DeviceCode {
    DeviceCode {
        verifier: [seed; 32],
        user_verifier: [seed + 100; 32],
        client_id: Uuid::from_u128(8),
        scope: "a b".to_owned(),
        near: IpAddr::from([192, 0, 2, 1]),
        far: None,
        answer: DeviceAnswer::Waiting,
        polled_at: Timestamp(0),
        expires_at: Timestamp(expires_at),
    }
}

/// Whoever takes a code first has it, and nobody after.
pub async fn an_authorization_code_is_taken_once(metadata: &dyn Metadata) {
    let written = code(1, 50);
    let expected = written.clone();
    fixture::write(metadata, move |tx| {
        tx.insert_authorization_code(&written)?;
        tx.insert_authorization_code(&AuthorizationCode {
            nonce: None,
            ..code(2, 50)
        })
    })
    .await;
    for wanted in [Some(expected), None] {
        let taken = fixture::write(metadata, |tx| tx.take_authorization_code(&[1; 32])).await;
        assert_eq!(taken, wanted);
    }
    let other = fixture::write(metadata, |tx| tx.take_authorization_code(&[2; 32])).await;
    assert_eq!(other.map(|code| code.nonce), Some(None));
}

/// Both codes find the device; every answer is kept.
pub async fn a_device_code_reads_back_as_written(metadata: &dyn Metadata) {
    let mut one = DeviceCode {
        near: IpAddr::from([0x2001, 0xdb8, 0, 0x100, 0, 0, 0, 0]),
        far: Some(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0])),
        ..device(1, 50)
    };
    let written = one.clone();
    fixture::write(metadata, move |tx| {
        tx.insert_device_code(&written)?;
        tx.insert_device_code(&device(2, 60))
    })
    .await;
    for answer in [DeviceAnswer::Waiting, DeviceAnswer::Approved(ANN), DeviceAnswer::Denied] {
        one.answer = answer;
        one.polled_at = Timestamp(one.polled_at.0 + 1);
        let written = one.clone();
        fixture::write(metadata, move |tx| tx.update_device_code(&written)).await;
        let found = fixture::read(metadata, |read| {
            Ok((
                read.find_device_code(&[1; 32])?,
                read.find_device_code_by_user(&[101; 32])?,
                read.find_device_code(&[101; 32])?,
            ))
        })
        .await;
        assert_eq!(found, (Some(one.clone()), Some(one.clone()), None));
    }
    let removed = fixture::write(metadata, |tx| {
        Ok((tx.remove_device_code(&[1; 32])?, tx.remove_device_code(&[1; 32])?))
    })
    .await;
    assert_eq!(removed, (true, false));
}

/// A person who types a code means one device.
pub async fn a_user_code_is_one_devices(metadata: &dyn Metadata) {
    fixture::write(metadata, |tx| tx.insert_device_code(&device(1, 50))).await;
    let twin = DeviceCode {
        verifier: [3; 32],
        ..device(1, 50)
    };
    let refused = fixture::try_write(metadata, move |tx| tx.insert_device_code(&twin)).await;
    assert!(refused.is_err());
}

/// The second use of an assertion is seen.
pub async fn an_assertion_is_new_once(metadata: &dyn Metadata) {
    for expected in [true, false] {
        let is_new = fixture::write(metadata, |tx| tx.insert_used_assertion(&[1; 32], Timestamp(50))).await;
        assert_eq!(is_new, expected);
    }
}

/// What has expired goes, of every kind, and nothing else.
pub async fn expired_sign_ins_are_removed(metadata: &dyn Metadata) {
    fixture::write(metadata, |tx| {
        for (seed, expires_at) in [(1, 10), (2, 20)] {
            tx.insert_authorization_code(&code(seed, expires_at))?;
            tx.insert_device_code(&device(seed, expires_at))?;
            tx.insert_used_assertion(&[seed; 32], Timestamp(expires_at))?;
        }
        Ok(())
    })
    .await;
    let count = fixture::read(metadata, |read| read.count(Counted::Devices));
    assert_eq!(count.await, 2);
    let removed = fixture::write(metadata, |tx| tx.remove_expired_sign_ins(Timestamp(11))).await;
    assert_eq!(removed, 3);
    let count = fixture::read(metadata, |read| read.count(Counted::Devices));
    assert_eq!(count.await, 1);
    let left = fixture::write(metadata, |tx| {
        Ok((
            tx.take_authorization_code(&[1; 32])?.is_some(),
            tx.take_authorization_code(&[2; 32])?.is_some(),
            tx.find_device_code(&[1; 32])?.is_some(),
            tx.find_device_code(&[2; 32])?.is_some(),
            tx.insert_used_assertion(&[1; 32], Timestamp(50))?,
            tx.insert_used_assertion(&[2; 32], Timestamp(50))?,
        ))
    })
    .await;
    assert_eq!(left, (false, true, false, true, true, false));
}
