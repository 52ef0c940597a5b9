//! The two ranges of the protocol: which bytes a chunk brings, and which bytes a reader asks for.
//!
//! They look alike and are not: an upload's `Content-Range` is one range that must be right, a download's `Range` is a
//! wish that is ignored when it makes no sense (RFC 9110 section 14.2). Neither knows HTTP headers as such.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::message::excerpt;

/// The largest position a range may name; sizes are stored as signed 64-bit integers.
pub const MAX_POSITION: u64 = i64::MAX as u64 - 1;

/// Ranges in one `Range` header; a header with more is answered with the whole (RFC 9110 section 17.15).
pub const MAX_RANGES: usize = 16;

/// The bytes of one chunk of an upload, `first-last`, both included (dist-spec "Pushing a blob in chunks").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentRange {
    first: u64,
    last: u64,
}

/// Why a text is not the range of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not two decimal numbers with a dash between them.
    #[error("content range {} is not of the form first-last", excerpt(.input))]
    Malformed {
        /// What was sent.
        input: String,
    },
    /// A number beyond [`MAX_POSITION`].
    #[error("content range {} goes beyond byte {MAX_POSITION}", excerpt(.input))]
    TooLarge {
        /// What was sent.
        input: String,
    },
    /// The last byte comes before the first.
    #[error("content range {} ends before it starts", excerpt(.input))]
    Inverted {
        /// What was sent.
        input: String,
    },
    /// The total after the slash leaves no room for the range.
    #[error("content range {} reaches its own total", excerpt(.input))]
    BeyondTotal {
        /// What was sent.
        input: String,
    },
}

impl ContentRange {
    /// Position of the first byte.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.first
    }

    /// Position of the last byte, which belongs to the range.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.last
    }

    /// Bytes in the range, at least one.
    #[must_use]
    pub const fn length_bytes(&self) -> u64 {
        self.last - self.first + 1
    }
}

impl FromStr for ContentRange {
    type Err = Error;

    /// Reads `first-last`, and also RFC 9110's `bytes first-last/total`, which says the same.
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::Malformed { input: text.to_owned() };
        let (positions, total) = match text.strip_prefix("bytes ") {
            None => (text, None),
            Some(rest) => {
                let (positions, total) = rest.split_once('/').ok_or_else(malformed)?;
                (positions, (total != "*").then_some(total))
            }
        };
        let (first, last) = positions.split_once('-').ok_or_else(malformed)?;
        let number = |digits: &str| saturating_number(digits).ok_or_else(malformed);
        let (first, last) = (number(first)?, number(last)?);
        let total = total.map(number).transpose()?;
        if first > MAX_POSITION || last > MAX_POSITION {
            return Err(Error::TooLarge { input: text.to_owned() });
        }
        if last < first {
            return Err(Error::Inverted { input: text.to_owned() });
        }
        if total.is_some_and(|total| total <= last) {
            return Err(Error::BeyondTotal { input: text.to_owned() });
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Reads the `Range` header of a download.
#[derive(Debug, Clone, Copy)]
pub struct ByteRanges;

/// What to send. Every range is not empty and ends within the size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Everything, status 200: the header asks for nothing that is understood.
    Whole,
    /// One stretch, status 206 with `Content-Range`.
    One(Range<u64>),
    /// Several stretches in the order asked for, status 206 with `multipart/byteranges`; never more than
    /// [`MAX_RANGES`], and no two share a byte, so together they are never more than the whole.
    Many(Vec<Range<u64>>),
}

/// No byte of the content was asked for: status 416 with `Content-Range: bytes */size`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("range {} asks for none of the {size_bytes} bytes", excerpt(.input))]
pub struct Unsatisfiable {
    /// What was sent.
    pub input: String,
    /// Size of the content.
    pub size_bytes: u64,
}

/// One element of a range set.
enum Spec {
    Selected(Range<u64>),
    /// Starts at or after the end, or is a suffix of nothing.
    Beyond,
    /// Ends before it starts.
    Inverted,
}

impl ByteRanges {
    /// Decides what a `Range` header selects of `size_bytes` bytes (RFC 9110 section 14.1.2).
    ///
    /// Another unit, bad syntax and more than [`MAX_RANGES`] ranges select the whole. Overlapping and adjacent ranges
    /// are joined, in rising order; otherwise the order asked for is kept.
    ///
    /// # Errors
    /// When no range can be satisfied, or one ends before it starts (which RFC 9110 lets a server ignore, but the
    /// OCI conformance suite wants refused).
    pub fn parse(header: &str, size_bytes: u64) -> Result<Selection, Unsatisfiable> {
        let Some((unit, set)) = header.split_once('=') else {
            return Ok(Selection::Whole);
        };
        if !unit.trim_matches([' ', '\t']).eq_ignore_ascii_case("bytes") {
            return Ok(Selection::Whole);
        }
        let mut specs = Vec::new();
        // RFC 9110 section 5.6.1.2: a list may have empty elements.
        for text in set
            .split(',')
            .map(|element| element.trim_matches([' ', '\t']))
            .filter(|text| !text.is_empty())
        {
            if specs.len() == MAX_RANGES {
                return Ok(Selection::Whole);
            }
            match read_spec(text, size_bytes) {
                Some(spec) => specs.push(spec),
                None => return Ok(Selection::Whole),
            }
        }
        if specs.is_empty() {
            return Ok(Selection::Whole);
        }
        select(specs).ok_or_else(|| Unsatisfiable {
            input: header.to_owned(),
            size_bytes,
        })
    }
}

/// `None` when nothing can be sent. A suffix of an empty content is satisfiable and is the whole of it.
fn select(specs: Vec<Spec>) -> Option<Selection> {
    let mut ranges = Vec::with_capacity(specs.len());
    for spec in specs {
        match spec {
            Spec::Selected(range) => ranges.push(range),
            Spec::Beyond => {}
            Spec::Inverted => return None,
        }
    }
    if ranges.is_empty() {
        return None;
    }
    let mut ranges = join_touching(ranges);
    Some(match ranges.len() {
        1 => match ranges.remove(0) {
            range if range.is_empty() => Selection::Whole,
            range => Selection::One(range),
        },
        _ => Selection::Many(ranges),
    })
}

/// Reads `first-last`, `first-` or `-length`; `None` when it is none of them.
fn read_spec(text: &str, size_bytes: u64) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    if first.is_empty() {
        let length = saturating_number(last)?;
        let selected = size_bytes.saturating_sub(length)..size_bytes;
        return Some(if length == 0 {
            Spec::Beyond
        } else {
            Spec::Selected(selected)
        });
    }
    let first = saturating_number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        saturating_number(last)?
    };
    Some(if last < first {
        Spec::Inverted
    } else if first >= size_bytes {
        Spec::Beyond
    } else {
        Spec::Selected(first..last.saturating_add(1).min(size_bytes))
    })
}

/// Leaves ranges that neither overlap nor touch as they are; otherwise sorts them and joins those that do.
fn join_touching(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted = ranges.clone();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match joined.last_mut() {
            Some(before) if range.start <= before.end => before.end = before.end.max(range.end),
            _ => joined.push(range),
        }
    }
    if joined.len() == ranges.len() { ranges } else { joined }
}

/// A decimal number without sign; beyond 64 bits it is [`u64::MAX`]. `None` when it has anything but digits.
fn saturating_number(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.bytes().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}
