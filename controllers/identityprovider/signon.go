// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// signOn is whether single sign-on is configured now.
type signOn struct {
	// err says why not.
	err error
	// next is when to look again although no event asks for it.
	next time.Duration
}

func (s signOn) configured() bool { return s.err == nil }

// checkSignOn reads and judges what the identity provider publishes about its sign-on. The
// status keeps what that was when it was last usable.
func (r *Reconciler) checkSignOn(ctx context.Context, idp *v1alpha1.IdentityProvider) signOn {
	forgetOtherSignOn(idp)
	switch spec := &idp.Spec.SignOn; {
	case spec.OIDC != nil:
		return r.checkOIDC(idp, spec.OIDC.Issuer)
	case spec.SAML != nil:
		return r.checkSAML(ctx, idp, &spec.SAML.Metadata)
	default:
		r.documents.forget(client.ObjectKeyFromObject(idp))
		return signOnUsable(idp, nil, 0, v1alpha1.ReasonSignOnNotManaged,
			"Single sign-on is not managed here (spec.signOn.none): nothing is checked.")
	}
}

// forgetOtherSignOn drops from the status what was published about a way to sign on that the
// spec no longer names.
func forgetOtherSignOn(idp *v1alpha1.IdentityProvider) {
	status := idp.Status.SignOn
	if status == nil {
		return
	}
	if idp.Spec.SignOn.SAML == nil {
		status.SAML = nil
	}
	if idp.Spec.SignOn.OIDC == nil || status.OIDC != nil && status.OIDC.Issuer != idp.Spec.SignOn.OIDC.Issuer {
		status.OIDC = nil
	}
	if *status == (v1alpha1.SignOnStatus{}) {
		idp.Status.SignOn = nil
	}
}

// signOnUsable sets SSOConfigured to True and shows what the identity provider publishes.
func signOnUsable(idp *v1alpha1.IdentityProvider, published *v1alpha1.SignOnStatus, next time.Duration, reason, message string) signOn {
	idp.Status.SignOn = published
	outcome.Set(idp, v1alpha1.ConditionSSOConfigured, true, reason, message)
	return signOn{next: next}
}

// signOnFailed sets SSOConfigured to False, unless the error says nothing about the
// metadata because the API server did not answer.
func signOnFailed(idp *v1alpha1.IdentityProvider, next time.Duration, err error, do advice) signOn {
	if errors.Is(err, errPending) {
		return signOnPending(idp)
	}
	var failure *outcome.Failure
	switch {
	case errors.As(err, &failure):
	case errors.Is(err, errReplaced):
		failure = pending()
	default:
		failure = metadataFailure(err, do)
	}
	if failure == nil {
		return signOn{err: err, next: next}
	}
	outcome.Set(idp, v1alpha1.ConditionSSOConfigured, false, failure.Reason, failure.Message)
	return signOn{err: failure, next: next}
}

// signOnPending keeps the verdict that the status shows while a manager that has just started
// fetches what it is about.
func signOnPending(idp *v1alpha1.IdentityProvider) signOn {
	last := outcome.Find(idp, v1alpha1.ConditionSSOConfigured)
	if last.Type == "" {
		failure := pending()
		outcome.Set(idp, v1alpha1.ConditionSSOConfigured, false, failure.Reason, failure.Message)
		return signOn{err: failure}
	}
	usable := last.Status == metav1.ConditionTrue
	outcome.Set(idp, v1alpha1.ConditionSSOConfigured, usable, last.Reason, last.Message)
	if usable {
		return signOn{}
	}
	return signOn{err: outcome.Waiting(last.Reason, "%s", last.Message)}
}

func pending() *outcome.Failure {
	return outcome.Waiting(v1alpha1.ReasonProgressing, "What the identity provider publishes about its sign-on is being fetched.")
}

// warnOfSignOn sends an event when single sign-on begins to need somebody's attention.
func warnOfSignOn(pass *outcome.Pass, idp *v1alpha1.IdentityProvider) {
	before, now := pass.Before(v1alpha1.ConditionSSOConfigured), outcome.Find(idp, v1alpha1.ConditionSSOConfigured)
	switch now.Reason {
	case before.Reason, "", v1alpha1.ReasonProgressing, v1alpha1.ReasonMetadataValid, v1alpha1.ReasonSignOnNotManaged:
		return
	}
	pass.Warn(now.Reason, now.Message)
}
