// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"net/netip"
	"testing"
)

func TestPublicAddresses(t *testing.T) {
	for _, row := range []struct {
		name, address string
		public        bool
	}{
		{"a public IPv4 host", "93.184.216.34", true},
		{"a public IPv6 host", "2606:2800:220:1:248:1893:25c8:1946", true},
		{"a public IPv4 host through NAT64", "64:ff9b::5db8:d822", true},
		{"just below 10/8", "9.255.255.255", true},
		{"just above 172.16/12", "172.32.0.0", true},
		{"just above 100.64/10", "100.128.0.0", true},

		{"loopback", "127.0.0.1", false},
		{"all of 127/8", "127.200.1.1", false},
		{"IPv6 loopback", "::1", false},
		{"loopback as IPv4-mapped IPv6", "::ffff:127.0.0.1", false},
		{"loopback as IPv4-compatible IPv6", "::127.0.0.1", false},
		{"unspecified", "0.0.0.0", false},
		{"IPv6 unspecified", "::", false},
		{"this network", "0.1.2.3", false},
		{"private 10/8", "10.96.0.1", false},
		{"private 172.16/12", "172.31.255.255", false},
		{"private 192.168/16", "192.168.1.1", false},
		{"private as IPv4-mapped IPv6", "::ffff:10.0.0.1", false},
		{"private through NAT64", "64:ff9b::a00:1", false},
		{"private through a local NAT64", "64:ff9b:1::a00:1", false},
		{"private in 6to4", "2002:a00:1::1", false},
		{"Teredo", "2001::1", false},
		{"unique local", "fd12:3456:789a::1", false},
		{"site-local", "fec0::1", false},
		{"carrier-grade NAT", "100.64.0.1", false},
		{"link-local", "169.254.1.1", false},
		{"IPv6 link-local", "fe80::1", false},
		{"IPv6 link-local with a zone", "fe80::1%eth0", false},
		{"metadata service of AWS, Google Cloud and Azure", "169.254.169.254", false},
		{"metadata service of AWS over IPv6", "fd00:ec2::254", false},
		{"metadata service of Alibaba Cloud", "100.100.100.200", false},
		{"metadata service of Oracle Cloud", "192.0.0.192", false},
		{"host service of Azure", "168.63.129.16", false},
		{"multicast", "224.0.0.1", false},
		{"IPv6 multicast", "ff02::1", false},
		{"broadcast", "255.255.255.255", false},
		{"reserved", "240.0.0.1", false},
		{"benchmarking", "198.18.0.1", false},
		{"documentation", "203.0.113.7", false},
		{"IPv6 documentation", "2001:db8::1", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			address := netip.MustParseAddr(row.address)
			if got := Public(address); got != row.public {
				t.Errorf("%s is public: %v", row.address, got)
			}
			err := refuseInternal("tcp", netip.AddrPortFrom(address, 443).String(), nil)
			if forbidden := (*Forbidden)(nil); (err == nil) != row.public || (err != nil && !errors.As(err, &forbidden)) {
				t.Errorf("dialling %s: %v", row.address, err)
			}
		})
	}
}
