// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/identity"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

// provisioned makes a user of the endpoint as it is stored, whatever requests may say.
func (w *world) provisioned(r *replica, name string, spec api.ScimUserSpec) {
	w.t.Helper()
	spec.EndpointRef.Name = "okta"
	u := &api.ScimUser{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: w.namespace, Labels: map[string]string{api.EndpointLabel: "okta"},
	}, Spec: spec}
	if err := w.raw.create(w.t.Context(), usersResource, u, &api.ScimUser{}); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "the user is known", func() bool {
		_, live := r.index.view().users.live.find(name)
		_, retired := r.index.view().users.retired.find(name)
		return live || retired
	})
}

func TestADisabledUserStaysDisabled(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("leaver", `"active":false`))
	for _, operation := range []string{
		`{"op":"replace","path":"active","value":null}`,
		`{"op":"replace","path":"active","value":""}`,
		`{"op":"replace","path":"active","value":[]}`,
		`{"op":"remove","path":"active"}`,
		`{"op":"remove","path":"active","value":"False"}`,
		`{"op":"replace","value":{"active":null}}`,
		`{"op":"replace","path":"` + scim.UserSchema + `:active","value":null}`,
		`{"op":"replace","path":"active","value":null},{"op":"replace","path":"title","value":"x"}`,
	} {
		answer := r.patch(r.users.rt, u.ID, operation)
		if active := scimtest.Value(answer.Object(), "active"); active != false {
			t.Errorf("%s: active is %v", operation, active)
		}
		stored := w.stored(u.ID)
		if active, _, _ := identity.Active(stored); active {
			t.Errorf("%s: the user is enabled", operation)
		}
		if found := r.find(r.users.rt, `active eq false`); !slices.Equal(found, []string{u.ID}) {
			t.Errorf("%s: %v are found", operation, found)
		}
	}
}

// TestEveryUserIsActiveOrNot: a record that says nothing of `active` is shown as the
// manager decides, and one of the two filters finds it.
func TestEveryUserIsActiveOrNot(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	for name, active := range map[string]*bool{"silent": nil, "yes": ptr.To(true), "no": ptr.To(false)} {
		w.provisioned(r, name, api.ScimUserSpec{UserName: name, Active: active})
		u, err := r.Get(t.Context(), r.users.rt, name)
		if err != nil {
			t.Fatal(err)
		}
		decided, _, _ := identity.Active(w.stored(name))
		if shown := scimtest.Value(u.Object(), "active"); shown != decided {
			t.Errorf("%s is shown as active: %v, and decided to be: %v", name, shown, decided)
		}
		if document := string(u.AppendJSON(nil, nil)); !strings.Contains(document, fmt.Sprintf(`"active":%v`, decided)) {
			t.Errorf("%s is shown as %s", name, document)
		}
		filter := fmt.Sprintf(`userName eq %q and active eq %v`, name, decided)
		if found := r.find(r.users.rt, filter); !slices.Equal(found, []string{name}) {
			t.Errorf("%s finds %v", filter, found)
		}
	}
	if found := r.find(r.users.rt, `active eq null or not (active pr)`); len(found) != 0 {
		t.Errorf("%v have no active", found)
	}
	var sorted []string
	for _, found := range r.list(Query{Type: r.users.rt, Sort: sortBy(t, r, "active", ""), Count: 10}).Resources {
		sorted = append(sorted, found.ID)
	}
	if len(sorted) != 3 || sorted[0] != "no" {
		t.Errorf("sorted by active, they are %v", sorted)
	}
	r.patch(r.users.rt, "silent", `{"op":"replace","path":"title","value":"x"}`)
	if stored := w.stored("silent").Spec.Active; stored != nil {
		t.Errorf("a change of the title has written active: %v", *stored)
	}
	if active, _, _ := identity.Active(w.stored("silent")); !active {
		t.Error("a change of the title has disabled the user")
	}
}

// TestABlankExternalIDIsNobodys: whoever was deleted or deactivated with a blank
// externalId, and whoever comes with one, are different people.
func TestABlankExternalIDIsNobodys(t *testing.T) {
	for i, blank := range []string{" ", "\t", "\u00a0", "\u200b"} {
		w := newWorld(t)
		r := w.replica()
		body := func(name string) string { return userBody(name, fmt.Sprintf(`"externalId":%q`, blank)) }
		leaver := r.user(body("leaver"))
		g := r.group(groupBody("Staff", leaver.ID))
		r.delete(r.users.rt, leaver.ID)
		newcomer := r.user(body("newcomer"))
		if newcomer.ID == leaver.ID {
			t.Errorf("%q: the newcomer has the leaver's id", blank)
		}
		// So it is with what is stored already.
		w.provisioned(r, "old", api.ScimUserSpec{UserName: "old", ExternalID: blank, DeletedTime: ptr.To(metav1.NowMicro())})
		w.provisioned(r, "idle", api.ScimUserSpec{UserName: "idle", ExternalID: blank, Active: ptr.To(false)})
		second := r.user(body("second"))
		if second.ID == "old" || second.ID == leaver.ID {
			t.Errorf("%q: the newcomer has the id of %s", blank, second.ID)
		}
		_, err := r.tryUser(body("idle"))
		requireTaken(t, err)
		if found := r.find(r.users.rt, fmt.Sprintf(`externalId eq %q`, blank)); len(found) != 0 {
			t.Errorf("%q: %v are found", blank, found)
		}
		if found := r.find(r.users.rt, `externalId pr`); len(found) != 0 {
			t.Errorf("%q: %v have an externalId", blank, found)
		}
		if i == 0 {
			if members := memberValues(r.readGroup(g.ID)); !slices.Equal(members, []string{leaver.ID}) {
				t.Errorf("the members are %v", members)
			}
		}
	}
}

