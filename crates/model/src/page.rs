//! Pages of listings. A page goes on from a position, which needs no row (ARCHITECTURE.md, law 9).

use crate::Timestamp;

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

/// A position in a listing. It stays where it is when the row that it was taken from moves or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position<Name> {
    /// When that row had changed, which a listing by time goes on from. Without it only the name is known: a listing by
    /// time then goes on from where the row lies now, and starts from the beginning when there is none.
    pub updated_at: Option<Timestamp>,
    /// That row's name or digest, which a listing by name goes on from.
    pub name: Name,
}

impl<Name> Position<Name> {
    /// The position of a name in a listing by name.
    #[must_use]
    pub fn of(name: Name) -> Self {
        Self { updated_at: None, name }
    }

    /// The position of a row in a listing of either kind.
    #[must_use]
    pub fn at(updated_at: Timestamp, name: Name) -> Self {
        Self {
            updated_at: Some(updated_at),
            name,
        }
    }
}

/// Which rows a listing has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Those with listing switched on.
    Listed,
    /// Those with listing switched off too.
    Every,
}

/// A page of a listing: at most `limit` rows after a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<Name> {
    /// The position of the last row of the page before, exclusive.
    pub after: Option<Position<Name>>,
    /// Most rows to return; at least 1.
    pub limit: usize,
    /// The order.
    pub order: ListOrder,
}
