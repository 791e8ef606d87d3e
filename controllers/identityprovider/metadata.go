// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/saml"
)

const (
	// refetch is how often metadata is read again from its URL, give or take a tenth.
	refetch = time.Hour
	// firstRetry is doubled with every failure to fetch, up to refetch.
	firstRetry = 30 * time.Second
)

// document reads the metadata from where the spec says. Next is when to read it again
// although no event asks for it.
func (r *Reconciler) document(ctx context.Context, idp *v1alpha1.IdentityProvider) (document []byte, next time.Duration, err error) {
	switch source := idp.Spec.SAML.Metadata; {
	case source.XML != "":
		return []byte(source.XML), 0, nil
	case source.ConfigMapKeyRef != nil:
		document, err = r.configMapKey(ctx, idp.Namespace, *source.ConfigMapKeyRef)
		return document, 0, err
	default:
		return r.documents.get(ctx, client.ObjectKeyFromObject(idp), source.URL)
	}
}

// configMapKey reads from the API server: the cache has the metadata of ConfigMaps, not
// what is in them.
func (r *Reconciler) configMapKey(ctx context.Context, namespace string, ref v1alpha1.ConfigMapKeyReference) ([]byte, error) {
	var configMap corev1.ConfigMap
	err := r.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, &configMap)
	if apierrors.IsNotFound(err) {
		return nil, outcome.Waiting(v1alpha1.ReasonMetadataNotFound, "ConfigMap %s, which is to hold the SAML metadata, does not exist; create it, or correct spec.saml.metadata.configMapKeyRef.", ref.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("read ConfigMap %s: %w", ref.Name, err)
	}
	if text, ok := configMap.Data[ref.Key]; ok {
		return []byte(text), nil
	}
	if binary, ok := configMap.BinaryData[ref.Key]; ok {
		return binary, nil
	}
	return nil, outcome.Waiting(v1alpha1.ReasonMetadataNotFound, "ConfigMap %s has no key %q, which is to hold the SAML metadata; add it, or correct spec.saml.metadata.configMapKeyRef.", ref.Name, ref.Key)
}

// documents remembers what the URLs answered, so that a reconcile for another reason
// asks nobody.
type documents struct {
	fetch func(ctx context.Context, url string) ([]byte, error)
	now   func() time.Time

	mu    sync.Mutex
	known map[client.ObjectKey]answer
}

type answer struct {
	url      string
	document []byte
	err      error
	failures int
	due      time.Time
}

// get returns the document at the URL as it was when it was last due.
func (d *documents) get(ctx context.Context, key client.ObjectKey, url string) ([]byte, time.Duration, error) {
	d.mu.Lock()
	last := d.known[key]
	d.mu.Unlock()
	if last.url != url {
		last = answer{url: url}
	}
	if now := d.now(); !now.Before(last.due) {
		last.document, last.err = d.fetch(ctx, url)
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		last.schedule(now)
		d.mu.Lock()
		d.known[key] = last
		d.mu.Unlock()
	}
	return last.document, max(last.due.Sub(d.now()), time.Second), last.err
}

func (a *answer) schedule(now time.Time) {
	if a.err == nil {
		a.failures = 0
		a.due = now.Add(jitter(refetch))
		return
	}
	wait := min(firstRetry<<min(a.failures, 10), refetch)
	a.failures++
	a.due = now.Add(jitter(wait))
}

func (d *documents) forget(key client.ObjectKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, key)
}

// jitter spreads what would otherwise happen at once for all.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // Nobody gains by guessing it.
}

// metadataFailure is what an error of package saml means, or nil for any other error. An
// unreachable URL may come back by itself, everything else needs a person.
func metadataFailure(err error) *outcome.Failure {
	switch {
	case errors.Is(err, saml.ErrUnreachable):
		return outcome.Waiting(saml.Reason(err), "%s It is tried again; if this stays, correct spec.saml.metadata.url.", sentence(err))
	case errors.Is(err, saml.ErrForbidden):
		return outcome.Stalled(saml.Reason(err), "%s Give a public https address in spec.saml.metadata.url, or the document itself in xml or a ConfigMap.", sentence(err))
	case errors.Is(err, saml.ErrTooLarge):
		return outcome.Stalled(saml.Reason(err), "%s Give the metadata of this identity provider alone.", sentence(err))
	case errors.Is(err, saml.ErrInvalid):
		return outcome.Stalled(saml.Reason(err), "%s", sentence(err))
	default:
		return nil
	}
}

func sentence(err error) string {
	first, size := utf8.DecodeRuneInString(err.Error())
	return string(unicode.ToUpper(first)) + err.Error()[size:] + "."
}
