// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"encoding/hex"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

func TestKeyOfNamesUntilThereIsASharedKey(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: "1"}}
	old := token.NewDigest("scimop_old", time.Unix(1, 0))
	fresh := token.NewDigest("scimop_fresh", time.Unix(2, 0))
	key := func(secret *corev1.Secret, digests ...token.Digest) nameKey {
		k, err := newNameKey(secret, digests)
		if err != nil || k == nil {
			t.Fatalf("key %v, error %v", k, err)
		}
		return *k
	}
	first := key(secret, old)
	if first.id != old.ID {
		t.Errorf("the key is named %q", first.id)
	}
	if key(secret, fresh, old) != first {
		t.Error("another token beside the oldest changes the key")
	}
	if key(secret, fresh).key == first.key {
		t.Error("another token has the same key")
	}
	if key(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: "2"}}, old).key == first.key {
		t.Error("another endpoint has the same key")
	}
	cursor, err := newCursorKeys(secret, []token.Digest{old})
	if err != nil {
		t.Fatal(err)
	}
	if cursor[0] == first.key {
		t.Error("names have the key of cursors")
	}
	if k, err := newNameKey(secret, nil); k != nil || err != nil {
		t.Errorf("without tokens: key %v, error %v", k, err)
	}
}

func TestKeyOfNames(t *testing.T) {
	key := func(fill byte, uid types.UID, digests ...token.Digest) nameKey {
		t.Helper()
		k, err := newNameKey(withSharedKey(fill, uid), digests)
		if err != nil || k == nil {
			t.Fatalf("key %v, error %v", k, err)
		}
		return *k
	}
	digest := token.NewDigest("scimop_old", time.Unix(1, 0))
	first := key('a', "1", digest)
	if len(first.id) != 12 || first.id == digest.ID || first.id == hex.EncodeToString(first.key[:6]) {
		t.Errorf("the key is named %q", first.id)
	}
	if key('a', "2") != first || key('a', "1", token.NewDigest("scimop_next", time.Unix(2, 0))) != first {
		t.Error("the key does not outlive the tokens, or a restored Secret")
	}
	if other := key('b', "1", digest); other.key == first.key || other.id == first.id {
		t.Error("another endpoint has the same key")
	}
	if cursors, err := newCursorKeys(withSharedKey('a', "1"), nil); err != nil || cursors[0] == first.key {
		t.Errorf("names have the key of cursors, or error %v", err)
	}
}

func TestProviderOfAnEndpoint(t *testing.T) {
	yes := true
	for want, owners := range map[string][]metav1.OwnerReference{
		"":     {{Kind: "IdentityProvider", Name: "x"}},
		"okta": {{Kind: "IdentityProvider", Name: "okta", Controller: &yes}},
	} {
		if got := providerOf(&v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{OwnerReferences: owners}}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := providerOf(&v1alpha1.ScimEndpoint{}); got != "" {
		t.Errorf("of nobody: %q", got)
	}
}
