// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// take puts a custom resource into the index, as a watch does.
func (s *Store) take(t interface{ Fatal(...any) }, k *kind, o object) {
	v, err := s.read(o)
	if err != nil {
		t.Fatal(err)
	}
	s.index.put(k.shelf, v.entry)
}

func guides(revision, name string, members ...string) *api.ScimGroup {
	g := &api.ScimGroup{ObjectMeta: metav1.ObjectMeta{Name: "g", ResourceVersion: revision}}
	g.Spec.DisplayName = name
	for _, m := range members {
		g.Spec.Members = append(g.Spec.Members, api.GroupMember{Value: m})
	}
	return g
}

// Whatever is asked of a user, what was prepared when it changed and what its groups make
// of it by now say together what the user is.
func TestAnswersAreWhatTheUserIs(t *testing.T) {
	types := registryWithBadge(t)
	rt := types.User()
	var names []string
	for a := range rt.Attributes() {
		names = append(names, a.Path())
		for _, sub := range a.Sub {
			names = append(names, sub.Path())
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := offlineStore(t, types)
		user := s.users.rt
		drawn := drawObject(rt, user.Attributes(), 0.6).With(s.userAttributes.userName, "bjensen")
		s.take(rt, s.users, s.userObject(metav1.ObjectMeta{Name: "u", ResourceVersion: "1", Generation: 3}, drawn, nil))
		if rapid.Bool().Draw(rt, "member") {
			s.take(rt, s.groups, guides("2", "Guides", "u"))
		}
		view := s.index.view()
		e, _ := view.users.live.find("u")
		r := s.resource(view, s.users, e)
		if got := s.withGroups(view, e).Object(); !got.Equal(r.Object()) {
			rt.Fatal("filters see another user than answers show")
		}
		chosen := strings.Join(rapid.SliceOfN(rapid.SampledFrom(names), 0, 4).Draw(rt, "names"), ",")
		for _, parameters := range [][2]string{{}, {chosen, ""}, {"", chosen}} {
			p, err := user.ParseProjection(parameters[0], parameters[1])
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(string(user.Pack(r.Object()).AppendJSON(nil, p, nil)), string(r.AppendJSON(nil, p))); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}

func TestAnswersFollowTheGroups(t *testing.T) {
	s := offlineStore(t, scim.Core())
	u := &api.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "u", ResourceVersion: "1"}}
	u.Spec.UserName = "bjensen"
	s.take(t, s.users, u)
	before := ""
	shown := func() string {
		view := s.index.view()
		e, _ := view.users.live.find("u")
		r := s.resource(view, s.users, e)
		text := string(r.AppendJSON(nil, nil))
		if r.Version == before || !strings.Contains(text, fmt.Sprintf(`"version":%q`, r.Version)) {
			t.Errorf("the version is %s, was %s, and the user is %s", r.Version, before, text)
		}
		before = r.Version
		f, err := s.users.rt.ParseFilter(fmt.Sprintf("meta.version eq %q", r.Version))
		if err != nil {
			t.Fatal(err)
		}
		if l := s.newListing(t.Context(), s.users, &Query{Type: s.users.rt, Filter: f}); !l.matches(e) {
			t.Errorf("a filter does not find the version %s", r.Version)
		}
		return text
	}
	for _, row := range []struct {
		group *api.ScimGroup
		want  string
	}{
		{guides("2", "Guides"), ""},
		{guides("3", "Guides", "u"), `"display":"Guides"`},
		{guides("4", "Tour Guides", "u"), `"display":"Tour Guides"`},
		{guides("5", "Tour Guides"), ""},
	} {
		s.take(t, s.groups, row.group)
		got := shown()
		if row.want == "" && strings.Contains(got, `"groups"`) || !strings.Contains(got, row.want) {
			t.Errorf("with the group's version %s the user is %s, want %q", row.group.ResourceVersion, got, row.want)
		}
	}
}
