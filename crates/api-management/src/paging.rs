//! Pages of ARM's lists: `$top`, `$skiptoken` and the absolute `nextLink`, under the host that the client called. Each item
//! has a key; a page goes on after a key, so what is made or deleted in between moves nothing else. A page ends by items
//! and by bytes.

use std::{iter::Peekable, vec::IntoIter};

use holdfast_arm::{Error as Arm, Page};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::{error::Error, serve::Call};

/// Items on a page at most.
const MAX_PAGE: usize = 1_000;
/// Bytes at which a page ends, with the item that reaches them. An item has some kilobytes, at its worst some hundred.
pub(crate) const PAGE_BYTES: usize = 2 << 20;

/// What a page holds, until it is full.
pub(crate) struct Filling {
    value: Vec<Box<RawValue>>,
    bytes: usize,
    limit: usize,
}

impl Filling {
    /// An empty one, for so many items.
    pub(crate) fn new(limit: usize) -> Self {
        let value = Vec::new();
        Self { value, bytes: 0, limit }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.value.len() >= self.limit || self.bytes >= PAGE_BYTES
    }

    pub(crate) fn push(&mut self, item: &Value) {
        // A value always has a text.
        if let Ok(text) = to_raw_value(item) {
            self.bytes += text.get().len();
            self.value.push(text);
        }
    }

    pub(crate) fn into_value(self) -> Vec<Box<RawValue>> {
        self.value
    }
}

/// Goes through a list from where the request wants it to where its page ends.
pub(crate) struct Pager<'c, T, K> {
    call: &'c Call<'c>,
    rest: Peekable<IntoIter<T>>,
    key: K,
    last: Option<String>,
    filling: Filling,
}

impl<'c, T, K: Fn(&T) -> String> Pager<'c, T, K> {
    /// The keys of `items` grow.
    pub(crate) fn new(call: &'c Call<'c>, items: Vec<T>, key: K) -> Result<Self, Error> {
        let filling = Filling::new(limit(call, MAX_PAGE)?);
        let mut rest = items.into_iter().peekable();
        if let Some(after) = call.query.skip_token.as_deref() {
            while rest.next_if(|item| key(item).as_str() <= after).is_some() {}
        }
        Ok(Self {
            call,
            rest,
            key,
            last: None,
            filling,
        })
    }

    /// The next item to push.
    pub(crate) fn next(&mut self) -> Option<T> {
        let item = if self.filling.is_full() { None } else { self.rest.next() }?;
        self.last = Some((self.key)(&item));
        Some(item)
    }

    pub(crate) fn push(&mut self, item: &Value) {
        self.filling.push(item);
    }

    pub(crate) fn finish(mut self) -> Page<Box<RawValue>> {
        let last = self.last.filter(|_| self.rest.peek().is_some());
        Page {
            next_link: last.map(|last| next_link(self.call, &last)),
            value: self.filling.into_value(),
        }
    }
}

/// The page of a list that the request asks for. The keys of `items` grow.
pub(crate) fn page<T>(
    call: &Call<'_>,
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    view: impl Fn(&T) -> Value,
) -> Result<Page<Box<RawValue>>, Error> {
    let mut pager = Pager::new(call, items, key)?;
    while let Some(item) = pager.next() {
        pager.push(&view(&item));
    }
    Ok(pager.finish())
}

/// Items that a page has at most: `most`, or fewer where the request says so.
pub(crate) fn limit(call: &Call<'_>, most: usize) -> Result<usize, Arm> {
    let wrong = || Arm::invalid_parameter("$top", "The value must be a whole number above zero.");
    match call.query.top.as_deref().map(str::parse::<u32>) {
        None => Ok(most),
        Some(Ok(top)) if top > 0 => Ok(most.min(top as usize)),
        Some(_) => Err(wrong()),
    }
}

/// The same request, from behind a key on.
pub(crate) fn next_link(call: &Call<'_>, key: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", &call.version.to_string());
    let kept = [("$filter", &call.query.filter), ("$top", &call.query.top)];
    for (name, value) in kept {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.append_pair("$skiptoken", key);
    format!("{}{}?{}", call.site.base_url, call.path, query.finish())
}
