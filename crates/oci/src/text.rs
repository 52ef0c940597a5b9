//! What all words that are one piece of text share: serde as that text, parsed again on the way in.
//!
//! Only implementations live here; the grammar of a word is in the word's own module.

/// Implements `Serialize` through `Display` and `Deserialize` through `FromStr`.
macro_rules! serde_as_text {
    ($word:ty) => {
        impl serde::Serialize for $word {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $word {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Implements what a word held as `Arc<str>` offers: `as_str`, `Display`, `AsRef<str>`, `Borrow<str>` and serde.
macro_rules! shared_text {
    ($word:ident) => {
        impl $word {
            /// The word as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $word {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $word {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $word {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        $crate::text::serde_as_text!($word);
    };
}

pub(crate) use {serde_as_text, shared_text};
