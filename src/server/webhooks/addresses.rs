//! Where messages may go: addresses that the whole internet has, and no others, so that nobody
//! makes this server speak with its own neighbours.
//!
//! The blocks are those of IANA's registries of special-purpose addresses that are not globally
//! reachable: loopback, private, link-local (there clouds keep their metadata), shared,
//! documentation, multicast, reserved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first address of a block, and how many bits it shares with the others.
type Block4 = (Ipv4Addr, u32);
type Block6 = (Ipv6Addr, u32);

const NOT_PUBLIC_4: [Block4; 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// All that is given out to the internet of today.
const PUBLIC_6: Block6 = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Within it: protocols such as Teredo, documentation, and 6to4, which leads to any IPv4 address.
const NOT_PUBLIC_6: [Block6; 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];
/// Networks without IPv4 reach it by these (RFC 6052): the last 32 bits are the address.
const IPV4_BEHIND_6: Block6 = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether anybody on the internet could have this address.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_4(mapped),
            None => is_public_6(address),
        },
    }
}

fn is_public_4(address: Ipv4Addr) -> bool {
    let is_in = |(first, bits): Block4| (address.to_bits() ^ first.to_bits()) >> (32 - bits) == 0;
    !NOT_PUBLIC_4.into_iter().any(is_in)
}

fn is_public_6(address: Ipv6Addr) -> bool {
    let is_in = |(first, bits): Block6| (address.to_bits() ^ first.to_bits()) >> (128 - bits) == 0;
    if is_in(IPV4_BEHIND_6) {
        let [.., high, low] = address.segments();
        let bits = (u32::from(high) << 16) | u32::from(low);
        return is_public_4(Ipv4Addr::from_bits(bits));
    }
    is_in(PUBLIC_6) && !NOT_PUBLIC_6.into_iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn what_the_internet_reaches_is_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is(address), "{address}");
        }
    }

    #[test]
    fn neighbours_metadata_and_what_nobody_has_are_not() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.255.255",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "4000::1",
        ] {
            assert!(!is(address), "{address}");
        }
    }
}
