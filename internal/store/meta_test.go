// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"
	"time"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

func times(t *testing.T, r *Resource) (created, modified time.Time) {
	t.Helper()
	for name, into := range map[string]*time.Time{"meta.created": &created, "meta.lastModified": &modified} {
		text, _ := scimtest.Value(r.Object(), name).(string)
		var err error
		if *into, err = time.Parse(time.RFC3339Nano, text); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return created, modified
}

// meta.lastModified is meta.created until something changes, moves with every change and
// with nothing else, and is the same on every replica and after a restart.
func TestLastModified(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	member := r.user(userBody("member"))
	for _, row := range []struct {
		rt     *scim.ResourceType
		create func() *Resource
		change func(value string) string
	}{
		{r.users.rt, func() *Resource { return r.user(userBody("ada", `"externalId":"1"`)) },
			func(value string) string { return `{"op":"replace","path":"title","value":"` + value + `"}` }},
		{r.groups.rt, func() *Resource { return r.group(groupBody("Staff", member.ID)) },
			func(value string) string { return `{"op":"replace","path":"externalId","value":"` + value + `"}` }},
	} {
		t.Run(row.rt.Name, func(t *testing.T) {
			made := row.create()
			created, last := times(t, made)
			if !created.Equal(last) || scimtest.Value(made.Object(), "meta.created") != scimtest.Value(made.Object(), "meta.lastModified") {
				t.Errorf("nothing has changed, created is %v and lastModified %v", created, last)
			}
			for _, value := range []string{"A", "B", "C"} { // within a second
				_, modified := times(t, r.patch(row.rt, made.ID, row.change(value)))
				if !modified.After(last) {
					t.Errorf("a change moved lastModified from %v to %v", last, modified)
				}
				last = modified
			}
			if _, modified := times(t, r.patch(row.rt, made.ID, row.change("C"))); !modified.Equal(last) {
				t.Errorf("what changes nothing moved lastModified from %v to %v", last, modified)
			}
			restarted := w.replica()
			read, err := restarted.Get(t.Context(), rtOf(restarted, r, row.rt), made.ID)
			if err != nil {
				t.Fatal(err)
			}
			if c, modified := times(t, read); !modified.Equal(last) || !c.Equal(created) {
				t.Errorf("after a restart created is %v and lastModified %v; they were %v and %v", c, modified, created, last)
			}
		})
	}
}

// rtOf gives another replica's resource type.
func rtOf(of, like *replica, rt *scim.ResourceType) *scim.ResourceType {
	if rt == like.users.rt {
		return of.users.rt
	}
	return of.groups.rt
}

// A clock that goes backwards, or another replica's that is behind, does not keep
// lastModified from moving.
func TestLastModifiedMovesUnderAnyClock(t *testing.T) {
	future := time.Now().Add(time.Hour).UnixMicro()
	if later := (&Store{now: time.Now}).laterThan(future).UnixMicro(); later != future+1 {
		t.Errorf("after %d comes %d", future, later)
	}
}
