//! How long the parts of an upload are: they grow with their number, so that the largest blob fits into the number of parts
//! that a store takes. It refuses to count bytes itself.

/// The largest blob that has to fit.
#[cfg(test)]
const LARGEST_BYTES: u64 = 200 << 30;

/// From a number on, a length in bytes.
type Steps = &'static [(u32, u64)];

/// The plan of one kind of store.
#[derive(Debug)]
pub(super) struct Plan {
    /// A part that is not the last is at least as long.
    pub(super) least: Steps,
    /// Bytes are sent when a part is as long.
    pub(super) full: Steps,
    /// Parts of one upload that are under way at once.
    pub(super) at_once: usize,
    /// Whether the first part of a writer that goes on has a random length: see `writer.rs`.
    pub(super) is_first_trimmed: bool,
    /// What is saved and too short for a part lies beside, and up to this number it is uploaded as a part too: completing
    /// then is one request.
    pub(super) tails_as_parts: u32,
    /// The most parts that the store takes.
    pub(super) most: u32,
    /// Set where parts are no things of their own but one stream: they follow each other, all but the end of the stream
    /// are multiples of this, and the end comes with the completion. See `stream.rs`.
    pub(super) granule: Option<u64>,
}

const MIB: u64 = 1 << 20;

/// 10,000 parts of at least 5 MiB.
pub(super) const S3: Plan = Plan {
    least: &[(1, 5 * MIB), (4_001, 32 * MIB)],
    full: &[(1, 8 * MIB), (1_001, 16 * MIB), (4_001, 32 * MIB)],
    at_once: 2,
    is_first_trimmed: true,
    tails_as_parts: 2_000,
    most: 10_000,
    granule: None,
};

/// 50,000 blocks of any length. Short ones are saved as they come while there are many left.
pub(super) const AZURE: Plan = Plan {
    least: &[(1, 1), (5_001, 8 * MIB)],
    full: &[(1, 8 * MIB)],
    at_once: 2,
    is_first_trimmed: false,
    tails_as_parts: 0,
    most: 50_000,
    granule: None,
};

/// One stream in multiples of 256 KiB, as long as it likes; each request of it costs, so what is saved and shorter than a
/// few lies beside.
pub(super) const GOOGLE: Plan = Plan {
    least: &[(1, MIB)],
    full: &[(1, 8 * MIB)],
    at_once: 1,
    is_first_trimmed: false,
    tails_as_parts: 0,
    most: 250_000,
    granule: Some(256 << 10),
};

impl Plan {
    pub(super) fn least(&self, number: u32) -> u64 {
        at(self.least, number)
    }

    pub(super) fn full(&self, number: u32) -> u64 {
        at(self.full, number)
    }
}

fn at(steps: Steps, number: u32) -> u64 {
    let reached = steps.iter().take_while(|(from, _)| *from <= number);
    reached.last().map_or(0, |(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_blob_fits_into_the_parts_of_each_store() {
        for plan in [&S3, &AZURE, &GOOGLE] {
            let bytes = |length: fn(&Plan, u32) -> u64| (1..=plan.most).map(|n| length(plan, n)).sum::<u64>();
            assert!(bytes(Plan::full) >= LARGEST_BYTES, "{plan:?}");
            // Also when every chunk is only just long enough to be a part of its own.
            assert!(bytes(Plan::least) >= LARGEST_BYTES, "{plan:?}");
            for number in [1, 1_000, 4_001, 5_001, plan.most] {
                assert!(plan.full(number) >= plan.least(number), "{plan:?}");
                assert_eq!(plan.full(number) % plan.granule.unwrap_or(1), 0, "{plan:?}");
            }
        }
    }
}
