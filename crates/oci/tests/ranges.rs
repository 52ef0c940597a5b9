//! Ranges of chunks and of downloads against dist-spec and RFC 9110 section 14.

use std::ops::Range;

use holdfast_oci::range::{Error, MAX_POSITION, MAX_RANGES};
use holdfast_oci::{ByteRanges, ContentRange, Selection};
use proptest::prelude::*;

#[test]
fn a_chunk_range_is_two_numbers() {
    let range: ContentRange = "0-9".parse().expect("a range");
    assert_eq!((range.start(), range.end(), range.length_bytes()), (0, 9, 10));
    let range: ContentRange = "bytes 10-10/*".parse().expect("a range");
    assert_eq!((range.start(), range.end(), range.length_bytes()), (10, 10, 1));
    assert_eq!(
        "bytes 10-19/20".parse::<ContentRange>().expect("a range").to_string(),
        "10-19"
    );
    let largest = format!("0-{MAX_POSITION}");
    assert_eq!(
        largest.parse::<ContentRange>().expect("fits").length_bytes(),
        i64::MAX.unsigned_abs()
    );
}

#[test]
fn a_chunk_range_that_is_wrong_says_how() {
    let error = |text: &str| text.parse::<ContentRange>().expect_err(text);
    for text in [
        "",
        "-",
        "1-",
        "-1",
        "1",
        "a-b",
        "0-9-",
        "0--9",
        "+0-9",
        "0-+9",
        " 0-9",
        "0-9 ",
        "0 - 9",
        "bytes=0-9",
        "bytes 0-9",
        "bytes 0-9/x",
        "bytes */9",
        "0x0-9",
        "0-9/10",
        "٠-٩",
    ] {
        assert!(matches!(error(text), Error::Malformed { .. }), "{text:?}");
    }
    for text in [
        "0-9223372036854775807",
        "0-18446744073709551616",
        "99999999999999999999999-0",
    ] {
        assert!(matches!(error(text), Error::TooLarge { .. }), "{text:?}");
    }
    assert!(matches!(error("9-0"), Error::Inverted { .. }));
    assert!(matches!(error("bytes 0-9/9"), Error::BeyondTotal { .. }));
    assert_eq!(error("9-0").to_string(), "content range \"9-0\" ends before it starts");
}

#[test]
fn the_examples_of_rfc_9110_select_what_it_says() {
    let one = |range: Range<u64>| Ok(Selection::One(range));
    for (header, expected) in [
        ("bytes=0-499", one(0..500)),
        ("bytes=500-999", one(500..1_000)),
        ("bytes=-500", one(9_500..10_000)),
        ("bytes=9500-", one(9_500..10_000)),
        ("bytes=0-0,-1", Ok(Selection::Many(vec![0..1, 9_999..10_000]))),
        (
            "bytes= 0-999, 4500-5499, -1000",
            Ok(Selection::Many(vec![0..1_000, 4_500..5_500, 9_000..10_000])),
        ),
        ("bytes=500-600,601-999", one(500..1_000)),
        ("bytes=500-700,601-999", one(500..1_000)),
        ("bytes=0-", one(0..10_000)),
        ("bytes=-99999999999999999999999", one(0..10_000)),
        ("bytes=9999-99999999999999999999999", one(9_999..10_000)),
        ("BYTES=1-1", one(1..2)),
        ("bytes=,,1-1,", one(1..2)),
        ("bytes=10000-,5-5", one(5..6)),
        ("bytes=900-999,0-99", Ok(Selection::Many(vec![900..1_000, 0..100]))),
    ] {
        assert_eq!(ByteRanges::parse(header, 10_000), expected, "{header}");
    }
}

#[test]
fn what_is_not_understood_selects_the_whole() {
    for header in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=1-2;3-4",
        "bytes=0x1-2",
        "items=0-1",
        "bytes 0-1",
        "bytes=1-2,x",
        "bytes=+1-2",
        "bytes=1 -2",
    ] {
        assert_eq!(ByteRanges::parse(header, 100), Ok(Selection::Whole), "{header:?}");
    }
}

