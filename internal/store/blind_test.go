// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	api "scim-operator.io/api/v1alpha1"
)

// blind is a client whose lists and watches come from before the kinds got their newest
// fields: nothing in them has such a field, though it is stored.
type blind struct{ client }

func (b *blind) wrap(c client) client {
	b.client = c
	return b
}

func unmark(o runtime.Object) {
	if m, err := meta.Accessor(o); err == nil {
		m.SetManagedFields(nil)
	}
}

func (b *blind) list(ctx context.Context, r resource, o metav1.ListOptions, into runtime.Object) error {
	if err := b.client.list(ctx, r, o, into); err != nil {
		return err
	}
	return meta.EachListItem(into, func(o runtime.Object) error {
		unmark(o)
		return nil
	})
}

func (b *blind) watch(ctx context.Context, r resource, o metav1.ListOptions) (watch.Interface, error) {
	w, err := b.client.watch(ctx, r, o)
	if err != nil {
		return nil, err
	}
	return watch.Filter(w, func(e watch.Event) (watch.Event, bool) {
		unmark(e.Object)
		return e, true
	}), nil
}

// requireUnmarked waits until a server has the stored version, and has it without the mark.
func (r *replica) requireUnmarked(k *kind, id string) {
	r.t.Helper()
	eventually(r.t, "the server has the stored version", func() bool {
		stored := k.newObject()
		if err := r.client.get(r.t.Context(), k.resource, id, stored); err != nil {
			r.t.Fatal(err)
		}
		revision, err := revisionOf(stored)
		return err == nil && r.index.revision(k.shelf, id) == revision
	})
	if e, ok := r.index.view().shelf(r.Store, k).live.find(id); ok && e.partial() {
		r.t.Fatal("the server knows of the field: the test shows nothing")
	}
}

// A write of a server whose watches do not show a field yet keeps the field.
func TestAWriteKeepsFieldsThatItsWatchesDoNotShow(t *testing.T) {
	marked := func(mark string) func(map[string]any) {
		return func(spec map[string]any) {
			spec["mark"] = mark
			if name, ok := spec["name"].(map[string]any); ok {
				name["preferredName"] = "Quinnie"
			}
		}
	}
	t.Run("user", func(t *testing.T) {
		w := newWorld(t)
		r := w.start(nil, (&blind{}).wrap)
		rt := r.users.rt
		u := r.user(userBody("quinn", `"externalId":"q"`, `"title":"x"`, `"name":{"givenName":"Q","familyName":"F"}`,
			`"emails":[{"value":"q@acme.com","type":"work"}]`))
		for _, row := range []struct {
			name, want string
			write      func()
		}{
			{"a patch", `{"userName":"quinn","externalId":"q","active":false,"name":{"givenName":"R","preferredName":"Quinnie"},"emails":[{"value":"q@acme.com","type":"work"}]}`, func() {
				r.patch(rt, u.ID, `{"op":"remove","path":"title"},{"op":"replace","path":"active","value":false},
					{"op":"replace","path":"name.givenName","value":"R"},{"op":"remove","path":"name.familyName"}`)
			}},
			{"a new name", `{"userName":"rita","externalId":"q","active":false,"name":{"givenName":"R","preferredName":"Quinnie"},"emails":[{"value":"q@acme.com","type":"work"}]}`, func() {
				if err := r.rename(u.ID, "rita"); err != nil {
					t.Fatal(err)
				}
			}},
			{"a deletion", `{"userName":"rita","externalId":"q","active":false,"name":{"givenName":"R","preferredName":"Quinnie"},"emails":[{"value":"q@acme.com","type":"work"}]}`, func() {
				r.delete(rt, u.ID)
			}},
			{"a return", `{"userName":"rita","externalId":"q","name":{"givenName":"S","preferredName":"Quinnie"}}`, func() {
				if back := r.user(userBody("rita", `"externalId":"q"`, `"name":{"givenName":"S"}`)); back.ID != u.ID {
					t.Fatalf("who comes back is %s", back.ID)
				}
			}},
		} {
			w.change(usersResource, u.ID, marked(row.name))
			r.requireUnmarked(r.users, u.ID)
			row.write()
			spec := w.storedSpec(usersResource, u.ID)
			if spec["mark"] != row.name {
				t.Errorf("after %s the mark is %v", row.name, spec["mark"])
			}
			for _, name := range []string{"endpointRef", "deletedTime", "returnedTime", "mark"} {
				delete(spec, name)
			}
			requireJSON(t, "the user after "+row.name, spec, row.want)
		}
		w.requireUnique()
	})
	t.Run("group", func(t *testing.T) {
		w := newWorld(t)
		r := w.start(nil, (&blind{}).wrap)
		g := r.group(groupBody("G", "a", "b"))
		w.change(groupsResource, g.ID, func(spec map[string]any) {
			marked("m")(spec)
			spec["members"].([]any)[1].(map[string]any)["since"] = "2020"
		})
		r.requireUnmarked(r.groups, g.ID)
		r.patch(r.groups.rt, g.ID, `{"op":"replace","path":"displayName","value":"H"}`)
		spec := w.storedSpec(groupsResource, g.ID)
		delete(spec, "endpointRef")
		requireJSON(t, "the group", spec, `{"displayName":"H","memberCount":2,"members":[{"value":"a"},{"value":"b","since":"2020"}],"mark":"m"}`)
		w.change(groupsResource, g.ID, marked("n"))
		r.requireUnmarked(r.groups, g.ID)
		r.patch(r.groups.rt, g.ID, `{"op":"add","path":"members","value":[{"value":"c"}]}`)
		if spec := w.storedSpec(groupsResource, g.ID); spec["mark"] != "n" || spec["memberCount"] != int64(3) {
			t.Errorf("the group is %v", spec)
		}
	})
	t.Run("resource", func(t *testing.T) {
		w := newWorld(t)
		r := w.start(withDevices, (&blind{}).wrap)
		d := r.device(deviceBody("a", "t"))
		w.change(declaredResource, d.ID, marked("m"))
		r.requireUnmarked(r.devices(), d.ID)
		r.patch(r.devices().rt, d.ID, `{"op":"replace","path":"serialNumber","value":"b"}`)
		spec := w.storedSpec(declaredResource, d.ID)
		delete(spec, "endpointRef")
		requireJSON(t, "the device", spec, `{"resourceType":"Device","mark":"m","attributes":{"serialNumber":"b","assetTag":"t"}}`)
	})
}

