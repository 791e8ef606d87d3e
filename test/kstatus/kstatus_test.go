// SPDX-License-Identifier: Apache-2.0

package kstatus

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
)

// cond writes a condition as "Type=Status/Reason", seen at generation 2.
func cond(t *testing.T, text string) metav1.Condition {
	t.Helper()
	kind, rest, ok := strings.Cut(text, "=")
	status, reason, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		t.Fatalf("%q is not Type=Status/Reason", text)
	}
	return metav1.Condition{
		Type: kind, Status: metav1.ConditionStatus(status), Reason: reason, Message: "A message.",
		ObservedGeneration: 2, LastTransitionTime: metav1.Now(),
	}
}

func TestViolations(t *testing.T) {
	const good = ""
	for _, row := range []struct {
		name       string
		observed   *int64
		conditions []string
		change     func(*v1alpha1.ScimUser)
		want       string
	}{
		{name: "a new object", observed: ptr.To[int64](-1), want: good},
		{name: "ready", observed: ptr.To[int64](2), conditions: []string{"Ready=True/Succeeded"}, want: good},
		{name: "on its way", observed: ptr.To[int64](2),
			conditions: []string{"Ready=False/Progressing", "Reconciling=True/Progressing"}, want: good},
		{name: "stalled", observed: ptr.To[int64](2),
			conditions: []string{"Ready=False/InvalidSpec", "Stalled=True/InvalidSpec"}, want: good},
		{name: "the spec is newer than the status", observed: ptr.To[int64](2), conditions: []string{"Ready=True/Succeeded"},
			change: func(u *v1alpha1.ScimUser) { u.Generation = 3 }, want: good},
		{name: "being deleted", observed: ptr.To[int64](2),
			conditions: []string{"Ready=False/Terminating", "Reconciling=True/Terminating"},
			change:     func(u *v1alpha1.ScimUser) { u.DeletionTimestamp = ptr.To(metav1.Now()) }, want: good},

		{name: "no Ready condition", observed: ptr.To[int64](2), want: "there is no Ready condition"},
		{name: "conditions without an observed generation", observed: ptr.To[int64](-1),
			conditions: []string{"Ready=False/Progressing", "Reconciling=True/Progressing"}, want: "without an observedGeneration"},
		{name: "a generation that does not exist yet", observed: ptr.To[int64](2), conditions: []string{"Ready=True/Succeeded"},
			change: func(u *v1alpha1.ScimUser) { u.Generation = 1 }, want: "ahead of generation"},
		{name: "not ready and no word why", observed: ptr.To[int64](2), conditions: []string{"Ready=False/Progressing"},
			want: "neither Reconciling nor Stalled"},
		{name: "reconciling and stalled", observed: ptr.To[int64](2),
			conditions: []string{"Ready=False/Progressing", "Reconciling=True/Progressing", "Stalled=True/InvalidSpec"},
			want:       "it is Reconciling and Stalled"},
		{name: "ready and stalled", observed: ptr.To[int64](2),
			conditions: []string{"Ready=True/Succeeded", "Stalled=True/InvalidSpec"}, want: "it is Ready, and"},
		{name: "stalled is present and False", observed: ptr.To[int64](2),
			conditions: []string{"Ready=True/Succeeded", "Stalled=False/Succeeded"}, want: "Stalled is present with status False"},
		{name: "a reason that is no constant", observed: ptr.To[int64](2), conditions: []string{"Ready=True/BecauseISaySo"},
			want: "no constant of the API"},
		{name: "no message", observed: ptr.To[int64](2), conditions: []string{"Ready=True/Succeeded"},
			change: func(u *v1alpha1.ScimUser) { u.Status.Conditions[0].Message = "" }, want: "has no message"},
		{name: "a condition without a generation", observed: ptr.To[int64](2), conditions: []string{"Ready=True/Succeeded"},
			change: func(u *v1alpha1.ScimUser) { u.Status.Conditions[0].ObservedGeneration = 0 }, want: "has observedGeneration 0"},
		{name: "a token", observed: ptr.To[int64](2), conditions: []string{"Ready=True/Succeeded"},
			change: func(u *v1alpha1.ScimUser) { u.Status.Conditions[0].Message = "scimop_" + strings.Repeat("a", 49) }, want: "a token is in the object"},
	} {
		t.Run(row.name, func(t *testing.T) {
			user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "barbara", Generation: 2}}
			user.Status.ObservedGeneration = row.observed
			for _, text := range row.conditions {
				user.Status.Conditions = append(user.Status.Conditions, cond(t, text))
			}
			if row.change != nil {
				row.change(user)
			}
			found := strings.Join(Violations(user), "; ")
			switch {
			case row.want == good && found != "":
				t.Errorf("found %q in a status that is in order", found)
			case row.want != good && !strings.Contains(found, row.want):
				t.Errorf("found %q, want %q", found, row.want)
			}
		})
	}
}
