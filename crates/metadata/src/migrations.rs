//! The schema's history, one for both databases: a version means the same in each, and from [`BASELINE`] on every step has
//! what each of them does. A step that has shipped is never edited. How steps are applied is the adapters'.

/// One step.
pub(crate) struct Step {
    /// The version that it brings a schema to.
    pub(crate) version: i64,
    /// What SQLite does.
    pub(crate) sqlite: &'static str,
    /// What PostgreSQL does; nothing before it came.
    pub(crate) postgres: Option<&'static str>,
}

/// The step at which PostgreSQL came: there it makes the whole schema.
pub(crate) const BASELINE: i64 = 19;

macro_rules! step {
    ($version:literal, $name:literal) => {
        Step {
            version: $version,
            sqlite: include_str!(concat!("migrations/", $name, ".sqlite.sql")),
            postgres: None,
        }
    };
    ($version:literal, $name:literal, $postgres:literal) => {
        Step {
            version: $version,
            sqlite: include_str!(concat!("migrations/", $name, ".sqlite.sql")),
            postgres: Some(include_str!(concat!("migrations/", $postgres, ".postgres.sql"))),
        }
    };
}

/// All of them, oldest first.
pub(crate) const STEPS: &[Step] = &[
    step!(1, "0001-first"),
    step!(2, "0002-control-plane"),
    step!(3, "0003-token"),
    step!(4, "0004-application"),
    step!(5, "0005-job"),
    step!(6, "0006-registry-settings"),
    step!(7, "0007-person"),
    step!(8, "0008-role-assignment"),
    step!(9, "0009-token-author"),
    step!(10, "0010-storage-account"),
    step!(11, "0011-manifest-annotations"),
    step!(12, "0012-own-storage"),
    step!(13, "0013-tally"),
    step!(14, "0014-storage-kind"),
    step!(15, "0015-tally-people-and-tokens"),
    step!(16, "0016-push"),
    step!(17, "0017-upload-by-caller"),
    step!(18, "0018-store-state"),
    step!(19, "0019-row-blob", "0019-baseline"),
    step!(20, "0020-node", "0020-node"),
    step!(21, "0021-data-endpoint", "0021-data-endpoint"),
];

/// The version this build makes and reads.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_each_other_and_both_databases_have_them() {
        for (step, version) in STEPS.iter().zip(1..) {
            assert_eq!(step.version, version);
            assert_eq!(step.postgres.is_some(), version >= BASELINE, "version {version}");
        }
    }
}
