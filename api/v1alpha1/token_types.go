// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// DefaultTokenLifetime is how long a token is accepted when the spec does not say.
	DefaultTokenLifetime = 180 * 24 * time.Hour
	// MaxTokenLifetime is the longest lifetime of a token.
	MaxTokenLifetime = 87600 * time.Hour
	// DefaultTokenOverlap is how long a token that has been replaced goes on working when
	// the spec does not say.
	DefaultTokenOverlap = time.Hour
	// FirstTokenGeneration is the generation of a token when the spec names none.
	FirstTokenGeneration int64 = 1
)

// FirstReadTimeAnnotation on the Secret in which a token was delivered says when it was
// first read out (RFC 3339). It is shown in status.tokens.
const FirstReadTimeAnnotation = "scim-operator.io/first-read-time"

// TokenPolicy says how long tokens live and when another one takes over.
// +kubebuilder:validation:XValidation:rule="!has(self.secretRef) || !has(self.renewBefore)",message="renewBefore is for tokens that the operator issues; one from secretRef is renewed by whoever maintains that Secret"
// +kubebuilder:validation:XValidation:rule="!has(self.secretRef) || !has(self.delivery)",message="delivery is for tokens that the operator issues; the Secret of secretRef is not the operator's to delete"
// +kubebuilder:validation:XValidation:rule="!has(self.renewBefore) || duration(self.renewBefore) + duration('1h') <= (has(self.lifetime) ? duration(self.lifetime) : duration('4320h'))",message="renewBefore must be at least 1h shorter than lifetime, which is 4320h when it is left out"
type TokenPolicy struct {
	// generation asks for a new token whenever it is raised. The old one goes on working
	// for the overlap. Lowering it does nothing. Left out, it is 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	Generation *int64 `json:"generation,omitempty"`

	// lifetime of a token from the time it is issued, from 1h to 87600h (ten years). A
	// change is for the tokens that are issued from then on. Left out, it is 4320h (180
	// days), or 87600h where expiringTokens is Unsupported.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}[hms])+$') && duration(self) >= duration('1h') && duration(self) <= duration('87600h')",message="lifetime must be a duration such as 4320h, of at least 1h and at most 87600h"
	Lifetime *metav1.Duration `json:"lifetime,omitempty"`

	// overlap is how long a token goes on working once another one has taken its place,
	// from 0s (not at all) to 24h. Left out, it is 1h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}[hms])+$') && duration(self) <= duration('24h')",message="overlap must be a duration such as 1h, of at most 24h"
	Overlap *metav1.Duration `json:"overlap,omitempty"`

	// renewBefore has a new token issued so long before the newest one expires, at least
	// 1h. Somebody or something must then carry it to the identity provider within the
	// overlap. Left out, no token is issued unasked.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}[hms])+$') && duration(self) >= duration('1h') && duration(self) <= duration('87600h')",message="renewBefore must be a duration such as 720h, of at least 1h"
	RenewBefore *metav1.Duration `json:"renewBefore,omitempty"`

	// revokedTokenIDs are the ids, as in status.tokens, of tokens that are not to be
	// accepted any more. What has been revoked stays so when its id is taken out again.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=12
	// +kubebuilder:validation:items:MaxLength=12
	// +kubebuilder:validation:XValidation:rule="self.all(id, id.matches('^[0-9a-f]{12}$'))",message="an id of a token has 12 hexadecimal digits in lower case, as in status.tokens; a token itself must not be here"
	RevokedTokenIDs []string `json:"revokedTokenIDs,omitempty"`

	// secretRef names a Secret of the same namespace that holds the token, and that
	// somebody else maintains, such as External Secrets or Sealed Secrets. A change of it
	// is noticed within a minute and is a rotation with overlap. The operator issues no
	// token meanwhile. Taking the reference out revokes its token.
	// +optional
	SecretRef *TokenSecretReference `json:"secretRef,omitempty"`

	// delivery says what becomes of the Secrets in which tokens are delivered.
	// +optional
	Delivery *TokenDelivery `json:"delivery,omitempty"`
}

// TokenSecretReference names a key of a Secret in the endpoint's namespace.
type TokenSecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="the name of a Secret must have only lower case letters, digits, hyphens and dots, and begin and end with a letter or digit"
	Name string `json:"name,omitempty"`

	// key in the Secret's data. Its value is the token: 32 to 1024 printable ASCII
	// characters without blanks or line breaks that are hard to guess.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="key must have only letters, digits, hyphens, dots and underscores"
	Key string `json:"key,omitempty"`
}

// TokenDelivery says what becomes of the Secret in which a token is delivered.
type TokenDelivery struct {
	// deleteAfter has the Secret deleted so long after its creation, from 1m to 87600h. The
	// token goes on working. Left out, it stays until somebody deletes it or its token ends.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}[hms])+$') && duration(self) >= duration('1m') && duration(self) <= duration('87600h')",message="deleteAfter must be a duration such as 24h, of at least 1m"
	DeleteAfter *metav1.Duration `json:"deleteAfter,omitempty"`
}

