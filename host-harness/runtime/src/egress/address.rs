//! Which addresses a guest may be connected to: public unicast only, so that a name that resolves
//! to something inside (DNS rebinding) reaches nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is public unicast by the special-purpose registries of IANA (RFC 6890 and
/// updates). Addresses that carry an IPv4 address are judged by that one.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Network and prefix length.
type V4Block = ([u8; 4], u32);

const NOT_PUBLIC_V4: [V4Block; 15] = [
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by carriers
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link local, cloud metadata
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // 6to4 relays, retired
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, broadcast
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !NOT_PUBLIC_V4
        .iter()
        .any(|&(network, prefix)| (bits ^ Ipv4Addr::from(network).to_bits()) >> (32 - prefix) == 0)
}

/// Network (its first four groups) and prefix length of at most 64.
type V6Block = ([u16; 4], u32);

const NOT_PUBLIC_V6: [V6Block; 3] = [
    ([0x2001, 0, 0, 0], 23), // protocol assignments, Teredo, benchmarks, ORCHID
    ([0x2001, 0xdb8, 0, 0], 32), // documentation
    ([0x3fff, 0, 0, 0], 20), // documentation
];

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let carried = |high: u16, low: u16| {
        is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
    };
    match [a, b, c, d, e, f] {
        // IPv4-mapped (RFC 4291) and NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => return carried(g, h),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => return carried(high, low),
        _ => {}
    }
    let top = (u64::from(a) << 48) | (u64::from(b) << 32) | (u64::from(c) << 16) | u64::from(d);
    // Only 2000::/3 is global unicast at all.
    a >> 13 == 1
        && !NOT_PUBLIC_V6.iter().any(|&([a, b, c, d], prefix)| {
            let network =
                (u64::from(a) << 48) | (u64::from(b) << 32) | (u64::from(c) << 16) | u64::from(d);
            (top ^ network) >> (64 - prefix) == 0
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "8.8.8.8",
            "52.96.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "2a01:111:f100::1",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn private_local_and_special_addresses_are_not() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "5f00::1",
            "64:ff9b:1::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_address_is_judged_as_ipv4() {
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::1",
            "2002:c0a8:101::",
            "::127.0.0.1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    proptest! {
        #[test]
        fn mapping_into_ipv6_never_changes_the_answer(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            prop_assert_eq!(is_public(v4.into()), is_public(v4.to_ipv6_mapped().into()));
        }

        #[test]
        fn nothing_that_the_standard_library_calls_local_is_public(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let local = v4.is_loopback() || v4.is_private() || v4.is_link_local()
                || v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified()
                || v4.is_documentation();
            prop_assert!(!(local && is_public(v4.into())));
        }

        #[test]
        fn no_local_ipv6_address_is_public(bits: u128) {
            let v6 = Ipv6Addr::from(bits);
            let local = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast()
                || v6.is_unique_local() || v6.is_unicast_link_local();
            prop_assert!(!(local && is_public(v6.into())));
        }
    }
}
