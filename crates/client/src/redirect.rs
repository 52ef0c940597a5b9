//! Where a redirect leads. It refuses what a redirect must not do: leave HTTP, or come down from https to plain HTTP.

use http::uri::PathAndQuery;
use http::{HeaderMap, StatusCode, Uri, header};

use crate::Error;
use crate::connect::authority;

/// The next URL, when the answer sends the reader on.
///
/// # Errors
/// The answer leads to no URL that may be asked.
pub(crate) fn next(from: &Uri, status: StatusCode, headers: &HeaderMap) -> Result<Option<Uri>, Error> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(header::LOCATION) else {
        return Ok(None);
    };
    let (asked, _) = authority(from)?;
    let wrong = || Error::BadRedirect { host: asked.clone() };
    let location = location.to_str().map_err(|_| wrong())?;
    let next = resolve(from, location).ok_or_else(wrong)?;
    let (host, port) = authority(&next).map_err(|_| wrong())?;
    if from.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
        return Err(Error::Plain { host, port });
    }
    Ok(Some(next))
}

/// Whether both are one host at one port by one scheme: credentials for one are meant for the other.
pub(crate) fn is_same_origin(left: &Uri, right: &Uri) -> bool {
    let origin = |uri: &Uri| {
        let (host, port) = authority(uri).ok()?;
        Some((uri.scheme_str()?.to_owned(), host.to_ascii_lowercase(), port))
    };
    origin(left).is_some_and(|left| Some(left) == origin(right))
}

/// A reference read at a URL (RFC 3986 5.3, without its `..`: the other side may resolve those).
fn resolve(from: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().unwrap_or_default();
    if reference.contains("://") && !reference.starts_with('/') && !reference.starts_with('?') {
        return reference.parse().ok();
    }
    if let Some(authority) = reference.strip_prefix("//") {
        return format!("{}://{authority}", from.scheme_str()?).parse().ok();
    }
    let path = if reference.starts_with('/') {
        reference.to_owned()
    } else if reference.starts_with('?') {
        format!("{}{reference}", from.path())
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{reference}")
    };
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_at_the_url_that_gave_them() {
        let from = "https://a.example:5000/v2/app/blobs/x?y=1".parse().unwrap();
        for (reference, expected) in [
            ("https://b.example/z?s=1", "https://b.example/z?s=1"),
            ("//b.example/z", "https://b.example/z"),
            (
                "/z?u=https://c.example/",
                "https://a.example:5000/z?u=https://c.example/",
            ),
            ("z", "https://a.example:5000/v2/app/blobs/z"),
            ("?n=2", "https://a.example:5000/v2/app/blobs/x?n=2"),
            ("/z#part", "https://a.example:5000/z"),
        ] {
            assert_eq!(resolve(&from, reference).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_redirect_never_leaves_https() {
        let from: Uri = "https://a.example/".parse().unwrap();
        for (location, allowed) in [
            ("https://b.example/", true),
            ("http://a.example/", false),
            ("ftp://a.example/", false),
            ("file:///etc/passwd", false),
            ("https://user@b.example/", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, location.parse().unwrap());
            assert_eq!(next(&from, StatusCode::FOUND, &headers).is_ok(), allowed, "{location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |left: &str, right: &str| is_same_origin(&left.parse().unwrap(), &right.parse().unwrap());
        assert!(same("https://A.example/x", "https://a.example:443/y"));
        assert!(!same("https://a.example/", "https://a.example:444/"));
        assert!(!same("https://a.example/", "http://a.example:443/"));
        assert!(!same("https://a.example/", "https://b.a.example/"));
    }
}
