//! What ARM answers when it says no: `{"error":{"code","message","target","details"}}`.
//!
//! Two speakers: ARM's front end (ids, api-versions, resource groups, rights) and the resource provider behind it,
//! whose errors carry `"status":"Failed"` beside `error`. The messages of the named constructors are what Azure was
//! recorded to say; tools match on them. No status codes here: a face has one table from [`Code`] to status.

mod code;
mod front;
mod provider;
mod word;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::json;

pub use code::Code;

/// Which part of Azure would have said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The front end.
    Arm,
    /// The resource provider; adds `"status":"Failed"`.
    Provider,
}

/// An error as a client gets it. Everything in it is for the client's eyes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .code.as_str())]
pub struct Error {
    code: Code,
    message: String,
    target: Option<String>,
    details: Vec<Error>,
    speaker: Speaker,
}

impl Error {
    /// An error of ARM's front end.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            target: None,
            details: Vec::new(),
            speaker: Speaker::Arm,
        }
    }

    /// An error of the resource provider.
    #[must_use]
    pub fn of_provider(code: Code, message: impl Into<String>) -> Self {
        Self {
            speaker: Speaker::Provider,
            ..Self::new(code, message)
        }
    }

    /// The same, about one property, such as `properties.networkRuleSet`.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// The same, with what led to it.
    #[must_use]
    pub fn with_details(mut self, details: Vec<Self>) -> Self {
        self.details = details;
        self
    }

    /// The code, which decides the status.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The property that it is about.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// What led to it.
    #[must_use]
    pub fn details(&self) -> &[Self] {
        &self.details
    }

    /// Who says it.
    #[must_use]
    pub fn speaker(&self) -> Speaker {
        self.speaker
    }

    /// The content of `error`: code, message and, where there are any, target and details.
    #[must_use]
    pub fn inner(&self) -> serde_json::Value {
        let mut inner = json!({"code": self.code.as_str(), "message": self.message});
        if let Some(target) = &self.target {
            inner["target"] = json!(target);
        }
        if !self.details.is_empty() {
            inner["details"] = self.details.iter().map(Self::inner).collect();
        }
        inner
    }
}

/// The whole envelope.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut envelope = serializer.serialize_map(None)?;
        envelope.serialize_entry("error", &self.inner())?;
        if self.speaker == Speaker::Provider {
            envelope.serialize_entry("status", "Failed")?;
        }
        envelope.end()
    }
}
