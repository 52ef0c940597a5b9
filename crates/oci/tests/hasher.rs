//! A hash that is put away and taken up again is the hash it would have been.

use holdfast_oci::{Algorithm, Digest, Hasher, hasher};
use proptest::prelude::*;

/// Longer than two blocks of either algorithm, so that every position in a block is met.
fn content() -> Vec<u8> {
    (0..=u8::MAX).chain(0..100).collect()
}

#[test]
fn a_saved_state_continues_at_every_offset() {
    let content = content();
    for algorithm in Algorithm::ALL {
        let expected = Digest::of(algorithm, &content);
        for offset in 0..=content.len() {
            let mut first = Hasher::new(algorithm);
            first.update(&content[..offset]);
            let saved = first.save();
            assert!(saved.len() <= 300, "{}", saved.len());
            let mut second = Hasher::restore(&saved).expect("just saved");
            assert_eq!(second.algorithm(), algorithm);
            second.update(&content[offset..]);
            assert_eq!(second.finish(), expected, "{algorithm} at {offset}");
        }
    }
}

#[test]
fn saving_changes_nothing() {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(b"abc");
    let copy = hasher.clone();
    assert_eq!(hasher.save(), copy.save());
    assert_eq!(
        hasher.finish().hex(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(copy.finish(), Digest::of(Algorithm::Sha256, b"abc"));
}

/// Sessions outlive a deployment: a layout that changes must raise the format byte.
#[test]
fn the_saved_layout_is_the_one_deployed() {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(b"abc");
    let saved = hasher.save();
    assert_eq!(saved[..2], [1, 1]);
    assert_eq!(saved.len(), 2 + 40 + 64 + 8, "sha256");
    assert_eq!(Hasher::new(Algorithm::Sha512).save().len(), 2 + 80 + 128 + 8, "sha512");
    let digest = Digest::of(Algorithm::Sha256, &saved);
    assert_eq!(
        digest.hex(),
        "61202dcd1c2a9bbfd9b053f18a548be233ffd913eaeb2625360f272a657a508b"
    );
}

#[test]
fn states_that_were_never_saved_are_refused() {
    let saved = Hasher::new(Algorithm::Sha512).save();
    assert!(matches!(
        Hasher::restore(&[]),
        Err(hasher::Error::Format { found: None })
    ));
    assert!(matches!(
        Hasher::restore(&[9, 1]),
        Err(hasher::Error::Format { found: Some(9) })
    ));
    assert!(matches!(Hasher::restore(&[1]), Err(hasher::Error::Algorithm)));
    assert!(matches!(Hasher::restore(&[1, 7]), Err(hasher::Error::Algorithm)));
    let short = &saved[..saved.len() - 1];
    assert!(
        matches!(Hasher::restore(short), Err(hasher::Error::Damaged { length_bytes, .. }) if length_bytes == short.len())
    );
    let mut other = saved.clone();
    other[1] = 1;
    assert!(matches!(Hasher::restore(&other), Err(hasher::Error::Damaged { .. })));
}

#[test]
fn one_changed_bit_is_found() {
    for algorithm in Algorithm::ALL {
        let saved = Hasher::new(algorithm).save();
        for position in 0..saved.len() * 8 {
            let mut damaged = saved.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            Hasher::restore(&damaged).expect_err("damaged");
        }
    }
}

proptest! {
    #[test]
    fn pieces_and_pauses_do_not_change_the_digest(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
    ) {
        for algorithm in Algorithm::ALL {
            let mut hasher = Hasher::new(algorithm);
            for piece in &pieces {
                hasher.update(piece);
                hasher = Hasher::restore(&hasher.save()).expect("just saved");
            }
            prop_assert_eq!(hasher.finish(), Digest::of(algorithm, &pieces.concat()));
        }
    }

    #[test]
    fn no_bytes_make_restore_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..250), format in any::<bool>()) {
        if let (true, Some(first)) = (format, bytes.first_mut()) {
            *first = 1;
        }
        if let Ok(mut hasher) = Hasher::restore(&bytes) {
            hasher.update(&[0; 300]);
            let _digest = hasher.finish();
        }
    }
}
