// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

const (
	nameKeyInfo   = "scim-operator.io/audit-name/v1"
	nameKeyIDInfo = "scim-operator.io/audit-name-id/v1"
	// nameKeyIDBytes are as many as in the ID of a token.
	nameKeyIDBytes = 6
)

// nameKey is the key of the hashes of names in the audit log, and an ID that tells it from
// others.
type nameKey struct {
	id  string
	key [32]byte
}

// newNameKey derives it as every replica does, from the key that they share. Until there is
// one it comes from the oldest token, and has its ID; it is nil when there is none either.
func newNameKey(secret *corev1.Secret, digests []token.Digest) (*nameKey, error) {
	if shared := sharedKey(secret); shared != nil {
		key, err := hkdf.Key(sha256.New, shared, nil, nameKeyInfo, 32)
		if err != nil {
			return nil, err
		}
		id, err := hkdf.Key(sha256.New, shared, nil, nameKeyIDInfo, nameKeyIDBytes)
		return &nameKey{id: hex.EncodeToString(id), key: [32]byte(key)}, err
	}
	if len(digests) == 0 {
		return nil, nil
	}
	oldest := digests[0]
	for _, d := range digests[1:] {
		if d.CreatedTime.Before(oldest.CreatedTime) {
			oldest = d
		}
	}
	derived, err := hkdf.Key(sha256.New, []byte(oldest.SHA256), []byte(secret.UID), nameKeyInfo, 32)
	if err != nil {
		return nil, err
	}
	return &nameKey{id: oldest.ID, key: [32]byte(derived)}, nil
}

// NameKey gives the key of the hashes of names and its ID.
func (r *Replica) NameKey() (id string, key [32]byte, ok bool) {
	k := r.names.Load()
	if k == nil {
		return "", key, false
	}
	return k.id, k.key, true
}

// Provider is the name of the IdentityProvider that owns the endpoint, "" when none does.
func (r *Replica) Provider() string { return r.roster.view().provider }

// AuditUserNames says how the audit log names users.
func (r *Replica) AuditUserNames() v1alpha1.AuditUserNames { return r.roster.view().userNames }

func providerOf(endpoint *v1alpha1.ScimEndpoint) string {
	if owner := metav1.GetControllerOf(endpoint); owner != nil && owner.Kind == "IdentityProvider" {
		return owner.Name
	}
	return ""
}
