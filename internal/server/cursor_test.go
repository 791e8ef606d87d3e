// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// keyring has a key for each token.
type keyring map[string][32]byte

func (k keyring) SealingKey(tokenID string) ([32]byte, bool) {
	key, ok := k[tokenID]
	return key, ok
}

func (k keyring) OpeningKeys() (keys [][32]byte) {
	for _, key := range k {
		keys = append(keys, key)
	}
	return keys
}

func (e *endpoint) people(n int) {
	e.t.Helper()
	for i := range n {
		if a := e.do("POST", "/Users", fmt.Sprintf(`{"userName":"user%d"}`, i)); a.status != http.StatusCreated {
			e.t.Fatalf("status %d: %s", a.status, a.body)
		}
	}
}

func (e *endpoint) nextCursor(path string) string {
	e.t.Helper()
	next, _ := e.do("GET", path, "").json(e.t)["nextCursor"].(string)
	if next == "" {
		e.t.Fatalf("%s has no nextCursor", path)
	}
	return next
}

func TestCursorExpires(t *testing.T) {
	var shift atomic.Int64
	e := newEndpoint(t, withLimits(func(l *Limits) { l.CursorTimeout = time.Minute }))
	e.now = func() time.Time { return time.Unix(1_800_000_000+shift.Load(), 0) }
	e.start()
	e.people(3)
	next := e.nextCursor("/Users?cursor&count=1")
	shift.Store(59)
	// The next page's cursor has its own minute.
	further := e.nextCursor("/Users?count=1&cursor=" + next)
	shift.Store(60)
	a := e.do("GET", "/Users?cursor="+next, "")
	wantError(t, a, http.StatusBadRequest, "expiredCursor")
	if !strings.Contains(string(a.body), "1m0s") {
		t.Errorf("the error does not say how old a cursor may become: %s", a.body)
	}
	shift.Store(59 + 59)
	if a := e.do("GET", "/Users?cursor="+further, ""); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

func TestCursorsCannotBeForgedOrRead(t *testing.T) {
	e := serve(t)
	e.people(2)
	const query = "/Users?sortBy=userName&count=1&cursor="
	next := e.nextCursor(query)
	if !regexp.MustCompile(`^[A-Za-z0-9_.~-]+$`).MatchString(next) {
		t.Errorf("%q is not made of unreserved characters", next)
	}
	raw, err := base64.RawURLEncoding.DecodeString(next)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("user0")) {
		t.Error("the cursor shows what the list is sorted by")
	}
	for i := range raw {
		forged := bytes.Clone(raw)
		forged[i] ^= 1
		a := e.do("GET", query+base64.RawURLEncoding.EncodeToString(forged), "")
		wantError(t, a, http.StatusBadRequest, "invalidCursor")
	}
	for _, none := range []string{next[:20], next + "AAAA", strings.Repeat("A", 8000), "%00"} {
		wantError(t, e.do("GET", query+none, ""), http.StatusBadRequest, "invalidCursor")
	}
	again := e.nextCursor(query)
	if again == next {
		t.Error("two cursors are the same: they were made with one nonce")
	}
}

func TestCursorsOutliveAReplicaAndAToken(t *testing.T) {
	keys := keyring{}
	withKeys := func(c *Config) { c.Cursors = keys }
	first := newEndpoint(t, withKeys)
	id, _ := first.tokens.Verify(string(testToken))
	keys[id] = [32]byte{1}
	first.start()
	first.people(3)
	next := first.nextCursor("/Users?cursor&count=1")

	second := newEndpoint(t, withKeys)
	second.store.records, second.store.baseURL = first.store.records, first.store.baseURL
	second.start()
	delete(keys, id)
	keys["former"], keys[id] = [32]byte{1}, [32]byte{2}
	if got := second.do("GET", "/Users?cursor="+next, "").json(t)["itemsPerPage"]; got != 2.0 {
		t.Errorf("%v users follow, want 2", got)
	}
	delete(keys, "former")
	wantError(t, second.do("GET", "/Users?cursor="+next, ""), http.StatusBadRequest, "invalidCursor")
	delete(keys, id)
	wantError(t, second.do("GET", "/Users?cursor&count=1", ""), http.StatusServiceUnavailable, "")
}

func TestCursorOfALongSortValueIsShort(t *testing.T) {
	e := serve(t)
	for i := range 2 {
		e.do("POST", "/Users", fmt.Sprintf(`{"userName":"user%d","title":"%s"}`, i, strings.Repeat("x", 10_000)))
	}
	next := e.nextCursor("/Users?sortBy=title&count=1&cursor=")
	if len(next) > 1024 {
		t.Errorf("the cursor has %d bytes", len(next))
	}
	body := e.do("GET", "/Users?sortBy=title&count=1&cursor="+url.QueryEscape(next), "").json(t)
	if body["itemsPerPage"] != 1.0 || body["nextCursor"] != nil {
		t.Errorf("the second page is not the last: %v", body)
	}
}
