//! One walk over a manifest's JSON before anything is believed: syntax, depth, keys, annotations, number of descriptors.
//!
//! Everything here is about texts that two JSON readers could understand differently, or that would cost too much to
//! understand at all. What the fields mean is the parent's business. Keeps no values, only the keys of the objects that
//! are open.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor};

use super::{Error, MAX_DEPTH, MAX_DESCRIPTORS};

/// Fields that decide what a manifest is and links to.
const MANIFEST_FIELDS: [&str; 11] = [
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "subject",
    "annotations",
    "fsLayers",
    "signatures",
];

/// Fields of a descriptor.
const DESCRIPTOR_FIELDS: [&str; 8] = [
    "mediaType",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "platform",
    "artifactType",
];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Walks the whole document once.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        return Err(Error::ByteOrderMark);
    }
    let findings = Findings::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let walk = Walk {
        findings: &findings,
        place: Place::Root,
        depth: 0,
    };
    if let Err(source) = walk.deserialize(&mut deserializer) {
        return Err(findings.refusal.into_inner().unwrap_or(Error::NotJson { source }));
    }
    deserializer.end().map_err(|source| Error::TrailingData { source })
}

/// What the visitors share.
#[derive(Default)]
struct Findings {
    /// The typed reason behind the nameless error a visitor stops with.
    refusal: RefCell<Option<Error>>,
    descriptors: Cell<usize>,
}

impl Findings {
    fn refuse<E: serde::de::Error>(&self, refusal: Error) -> E {
        *self.refusal.borrow_mut() = Some(refusal);
        E::custom("refused")
    }
}

/// What the value at hand is to the manifest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The document, which must be an object.
    Root,
    /// Which must be an object too.
    Descriptor,
    Descriptors,
    /// The platform of a descriptor, likewise.
    Platform,
    Annotations,
    /// A value of an annotation, which must be a string.
    Annotation,
    /// Anything whose meaning is not ours.
    Other,
}

impl Place {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Root => &MANIFEST_FIELDS,
            Self::Descriptor => &DESCRIPTOR_FIELDS,
            Self::Descriptors | Self::Platform | Self::Annotations | Self::Annotation | Self::Other => &[],
        }
    }

    fn of_field(self, key: &str) -> Self {
        match (self, key) {
            (Self::Root, "config" | "subject") => Self::Descriptor,
            (Self::Root, "layers" | "manifests" | "blobs") => Self::Descriptors,
            (Self::Descriptor, "platform") => Self::Platform,
            (Self::Root | Self::Descriptor, "annotations") => Self::Annotations,
            (Self::Annotations, _) => Self::Annotation,
            _ => Self::Other,
        }
    }

    fn of_element(self) -> Self {
        if self == Self::Descriptors {
            Self::Descriptor
        } else {
            Self::Other
        }
    }
}

#[derive(Clone, Copy)]
struct Walk<'f> {
    findings: &'f Findings,
    place: Place,
    depth: usize,
}

impl Walk<'_> {
    /// An object or an array opens: the depth of what is in it.
    fn open<E: serde::de::Error>(self) -> Result<usize, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.findings.refuse(Error::TooDeep));
        }
        if self.place == Place::Descriptor {
            let count = self.findings.descriptors.get() + 1;
            self.findings.descriptors.set(count);
            if count > MAX_DESCRIPTORS {
                return Err(self.findings.refuse(Error::TooManyDescriptors));
            }
        }
        Ok(self.depth + 1)
    }

    fn check_key<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        let fields = self.place.fields();
        if fields.contains(&key) {
            return Ok(());
        }
        match fields.iter().find(|field| is_lookalike(key, field)) {
            None => Ok(()),
            Some(field) => Err(self.findings.refuse(Error::LookalikeKey {
                key: key.to_owned(),
                field,
            })),
        }
    }

    /// A string, a number, a boolean or null.
    fn scalar<E: serde::de::Error>(self, is_string: bool, is_null: bool) -> Result<(), E> {
        match self.place {
            Place::Root => Err(self.findings.refuse(Error::NotAnObject)),
            Place::Annotation if !is_string => Err(self.findings.refuse(Error::Annotations)),
            Place::Annotations if !is_null => Err(self.findings.refuse(Error::Annotations)),
            _ => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.scalar(false, false)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.scalar(false, false)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.scalar(false, false)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.scalar(false, false)
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.scalar(true, false)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.scalar(false, true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        match self.place {
            Place::Root => return Err(self.findings.refuse(Error::NotAnObject)),
            Place::Annotations | Place::Annotation => {
                return Err(self.findings.refuse(Error::Annotations));
            }
            // Serde would take the fields of an object from a list, in their order.
            Place::Descriptor | Place::Platform => {
                let source = serde_json::Error::invalid_type(Unexpected::Seq, &"an object");
                return Err(self.findings.refuse(Error::Shape { source }));
            }
            Place::Descriptors | Place::Other => {}
        }
        let element = Walk {
            place: self.place.of_element(),
            depth: self.open()?,
            ..self
        };
        while elements.next_element_seed(element)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if self.place == Place::Annotation {
            return Err(self.findings.refuse(Error::Annotations));
        }
        let depth = self.open()?;
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.check_key(&key)?;
            let value = Walk {
                place: self.place.of_field(&key),
                depth,
                ..self
            };
            if let Some(key) = keys.replace(key) {
                return Err(self.findings.refuse(Error::DuplicateKey { key }));
            }
            entries.next_value_seed(value)?;
        }
        Ok(())
    }
}

/// Whether a reader that ignores case would take the key for the field: Go's JSON folds letters as Unicode does, where
/// the long s and the Kelvin sign are letters of ASCII too.
fn is_lookalike(key: &str, field: &str) -> bool {
    let folded = key.chars().map(|character| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(field.chars().map(|character| character.to_ascii_lowercase()))
}
