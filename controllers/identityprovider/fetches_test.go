// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"errors"
	"testing"
	"time"
)

// hang is a host that takes a connection and does not answer.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestHostsThatHangHoldUpTheirOwnTenantAlone(t *testing.T) {
	f := newFetches(t.Context())
	for range 100 {
		f.add("hanging", hang)
	}
	done := make(chan struct{})
	const others = 50
	for range others {
		f.add("other", func(context.Context) error { done <- struct{}{}; return nil })
	}
	for n := range others {
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d of %d fetches of another namespace have come to an end", n, others)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.lanes["hanging"]; l.running != maxPerNamespace || len(l.waiting) != 100-maxPerNamespace {
		t.Errorf("of the tenant whose hosts hang %d are fetched at a time, and %d wait", l.running, len(l.waiting))
	}
}

func TestNoMoreIsFetchedAtATimeThanTheBound(t *testing.T) {
	f := newFetches(t.Context())
	for _, namespace := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		f.add(namespace, hang)
		f.add(namespace, hang)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running != maxFetches {
		t.Errorf("%d are fetched at a time", f.running)
	}
}

func TestANamespaceWhoseFetchesFailPauses(t *testing.T) {
	f := newFetches(t.Context())
	began := make(chan time.Time, 10)
	for range 4 {
		f.add("failing", func(context.Context) error { began <- time.Now(); return errors.New("no route to host") })
	}
	// Two begin at once. The others begin one pause later, and that pause grows.
	first := <-began
	<-began
	third := <-began
	if pause := third.Sub(first); pause < firstPause {
		t.Errorf("the third fetch begins after %s", pause)
	}
	<-began
}
