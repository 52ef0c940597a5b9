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
    /// The same as ARM shows it, with the port when it is not that of HTTPS.
    pub shown_login_server: String,
    /// Host and port the client used; validated, since challenges name it.
    pub authority: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The address of ours that the connection came in on.
    pub local: IpAddr,
}

/// The names of this server's registries.
pub trait Names: Send + Sync {
    /// The registry that a host with an optional port means; `local` is the address of ours that the connection came in
    /// on. `None` where it is none of this server's names.
    fn registry_of(&self, authority: &str, local: IpAddr) -> Option<String>;
}

impl Address {
    /// Whether a client's `service` parameter means this registry. Clients echo what the challenge said, or the login
    /// server with or without its port; but any name of the registry will do, since its tokens are good at all of them.
    #[must_use]
    pub fn is_service(&self, service: &str, names: &dyn Names) -> bool {
        let host = |name: &str| {
            name.rsplit_once(':')
                .map_or_else(|| name.to_owned(), |(host, _)| host.to_owned())
        };
        service.eq_ignore_ascii_case(&self.authority)
            || host(service).eq_ignore_ascii_case(&host(&self.login_server))
            || names
                .registry_of(service, self.local)
                .is_some_and(|registry| registry.eq_ignore_ascii_case(&self.registry))
    }
}
