// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// clientAddress is where a request comes from: the other end of its connection or, when
// that is a proxy that is trusted, what it says of its own other end, and so on. What a
// proxy that is not trusted says is not listened to, as anybody can write a header.
func (s *Server) clientAddress(r *http.Request) netip.Addr {
	client := addressOf(r.RemoteAddr)
	if len(s.proxies) == 0 || !s.trusted(client) {
		return client
	}
	for hops := newHops(r.Header); ; {
		hop, ok := hops.next()
		if !ok {
			return client
		}
		from := addressOf(hop)
		if !from.IsValid() {
			return client // hidden, or not readable: the last that is known
		}
		if client = from; !s.trusted(client) {
			return client
		}
	}
}

func (s *Server) trusted(a netip.Addr) bool {
	for _, proxies := range s.proxies {
		if proxies.Contains(a) {
			return true
		}
	}
	return false
}

// source is what the attempts of one client are counted by. One host may have all of an
// IPv6 network of 64 bits.
func source(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	network, _ := a.Prefix(64) // it is an IPv6 address without a zone
	return network.Addr()
}

// addressOf reads an IP address with or without a port, IPv6 with or without brackets.
// It is not valid when there is none.
func addressOf(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	address, _ := netip.ParseAddr(text)
	return address.WithZone("").Unmap()
}

// hops are what the proxies on the way have said of their other ends, the nearest first:
// in X-Forwarded-For or, where nobody has written that, in Forwarded (RFC 7239).
type hops struct {
	lines     []string
	rest      string // of the last line, what has not been read yet
	forwarded bool
}

func newHops(h http.Header) *hops {
	o := &hops{lines: h["X-Forwarded-For"]}
	if len(o.lines) == 0 {
		o.lines, o.forwarded = h["Forwarded"], true
	}
	return o
}

func (o *hops) next() (hop string, ok bool) {
	for o.rest == "" {
		if len(o.lines) == 0 {
			return "", false
		}
		last := len(o.lines) - 1
		o.rest, o.lines = o.lines[last], o.lines[:last]
	}
	hop = o.rest
	if comma := strings.LastIndexByte(o.rest, ','); comma >= 0 {
		hop, o.rest = o.rest[comma+1:], o.rest[:comma]
	} else {
		o.rest = ""
	}
	if o.forwarded {
		hop = forwardedFor(hop)
	}
	return strings.TrimSpace(hop), true
}

// forwardedFor gives the node of an element such as `for="[2001:db8::1]:443";proto=https`.
// A quoted comma, which no address has, makes the element one that cannot be read.
func forwardedFor(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, "for") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}
