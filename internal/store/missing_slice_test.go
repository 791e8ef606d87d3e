// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
)

// lostSlice is a group of 2,000 members, one slice of which does not exist, with a server
// that has never seen it.
func lostSlice(t *testing.T) (w *world, r *replica, id string, lost *api.ScimGroupSlice) {
	t.Helper()
	w = newWorld(t)
	writer := w.replica()
	id = writer.group(groupBody("Staff", numbered(0, 2000)...)).ID
	writer.stop()
	var all api.ScimGroupSliceList
	if err := w.raw.list(t.Context(), slicesResource, metav1.ListOptions{}, &all); err != nil {
		t.Fatal(err)
	}
	for i := range all.Items {
		if all.Items[i].Spec.Members[0].Value == numbered(0, 1)[0] {
			lost = &all.Items[i]
		}
	}
	if err := w.raw.remove(t.Context(), slicesResource, lost.Name, metav1.Preconditions{}, &api.ScimGroupSlice{}); err != nil {
		t.Fatal(err)
	}
	return w, w.replica(), id, lost
}

// restore makes the slice again, as a person does from a backup.
func (w *world) restore(lost *api.ScimGroupSlice) {
	w.t.Helper()
	again := &api.ScimGroupSlice{
		ObjectMeta: metav1.ObjectMeta{Name: lost.Name, Namespace: lost.Namespace, Labels: lost.Labels}, Spec: lost.Spec,
	}
	if err := w.raw.create(w.t.Context(), slicesResource, again, &api.ScimGroupSlice{}); err != nil {
		w.t.Fatal(err)
	}
}

// Whatever changes in a group beside a slice that does not exist, its members are back
// once the slice is.
func TestAMissingSliceCanBeRestored(t *testing.T) {
	for _, row := range []struct {
		name, change string
		shown, whole int // members without the slice, and with it
	}{
		{"nothing is changed", "", 1000, 2000},
		{"a member is removed", operation("remove", numbered(1500, 1501)...), 999, 1999},
		{"a member is added", operation("add", "new"), 1001, 2001},
		{"so many are removed that the group could hold the rest", operation("remove", numbered(1010, 2000)...), 10, 1010},
		{"all that are shown are removed", operation("remove", numbered(1000, 2000)...), 0, 1000},
		{"the group is renamed", `{"op":"replace","path":"displayName","value":"Everybody"}`, 1000, 2000},
		{"all members are replaced", operation("replace", "new"), 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, r, id, lost := lostSlice(t)
			eventually(t, "the group is shown without the slice", func() bool {
				return slices.Equal(r.find(r.groups.rt, ""), []string{id})
			})
			if row.change != "" {
				r.patch(r.groups.rt, id, row.change)
			}
			if got := r.readGroup(id).Members().Len(); got != row.shown {
				t.Errorf("%d members are shown without the slice, want %d", got, row.shown)
			}
			w.restore(lost)
			for name, server := range map[string]*replica{"the server that made the change": r, "another one": w.replica()} {
				eventually(t, name+" shows the members of the slice", func() bool {
					found, err := server.Get(t.Context(), server.groups.rt, id)
					return err == nil && found.Members().Len() == row.whole
				})
			}
			if got := len(r.find(r.groups.rt, `members eq "`+numbered(0, 1)[0]+`"`)); got != min(1, max(0, row.whole-row.shown)) {
				t.Errorf("a member of the slice is found in %d groups", got)
			}
		})
	}
}
