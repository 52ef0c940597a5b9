//! What all clouds are asked alike: objects by their names, over HTTP as it is. It refuses to know what only one of them
//! understands.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderValue, Method, header};

use super::{
    asking::{Answer, Ask, Asking, Whole},
    bucket::Entry,
    place::Place,
    refusal::{Meaning, Refusal},
    xml,
};

/// A query, as names and values.
pub(super) type Query<'q> = &'q [(&'q str, &'q str)];

/// Asks for what lies below one place.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) place: Place,
    pub(super) asking: Asking,
}

impl Requests {
    /// A request about a name, or about the bucket where that is empty.
    pub(super) fn ask(&self, method: Method, name: &str, query: Query<'_>) -> Result<Ask, Refusal> {
        Ok(Ask::new(method, self.place.url(name, query)?))
    }

    pub(super) async fn whole(&self, ask: &Ask) -> Result<Whole, Refusal> {
        self.asking.whole(ask).await
    }

    /// A request without a body, and its whole answer.
    pub(super) async fn fetch(&self, method: Method, name: &str, query: Query<'_>) -> Result<Whole, Refusal> {
        self.whole(&self.ask(method, name, query)?).await
    }

    /// A stretch of an object, which is not empty.
    pub(super) async fn get(&self, name: &str, query: Query<'_>, range: Range<u64>) -> Result<Answer, Refusal> {
        let stretch = header_value(&format!("bytes={}-{}", range.start, range.end - 1))?;
        let ask = self.ask(Method::GET, name, query)?.header(header::RANGE, stretch);
        self.asking.open(&ask).await
    }

    /// A small object, whole.
    pub(super) async fn get_small(&self, name: &str, query: Query<'_>) -> Result<Bytes, Refusal> {
        Ok(self.fetch(Method::GET, name, query).await?.bytes)
    }

    /// Length of an object, and when it was written.
    pub(super) async fn head(&self, name: &str) -> Result<Entry, Refusal> {
        let answer = self.fetch(Method::HEAD, name, &[]).await?;
        xml::entry(name, &answer.headers)
    }

    /// Removes what is there; what is not need not be removed.
    pub(super) async fn delete(&self, name: &str, query: Query<'_>) -> Result<(), Refusal> {
        match self.fetch(Method::DELETE, name, query).await {
            Err(refusal) if !matches!(refusal.meaning(), Meaning::Missing | Meaning::Gone) => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// Text as the value of a header.
pub(super) fn header_value(text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(text).map_err(|error| Refusal::Answer(error.to_string()))
}
