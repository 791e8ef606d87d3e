// SPDX-License-Identifier: Apache-2.0

// Package policies compares the cluster's admission policies with those that this release was
// built with. Nothing else keeps people and other endpoints from the directory.
package policies

import (
	"context"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/config/policy"
)

// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingadmissionpolicies;validatingadmissionpolicybindings,verbs=list

// State says whether a policy is in force.
type State string

// The states of a policy.
const (
	InForce State = "InForce"
	// Missing: the cluster has no such policy, or none that is bound.
	Missing State = "Missing"
	// Different: the cluster has one of that name which says something else.
	Different State = "Different"
)

// compare returns the state of each required policy, by name. A policy is recognised by what it
// says, so that a kustomization may rename it.
func compare(ctx context.Context, reader client.Reader, required []policy.Policy) (map[string]State, error) {
	var live admissionv1.ValidatingAdmissionPolicyList
	if err := reader.List(ctx, &live); err != nil {
		return nil, fmt.Errorf("list the admission policies: %w", err)
	}
	var bindings admissionv1.ValidatingAdmissionPolicyBindingList
	if err := reader.List(ctx, &bindings); err != nil {
		return nil, fmt.Errorf("list the bindings of admission policies: %w", err)
	}
	states := map[string]State{}
	for _, p := range required {
		states[p.Name] = stateOf(p, live.Items, bindings.Items)
	}
	return states, nil
}

func stateOf(p policy.Policy, live []admissionv1.ValidatingAdmissionPolicy, bindings []admissionv1.ValidatingAdmissionPolicyBinding) State {
	state, want := Missing, defaulted(p.Spec)
	for i := range live {
		same := equality.Semantic.DeepEqual(want, defaulted(live[i].Spec))
		if same && isBound(p, live[i].Name, bindings) {
			return InForce
		}
		if !same && (live[i].Name == p.Name || strings.HasSuffix(live[i].Name, "-"+p.Name)) {
			state = Different
		}
	}
	return state
}

func isBound(p policy.Policy, name string, bindings []admissionv1.ValidatingAdmissionPolicyBinding) bool {
	want := p.Binding
	want.PolicyName = name
	for i := range bindings {
		if equality.Semantic.DeepEqual(want, bindings[i].Spec) {
			return true
		}
	}
	return false
}

// defaulted fills in what the API server does.
func defaulted(spec admissionv1.ValidatingAdmissionPolicySpec) admissionv1.ValidatingAdmissionPolicySpec {
	spec = *spec.DeepCopy()
	spec.FailurePolicy = ptr.To(ptr.Deref(spec.FailurePolicy, admissionv1.Fail))
	match := spec.MatchConstraints
	if match == nil {
		return spec
	}
	match.MatchPolicy = ptr.To(ptr.Deref(match.MatchPolicy, admissionv1.Equivalent))
	match.NamespaceSelector = ptr.To(ptr.Deref(match.NamespaceSelector, metav1.LabelSelector{}))
	match.ObjectSelector = ptr.To(ptr.Deref(match.ObjectSelector, metav1.LabelSelector{}))
	for _, rules := range [][]admissionv1.NamedRuleWithOperations{match.ResourceRules, match.ExcludeResourceRules} {
		for i := range rules {
			rules[i].Scope = ptr.To(ptr.Deref(rules[i].Scope, admissionv1.AllScopes))
		}
	}
	return spec
}
