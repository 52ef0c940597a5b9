//! Pages of listings: `n`, `last`, `orderby`, and the `Link` to the next page. It refuses to know
//! what is listed.

use std::{fmt::Write as _, str::FromStr};

use holdfast_face::moment::{parse_ticks, ticks};
use holdfast_model::{ListOrder, Position, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// The most rows of a page; a larger `n` gets this many and a `Link`.
pub(crate) const MAX_PAGE: usize = 1000;
/// Rows of a page of `/v2` when the client does not say.
pub(crate) const V2_DEFAULT: usize = 1000;
/// Rows of a page of `/acr/v1` when the client does not say.
pub(crate) const ACR_DEFAULT: usize = 100;

/// What stays as it is in a query value.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The query of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// `last`: rows after this one.
    pub last: Option<String>,
    /// `n`, clamped to [`MAX_PAGE`]; 0 asks for an empty page (dist-spec 1.1 §Listing Tags).
    pub limit: usize,
    /// `orderby` as the client spelled it, which the next link repeats (ACR).
    pub orderby: Option<String>,
    /// What `orderby` means.
    pub order: ListOrder,
}

/// The rows of a page as ACR shows them: where there are none there is no array, because Microsoft's `acr` goes on to the
/// last row of any array that it gets.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Rows<T> {
    /// An array; an empty one leads on to the next page.
    Some(Vec<T>),
    /// Of a list that has none, `null`: the Azure CLI wants the field in every first page.
    Nothing,
    /// Behind the last row, not even the field.
    PastTheEnd,
}

impl<T> Rows<T> {
    /// Whether the field is left out.
    #[must_use]
    pub fn are_past_the_end(&self) -> bool {
        matches!(self, Self::PastTheEnd)
    }
}

/// A page query that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `n` is not a count.
    #[error("n={found} is not a number of rows; send a whole number from 0 up")]
    Number {
        /// As sent, printable.
        found: String,
    },
    /// `orderby` is none of ACR's.
    #[error("orderby={found} is not known; send none, timeasc or timedesc")]
    Order {
        /// As sent, printable.
        found: String,
    },
    /// `last` is not a thing of this listing.
    #[error("last={found} is not a {what}")]
    Marker {
        /// As sent, printable.
        found: String,
        /// What it should be.
        what: &'static str,
    },
}

impl PageQuery {
    /// Reads a query string.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(query: &str, default: usize) -> Result<Self, Error> {
        let mut page = Self {
            last: None,
            limit: default,
            orderby: None,
            order: ListOrder::Name,
        };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "n" if !value.is_empty() => page.limit = count(&value)?,
                "last" if !value.is_empty() => page.last = Some(value.into_owned()),
                "orderby" => {
                    page.order = order(&value)?;
                    page.orderby = Some(value.into_owned());
                }
                _ => {}
            }
        }
        Ok(page)
    }

    /// Where the page goes on from: `last` is `<ticks>&<name>`, as the links of listings by time have it, or a bare name.
    ///
    /// # Errors
    /// [`Error::Marker`].
    pub fn position<T: FromStr>(&self, what: &'static str) -> Result<Option<Position<T>>, Error> {
        let Some(last) = &self.last else { return Ok(None) };
        // No name has an ampersand in it.
        let position = match last.split_once('&') {
            None => last.parse().ok().map(Position::of),
            Some((ticks, name)) => parse_ticks(ticks)
                .zip(name.parse().ok())
                .map(|(moment, name)| Position::at(moment, name)),
        };
        let found = || holdfast_oci::message::excerpt(last);
        position.map(Some).ok_or_else(|| Error::Marker { found: found(), what })
    }

    /// `last` of the page behind a row.
    #[must_use]
    pub fn last_of(&self, updated_at: Timestamp, name: &str) -> String {
        match self.order {
            ListOrder::Name => name.to_owned(),
            ListOrder::TimeAscending | ListOrder::TimeDescending => format!("{}&{name}", ticks(updated_at)),
        }
    }

    /// The rows to show.
    #[must_use]
    pub fn rows<T>(&self, rows: Vec<T>, has_more: bool) -> Rows<T> {
        match (rows.is_empty() && !has_more, &self.last) {
            (false, _) => Rows::Some(rows),
            (true, None) => Rows::Nothing,
            (true, Some(_)) => Rows::PastTheEnd,
        }
    }

    /// The `Link` to the page after `last`, as ACR writes it: relative, `orderby` repeated.
    #[must_use]
    pub fn link(&self, path: &str, last: &str, extra: &[(&str, &str)]) -> String {
        let mut link = format!("<{path}?last={}&n={}", utf8_percent_encode(last, VALUE), self.limit);
        if path.starts_with("/acr/") {
            let order = self.orderby.as_deref().unwrap_or_default();
            // Writing to a string cannot fail.
            _ = write!(link, "&orderby={}", utf8_percent_encode(order, VALUE));
        }
        for (key, value) in extra {
            _ = write!(link, "&{key}={}", utf8_percent_encode(value, VALUE));
        }
        link.push_str(">; rel=\"next\"");
        link
    }
}

fn count(text: &str) -> Result<usize, Error> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Error::Number {
            found: holdfast_oci::message::excerpt(text),
        });
    }
    // Digits only: what does not fit is larger than the largest page.
    Ok(text.parse().map_or(MAX_PAGE, |n: usize| n.min(MAX_PAGE)))
}

fn order(text: &str) -> Result<ListOrder, Error> {
    match text {
        "" | "none" => Ok(ListOrder::Name),
        "timeasc" => Ok(ListOrder::TimeAscending),
        "timedesc" => Ok(ListOrder::TimeDescending),
        _ => Err(Error::Order {
            found: holdfast_oci::message::excerpt(text),
        }),
    }
}
