// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	const proxy, inner, stranger = "10.0.0.1:4711", "10.0.0.2", "203.0.113.9:80"
	for _, row := range []struct {
		name      string
		remote    string
		header    string
		lines     []string
		forwarded []string
		want      string
	}{
		{name: "no proxy", remote: stranger, want: "203.0.113.9"},
		{name: "a stranger who writes the header", remote: stranger, lines: []string{"198.51.100.7"}, want: "203.0.113.9"},
		{name: "a proxy that says nothing", remote: proxy, want: "10.0.0.1"},
		{name: "a proxy", remote: proxy, lines: []string{"198.51.100.7"}, want: "198.51.100.7"},
		{name: "what the client itself wrote comes before it", remote: proxy, lines: []string{"192.0.2.1, 198.51.100.7"}, want: "198.51.100.7"},
		{name: "two proxies", remote: proxy, lines: []string{"192.0.2.1, 198.51.100.7, " + inner}, want: "198.51.100.7"},
		{name: "two proxies, each with a line", remote: proxy, lines: []string{"192.0.2.1, 198.51.100.7", inner}, want: "198.51.100.7"},
		{name: "proxies all the way", remote: proxy, lines: []string{inner}, want: inner},
		{name: "a port", remote: proxy, lines: []string{"198.51.100.7:55555"}, want: "198.51.100.7"},
		{name: "IPv6", remote: proxy, lines: []string{"2001:db8::7"}, want: "2001:db8::7"},
		{name: "IPv6 with a port", remote: proxy, lines: []string{"[2001:db8::7]:443"}, want: "2001:db8::7"},
		{name: "IPv4 as IPv6", remote: proxy, lines: []string{"::ffff:198.51.100.7"}, want: "198.51.100.7"},
		{name: "a proxy over IPv6", remote: "[fd00::1]:80", lines: []string{"198.51.100.7"}, want: "198.51.100.7"},
		{name: "nonsense", remote: proxy, lines: []string{"198.51.100.7, unknown"}, want: "10.0.0.1"},
		{name: "an empty line", remote: proxy, lines: []string{""}, want: "10.0.0.1"},
		{name: "Forwarded", remote: proxy, forwarded: []string{`for=192.0.2.1, For="198.51.100.7:80";proto=https`}, want: "198.51.100.7"},
		{name: "Forwarded with IPv6", remote: proxy, forwarded: []string{`by=10.0.0.1; for="[2001:db8::7]:443"`}, want: "2001:db8::7"},
		{name: "Forwarded that hides", remote: proxy, forwarded: []string{"for=_hidden"}, want: "10.0.0.1"},
		{name: "Forwarded without an address", remote: proxy, forwarded: []string{"proto=https"}, want: "10.0.0.1"},
		{name: "both", remote: proxy, lines: []string{"198.51.100.7"}, forwarded: []string{"for=192.0.2.1"}, want: "198.51.100.7"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &Server{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
			r := &http.Request{RemoteAddr: row.remote, Header: http.Header{}}
			if row.lines != nil {
				r.Header["X-Forwarded-For"] = row.lines
			}
			if row.forwarded != nil {
				r.Header["Forwarded"] = row.forwarded
			}
			if got := s.clientAddress(r).String(); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
			if s.proxies = nil; s.clientAddress(r) != addressOf(row.remote) {
				t.Errorf("without trusted proxies: %s, want the other end of the connection", s.clientAddress(r))
			}
		})
	}
}
