// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"bytes"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

const keyOne, keyTwo = token.Plaintext("scimop_one"), token.Plaintext("scimop_two")

// withSharedKey is the Secret with the digests of an endpoint whose servers have a key.
func withSharedKey(fill byte, uid types.UID) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: uid},
		Data: map[string][]byte{v1alpha1.ServersKey: bytes.Repeat([]byte{fill}, v1alpha1.ServersKeySize)}}
}

// sealingKey is the key that a replica seals cursors with.
func sealingKey(t *testing.T, r *Replica) [32]byte {
	t.Helper()
	key, ok := r.SealingKey("jwt:0123456789ab")
	if !ok {
		t.Fatal("there is no key")
	}
	return key
}

// Who seals and opens has the same key whatever becomes of tokens: of none, of one that is
// replaced, and of one that is revoked.
func TestCursorsOutliveTokens(t *testing.T) {
	observe := func(fill byte, uid types.UID, tokens ...token.Plaintext) *Replica {
		t.Helper()
		secret := withSharedKey(fill, uid)
		secret.Data[v1alpha1.DigestsKey] = digestsOf(t, tokens...)[v1alpha1.DigestsKey]
		r := &Replica{}
		r.observeDigests(secret, true)
		return r
	}
	key := sealingKey(t, observe('a', "1", keyOne))
	for name, r := range map[string]*Replica{
		"no token":          observe('a', "1"),
		"an overlap":        observe('a', "1", keyOne, keyTwo),
		"another token":     observe('a', "1", keyTwo),
		"a restored Secret": observe('a', "2", keyOne),
	} {
		if sealingKey(t, r) != key || !slices.Contains(r.OpeningKeys(), key) {
			t.Errorf("%s changes the key", name)
		}
	}
	if slices.Contains(observe('b', "1", keyOne).OpeningKeys(), key) {
		t.Error("another endpoint has the same key")
	}
}

// An endpoint whose servers have no key yet.
func TestCursorKeysOfTokens(t *testing.T) {
	observe := func(r *Replica, uid types.UID, tokens ...token.Plaintext) *Replica {
		t.Helper()
		r.observeDigests(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: uid}, Data: digestsOf(t, tokens...)}, false)
		return r
	}
	a := &Replica{}
	if _, ok := a.SealingKey("any"); ok || a.OpeningKeys() != nil {
		t.Error("there is a key before there are digests")
	}
	key := sealingKey(t, observe(a, "1", keyOne))
	if sealingKey(t, observe(&Replica{}, "1", keyOne, keyTwo)) != key {
		t.Error("two replicas have two keys")
	}
	if sealingKey(t, observe(&Replica{}, "2", keyOne)) == key {
		t.Error("two endpoints have one key")
	}
	// The token is changed: what was sealed under the first one still opens.
	observe(a, "1", keyTwo, keyOne)
	if sealingKey(t, a) == key || !slices.Contains(a.OpeningKeys(), key) {
		t.Error("a key is missing while both tokens are accepted")
	}
	observe(a, "1", keyTwo)
	if slices.Contains(a.OpeningKeys(), key) {
		t.Error("the key of a token that is no longer accepted still opens")
	}
	if _, ok := observe(a, "1").SealingKey("any"); ok {
		t.Error("there is a key without tokens")
	}

	// Then the servers get a key: what was sealed before still opens.
	before := sealingKey(t, observe(a, "1", keyOne))
	secret := withSharedKey('a', "1")
	secret.Data[v1alpha1.DigestsKey] = digestsOf(t, keyOne)[v1alpha1.DigestsKey]
	a.observeDigests(secret, false)
	if sealingKey(t, a) == before || !slices.Contains(a.OpeningKeys(), before) {
		t.Error("a walk that was under way ends")
	}
	if newest := token.NewDigest(keyOne, time.Now()); a.names.Load().id == newest.ID {
		t.Error("hashes of names are still named after a token")
	}
}
