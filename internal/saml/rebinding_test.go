// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"scim-operator.io/internal/guard"
)

// TestFetchIsNotFooledByDNS: a name is public when it is looked up the first time and
// internal the second. The address that counts is the one that is dialled.
func TestFetchIsNotFooledByDNS(t *testing.T) {
	s := newSite(t, FetcherOptions{}, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dns := startDNS(t, [4]byte{93, 184, 216, 34}, [4]byte{127, 0, 0, 1})
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", dns)
	}}
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "metadata.example.com.")
	if err != nil || len(first) != 1 || !guard.Public(first[0]) {
		t.Fatalf("the first lookup gives %v and %v, not a public address", first, err)
	}

	s.fetcher.dialer.Resolver = resolver
	_, err = s.fetcher.Fetch(t.Context(), "https://"+net.JoinHostPort("metadata.example.com.", port)+"/")
	checkFailure(t, err, ErrForbidden, "127.0.0.1 is an internal address", "\x00")
	if n := s.requests.Load(); n != 0 {
		t.Errorf("the server got %d requests", n)
	}
}

// startDNS answers every question for an IPv4 address: the first with the first address,
// all others with the second. It returns where it listens.
func startDNS(t *testing.T, first, then [4]byte) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	var asked atomic.Int64
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var message dnsmessage.Message
			if message.Unpack(buffer[:n]) != nil || len(message.Questions) != 1 {
				continue
			}
			question := message.Questions[0]
			message.Response, message.Authoritative = true, true
			message.Additionals = nil
			if question.Type == dnsmessage.TypeA {
				address := then
				if asked.Add(1) == 1 {
					address = first
				}
				message.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class},
					Body:   &dnsmessage.AResource{A: address},
				}}
			}
			if answer, err := message.Pack(); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}
