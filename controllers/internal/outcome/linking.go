// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

// linkingBlocked says what is missing, and what that leads to.
const linkingBlocked = "Nobody who was here before is adopted: linking needs emailDomains, the domains whose e-mail addresses the identity provider speaks for."

// ObserveLinking sets LinkingBlocked while the spec asks for users to be adopted who were
// here before, and names no domain of theirs. It says so in an event when that begins, about
// the object in which a person can put it right.
func ObserveLinking(pass *Pass, obj Object, policy v1alpha1.LinkingPolicy, domains []string) {
	if !policy.Links() || len(domains) > 0 {
		Remove(obj, v1alpha1.ConditionLinkingBlocked)
		return
	}
	if pass.Before(v1alpha1.ConditionLinkingBlocked).Type == "" && metav1.GetControllerOf(obj) == nil {
		pass.Warn(v1alpha1.ReasonEmailDomainsMissing, linkingBlocked)
	}
	Set(obj, v1alpha1.ConditionLinkingBlocked, true, v1alpha1.ReasonEmailDomainsMissing, linkingBlocked)
}
