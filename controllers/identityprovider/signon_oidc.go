// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/oidc"
)

// What a person can do about an OpenID provider's documents that cannot be read.
var (
	discoveryAdvice = advice{
		unreachable: "It is tried again; if this stays, correct spec.signOn.oidc.issuer.",
		forbidden:   "Give an issuer at a public https address in spec.signOn.oidc.issuer.",
		tooLarge:    "Give the issuer of an OpenID provider in spec.signOn.oidc.issuer.",
	}
	keysAdvice = advice{
		unreachable: "It is tried again; if this stays, correct jwks_uri at the identity provider.",
		forbidden:   "The keys must be at a public https address; correct jwks_uri at the identity provider.",
		tooLarge:    "Correct jwks_uri at the identity provider.",
	}
)

// checkOIDC reads and judges the discovery document of an issuer, and the keys that it names.
func (r *Reconciler) checkOIDC(idp *v1alpha1.IdentityProvider, issuer string) signOn {
	metadata, next, err := r.discover(idp, issuer)
	if err != nil {
		return signOnFailed(idp, next, err, discoveryAdvice)
	}
	keys, keysNext, err := r.keysOf(idp, metadata)
	next = outcome.Earliest(next, keysNext)
	if err != nil {
		return signOnFailed(idp, next, err, keysAdvice)
	}
	published := &v1alpha1.SignOnStatus{OIDC: &v1alpha1.OIDCStatus{
		Issuer:                metadata.Issuer,
		AuthorizationEndpoint: metadata.AuthorizationEndpoint,
		TokenEndpoint:         metadata.TokenEndpoint,
		EndSessionEndpoint:    metadata.EndSessionEndpoint,
		JWKSURL:               metadata.JWKSURL,
		Keys:                  ptr.To(int32(keys)), //nolint:gosec // at most 100
	}}
	return signOnUsable(idp, published, next, v1alpha1.ReasonMetadataValid,
		fmt.Sprintf("Single sign-on is configured; the OpenID provider publishes %s.", countOf(keys, "key")))
}

func (r *Reconciler) discover(idp *v1alpha1.IdentityProvider, issuer string) (*oidc.Metadata, time.Duration, error) {
	key := documentKey{client.ObjectKeyFromObject(idp), metadataPart}
	value, next, err := r.documents.get(key, location{url: oidc.DiscoveryURL(issuer)}, func(document []byte) (any, error) { return oidc.Parse(document) })
	if err != nil {
		return nil, next, err
	}
	metadata := value.(*oidc.Metadata)
	return metadata, next, oidc.Judge(metadata, issuer)
}

func (r *Reconciler) keysOf(idp *v1alpha1.IdentityProvider, metadata *oidc.Metadata) (int, time.Duration, error) {
	key := documentKey{client.ObjectKeyFromObject(idp), keysPart}
	value, next, err := r.documents.get(key, location{url: metadata.JWKSURL}, func(document []byte) (any, error) { return oidc.ParseKeys(document) })
	switch {
	case errors.Is(err, oidc.ErrInvalid):
		return 0, next, err
	case err != nil:
		return 0, next, fmt.Errorf("the keys behind jwks_uri: %w", err)
	}
	return value.(int), next, nil
}

func countOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
