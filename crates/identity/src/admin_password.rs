//! The two passwords of a registry's admin account: made, sealed for the registry and the slot they stand in, and opened
//! again. It refuses to know where they are stored.

use secrecy::{ExposeSecret, SecretString};

use crate::{
    password,
    sealed::{Error, Sealer},
};

/// Which of the two passwords: clients change to one while the other is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// `password`.
    First,
    /// `password2`.
    Second,
}

/// A password that nobody has seen yet.
#[derive(Debug)]
pub struct NewAdminPassword {
    /// The password.
    pub secret: SecretString,
    /// The same, encrypted with the server's key.
    pub sealed: Vec<u8>,
    /// Keyed hash to compare a given password with.
    pub verifier: [u8; 32],
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// As ARM and the Azure CLI call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "password",
            Self::Second => "password2",
        }
    }

    /// As it is stored.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }

    /// The slot of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.name() == name)
    }

    /// The slot of a number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.number() == number)
    }

    fn context(self, registry: &str) -> String {
        format!(
            "registry {} admin password {}",
            registry.to_ascii_lowercase(),
            self.number()
        )
    }
}

impl NewAdminPassword {
    /// A fresh one for a slot of a registry.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn generate(sealer: &Sealer, registry: &str, slot: Slot) -> Result<Self, Error> {
        let secret = password::generate();
        Ok(Self {
            sealed: sealer.seal(&secret, &slot.context(registry))?,
            verifier: sealer.verifier(secret.expose_secret()),
            secret,
        })
    }
}

/// Opens what stands in a slot of a registry.
///
/// # Errors
/// It was sealed for another slot or registry, or with another master key, or is damaged.
pub fn open(sealer: &Sealer, registry: &str, slot: Slot, sealed: &[u8]) -> Result<SecretString, Error> {
    sealer.open(sealed, &slot.context(registry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ServerKeys;

    #[test]
    fn a_password_opens_in_its_slot_of_its_registry_only() {
        let sealer = Sealer::new(&ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap());
        let new = NewAdminPassword::generate(&sealer, "Contoso", Slot::Second).unwrap();
        let opened = open(&sealer, "contoso", Slot::Second, &new.sealed).unwrap();
        assert_eq!(opened.expose_secret(), new.secret.expose_secret());
        assert!(open(&sealer, "contoso", Slot::First, &new.sealed).is_err());
        assert!(open(&sealer, "fabrikam", Slot::Second, &new.sealed).is_err());
    }

    #[test]
    fn slots_are_found_by_name_and_by_number() {
        for slot in Slot::ALL {
            assert_eq!(Slot::of_name(slot.name()), Some(slot));
            assert_eq!(Slot::of_number(slot.number()), Some(slot));
        }
        assert_eq!((Slot::of_name("password1"), Slot::of_number(0)), (None, None));
    }
}
