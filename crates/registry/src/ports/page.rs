//! Pages of listings.

/// How a listing is ordered (ACR: `orderby`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListOrder {
    /// By name or digest, ascending.
    #[default]
    Name,
    /// Oldest change first.
    TimeAscending,
    /// Newest change first.
    TimeDescending,
}

/// A page of a listing: at most `limit` rows after the marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<Marker> {
    /// The last row of the page before, exclusive. A marker that is gone still has its place.
    pub after: Option<Marker>,
    /// Most rows to return; at least 1.
    pub limit: usize,
    /// The order.
    pub order: ListOrder,
}
