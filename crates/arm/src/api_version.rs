//! Api-versions: `2023-07-01`, `2026-09-01-preview`. Any well-formed one is accepted, known or not: clients send newer
//! ones after every upgrade. What a version changes in a body is in [`shape`](crate::shape).

use std::fmt;
use std::str::FromStr;

use crate::text::excerpt;

/// The versions of `Microsoft.ContainerRegistry/registries` that are announced (`api-supported-versions`, `az provider
/// show`), newest first. Others are served too.
pub const REGISTRY_VERSIONS: &[&str] = &[
    "2026-09-01-preview",
    "2026-03-01-preview",
    "2026-01-01-preview",
    "2025-11-01",
    "2025-05-01-preview",
    "2025-04-01",
    "2025-03-01-preview",
    "2024-11-01-preview",
    "2024-01-01-preview",
    "2023-11-01-preview",
    "2023-08-01-preview",
    "2023-07-01",
    "2023-06-01-preview",
    "2023-01-01-preview",
    "2022-12-01",
    "2022-02-01-preview",
    "2021-12-01-preview",
    "2021-09-01",
    "2021-08-01-preview",
    "2021-06-01-preview",
    "2020-11-01-preview",
    "2019-12-01-preview",
    "2019-05-01",
    "2019-05-01-preview",
    "2017-10-01",
    "2017-06-01-preview",
    "2017-03-01",
];

/// The versions that clients ask storage accounts for, newest first; any other will do as well.
pub const STORAGE_VERSIONS: &[&str] = &[
    "2025-08-01",
    "2025-01-01",
    "2024-01-01",
    "2023-05-01",
    "2022-09-01",
    "2021-09-01",
];

/// An api-version. Ordered by date; on the same day the preview comes before the stable one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    year: u16,
    month: u8,
    day: u8,
    stable: bool,
}

/// Why a text is not an api-version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("api-version {} is not of the form YYYY-MM-DD or YYYY-MM-DD-preview", excerpt(.input))]
pub struct Error {
    /// What was given.
    pub input: String,
}

impl ApiVersion {
    /// The stable version of a day, for tables of versions. The day is not checked.
    #[must_use]
    pub const fn stable(year: u16, month: u8, day: u8) -> Self {
        Self {
            year,
            month,
            day,
            stable: true,
        }
    }

    /// The preview version of a day, for tables of versions. The day is not checked.
    #[must_use]
    pub const fn preview(year: u16, month: u8, day: u8) -> Self {
        Self {
            year,
            month,
            day,
            stable: false,
        }
    }

    /// Whether it ends in `-preview`.
    #[must_use]
    pub const fn is_preview(self) -> bool {
        !self.stable
    }

    fn read(input: &str) -> Option<Self> {
        let date = input.get(..10)?;
        let stable = match input.get(10..)? {
            "" => true,
            suffix if suffix.eq_ignore_ascii_case("-preview") => false,
            _ => return None,
        };
        let mut parts = date.split('-');
        let mut number = |length: usize| {
            let part = parts.next()?;
            let is_number = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| part.parse::<u16>().ok())?
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        if parts.next().is_some() || !is_day(year, month, day) {
            return None;
        }
        Some(Self {
            year,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
            stable,
        })
    }
}

fn is_day(year: u16, month: u16, day: u16) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

impl FromStr for ApiVersion {
    type Err = Error;

    fn from_str(input: &str) -> Result<Self, Error> {
        Self::read(input).ok_or_else(|| Error {
            input: input.to_owned(),
        })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.stable { "" } else { "-preview" };
        write!(f, "{:04}-{:02}-{:02}{suffix}", self.year, self.month, self.day)
    }
}
