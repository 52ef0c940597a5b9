//! What things are called in a bucket: `PREFIX/objects/<2 hex>/<uuid>` is an object, and `….<nonce>` lies beside one that
//! is not complete. No name says whose bytes they are. It refuses to ask a store anything.

use holdfast_model::ObjectKey;
use uuid::Uuid;

/// The names below one prefix.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// Empty, or with a slash at its end.
    prefix: String,
}

/// What a name of a listing stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) key: ObjectKey,
    /// Whether it is not the object but lies beside it.
    pub(super) is_beside: bool,
}

impl Names {
    /// Names below a prefix, which has no slash at its ends.
    pub(super) fn new(prefix: &str) -> Self {
        let prefix = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        Self { prefix }
    }

    /// Names below a further piece of the prefix.
    pub(super) fn below(&self, piece: &str) -> Self {
        Self {
            prefix: format!("{}{piece}/", self.prefix),
        }
    }

    /// Names below what each beginning of the prefix names, the shortest first; not those below the prefix itself.
    pub(super) fn above(&self) -> impl Iterator<Item = Self> {
        let ends = self.prefix.match_indices('/').map(|(at, _)| at + 1);
        let beginnings = std::iter::once(0).chain(ends).filter(|end| *end < self.prefix.len());
        beginnings.map(|end| Self {
            prefix: self.prefix[..end].to_owned(),
        })
    }

    /// What all of them begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn object(&self, key: &ObjectKey) -> String {
        let name = key.to_string();
        format!("{}{}/{name}", self.objects(), &name[..2])
    }

    /// What lies beside an object that is not complete; all of it begins with [`Names::object`].
    pub(super) fn beside(&self, key: &ObjectKey, nonce: &str) -> String {
        format!("{}.{nonce}", self.object(key))
    }

    /// What all objects, and what lies beside them, begin with.
    pub(super) fn objects(&self) -> String {
        format!("{}objects/", self.prefix)
    }

    /// Something small of the service's own, next to the folder of objects.
    pub(super) fn own(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Reads a name of a listing; `None` of what is none of ours.
    pub(super) fn parse(&self, name: &str) -> Option<Named> {
        let (shard, rest) = name.strip_prefix(&self.objects())?.split_once('/')?;
        let (id, beside) = match rest.split_once('.') {
            Some((id, beside)) => (id, Some(beside)),
            None => (rest, None),
        };
        let key = ObjectKey::new(Uuid::try_parse(id).ok()?);
        let is_ours = key.to_string() == id && id.starts_with(shard) && shard.len() == 2;
        is_ours.then_some(Named {
            key,
            is_beside: beside.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_others_above_and_below_it() {
        let above = |prefix| -> Vec<String> { Names::new(prefix).above().map(|names| names.prefix).collect() };
        assert_eq!(above("a/bc/d"), ["", "a/", "a/bc/"]);
        assert_eq!(above("a"), [""]);
        assert!(above("").is_empty());
        assert_eq!(Names::new("a").below("b").own("c"), "a/b/c");
        assert_eq!(Names::new("").below("b").objects(), "b/objects/");
    }

    #[test]
    fn names_of_ours_are_read_back_and_no_others() {
        let key = ObjectKey::new(Uuid::from_u128(0xab << 120));
        for (prefix, first) in [("", "objects/ab/"), ("a/b", "a/b/objects/ab/")] {
            let names = Names::new(prefix);
            let (object, beside) = (names.object(&key), names.beside(&key, "1"));
            assert!(
                object.starts_with(first) && beside.starts_with(&object),
                "{object} {beside}"
            );
            let named = |is_beside| {
                Some(Named {
                    key: key.clone(),
                    is_beside,
                })
            };
            assert_eq!(
                (names.parse(&object), names.parse(&beside)),
                (named(false), named(true))
            );
            let upper = object.replace("ab0", "AB0");
            let elsewhere = object.replace("/ab/", "/ac/");
            for foreign in [&upper, &elsewhere, "objects/ab/README", &names.own("probe"), ""] {
                assert_eq!(names.parse(foreign), None, "{foreign}");
            }
        }
    }
}
