// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Definition returns the part of the spec that servers read once, when they start, with the
// values in force where the spec leaves some out. Servers get nothing else of the spec at
// their start, and pods are named by it, so that a change of it restarts them.
//
// What has no effect is left out: to write down a value that is in force already, or the
// domains of a linking that is off, restarts nothing.
func (e *ScimEndpoint) Definition() ScimEndpointSpec {
	var d ScimEndpointSpec
	d.ResourceTypes, d.Extensions = e.Spec.ResourceTypes, e.Spec.Extensions
	d.Me, d.OAuth = e.Spec.Me, e.Spec.OAuth
	d.Limits = e.EffectiveLimits()
	d.ProviderBehavior = e.EffectiveProviderBehavior()
	d.ExpiringTokens = "" // the manager's business alone: to change it restarts nothing
	if e.Spec.Links() {
		d.Linking, d.LinkingApproval = e.Spec.Linking, e.Spec.EffectiveLinkingApproval()
		d.EmailDomains = e.Spec.EmailDomains
	}
	if required := e.Spec.RequiredEmailDomains(); required != nil {
		d.EmailDomains, d.OtherEmailDomains = required, OtherEmailDomainsRefused
	}
	return d
}
