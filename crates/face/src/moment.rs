//! Moments as the faces write and read them. The rules count microseconds since 1970; each client has a form of its own.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use holdfast_model::Timestamp;

/// .NET counts ticks of 100 ns from the year 1.
const TICKS_PER_MICRO: i64 = 10;
/// Microseconds from the year 1 to 1970.
const MICROS_BEFORE_1970: i64 = 62_135_596_800_000_000;

/// RFC 3339 in UTC with as many digits as it needs: Graph's.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    utc(at).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// RFC 3339 in UTC with six digits: ARM's.
#[must_use]
pub fn rfc3339_micros(at: Timestamp) -> String {
    utc(at).to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// RFC 3339 in UTC without a fraction: for operators.
#[must_use]
pub fn rfc3339_seconds(at: Timestamp) -> String {
    utc(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Date and time in UTC with a space in between: for people.
#[must_use]
pub fn spaced(at: Timestamp) -> String {
    utc(at).format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// RFC 3339 in UTC with seven digits, as .NET has them: ACR's.
#[must_use]
pub fn seven_digits(at: Timestamp) -> String {
    format!("{}Z", with_seven_digits(at))
}

/// The same with an offset in place of the `Z`: `systemData`'s, and what lies inside of a registry in ARM.
#[must_use]
pub fn seven_digits_with_offset(at: Timestamp) -> String {
    format!("{}+00:00", with_seven_digits(at))
}

/// Digits and a `Z` alone: Azure's routing ids.
#[must_use]
pub fn compact(at: Timestamp) -> String {
    utc(at).format("%Y%m%dT%H%M%SZ").to_string()
}

/// A moment in RFC 3339; `None` for anything else.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Timestamp(at.timestamp_micros()))
}

/// A moment in RFC 3339, or one without a zone, which is in UTC; `None` for anything else.
#[must_use]
pub fn parse_iso8601(text: &str) -> Option<Timestamp> {
    let zoneless = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok();
    parse_rfc3339(text).or_else(|| Some(Timestamp(zoneless()?.and_utc().timestamp_micros())))
}

/// .NET's ticks of 100 ns since the year 1: ACR's positions in listings by time.
#[must_use]
pub fn ticks(at: Timestamp) -> i64 {
    at.0.saturating_add(MICROS_BEFORE_1970).saturating_mul(TICKS_PER_MICRO)
}

/// A moment in the same; `None` for anything else.
#[must_use]
pub fn parse_ticks(text: &str) -> Option<Timestamp> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let ticks: i64 = text.parse().ok().filter(|_| is_number)?;
    Some(Timestamp(ticks / TICKS_PER_MICRO - MICROS_BEFORE_1970))
}

fn utc(at: Timestamp) -> DateTime<Utc> {
    // Beyond what a calendar has there is nothing to write.
    DateTime::from_timestamp_micros(at.0).unwrap_or_default()
}

fn with_seven_digits(at: Timestamp) -> String {
    format!("{}0", utc(at).format("%Y-%m-%dT%H:%M:%S%.6f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_893_455_999_120_000);

    #[test]
    fn each_client_gets_its_form() {
        assert_eq!(rfc3339(AT), "2029-12-31T23:59:59.120Z");
        assert_eq!(rfc3339_micros(AT), "2029-12-31T23:59:59.120000Z");
        assert_eq!(rfc3339_seconds(AT), "2029-12-31T23:59:59Z");
        assert_eq!(spaced(AT), "2029-12-31 23:59:59Z");
        assert_eq!(seven_digits(AT), "2029-12-31T23:59:59.1200000Z");
        assert_eq!(seven_digits_with_offset(AT), "2029-12-31T23:59:59.1200000+00:00");
        assert_eq!(compact(AT), "20291231T235959Z");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            rfc3339(AT),
            rfc3339_micros(AT),
            seven_digits(AT),
            seven_digits_with_offset(AT),
        ] {
            assert_eq!(parse_rfc3339(&text), Some(AT), "{text}");
        }
        assert_eq!(parse_iso8601("2029-12-31T23:59:59.12"), Some(AT));
        assert_eq!(parse_rfc3339("2029-12-31T23:59:59.12"), None);
        assert_eq!(parse_ticks(&ticks(AT).to_string()), Some(AT));
        assert_eq!(
            (parse_ticks("-1"), parse_ticks("+1"), parse_ticks("")),
            (None, None, None)
        );
        assert_eq!((parse_rfc3339("soon"), parse_iso8601("soon")), (None, None));
    }
}