// The same where the write changes the very lists and objects that have such fields.
func TestAWriteKeepsFieldsOfWhatItChangesThatItsWatchesDoNotShow(t *testing.T) {
	t.Run("user", func(t *testing.T) {
		w := newWorld(t)
		r := w.start(nil, (&blind{}).wrap)
		u := r.user(userBody("quinn", `"name":{"givenName":"Q"}`,
			`"emails":[{"value":"q@acme.com","type":"work"},{"value":"p@acme.com","type":"home"}]`))
		w.change(usersResource, u.ID, func(spec map[string]any) {
			spec["name"].(map[string]any)["preferredName"] = "Quinnie"
			for _, email := range spec["emails"].([]any) {
				email.(map[string]any)["verified"] = "yes"
			}
		})
		r.requireUnmarked(r.users, u.ID)
		r.patch(r.users.rt, u.ID, `{"op":"remove","path":"name.givenName"},{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@acme.com"}`)
		spec := w.storedSpec(usersResource, u.ID)
		delete(spec, "endpointRef")
		requireJSON(t, "the user", spec, `{"userName":"quinn","name":{"preferredName":"Quinnie"},"emails":[
			{"value":"new@acme.com","type":"work","verified":"yes"},{"value":"p@acme.com","type":"home","verified":"yes"}]}`)
	})
	for size, name := range map[int]string{2: "group", 1500: "group with slices"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.start(nil, (&blind{}).wrap)
			g := r.group(groupBody("G", numbered(0, size)...))
			w.markMembers(g.ID)
			r.requireUnmarked(r.groups, g.ID)
			eventually(t, "the server has the members", func() bool { return r.readGroup(g.ID).Members().Len() == size })
			r.patch(r.groups.rt, g.ID, `{"op":"remove","path":"members[value eq \"`+numbered(0, 1)[0]+`\"]"}`)
			r.patch(r.groups.rt, g.ID, operation("add", "new"))
			if kept := w.markedMembers(g.ID); kept != size-1 {
				t.Errorf("%d of %d members keep the field", kept, size-1)
			}
		})
	}
}

// markMembers gives every member of a group a field of a newer release.
func (w *world) markMembers(group string) {
	w.t.Helper()
	mark := func(spec map[string]any) {
		members, _ := spec["members"].([]any)
		for _, m := range members {
			m.(map[string]any)["since"] = "2020"
		}
	}
	w.change(groupsResource, group, mark)
	slices, _ := w.storedSpec(groupsResource, group)["slices"].([]any)
	for _, name := range slices { // none ever changes
		var d document
		if err := w.raw.get(w.t.Context(), slicesResource, name.(string), &d); err != nil {
			w.t.Fatal(err)
		}
		if err := w.raw.remove(w.t.Context(), slicesResource, name.(string), metav1.Preconditions{}, &api.ScimGroupSlice{}); err != nil {
			w.t.Fatal(err)
		}
		d.SetGroupVersionKind(api.SchemeGroupVersion.WithKind(kindNames[slicesResource]))
		d.SetResourceVersion("")
		mark(d.Object["spec"].(map[string]any))
		if err := w.raw.create(w.t.Context(), slicesResource, &d, &document{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// markedMembers returns how many members of a group have that field.
func (w *world) markedMembers(group string) (marked int) {
	w.t.Helper()
	spec := w.storedSpec(groupsResource, group)
	held := []map[string]any{spec}
	slices, _ := spec["slices"].([]any)
	for _, name := range slices {
		held = append(held, w.storedSpec(slicesResource, name.(string)))
	}
	for _, spec := range held {
		members, _ := spec["members"].([]any)
		for _, m := range members {
			if m.(map[string]any)["since"] == "2020" {
				marked++
			}
		}
	}
	return marked
}

// An object of the same name and revision may belong to another history.
func TestAWriteOfAnotherObjectIsAConflict(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("quinn"))
	other := *r.entryOf(u.ID)
	other.uid = "3f0e5b0a-0000-4000-8000-000000000000"
	if err := r.retire(t.Context(), &other); err != errAgain { //nolint:errorlint // it is never wrapped
		t.Errorf("the write ended with %v", err)
	}
	if stored := w.stored(u.ID); stored.Spec.DeletedTime != nil {
		t.Error("it was carried out")
	}
	var found api.ScimUser
	if err := w.raw.get(t.Context(), usersResource, u.ID, &found); err != nil || found.Spec.UserName != "quinn" {
		t.Errorf("%v, %v", found.Spec, err)
	}
}
