//! Answers of stores that write XML. It refuses to know requests.

use chrono::DateTime;
use holdfast_model::Timestamp;
use http::HeaderMap;
use serde::{Deserialize, de::DeserializeOwned};

use super::{asking::Whole, bucket::Entry, refusal::Refusal};

/// What went wrong, as S3 and Azure write it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: String,
}

/// Reads a whole answer.
pub(super) fn read<T: DeserializeOwned>(answer: &Whole) -> Result<T, Refusal> {
    let text = std::str::from_utf8(&answer.bytes).map_err(|error| Refusal::Answer(error.to_string()))?;
    quick_xml::de::from_str(text).map_err(|error| Refusal::Answer(error.to_string()))
}

/// Code and message of a refusal; empty where it has none. Azure says the code in a header too, and S3 says nothing where
/// there is no body.
pub(super) fn fault(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(body);
    let told: Fault = quick_xml::de::from_str(&text).unwrap_or_default();
    let header = headers.get("x-ms-error-code").and_then(|code| code.to_str().ok());
    let code = header.map_or(told.code, str::to_owned);
    (code, told.message)
}

/// A moment as listings write it (RFC 3339), or headers (RFC 9110 5.6.7).
pub(super) fn moment(text: &str) -> Result<Timestamp, Refusal> {
    let read = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    let read = read.map_err(|error| Refusal::Answer(format!("{text:?} is no moment: {error}")))?;
    Ok(Timestamp(read.timestamp_micros()))
}

/// A header that has to be there.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refusal> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| Refusal::Answer(format!("it has no header {name}")))
}

/// What the headers of an object say about it.
pub(super) fn entry(name: &str, headers: &HeaderMap) -> Result<Entry, Refusal> {
    let length = header(headers, "content-length")?;
    Ok(Entry {
        name: name.to_owned(),
        size_bytes: length
            .parse()
            .map_err(|_| Refusal::Answer("it has no length".to_owned()))?,
        written_at: moment(header(headers, "last-modified")?)?,
    })
}
