// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/saml"
)

func TestDocumentsAreFetchedWhenTheyAreDue(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var asked int
	var fail error
	arrived := make(chan struct{}, 10)
	read := func(document []byte) (any, error) { return string(document), nil }
	d := &documents{
		now:     func() time.Time { return clock },
		known:   map[documentKey]*answer{},
		fetches: newFetches(t.Context()),
		arrived: func(client.ObjectKey) { arrived <- struct{}{} },
		fetch: func(context.Context, string) ([]byte, error) {
			asked++
			return fmt.Appendf(nil, "document %d", asked), fail
		},
	}
	key := documentKey{client.ObjectKey{Namespace: "acme", Name: "okta"}, metadataPart}
	const url = "https://acme.okta.com/metadata"
	for _, step := range []struct {
		what      string
		after     time.Duration
		url       string
		fail      error
		wantAsked int
		// next is between these two.
		atLeast, atMost time.Duration
	}{
		{"first", 0, url, nil, 1, 54 * time.Minute, 66 * time.Minute},
		{"soon again", 10 * time.Minute, url, nil, 1, 44 * time.Minute, 56 * time.Minute},
		{"after more than an hour", time.Hour, url, nil, 2, 54 * time.Minute, 66 * time.Minute},
		{"it is down", 67 * time.Minute, url, saml.ErrUnreachable, 3, 27 * time.Second, 33 * time.Second},
		{"it is still down", 34 * time.Second, url, saml.ErrUnreachable, 4, 54 * time.Second, 66 * time.Second},
		{"and again", 67 * time.Second, url, saml.ErrUnreachable, 5, 108 * time.Second, 132 * time.Second},
		{"another URL is asked at once", time.Second, url + "2", nil, 6, 54 * time.Minute, 66 * time.Minute},
	} {
		clock = clock.Add(step.after)
		fail = step.fail
		before := asked
		_, next, err := d.get(key, location{url: step.url}, read)
		if step.wantAsked > before {
			if err == nil && next > 0 {
				t.Errorf("%s: it is not fetched", step.what)
			}
			<-arrived
			_, next, err = d.get(key, location{url: step.url}, read)
		}
		if asked != step.wantAsked || !errors.Is(err, step.fail) || next < step.atLeast || next > step.atMost {
			t.Errorf("%s: asked %d times, next in %s, error %v", step.what, asked, next, err)
		}
	}
	d.forget(key.of)
	if _, _, err := d.get(key, location{url: url}, read); !errors.Is(err, errPending) {
		t.Errorf("after it was forgotten: %v", err)
	}
	<-arrived
	if value, _, err := d.get(key, location{url: url}, read); err != nil || value != "document 7" {
		t.Errorf("after it was forgotten: asked %d times, error %v", asked, err)
	}
}

func TestRetriesNeverBecomeRarerThanTheRefetch(t *testing.T) {
	var a answer
	now := time.Now()
	for range 200 {
		a.schedule(now, saml.ErrUnreachable)
	}
	if wait := a.due.Sub(now); wait < 54*time.Minute || wait > 66*time.Minute {
		t.Errorf("after 200 failures the next try is in %s", wait)
	}
}

func TestMetadataFailure(t *testing.T) {
	for _, row := range []struct {
		err             error
		reason, message string
	}{
		{saml.ErrUnreachable, v1alpha1.ReasonMetadataUnreachable,
			"The metadata cannot be fetched. It is tried again; if this stays, correct spec.signOn.saml.metadata.url."},
		{saml.ErrForbidden, v1alpha1.ReasonMetadataURLForbidden,
			"The metadata URL is not allowed. Give a public https address in spec.signOn.saml.metadata.url, or the document itself in xml or a ConfigMap."},
		{saml.ErrTooLarge, v1alpha1.ReasonMetadataInvalid,
			"The metadata is larger than 1024 KiB. Give the metadata of this identity provider alone."},
		{saml.ErrInvalid, v1alpha1.ReasonMetadataInvalid, "The SAML metadata is invalid."},
	} {
		if got := metadataFailure(row.err, samlAdvice); got == nil || got.Reason != row.reason || got.Message != row.message {
			t.Errorf("%v: got %v", row.err, got)
		}
	}
	if got := metadataFailure(errors.New("the API server did not answer"), samlAdvice); got != nil {
		t.Errorf("a fault of the API server says nothing about metadata, got %v", got)
	}
}
