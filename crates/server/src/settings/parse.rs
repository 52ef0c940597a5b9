//! Values as people write them: addresses, lengths of time, sizes, switches. It refuses to know which setting they
//! belong to. Errors say what would be right.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use holdfast_arm::Location;
use holdfast_blobs::object::{ParseStoreUrlError, StoreUrl};
use holdfast_metadata::postgres;
use ipnet::IpNet;

use crate::locations::LOCAL;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    /// A host name or an IP, without brackets.
    pub(crate) host: String,
    /// 0 lets the system choose.
    pub(crate) port: u16,
}

impl ListenAddress {
    /// Whether only this machine can reach it. A name other than `localhost` may mean anything.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The URL of a PostgreSQL. No message repeats it.
pub(super) fn database(text: &str) -> Result<postgres::Settings, String> {
    postgres::Settings::parse(text).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

/// `HOST:PORT`, or `off`.
pub(super) fn address(text: &str) -> Result<Option<ListenAddress>, String> {
    if text == "off" {
        return Ok(None);
    }
    let wrong = || "it is neither HOST:PORT nor off".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port
        .parse()
        .map_err(|_| format!("{port:?} is not a port from 0 to 65535"))?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
        Some(_) => return Err(format!("{host} is not an IPv6 address")),
        None if host.contains(':') => return Err("an IPv6 address needs brackets, as in [::1]:5000".to_owned()),
        None if host.is_empty() => {
            return Err("it names no host; 0.0.0.0 means every address of this machine".to_owned());
        }
        None => host,
    };
    Ok(Some(ListenAddress {
        host: host.to_owned(),
        port,
    }))
}

/// The domain of login servers, lower case: a DNS name of two labels or more (clients accept no
/// certificate for all that is below a single one).
pub(super) fn domain(text: &str) -> Result<String, String> {
    let name = host_name(text)?;
    match name.rsplit_once('.') {
        None => Err("it needs two labels or more, as in registry.localhost or registry.example.com".to_owned()),
        Some(_) if name.parse::<IpAddr>().is_ok() => {
            Err("it is an address; registries need names below it, as in registry.example.com".to_owned())
        }
        Some(_) => Ok(name),
    }
}

/// A DNS name, lower case.
fn host_name(text: &str) -> Result<String, String> {
    const MAX_NAME_BYTES: usize = 253;
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label) {
        Ok(name)
    } else {
        Err("it is not a host name of letters, digits, hyphens and dots, without a port".to_owned())
    }
}

/// A host's name or its IP, without a port.
pub(super) fn host(text: &str) -> Result<String, String> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match inner.unwrap_or(text).parse::<IpAddr>() {
        Ok(ip) => Ok(ip.to_canonical().to_string()),
        Err(_) => host_name(text),
    }
}

/// A network, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let parsed = text.parse::<IpNet>().ok().or_else(one);
    parsed.ok_or_else(|| "it is not a network such as 10.0.0.0/8 or an IP address".to_owned())
}

/// `true` or `false`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err("it is neither true nor false".to_owned()),
    }
}

/// A length of time: `90s`, `15m`, `24h`, `7d`, `1h30m`, or `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it is not a time such as 30s, 15m, 24h or 7d".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(wrong)?;
        let unit_length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_length);
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(millis).map(Duration::from_millis);
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = next;
    }
    // A century; more is a slip, and would overflow sums with the present moment.
    let is_sane = !text.is_empty() && total <= Duration::from_secs(100 * 366 * 86_400);
    is_sane.then_some(total).ok_or_else(wrong)
}

/// A length of time, or `off`.
pub(super) fn interval(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than nothing, or off".to_owned()),
        interval => Ok(Some(interval)),
    }
}

/// A length of time that is not zero.
pub(super) fn limit(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than nothing".to_owned()),
        limit => Ok(limit),
    }
}

/// A size in bytes: `200GiB`, `500MB`, `1048576`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "it is not a size such as 200GiB, 500MB or a number of bytes".to_owned();
    let (number, unit) = leading_number(text).ok_or_else(wrong)?;
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    let bytes = number.checked_mul(factor).ok_or_else(wrong)?;
    // SQLite and HTTP both count in signed 64 bits.
    if bytes == 0 || i64::try_from(bytes).is_err() {
        return Err(wrong());
    }
    Ok(bytes)
}

/// `NAME`, `NAME=FOLDER` or `NAME=URL`. Names are read as the Azure CLI writes them: `East US` is `eastus`.
pub(super) fn location(text: &str) -> Result<(String, Option<StoreUrl>), String> {
    let (name, place) = match text.split_once('=') {
        Some((name, url)) if url.contains("://") => (name, Some(store(url)?)),
        Some((name, folder)) => (name, Some(StoreUrl::Folder(path(folder)?))),
        None => (text, None),
    };
    let name: Location = name.parse().map_err(|_| {
        "it is not NAME, NAME=FOLDER or NAME=URL with a name of letters and digits, such as eastus".to_owned()
    })?;
    if name.as_str() == LOCAL {
        return Err(format!(
            "the location {LOCAL} is the service's own storage; see --storage"
        ));
    }
    Ok((name.to_string(), place))
}