// TokenStatus describes a token without revealing it.
type TokenStatus struct {
	// id is the first 12 hexadecimal digits of the token's SHA-256 digest.
	// +required
	// +kubebuilder:validation:MinLength=12
	// +kubebuilder:validation:MaxLength=12
	ID string `json:"id,omitempty"`

	// secretName names the Secret in which the token was delivered, or from which it was
	// taken.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// generation is that of spec.token for which the token was issued. A token from
	// secretRef has none.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Generation *int64 `json:"generation,omitempty"`

	// createdTime is when the token was issued, or first seen where secretRef names it.
	// +required
	CreatedTime metav1.Time `json:"createdTime,omitempty,omitzero"`

	// expiresTime is when the token ends: after its lifetime, or when the overlap with the
	// one that has replaced it is over.
	// +optional
	ExpiresTime *metav1.Time `json:"expiresTime,omitempty"`

	// lastUsedTime is when the token was last seen in a request, to the minute or so.
	// +optional
	LastUsedTime *metav1.Time `json:"lastUsedTime,omitempty"`

	// firstReadTime is when the token was first read out of its Secret, as far as whoever
	// did so has noted it in the annotation scim-operator.io/first-read-time.
	// +optional
	FirstReadTime *metav1.Time `json:"firstReadTime,omitempty"`
}

// TokenUse says that a server has been presented a token.
type TokenUse struct {
	// id of the token.
	// +required
	// +kubebuilder:validation:MinLength=12
	// +kubebuilder:validation:MaxLength=12
	ID string `json:"id,omitempty"`

	// lastUsedTime is when the server last accepted it.
	// +required
	LastUsedTime metav1.Time `json:"lastUsedTime,omitempty,omitzero"`
}

// EffectiveGeneration is the generation in force.
func (p *TokenPolicy) EffectiveGeneration() int64 {
	if p == nil || p.Generation == nil {
		return FirstTokenGeneration
	}
	return *p.Generation
}

// EffectiveLifetime is the lifetime of a token that is issued now.
func (p *TokenPolicy) EffectiveLifetime() time.Duration {
	if p == nil || p.Lifetime == nil {
		return DefaultTokenLifetime
	}
	return p.Lifetime.Duration
}

// EffectiveOverlap is how long a token that is replaced now goes on working.
func (p *TokenPolicy) EffectiveOverlap() time.Duration {
	if p == nil || p.Overlap == nil {
		return DefaultTokenOverlap
	}
	return p.Overlap.Duration
}

// EffectiveRenewBefore is how long before its end a token is renewed; zero for never.
func (p *TokenPolicy) EffectiveRenewBefore() time.Duration {
	if p == nil || p.RenewBefore == nil {
		return 0
	}
	return p.RenewBefore.Duration
}

// EffectiveDeleteAfter is the age at which the Secret of a token is deleted; zero for never.
func (p *TokenPolicy) EffectiveDeleteAfter() time.Duration {
	if p == nil || p.Delivery == nil || p.Delivery.DeleteAfter == nil {
		return 0
	}
	return p.Delivery.DeleteAfter.Duration
}

// Revoked are the ids of the tokens that the spec revokes.
func (p *TokenPolicy) Revoked() []string {
	if p == nil {
		return nil
	}
	return p.RevokedTokenIDs
}

// Reference is the Secret that the spec names for the token, or nil.
func (p *TokenPolicy) Reference() *TokenSecretReference {
	if p == nil {
		return nil
	}
	return p.SecretRef
}

// TokenSecretName is the name of the Secret in which a token is delivered: serial counts
// the tokens that were issued for the endpoint, from 1.
func (e *ScimEndpoint) TokenSecretName(serial int64) string {
	if serial <= 1 {
		return e.tokenSecretPrefix()
	}
	return fmt.Sprintf("%s-%d", e.tokenSecretPrefix(), serial)
}

// TokenSerial is the number of the token that is delivered in a Secret of that name, or
// zero when no token is.
func (e *ScimEndpoint) TokenSerial(secretName string) int64 {
	rest, ok := strings.CutPrefix(secretName, e.tokenSecretPrefix())
	if !ok {
		return 0
	}
	if rest == "" {
		return 1
	}
	serial, err := strconv.ParseInt(strings.TrimPrefix(rest, "-"), 10, 64)
	if err != nil || serial < 1 || e.TokenSecretName(serial) != secretName {
		return 0
	}
	return serial
}

func (e *ScimEndpoint) tokenSecretPrefix() string { return e.ChildName() + "-token" }

// DigestSecretName is the name of the Secret from which servers read token digests.
func (e *ScimEndpoint) DigestSecretName() string { return e.ChildName() + "-digests" }