func TestABlankUniqueValueIsNobodys(t *testing.T) {
	w := newWorld(t)
	r := w.start(withDevices, nil)
	for range 2 {
		d := r.device(`{"serialNumber":"` + fmt.Sprint(len(w.names())) + `","assetTag":"\u00a0"}`)
		if tag := scimtest.Value(d.Object(), "assetTag"); tag != nil {
			t.Errorf("the tag is %q", tag)
		}
	}
	for name := range w.claims() {
		if strings.HasPrefix(name, "tag ") {
			t.Errorf("there is a claim on %q", name)
		}
	}
}

// TestAMemberIsWhatItIs: whatever type an identity provider gives a member, the true one is
// shown and found once it is known.
func TestAMemberIsWhatItIs(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u, inner := r.user(userBody("ann")), r.group(groupBody("Inner"))
	g := r.group(`{"displayName":"Outer","members":[{"value":"` + u.ID + `","type":"Group"},{"value":"` + inner.ID + `","type":"User"},{"value":"later","type":"Group"}]}`)
	want := []scim.Member{
		{Value: u.ID, Type: "User", Display: "ann", Ref: r.location(r.users, u.ID)},
		{Value: inner.ID, Type: "Group", Display: "Inner", Ref: r.location(r.groups, inner.ID)},
		{Value: "later", Type: "Group"},
	}
	if got := slices.Collect(r.readGroup(g.ID).Members().All()); !slices.Equal(got, want) {
		t.Errorf("members are %v", got)
	}
	for _, filter := range []string{
		fmt.Sprintf(`members[value eq %q and type eq "User"]`, u.ID),
		fmt.Sprintf(`members[value eq %q and type eq "Group"]`, inner.ID),
		`members[type eq "User" and $ref pr]`,
		`members[value eq "later" and type eq "Group"]`,
	} {
		if found := r.find(r.groups.rt, filter); !slices.Equal(found, []string{g.ID}) {
			t.Errorf("%s finds %v", filter, found)
		}
	}
	if found := r.find(r.groups.rt, fmt.Sprintf(`members[value eq %q and type eq "Group"]`, u.ID)); len(found) != 0 {
		t.Errorf("the user is found as a group: %v", found)
	}
}

// TestTheManagersReferenceIsTheServers: whatever $ref a client sends, the one shown is the
// URI of the manager, and there is none while nobody has the id.
func TestTheManagersReferenceIsTheServers(t *testing.T) {
	const enterprise = `"` + scim.EnterpriseUserSchema + `":`
	w := newWorld(t)
	r := w.replica()
	boss := r.user(userBody("boss"))
	u := r.user(userBody("ann", enterprise+`{"department":"IT","manager":{"value":"`+boss.ID+`","$ref":"https://evil.example.com/x"}}`))
	manager := func(id string) string {
		t.Helper()
		read, err := r.Get(t.Context(), r.users.rt, id)
		if err != nil {
			t.Fatal(err)
		}
		document := string(read.AppendJSON(nil, nil))
		if string(r.users.rt.Pack(read.Object()).AppendJSON(nil, nil, nil)) != document {
			t.Errorf("the object is %s, the document %s", r.users.rt.Pack(read.Object()).AppendJSON(nil, nil, nil), document)
		}
		return string(scim.AppendValue(nil, scimtest.Value(read.Object(), scim.EnterpriseUserSchema+":manager")))
	}
	there := fmt.Sprintf(`{"value":%q,"$ref":%q}`, boss.ID, r.location(r.users, boss.ID))
	if got := manager(u.ID); got != there {
		t.Errorf("the manager is %s", got)
	}
	filter := scim.EnterpriseUserSchema + ":manager.$ref pr"
	if found := r.find(r.users.rt, filter); !slices.Equal(found, []string{u.ID}) {
		t.Errorf("%v have a manager who exists", found)
	}
	if stored := w.stored(u.ID).Spec.Enterprise.Manager; stored.Ref != "" {
		t.Errorf("%s is stored", stored.Ref)
	}
	g := r.group(groupBody("Staff", u.ID))
	r.delete(r.users.rt, boss.ID)
	if got := manager(u.ID); got != fmt.Sprintf(`{"value":%q}`, boss.ID) {
		t.Errorf("of a manager who has left there is %s", got)
	}
	if found := r.find(r.users.rt, filter); len(found) != 0 {
		t.Errorf("%v have a manager who exists", found)
	}
	r.patch(r.users.rt, u.ID, `{"op":"replace","path":"`+scim.EnterpriseUserSchema+`:manager","value":{"value":"nobody","$ref":"x"}}`)
	if got := manager(u.ID); got != `{"value":"nobody"}` {
		t.Errorf("of nobody there is %s", got)
	}
	if read, _ := r.Get(t.Context(), r.users.rt, u.ID); scimtest.Value(read.Object(), "groups.value") == nil {
		t.Errorf("the user is in no group, and not in %s", g.ID)
	}
	w.provisioned(r, "old", api.ScimUserSpec{UserName: "old", Enterprise: &api.EnterpriseUser{Manager: &api.Manager{Value: u.ID, Ref: "https://evil.example.com/x"}}})
	if got, want := manager("old"), fmt.Sprintf(`{"value":%q,"$ref":%q}`, u.ID, r.location(r.users, u.ID)); got != want {
		t.Errorf("of what was stored there is %s", got)
	}
}