#[test]
fn nothing_to_send_is_unsatisfiable() {
    for header in [
        "bytes=100-",
        "bytes=100-200",
        "bytes=-0",
        "bytes=500-0",
        "bytes=2-1,0-0",
        "bytes=99999999999999999999999-",
    ] {
        let error = ByteRanges::parse(header, 100).expect_err(header);
        assert_eq!(error.size_bytes, 100);
    }
    assert_eq!(
        ByteRanges::parse("bytes=500-0", 100).expect_err("inverted").to_string(),
        "range \"bytes=500-0\" asks for none of the 100 bytes"
    );
}

#[test]
fn an_empty_content_has_no_first_byte_but_a_suffix() {
    assert!(ByteRanges::parse("bytes=0-0", 0).is_err());
    assert!(ByteRanges::parse("bytes=0-", 0).is_err());
    assert_eq!(ByteRanges::parse("bytes=-1", 0), Ok(Selection::Whole));
    assert_eq!(ByteRanges::parse("bytes=-1,-2,0-", 0), Ok(Selection::Whole));
}

#[test]
fn too_many_ranges_select_the_whole() {
    let header = |count: u64| {
        let ranges: Vec<_> = (0..count).map(|n| format!("{}-{}", n * 10, n * 10)).collect();
        format!("bytes={}", ranges.join(","))
    };
    let limit = MAX_RANGES as u64;
    assert!(
        matches!(ByteRanges::parse(&header(limit), 10_000), Ok(Selection::Many(ranges)) if ranges.len() == MAX_RANGES)
    );
    assert_eq!(ByteRanges::parse(&header(limit + 1), 10_000), Ok(Selection::Whole));
}

/// The bytes RFC 9110 lets one element of a range set select, byte by byte.
fn oracle(specs: &[(Option<u64>, Option<u64>)], size: u64) -> Vec<bool> {
    (0..size)
        .map(|position| {
            specs.iter().any(|spec| match *spec {
                (Some(first), Some(last)) => first <= position && position <= last,
                (Some(first), None) => first <= position,
                (None, Some(length)) => position + length >= size,
                (None, None) => false,
            })
        })
        .collect()
}

fn any_spec() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    prop_oneof![
        (0..60_u64, 0..60_u64).prop_map(|(first, length)| (Some(first), Some(first + length))),
        (0..60_u64).prop_map(|first| (Some(first), None)),
        (0..60_u64).prop_map(|length| (None, Some(length))),
    ]
}

proptest! {
    #[test]
    fn exactly_the_bytes_asked_for_are_selected_once(
        specs in prop::collection::vec(any_spec(), 1..MAX_RANGES),
        size in 1..50_u64,
    ) {
        let texts: Vec<_> = specs
            .iter()
            .map(|(first, last)| {
                let text = |number: &Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
                format!("{}-{}", text(first), text(last))
            })
            .collect();
        let expected = oracle(&specs, size);
        let ranges = match ByteRanges::parse(&format!("bytes={}", texts.join(", ")), size) {
            Ok(Selection::One(range)) => vec![range],
            Ok(Selection::Many(ranges)) => { prop_assert!(ranges.len() > 1); ranges }
            Ok(Selection::Whole) => return Err(TestCaseError::fail("well-formed ranges were ignored")),
            Err(_) => Vec::new(),
        };
        let mut found = vec![false; usize::try_from(size).expect("small")];
        for range in ranges {
            prop_assert!(!range.is_empty());
            for position in range {
                let seen = &mut found[usize::try_from(position).expect("small")];
                prop_assert!(!*seen, "byte {} is sent twice", position);
                *seen = true;
            }
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_chunk_range_reads_back_as_it_was_written(first in 0..=MAX_POSITION, last in 0..=MAX_POSITION) {
        let text = format!("{first}-{last}");
        match text.parse::<ContentRange>() {
            Ok(range) => { prop_assert!(first <= last); prop_assert_eq!(range.to_string(), text); }
            Err(error) => { prop_assert!(last < first, "{error}"); }
        }
    }

    #[test]
    fn no_header_makes_a_parser_panic(text in "(bytes[= ])?[0-9,/* x-]{0,60}|\\PC{0,40}", size in any::<u64>()) {
        let _chunk = text.parse::<ContentRange>();
        match ByteRanges::parse(&text, size) {
            Ok(Selection::One(range)) => prop_assert!(range.start < range.end && range.end <= size),
            Ok(Selection::Many(ranges)) => {
                prop_assert!(ranges.len() > 1 && ranges.len() <= MAX_RANGES);
                prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
            }
            Ok(Selection::Whole) | Err(_) => {}
        }
    }
}
