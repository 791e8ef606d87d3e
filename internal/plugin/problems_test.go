// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"scim-operator.io/api/v1alpha1"
)

// TestUnwantedConditionsAreProblems covers each condition that is present only while something is wrong.
func TestUnwantedConditionsAreProblems(t *testing.T) {
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded}
	if found := amiss(kindScimEndpoint, []metav1.Condition{ready}); len(found) > 0 {
		t.Errorf("without any, found is %v", found)
	}
	for conditionType, reason := range map[string]string{
		v1alpha1.ConditionLinkingBlocked:   v1alpha1.ReasonEmailDomainsMissing,
		v1alpha1.ConditionLinkConflict:     v1alpha1.ReasonProvisionedElsewhere,
		v1alpha1.ConditionPolicyMissing:    v1alpha1.ReasonPolicyNotInForce,
		v1alpha1.ConditionUnreadableValues: v1alpha1.ReasonTypeChanged,
	} {
		found := amiss(kindScimEndpoint, []metav1.Condition{ready, {Type: conditionType, Status: metav1.ConditionTrue, Reason: reason}})
		if len(found) != 1 || found[0].Subject != "ScimEndpoint/"+conditionType || found[0].Reason != reason {
			t.Errorf("of %s, found is %v", conditionType, found)
		}
	}
}

// TestEndingTokens: which token somebody has to see to.
func TestEndingTokens(t *testing.T) {
	const aDay = 24 * time.Hour
	type object = map[string]any
	vault := object{"name": "vault", "key": "token"}
	for _, row := range []struct {
		name  string
		left  time.Duration
		token object // changes of status.tokens
		spec  object
		want  string // what is to be done
	}{
		{"it lives for long", 31 * aDay, nil, nil, ""},
		{"it ends soon", 20 * aDay, nil, nil, "kubectl scim token rotate okta"},
		{"it is renewed before", 20 * aDay, nil, object{"token": object{"renewBefore": "240h"}}, ""},
		{"it is being renewed", 10*aDay - time.Minute, nil, object{"token": object{"renewBefore": "240h0m0s"}}, ""},
		{"it should have been renewed", 9 * aDay, nil, object{"token": object{"renewBefore": "240h"}}, "kubectl scim token rotate okta"},
		{"it has ended", -aDay, nil, nil, "kubectl scim token rotate okta"},
		{"somebody else makes it", 20 * aDay, object{"generation": nil}, object{"token": object{"renewBefore": "240h", "secretRef": vault}},
			"put another token into the Secret vault"},
		{"nobody uses it beside OAuth", 20 * aDay, nil, object{"oauth": object{"issuer": "https://login.example.com"}}, ""},
		{"it is used beside OAuth", 20 * aDay, object{"lastUsedTime": "2026-11-01T12:00:00Z"}, object{"oauth": object{"issuer": "https://login.example.com"}},
			"kubectl scim token rotate okta"},
	} {
		t.Run(row.name, func(t *testing.T) {
			token := object{"id": "a6c562311c4a", "generation": int64(1), "createdTime": "2026-06-01T12:00:00Z",
				"expiresTime": noon.Add(row.left).Format(time.RFC3339)}
			for field, value := range row.token {
				token[field] = value
			}
			served := &unstructured.Unstructured{Object: object{"spec": row.spec, "status": object{"tokens": []any{token}}}}
			do := ""
			for _, problem := range (&session{now: noon}).endingToken(&provider{name: "okta", served: served}) {
				do += problem.Do
			}
			if do != row.want {
				t.Errorf("to do is %q, want %q", do, row.want)
			}
		})
	}
}
