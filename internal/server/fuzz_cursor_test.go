// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/base64"
	"errors"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// FuzzCursor: nothing that a client makes up is a cursor, whatever a walk has come to is
// found again, and only by the same query.
func FuzzCursor(f *testing.F) {
	e := newEndpoint(f, withLimits(func(l *Limits) { l.RequestsPerSecond = math.MaxInt32 })) // the clock stands still
	now := time.Unix(1_800_000_000, 0)
	e.now = func() time.Time { return now }
	genuine, err := e.sealCursor("", parameters{filter: "title pr"}, "/Users", place{typeName: "User", position: &store.Position{Key: "\x01ann", ID: "1", Created: 7}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(genuine, "title pr", "\x01ann", "2819c223-7f76-453a-919d-413861904646", int64(1_700_000_000))
	f.Add("", "", "", "", int64(0))
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x", "\x02", "id", int64(-1))
	f.Add("\x01\x80\x80\x80\x80\x10\x04User\x04\x01ann\x011\x0e", "", "\xff\x00", "ü", int64(1)<<62)
	f.Fuzz(func(t *testing.T, cursor, filter, key, id string, created int64) {
		e.now = func() time.Time { return now }
		e.logs.lines = nil
		_, err := e.openCursor(parameters{cursor: cursor, filter: filter}, "/Groups")
		checkCursorRefusal(t, err, scim.ScimTypeInvalidCursor)
		checkPlace(t, []byte(cursor))
		query := url.Values{"cursor": {cursor}, "filter": {filter}}.Encode()
		if a := fuzzDo(e, http.MethodGet, "/Users", query, ""); a.Code != http.StatusOK && a.Code != http.StatusBadRequest {
			t.Fatalf("status %d: %s", a.Code, a.Body)
		}
		if len(key) > 600 || len(id) > 253 {
			return // no resource has those
		}
		at := place{typeName: "User", position: &store.Position{Key: key, ID: id, Created: created}}
		p := parameters{filter: filter}
		if p.cursor, err = e.sealCursor("", p, "/Users", at); err != nil || len(p.cursor) > maxCursor {
			t.Fatalf("a cursor of %d bytes, error %v", len(p.cursor), err)
		}
		opened, err := e.openCursor(p, "/Users")
		if err != nil || !reflect.DeepEqual(opened, at) {
			t.Fatalf("%+v is opened as %+v (%v)", at.position, opened.position, err)
		}
		checkBinding(t, e, p)
		e.now = func() time.Time { return now.Add(e.limits.CursorTimeout) }
		_, err = e.openCursor(p, "/Users")
		checkCursorRefusal(t, err, scim.ScimTypeExpiredCursor)
	})
}

// checkBinding opens a cursor for other queries, and others made of it.
func checkBinding(t *testing.T, e *endpoint, p parameters) {
	t.Helper()
	for _, change := range []func(*parameters){
		func(p *parameters) { p.filter += " " },
		func(p *parameters) { p.sortBy = "title" },
		func(p *parameters) { p.attributes = "title" },
		func(p *parameters) { p.cursor = p.cursor[:len(p.cursor)-4] },
		func(p *parameters) { p.cursor = p.cursor[4:] },
		func(p *parameters) { p.cursor = flip(p.cursor, 0) },
		func(p *parameters) { p.cursor = flip(p.cursor, len(p.cursor)/2) },
	} {
		other := p
		change(&other)
		_, err := e.openCursor(other, "/Users")
		checkCursorRefusal(t, err, scim.ScimTypeInvalidCursor)
	}
	if other, err := e.openCursor(parameters{cursor: p.cursor, filter: p.filter, count: 7}, "/Users"); err != nil || other.position == nil {
		t.Fatalf("the size of the page matters: %v", err)
	}
}

func flip(cursor string, i int) string {
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return ""
	}
	sealed[i*3/4] ^= 1
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// checkPlace reads what no key has been needed for.
func checkPlace(t *testing.T, b []byte) {
	t.Helper()
	at, expires, ok := readPlace(b)
	if !ok {
		return
	}
	again, sameTime, ok := readPlace(at.append(nil, expires))
	if !ok || !sameTime.Equal(expires) || !reflect.DeepEqual(again, at) {
		t.Fatalf("%q is %+v until %v and then %+v until %v", b, at, expires, again, sameTime)
	}
}

func checkCursorRefusal(t *testing.T, err error, scimType string) {
	t.Helper()
	var r *refusal
	if !errors.As(err, &r) || r.scim.Status != http.StatusBadRequest || r.scim.ScimType != scimType {
		t.Fatalf("error is %v, want %s", err, scimType)
	}
}
