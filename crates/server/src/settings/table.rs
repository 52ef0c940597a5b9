//! Every setting of `holdfast serve`, once: the flags, the environment's names, the file's keys, the defaults and the
//! help all come from this table. It refuses to know what a value means; `settings.rs` does.

use clap::{Arg, ArgAction};

use super::parse;

/// How often a setting may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    One,
    /// Any number of values: a flag that repeats, a list in the file, commas in the environment.
    Many,
    /// On or off; the flag needs no value.
    Switch,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The flag without its dashes, and the key in the file.
    pub(crate) key: &'static str,
    /// How often it may be given.
    pub(crate) kind: Kind,
    /// What stands for the value in the help.
    pub(crate) value: &'static str,
    /// The value when nobody gives one; empty when there is none.
    pub(crate) default: &'static str,
    /// One sentence.
    pub(crate) help: &'static str,
    /// Whether its value is shown nowhere.
    pub(crate) is_secret: bool,
}

const fn one(key: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Entry {
    let kind = Kind::One;
    Entry {
        key,
        kind,
        value,
        default,
        help,
        is_secret: false,
    }
}

const fn many(key: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Entry {
    let kind = Kind::Many;
    Entry {
        key,
        kind,
        value,
        default,
        help,
        is_secret: false,
    }
}

const fn switch(key: &'static str, help: &'static str) -> Entry {
    let kind = Kind::Switch;
    let (value, default) = ("BOOL", "false");
    Entry {
        key,
        kind,
        value,
        default,
        help,
        is_secret: false,
    }
}

/// The folder that everything lies in, as far as no other setting says where. This and the next two the operator's commands
/// have as well.
pub(crate) const DATA_DIR: Entry = one(
    "data-dir",
    "DIR",
    "./holdfast-data",
    "The folder for database, blobs and keys; made when missing",
);

/// The database that nodes share. Its URL may hold a password.
pub(crate) const DATABASE: Entry = Entry {
    is_secret: true,
    ..one(
        "database",
        "URL",
        "",
        "The PostgreSQL for what would be rows of the data folder, postgresql://USER:PASSWORD@HOST:PORT/NAME; others on this \
         machine can read flags, so better in the environment or the settings file",
    )
};

/// The key that seals.
pub(crate) const MASTER_KEY: Entry = one(
    "master-key",
    "FILE",
    "",
    "The key that seals secrets, the same for every node; made by the first start, in the data folder without this",
);

/// All of them, in the order of the help.
pub(crate) const ENTRIES: &[Entry] = &[
    DATA_DIR,
    DATABASE,
    MASTER_KEY,
    one(
        "http",
        "ADDR",
        "127.0.0.1:5000",
        "Where to listen for plain HTTP: HOST:PORT, or off",
    ),
    one(
        "https",
        "ADDR",
        "127.0.0.1:5443",
        "Where to listen for HTTPS: HOST:PORT, or off",
    ),
    one(
        "domain",
        "NAME",
        "registry.localhost",
        "The domain of login servers: registry NAME answers at NAME.DOMAIN",
    ),
    one(
        "storage",
        "URL",
        "",
        "Where blobs lie instead of the data folder: s3://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX, gs://BUCKET/PREFIX or file:///FOLDER",
    ),
    many(
        "location",
        "NAME[=PLACE]",
        "",
        "A further location for registries, such as eastus=/mnt/disk or eastus=s3://BUCKET; in the data folder without \
         PLACE; may repeat",
    ),
    many(
        "hostname",
        "NAME",
        "",
        "A further name of this host, at which the default registry answers; may repeat",
    ),
    one(
        "tls-cert",
        "FILE",
        "",
        "Your certificate with its chain, PEM; read again when it changes",
    ),
    one("tls-key", "FILE", "", "The private key of --tls-cert, PEM"),
    switch(
        "allow-plain-http",
        "Allow plain HTTP on addresses that other machines can reach",
    ),
    many(
        "trusted-proxy",
        "CIDR",
        "",
        "A proxy whose X-Forwarded-For, -Proto and -Host headers count; may repeat",
    ),
    many(
        "metrics-from",
        "CIDR",
        "127.0.0.0/8,::1/128",
        "Who may read /metrics; may repeat",
    ),
    one(
        "log-level",
        "LEVEL",
        "info",
        "error, warn, info, debug or trace, for single parts as in info,access=off",
    ),
    one(
        "log-format",
        "FORMAT",
        "auto",
        "text, json, or auto: text on a terminal",
    ),
    one(
        "gc-grace",
        "TIME",
        "24h",
        "How long something unneeded is kept before it is collected",
    ),
    one("gc-interval", "TIME", "1h", "How often garbage is collected, or off"),
    one(
        "upload-idle",
        "TIME",
        "24h",
        "When an upload without progress is given up",
    ),
    one("max-blob-size", "SIZE", "200GiB", "The largest blob that is taken"),
    one(
        "body-stall",
        "TIME",
        "60s",
        "How long a request's body may bring nothing before it is cut off",
    ),
    many(
        "allow-outgoing",
        "HOST|CIDR",
        "",
        "An inside host or network that images may be imported from and issuers asked at; http://HOST:PORT allows plain \
         HTTP; may repeat",
    ),
    one(
        "outgoing-ca",
        "FILE",
        "",
        "CAs trusted for outgoing requests beside those of this machine, PEM",
    ),
    one(
        "drain",
        "TIME",
        "0",
        "How long /readyz says 503 after a signal to stop, before connections are refused",
    ),
    one(
        "shutdown-grace",
        "TIME",
        "30s",
        "How long running requests may take to finish after a signal to stop",
    ),
];

impl Entry {
    /// A value as it may be shown.
    pub(crate) fn shown(&self, value: &str) -> Option<String> {
        (!self.is_secret).then(|| parse::shown(value))
    }

    /// The name of the setting in the environment.
    pub(crate) fn variable(&self) -> String {
        format!("HOLDFAST_{}", self.key.to_ascii_uppercase().replace('-', "_"))
    }

    /// The setting as a flag. Values stay text here, so that all mistakes can be told at once.
    pub(crate) fn flag(&self) -> Arg {
        let mut help = self.help.to_owned();
        if !self.default.is_empty() {
            help.push_str(&format!(" [default: {}]", self.default));
        }
        help.push_str(&format!(" [env: {}]", self.variable()));
        let flag = Arg::new(self.key)
            .long(self.key)
            .value_name(self.value)
            .help(help)
            .allow_hyphen_values(true);
        match self.kind {
            Kind::One => flag.action(ArgAction::Set),
            Kind::Many => flag.action(ArgAction::Append),
            Kind::Switch => flag
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
        }
    }
}
