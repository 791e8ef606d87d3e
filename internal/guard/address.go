// SPDX-License-Identifier: Apache-2.0

package guard

import "net/netip"

// What is not on the public Internet, after the IANA special-purpose registries
// (RFC 6890). Cloud providers' metadata services are in link-local, shared or unique
// local space, but for one.
var (
	internalIPv4 = prefixes(
		"0.0.0.0/8",        // this network
		"10.0.0.0/8",       // private (RFC 1918)
		"100.64.0.0/10",    // shared address space (carrier-grade NAT)
		"127.0.0.0/8",      // loopback
		"168.63.129.16/32", // Azure's host service, on a public address
		"169.254.0.0/16",   // link-local, with most clouds' metadata service
		"172.16.0.0/12",    // private (RFC 1918)
		"192.0.0.0/24",     // protocol assignments
		"192.0.2.0/24",     // documentation
		"192.88.99.0/24",   // former 6to4 relays
		"192.168.0.0/16",   // private (RFC 1918)
		"198.18.0.0/15",    // benchmarking
		"198.51.100.0/24",  // documentation
		"203.0.113.0/24",   // documentation
		"224.0.0.0/4",      // multicast
		"240.0.0.0/4",      // reserved, broadcast
	)

	// Only 2000::/3 is global unicast; loopback, link-local, site-local, unique local,
	// multicast and IPv4-compatible addresses are all outside of it.
	globalIPv6   = netip.MustParsePrefix("2000::/3")
	internalIPv6 = prefixes(
		"2001::/23",     // protocol assignments, Teredo
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4, which embeds an IPv4 address
		"3fff::/20",     // documentation
	)

	// nat64 carries an IPv4 address in its last 32 bits (RFC 6052): in a cluster with
	// IPv6 only, it is how public IPv4 hosts are reached.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

// Public says whether an address is on the public Internet.
func Public(address netip.Addr) bool {
	address = address.WithZone("").Unmap()
	if address.Is6() && nat64.Contains(address) {
		b := address.As16()
		address = netip.AddrFrom4([4]byte(b[12:]))
	}
	if address.Is4() {
		return !containedIn(internalIPv4, address)
	}
	return globalIPv6.Contains(address) && !containedIn(internalIPv6, address)
}

func containedIn(prefixes []netip.Prefix, address netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

func prefixes(cidrs ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(cidrs))
	for i, cidr := range cidrs {
		parsed[i] = netip.MustParsePrefix(cidr)
	}
	return parsed
}
