//! The networks that addresses count with where something is shared out among callers: a host of IPv6 has 2^64 addresses
//! to choose from, a customer 2^72. It refuses to know what is shared.

use std::net::{IpAddr, Ipv6Addr};

/// The address itself if it is one of IPv4, also where IPv6 wraps it; else the network of so many bits that it is in.
///
/// ```
/// use holdfast_access::network_of;
///
/// let network = |text: &str| network_of(text.parse().unwrap(), 56).to_string();
/// assert_eq!(network("2001:db8:0:1ff::7"), "2001:db8:0:100::");
/// assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
/// ```
#[must_use]
pub fn network_of(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
        v4 => v4,
    }
}
