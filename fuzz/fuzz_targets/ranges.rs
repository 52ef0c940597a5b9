//! The two range headers: what is selected lies within the content and no byte of it is sent twice.
#![no_main]

use holdfast_oci::range::MAX_RANGES;
use holdfast_oci::{ByteRanges, ContentRange, Selection};
use libfuzzer_sys::fuzz_target;

/// The first eight bytes are the size, the rest is the header.
fn split(input: &[u8]) -> Option<(u64, &str)> {
    let (size, header) = input.split_first_chunk()?;
    Some((u64::from_le_bytes(*size), std::str::from_utf8(header).ok()?))
}

fuzz_target!(|input: &[u8]| {
    let Some((size, header)) = split(input) else { return };
    if let Ok(range) = header.parse::<ContentRange>() {
        assert!(range.start() <= range.end());
        assert_eq!(range.length_bytes(), range.end() - range.start() + 1);
        assert_eq!(range.to_string().parse(), Ok(range));
    }
    let mut ranges = match ByteRanges::parse(header, size) {
        Ok(Selection::Whole) | Err(_) => return,
        Ok(Selection::One(range)) => vec![range],
        Ok(Selection::Many(ranges)) => {
            assert!(ranges.len() > 1);
            ranges
        }
    };
    assert!(ranges.len() <= MAX_RANGES);
    assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
    ranges.sort_by_key(|range| range.start);
    assert!(
        ranges.windows(2).all(|pair| pair[0].end < pair[1].start),
        "ranges touch: {ranges:?}"
    );
});
