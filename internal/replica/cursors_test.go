// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"scim-operator.io/internal/token"
)

func TestCursorKeys(t *testing.T) {
	const one, two = token.Plaintext("scimop_one"), token.Plaintext("scimop_two")
	observe := func(r *Replica, uid types.UID, tokens ...token.Plaintext) {
		r.observeDigests(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: uid}, Data: digestsOf(t, tokens...)}, false)
	}
	key := func(r *Replica, p token.Plaintext) [32]byte {
		k, ok := r.SealingKey(token.NewDigest(p, time.Now()).ID)
		if !ok {
			t.Fatalf("there is no key for %s", p)
		}
		return k
	}
	a, b, elsewhere := &Replica{}, &Replica{}, &Replica{}
	if _, ok := a.SealingKey("any"); ok || a.OpeningKeys() != nil {
		t.Error("there is a key before there are digests")
	}
	observe(a, "7d1f", one)
	observe(b, "7d1f", one, two)
	observe(elsewhere, "93ac", one)
	ofOne := key(a, one)
	if key(b, one) != ofOne {
		t.Error("two replicas have two keys for one token")
	}
	if key(b, two) == ofOne || key(elsewhere, one) == ofOne {
		t.Error("two tokens, or two endpoints, have one key")
	}
	// The token is changed: what was sealed under the first one still opens.
	observe(a, "7d1f", one, two)
	if !slices.Contains(a.OpeningKeys(), ofOne) || !slices.Contains(a.OpeningKeys(), key(b, two)) {
		t.Error("a key is missing while both tokens are accepted")
	}
	observe(a, "7d1f", two)
	if slices.Contains(a.OpeningKeys(), ofOne) {
		t.Error("the key of a token that is no longer accepted still opens")
	}
	if _, ok := a.SealingKey("unknown"); ok {
		t.Error("an unknown token has a key")
	}
}
