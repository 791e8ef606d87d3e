// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"crypto/hkdf"
	"crypto/sha256"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

const nameKeyInfo = "scim-operator.io/audit-name/v1"

// nameKey is the key of the hashes of names in the audit log. Every replica derives the
// same one as it does those of cursors, from the oldest token: it changes when that one
// goes.
type nameKey struct {
	tokenID string
	key     [32]byte
}

// newNameKey gives nil when there are no tokens.
func newNameKey(secret *corev1.Secret, digests []token.Digest) (*nameKey, error) {
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
	return &nameKey{tokenID: oldest.ID, key: [32]byte(derived)}, nil
}

// NameKey gives the key of the hashes of names and the ID of the token that it comes from.
func (r *Replica) NameKey() (tokenID string, key [32]byte, ok bool) {
	k := r.names.Load()
	if k == nil {
		return "", key, false
	}
	return k.tokenID, k.key, true
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
