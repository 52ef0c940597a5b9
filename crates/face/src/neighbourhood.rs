//! Addresses that count together where something is shared out among peers. It refuses to know what is shared.

use std::net::IpAddr;

use holdfast_access::network_of;

/// One IPv4 address, or what one IPv6 customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Neighbourhood {
    /// One address of IPv4, or a /64.
    Near(IpAddr),
    /// A /48.
    Far(IpAddr),
}

impl Neighbourhood {
    /// Where a peer counts.
    #[must_use]
    pub fn all_of(peer: IpAddr) -> Vec<Self> {
        match network_of(peer, 64) {
            near @ IpAddr::V4(_) => vec![Self::Near(near)],
            near @ IpAddr::V6(_) => vec![Self::Near(near), Self::Far(network_of(peer, 48))],
        }
    }

    /// What it may have of so many: half for one address, three quarters for a /48.
    #[must_use]
    pub fn most(self, total: usize) -> usize {
        match self {
            Self::Near(_) => total.div_ceil(2),
            Self::Far(_) => (total * 3).div_ceil(4),
        }
    }
}
