//! Addresses that count together where something is shared out among peers. It refuses to know what is shared.

use std::net::{IpAddr, Ipv6Addr};

/// One IPv4 address, or what one IPv6 customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Neighbourhood {
    /// One address of IPv4, or a /64.
    Near(IpAddr),
    /// A /48.
    Far(Ipv6Addr),
}

impl Neighbourhood {
    /// Where a peer counts.
    #[must_use]
    pub fn all_of(peer: IpAddr) -> Vec<Self> {
        match peer.to_canonical() {
            IpAddr::V4(address) => vec![Self::Near(address.into())],
            IpAddr::V6(address) => vec![Self::Near(prefix(address, 64).into()), Self::Far(prefix(address, 48))],
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

fn prefix(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}