/// The URL of a place for bytes.
pub(super) fn store(text: &str) -> Result<StoreUrl, String> {
    text.parse().map_err(|error: ParseStoreUrlError| error.to_string())
}

/// A value as a message shows it: of a URL neither what stands before `@` nor its parameters, where a secret may be by
/// mistake.
pub(super) fn shown(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let (path, parameters) = rest.split_once('?').map_or((rest, ""), |(path, _)| (path, "?…"));
    let path = path
        .rsplit_once('@')
        .map_or_else(|| path.to_owned(), |(_, host)| format!("…@{host}"));
    format!("{scheme}://{path}{parameters}")
}

/// A path that is not empty.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(PathBuf::from(text))
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        for (text, seconds) in [
            ("0", 0),
            ("90s", 90),
            ("15m", 900),
            ("24h", 86_400),
            ("7d", 604_800),
            ("1h30m", 5_400),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in [
            "",
            "5",
            "h",
            "1x",
            "-1s",
            "1.5h",
            "1 h",
            "99999999999999999999s",
            "40000d",
            "184467440737095516d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        for (text, bytes) in [
            ("1", 1),
            ("1B", 1),
            ("2KiB", 2048),
            ("2KB", 2000),
            ("1 MiB", 1 << 20),
            ("200GiB", 200 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "GiB", "-1", "1PiB", "99999999TiB", "1.5GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_name_a_host_and_a_port() {
        let shown = |text: &str| address(text).unwrap().map(|address| address.to_string());
        for text in ["127.0.0.1:5000", "localhost:0", "[::1]:5000", "0.0.0.0:80"] {
            assert_eq!(shown(text).as_deref(), Some(text));
        }
        assert_eq!(shown("off"), None);
        for text in [
            "",
            "5000",
            ":5000",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "::1:5000",
            "[::1]",
            "[x]:1",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_addresses_are_loopback() {
        for (text, is_loopback) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("localhost:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
            ("registry.example:1", false),
        ] {
            assert_eq!(address(text).unwrap().unwrap().is_loopback(), is_loopback, "{text}");
        }
    }

    #[test]
    fn domains_have_no_port_and_no_odd_letters() {
        assert_eq!(domain("Registry.Example."), Ok("registry.example".to_owned()));
        for text in [
            "",
            ".",
            "a..b",
            "a:1",
            "a_b",
            "-a",
            "a-",
            "a/b",
            "ä.example",
            &"a.".repeat(200),
        ] {
            assert!(domain(text).is_err(), "{text}");
        }
        for text in ["localhost", "localhost.", "com"] {
            assert!(domain(text).unwrap_err().contains("two labels"), "{text}");
            assert!(host(text).is_ok(), "{text}");
        }
        assert!(domain("10.0.0.1").unwrap_err().contains("address"));
        assert_eq!(host("[::1]"), Ok("::1".to_owned()));
        assert_eq!(host("10.0.0.1"), Ok("10.0.0.1".to_owned()));
    }

    #[test]
    fn locations_have_plain_names_and_maybe_a_place() {
        let folder = |path: &str| Some(StoreUrl::Folder(PathBuf::from(path)));
        assert_eq!(location("eastus"), Ok(("eastus".to_owned(), None)));
        assert_eq!(
            location("East US=/mnt/a=b"),
            Ok(("eastus".to_owned(), folder("/mnt/a=b")))
        );
        let (name, place) = location("eastus=s3://bucket/a?region=eu-west-1").unwrap();
        let place = place.map(|place| place.to_string());
        assert_eq!(
            (name.as_str(), place.as_deref()),
            ("eastus", Some("s3://bucket/a?region=eu-west-1"))
        );
        for text in [
            "",
            "=",
            "=/mnt",
            "eastus=ftp://bucket",
            "eastus=s3://",
            "local=s3://bucket",
            "east-us=/mnt",
            "../x=/mnt",
            "eastus=",
            "local",
            "Local=/mnt",
        ] {
            assert!(location(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_message_shows_no_secret_of_a_url() {
        for (value, expected) in [
            ("/mnt/a@b?c", "/mnt/a@b?c"),
            ("s3://bucket/prefix", "s3://bucket/prefix"),
            ("s3://key:secret@bucket?endpoint=https://x", "s3://…@bucket?…"),
            ("east=azure://a/b?sig=secret", "east=azure://a/b?…"),
        ] {
            assert_eq!(shown(value), expected);
        }
    }

    #[test]
    fn networks_may_be_one_address() {
        assert_eq!(network("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(network("fd00::/8").unwrap().to_string(), "fd00::/8");
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("proxy.example").is_err());
    }
}
