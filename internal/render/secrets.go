// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"scim-operator.io/api/v1alpha1"
)

// DigestSecret is what the servers know of the tokens, and what the operator remembers of
// them: the encoded list of digests and the encoded record. The key is the servers' own.
func DigestSecret(ep *v1alpha1.ScimEndpoint, digests, record, key []byte) *corev1ac.SecretApplyConfiguration {
	secret := corev1ac.Secret(ep.DigestSecretName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithType(v1alpha1.DigestSecretType).
		WithData(map[string][]byte{v1alpha1.DigestsKey: digests, v1alpha1.TokenRecordKey: record, v1alpha1.ServersKey: key})
	for _, ref := range keepers(ep) {
		secret.WithOwnerReferences(applied(&ref))
	}
	return secret
}

// TokenSecret delivers a token in plain text, with what else an administrator copies
// into the identity provider. It is for creating once, not for applying: the operator
// does not write a token a second time.
func TokenSecret(ep *v1alpha1.ScimEndpoint, name, token string) *corev1.Secret {
	immutable := true
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			Namespace:       ep.Namespace,
			Labels:          Labels(ep),
			OwnerReferences: keepers(ep),
		},
		Immutable: &immutable,
		Type:      v1alpha1.TokenSecretType,
		Data: map[string][]byte{
			v1alpha1.TokenKey:   []byte(token),
			v1alpha1.BaseURLKey: []byte(ep.BaseURL()),
		},
	}
	if ep.Spec.OrganizationID != "" {
		secret.Data[v1alpha1.OrganizationIDKey] = []byte(ep.Spec.OrganizationID)
	}
	return secret
}

// TokenSecretOwners returns the owner references that the Secret of a token should have. Those
// of an endpoint of that name that is gone are replaced, and those of others stay.
func TokenSecretOwners(ep *v1alpha1.ScimEndpoint, secret metav1.Object) []metav1.OwnerReference {
	owners := keepers(ep)
	for _, ref := range secret.GetOwnerReferences() {
		ours := slices.ContainsFunc(owners, func(o metav1.OwnerReference) bool {
			return o.APIVersion == ref.APIVersion && o.Kind == ref.Kind && o.Name == ref.Name
		})
		if !ours {
			owners = append(owners, ref)
		}
	}
	return owners
}
