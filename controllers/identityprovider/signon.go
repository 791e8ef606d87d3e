// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/internal/saml"
)

// maxSubject is the longest subject that the status takes, in bytes.
const maxSubject = 1024

// signOn is whether single sign-on is configured now.
type signOn struct {
	// err says why not.
	err error
	// next is when to look again although no event asks for it.
	next time.Duration
}

func (s signOn) configured() bool { return s.err == nil }

// checkSignOn reads, parses and judges the metadata. The status keeps what the metadata
// said when it was last usable.
func (r *Reconciler) checkSignOn(ctx context.Context, idp *v1alpha1.IdentityProvider) signOn {
	document, next, err := r.document(ctx, idp)
	if err != nil {
		return signOnFailed(idp, next, err)
	}
	metadata, err := saml.Parse(document)
	if err != nil {
		return signOnFailed(idp, next, err)
	}
	now := r.now()
	verdict := saml.Judge(metadata, now)
	if !verdict.NextCheck.IsZero() {
		next = outcome.Earliest(next, max(verdict.NextCheck.Sub(now), time.Second))
	}
	if !verdict.OK {
		return signOnFailed(idp, next, outcome.Stalled(verdict.Reason, "%s", verdict.Message))
	}
	idp.Status.SAML = samlStatus(metadata, verdict)
	outcome.Set(idp, v1alpha1.ConditionSSOConfigured, true, verdict.Reason, verdict.Message)
	return signOn{next: next}
}

// signOnFailed sets SSOConfigured to False, unless the error says nothing about the
// metadata because the API server did not answer.
func signOnFailed(idp *v1alpha1.IdentityProvider, next time.Duration, err error) signOn {
	var failure *outcome.Failure
	if !errors.As(err, &failure) {
		failure = metadataFailure(err)
	}
	if failure == nil {
		return signOn{err: err, next: next}
	}
	outcome.Set(idp, v1alpha1.ConditionSSOConfigured, false, failure.Reason, failure.Message)
	return signOn{err: failure, next: next}
}

// warnOfSignOn sends an event when single sign-on begins to need somebody's attention.
func warnOfSignOn(pass *outcome.Pass, idp *v1alpha1.IdentityProvider) {
	before, now := pass.Before(v1alpha1.ConditionSSOConfigured), outcome.Find(idp, v1alpha1.ConditionSSOConfigured)
	if before.Reason == now.Reason || now.Reason == v1alpha1.ReasonMetadataValid || now.Reason == "" {
		return
	}
	pass.Warn(now.Reason, now.Message)
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
