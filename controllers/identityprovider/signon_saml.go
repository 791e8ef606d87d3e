// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/saml"
)

// maxSubject is the longest subject that the status takes, in bytes.
const maxSubject = 1024

// samlAdvice is what a person can do about SAML metadata that is not usable.
var samlAdvice = advice{
	unreachable: "It is tried again; if this stays, correct spec.signOn.saml.metadata.url.",
	forbidden:   "Give a public https address in spec.signOn.saml.metadata.url, or the document itself in xml or a ConfigMap.",
	tooLarge:    "Give the metadata of this identity provider alone.",
}

// checkSAML reads, parses and judges SAML metadata.
func (r *Reconciler) checkSAML(ctx context.Context, idp *v1alpha1.IdentityProvider, source *v1alpha1.SAMLMetadataSource) signOn {
	metadata, next, err := r.samlMetadata(ctx, idp, source)
	if err != nil {
		return signOnFailed(idp, next, err, samlAdvice)
	}
	now := r.now()
	verdict := saml.Judge(metadata, now)
	if !verdict.NextCheck.IsZero() {
		next = outcome.Earliest(next, max(verdict.NextCheck.Sub(now), time.Second))
	}
	if !verdict.OK {
		return signOnFailed(idp, next, outcome.Stalled(verdict.Reason, "%s", verdict.Message), samlAdvice)
	}
	published := &v1alpha1.SignOnStatus{SAML: samlStatus(metadata, verdict)}
	return signOnUsable(idp, published, next, verdict.Reason, verdict.Message)
}

// samlMetadata reads the metadata from where the spec says. Next is when to read it again
// although no event asks for it.
func (r *Reconciler) samlMetadata(ctx context.Context, idp *v1alpha1.IdentityProvider, source *v1alpha1.SAMLMetadataSource) (metadata *saml.Metadata, next time.Duration, err error) {
	parse, parsedBy, err := r.samlParser(ctx, idp, source.SignedBy)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case source.XML != "":
		metadata, err = parse([]byte(source.XML))
		return metadata, 0, err
	case source.ConfigMapKeyRef != nil:
		document, err := r.configMapKey(ctx, idp.Namespace, *source.ConfigMapKeyRef, metadataKey)
		if err != nil {
			return nil, 0, err
		}
		metadata, err = parse(document)
		return metadata, 0, err
	}
	key := documentKey{client.ObjectKeyFromObject(idp), metadataPart}
	value, next, err := r.documents.get(key, location{source.URL, parsedBy}, func(document []byte) (any, error) { return parse(document) })
	if err != nil {
		return nil, next, err
	}
	return value.(*saml.Metadata), next, nil
}

type samlParser func(document []byte) (*saml.Metadata, error)

// samlParser returns what reads metadata, and a digest of the signers that it asks for.
func (r *Reconciler) samlParser(ctx context.Context, idp *v1alpha1.IdentityProvider, by *v1alpha1.MetadataSigners) (samlParser, string, error) {
	if by == nil {
		return saml.Parse, "", nil
	}
	text := by.Certificates
	if by.ConfigMapKeyRef != nil {
		held, err := r.configMapKey(ctx, idp.Namespace, *by.ConfigMapKeyRef, signersKey)
		if err != nil {
			return nil, "", err
		}
		text = string(held)
	}
	signers, err := saml.ParseSigners(text)
	if err != nil {
		return nil, "", err
	}
	digest := sha256.Sum256([]byte(text))
	return func(document []byte) (*saml.Metadata, error) { return saml.ParseSigned(document, signers) }, hex.EncodeToString(digest[:]), nil
}

// configMapUse is what a key of a ConfigMap is to hold, and which field of the spec names it.
type configMapUse struct{ holds, field string }

var (
	metadataKey = configMapUse{"the SAML metadata", "spec.signOn.saml.metadata.configMapKeyRef"}
	signersKey  = configMapUse{"the certificates of its signers", "spec.signOn.saml.metadata.signedBy.configMapKeyRef"}
)

// configMapKey reads from the API server: the cache has the metadata of ConfigMaps, not
// what is in them.
func (r *Reconciler) configMapKey(ctx context.Context, namespace string, ref v1alpha1.ConfigMapKeyReference, use configMapUse) ([]byte, error) {
	var configMap corev1.ConfigMap
	err := r.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, &configMap)
	if apierrors.IsNotFound(err) {
		return nil, outcome.Waiting(v1alpha1.ReasonMetadataNotFound, "ConfigMap %s, which is to hold %s, does not exist; create it, or correct %s.", ref.Name, use.holds, use.field)
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
	return nil, outcome.Waiting(v1alpha1.ReasonMetadataNotFound, "ConfigMap %s has no key %q, which is to hold %s; add it, or correct %s.", ref.Name, ref.Key, use.holds, use.field)
}

func samlStatus(metadata *saml.Metadata, verdict saml.Verdict) *v1alpha1.SAMLStatus {
	status := &v1alpha1.SAMLStatus{
		EntityID:  metadata.EntityID,
		SignOnURL: metadata.SignOnURL,
	}
	for _, certificate := range metadata.Certificates {
		fingerprint := sha256.Sum256(certificate.Raw)
		status.Certificates = append(status.Certificates, v1alpha1.CertificateStatus{
			Subject:   cut(certificate.Subject.String()),
			SHA256:    hex.EncodeToString(fingerprint[:]),
			NotBefore: metav1.NewTime(certificate.NotBefore),
			NotAfter:  metav1.NewTime(certificate.NotAfter),
		})
	}
	if !verdict.NextExpiry.IsZero() {
		status.NextExpiry = &metav1.Time{Time: verdict.NextExpiry}
	}
	return status
}

func cut(subject string) string {
	return strings.ToValidUTF8(subject[:min(len(subject), maxSubject)], "")
}
