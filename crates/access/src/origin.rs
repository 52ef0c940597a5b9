//! Where an action comes from: who acts, and by which request. It goes from the caller into every grant, so that what an
//! operation does can say whose request did it. Nothing is decided by it.

use std::{net::IpAddr, sync::Arc};

use crate::Actor;

/// The longest user agent that is kept, in bytes.
pub const MAX_USER_AGENT_BYTES: usize = 256;

/// Who acts, and by which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    actor: Actor,
    request: Option<Arc<RequestOrigin>>,
}

/// A request, as its effects remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOrigin {
    /// The id that its answer carries.
    pub id: String,
    /// The client's address.
    pub address: IpAddr,
    /// What the client calls itself, cut at [`MAX_USER_AGENT_BYTES`].
    pub user_agent: Option<String>,
    /// The host that it asked, with its port.
    pub host: String,
}

impl Origin {
    /// Somebody, by no request: the operator at a shell, a job.
    #[must_use]
    pub fn of(actor: Actor) -> Self {
        Self { actor, request: None }
    }

    /// The same by a request.
    #[must_use]
    pub fn by(self, request: Arc<RequestOrigin>) -> Self {
        Self {
            request: Some(request),
            ..self
        }
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The request; `None` where there is none.
    #[must_use]
    pub fn request(&self) -> Option<&RequestOrigin> {
        self.request.as_deref()
    }
}

/// A user agent as it is kept: whole characters, cut at [`MAX_USER_AGENT_BYTES`].
#[must_use]
pub fn kept_user_agent(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_USER_AGENT_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_user_agent_is_cut_between_characters() {
        assert_eq!(kept_user_agent("docker/28"), "docker/28");
        let long = "ü".repeat(MAX_USER_AGENT_BYTES);
        assert_eq!(kept_user_agent(&long), "ü".repeat(MAX_USER_AGENT_BYTES / 2));
        let odd = format!("x{long}");
        assert_eq!(kept_user_agent(&odd).len(), MAX_USER_AGENT_BYTES - 1);
    }
}
