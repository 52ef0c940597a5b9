//! What a request turned out to be, as the access log and the metrics tell it. It refuses to keep anything secret.

/// It travels as an extension of the response.
#[derive(Debug, Clone)]
pub struct Served {
    /// One of a small fixed set: the labels of the face's routes.
    pub route: &'static str,
    /// The repository, when the path named one.
    pub repository: Option<String>,
    /// Who called, or `-` when that was not found out.
    pub actor: String,
}

impl Served {
    /// By this route; by whom is not known yet.
    #[must_use]
    pub fn by(route: &'static str) -> Self {
        Self {
            route,
            repository: None,
            actor: "-".to_owned(),
        }
    }
}
