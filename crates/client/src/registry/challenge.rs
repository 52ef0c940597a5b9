//! What a registry says to those who are not signed in: `WWW-Authenticate` (RFC 7235). It refuses to act on it.

use http::{HeaderMap, header};

/// The longest header that is read.
const MAX_BYTES: usize = 4 << 10;

/// How a registry wants its callers to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token from a token service.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// The best of the challenges in an answer.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        let read = || {
            texts
                .iter()
                .filter(|text| text.len() <= MAX_BYTES)
                .filter_map(|text| parse(text))
        };
        let bearer = read().find(|challenge| matches!(challenge, Self::Bearer { .. }));
        bearer.or_else(|| read().next())
    }
}

fn parse(text: &str) -> Option<Challenge> {
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameters = parameters(rest);
    let find = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.clone())
    };
    Some(Challenge::Bearer {
        realm: find("realm")?,
        service: find("service"),
        scope: find("scope"),
    })
}

/// `name="value"` pairs; a quoted value may hold commas, and a backslash makes the next letter plain.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        let is_between = |letter: &char| letter.is_whitespace() || *letter == ',';
        while letters.next_if(is_between).is_some() {}
        let mut name = String::new();
        while let Some(letter) = letters.next_if(|letter| *letter != '=' && *letter != ',') {
            name.push(letter);
        }
        if letters.next_if_eq(&'=').is_none() {
            return found;
        }
        let mut value = String::new();
        if letters.next_if_eq(&'"').is_some() {
            while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                value.extend(if letter == '\\' { letters.next() } else { Some(letter) });
            }
        } else {
            while let Some(letter) = letters.next_if(|letter| *letter != ',') {
                value.push(letter);
            }
        }
        found.push((name.trim().to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::of(&headers)
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: own(service),
                scope: own(scope),
            })
        };
        let scope = "repository:library/app:pull,push";
        let hub =
            format!("Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"{scope}\"");
        assert_eq!(
            of(&[&hub]),
            bearer("https://auth.docker.io/token", Some("registry.docker.io"), Some(scope))
        );
        assert_eq!(
            of(&["bearer  Realm=https://a/t, service=\"x\\\"y\""]),
            bearer("https://a/t", Some("x\"y"), None)
        );
        assert_eq!(
            of(&["Basic realm=\"r\"", "Bearer realm=\"https://a/t\""]),
            bearer("https://a/t", None, None)
        );
        assert_eq!(of(&["Basic realm=\"r\""]), Some(Challenge::Basic));
        for nothing in ["Bearer", "Bearer service=\"x\"", "Negotiate abc", ""] {
            assert_eq!(of(&[nothing]), None, "{nothing}");
        }
        assert_eq!(of(&[]), None);
    }
}
