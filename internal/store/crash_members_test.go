// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// scattered are members of several slices.
func scattered(of []string) []string {
	var some []string
	for i := 0; i < len(of); i += 97 {
		some = append(some, of[i])
	}
	return some
}

func lessThese(all, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(gone, id) })
}

// A process dies before or after any write of a change of many members: the group has
// the members from before or those from after, and can be changed again.
func TestAChangeOfManyMembersIsWholeAfterACrash(t *testing.T) {
	before := numbered(0, 2500)
	gone, added := scattered(before), numbered(5000, 6300)
	for _, row := range []struct {
		name, operations string
		after            []string
	}{
		{"remove from every slice", operation("remove", gone...), lessThese(before, gone)},
		{"add several slices", operation("add", added...), append(slices.Clone(before), added...)},
		{"replace all", operation("replace", added...), added},
		{"remove all", `{"op":"remove","path":"members"}`, nil},
		{
			"rename, remove and add", `{"op":"replace","path":"displayName","value":"w"},` +
				operation("remove", gone...) + "," + operation("add", added...),
			append(lessThese(before, gone), added...),
		},
	} {
		for _, carriedOut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", row.name, carriedOut), func(t *testing.T) {
				t.Parallel()
				for n := range maxWrites {
					if !crashInMembers(t, n, carriedOut, before, row.operations, row.after) {
						return
					}
				}
				t.Fatalf("more than %d writes", maxWrites)
			})
		}
	}
}

// crashInMembers is false when the change was over before the crash could come.
func crashInMembers(t *testing.T, n int, carriedOut bool, before []string, operations string, after []string) bool {
	t.Helper()
	w, f := newWorld(t), &faults{}
	first := w.start(nil, f.wrap)
	g := first.group(groupBody("v", before...))
	f.crashAfter(n, carriedOut)
	_, _, err := first.tryPatch(first.groups.rt, g.ID, operations, Match{})
	crashed := f.crashed()
	first.stop()
	var refusal *scim.Error
	if err != nil && (!crashed || errors.As(err, &refusal)) {
		t.Errorf("crash at write %d: %v", n, err)
	}
	second := w.replica()
	got := memberValues(second.readGroup(g.ID))
	if !slices.Equal(got, after) && (err == nil || !slices.Equal(got, before)) {
		t.Errorf("crash at write %d (%v): %d members are there, which are neither the %d from before nor the %d from after",
			n, f.written(), len(got), len(before), len(after))
	}
	second.patch(second.groups.rt, g.ID, operation("add", "one-more"))
	if again := memberValues(second.readGroup(g.ID)); !slices.Equal(again, append(got, "one-more")) {
		t.Errorf("after another change there are %d members, want %d", len(again), len(got)+1)
	}
	w.requireUnique()
	second.delete(second.groups.rt, g.ID)
	w.requireEveryNameUsable(second)
	w.requireLeftOversAreNamed(g.ID)
	second.stop()
	return crashed
}

// requireLeftOversAreNamed checks that slices which a crash left can be collected: the
// manager finds them by the group that they name, when it is gone or names them not.
func (w *world) requireLeftOversAreNamed(group string) {
	w.t.Helper()
	var list api.ScimGroupSliceList
	if err := w.raw.list(w.t.Context(), slicesResource, metav1.ListOptions{}, &list); err != nil {
		w.t.Fatal(err)
	}
	for i := range list.Items {
		if list.Items[i].Spec.GroupRef.Name != group {
			w.t.Errorf("a slice that was left names the group %s", list.Items[i].Spec.GroupRef.Name)
		}
	}
}
