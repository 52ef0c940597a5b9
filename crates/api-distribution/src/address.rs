//! The address a request came to, as the server resolved it. It refuses to look at headers: whoever
//! makes one has checked the `Host`.

use std::net::IpAddr;

/// Which registry is addressed, and under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The registry's name.
    pub registry: String,
    /// Its canonical login server, `NAME.DOMAIN`: the audience of its tokens.
    pub login_server: String,
    /// Host and port the client used; validated, since challenges name it.
    pub authority: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The address of ours that the connection came in on.
    pub local: IpAddr,
}

impl Address {
    /// Whether a client's `service` parameter means this registry. Clients echo what the challenge
    /// said, or the login server with or without its port.
    #[must_use]
    pub fn is_service(&self, service: &str) -> bool {
        let host = |name: &str| {
            name.rsplit_once(':')
                .map_or_else(|| name.to_owned(), |(host, _)| host.to_owned())
        };
        service.eq_ignore_ascii_case(&self.authority)
            || host(service).eq_ignore_ascii_case(&host(&self.login_server))
            || service.eq_ignore_ascii_case(&self.login_server)
    }
}
